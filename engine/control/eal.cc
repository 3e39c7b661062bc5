// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/eal.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "engine/control/descriptors.h"
#include "engine/control/log.h"
#include "engine/control/threads.h"

namespace groupcast {
namespace {

struct Environment {
  std::mutex mutex;
  std::atomic<pid_t> owner = 0;  // process that started it, or tried to; 0: none
  bool failed = false;
  bool pci = false;
  std::vector<std::string> arguments;
};

Environment& TheEnvironment() {
  static auto* environment = new Environment;  // lives as long as its threads: to the end
  return *environment;
}

uint64_t FreeHugepageMib() {
  uint64_t mib = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    uint64_t size_kib = 0, pages = 0;
    const std::string name = entry.path().filename();
    if (std::sscanf(name.c_str(), "hugepages-%lukB", &size_kib) != 1) continue;
    std::ifstream(entry.path() / "free_hugepages") >> pages;
    mib += pages * size_kib / 1024;
  }
  return mib;
}

unsigned LastCpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  unsigned last = 0;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &set)) last = cpu;
  }
  return last;
}

absl::StatusOr<std::vector<std::string>> MemoryArguments(const EngineConfig& config) {
  const uint32_t mib = config.memory_mib;
  if (config.hugepages != Hugepages::kOff) {
    const uint64_t free_mib = FreeHugepageMib();
    // One file for all: vhost-user shares at most eight with its peer.
    if (free_mib >= mib) {
      return std::vector<std::string>{"--in-memory", "--single-file-segments"};
    }
    const std::string have = absl::StrCat(free_mib, " MiB of hugepages are free, ", mib,
                                          " MiB are wanted; see /proc/sys/vm/nr_hugepages");
    if (config.hugepages == Hugepages::kRequired) {
      return absl::ResourceExhaustedError(
          absl::StrCat(config.path, ": memory: hugepages: required: ", have));
    }
    LogWarning(absl::StrCat("going on without hugepages: ", have));
  }
  return std::vector<std::string>{"--no-huge", "-m", absl::StrCat(mib)};
}

// EAL's folder, where it is not root's and not the user's own: whoever was first has it.
absl::Status CheckRuntimeFolder() {
  constexpr char kShared[] = "/tmp/dpdk";
  struct stat folder {};
  if (geteuid() == 0 || std::getenv("XDG_RUNTIME_DIR") != nullptr || stat(kShared, &folder) != 0 ||
      folder.st_uid == geteuid()) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat("DPDK keeps its sockets in ", kShared, ", which belongs to user ", folder.st_uid,
                   "; set XDG_RUNTIME_DIR to a folder of this user"));
}

// Its runtime folder would outlive the process otherwise.
void RemoveRuntimeFolder() {
  if (TheEnvironment().owner != getpid()) return;
  std::error_code error;
  const std::filesystem::path folder = rte_eal_get_runtime_dir();
  if (folder.filename() == absl::StrCat("groupcast-", getpid())) {
    std::filesystem::remove_all(folder, error);
  }
}

}  // namespace

absl::Status DpdkError(int error, const std::string& what) {
  const int positive = error < 0 ? -error : error;
  if (error == -1) {  // what drivers return for anything
    return absl::UnavailableError(what + "; DPDK's own lines above say why");
  }
  const std::string text = absl::StrCat(what, ": ", rte_strerror(positive));
  switch (positive) {
    case ENOMEM:
      return absl::ResourceExhaustedError(text);
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(text);
    case ENODEV:
    case ENOENT:
      return absl::NotFoundError(text);
    default:
      return absl::UnavailableError(text);
  }
}

std::mutex& HotplugMutex() {
  static std::mutex mutex;
  return mutex;
}

absl::Status StartEal(const EngineConfig& config) {
  Environment& environment = TheEnvironment();
  const bool wants_pci = std::any_of(config.ports.begin(), config.ports.end(),
                                     [](const auto& p) { return p.IsPci(); });
  // Before the mutex, which a thread of the parent may have held when this child was forked.
  if (environment.owner != 0 && environment.owner != getpid()) {
    return absl::UnimplementedError(
        "this process was forked from one that had attached, and DPDK's memory belongs to that "
        "one; attach after fork() only, or exec() a new program");
  }
  const std::lock_guard lock(environment.mutex);
  if (environment.failed) {
    return absl::UnavailableError(
        "DPDK's environment failed to start earlier in this process and can't be started again; "
        "correct the configuration and start the program again");
  }
  if (environment.owner == getpid()) {
    if (wants_pci && !environment.pci) {
      return absl::FailedPreconditionError(
          "a PCI port can't be added: the process first attached without one; name it in the first "
          "configuration");
    }
    return absl::OkStatus();
  }

  if (absl::Status status = CheckRuntimeFolder(); !status.ok()) return status;
  auto memory = MemoryArguments(config);
  if (!memory.ok()) return memory.status();
  std::vector<std::string> arguments = {"groupcast",
                                        "--no-shconf",
                                        absl::StrCat("--file-prefix=groupcast-", getpid()),
                                        absl::StrCat("--lcores=0@", LastCpu()),
                                        "--log-level=lib.*:warning",
                                        "--log-level=lib.telemetry:error"};
  // With PCI, EAL would take every device that one of its drivers knows: allowed is only the host
  // bridge, which none does, and ports are probed by name later.
  arguments.emplace_back(wants_pci ? "--allow=0000:00:00.0" : "--no-pci");
  // Nothing but a PCI device reads by physical addresses.
  if (!wants_pci) arguments.emplace_back("--iova-mode=va");
  arguments.insert(arguments.end(), memory->begin(), memory->end());
  arguments.insert(arguments.end(), config.eal.begin(), config.eal.end());

  // rte_eal_init() pins its caller and all that it later creates; a thread of our own takes that.
  environment.arguments = arguments;  // EAL may keep pointers into them
  const std::set<int> descriptors = OpenDescriptors();
  int rc = 0;
  auto thread = StartThread("gc-eal", [&environment, &rc] {
    std::vector<char*> argv;
    for (std::string& argument : environment.arguments) argv.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0) return;
    rc = rte_errno != 0 ? -rte_errno : -EIO;
  });
  if (!thread.ok()) return thread.status();
  environment.owner = getpid();
  thread->join();
  if (rc < 0) {
    environment.failed = true;
    return DpdkError(rc, absl::StrCat("DPDK's environment did not start with '",
                                      absl::StrJoin(arguments, " "), "'"));
  }
  CloseDpdkOnExec(descriptors);
  environment.pci = wants_pci;
  std::atexit(RemoveRuntimeFolder);
  return absl::OkStatus();
}

}  // namespace groupcast
