#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# sink_test.sh GROUPCAST_SINK GROUPCAST_SEND
#
# groupcast-sink finds what went wrong, and only that: real sockets, faults made with nftables, in a
# network namespace without a name that ends with this script.
. "$(dirname "$0")/_init.sh"
set -e
sink=$1
send=$2
# RFC 2544's range; the receivers' addresses are local ones.
ip route add local 198.19.0.0/16 dev lo
nft add table ip faults
nft add chain ip faults input '{ type filter hook input priority 0; }'

start_sink() {
  # Else the last one's "ready" could be taken for this one's.
  rm -f "$dir/sink.log" "$dir/report.json"
  "$sink" --json "$dir/report.json" "$@" >"$dir/sink.log" 2>&1 &
  sink_pid=$!
  wait_for_line "$dir/sink.log" '^groupcast-sink: ready'
}

# "DESCRIPTION STATUS KEY=VALUE…": how the sink ends and what its summary says.
check() {
  local description=$1 wanted_status=$2 status=0 pair summary
  shift 2
  wait "$sink_pid" || status=$?
  summary=$(grep '^groupcast-sink: summary' "$dir/sink.log" || true)
  local wrong=()
  [[ $status == "$wanted_status" ]] || wrong+=("exit status $status, not $wanted_status")
  for pair in "$@"; do
    [[ " $summary " == *" $pair "* ]] || wrong+=("$pair is not what it says")
  done
  python3 -m json.tool "$dir/report.json" >/dev/null || wrong+=("its JSON cannot be read")
  nft flush chain ip faults input
  if [[ ${#wrong[@]} == 0 ]]; then
    echo "ok: $description"
    return
  fi
  fail "$description: $(printf '%s; ' "${wrong[@]}")" "$dir/sink.log"
}

fault() { nft add rule ip faults input "$@"; }

thousand=(--recipients 198.19.0.0-198.19.3.231:5004)
ten=(--recipients 198.19.1.1-198.19.1.2:5001-5005)

start_sink "${thousand[@]}" --idle 0.5
"$send" "${thousand[@]}" --count 50 >/dev/null
check "1000 recipients on one port" 0 received=50000 lost=0 corrupt=0 duplicate=0 recipients=1000

start_sink "${ten[@]}" --idle 0.5 --prepend 12 --append 7
"$send" "${ten[@]}" --count 100 --prepend 12 --append 7 --payload 333 >/dev/null
check "private parts before and behind" 0 received=1000 lost=0 corrupt=0

for payload in 8 32 1472 9000; do
  start_sink "${ten[@]}" --idle 0.3
  "$send" "${ten[@]}" --count 20 --payload $payload >/dev/null
  check "payload of $payload bytes" 0 received=200 lost=0 corrupt=0 duplicate=0
done
for payload in 0 1 7; do
  start_sink "${ten[@]}" --expect 20
  "$send" "${ten[@]}" --count 20 --payload $payload >/dev/null
  check "payload of $payload bytes, by their number" 0 received=200 lost=0 corrupt=0
done

start_sink "${ten[@]}" --idle 0.5
"$send" "${ten[@]}" --count 100 --threads 4 >/dev/null
check "four streams at once" 0 received=4000 distinct=4000 lost=0 duplicate=0

fault ip daddr 198.19.1.2 udp dport 5003 numgen inc mod 10 == 3 drop
start_sink "${ten[@]}" --idle 0.5
# Markers would shift the counting.
"$send" "${ten[@]}" --count 100 --end-markers 0 >/dev/null
check "one recipient loses every tenth" 1 received=990 lost=10 corrupt=0 duplicate=0
python3 - "$dir/report.json" <<'PYTHON' || fail "its report" "$dir/report.json"
import json, sys
bad = json.load(open(sys.argv[1]))['per_recipient']
assert [(r['recipient'], r['lost']) for r in bad] == [('198.19.1.2:5003', 10)], bad
PYTHON

fault ip daddr 198.19.1.1 drop
start_sink "${ten[@]}" --idle 0.5
"$send" "${ten[@]}" --count 100 >/dev/null
check "a recipient that gets nothing has lost all" 1 received=500 lost=500

fault numgen inc mod 1000 '<' 900 drop
start_sink "${ten[@]}" --idle 0.5
"$send" "${ten[@]}" --count 100 --end-markers 0 >/dev/null
check "the beginning, lost by all" 1 received=100 lost=900

fault numgen inc mod 1030 900-999 drop
start_sink "${ten[@]}" --idle 0.5
"$send" "${ten[@]}" --count 100 >/dev/null
check "the end, lost by all and told by the markers" 1 lost=100

start_sink "${ten[@]}" --idle 0.5
"$send" "${ten[@]}" --count 100 --stream 7 >/dev/null
"$send" "${ten[@]}" --count 10 --stream 7 >/dev/null
check "a stream that comes again" 1 received=1100 duplicate=100 lost=0 corrupt=0

# Behind the header of the test stream; the kernel corrects the UDP checksum.
fault ip daddr 198.19.1.1 udp dport 5001 @th,800,32 set 0x5a5a5a5a
start_sink "${ten[@]}" --idle 0.5
"$send" "${ten[@]}" --count 100 --end-markers 0 >/dev/null
check "bytes are changed on the way to one recipient" 1 received=1000 corrupt=100

start_sink "${ten[@]}" --idle 0.5 --prepend 4
"$send" "${ten[@]}" --count 10 --prepend 5 --end-markers 0 >/dev/null
check "private parts of another length" 1 received=100 corrupt=100

start_sink --recipients 198.19.1.1:5001 --receive-buffer 1 --idle 0.5
kill -STOP $sink_pid
"$send" --recipients 198.19.1.1:5001 --count 5000 >/dev/null
kill -CONT $sink_pid
check "its own full buffer loses" 1 corrupt=0 duplicate=0
python3 - "$dir/report.json" <<'PYTHON' || fail "its report" "$dir/report.json"
import json, sys
r = json.load(open(sys.argv[1]))
# Datagrams and the three markers at the end: each was received or dropped here.
assert 5000 <= r['own_buffer_drops'] + r['received'] <= 5003, r
PYTHON

start_sink --watch 198.19.1.1:5001 --recipients 198.19.1.2:5001 --idle 0.5
"$sink" --recipients 198.19.1.1:5001 --idle 0.5 >"$dir/other.log" &
other=$!
sleep 0.3
"$send" --recipients 198.19.1.1-198.19.1.2:5001 --count 200 >/dev/null
wait $other || fail "the watched program" "$dir/other.log"
check "a recipient of another program is watched" 0 received=400 lost=0 corrupt=0 duplicate=0

# A raw socket, because the kernel never sends a wrong one.
send_with_checksum() {
  python3 - "$1" <<'PYTHON'
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
payload = b'whole'
s.sendto(struct.pack('!4H', 9, 5001, 8 + len(payload), int(sys.argv[1], 0)) + payload, ('198.19.1.1', 0))
PYTHON
}
start_sink --watch 198.19.1.1:5001 --idle 0.3
send_with_checksum 0x1234
check "a watched datagram with a wrong checksum" 1 received=1 corrupt=1

# Not received, but the wire did not lose it.
start_sink --recipients 198.19.1.1-198.19.1.2:5001 --idle 0.3
send_with_checksum 0x1234
"$send" --recipients 198.19.1.1-198.19.1.2:5001 --count 10 >/dev/null
check "a datagram with a wrong checksum" 0 received=20 lost=0
grep -q '"checksum_errors": 1' "$dir/report.json" || fail "it is told" "$dir/report.json"

start_sink --recipients 198.19.1.1-198.19.1.200:5001 --join-late --seconds 1
"$send" --recipients 198.19.1.1-198.19.1.200:5001 --count 400 --rate 200 >/dev/null
check "an end in the middle of a stream" 0 lost=0 corrupt=0 duplicate=0

start_sink "${ten[@]}"
kill -TERM $sink_pid
check "nothing came: a SIGTERM ends it, and that is no success" 1 received=0 lost=0

# RTP to a reference and to two recipients; what is wrong is in the arguments.
send_rtp() {
  python3 - "$@" <<'PYTHON'
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
lose, twice, change = (set(map(int, a.split(',') if a else [])) for a in sys.argv[1:4])
for i in range(1000):
    packet = struct.pack('!BBHII', 0x80, 96, (65000 + i) & 0xffff, i * 3000, 0x1234) + bytes([i & 255]) * 500
    s.sendto(packet, ('198.19.2.1', 5004))
    if i not in lose:
        s.sendto(packet, ('198.19.2.2', 5004))
    if i in twice:
        s.sendto(packet, ('198.19.2.2', 5004))
    s.sendto(packet[:-1] + b'!' if i in change else packet, ('198.19.2.3', 5004))
PYTHON
}
rtp=(--recipients 198.19.2.2-198.19.2.3:5004 --reference 198.19.2.1:5004 --idle 0.5)

start_sink "${rtp[@]}"
send_rtp "" "" ""
check "RTP like its reference, over a wrap" 0 received=2000 lost=0 corrupt=0 duplicate=0 unknown=0

start_sink "${rtp[@]}"
send_rtp 0,500,998,999 7,536 535
check "RTP with losses, duplicates and a changed byte" 1 received=1998 lost=4 corrupt=1 duplicate=2

fault ip daddr 198.19.2.1 numgen inc mod 1000 == 10 drop
start_sink "${rtp[@]}"
send_rtp "" "" ""
check "a datagram that the reference lacks is unknown" 1 received=2000 unknown=2 lost=0

for arguments in "" "--recipients 198.19.1.1" "--recipients 203.0.113.1:5004" "--watch nowhere" \
  "--recipients 198.19.1.1:5004 --json" "--recipients 198.19.1.1:5004 --expect -1" \
  "--recipients 198.19.1.1:5004 --seconds nan" "--recipients-file /"; do
  # Unquoted on purpose: several arguments.
  status=0
  timeout 5 "$sink" $arguments >"$dir/sink.log" 2>&1 || status=$?
  if [[ $status != 2 || ! -s $dir/sink.log ]]; then
    fail "\"$arguments\" ended with $status" "$dir/sink.log"
  fi
done
finish
