#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_two_ports_test.sh GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# groupcastd between two hosts, with a port to each, of one driver or of two: what comes in by one port
# leaves by the other, by both, or by itself, every byte verified, by the engine without a copy.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 send=$2 sink=$3
. "$(dirname "$0")/_relay.sh"
start_far
know 10.99.0.2 v0 on_rx
know 10.98.0.2 w0 on_far

# "DRIVER OF THE NEAR PORT" "DRIVER OF THE FAR PORT": all three at once.
relay_between() {
  local what="$1 near, $2 far" sending name i out
  {
    echo "ports: [{name: near, device: \"$1""0,iface=v0\"}, {name: far, device: \"$2""1,iface=w0\"}]"
    echo 'memory: {hugepages: off}'
    echo 'groups:'
    echo "  - {name: across, ingress: 10.99.0.1:5004, members: [$(printf '"10.201.0.%d:5004",' {1..200})]}"
    echo '  - {name: both, ingress: 10.99.0.1:5005, members: ['
    for ((i = 1; i <= 200; i++)); do echo "    10.200.0.$i:5005, 10.201.0.$i:5005,"; done
    echo '    ]}'
    echo "  - {name: back, ingress: 10.98.0.1:5006, members: [$(printf '"10.200.0.%d:5006",' {1..200})]}"
  } >"$dir/relay.yaml"
  start_relay 3 800
  rx=$far start_sink across --recipients 10.201.0.1-10.201.0.200:5004 --idle 2
  rx=$far start_sink both_far --recipients 10.201.0.1-10.201.0.200:5005 --idle 2
  start_sink both_near --recipients 10.200.0.1-10.200.0.200:5005 --idle 2
  start_sink back --recipients 10.200.0.1-10.200.0.200:5006 --idle 2
  on_rx "$send" --recipients 10.99.0.1:5004-5005 --count 100 --payload 1200 --rate 50 >"$dir/near.send" &
  sending=$!
  on_far "$send" --recipients 10.98.0.1:5006 --count 100 --payload 1200 --rate 50 >"$dir/far.send" ||
    fail "$what: the far sender" "$dir/far.send"
  wait $sending || fail "$what: the near sender" "$dir/near.send"
  for name in across both_far both_near back; do
    wait "${sinks[$name]}" || fail "$what: sink '$name'" "$dir/$name.log"
    expect "$what: $name" "$dir/$name.log" '^groupcast-sink: summary' \
      received=20000 lost=0 corrupt=0 duplicate=0
  done
  stop_relay
  # The streams and the three end markers of each: 103 times 200, 400 and 200.
  expect "$what: by the engine" "$dir/relay.out" '^groupcastd: summary total' \
    in=309 out=82400 engine_in=309 engine_packets=82400 kernel=0 errors=0 copies=0 overflow=0
  for name in across both back; do
    out=200
    [[ $name == both ]] && out=400
    expect "$what: group '$name'" "$dir/relay.out" "^groupcastd: summary group=$name " \
      in=103 engine_in=103 "engine_out=$((103 * out))" dropped=none left=none
  done
}

relay_between net_af_packet net_af_packet
relay_between net_af_xdp net_af_packet
relay_between net_af_packet net_af_xdp
finish
