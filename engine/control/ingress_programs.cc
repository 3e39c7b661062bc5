// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/ingress_programs.h"

#include <absl/strings/str_cat.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "engine/control/bpf_object.h"

namespace groupcast {
namespace {

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
      ports_(bpf_object__find_map_fd_by_name(object, "ingress_ports")),
      claims_(
          fcntl(bpf_object__find_map_fd_by_name(object, "ingress_claims"), F_DUPFD_CLOEXEC, 0)) {}

IngressPrograms::~IngressPrograms() { bpf_object__close(object_); }

absl::StatusOr<std::unique_ptr<IngressPrograms>> IngressPrograms::Load() {
  const auto found = FindBpfObject("ingress.bpf.o");
  if (!found.ok()) return found.status();
  const std::string& path = *found;
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

}  // namespace groupcast
