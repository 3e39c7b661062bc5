// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/xdp_program.h"

#include <absl/strings/str_cat.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "engine/control/descriptors.h"
#include "engine/control/log.h"

namespace groupcast {
namespace {

constexpr std::string_view kProgramName = "groupcast_redirect";
constexpr char kClaimsMap[] = "ingress_claims";
constexpr char kLongestMap[] = "ingress_longest";
constexpr size_t kMostMaps = 16;

// The kernel cuts names off.
bool IsOurs(const bpf_prog_info& info) {
  return kProgramName.substr(0, BPF_OBJ_NAME_LEN - 1) == info.name;
}

// What a descriptor of this process is, as /proc tells: "bpf-prog", "bpf-map", "btf".
std::string KindOf(int descriptor) {
  std::error_code error;
  const std::string target =
      std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", descriptor), error);
  constexpr std::string_view kPrefix = "anon_inode:";
  return target.substr(0, kPrefix.size()) == kPrefix ? target.substr(kPrefix.size()) : "";
}

// Of those that are open and were not in `before`.
std::vector<int> NewDescriptors(const std::set<int>& before, std::string_view kind) {
  std::vector<int> found;
  for (const int descriptor : OpenDescriptors()) {
    if (!before.contains(descriptor) && KindOf(descriptor) == kind) found.push_back(descriptor);
  }
  return found;
}

template <typename Info>
bool Describe(int descriptor, Info* info) {
  __u32 size = sizeof(*info);
  return bpf_obj_get_info_by_fd(descriptor, info, &size) == 0;
}

// The flag that names the place where a program is attached.
uint32_t ModeFlag(uint8_t attach_mode) {
  switch (attach_mode) {
    case XDP_ATTACHED_SKB:
      return XDP_FLAGS_SKB_MODE;
    case XDP_ATTACHED_DRV:
      return XDP_FLAGS_DRV_MODE;
    case XDP_ATTACHED_HW:
      return XDP_FLAGS_HW_MODE;
    default:
      return 0;
  }
}

absl::StatusOr<bpf_xdp_query_opts> Attached(const std::string& interface, uint32_t index) {
  LIBBPF_OPTS(bpf_xdp_query_opts, attached);
  const int rc = bpf_xdp_query(static_cast<int>(index), 0, &attached);
  if (rc < 0) {
    return absl::ErrnoToStatus(-rc,
                               absl::StrCat("which XDP program interface '", interface, "' has"));
  }
  return attached;
}

absl::Status Busy(const std::string& interface, const std::string& program,
                  const std::string& cure) {
  return absl::FailedPreconditionError(absl::StrCat("interface '", interface,
                                                    "' has an XDP program already, ", program, "; ",
                                                    cure, ", or use net_af_packet"));
}

}  // namespace

absl::Status ClearXdp(const std::string& interface, uint32_t index) {
  const auto attached = Attached(interface, index);
  if (!attached.ok()) return attached.status();
  if (attached->attach_mode == XDP_ATTACHED_NONE) return absl::OkStatus();
  const std::string off = absl::StrCat("remove it (ip link set dev ", interface, " xdp off)");
  if (attached->attach_mode == XDP_ATTACHED_MULTI) return Busy(interface, "more than one", off);
  const std::string number = absl::StrCat("number ", attached->prog_id);
  const int program = bpf_prog_get_fd_by_id(attached->prog_id);
  if (program < 0 && errno == EPERM) {
    return Busy(interface, absl::StrCat(number, ", whose name only CAP_SYS_ADMIN may read"), off);
  }
  if (program < 0 && errno == ENOENT) return absl::OkStatus();  // removed meanwhile
  bpf_prog_info info{};
  const bool known = program >= 0 && Describe(program, &info);
  if (!known || !IsOurs(info)) {
    close(program);
    return Busy(interface, known ? absl::StrCat("'", info.name, "' (", number, ")") : number, off);
  }
  // Of this one only: the interface may have another by now.
  LIBBPF_OPTS(bpf_xdp_attach_opts, expected, .old_prog_fd = program);
  const int rc =
      bpf_xdp_detach(static_cast<int>(index), ModeFlag(attached->attach_mode), &expected);
  close(program);
  // A link, which ends with its process.
  if (rc == -EBUSY) {
    return Busy(interface, "that of another Groupcast process which runs",
                "one process has an interface by net_af_xdp: stop that one");
  }
  if (rc < 0) {
    return absl::ErrnoToStatus(
        -rc,
        absl::StrCat("interface '", interface, "': Groupcast's own XDP program of before; ", off));
  }
  LogNotice(absl::StrCat("interface '", interface,
                         "': removed the XDP program that an earlier process has left"));
  return absl::OkStatus();
}

absl::Status CheckXdpProgram(const std::string& path) {
  bpf_object* object = bpf_object__open_file(path.c_str(), nullptr);
  if (object == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": not a program"));
  const int rc = bpf_object__load(object);
  bpf_object__close(object);
  if (rc == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(
      -rc, absl::StrCat(path, ": the kernel does not load it",
                        rc == -EPERM ? "; it needs CAP_BPF and CAP_NET_ADMIN (root)" : ""));
}

absl::Status XdpProgram::FindMaps(const std::set<int>& before) {
  bpf_prog_info info{};
  std::array<__u32, kMostMaps> maps{};
  info.map_ids = reinterpret_cast<uintptr_t>(maps.data());
  info.nr_map_ids = maps.size();
  if (!Describe(program_, &info)) return absl::ErrnoToStatus(errno, "our XDP program");
  const std::set<__u32> ids(maps.begin(),
                            maps.begin() + std::min<size_t>(info.nr_map_ids, kMostMaps));
  for (const int descriptor : NewDescriptors(before, "bpf-map")) {
    bpf_map_info map{};
    if (!Describe(descriptor, &map) || !ids.contains(map.id)) continue;
    left_open_.push_back(descriptor);
    if (map.name == std::string_view(kLongestMap)) longest_ = descriptor;
    if (map.name != std::string_view(kClaimsMap)) continue;
    const int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0) return absl::ErrnoToStatus(errno, "the claims of our XDP program");
    claims_.emplace(own);
  }
  for (const int descriptor : NewDescriptors(before, "btf")) {
    bpf_btf_info types{};
    if (Describe(descriptor, &types) && types.id == info.btf_id) left_open_.push_back(descriptor);
  }
  if (claims_ && longest_ >= 0) return absl::OkStatus();
  return absl::InternalError("our XDP program has lost its maps");
}

