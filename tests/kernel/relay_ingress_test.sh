#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_ingress_test.sh GROUPCASTD
#
# What groupcastd receives: IPv4 and IPv6, several addresses for one group, multicast of any source and
# of named ones, joined on the right interface; datagrams of other sources go nowhere. Producers with
# a connected socket, with UDP_SEGMENT, with datagrams longer than the MTU or in fragments, with wrong
# checksums, at their last hop.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 sink=
tests=$(dirname "$(realpath "$0")")
. "$(dirname "$0")/_relay.sh"

ip address add fd00:99::1/64 dev v0 nodad
on_rx ip address add fd00:99::2/64 dev v1 nodad
on_rx ip address add fd00:99::3/64 dev v1 nodad
on_rx ip address add 10.99.0.3/16 dev v1
on_rx ip route add local fd00:200::/64 dev v1
ip route add fd00:200::/64 via fd00:99::2
# Whose datagrams come in fragments, and fit in a frame when they are put together again.
ip address add 10.99.1.1/32 dev v0
on_rx ip route add 10.99.1.1/32 dev v1 mtu lock 700
ip address add fd00:99::11/128 dev v0 nodad
on_rx ip route add fd00:99::11/128 dev v1 mtu lock 1280
# Where multicast would go and come from without an interface's name.
ip link add other0 type veth peer name other1
ip link set other0 up
ip link set other1 up
ip route add 224.0.0.0/4 dev other0
on_rx ip route add 224.0.0.0/4 dev v1
on_rx ip -6 route add multicast ff00::/8 dev v1 table local

cat >"$dir/relay.yaml" <<END
ports: [{name: lan0, device: "net_af_packet0,iface=v0"}]
memory: {hugepages: off}
groups:
  - name: both
    ingress: ["[fd00:99::1]:5004", 10.99.0.1:5004]
    ttl: 9
    tos: 184
    members:
$(for i in {1..40}; do printf '      - "[fd00:200::%x]:5004"\n' "$i"; done)
      - 10.200.0.1:5004
  - name: any_source
    ingress: {address: 239.1.2.3:6004, interface: v0}
    members: [10.200.0.1:6004]
  - name: one_source
    ingress: {address: 232.1.2.3:6006, interface: v0, from: [10.99.0.2]}
    members: [10.200.0.1:6006]
  - name: one_source6
    ingress: {address: "[ff35::1234]:6008", interface: v0, from: ["fd00:99::2"]}
    members: ["[fd00:200::1]:6008"]
  - name: one_link
    ingress: {address: "[ff02::1234]:6020", interface: v0}
    members: [10.200.0.1:6020]
  - name: filtered
    ingress: {address: 10.99.0.1:6010, from: [10.99.0.2]}
    members: [10.200.0.1:6010]
  - {name: segments, ingress: 10.99.0.1:6012, members: [10.200.0.1:6012]}
  - {name: large, ingress: 10.99.0.1:6014, members: [10.200.0.1:6014]}
  - {name: whole, ingress: 10.99.0.1:6016, members: [10.200.0.1:6016], dont_fragment: true}
  - {name: pieces, ingress: 10.99.0.1:6018, members: [10.200.0.1:6018], dont_fragment: false}
  - {name: short, ingress: 10.99.1.1:6022, members: [10.200.0.1:6022]}
  - {name: short6, ingress: "[fd00:99::11]:6024", members: ["[fd00:200::1]:6024"]}
  - {name: near_its_end, ingress: 10.99.0.1:6026, members: [10.200.0.1:6026]}
  - {name: checksums, ingress: 0.0.0.0:6028, members: [10.200.0.1:6028]}
END
# What waits for a neighbour is copied, and counted as that.
know 10.99.0.2 v0 on_rx
know fd00:99::2 v0 on_rx
on_rx tcpdump -n -l -vv -i v1 'igmp or ip6' >"$dir/joined.log" 2>"$dir/tcpdump.err" &
capture=$!
wait_for_line "$dir/tcpdump.err" 'listening on'
start_relay 14 54
wait_for_line "$dir/joined.log" 'gaddr 239.1.2.3 to_ex { }'
wait_for_line "$dir/joined.log" 'gaddr 232.1.2.3 allow { 10.99.0.2 }'
wait_for_line "$dir/joined.log" 'gaddr ff35::1234 allow { fd00:99::2 }'
pkill -P $capture

