// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
//
// plain_relay sendmsg|sendmmsg ADDR:PORT FIRST_MEMBER:PORT MEMBERS
//
// What one writes without Groupcast, for bench/relay to compare with: receives on ADDR:PORT and
// sends each datagram to MEMBERS addresses from FIRST_MEMBER on, by a loop over sendmsg() or by
// sendmmsg() of 1024 at a time. Runs until it is killed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr size_t kLongest = 65536;
constexpr size_t kAtOnce = 1024;

sockaddr_in Parse(const std::string& text) {
  const size_t colon = text.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    std::fprintf(stderr, "plain_relay: '%s' is not ADDR:PORT\n", text.c_str());
    std::exit(2);
  }
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: plain_relay sendmsg|sendmmsg ADDR:PORT FIRST:PORT MEMBERS\n");
    return 2;
  }
  const bool one_by_one = std::string(argv[1]) == "sendmsg";
  const sockaddr_in at = Parse(argv[2]), first = Parse(argv[3]);
  const auto members = static_cast<size_t>(std::atol(argv[4]));
  const int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
  const int buffer = 16 << 20;
  setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  if (bind(in, reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0) {
    std::perror("plain_relay: bind");
    return 1;
  }
  std::vector<char> datagram(kLongest);
  iovec part = {datagram.data(), 0};
  std::vector<sockaddr_in> addresses(members, first);
  std::vector<mmsghdr> messages(members);
  for (size_t i = 0; i < members; i++) {
    addresses[i].sin_addr.s_addr = htonl(ntohl(first.sin_addr.s_addr) + static_cast<uint32_t>(i));
    msghdr& header = messages[i].msg_hdr;
    header.msg_name = &addresses[i];
    header.msg_namelen = sizeof(addresses[i]);
    header.msg_iov = &part;
    header.msg_iovlen = 1;
  }
  for (;;) {
    const ssize_t received = recv(in, datagram.data(), datagram.size(), 0);
    if (received < 0) continue;
    part.iov_len = static_cast<size_t>(received);
    for (size_t i = 0; i < members;) {
      if (one_by_one) {
        sendmsg(out, &messages[i++].msg_hdr, 0);
        continue;
      }
      const size_t n = std::min(kAtOnce, members - i);
      const int sent = sendmmsg(out, &messages[i], static_cast<unsigned>(n), 0);
      i += sent > 0 ? static_cast<size_t>(sent) : 1;
    }
  }
}
