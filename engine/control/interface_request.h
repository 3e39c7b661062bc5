// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <net/if.h>
#include <sys/ioctl.h>

#include <string>

namespace groupcast {

// A request on the network interface of this name.
ifreq RequestFor(const std::string& interface);
// One ioctl() of it (netdevice(7)); 0 or the errno.
int SetInterface(unsigned long what, ifreq* request);
// The same, of a question.
int AskInterface(const std::string& interface, unsigned long question, ifreq* answer);

}  // namespace groupcast
