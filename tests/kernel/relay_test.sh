#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_test.sh GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# groupcastd with an engine of two lcores (where there are two CPUs): one stream to a thousand
# receivers on another host, every byte verified; a group of each lcore at once; members that the port does not reach; and a stop in the middle of a stream.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 send=$2 sink=$3

. "$(dirname "$0")/_relay.sh"

members=10.200.0.1-10.200.3.232:5004
{
  echo 'ports: [{name: lan0, device: "net_af_packet0,iface=v0"}]'
  echo 'memory: {hugepages: off}'
  (($(nproc) < 2)) || echo 'lcores: [0, 1]'
  echo 'groups:'
  echo '  - {name: many, ingress: 10.99.0.1:5004, source: 10.99.0.1:5004, ttl: 9, members: ['
  for ((i = 0; i < 1000; i++)); do echo "    10.200.$(((i + 1) / 256)).$(((i + 1) % 256)):5004,"; done
  echo '    ]}'
  echo '  - name: few'
  echo '    ingress: 10.99.0.1:6004'
  # One at home, which goes by the kernel, and one that no route leads to.
  echo '    members: [10.200.9.1:7004, 127.0.0.1:7004, 192.0.2.1:7004]'
} >"$dir/relay.yaml"

start_relay 2 1003
start_sink many --recipients "$members" --idle 1
start_sink few --recipients 10.200.9.1:7004 --idle 1
"$sink" --recipients 127.0.0.1:7004 --idle 1 >"$dir/home.log" 2>&1 &
sinks[home]=$!
wait_for_line "$dir/home.log" '^groupcast-sink: ready'
"$send" --recipients 10.99.0.1:5004 --count 100 --payload 1200 --rate 200 >"$dir/send.log" &
sending=$!
"$send" --recipients 10.99.0.1:6004 --count 100 --payload 32 --rate 200 >/dev/null
wait $sending || fail "the sender" "$dir/send.log"
for name in "${!sinks[@]}"; do wait "${sinks[$name]}" || fail "sink '$name'" "$dir/$name.log"; done
expect "a thousand receivers" "$dir/many.log" '^groupcast-sink: summary' \
  received=100000 lost=0 corrupt=0 duplicate=0
expect "a receiver of the second group" "$dir/few.log" '^groupcast-sink: summary' \
  received=100 lost=0 corrupt=0 duplicate=0
expect "a receiver on this host" "$dir/home.log" '^groupcast-sink: summary' \
  received=100 lost=0 corrupt=0 duplicate=0

# The ingress addresses are taken, and the first one does not notice.
if "$groupcastd" "$dir/relay.yaml" >"$dir/second.out" 2>"$dir/second.err" ||
  ! grep -q "10.99.0.1:5004.*in use" "$dir/second.err"; then
  fail "a second groupcastd" "$dir/second.out" "$dir/second.err"
fi

kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
# 103: the stream and its three end markers, which no sink counts.
expect "what left by the port" "$dir/relay.out" '^groupcastd: summary total' \
  in=206 engine_packets=103103 kernel=206 errors=103 overflow=0
expect "the first group" "$dir/relay.out" '^groupcastd: summary group=many' \
  in=103 out=103000 errors=0 errnos=none
expect "a member without a route" "$dir/relay.out" '^groupcastd: summary group=few' \
  in=103 out=206 errors=103 errnos=ENETUNREACH:103
grep -q "ENETUNREACH.*192.0.2.1:7004 ($dir/relay.yaml:[0-9]*)" "$dir/relay.err" ||
  fail "the failing member is named once" "$dir/relay.err"
grep -q '^groupcastd: stats in_per_s=' "$dir/relay.out" || fail "statistics" "$dir/relay.out"

# Stopped while the stream runs: all that was accepted arrives, and nothing twice.
start_relay 2 1003
start_sink many --recipients "$members" --idle 1
"$send" --recipients 10.99.0.1:5004 --count 100000 --payload 1200 --rate 300 >/dev/null &
sending=$!
sleep 1
kill -INT $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
kill $sending
wait "${sinks[many]}" || fail "what was accepted arrives" "$dir/many.log"
sent=$(grep -o ' out=[0-9]*' <<<"$(grep 'summary group=many' "$dir/relay.out")" | cut -d= -f2)
expect "a stop in the middle" "$dir/many.log" '^groupcast-sink: summary' \
  "received=$sent" lost=0 corrupt=0 duplicate=0
((sent > 100000)) || fail "too few for a stop in the middle" "$dir/relay.out"
finish