absl::StatusOr<std::unique_ptr<XdpProgram>> XdpProgram::TakeOver(const std::set<int>& before,
                                                                 const std::string& interface,
                                                                 uint32_t index) {
  const auto attached = Attached(interface, index);
  if (!attached.ok()) return attached.status();
  std::unique_ptr<XdpProgram> self(new XdpProgram);
  self->native_ = attached->attach_mode != XDP_ATTACHED_SKB;
  for (const int descriptor : NewDescriptors(before, "bpf-prog")) {
    bpf_prog_info info{};
    if (Describe(descriptor, &info) && info.id == attached->prog_id) self->program_ = descriptor;
  }
  if (self->program_ < 0) {
    return absl::InternalError(absl::StrCat("interface '", interface, "': program number ",
                                            attached->prog_id, " is not net_af_xdp's"));
  }
  self->left_open_.push_back(self->program_);
  if (absl::Status status = self->FindMaps(before); !status.ok()) return status;
  LIBBPF_OPTS(bpf_xdp_attach_opts, expected, .old_prog_fd = self->program_);
  const int rc = bpf_xdp_detach(static_cast<int>(index), 0, &expected);
  if (rc == 0) {
    self->link_ = bpf_link_create(self->program_, static_cast<int>(index), BPF_XDP, nullptr);
  }
  if (self->link_ < 0) {
    return absl::ErrnoToStatus(
        rc < 0 ? -rc : errno,
        absl::StrCat("interface '", interface,
                     "': a BPF link to the XDP program (needs Linux 5.9 or later)"));
  }
  return self;
}

XdpProgram::~XdpProgram() {
  if (link_ >= 0) close(link_);
  for (const int descriptor : left_open_) close(descriptor);
}

absl::Status XdpProgram::SetLongest(uint32_t bytes) {
  const uint32_t zero = 0;
  if (bpf_map_update_elem(longest_, &zero, &bytes, BPF_ANY) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "the XDP program's largest packet");
}

}  // namespace groupcast
