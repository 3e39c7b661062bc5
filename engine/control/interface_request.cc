// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/control/interface_request.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace groupcast {

ifreq RequestFor(const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

int SetInterface(unsigned long what, ifreq* request) {
  const int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  const int error = ioctl(descriptor, what, request) == 0 ? 0 : errno;
  close(descriptor);
  return error;
}

int AskInterface(const std::string& interface, unsigned long question, ifreq* answer) {
  *answer = RequestFor(interface);
  return SetInterface(question, answer);
}

}  // namespace groupcast
