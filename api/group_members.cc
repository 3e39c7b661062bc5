// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "api/group_members.h"

#include <rte_ip.h>
#include <rte_udp.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace groupcast {
namespace {

constexpr uint32_t kLines = kMaxGroupRecipients;

}  // namespace

MemberKey KeyOf(const HeaderLine& line) {
  return {DestinationOf(line), line.scope, UdpPortOf(line)};
}

GroupMembers::GroupMembers() : index_(0, SlotHash{this}, SlotEqual{this}) {
  current_.store(&snapshots_.emplace_back(), std::memory_order_relaxed);
}

GroupMembers::~GroupMembers() {
  for (const LineSnapshot& snapshot : snapshots_) {
    for (const LineChunk* chunk : snapshot.chunks) LeaveSnapshot(chunk);
  }
  for (LineChunk* chunk : chunks_) {
    if (chunk != nullptr) NotCurrent(chunk);
  }
}

void GroupMembers::NotCurrent(LineChunk* chunk) {
  chunk->current = false;
  if (chunk->snapshots == 0) delete chunk;
}

void GroupMembers::LeaveSnapshot(const LineChunk* chunk) {
  auto* left = const_cast<LineChunk*>(chunk);
  if (--left->snapshots == 0 && !left->current) delete left;
}

const LineSnapshot* GroupMembers::Acquire() const {
  for (;;) {
    const LineSnapshot* snapshot = current_.load(std::memory_order_acquire);
    // In the one order of these operations: a writer that does not see the hold looks for it before
    // it is taken, and replaced the snapshot before that; then this sees another one. Sees it the
    // same, the hold counts whenever the snapshot is replaced later.
    snapshot->holds.taken.fetch_add(1, std::memory_order_seq_cst);
    if (likely(current_.load(std::memory_order_seq_cst) == snapshot)) return snapshot;
    snapshot->holds.taken.fetch_sub(1, std::memory_order_release);
  }
}

bool GroupMembers::Held() {
  ReapOfFlow();
  return std::any_of(snapshots_.begin(), snapshots_.end(),
                     [](const LineSnapshot& snapshot) { return snapshot.holds.Any(); });
}

// The chunk for writing: itself while no snapshot has it, else a copy in its place.
LineChunk* GroupMembers::Own(uint32_t number) {
  changed_.insert(number);
  LineChunk* chunk = chunks_[number];
  if (chunk->snapshots == 0) return chunk;
  auto* copy = new LineChunk;
  copy->bin = chunk->bin;
  copy->count = chunk->count;
  std::copy_n(chunk->lines.begin(), chunk->count, copy->lines.begin());
  std::copy_n(chunk->tags.begin(), chunk->count, copy->tags.begin());
  chunks_[number] = copy;
  NotCurrent(chunk);
  return copy;
}

uint32_t GroupMembers::RoomIn(const Bin& bin) {
  std::vector<uint32_t>& numbers = chunks_of_[bin];
  if (!numbers.empty() && chunks_[numbers.back()]->count < kLines) return numbers.back();
  auto* made = new LineChunk;
  made->bin = bin;
  uint32_t number;
  if (free_numbers_.empty()) {
    number = static_cast<uint32_t>(chunks_.size());
    chunks_.push_back(made);
    stamps_.resize(chunks_.size() * kLines);
  } else {
    number = free_numbers_.back();
    free_numbers_.pop_back();
    chunks_[number] = made;
  }
  numbers.push_back(number);
  return number;
}

void GroupMembers::LeaveNextHop(uint32_t slot) {
  const LineChunk& chunk = *chunks_[slot / kLines];
  if (chunk.bin.port == Bin::kKernel || stamps_[slot] == 0) return;
  next_hops_left_.push_back(chunk.lines[slot % kLines].next_hop);
}

void GroupMembers::Put(const HeaderLine& line, const Bin& bin, uint64_t tag, uint16_t stamp) {
  // Before anything is changed: no line may be without its place in the index.
  index_.reserve(index_.size() + 1);
  if (const auto found = index_.find(KeyOf(line)); found != index_.end()) {
    const uint32_t slot = *found;
    if (chunks_[slot / kLines]->bin == bin) {
      LineChunk* chunk = Own(slot / kLines);
      LeaveNextHop(slot);
      chunk->lines[slot % kLines] = line;
      chunk->tags[slot % kLines] = tag;
      stamps_[slot] = stamp;
      return;
    }
    RemoveSlot(slot);
  }
  const uint32_t number = RoomIn(bin);
  LineChunk* chunk = Own(number);
  const uint32_t slot = number * kLines + chunk->count;
  chunk->lines[chunk->count] = line;
  chunk->tags[chunk->count] = tag;
  stamps_[slot] = stamp;
  chunk->count++;
  index_.insert(slot);
}

bool GroupMembers::SetTag(const MemberKey& key, uint64_t tag) {
  const auto found = index_.find(key);
  if (found == index_.end()) return false;
  const uint32_t slot = *found;
  if (chunks_[slot / kLines]->tags[slot % kLines] != tag) {
    Own(slot / kLines)->tags[slot % kLines] = tag;
  }
  return true;
}

std::optional<GroupMembers::Place> GroupMembers::Find(const MemberKey& key) const {
  const auto found = index_.find(key);
  if (found == index_.end()) return {};
  return Place{*found / kLines, static_cast<uint16_t>(*found % kLines)};
}

bool GroupMembers::Remove(const MemberKey& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return false;
  RemoveSlot(*found);
  return true;
}

