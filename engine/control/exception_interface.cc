// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/exception_interface.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <poll.h>
#include <rte_errno.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/control/clock.h"
#include "engine/control/eal.h"
#include "engine/control/interface_request.h"
#include "engine/control/log.h"
#include "engine/control/threads.h"

namespace groupcast {
namespace {

constexpr size_t kLeastFrame = 60;  // without its checksum; some devices do not pad
constexpr size_t kMostSegments = 16;
// Nobody tells when the lcore has a frame: how long it may wait for a look, from the first to when
// there has been none for long.
constexpr int64_t kFirstNapNs = 50'000;
constexpr int64_t kLongestNapNs = 500'000;
constexpr int kMostTries = 1000;
constexpr useconds_t kBetweenTriesUs = 100;
constexpr int64_t kAttendNs = 100'000'000;

std::string Advice(int error) {
  switch (error) {
    case EPERM:
      return "; it needs CAP_NET_ADMIN (root)";
    case EBUSY:
      return "; another process has it: an engine that still runs?";
    case EINVAL:
      return "; an interface of that name exists, which is no TAP: does the kernel still have the "
             "card (dpdk-devbind.py --status)? Else give another name";
    case ENOENT:
    case ENODEV:
      return "; the kernel has no /dev/net/tun (modprobe tun; in a container: --device "
             "/dev/net/tun)";
    default:
      return "";
  }
}

}  // namespace

ExceptionInterface::ExceptionInterface(std::string port, std::string interface, int tap, bool made)
    : port_(std::move(port)), interface_(std::move(interface)), tap_(tap), made_(made) {}

absl::Status ExceptionInterface::Failed(int error, const std::string& what) const {
  return absl::ErrnoToStatus(
      error, absl::StrCat("port '", port_, "': exception_interface '", interface_, "' ", what));
}

absl::StatusOr<std::unique_ptr<ExceptionInterface>> ExceptionInterface::Open(
    const std::string& port, const std::string& interface) {
  const bool made = if_nametoindex(interface.c_str()) == 0;
  const int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  std::unique_ptr<ExceptionInterface> self(new ExceptionInterface(port, interface, tap, made));
  const auto refused = [&self](int error, const std::string& what) {
    return self->Failed(error, what + Advice(error));
  };
  if (tap < 0) return refused(errno, "can't be made");
  ifreq request = RequestFor(interface);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(tap, TUNSETIFF, &request) != 0) {
    return refused(errno, made ? "can't be made" : "can't be taken");
  }
  // Whole packets with their checksums, whatever an earlier user of it could take.
  ioctl(tap, TUNSETOFFLOAD, 0);
  // Until the port has a link.
  self->SetCarrier(false);
  return self;
}

std::string ExceptionInterface::Name() const {
  ifreq request{};
  return ioctl(tap_, TUNGETIFF, &request) == 0 ? request.ifr_name : "";
}

absl::Status ExceptionInterface::Adopt(const rte_ether_addr& mac, uint32_t most_mtu) {
  const std::string name = Name();
  if (name.empty()) return Failed(ENODEV, "is gone");
  const bool first = rte_is_zero_ether_addr(&given_mac_) != 0;
  ifreq request;
  int error = AskInterface(name, SIOCGIFHWADDR, &request);
  const auto has = [&request](const rte_ether_addr& address) {
    return std::memcmp(request.ifr_hwaddr.sa_data, &address, sizeof(address)) == 0;
  };
  if (error == 0 && !has(mac) && (first || has(given_mac_))) {
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(request.ifr_hwaddr.sa_data, &mac, sizeof(mac));
    error = SetInterface(SIOCSIFHWADDR, &request);
  }
  if (error != 0) return Failed(error, "does not take the device's MAC");
  given_mac_ = mac;
  error = AskInterface(name, SIOCGIFMTU, &request);
  if (error == 0 && static_cast<uint32_t>(request.ifr_mtu) > most_mtu) {
    LogNotice(absl::StrCat("port '", port_, "': the device takes packets of ", most_mtu,
                           " bytes: the MTU of ", name, " becomes that"));
    request.ifr_mtu = static_cast<int>(most_mtu);
    error = SetInterface(SIOCSIFMTU, &request);
  }
  if (error != 0) return Failed(error, "does not take the device's MTU");
  if (!made_ || !first) return absl::OkStatus();
  error = AskInterface(name, SIOCGIFFLAGS, &request);
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (error == 0) error = SetInterface(SIOCSIFFLAGS, &request);
  return error == 0 ? absl::OkStatus() : Failed(error, "can't be set up");
}

void ExceptionInterface::SetCarrier(bool up) {
  int carrier = up ? 1 : 0;
  if (ioctl(tap_, TUNSETCARRIER, &carrier) == 0) return;
  LogWarning(absl::StrCat("port '", port_, "': ", interface_,
                          " can't show whether there is a link: ", std::strerror(errno)));
}

