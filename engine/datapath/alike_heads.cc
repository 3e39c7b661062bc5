// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 the Groupcast authors
#include "engine/datapath/alike_heads.h"

#include <rte_memcpy.h>
#include <rte_prefetch.h>
#include <rte_vect.h>

#include <cstddef>
#include <cstring>

namespace groupcast {
namespace {

// Private bytes that are asked for before they are needed: of some packets.
constexpr size_t kPrivateAhead = 256;
constexpr size_t kLongPrivate = 64;       // bytes: more than a line are long
constexpr size_t kLongPrivatesAhead = 8;  // packets, each with more than a line

// Heads for recipients that leave alike and have private parts of one length. What follows the
// prepended bytes is chained behind them, or copied into them. No store to a packet can be
// taken to change what the loop needs: it is in variables of its own.
template <bool kChain, bool kIpv6, bool kLong>
void MakeHeads(const Request& request, const HeadForm& head_form, const MbufForm& mbuf_form,
               uint16_t first, uint16_t n, uint16_t* next_ip_id, rte_mbuf** mbufs) {
  HeadForm form = head_form;
  form.ipv6 = kIpv6;
  const MbufWords mbuf(mbuf_form);
  const HeaderLine* line = request.lines + first;
  const uint16_t append_len = request.append_len;
  const auto private_len = static_cast<uint16_t>(form.prepend_len + append_len);
  const uint16_t* const sums = private_len > 0 ? request.sums + first : nullptr;
  const uint8_t* private_bytes = request.private_bytes + size_t{first} * private_len;
  const uint32_t payload_len = request.payload_len;
  const uint8_t* const payload = payload_len > 0 ? request.segments->data : nullptr;
  rte_mbuf* const view = request.append_len == 0 ? request.view : nullptr;
  uint16_t ip_id = *next_ip_id;
  for (uint16_t i = 0; i < n; i++, line++) {
    rte_prefetch0(line + 2);
    PrivateBytesOf bytes{nullptr, 0};
    if (private_len > 0) {
      bytes = {private_bytes, sums[i]};
      if constexpr (kLong) {
        const uint8_t* ahead = private_bytes + kLongPrivatesAhead * private_len;
        for (size_t at = 0; at < private_len; at += 64) rte_prefetch0(ahead + at);
      }
      private_bytes += private_len;
      if constexpr (!kLong) rte_prefetch0(private_bytes + kPrivateAhead);
    }
    rte_mbuf* head = mbufs[i];
    uint8_t* frame = FrameOf(head);
    WritePacketHead(form, *line, bytes, &ip_id, frame);
    if constexpr (!kChain) {
      if (payload_len > 0) rte_memcpy(frame + form.len, payload, payload_len);
      if (append_len > 0) {
        CopyPrivate(frame + form.len + payload_len, bytes.prepend + form.prepend_len, append_len);
      }
    }
    mbuf.Set(head);
    if constexpr (kChain) {
      if (view != nullptr) head->next = view;
    }
  }
  *next_ip_id = ip_id;
}

// What most streams are: IPv4 with don't-fragment, untagged, with few bytes before the payload or
// none and a line of private ones at most, sent with the lines' own time to live.
bool IsUsual(const Request& request, const HeadForm& form) {
  return !form.ipv6 && !form.counts_ids && form.ethernet.vlan_and_type == 0 &&
         form.most_hops == UINT8_MAX && form.prepend_len <= kPrivateSlack &&
         form.prepend_len + request.append_len <= kLongPrivate;
}

// What follows the prepended bytes.
enum class Behind {
  kView,     // is put there
  kChained,  // is there
  kCopy,     // a copy of the payload, and what is appended
};

// Heads of these: without a branch, with all that they have in common in registers.
template <Behind kBehind>
void MakeUsualHeads(const Request& request, const HeadForm& form, const MbufForm& mbuf_form,
                    uint16_t first, uint16_t n, rte_mbuf** mbufs) {
  using packet_head::ChecksumAbove;
  using packet_head::Load64;
  using packet_head::Store;
  // Read where there are no private bytes.
  static constexpr uint16_t kNoSum = 0;
  static constexpr uint8_t kNoBytes[kPrivateSlack] = {};

  // Ethernet, and the first two bytes of IP.
  const xmm_t frame_begins = WordPair(
      (form.ethernet.destination_and_tag & 0xffffffffffff) | form.ethernet.source_and_type << 48,
      form.ethernet.source_and_type >> 16 | form.ipv4_first << 48);
  const MbufWords mbuf_words(mbuf_form);
  const uint64_t ipv4_first = form.ipv4_first;
  const uint32_t ipv4_sum = form.ipv4_sum, udp_sum = form.udp_sum;
  const uint32_t udp_len = form.udp_len;
  rte_mbuf* const view = request.view;

  const uint8_t* const payload = request.payload_len > 0 ? request.segments->data : nullptr;
  const size_t payload_len = request.payload_len;
  const size_t append_len = request.append_len;

  const size_t private_len = form.prepend_len + append_len;
  const bool has_private = private_len > 0;
  const uint16_t* sum = has_private ? request.sums + first : &kNoSum;
  const uint8_t* private_bytes =
      has_private ? request.private_bytes + size_t{first} * private_len : kNoBytes;
  const HeaderLine* line = request.lines + first;
  rte_mbuf** const end = mbufs + n;
  for (; mbufs < end; mbufs++, line++, sum += has_private, private_bytes += private_len) {
    rte_prefetch0(line + 2);
    rte_prefetch0(private_bytes + kPrivateAhead);
    rte_mbuf* head = *mbufs;
    uint8_t* frame = FrameOf(head);
    uint8_t* ip = frame + kEthernetHeader;
    Store(frame, frame_begins);
    Store(ip, ipv4_first);
    uint16_t ip_sum;
    std::memcpy(&ip_sum, line->headers + offsetof(rte_ipv4_hdr, hdr_checksum), sizeof(ip_sum));
    Store(ip + 8,
          (Load64(line->headers + 8) & ~uint64_t{0xffff0000}) | ChecksumAbove(ip_sum + ipv4_sum));
    Store(ip + 16, Load64(line->headers + 16));  // destination and UDP ports
    uint32_t checksum = ChecksumAbove(uint32_t{line->udp_sum} + udp_sum + *sum);
    checksum = checksum == 0 ? 0xffff0000u : checksum;
    Store(ip + 24, udp_len | checksum);
    rte_mov16(ip + kIpv4Headers, private_bytes);
    mbuf_words.Set(head);
    if constexpr (kBehind == Behind::kView) head->next = view;
    if constexpr (kBehind == Behind::kCopy) {
      uint8_t* at = frame + form.len;
      if (payload_len > 0) rte_memcpy(at, payload, payload_len);
      if (append_len > 0) {
        CopyPrivate(at + payload_len, private_bytes + form.prepend_len, append_len);
      }
    }
  }
}

}  // namespace

void MakeAlikeHeads(const Request& request, const HeadForm& head_form, const MbufForm& mbuf_form,
                    bool chain, uint16_t first, uint16_t n, uint16_t* next_ip_id,
                    rte_mbuf** mbufs) {
  if (IsUsual(request, head_form)) {
    const auto make_heads = !chain ? MakeUsualHeads<Behind::kCopy>
                            : request.append_len == 0 && request.view != nullptr
                                ? MakeUsualHeads<Behind::kView>
                                : MakeUsualHeads<Behind::kChained>;
    make_heads(request, head_form, mbuf_form, first, n, mbufs);
    return;
  }
  using Make = decltype(&MakeHeads<true, true, true>);
  // By chain, IPv6, and more than a line of private bytes.
  constexpr Make kMake[2][2][2] = {{{MakeHeads<false, false, false>, MakeHeads<false, false, true>},
                                    {MakeHeads<false, true, false>, MakeHeads<false, true, true>}},
                                   {{MakeHeads<true, false, false>, MakeHeads<true, false, true>},
                                    {MakeHeads<true, true, false>, MakeHeads<true, true, true>}}};
  const bool long_private = uint32_t{request.prepend_len} + request.append_len > kLongPrivate;
  const Make make_heads = kMake[chain][head_form.ipv6][long_private];
  make_heads(request, head_form, mbuf_form, first, n, next_ip_id, mbufs);
}

}  // namespace groupcast
