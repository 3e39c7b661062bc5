// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "groupcast/sendgroup.h"
#include "tests/fuzz/sendgroup_case.h"
#include "tests/wire/wire.h"

namespace groupcast {

inline constexpr int kUntouched = -12345;  // in gerrno
inline constexpr uint64_t kLargestAllocated = 66000;
inline constexpr size_t kMostAtOnce = 900;  // what net_ring holds without a consumer

inline void FillAddress(const FuzzRecipient& from, uint16_t udp_port, sockaddr_in* to) {
  to->sin_family = static_cast<sa_family_t>(from.family > 0xffff ? AF_INET : from.family);
  to->sin_port = htons(udp_port);
  to->sin_addr.s_addr = htonl(static_cast<uint32_t>(from.address));
}

inline void FillAddress(const FuzzRecipient& from, uint16_t udp_port, sockaddr_in6* to) {
  if (from.family == AF_INET)
    return FillAddress(from, udp_port, reinterpret_cast<sockaddr_in*>(to));
  to->sin6_family = static_cast<sa_family_t>(from.family > 0xffff ? AF_INET6 : from.family);
  to->sin6_port = htons(udp_port);
  to->sin6_scope_id = static_cast<uint32_t>(from.scope);
  inet_pton(AF_INET6, kFuzzPrefixes[from.kind % std::size(kFuzzPrefixes)], &to->sin6_addr);
  const uint32_t low = htonl(static_cast<uint32_t>(from.address));
  std::memcpy(to->sin6_addr.s6_addr + 12, &low, sizeof(low));
}

// The IPv4 address, mapped or not; empty for any other.
inline std::optional<sockaddr_in> Ipv4Of(const sockaddr_in& address) {
  if (address.sin_family == AF_INET) return address;
  return {};
}
inline std::optional<sockaddr_in> Ipv4Of(const sockaddr_in6& address) {
  if (address.sin6_family == AF_INET) return Ipv4Of(reinterpret_cast<const sockaddr_in&>(address));
  if (address.sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) return {};
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = address.sin6_port;
  std::memcpy(&four.sin_addr, address.sin6_addr.s6_addr + 12, sizeof(four.sin_addr));
  return four;
}

// Whether it is what kFuzzPrefixes has first.
inline bool IsInPortsPrefix(const sockaddr_in&) { return false; }
inline bool IsInPortsPrefix(const sockaddr_in6& address) {
  return address.sin6_family == AF_INET6 && address.sin6_addr.s6_addr[0] == 0xfd;
}

// The arguments of one call in memory of their exact sizes, so that whatever is read beside them
// shows.
template <typename Buf>
class Arguments {
 public:
  using Recipient = std::remove_reference_t<decltype(Buf{}.recinfo[0])>;

  explicit Arguments(const FuzzCall& call) {
    const size_t given = Count(call);
    recnum_ = call.recnum > INT_MAX ? call.recnum : std::min<uint64_t>(call.recnum, given);
    if (call.recnum == FuzzCall{}.recnum) recnum_ = given;
    const size_t bytes = offsetof(Buf, recinfo) + std::max<size_t>(given, 1) * sizeof(Recipient);
    buf_.reset(static_cast<Buf*>(std::calloc(1, bytes)));
    Fill(call.payload, call.null_payload != 0, 1, &buf_->shared);
    size_t n = 0;
    for (const FuzzRecipient& to : call.to) {
      iovec prepend{}, append{};
      Fill(to.prepend, to.null_prepend != 0, n * 2, &prepend);
      Fill(to.append, to.null_append != 0, n * 2 + 1, &append);
      for (uint64_t i = 0; i < to.times && n < given; i++, n++) {
        Recipient& recipient = buf_->recinfo[n];
        recipient.giov_prepend = prepend;
        recipient.giov_append = append;
        FillAddress(to, static_cast<uint16_t>(to.udp_port + i), &recipient.giov_dest);
      }
    }
    errors_.reset(new int[given]);
    std::fill_n(errors_.get(), given, kUntouched);
    errors_given_ = given;
  }

  Buf* buf() const { return buf_.get(); }
  size_t recnum() const { return recnum_; }
  int* errors() { return errors_.get(); }
  std::vector<int> Errors() const { return {errors_.get(), errors_.get() + errors_given_}; }

  // Empty where a part has no memory, or not as much as it says.
  std::string Datagram(size_t i) const {
    std::string datagram;
    for (const iovec* part : Parts(i)) {
      if (part->iov_base == nullptr || part->iov_len > kLargestAllocated) continue;
      datagram.append(static_cast<const char*>(part->iov_base), part->iov_len);
    }
    return datagram;
  }

  std::vector<const iovec*> Parts(size_t i) const {
    const Recipient& recipient = buf_->recinfo[i];
    return {&recipient.giov_prepend, &buf_->shared, &recipient.giov_append};
  }

 private:
  static size_t Count(const FuzzCall& call) {
    size_t n = 0;
    for (const FuzzRecipient& to : call.to) n += to.times;
    return std::min(n, kMostAtOnce);
  }

  void Fill(uint64_t length, bool null, size_t seed, iovec* part) {
    part->iov_len = length;
    if (null) return;
    // More is never read: no datagram is so long.
    const uint64_t allocated = length > kLargestAllocated ? 1 : length;
    auto& bytes = memory_.emplace_back(new char[allocated]);
    static const std::string content = Bytes(kLargestAllocated + 256, 1);
    std::memcpy(bytes.get(), content.data() + seed % 256, allocated);
    part->iov_base = bytes.get();
  }

  struct CFree {
    void operator()(Buf* buf) const { std::free(buf); }
  };
  std::unique_ptr<Buf, CFree> buf_;
  std::vector<std::unique_ptr<char[]>> memory_;
  std::unique_ptr<int[]> errors_;
  size_t errors_given_ = 0;
  size_t recnum_ = 0;
};

}  // namespace groupcast
