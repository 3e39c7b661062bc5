// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/control/lcore_grace.h"
#include "engine/datapath/ingress_flow.h"
#include "engine/datapath/ip_address.h"
#include "engine/datapath/line_chunk.h"

namespace groupcast {

// What makes a member the same one.
struct MemberKey {
  IpAddress address;
  uint32_t scope = 0;
  rte_be16_t udp_port = 0;

  friend bool operator==(const MemberKey&, const MemberKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const MemberKey& key) {
    return H::combine(std::move(h), key.address, key.scope, key.udp_port);
  }
};
MemberKey KeyOf(const HeaderLine& line);

// The header lines of a group's members, in chunks that are replaced copy-on-write.
//
// Writers' methods: one thread at a time. Acquire() and Release(): any thread, also meanwhile.
class GroupMembers {
 public:
  GroupMembers();
  ~GroupMembers();  // no snapshot may be held any more
  GroupMembers(const GroupMembers&) = delete;
  GroupMembers& operator=(const GroupMembers&) = delete;

  // The latest published snapshot, with a hold until Release() or its like.
  const LineSnapshot* Acquire() const;
  // Whether somebody holds one. Not while others use this.
  bool Held();
  static void Release(const LineSnapshot* snapshot) {
    snapshot->holds.taken.fetch_sub(1, std::memory_order_release);
  }

  // Writers. Nothing of it is seen before Publish().
  // Adds a member, or gives the one of the same key this line, bin and tag. `stamp`: whatever tells
  // the caller when the line was made; 0: the line holds no reference on its next hop, with any
  // other one outside of the kernel's bin it does.
  void Put(const HeaderLine& line, const Bin& bin, uint64_t tag, uint16_t stamp);
  // The tag of one that is there; false: it is not.
  bool SetTag(const MemberKey& key, uint64_t tag);
  bool Remove(const MemberKey& key);
  struct Place {
    size_t number;  // of the chunk
    uint16_t place;
  };
  // Empty: it is no member.
  std::optional<Place> Find(const MemberKey& key) const;
  size_t size() const { return index_.size(); }
  void Publish(uint64_t revision, uint32_t engine, std::shared_ptr<const void> options = {});
  // The engine that the references belong to is gone: all stamps become 0.
  void ForgetNextHops();

  // Publishes to the lcores, too, from now on; null: no more.
  void SetFlow(std::shared_ptr<IngressFlow> flow, std::shared_ptr<LcoreGrace> readers);
  // Whether something was relayed to them by the lcores since the last call.
  bool Relayed();

  // Frees what nobody uses any more. Returns next hops to give back.
  std::vector<uint32_t> Reclaim();

  // Writers: the members, for walks. Chunks are numbered below chunk_numbers(); null where there is
  // none. Put() and Remove() may move members.
  size_t chunk_numbers() const { return chunks_.size(); }
  const LineChunk* chunk(size_t number) const { return chunks_[number]; }
  uint16_t stamp(size_t number, uint16_t place) const {
    return stamps_[number * kMaxGroupRecipients + place];
  }
  void SetStamp(size_t number, uint16_t place, uint16_t stamp) {
    stamps_[number * kMaxGroupRecipients + place] = stamp;
  }

 private:
  struct SlotHash {
    using is_transparent = void;
    const GroupMembers* members;
    size_t operator()(const MemberKey& key) const { return absl::Hash<MemberKey>{}(key); }
    size_t operator()(uint32_t slot) const { return (*this)(members->KeyAt(slot)); }
  };
  struct SlotEqual {
    using is_transparent = void;
    const GroupMembers* members;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t slot, const MemberKey& key) const {
      return members->KeyAt(slot) == key;
    }
    bool operator()(const MemberKey& key, uint32_t slot) const { return (*this)(slot, key); }
  };

  MemberKey KeyAt(uint32_t slot) const {
    return KeyOf(chunks_[slot / kMaxGroupRecipients]->lines[slot % kMaxGroupRecipients]);
  }
  // A chunk lives as long as it is current or in a snapshot.
  static void NotCurrent(LineChunk* chunk);
  static void LeaveSnapshot(const LineChunk* chunk);
  LineChunk* Own(uint32_t number);
  uint32_t RoomIn(const Bin& bin);
  void RemoveSlot(uint32_t slot);
  void LeaveNextHop(uint32_t slot);
  void Summarise(LineChunk* chunk);
  void PublishToFlow(const LineSnapshot* snapshot);
  void ReapOfFlow();

  std::vector<LineChunk*> chunks_;
  std::vector<uint32_t> free_numbers_;
  std::vector<uint16_t> stamps_;                               // by slot
  absl::flat_hash_map<Bin, std::vector<uint32_t>> chunks_of_;  // the last one may have room
  absl::flat_hash_set<uint32_t> changed_;                      // numbers, since Publish()
  absl::flat_hash_set<uint32_t, SlotHash, SlotEqual> index_;
  std::vector<uint32_t> next_hops_left_;  // since Publish()

  std::shared_ptr<IngressFlow> flow_;
  std::shared_ptr<LcoreGrace> flow_readers_;
  uint64_t relayed_ = 0;  // datagrams, at the last look
  // Snapshots that lcores may still have a look at, one hold each.
  struct OfFlow {
    const LineSnapshot* snapshot;
    std::shared_ptr<LcoreGrace> readers;
    uint64_t token;
  };
  std::vector<OfFlow> replaced_of_flow_;

  std::atomic<LineSnapshot*> current_;
  std::list<LineSnapshot> snapshots_;  // oldest first; the last is current_
  // For the next ones: a sender that is late may still take a hold of what was current_ once, and
  // give it back. Freed with this object only.
  std::list<LineSnapshot> spare_;
};

}  // namespace groupcast
