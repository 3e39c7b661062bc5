// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Mode sendgroup: the C call, with every recipient's private bytes in memory of their own.
#include <cerrno>
#include <cstddef>

#include "groupcast/sendgroup.h"
#include "tools/file_descriptor.h"
#include "tools/groupcast-perf/groupcast_source.h"

namespace groupcast::perf {
namespace {

class SendgroupSource : public GroupcastSource {
 public:
  SendgroupSource(const SourceOptions& options, int sd)
      : socket_(sd),
        recipients_(options.workload.recipients),
        payload_(PayloadBytes(options.workload.payload_bytes)),
        private_bytes_(size_t{recipients_} *
                       (options.workload.prepend_bytes + options.workload.append_bytes)),
        memory_((offsetof(giobuf, recinfo) + recipients_ * sizeof(giovec)) / sizeof(uint64_t) + 1),
        errors_(recipients_) {
    const size_t prepend = options.workload.prepend_bytes;
    const size_t append = options.workload.append_bytes;
    buf()->shared = {payload_.data(), payload_.size()};
    for (uint32_t i = 0; i < recipients_; i++) {
      uint8_t* own = private_bytes_.data() + i * (prepend + append);
      std::fill_n(own, prepend + append, static_cast<uint8_t>(i));
      buf()->recinfo[i] = {.giov_dest = AddressOf(options.flow, i),
                           .giov_prepend = {own, prepend},
                           .giov_append = {own + prepend, append}};
    }
  }

  void Send(Tally* tally) override {
    const int sent = sendgroup(socket_.get(), buf(), recipients_, 0, errors_.data());
    if (tally == nullptr) return;
    tally->AddGroupcast(sent > 0 ? static_cast<uint64_t>(sent) : 0);
    if (sent < 0) {
      tally->AddErrors(errno, recipients_);
    } else if (static_cast<uint32_t>(sent) < recipients_) {
      for (const int error : errors_) {
        if (error != 0) tally->AddErrors(error, 1);
      }
    }
  }

 private:
  giobuf* buf() { return reinterpret_cast<giobuf*>(memory_.data()); }

  FileDescriptor socket_;
  uint32_t recipients_;
  std::vector<uint8_t> payload_;
  std::vector<uint8_t> private_bytes_;
  std::vector<uint64_t> memory_;  // of the giobuf
  std::vector<int> errors_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GroupcastSource>> MakeSendgroupSource(const SourceOptions& options) {
  const absl::StatusOr<int> sd = BoundSocket(options.flow);
  if (!sd.ok()) return sd.status();
  return std::make_unique<SendgroupSource>(options, *sd);
}

}  // namespace groupcast::perf