on_rx python3 "$tests/relay_ingress.py" 100 5004 6004 6006 6008 6010 6012 6014 6016 6018 6020 6022 6024 6026 6028 -- \
  '[fd00:99::2]:9000>[fd00:99::1]:5004' '10.99.0.2:9001>10.99.0.1:5004' \
  '10.99.0.2:9002>239.1.2.3:6004' '10.99.0.3:9002>239.1.2.3:6004' \
  '10.99.0.2:9003>232.1.2.3:6006' '10.99.0.3:9003>232.1.2.3:6006' \
  '[fd00:99::2]:9004>[ff35::1234]:6008' '[fd00:99::3]:9004>[ff35::1234]:6008' \
  '10.99.0.2:9005>10.99.0.1:6010' '10.99.0.3:9005>10.99.0.1:6010' \
  'segments=10.99.0.2:9006>10.99.0.1:6012' 'large=10.99.0.2:9007>10.99.0.1:6014' \
  '[fd00:99::2]:9010>[ff02::1234]:6020' \
  'large=10.99.0.2:9008>10.99.0.1:6016' 'large=10.99.0.2:9009>10.99.0.1:6018' \
  'pieces=10.99.0.2:9011>10.99.1.1:6022' 'pieces=[fd00:99::2]:9012>[fd00:99::11]:6024' \
  'ttl7=10.99.0.2:9013>10.99.0.1:6026' 'ttl1=10.99.0.3:9014>10.99.0.1:6026' \
  'spoilt=10.99.0.2:9015>10.99.0.1:6028' '10.99.0.2:9016>10.99.0.1:6028' >"$dir/came" 2>"$dir/came.err" ||
  fail "receiving" "$dir/came.err"
diff - "$dir/came" <<END || fail "what came"
5004 from 10.99.0.2 at 41 addresses: 4100 datagrams, 4100 different, ttl [9], tos [184]
5004 from fd00:99::2 at 41 addresses: 4100 datagrams, 4100 different, ttl [9], tos [184]
6004 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [64], tos [0]
6004 from 10.99.0.3 at 1 addresses: 100 datagrams, 100 different, ttl [64], tos [0]
6006 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [64], tos [0]
6008 from fd00:99::2 at 1 addresses: 100 datagrams, 100 different, ttl [64], tos [0]
6010 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [63], tos [0]
6012 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [63], tos [0]
6014 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [63], tos [0]
6018 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [63], tos [0]
6020 from fd00:99::2 at 1 addresses: 100 datagrams, 100 different, ttl [64], tos [0]
6022 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [63], tos [0]
6024 from fd00:99::2 at 1 addresses: 100 datagrams, 100 different, ttl [63], tos [0]
6026 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [6], tos [0]
6028 from 10.99.0.2 at 1 addresses: 100 datagrams, 100 different, ttl [63], tos [0]
END

kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
expect "both families" "$dir/relay.out" '^groupcastd: summary group=both' in=200 out=8200 errors=0
expect "other sources" "$dir/relay.out" '^groupcastd: summary group=filtered' \
  in=100 engine_in=100 dropped=source:100
# The engine counts what the kernel keeps from a socket that joined for some.
expect "other sources of multicast" "$dir/relay.out" '^groupcastd: summary group=one_source6' \
  in=100 engine_in=100 dropped=source:100
expect "segments in one frame" "$dir/relay.out" '^groupcastd: summary group=segments' \
  in=100 engine_in=0 left=gso:10
# net_af_packet's sockets put IPv4's fragments together themselves (PACKET_FANOUT_FLAG_DEFRAG).
expect "longer than the MTU" "$dir/relay.out" '^groupcastd: summary group=large' \
  in=100 out=100 errors=0 engine_in=0 left=long:100
expect "which may not be fragmented" "$dir/relay.out" '^groupcastd: summary group=whole' \
  in=100 out=0 errnos=EMSGSIZE:100
expect "fragments of what fits" "$dir/relay.out" '^groupcastd: summary group=short ' \
  in=100 engine_in=100 left=none
expect "fragments of IPv6" "$dir/relay.out" '^groupcastd: summary group=short6' \
  in=100 engine_in=0 left=fragment:100
expect "a last hop" "$dir/relay.out" '^groupcastd: summary group=near_its_end' \
  in=100 engine_in=100 dropped=expired:100
expect "checksums" "$dir/relay.out" '^groupcastd: summary group=checksums' \
  in=100 engine_in=100 dropped=checksum:100 overflow=0
# What the engine does not take is longer than the MTU, or in several pieces or datagrams a frame.
expect "by the engine" "$dir/relay.out" '^groupcastd: summary total' \
  engine_packets=9300 kernel=300 errors=100 engine_in=1100 bad_checksum=100 overflow=0 copies=500
finish
