// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "tools/groupcast-sink/stream_verifier.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace groupcast {

using test_stream::Finding;
using test_stream::Form;
using test_stream::Identity;
using test_stream::PrivatePart;

StreamVerifier::StreamVerifier(std::vector<Recipient> recipients,
                               const StreamExpectations& expectations)
    : Verifier(recipients.size(), expectations.datagrams),
      recipients_(std::move(recipients)),
      expectations_(expectations) {}

StreamVerifier::Stream* StreamVerifier::Find(Form form, uint32_t id) {
  if (latest_ != nullptr && latest_->form == form && latest_->id == id) return latest_;
  for (const auto& stream : streams_) {
    if (stream->form == form && stream->id == id) return latest_ = stream.get();
  }
  return nullptr;
}

StreamVerifier::Stream* StreamVerifier::FindOrAdd(Form form, uint32_t id) {
  if (Stream* stream = Find(form, id); stream != nullptr) return stream;
  if (streams_.size() == kMaxStreams) return nullptr;
  streams_.push_back(std::make_unique<Stream>());
  latest_ = streams_.back().get();
  latest_->form = form;
  latest_->id = id;
  latest_->windows.resize(recipients_.size());
  return latest_;
}

Finding StreamVerifier::VerifyShared(std::span<const uint8_t> shared, Stream** stream,
                                     Identity* identity) {
  const Form form = test_stream::FormOf(shared.size());
  // Where it says to belong, unverified; good enough to find what to compare it with.
  const bool full = form == Form::kFull;
  const auto id =
      static_cast<uint32_t>(full ? test_stream::LoadWord(&shared[test_stream::kStreamAt], 4)
                                 : test_stream::LoadWord(&shared[test_stream::kShortStreamAt], 1));
  const uint64_t sequence = full ? test_stream::LoadWord(&shared[test_stream::kSequenceAt])
                                 : test_stream::LoadWord(&shared[test_stream::kShortSequenceAt], 4);
  *stream = Find(form, id);
  if (*stream != nullptr) {
    const Verified& slot = (*stream)->Slot(sequence);
    if (slot.bytes.size() == shared.size() &&
        memcmp(slot.bytes.data(), shared.data(), shared.size()) == 0) {
      *identity = slot.identity;
      return Finding::kSound;
    }
  }
  const Finding finding = test_stream::ReadShared(shared, identity);
  if (finding != Finding::kSound && finding != Finding::kContent) return finding;
  *stream = FindOrAdd(form, identity->stream);
  if (*stream != nullptr && finding == Finding::kSound) {
    Verified& slot = (*stream)->Slot(identity->sequence);
    slot.identity = *identity;
    slot.bytes.assign(shared.begin(), shared.end());
  }
  return finding;
}

void StreamVerifier::Datagram(uint32_t recipient, std::span<const uint8_t> bytes, uint64_t now_ns) {
  RecipientCounts& counts = counts_[recipient];
  const size_t private_bytes = expectations_.prepend_bytes + expectations_.append_bytes;
  if (bytes.size() < private_bytes) {
    ++counts.received;
    ++counts.corrupt;
    return;
  }
  const auto shared = bytes.subspan(expectations_.prepend_bytes, bytes.size() - private_bytes);

  Identity identity;
  Stream* stream = nullptr;
  Finding finding;
  if (test_stream::FormOf(shared.size()) == Form::kAnonymous) {
    finding = test_stream::ReadShared(shared, &identity);
  } else {
    finding = VerifyShared(shared, &stream, &identity);
    if (stream == nullptr || (finding != Finding::kSound && finding != Finding::kContent)) {
      ++counts.received;
      ++counts.corrupt;
      return;
    }
    if (closed_ && identity.sequence >= stream->end) return;
    if (identity.end) {
      stream->end = std::max(stream->end, identity.sequence);
      stream->marked = true;
    }
  }

  const Recipient& to = recipients_[recipient];
  const bool sound =
      finding == Finding::kSound &&
      test_stream::IsPrivateSound(PrivatePart::kPrepend, to.address, to.udp_port, identity.sequence,
                                  bytes.first(expectations_.prepend_bytes)) &&
      test_stream::IsPrivateSound(PrivatePart::kAppend, to.address, to.udp_port, identity.sequence,
                                  bytes.last(expectations_.append_bytes));
  if (!sound) ++counts.corrupt;
  if (identity.end) {
    if (!sound) ++counts.received;
    return;
  }
  ++counts.received;
  if (stream == nullptr) {
    ++counts.distinct;
    return;
  }
  stream->first = std::min(stream->first, identity.sequence);
  stream->end = std::max(stream->end, identity.sequence + 1);
  counts.Count(stream->windows[recipient].Note(identity.sequence));
  if (identity.sent_ns != 0 && now_ns > identity.sent_ns) {
    const uint64_t delay_ns = now_ns - identity.sent_ns;
    ++delayed_datagrams_;
    delay_sum_ns_ += delay_ns;
    max_delay_ns_ = std::max(max_delay_ns_, delay_ns);
  }
}

uint64_t StreamVerifier::Expected(const Stream& stream, const SequenceWindow& window) const {
  if (expectations_.partial && window.distinct() == 0) return 0;
  if (!expectations_.join_late) return stream.end;
  return stream.first > stream.end ? 0 : stream.end - stream.first;
}

uint64_t StreamVerifier::Missing() const {
  uint64_t missing = 0;
  for (const auto& stream : streams_) {
    for (const SequenceWindow& window : stream->windows) {
      const uint64_t expected = Expected(*stream, window);
      missing += expected - std::min(expected, window.distinct());
    }
  }
  return missing;
}

void StreamVerifier::Finish() {
  for (size_t i = 0; i < counts_.size(); ++i) {
    uint64_t lost = 0;
    for (const auto& stream : streams_) {
      const SequenceWindow& window = stream->windows[i];
      const uint64_t expected = Expected(*stream, window);
      lost += expected - std::min(expected, window.distinct());
    }
    SetLost(i, lost);
  }
}

std::vector<StreamSummary> StreamVerifier::Streams() const {
  std::vector<StreamSummary> summaries;
  for (const auto& stream : streams_) {
    const uint64_t first = expectations_.join_late ? std::min(stream->first, stream->end) : 0;
    summaries.push_back(
        {absl::StrCat(stream->form == Form::kFull ? "stream " : "short stream ", stream->id),
         stream->end - first, stream->marked});
  }
  return summaries;
}

double StreamVerifier::mean_delay_ns() const {
  return delayed_datagrams_ == 0
             ? 0
             : static_cast<double>(delay_sum_ns_) / static_cast<double>(delayed_datagrams_);
}

}  // namespace groupcast
