// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace groupcast {

// How it shows that a packet was read (DESIGN: done and released).
enum class Completion { kEager, kConsumer, kDescriptors, kSilent };

// What a device reads payloads from; each is among those behind it.
enum class PayloadMemory {
  kDpdk,    // DPDK's own
  kMapped,  // the application's, once it was mapped for devices
  kAny,     // whatever the process has
};

// What is known of one DPDK driver; read from drivers-config/<driver>.yaml, where every value has
// its source beside it.
struct DriverProfile {
  std::string driver;   // rte_eth_dev_info's driver_name, or "generic"
  bool chains = false;  // takes chains of mbufs, whether or not it advertises MULTI_SEGS
  bool chains_if_advertised = false;  // takes them where it advertises MULTI_SEGS
  uint16_t max_segments = 1;
  uint16_t segment_bytes = UINT16_MAX;  // longest segment that it reads
  uint16_t tx_descriptors = 1024;
  uint16_t rx_descriptors = 1024;
  // rte_eth_txconf's of the same names; 0: the driver's own.
  uint16_t tx_rs_thresh = 0;
  uint16_t tx_free_thresh = 0;
  uint16_t tx_queues = UINT16_MAX;  // the most that are used
  bool rx_queues = false;           // with a receive queue beside each transmit queue
  bool ingress = false;             // what they receive can be relayed
  uint16_t copybreak = 256;         // bytes; smaller payloads are copied, not chained (TxPlan)
  uint16_t min_frame = 14;          // bytes; shorter frames are refused by the driver
  // A virtual function, which its physical one may have reset while there was no link.
  bool reset_after_link_loss = false;
  Completion completion = Completion::kConsumer;
  PayloadMemory memory = PayloadMemory::kDpdk;
  std::vector<std::string> tx_offloads;           // used where the driver advertises them
  std::vector<std::string> tx_offloads_unusable;  // advertised, but not done by its transmit burst
  std::string interface_argument;  // device argument that names the kernel interface ("iface")
  // Device arguments added where the configuration does not give them; "${queues}" etc. are not
  // expanded here, the port set-up knows what depends on the MTU.
  std::vector<std::string> arguments;
};

inline constexpr char kGenericProfile[] = "generic";

// The profile of `driver`, or the generic one where there is none. Looks in $GROUPCAST_DRIVERS,
// then in the installed folder, then in the source tree the library was built from.
absl::StatusOr<DriverProfile> LoadDriverProfile(const std::string& driver);

// The same for the driver that a device ("net_af_packet0", "0000:03:00.0") will get: DPDK gives a
// vdev to the driver whose name its own begins with (drivers/bus/vdev/vdev.c, v22.11.11, line 122).
// What only probing can tell (PCI) gets the generic profile.
absl::StatusOr<DriverProfile> LoadDeviceProfile(const std::string& device);

// The drivers with a profile that tells which of their arguments names the kernel interface.
std::vector<std::string> DriversWithInterface();

// The offloads that the engine can use, as profiles and configurations name them. MBUF_FAST_FREE is
// not among them: it forbids shared mbufs. MULTI_SEGS follows from `chains`.
const std::vector<std::string>& TxOffloadNames();

// Every key of a profile: type, range, unit, default and meaning.
std::string DriverProfileReference();

}  // namespace groupcast
