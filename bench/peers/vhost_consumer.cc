// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// vhost_consumer: the software NIC's other end. Takes every frame of a vhost-user connection on a
// CPU of its own, copies it out of the sender's memory, and checks what it reads. It is the same
// for all senders: it also sums up the bytes of frames that have no checksum to compare with.
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/command_line.h"

namespace groupcast {
namespace {

constexpr int kBadFrames = 1;
constexpr int kCouldNotRun = 2;
constexpr uint16_t kBurst = 32;
constexpr uint16_t kDescriptors = 1024;  // not used by the driver
constexpr unsigned kMbufs = 8191;
constexpr size_t kHeaders = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr);
static_assert(kHeaders == 42, "as they stand on the wire");

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free, "set in a signal handler");

struct Options {
  std::string socket_path;
  unsigned cpu = 0;
  uint32_t frame_bytes = 0;
  uint32_t check_every = 16;
};

void DefineOptions(Options* options, CLI::App* app) {
  app->add_option("socket", options->socket_path, "UNIX socket to listen on")->required();
  app->add_option("--cpu", options->cpu, "CPU to poll on")->capture_default_str();
  app->add_option("--frame-bytes", options->frame_bytes,
                  "Length that every frame must have, Ethernet header included")
      ->check(CLI::Range(uint32_t{kHeaders}, uint32_t{65535}));
  app->add_option("--check-every", options->check_every,
                  "Sum up the bytes of every Nth frame. Length, headers and the IPv4 checksum are "
                  "checked of each")
      ->check(CLI::Range(1u, 1u << 30))
      ->capture_default_str();
  app->footer(
      "Prints \"ready\" when it listens, and at SIGTERM or SIGINT a JSON object: packets, bad, "
      "first_bad (why), summed, no_udp_checksum (of the summed), seconds (between the first and "
      "the "
      "last frame), packets_per_second. Exit status: 0 if nothing was bad, 1 if something was, 2 "
      "if "
      "it could not run.");
}

class Consumer {
 public:
  explicit Consumer(const Options& options) : options_(options) {}

  // True if the port has started.
  bool Start();
  // Until a signal.
  void Run();
  nlohmann::json Account() const;
  bool AllGood() const { return bad_ == 0; }

 private:
  // What is wrong with a frame; null if nothing is.
  const char* Check(const rte_mbuf* frame);
  const char* CheckSum(const rte_mbuf* frame, const rte_ipv4_hdr& ip, const rte_udp_hdr& udp);

  const Options& options_;
  uint64_t packets_ = 0, bad_ = 0, summed_ = 0, no_udp_checksum_ = 0;
  const char* first_bad_ = "";
  uint64_t first_at_ = 0, last_at_ = 0;  // TSC
};

bool Consumer::Start() {
  rte_mempool* pool =
      rte_pktmbuf_pool_create("rx", kMbufs, kBurst, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  const rte_eth_conf conf{};
  return pool != nullptr && rte_eth_dev_configure(0, 1, 1, &conf) == 0 &&
         rte_eth_rx_queue_setup(0, 0, kDescriptors, SOCKET_ID_ANY, nullptr, pool) == 0 &&
         rte_eth_tx_queue_setup(0, 0, kDescriptors, SOCKET_ID_ANY, nullptr) == 0 &&
         rte_eth_dev_start(0) == 0;
}

void Consumer::Run() {
  rte_mbuf* frames[kBurst];
  while (!stop_requested) {
    const uint16_t received = rte_eth_rx_burst(0, 0, frames, kBurst);
    if (received == 0) continue;
    last_at_ = rte_rdtsc();
    if (packets_ == 0) first_at_ = last_at_;
    for (uint16_t i = 0; i < received; i++) {
      packets_++;
      const char* wrong = Check(frames[i]);
      if (wrong != nullptr && bad_++ == 0) first_bad_ = wrong;
    }
    rte_pktmbuf_free_bulk(frames, received);
  }
}

const char* Consumer::Check(const rte_mbuf* frame) {
  if (frame->data_len < kHeaders) return "shorter than its headers";
  if (options_.frame_bytes != 0 && frame->pkt_len != options_.frame_bytes) return "another length";
  const auto* ether = rte_pktmbuf_mtod(frame, const rte_ether_hdr*);
  const auto* ip = reinterpret_cast<const rte_ipv4_hdr*>(ether + 1);
  const auto* udp = reinterpret_cast<const rte_udp_hdr*>(ip + 1);
  if (ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4)) return "not IPv4";
  if (ip->version_ihl != RTE_IPV4_VHL_DEF) return "not IPv4 without options";
  if (rte_be_to_cpu_16(ip->total_length) != frame->pkt_len - sizeof(*ether)) {
    return "IPv4 length is not the frame's";
  }
  // Over a right one the sum is all ones.
  if (rte_raw_cksum(ip, sizeof(*ip)) != 0xffff) return "wrong IPv4 checksum";
  if (ip->next_proto_id != IPPROTO_UDP) return "not UDP";
  if (rte_be_to_cpu_16(udp->dgram_len) != frame->pkt_len - sizeof(*ether) - sizeof(*ip)) {
    return "UDP length is not the frame's";
  }
  return packets_ % options_.check_every == 0 ? CheckSum(frame, *ip, *udp) : nullptr;
}

