// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// The other side of a vhost-user connection, in a process of its own: takes every frame from the
// ring, looks at all of it, and keeps an account of what each recipient got. Commands on the
// standard input, one a line; each answer ends with the line "end". It ends with its input.
//
//   consumer vhost|virtio SOCKET DEVICE_ARGUMENTS QUEUES
#include <poll.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/software_nic/descriptors_seen.h"
#include "tests/software_nic/frame_check.h"

namespace groupcast {
namespace {

constexpr uint16_t kRxBurst = 32;
constexpr uint16_t kRing = 1024;
constexpr unsigned kMbufs = 8191;

class Consumer {
 public:
  // True if the port has started.
  bool Start(const std::string& side, const std::string& socket_path, uint16_t queues);
  // Until the standard input ends.
  void Run();

 private:
  bool ReadCommands(int timeout_ms);
  void Obey(const std::string& command);
  bool Receive();
  void Take(rte_mbuf* mbuf);
  void PrintAccount() const;

  uint16_t port_ = 0;
  uint16_t queues_ = 1;
  std::vector<DescriptorsSeen> rings_;  // only vhost's side sees them
  bool paused_ = false;
  bool recording_ = false;
  unsigned pause_us_ = 0;  // after each burst
  std::string input_;
  std::vector<std::string> recorded_;
  Account account_;
};

bool Consumer::Start(const std::string& side, const std::string& socket_path, uint16_t queues) {
  queues_ = queues;
  if (side == "vhost") {
    for (uint16_t queue = 0; queue < queues; queue++) rings_.emplace_back(socket_path, queue);
  }
  rte_mempool* pool =
      rte_pktmbuf_pool_create("rx", kMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  const rte_eth_conf conf{};
  if (pool == nullptr || rte_eth_dev_configure(port_, queues, queues, &conf) != 0) return false;
  for (uint16_t queue = 0; queue < queues; queue++) {
    if (rte_eth_rx_queue_setup(port_, queue, kRing, SOCKET_ID_ANY, nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(port_, queue, kRing, SOCKET_ID_ANY, nullptr) != 0) {
      return false;
    }
  }
  return rte_eth_dev_start(port_) == 0;
}

void Consumer::Run() {
  unsigned idle = 0;
  while (ReadCommands(paused_ || idle > 100 ? 1 : 0)) {
    if (paused_) continue;
    idle = Receive() ? 0 : idle + 1;
    if (idle == 0 && pause_us_ > 0) usleep(pause_us_);
  }
}

bool Consumer::ReadCommands(int timeout_ms) {
  pollfd wanted = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (poll(&wanted, 1, timeout_ms) <= 0) return true;
  char bytes[256];
  const ssize_t length = read(STDIN_FILENO, bytes, sizeof(bytes));
  if (length <= 0) return false;
  input_.append(bytes, static_cast<size_t>(length));
  for (size_t line; (line = input_.find('\n')) != std::string::npos;) {
    Obey(input_.substr(0, line));
    input_.erase(0, line + 1);
    std::puts("end");
    std::fflush(stdout);
  }
  return true;
}

void Consumer::Obey(const std::string& command) {
  if (command == "pause" || command == "resume") {
    paused_ = command == "pause";
  } else if (command.starts_with("pace ")) {
    pause_us_ = static_cast<unsigned>(std::atoi(command.c_str() + std::strlen("pace ")));
  } else if (command == "record") {
    recording_ = true;
  } else if (command == "reset") {
    account_ = {};
    recorded_.clear();
  } else if (command == "count") {
    std::printf("%llu\n", static_cast<unsigned long long>(account_.frames));
  } else if (command == "account") {
    PrintAccount();
  } else if (command == "frames") {
    for (const std::string& frame : recorded_) {
      for (const char byte : frame) std::printf("%02x", static_cast<unsigned char>(byte));
      std::puts("");
    }
  } else {
    std::printf("no such command: %s\n", command.c_str());
  }
}

bool Consumer::Receive() {
  bool any = false;
  rte_eth_link link{};
  // Without a peer there is no ring to look at.
  if (!rings_.empty() && (rte_eth_link_get_nowait(port_, &link) != 0 || link.link_status == 0)) {
    return false;
  }
  for (uint16_t queue = 0; queue < queues_; queue++) {
    for (uint16_t i = 0; i < kRxBurst; i++) {
      rte_mbuf* mbuf = nullptr;
      unsigned descriptors = 0;
      // One at a time, so that the ring is seen as it is before the driver gives it back.
      if (!rings_.empty() && (descriptors = rings_[queue].Next()) == 0) break;
      if (rte_eth_rx_burst(port_, queue, &mbuf, 1) == 0) break;
      if (descriptors > 0) account_.descriptors[descriptors]++;
      Take(mbuf);
      any = true;
    }
  }
  return any;
}

void Consumer::Take(rte_mbuf* mbuf) {
  std::string frame;
  for (const rte_mbuf* m = mbuf; m != nullptr; m = m->next) {
    frame.append(rte_pktmbuf_mtod(m, const char*), m->data_len);
  }
  rte_pktmbuf_free(mbuf);
  account_.Add(frame);
  if (recording_) recorded_.push_back(std::move(frame));
}

void Consumer::PrintAccount() const {
  std::printf("frames %llu %llu %s\n", static_cast<unsigned long long>(account_.frames),
              static_cast<unsigned long long>(account_.bad), account_.first_bad.c_str());
  for (const auto& [count, frames] : account_.descriptors) {
    std::printf("descriptors %u %llu\n", count, static_cast<unsigned long long>(frames));
  }
  for (const auto& [vlan, frames] : account_.vlans) {
    std::printf("vlan %u %llu\n", vlan, static_cast<unsigned long long>(frames));
  }
  for (const auto& [to, received] : account_.recipients) {
    std::printf("recipient %s %u %llu %llu\n", to.first.c_str(), to.second,
                static_cast<unsigned long long>(received.datagrams),
                static_cast<unsigned long long>(received.hash));
  }
}

}  // namespace
}  // namespace groupcast

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: consumer vhost|virtio SOCKET DEVICE_ARGUMENTS QUEUES\n");
    return 2;
  }
  const std::string side = argv[1], socket_path = argv[2];
  const std::string device = (side == "vhost" ? "--vdev=net_vhost0,iface=" + socket_path
                                              : "--vdev=net_virtio_user0,path=" + socket_path) +
                             ",queues=" + argv[4] + argv[3];
  // Ordinary pages: EAL has them in one memfd, which the peers share.
  std::vector<std::string> arguments = {"consumer",
                                        "--no-huge",
                                        "-m",
                                        "128",
                                        "--no-pci",
                                        "--no-shconf",
                                        "--no-telemetry",
                                        "--file-prefix=consumer-" + std::to_string(getpid()),
                                        "--lcores=0@0",
                                        "--log-level=*:error",
                                        device};
  std::vector<char*> eal;
  for (std::string& argument : arguments) eal.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(eal.size()), eal.data()) < 0) return 1;
  groupcast::Consumer consumer;
  if (rte_eth_dev_count_avail() != 1 ||
      !consumer.Start(side, socket_path, static_cast<uint16_t>(std::atoi(argv[4])))) {
    std::fprintf(stderr, "consumer: %s did not start\n", device.c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  consumer.Run();
  rte_eal_cleanup();
  return 0;
}
