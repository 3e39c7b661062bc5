#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# af_xdp_test.sh GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# groupcastd with a net_af_xdp port: a stream to some hundred receivers on another host, every byte
# verified, while both hosts ping each other and use each other's TCP and UDP services over the same
# interface; and what it leaves there, however it ends.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 send=$2 sink=$3
traffic=$(dirname "$0")/host_traffic.py

. "$(dirname "$0")/_relay.sh"

members=10.200.0.1-10.200.1.144:5004
{
  echo 'ports: [{name: lan0, device: "net_af_xdp0,iface=v0"}]'
  echo 'memory: {hugepages: off}'
  # However busy the machine is while the gateway is asked for anew.
  echo 'resolver: {wait_ms: 5000}'
  echo 'groups:'
  echo '  - {name: many, ingress: 10.99.0.1:5004, source: 10.99.0.1:5004, members: ['
  for ((i = 1; i <= 400; i++)); do echo "    10.200.$((i / 256)).$((i % 256)):5004,"; done
  echo '    ]}'
} >"$dir/relay.yaml"

"$traffic" serve >"$dir/serving_here" 2>&1 &
on_rx "$traffic" serve >"$dir/serving_there" 2>&1 &
wait_for_line "$dir/serving_here" serving
wait_for_line "$dir/serving_there" serving

# "DESCRIPTION SECONDS": all that both hosts ask of each other is answered.
use_both_ways() {
  local description=$1 using
  on_rx "$traffic" use 10.99.0.1 "$2" >"$dir/used_here" 2>&1 &
  using=$!
  "$traffic" use 10.99.0.2 "$2" >"$dir/used_there" 2>&1 || fail "$description: the other host" "$dir/used_there"
  wait $using || fail "$description: this host" "$dir/used_here"
  echo "ok: $description: $(tail -n 1 "$dir/used_here"), $(tail -n 1 "$dir/used_there")"
}

# "yes|no DESCRIPTION": whether the interface has an XDP program.
expect_program() {
  local has=no
  ip link show dev v0 >"$dir/link"
  grep -q prog/xdp "$dir/link" && has=yes
  [[ $has == "$1" ]] || fail "$2: a program on the interface: $has" "$dir/link"
}

# "DESCRIPTION": the stream arrives whole, and everything else goes on.
stream() {
  local sending
  start_sink many --recipients "$members" --idle 1
  "$send" --recipients 10.99.0.1:5004 --count 300 --payload 1200 --rate 100 >"$dir/send.log" &
  sending=$!
  # Neighbours are learned anew meanwhile: what answers ARP is the kernel.
  ip neighbour flush dev v0
  on_rx ip neighbour flush dev v1
  use_both_ways "$1" 2.5
  wait $sending || fail "$1: the sender" "$dir/send.log"
  wait "${sinks[many]}" || fail "$1: the receivers" "$dir/many.log"
  expect "$1: 400 receivers" "$dir/many.log" '^groupcast-sink: summary' \
    received=120000 lost=0 corrupt=0 duplicate=0
}

start_relay 1 400
expect_program yes "while it runs"
stream "while groupcastd sends"
kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
expect_program no "after SIGTERM"
# 303: the stream and its three end markers, which no sink counts.
expect "what left by the port" "$dir/relay.out" '^groupcastd: summary total' \
  in=303 engine_packets=121200 kernel=0 errors=0 overflow=0
use_both_ways "after SIGTERM" 0.5

# Killed in the middle of a stream.
start_relay 1 400
"$send" --recipients 10.99.0.1:5004 --count 100000 --payload 1200 --rate 100 >/dev/null &
sending=$!
sleep 0.5
kill -KILL $relay
wait $relay 2>/dev/null
kill $sending
use_both_ways "after SIGKILL" 0.5
expect_program no "after SIGKILL"
start_relay 1 400
expect_program yes "after the next start"
stream "after the next start"
kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
expect_program no "in the end"
finish