// The last member of its bin takes the place, so that every chunk but the last is full.
void GroupMembers::RemoveSlot(uint32_t slot) {
  const uint32_t number = slot / kLines, place = slot % kLines;
  index_.erase(index_.find(KeyAt(slot)));
  LeaveNextHop(slot);
  LineChunk* chunk = Own(number);
  std::vector<uint32_t>& numbers = chunks_of_.find(chunk->bin)->second;
  const uint32_t last_number = numbers.back();
  LineChunk* last = Own(last_number);
  const uint32_t last_place = last->count - 1u;
  const uint32_t last_slot = last_number * kLines + last_place;
  if (last_slot != slot) {
    index_.erase(index_.find(KeyAt(last_slot)));
    chunk->lines[place] = last->lines[last_place];
    chunk->tags[place] = last->tags[last_place];
    stamps_[slot] = stamps_[last_slot];
    index_.insert(slot);
  }
  last->count--;
  if (last->count > 0) return;
  numbers.pop_back();
  if (numbers.empty()) chunks_of_.erase(chunks_[last_number]->bin);
  NotCurrent(chunks_[last_number]);
  chunks_[last_number] = nullptr;
  changed_.erase(last_number);
  free_numbers_.push_back(last_number);
}

// What senders want to know of a chunk as a whole.
void GroupMembers::Summarise(LineChunk* chunk) {
  chunk->least_mtu = UINT16_MAX;
  chunk->hops.clear();
  if (chunk->bin.port == Bin::kKernel) return;
  absl::flat_hash_set<uint32_t> seen;
  uint32_t before = UINT32_MAX;
  for (uint16_t i = 0; i < chunk->count; i++) {
    const HeaderLine& line = chunk->lines[i];
    chunk->least_mtu = std::min(chunk->least_mtu, line.path_mtu);
    if (line.next_hop == before || !seen.insert(line.next_hop).second) continue;
    before = line.next_hop;
    chunk->hops.push_back({line.next_hop, line.next_hop_tag});
  }
  chunk->hops.shrink_to_fit();
  chunk->alike = chunk->hops.size() == 1 && LeaveAlike(chunk->lines.data(), chunk->count);
}

void GroupMembers::Publish(uint64_t revision, uint32_t engine,
                           std::shared_ptr<const void> options) {
  for (const uint32_t number : changed_) Summarise(chunks_[number]);
  changed_.clear();
  if (spare_.empty()) spare_.emplace_back();
  // All but its holds, which may be taken at any time.
  LineSnapshot* made = &spare_.front();
  made->chunks.reserve(chunks_.size());
  made->revision = revision;
  made->members = index_.size();
  made->engine = engine;
  made->options = std::move(options);
  for (LineChunk* chunk : chunks_) {
    if (chunk == nullptr) continue;
    chunk->snapshots++;
    made->chunks.push_back(chunk);
  }
  LineSnapshot* before = current_.load(std::memory_order_relaxed);
  snapshots_.splice(snapshots_.end(), spare_, spare_.begin());
  current_.store(made, std::memory_order_seq_cst);
  if (flow_ != nullptr) PublishToFlow(made);
  before->next_hops_left.insert(before->next_hops_left.end(), next_hops_left_.begin(),
                                next_hops_left_.end());
  next_hops_left_.clear();
}

void GroupMembers::ForgetNextHops() {
  std::fill(stamps_.begin(), stamps_.end(), uint16_t{0});
  next_hops_left_.clear();
  for (LineSnapshot& snapshot : snapshots_) snapshot.next_hops_left.clear();
}

void GroupMembers::SetFlow(std::shared_ptr<IngressFlow> flow, std::shared_ptr<LcoreGrace> readers) {
  if (flow_ != nullptr) PublishToFlow(nullptr);
  flow_ = std::move(flow);
  flow_readers_ = std::move(readers);
  if (flow_ != nullptr) PublishToFlow(current_.load(std::memory_order_relaxed));
}

bool GroupMembers::Relayed() {
  if (flow_ == nullptr) return false;
  const uint64_t now = flow_->counters().Read(FlowCounter::kDatagrams);
  return std::exchange(relayed_, now) != now;
}

void GroupMembers::PublishToFlow(const LineSnapshot* snapshot) {
  if (snapshot != nullptr) snapshot->holds.taken.fetch_add(1, std::memory_order_relaxed);
  const LineSnapshot* before = flow_->members.exchange(snapshot, std::memory_order_acq_rel);
  if (before == nullptr) return;
  replaced_of_flow_.push_back({before, flow_readers_, flow_readers_->Replaced()});
}

void GroupMembers::ReapOfFlow() {
  std::erase_if(replaced_of_flow_, [](const OfFlow& replaced) {
    if (!replaced.readers->Passed(replaced.token)) return false;
    Release(replaced.snapshot);
    return true;
  });
}

std::vector<uint32_t> GroupMembers::Reclaim() {
  ReapOfFlow();
  std::vector<uint32_t> next_hops;
  LineSnapshot* before = nullptr;
  const LineSnapshot* current = current_.load(std::memory_order_relaxed);
  for (auto it = snapshots_.begin(); &*it != current;) {
    LineSnapshot& snapshot = *it++;
    if (snapshot.holds.Any()) {
      before = &snapshot;
      continue;
    }
    // An older one's users may still send to what this one had left.
    std::vector<uint32_t>& left = before != nullptr ? before->next_hops_left : next_hops;
    left.insert(left.end(), snapshot.next_hops_left.begin(), snapshot.next_hops_left.end());
    for (const LineChunk* chunk : snapshot.chunks) LeaveSnapshot(chunk);
    snapshot.chunks.clear();
    snapshot.next_hops_left.clear();
    snapshot.options.reset();
    spare_.splice(spare_.end(), snapshots_, std::prev(it));
  }
  return next_hops;
}

}  // namespace groupcast
