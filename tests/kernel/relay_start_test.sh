#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_start_test.sh DRIVER GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# groupcastd starts while the stream runs, is killed, and starts again: what the members get from the
# first datagram on is in order and without a gap, though the socket's thread sends before the engine
# takes over.
. "$(dirname "$0")/_init.sh"
driver=$1 groupcastd=$2 send=$3 sink=$4
. "$(dirname "$0")/_relay.sh"
know 10.99.0.2 v0 on_rx
members=100
{
  echo "ports: [{name: near, device: \"${driver}0,iface=v0\"}]"
  echo 'memory: {hugepages: off}'
  echo "groups: [{name: live, ingress: 10.99.0.1:5004, members: ["
  printf '10.200.0.%d:5004,' $(seq $members)
  echo ']}]'
} >"$dir/relay.yaml"

on_rx "$send" --recipients 10.99.0.1:5004 --count 1000000 --payload 1000 --rate 300 \
  --end-markers 0 >"$dir/send" 2>&1 &
sender=$!
sleep 0.3
for round in first second; do
  start_sink "$round" --recipients "10.200.0.1-10.200.0.$members:5004" --join-late --seconds 3
  start_relay 1 $members
  wait "${sinks[$round]}" || fail "the $round start: what came" "$dir/$round.log"
  kill -KILL $relay
  { wait $relay; } 2>"$dir/killed"
  expect "the $round start" "$dir/$round.log" '^groupcast-sink: summary' lost=0 corrupt=0 duplicate=0
  # One datagram may be on its way from the socket when the engine has the next.
  (($(number "$dir/$round.log" '^groupcast-sink: summary' reordered) <= 2 * members)) ||
    fail "the $round start: order" "$dir/$round.log"
  (($(number "$dir/relay.out" '^groupcastd: stats' engine_packets) > 300 * members)) ||
    fail "the $round start: the engine did not take over" "$dir/relay.out"
done
pkill -TERM -P $sender
finish