const char* Consumer::CheckSum(const rte_mbuf* frame, const rte_ipv4_hdr& ip,
                               const rte_udp_hdr& udp) {
  constexpr uint32_t kUdpAt = sizeof(rte_ether_hdr) + sizeof(rte_ipv4_hdr);
  uint16_t sum = 0;
  if (rte_raw_cksum_mbuf(frame, kUdpAt, frame->pkt_len - kUdpAt, &sum) != 0) return "cut off";
  summed_++;
  if (udp.dgram_cksum == 0) {
    no_udp_checksum_++;
    return nullptr;
  }
  const uint32_t whole = uint32_t{sum} + rte_ipv4_phdr_cksum(&ip, 0);
  return (whole & 0xffff) + (whole >> 16) == 0xffff ? nullptr : "wrong UDP checksum";
}

nlohmann::json Consumer::Account() const {
  const double seconds =
      static_cast<double>(last_at_ - first_at_) / static_cast<double>(rte_get_tsc_hz());
  return {{"packets", packets_},
          {"bad", bad_},
          {"first_bad", first_bad_},
          {"summed", summed_},
          {"no_udp_checksum", no_udp_checksum_},
          {"seconds", seconds},
          {"packets_per_second", seconds > 0 ? static_cast<double>(packets_) / seconds : 0.0}};
}

int Main(const Options& options) {
  // Ordinary pages: the frames are copied from the sender's memory, whatever holds that.
  std::vector<std::string> arguments = {"vhost_consumer",
                                        "--no-huge",
                                        "-m",
                                        "128",
                                        "--no-pci",
                                        "--no-shconf",
                                        "--no-telemetry",
                                        "--file-prefix=vhost-consumer-" + std::to_string(getpid()),
                                        "--lcores=0@" + std::to_string(options.cpu),
                                        "--log-level=*:error",
                                        "--vdev=net_vhost0,queues=1,iface=" + options.socket_path};
  std::vector<char*> eal;
  eal.reserve(arguments.size());
  for (std::string& argument : arguments) eal.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(eal.size()), eal.data()) < 0) return kCouldNotRun;
  Consumer consumer(options);
  if (rte_eth_dev_count_avail() != 1 || !consumer.Start()) {
    std::fprintf(stderr, "vhost_consumer: %s: net_vhost did not start there\n",
                 options.socket_path.c_str());
    return kCouldNotRun;
  }
  std::puts("ready");
  std::fflush(stdout);
  consumer.Run();
  std::printf("%s\n", consumer.Account().dump().c_str());
  std::fflush(stdout);
  rte_eth_dev_stop(0);
  rte_eal_cleanup();
  return consumer.AllGood() ? 0 : kBadFrames;
}

}  // namespace
}  // namespace groupcast

int main(int argc, char** argv) try {
  groupcast::Options options;
  CLI::App app("Takes the frames of a vhost-user connection and checks them.", "vhost_consumer");
  groupcast::DefineOptions(&options, &app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : groupcast::kCouldNotRun;
  }
  struct sigaction action = {};
  action.sa_handler = [](int) { groupcast::stop_requested = true; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return groupcast::Main(options);
} catch (const std::exception& error) {
  // Memory, in the first place; command lines are dealt with above.
  std::fprintf(stderr, "vhost_consumer: %s\n", error.what());
  return groupcast::kCouldNotRun;
}
