// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// PortSetup's queues.
#include <absl/strings/str_cat.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "engine/control/log.h"
#include "engine/control/port_setup.h"

namespace groupcast {
namespace {

constexpr int kQueueTries = 50;
constexpr auto kBetweenTries = std::chrono::milliseconds(10);
// Received datagrams that wait, or that packets under way share, beside those in the rings.
constexpr uint32_t kDatagramsUnderWay = 2048;

}  // namespace

// Datagrams of one sender to one address by one queue, of different ones by different ones, where
// the device can. What is no UDP comes by the first one, whose lcore has the exception path.
void PortSetup::SpreadReceived(const rte_eth_dev_info& info, rte_eth_conf* conf) const {
  constexpr uint64_t kUdp = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
  constexpr uint64_t kByAddresses = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER |
                                    RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;
  uint64_t flows = info.flow_type_rss_offloads & kUdp;
  if (flows == 0) flows = info.flow_type_rss_offloads & kByAddresses;
  if (rx_queues_ < 2 || flows == 0) return;
  conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  conf->rx_adv_conf.rss_conf.rss_hf = flows;
}

// A card that came back has rings of the length that others know.
absl::Status PortSetup::SetUpQueues(const rte_eth_dev_info& info, rte_eth_conf conf) {
  SpreadReceived(info, &conf);
  int rc = rte_eth_dev_configure(port_id_, rx_queues_, queues_, &conf);
  if (rc < 0 && conf.rxmode.mq_mode != RTE_ETH_MQ_RX_NONE) {
    // Some do not while they have virtual functions (igb_ethdev.c, v22.11.11, 1094).
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    conf.rx_adv_conf = {};
    rc = rte_eth_dev_configure(port_id_, rx_queues_, queues_, &conf);
  }
  if (rc < 0) return Failed(rc, absl::StrCat("can't be configured with ", queues_, " TX queues"));
  uint16_t tx_descriptors = tx_descriptors_;
  uint16_t rx_descriptors = xdp_ ? tx_descriptors_ : profile_.rx_descriptors;
  rc = rte_eth_dev_adjust_nb_rx_tx_desc(port_id_, &rx_descriptors, &tx_descriptors);
  if (rc < 0) return Failed(rc, "refuses the number of descriptors");
  if (tx_descriptors != tx_descriptors_) {
    if (out_) return Failed(EINVAL, "is another card, with another ring");
    tx_descriptors_ = tx_descriptors;
  }
  absl::Status status = SetUpTransmit(info.default_txconf);
  return status.ok() ? SetUpReceive(rx_descriptors) : status;
}

// By the profile's thresholds, or those that the driver itself would use.
absl::Status PortSetup::SetUpTransmit(const rte_eth_txconf& of_driver) {
  rte_eth_txconf tx = of_driver;
  if (profile_.tx_rs_thresh > 0) tx.tx_rs_thresh = profile_.tx_rs_thresh;
  if (profile_.tx_free_thresh > 0) tx.tx_free_thresh = profile_.tx_free_thresh;
  const bool own =
      tx.tx_rs_thresh != of_driver.tx_rs_thresh || tx.tx_free_thresh != of_driver.tx_free_thresh;
  if (FollowsReading() && tx.tx_rs_thresh > 1) {
    TellNoReading(
        absl::StrCat("with tx_rs_thresh ", tx.tx_rs_thresh, " not each packet is reported"));
  }
  for (uint16_t queue = 0; queue < queues_; queue++) {
    tx.offloads = plan_.tx_offloads;
    int rc = rte_eth_tx_queue_setup(port_id_, queue, tx_descriptors_, SOCKET_ID_ANY, &tx);
    if (rc < 0 && own && queue == 0) {
      LogNotice(absl::StrCat("port '", config_.name, "': ", profile_.driver, " refuses ",
                             tx_descriptors_, " TX descriptors with tx_rs_thresh ", tx.tx_rs_thresh,
                             " and tx_free_thresh ", tx.tx_free_thresh,
                             "; its own thresholds are used"));
      tx = of_driver;
      if (FollowsReading()) TellNoReading("its own thresholds may leave descriptors unreported");
      tx.offloads = plan_.tx_offloads;
      rc = rte_eth_tx_queue_setup(port_id_, queue, tx_descriptors_, SOCKET_ID_ANY, &tx);
    }
    if (rc < 0) return Failed(rc, absl::StrCat("can't set up TX queue ", queue));
  }
  return absl::OkStatus();
}

// Before anybody sends; a card that came back is as it was.
void PortSetup::TellNoReading(const std::string& why) {
  if (out_) return;
  LogNotice(
      absl::StrCat("port '", config_.name, "': ", why, ": payloads that may change are copied"));
  profile_.completion = Completion::kSilent;
}

absl::Status PortSetup::SetUpReceive(uint16_t descriptors) {
  for (uint16_t queue = 0; queue < rx_queues_; queue++) {
    const auto pool = PoolFor(queue, descriptors);
    if (!pool.ok()) return pool.status();
    int rc;
    for (int tries = 0;; tries++) {
      rc = rte_eth_rx_queue_setup(port_id_, queue, descriptors, SOCKET_ID_ANY, nullptr, *pool);
      // The kernel lets go of an interface's queue some time after its XDP socket was closed
      // (xp_release_deferred()), and the driver says EINVAL for EBUSY.
      if (rc == 0 || !xdp_ || tries == kQueueTries) break;
      std::this_thread::sleep_for(kBetweenTries);
    }
    if (rc < 0) return Failed(rc, absl::StrCat("can't set up RX queue ", queue));
  }
  return absl::OkStatus();
}

// net_af_xdp's queues have one each, all others one together.
absl::StatusOr<rte_mempool*> PortSetup::PoolFor(uint16_t queue, uint16_t descriptors) {
  if (xdp_) {
    auto umem = xdp_->CreateUmem(port_id_, queue, mtu_, descriptors);
    if (!umem.ok()) return umem.status();
    receive_pools_.push_back(*umem);
    return (*umem)->pool();
  }
  if (receive_pools_.empty()) {
    // Where nothing is relayed only what a ring is filled with.
    const uint32_t under_way =
        profile_.ingress || exception_ != nullptr ? tx_descriptors_ + kDatagramsUnderWay : 64;
    const uint32_t frame = std::max<uint32_t>(
        {mtu_ + kEthernetHeader + kVlanTag, ring_frame_, RTE_MBUF_DEFAULT_DATAROOM});
    auto pool = ReceivePool::Create(
        absl::StrCat("gc_rx_", port_id_), uint32_t{rx_queues_} * (descriptors + under_way), frame,
        queues_ > 1 ? ReceivePool::Users::kLcores : ReceivePool::Users::kOneLcore);
    if (!pool.ok()) return pool.status();
    receive_pools_.push_back(*std::move(pool));
  }
  return receive_pools_.front()->pool();
}

}  // namespace groupcast
