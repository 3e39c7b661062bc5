// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// Mode direct: the thread that sends is the lcore.
#include <rte_errno.h>
#include <rte_lcore.h>

#include "tools/groupcast-perf/direct_port.h"
#include "tools/groupcast-perf/groupcast_source.h"

namespace groupcast::perf {
namespace {

class DirectSource : public GroupcastSource {
 public:
  explicit DirectSource(DirectPort* port) : port_(port) {}

  void Begin() override {
    // Mempools' caches belong to lcore ids; the engine's own lcores do the same.
    if (rte_thread_register() != 0) error_ = rte_errno;
  }
  void Send(Tally* tally) override {
    if (error_ == 0) {
      port_->Send(tally);
    } else if (tally != nullptr) {
      tally->AddGroupcast(0);
      tally->AddErrors(error_, port_->workload().recipients);
    }
  }
  void Finish() override { port_->Flush(); }
  void End() override {
    if (error_ == 0) rte_thread_unregister();
  }

 private:
  DirectPort* const port_;
  int error_ = 0;
};

}  // namespace

std::unique_ptr<GroupcastSource> MakeDirectSource(DirectPort* port) {
  return std::make_unique<DirectSource>(port);
}

}  // namespace groupcast::perf
