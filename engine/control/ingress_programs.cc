// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/ingress_programs.h"

#include <absl/strings/str_cat.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace groupcast {
namespace {

std::string ProgramsFile() {
  std::string path;
  const char* own = std::getenv("GROUPCAST_PROGRAMS");
  for (const char* folder : {own, GROUPCAST_PROGRAM_DIR, GROUPCAST_BUILD_PROGRAM_DIR}) {
    if (folder == nullptr || folder[0] == '\0') continue;
    path = absl::StrCat(folder, "/ingress.bpf.o");
    if (access(path.c_str(), R_OK) == 0) break;
  }
  return path;
}

ingress_key KeyOf(const IngressClaim::Key& key) {
  ingress_key made{};
  std::memcpy(made.address, key.address.bytes.data(), sizeof(made.address));
  made.udp_port = key.udp_port;
  return made;
}

absl::Status Failed(int error, const std::string& what) {
  if (error == EPERM || error == EACCES) {
    return absl::PermissionDeniedError(absl::StrCat(what, ": not permitted; it needs CAP_BPF"));
  }
  return absl::ErrnoToStatus(error, what);
}

absl::Status Attach(int socket_fd, int program, const char* what) {
  if (setsockopt(socket_fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) == 0) {
    return absl::OkStatus();
  }
  return Failed(errno, absl::StrCat("SO_ATTACH_BPF on ", what));
}

}  // namespace

IngressPrograms::IngressPrograms(bpf_object* object)
    : object_(object),
      take_(bpf_program__fd(bpf_object__find_program_by_name(object, "groupcast_take"))),
      leave_(bpf_program__fd(bpf_object__find_program_by_name(object, "groupcast_leave"))),
      claims_(bpf_object__find_map_fd_by_name(object, "ingress_claims")),
      ports_(bpf_object__find_map_fd_by_name(object, "ingress_ports")) {}

IngressPrograms::~IngressPrograms() { bpf_object__close(object_); }

absl::StatusOr<std::unique_ptr<IngressPrograms>> IngressPrograms::Load() {
  const std::string path = ProgramsFile();
  // What goes wrong is told by the status; libbpf would write to the standard error.
  const libbpf_print_fn_t before = libbpf_set_print(nullptr);
  bpf_object* object = bpf_object__open_file(path.c_str(), nullptr);
  const int open_error = errno;
  int rc = 0;
  if (object != nullptr) rc = bpf_object__load(object);
  libbpf_set_print(before);
  if (object == nullptr) return Failed(open_error, absl::StrCat("BPF programs ", path));
  if (rc != 0) {
    bpf_object__close(object);
    return Failed(-rc, absl::StrCat("BPF programs ", path));
  }
  return std::unique_ptr<IngressPrograms>(new IngressPrograms(object));
}

absl::Status IngressPrograms::AttachTake(int packet_socket) {
  return Attach(packet_socket, take_, "net_af_packet's socket");
}

absl::Status IngressPrograms::AttachLeave(int udp_socket) {
  return Attach(udp_socket, leave_, "the ingress socket");
}

absl::Status IngressPrograms::SetPort(uint32_t interface, uint32_t longest) {
  if (bpf_map_update_elem(ports_, &interface, &longest, BPF_ANY) == 0) return absl::OkStatus();
  return Failed(errno, absl::StrCat("BPF map of ports, interface index ", interface));
}

absl::Status IngressPrograms::Claim(const IngressClaim::Key& key) {
  const ingress_key made = KeyOf(key);
  const ingress_claim claim{};
  if (bpf_map_update_elem(claims_, &made, &claim, BPF_NOEXIST) == 0 || errno == EEXIST) {
    return absl::OkStatus();
  }
  if (errno == E2BIG) return absl::ResourceExhaustedError("more claimed addresses than 8192");
  return Failed(errno, "BPF map of claims");
}

void IngressPrograms::Unclaim(const IngressClaim::Key& key) {
  const ingress_key made = KeyOf(key);
  bpf_map_delete_elem(claims_, &made);
}

std::array<uint64_t, INGRESS_COUNTS> IngressPrograms::Counts(const IngressClaim::Key& key) const {
  const ingress_key made = KeyOf(key);
  ingress_claim claim{};
  bpf_map_lookup_elem(claims_, &made, &claim);
  std::array<uint64_t, INGRESS_COUNTS> counts;
  std::copy(std::begin(claim.counts), std::end(claim.counts), counts.begin());
  return counts;
}

}  // namespace groupcast