absl::Status ExceptionInterface::MakeRings(const std::string& name) {
  const std::pair<rte_ring**, const char*> rings[] = {{&rings_.to_kernel, "k"},
                                                      {&rings_.written, "w"},
                                                      {&rings_.empty, "e"},
                                                      {&rings_.to_wire, "x"}};
  for (const auto& [ring, suffix] : rings) {
    *ring = rte_ring_create(absl::StrCat(name, suffix).c_str(), ExceptionRings::kPlaces,
                            SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (*ring == nullptr) {
      return DpdkError(rte_errno, absl::StrCat("port '", port_, "': no memory for the rings of ",
                                               interface_, "; raise memory: size_mib"));
    }
  }
  return absl::OkStatus();
}

absl::Status ExceptionInterface::Start(Doorbell* doorbell, std::function<void()> attend) {
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_ < 0) return Failed(errno, "has no descriptor left for its thread");
  doorbell_ = doorbell;
  attend_ = std::move(attend);
  auto thread = StartThread(absl::StrCat("gc-", interface_).substr(0, 15), [this] { Run(); });
  if (!thread.ok()) return thread.status();
  thread_ = *std::move(thread);
  return absl::OkStatus();
}

ExceptionInterface::~ExceptionInterface() {
  Stop();
  for (rte_ring* ring : {rings_.to_kernel, rings_.written, rings_.empty, rings_.to_wire}) {
    rte_ring_free(ring);
  }
  if (wake_ >= 0) close(wake_);
  if (tap_ >= 0) close(tap_);
}

void ExceptionInterface::Stop() {
  if (!thread_.joinable()) return;
  end_.store(true, std::memory_order_release);
  eventfd_write(wake_, 1);
  thread_.join();
  // The lcore makes room, while it runs.
  for (int tries = 0; nb_empty_ + nb_written_ > 0 && tries < kMostTries; tries++) {
    GiveBack(&written_, &nb_written_);
    GiveBack(&empty_, &nb_empty_);
    if (nb_empty_ + nb_written_ > 0) usleep(kBetweenTriesUs);
  }
}

void ExceptionInterface::Run() {
  // Naps are short, and are to end when they are meant to.
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  int64_t nap_ns = kFirstNapNs;
  int64_t attend_at_ns = 0;
  while (!end_.load(std::memory_order_acquire)) {
    if (const int64_t now_ns = MonotonicNs(); attend_ && now_ns >= attend_at_ns) {
      attend_();
      attend_at_ns = now_ns + kAttendNs;
    }
    const bool wrote = WriteFrames();
    if (ReadFrames() || wrote) {
      nap_ns = kFirstNapNs;
      continue;
    }
    pollfd wanted[] = {{wake_, POLLIN, 0}, {tap_, POLLIN, 0}};
    const timespec most = {0, nap_ns};
    nap_ns = std::min(2 * nap_ns, kLongestNapNs);
    // Without room for the kernel's frames they would end each nap at once.
    ppoll(wanted, nb_empty_ > 0 ? 2 : 1, &most, nullptr);
    // An interface that was removed is always readable, and never read.
    if (nb_empty_ > 0 && (wanted[1].revents & (POLLERR | POLLNVAL)) != 0) {
      ppoll(wanted, 1, &most, nullptr);
    }
  }
}

bool ExceptionInterface::ReadFrames() {
  unsigned n = 0;
  if (nb_empty_ == 0) {
    nb_empty_ = rte_ring_sc_dequeue_burst(rings_.empty, reinterpret_cast<void**>(empty_.data()),
                                          kBurst, nullptr);
  }
  while (nb_empty_ > 0 && n < kBurst) {
    rte_mbuf* frame = empty_[nb_empty_ - 1];
    auto* bytes = rte_pktmbuf_mtod(frame, uint8_t*);
    const size_t room = rte_pktmbuf_tailroom(frame);
    const ssize_t len = read(tap_, bytes, room);
    if (len <= 0) break;
    auto frame_len = static_cast<size_t>(len);
    n++;
    // Longer than the port takes, and cut.
    if (frame_len == room) {
      counters_.Add(Counter::kExceptionDropped);
      continue;
    }
    if (frame_len < kLeastFrame) {
      std::memset(bytes + frame_len, 0, kLeastFrame - frame_len);
      frame_len = kLeastFrame;
    }
    frame->data_len = static_cast<uint16_t>(frame_len);
    frame->pkt_len = frame->data_len;
    rte_ring_sp_enqueue(rings_.to_wire, frame);
    nb_empty_--;
  }
  if (n > 0) doorbell_->Ring();
  return n > 0;
}

bool ExceptionInterface::WriteFrames() {
  if (nb_written_ == 0) {
    nb_written_ = rte_ring_sc_dequeue_burst(
        rings_.to_kernel, reinterpret_cast<void**>(written_.data()), kBurst, nullptr);
    for (unsigned i = 0; i < nb_written_; i++) Write(written_[i]);
  }
  return GiveBack(&written_, &nb_written_);
}

// The last of `nb` mbufs go back to the lcore, as far as there is room; whether any do.
bool ExceptionInterface::GiveBack(std::array<rte_mbuf*, kBurst>* mbufs, unsigned* nb) {
  unsigned n = 0;
  for (; *nb > 0 && rte_ring_sp_enqueue(rings_.written, (*mbufs)[*nb - 1]) == 0; n++) (*nb)--;
  return n > 0;
}

void ExceptionInterface::Write(const rte_mbuf* frame) {
  iovec segments[kMostSegments];
  size_t n = 0;
  const rte_mbuf* segment = frame;
  for (; segment != nullptr && n < kMostSegments; segment = segment->next) {
    segments[n++] = {rte_pktmbuf_mtod(segment, void*), segment->data_len};
  }
  // While the interface is down the kernel takes none.
  if (segment != nullptr || writev(tap_, segments, static_cast<int>(n)) < 0) {
    counters_.Add(Counter::kExceptionDropped);
  }
}

}  // namespace groupcast
