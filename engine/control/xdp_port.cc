// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/xdp_port.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/control/bpf_object.h"
#include "engine/control/descriptors.h"
#include "engine/control/eal.h"
#include "engine/datapath/header_line.h"

namespace groupcast {
namespace {

// Of each queue, whatever its own rings hold: the driver fills as many into the fill ring
// (rte_eth_af_xdp.c, 1356), and as many may be sent and not taken back (1120).
constexpr uint32_t kFillRing = 2048;
constexpr uint32_t kCompletionRing = 2048;
constexpr uint32_t kCache = 256;
constexpr uint32_t kPage = 4096;
constexpr uint32_t kLeastRoom = 2048;
constexpr uint32_t kFrameOverhead = kEthernetHeader + kVlanTag;
// What the kernel charges a frame in flight with beside its bytes.
constexpr uint64_t kSocketBuffer = 1024;

uint64_t SocketCookie(int descriptor) {
  int domain = 0;
  uint64_t cookie = 0;
  socklen_t len = sizeof(domain);
  if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain != AF_XDP) {
    return 0;
  }
  len = sizeof(cookie);
  return getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

absl::Status CheckSocket(const std::string& port) {
  const int probe = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (probe >= 0) {
    close(probe);
    return absl::OkStatus();
  }
  const int error = errno;
  return absl::ErrnoToStatus(
      error, absl::StrCat("port '", port, "': net_af_xdp can't open its socket",
                          error == EPERM          ? "; it needs CAP_NET_RAW (root)"
                          : error == EAFNOSUPPORT ? "; this kernel has no XDP sockets"
                                                  : ""));
}

// As rte_pktmbuf_pool_create() does it, but with the objects side by side, as the driver takes them
// to be (rte_eth_af_xdp.c, 1156-1161): where a device might read them by physical addresses, or
// without hugepages, DPDK would have each in one page, with gaps.
rte_mempool* CreatePool(const std::string& name, uint32_t mbufs, uint32_t room) {
  rte_pktmbuf_pool_private about{};
  about.mbuf_data_room_size = static_cast<uint16_t>(room);
  rte_mempool* pool =
      rte_mempool_create_empty(name.c_str(), mbufs, sizeof(rte_mbuf) + room, kCache, sizeof(about),
                               SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
  if (pool == nullptr) return nullptr;
  rte_pktmbuf_pool_init(pool, &about);
  if (const int rc = rte_mempool_populate_default(pool); rc < 0) {
    rte_mempool_free(pool);
    rte_errno = -rc;
    return nullptr;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

// Whether they are, in one piece of memory.
bool IsOnePiece(rte_mempool* pool) {
  struct Range {
    uintptr_t first, last;
  } range = {UINTPTR_MAX, 0};
  rte_mempool_obj_iter(
      pool,
      [](rte_mempool*, void* argument, void* object, unsigned) {
        auto* seen = static_cast<Range*>(argument);
        seen->first = std::min(seen->first, reinterpret_cast<uintptr_t>(object));
        seen->last = std::max(seen->last, reinterpret_cast<uintptr_t>(object));
      },
      &range);
  const size_t object = rte_mempool_calc_obj_size(pool->elt_size, pool->flags, nullptr);
  return range.last - range.first == object * (pool->populated_size - 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<XdpPort>> XdpPort::Prepare(const PortConfig& config,
                                                          uint32_t interface) {
  std::unique_ptr<XdpPort> self(new XdpPort);
  self->name_ = config.name;
  self->interface_ = config.interface;
  self->index_ = interface;
  self->own_program_ = config.DeviceArgument("xdp_prog").empty();
  if (absl::Status status = CheckSocket(config.name); !status.ok()) return status;
  const auto named = [&](const absl::Status& status) {
    return absl::Status(status.code(),
                        absl::StrCat("port '", config.name, "': ", status.message()));
  };
  if (absl::Status status = ClearXdp(config.interface, interface); !status.ok()) {
    return named(status);
  }
  if (!self->own_program_) return self;
  const auto path = FindBpfObject(kRedirectObject);
  if (!path.ok()) return named(path.status());
  if (path->find(',') != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "port '", config.name, "': ", *path, ": no device argument can have a comma; move it"));
  }
  if (absl::Status status = CheckXdpProgram(*path); !status.ok()) return named(status);
  self->arguments_ = absl::StrCat(",xdp_prog=", *path);
  return self;
}

absl::StatusOr<std::shared_ptr<ReceivePool>> XdpPort::CreateUmem(uint16_t port_id, uint16_t queue,
                                                                 uint32_t mtu, uint16_t ring) {
  // The driver loads its program with the first of them.
  if (!before_) before_ = OpenDescriptors();
  // Twice the ring: frames to be sent, and received ones that the engine has not given back.
  const uint32_t mbufs = kFillRing + kCompletionRing + 2 * ring + 2 * kCache;
  const uint32_t room =
      RTE_PKTMBUF_HEADROOM + std::max(kLeastRoom, mtu + kFrameOverhead + XDP_PACKET_HEADROOM);
  const std::string name = absl::StrCat("gc_umem_", port_id, "_", queue);
  rte_mempool* pool = CreatePool(name, mbufs, room);
  if (pool == nullptr) {
    return DpdkError(rte_errno,
                     absl::StrCat("port '", name_, "': no memory for the umem: ", mbufs,
                                  " mbufs with ", room, " bytes each; raise memory: size_mib"));
  }
  // The driver's fill ring never gives its mbufs back.
  auto umem = std::make_shared<ReceivePool>(pool, /*driver_keeps=*/true);
  if (rte_mempool_calc_obj_size(pool->elt_size, pool->flags, nullptr) > kPage) {
    return absl::InternalError(absl::StrCat("port '", name_, "': frames of MTU ", mtu,
                                            " do not fit in a page; lower the interface's MTU"));
  }
  if (!IsOnePiece(pool)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("port '", name_, "': the umem of ", mbufs, " mbufs with ", room,
                     " bytes each is not in one piece of memory; raise memory: size_mib"));
  }
  return umem;
}

absl::StatusOr<KickSockets> XdpPort::AdoptSockets(uint32_t mtu) {
  KickSockets kick;
  for (const int descriptor : OpenDescriptors()) {
    if (before_->contains(descriptor)) continue;
    const uint64_t cookie = SocketCookie(descriptor);
    if (cookie == 0) continue;
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    sockets_.push_back({descriptor, cookie});
    if (kick.count == KickSockets::kMost) continue;
    // As much as may be sent and not taken back: in a full send buffer the driver's transmit burst
    // would ask again and again, without end (rte_eth_af_xdp.c, 495-506).
    const auto bytes = static_cast<int>(kCompletionRing * (mtu + kFrameOverhead + kSocketBuffer));
    if (setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("port '", name_,
                                                     "': SO_SNDBUFFORCE on net_af_xdp's socket; "
                                                     "it needs CAP_NET_ADMIN (root)"));
    }
    kick.descriptors[kick.count++] = descriptor;
  }
  if (kick.count > 0) return kick;
  return absl::InternalError(
      absl::StrCat("port '", name_, "': net_af_xdp has no socket after it was set up"));
}

absl::StatusOr<KickSockets> XdpPort::Adopt(uint32_t mtu) {
  auto kick = AdoptSockets(mtu);
  if (!kick.ok() || !own_program_) return kick;
  auto program = XdpProgram::TakeOver(*before_, interface_, index_);
  if (!program.ok()) return program.status();
  program_ = *std::move(program);
  if (absl::Status status = program_->SetLongest(mtu); !status.ok()) return status;
  return kick;
}

XdpPort::~XdpPort() {
  program_.reset();
  // eth_dev_close() leaves them open (rte_eth_af_xdp.c, 995: its count never gets there), and with
  // them the queue bound and the umem in use.
  for (const Socket& socket : sockets_) {
    if (SocketCookie(socket.descriptor) == socket.cookie) close(socket.descriptor);
  }
}

}  // namespace groupcast
