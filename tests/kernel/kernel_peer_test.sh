#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# kernel_peer_test.sh KERNEL_PEER GROUPCAST_SINK PEER
#
# What the benchmarks compare with does the work: over a veth each recipient gets every datagram, byte
# by byte and with a right checksum, whatever the lengths.
. "$(dirname "$0")/_init.sh"
kernel_peer=$1 sink=$2 peer=$3
. "$(dirname "$0")/_relay.sh"
recipients=10.200.0.1-10.200.0.150:5004
know 10.99.0.2 v0 on_rx
# The kernel computes its checksums, too, and does not leave them to a device that has no wire.
ethtool -K v0 tx off >/dev/null
mac=$(on_rx ip -brief link show v1 | awk '{print $3}')
# To the receiving socket 0 would be as good as a right one.
on_rx nft -f - <<'NFT'
table ip checksum {
  chain input { type filter hook input priority 0; udp checksum 0 drop; }
}
NFT
device=()
[[ $peer != af_packet_ring ]] || device=(--device v0 --next-hop-mac "$mac")

# "PAYLOAD PREPEND GROUPCASTS ARGUMENT…"
check() {
  local payload=$1 prepend=$2 groupcasts=$3 packets=$((150 * $3)) status=0
  local description="$peer: $*"
  shift 3
  start_sink many --recipients $recipients --prepend "$prepend" --expect "$groupcasts" --seconds 20
  timeout 30 "$kernel_peer" --peer "$peer" --wire veth --recipients $recipients --payload "$payload" \
    --prepend "$prepend" --groupcasts "$groupcasts" --stream "${device[@]}" "$@" \
    --json "$dir/result.json" >"$dir/peer.log" 2>&1 || status=$?
  if grep -qs not_available "$dir/result.json"; then
    sed -n 's/.*"not_available": /SKIPPED: /p' "$dir/result.json"
    exit 77
  fi
  [[ $status == 0 ]] || fail "$description ended with $status" "$dir/peer.log"
  wait "${sinks[many]}" || fail "$description: receivers" "$dir/many.log"
  expect "$description" "$dir/many.log" '^groupcast-sink: summary' \
    received=$packets distinct=$packets lost=0 corrupt=0 duplicate=0
  python3 - "$dir/result.json" "$packets" <<'PYTHON' || fail "$description" "$dir/result.json"
import json, sys
r, packets = json.load(open(sys.argv[1])), int(sys.argv[2])
assert r['packets'] == packets and r['dropped'] == 0 and not r['errors'], r
assert r['recipients'] == 150 and r['groupcasts'] * 150 == packets, r
for key in ('packets_per_second', 'ns_per_packet', 'cycles_per_packet', 'cpu_ns_per_packet'):
    assert r[key] > 0, key
PYTHON
}

check 1000 12 30  # more than a ring holds
check 333 5 10    # odd lengths of both
check 1464 8 10   # the longest that the MTU takes
check 8 0 10 --batch 7
check 1 1 1

# What cannot run says why.
timeout 5 "$kernel_peer" --peer "$peer" --recipients 10.200.0.1 >"$dir/peer.log" 2>&1
[[ $? == 2 && -s $dir/peer.log ]] || fail "a recipient without a port" "$dir/peer.log"
if [[ $peer == af_packet_ring ]]; then
  for arguments in "" "--device nowhere" "--device v0" "--device v0 --next-hop-mac 1" \
    "--device v0 --next-hop-mac $mac --payload 1500"; do
    # Unquoted on purpose: several arguments.
    timeout 5 "$kernel_peer" --peer "$peer" --recipients $recipients --groupcasts 1 $arguments \
      >"$dir/peer.log" 2>&1
    [[ $? == 2 && -s $dir/peer.log ]] || fail "\"$arguments\"" "$dir/peer.log"
  done
  ip link set v0 down
  timeout 5 "$kernel_peer" --peer "$peer" --recipients $recipients --groupcasts 20 "${device[@]}" \
    >"$dir/peer.log" 2>&1
  [[ $? == 1 || $? == 2 ]] || fail "an interface that is down" "$dir/peer.log"
else
  ip route del 10.200.0.0/16
  timeout 5 "$kernel_peer" --peer "$peer" --recipients $recipients --groupcasts 1 \
    >"$dir/peer.log" 2>&1
  [[ $? == 1 ]] && grep -q '"ENETUNREACH": 150' "$dir/peer.log" || fail "no route" "$dir/peer.log"
fi
finish
