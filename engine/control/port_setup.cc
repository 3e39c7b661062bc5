// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/port_setup.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "engine/control/descriptors.h"
#include "engine/control/eal.h"
#include "engine/control/host_check.h"
#include "engine/control/interface_request.h"
#include "engine/control/kept_neighbours.h"
#include "engine/control/kernel_vlan.h"
#include "engine/control/log.h"
#include "engine/control/packet_sockets.h"
#include "engine/control/peer_deadline.h"
#include "engine/control/send_plan.h"
#include "engine/control/sigpipe.h"

namespace groupcast {
namespace {

constexpr char kAfPacket[] = "net_af_packet";
constexpr char kAfXdp[] = "net_af_xdp";
constexpr char kVirtioUser[] = "net_virtio_user";
constexpr auto kCardsLink = std::chrono::milliseconds(5000);
constexpr auto kPeersLink = std::chrono::milliseconds(0);
constexpr auto kFirstPeer = std::chrono::seconds(10);
// TPACKET2_HDRLEN and alignment before the frame in net_af_packet's ring.
constexpr uint32_t kRingFrameOverhead = 64 + kEthernetHeader + kVlanTag;
constexpr uint32_t kLeastRingFrame = 2048;
constexpr uint32_t kRingBlock = 1 << 16;
static_assert(kLargestMtu + kEthernetHeader + kVlanTag + RTE_PKTMBUF_HEADROOM <= UINT16_MAX);

uint32_t InterfaceMtu(const std::string& interface) {
  ifreq answer;
  return AskInterface(interface, SIOCGIFMTU, &answer) == 0 ? static_cast<uint32_t>(answer.ifr_mtu)
                                                           : 1500;
}

bool IsPromiscuous(const std::string& interface) {
  ifreq answer;
  return AskInterface(interface, SIOCGIFFLAGS, &answer) == 0 &&
         (answer.ifr_flags & IFF_PROMISC) != 0;
}

// A device argument's number as the driver reads it (atoi()); `absent` where it
// is not given.
uint32_t ArgumentOr(const PortConfig& config, const char* key, uint32_t absent) {
  const std::string text = config.DeviceArgument(key);
  return text.empty() ? absent : static_cast<uint32_t>(std::max(0, std::atoi(text.c_str())));
}

}  // namespace

absl::Status PortSetup::Failed(int error, const std::string& what) const {
  return DpdkError(error, absl::StrCat("port '", config_.name, "': device '", device_, "' ", what));
}

// What drivers would report as no more than a failure.
absl::Status PortSetup::CheckDevice() {
  if (profile_.driver == kAfXdp) {
    mtu_ = std::min(mtu_, XdpPort::kLargestMtu);
    auto xdp = XdpPort::Prepare(config_, interface_);
    if (!xdp.ok()) return xdp.status();
    xdp_ = *std::move(xdp);
    device_ += xdp_->arguments();
  }
  if (profile_.driver != kAfPacket) return absl::OkStatus();
  const int probe = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (probe < 0) {
    const int error = errno;
    return absl::ErrnoToStatus(
        error, absl::StrCat("port '", config_.name, "': net_af_packet can't open its socket",
                            error == EPERM ? "; it needs CAP_NET_RAW (root)" : ""));
  }
  // Only this capability may; the driver sets the interface's flags when it
  // starts.
  const int bytes = 1 << 16;
  const bool admin = setsockopt(probe, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) == 0;
  close(probe);
  if (!admin) {
    return absl::PermissionDeniedError(
        absl::StrCat("port '", config_.name, "': net_af_packet needs CAP_NET_ADMIN, too (root)"));
  }
  return absl::OkStatus();
}

absl::Status PortSetup::FindInterface() {
  if (config_.interface.empty()) {
    mtu_ = config_.fixed->mtu;
    vlan_ = config_.fixed->vlan.value_or(0);
    return absl::OkStatus();
  }
  interface_ = if_nametoindex(config_.interface.c_str());
  kernel_interface_ = if_nametoindex(config_.kernel_interface.c_str());
  if (interface_ == 0 || kernel_interface_ == 0) {
    return absl::NotFoundError(absl::StrCat(
        "port '", config_.name, "': the network interface '",
        interface_ == 0 ? config_.interface : config_.kernel_interface, "' has just disappeared"));
  }
  mtu_ = std::max(std::min(InterfaceMtu(config_.interface), kLargestMtu),
                  uint32_t{config_.max_mtu.value_or(0)});
  const absl::StatusOr<LinkMessage> link = AskLink(kernel_interface_);
  if (!link.ok()) return link.status();
  const std::string& argument = profile_.interface_argument;
  const bool by_device = !argument.empty() && !config_.DeviceArgument(argument).empty();
  const absl::StatusOr<uint16_t> vlan = VlanOf(config_, *link, interface_, by_device);
  if (!vlan.ok()) return vlan.status();
  vlan_ = *vlan;
  return absl::OkStatus();
}

// The profile's device arguments that the configuration does not give, with
// what depends on the MTU and the transmit ring filled in.
void PortSetup::AddArguments(uint16_t queues) {
  const uint32_t descriptors = config_.tx_descriptors.value_or(profile_.tx_descriptors);
  // A frame of the interface's MTU must fit: longer ones net_af_packet drops
  // without a word.
  ring_frame_ = std::max(std::bit_ceil(mtu_ + kRingFrameOverhead), kLeastRingFrame);
  for (const std::string& argument : profile_.arguments) {
    if (!config_.DeviceArgument(argument.substr(0, argument.find('='))).empty()) continue;
    absl::StrAppend(&device_, ",",
                    absl::StrReplaceAll(
                        argument, {{"${framesz}", absl::StrCat(ring_frame_)},
                                   {"${blocksz}", absl::StrCat(std::max(ring_frame_, kRingBlock))},
                                   {"${descriptors}", absl::StrCat(descriptors)},
                                   {"${queues}", absl::StrCat(queues)}}));
  }
  if (profile_.driver != kAfPacket) return;
  // What the configuration itself says of the ring counts.
  ring_frame_ = ArgumentOr(config_, "framesz", ring_frame_);
  ring_frames_ = ArgumentOr(config_, "framecnt", descriptors);
  mtu_ = std::min(mtu_, ring_frame_ > kRingFrameOverhead ? ring_frame_ - kRingFrameOverhead : 0);
}

absl::Status PortSetup::Probe(uint16_t queues) {
  AddArguments(queues);
  const bool af_packet = profile_.driver == kAfPacket;
  if (af_packet && config_.DeviceArgument("qpairs").empty()) {
    absl::StrAppend(&device_, ",qpairs=", std::min<uint16_t>(queues, KickSockets::kMost));
  }
  const std::set<int> before = OpenDescriptors();
  const std::string name = config_.DeviceName();
  if (rte_eth_dev_get_port_by_name(name.c_str(), &port_id_) == 0) {
    return absl::AlreadyExistsError(absl::StrCat("port '", config_.name, "': DPDK device '", name,
                                                 "' is in use in this process already"));
  }
  const std::string socket_path =
      profile_.driver == kVirtioUser && ArgumentOr(config_, "server", 0) == 1
          ? config_.DeviceArgument("path")
          : "";
  std::optional<PeerDeadline> deadline;
  if (!socket_path.empty()) deadline.emplace(socket_path, kFirstPeer);
  const std::lock_guard lock(HotplugMutex());
  const int rc = rte_dev_probe(device_.c_str());
  if (rc < 0 && deadline && deadline->Stop()) {
    unlink(socket_path.c_str());
    return absl::DeadlineExceededError(
        absl::StrCat("port '", config_.name, "': nobody connected to ", socket_path, " within ",
                     kFirstPeer.count(), " s; start the consumer (vhost-user, as client) as well"));
  }
  if (rc == -EFAULT) {  // rte_devargs_parse(): no bus has a driver for it
    return absl::NotFoundError(absl::StrCat(
        "port '", config_.name, "': device: no driver is called '", name,
        "'; a virtual device is its driver's name and a number, such as net_af_packet0"));
  }
  if (rc < 0) {
    // Since it was looked at.
    const std::string why = config_.IsPci() ? WhyNotDpdks(config_.PciAddress()) : "";
    return Failed(rc, absl::StrCat("did not start", why.empty() ? "" : ": ", why));
  }
  probed_ = true;
  CloseDpdkOnExec(before);
  if (rte_eth_dev_get_port_by_name(name.c_str(), &port_id_) != 0) {
    return Failed(ENODEV, "is no network device");
  }
  if (!af_packet) return absl::OkStatus();
  // Each frame in flight is charged with its socket buffer's own size, too, and
  // the driver's poll() must find the socket writeable while the ring is full:
  // it would block the lcore.
  const uint64_t ring_bytes = uint64_t{ring_frames_} * (ring_frame_ + 1024) * 2;
  auto kick = AdoptPacketSockets(before, interface_, ring_bytes);
  if (!kick.ok()) return kick.status();
  kick_ = *kick;
  return absl::OkStatus();
}

absl::Status PortSetup::Configure(uint16_t queues) {
  rte_eth_dev_info info;
  int rc = rte_eth_dev_info_get(port_id_, &info);
  if (rc < 0) return Failed(rc, "does not tell its capabilities");
  auto profile = LoadDriverProfile(info.driver_name);
  if (!profile.ok()) return profile.status();
  profile_ = *std::move(profile);

  plan_ = PlanPort(profile_, config_.tx_offloads, info);
  for (const std::string& note : plan_.notes) {
    LogNotice(absl::StrCat("port '", config_.name, "': ", note));
  }
  rte_eth_conf conf{};
  conf.txmode.offloads = plan_.tx_offloads;
  queues_ = std::min({queues, info.max_tx_queues, profile_.tx_queues});
  if (kick_.count > 0) queues_ = std::min<uint16_t>(queues_, kick_.count);
  // Where the kernel has no interface to tell of, the driver may know whether
  // there is a peer.
  const bool tells_link = (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
  if ((interface_ == 0 || exception_ != nullptr) && (config_.IsPci() || tells_link)) {
    const auto by = config_.IsPci() ? LinkWatch::By::kLooking : LinkWatch::By::kEvents;
    conf.intr_conf.lsc = by == LinkWatch::By::kEvents ? 1 : 0;
    WatchCard();
    link_watch_.emplace(
        config_.name, port_id_, by, [this](bool up) { NoteLink(up); },
        [this] { return AttendCard(); });
  }
  // What an mbuf can't hold, the driver would not receive into it: then nothing is.
  const bool fits = ring_frame_ + RTE_PKTMBUF_HEADROOM <= UINT16_MAX;
  rx_queues_ = profile_.rx_queues && fits ? std::min(queues_, info.max_rx_queues) : uint16_t{0};
  if (exception_ != nullptr) rx_queues_ = std::max(rx_queues_, uint16_t{1});
  if (config_.IsPci() || exception_ != nullptr) FitMtu(info, &conf);
  tx_descriptors_ = kick_.count > 0
                        ? static_cast<uint16_t>(std::min<uint32_t>(ring_frames_, UINT16_MAX))
                        : config_.tx_descriptors.value_or(profile_.tx_descriptors);
  // net_af_xdp makes both rings as long as the receive queue's is to be, and they
  // are the kernel's.
  if (xdp_) tx_descriptors_ = std::bit_ceil(tx_descriptors_);
  absl::Status status = SetUpQueues(info, conf);
  if (!status.ok()) return status;
  if (xdp_) {
    auto kick = xdp_->Adopt(mtu_);
    if (!kick.ok()) return kick.status();
    kick_ = *kick;
  }
  if (exception_ != nullptr) status = SetUpException();
  return status.ok() ? Begin() : status;
}

// rte_eth_dev_start() sets the flags of the interface anew, by net_af_packet its
// MAC, too.
absl::Status PortSetup::Begin() {
  KeptNeighbours kept;
  if (kick_.count > 0 && IsPromiscuous(config_.interface)) rte_eth_promiscuous_enable(port_id_);
  if (profile_.driver == kAfPacket) kept = KeptNeighbours::Read(interface_);
  const int rc = rte_eth_dev_start(port_id_);
  if (const size_t refused = kept.PutBack(); refused > 0) {
    LogWarning(absl::StrCat("port '", config_.name, "': ", refused, " permanent neighbours of ",
                            config_.interface, " were lost; set them again (ip neighbour)"));
  }
  if (rc < 0) return Failed(rc, "can't be started");
  started_ = true;
  // Whoever waits for what it never says waits for ever.
  if (FollowsReading() &&
      rte_eth_tx_descriptor_status(port_id_, 0, static_cast<uint16_t>(tx_descriptors_ - 1)) < 0) {
    TellNoReading("the driver does not tell of descriptors");
  }
  opened_at_ = std::chrono::steady_clock::now();
  // Starting resets a card, which then has to agree on a speed with its peer again.
  if (link_watch_) {
    link_watch_->Begin(config_.IsPci() ? kCardsLink : kPeersLink);
  } else if (exception_ != nullptr) {
    SetWireLink(true);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PortSetup>> PortSetup::Start(const PortConfig& config,
                                                            uint16_t queues) {
  const SigpipeBlocked blocked;
  std::unique_ptr<PortSetup> self(new PortSetup);
  self->config_ = config;
  self->device_ = config.device;
  auto profile = LoadDeviceProfile(config.DeviceName());
  if (!profile.ok()) return profile.status();
  self->profile_ = *std::move(profile);
  if (!config.exception_interface.empty()) {
    auto exception = ExceptionInterface::Open(config.name, config.exception_interface);
    if (!exception.ok()) return exception.status();
    self->exception_ = *std::move(exception);
  }
  absl::Status status = self->FindInterface();
  if (status.ok()) status = self->CheckDevice();
  if (status.ok()) status = self->Probe(queues);
  if (status.ok()) status = self->Configure(queues);
  if (!status.ok()) return status;
  self->state_.mtu.store(self->mtu_, std::memory_order_relaxed);
  return self;
}

PortSetup::~PortSetup() {
  const SigpipeBlocked blocked;
  EndWatch();
  exception_.reset();
  Stop();
  if (!probed_) return;
  if (xdp_) xdp_->Detach();
  Remove();
}

bool PortSetup::BoundToVfio() const {
  if (!config_.IsPci()) return false;
  std::error_code error;
  const auto driver = std::filesystem::read_symlink(
      absl::StrCat("/sys/bus/pci/devices/", config_.PciAddress(), "/driver"), error);
  return driver.filename() == "vfio-pci";
}

void PortSetup::Stop() {
  if (std::exchange(started_, false)) rte_eth_dev_stop(port_id_);
}

void PortSetup::EndWatch() {
  if (!link_watch_) return;
  link_watch_.reset();
  LeaveCard();
}

void PortSetup::Remove() {
  const std::lock_guard lock(HotplugMutex());
  rte_eth_dev_info info;
  if (rte_eth_dev_info_get(port_id_, &info) != 0) return;
  rte_device* device = info.device;
  rte_eth_dev_close(port_id_);
  xdp_.reset();
  const int rc = rte_dev_remove(device);
  if (rc < 0) LogWarning(std::string(Failed(rc, "can't be removed").message()));
}

TxPlan PortSetup::Plan(uint16_t queue) const {
  TxPlan plan;
  plan.port_id = port_id_;
  plan.queue = queue;
  plan.tx_descriptors = tx_descriptors_;
  plan.chains = plan_.chains;
  plan.copybreak = config_.copybreak.value_or(profile_.copybreak);
  plan.max_segments = plan_.max_segments;
  if ((plan_.mbuf_offloads & RTE_MBUF_F_TX_VLAN) != 0) plan.vlan = vlan_;
  plan.segment_bytes = profile_.segment_bytes;
  plan.offloads = plan_.mbuf_offloads & ~RTE_MBUF_F_TX_VLAN;
  return plan;
}

std::string PortSetup::Describe() const {
  return absl::StrCat("port '", config_.name, "': ", device_, " (profile ", profile_.driver, "), ",
                      config_.interface.empty() ? "static next hops"
                      : exception_ != nullptr   ? "exception interface " + config_.kernel_interface
                                                : "interface " + config_.kernel_interface,
                      vlan_ != 0 ? absl::StrCat(", VLAN ", vlan_) : "",
                      config_.max_mtu ? ", MTU up to " : ", MTU ", mtu_, ", ", queues_,
                      " TX queue(s) of ", tx_descriptors_, "; ",
                      DescribeSendPlan(Plan(0), profile_));
}

}  // namespace groupcast
