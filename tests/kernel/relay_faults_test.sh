#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_faults_test.sh GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# What comes wrong from outside touches nobody else, and is counted by its reason: an interface and an
# ingress that are flooded, members that nobody answers for, datagrams that go round between two
# relays, sources that change, and RTP that makes no sense.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 send=$2 sink=$3
faults=$(dirname "$(realpath "$0")")/relay_faults.py
. "$(dirname "$0")/_relay.sh"
know 10.99.0.2 v0 on_rx

# "DEVICE GROUP…": the relay's configuration.
write_config() {
  {
    echo "ports: [{name: lan0, device: \"net_$1,iface=v0\"}]"
    echo 'memory: {hugepages: off}'
    # Who waits for a member that does not answer is late beyond doubt.
    echo 'resolver: {wait_ms: 5000}'
    echo 'groups:'
    printf '  - %s\n' "${@:2}"
  } >"$dir/relay.yaml"
}
# "NAME UDP_PORT…": receives there with the receivers.
start_receive() {
  on_rx python3 "$faults" receive 2 "${@:2}" >"$dir/$1.log" 2>&1 &
  sinks[$1]=$!
  wait_for_line "$dir/$1.log" '^receiving'
}
# --- a flood ---

mac=$(ip -brief link show v0 | awk '{print $3}')
ip address add 10.99.0.9/16 dev v0
on_rx ip neighbour add 10.99.7.7 lladdr "$mac" dev v1 nud permanent
write_config af_packet0 \
  "{name: good, ingress: 10.99.0.1:5004, members: [$(printf '"10.200.0.%d:5004",' {1..100})]}" \
  '{name: hit, ingress: 10.99.0.1:6004, members: [10.200.0.1:6004, 10.200.0.2:6005]}' \
  '{name: rtp, ingress: 10.99.0.1:6006, rtp: {}, members: [10.200.0.1:6006]}'
start_relay 3 103
start_receive hit 6004 6005
nsenter --net=/proc/$rx/ns/net -- python3 "$faults" flood 10.99.0.2 10.99.0.1,10.99.0.9,10.99.7.7 \
  6004 6006 >"$dir/flood.log" 2>&1 &
flood=$!
wait_for_line "$dir/flood.log" '^flooding'
start_sink good --recipients 10.200.0.1-10.200.0.100:5004 --idle 1
on_rx "$send" --recipients 10.99.0.1:5004 --count 400 --payload 1200 --rate 200 >"$dir/send.log" ||
  fail "the sender" "$dir/send.log"
kill -TERM $flood
wait $flood || fail "the flood" "$dir/flood.log"
wait "${sinks[good]}" || fail "receivers in a flood" "$dir/good.log"
wait "${sinks[hit]}"
expect "a stream beside a flood" "$dir/good.log" '^groupcast-sink: summary' \
  received=40000 lost=0 corrupt=0 duplicate=0
stop_relay
expect "its group" "$dir/relay.out" '^groupcastd: summary group=good' \
  in=403 engine_in=403 out=40300 errors=0 dropped=none left=none
flooded() { number "$dir/flood.log" ^sent "$1"; }
came=$(($(flooded tiny) + $(flooded long) + $(flooded padded)))
(($(flooded other_port) > 1000 && came > 100)) || fail "no flood" "$dir/flood.log"
# On a busy machine some may find no room.
(($(group hit in) + $(group hit queue_full) + $(group hit overflow) == came)) ||
  fail "$came datagrams for the ingress that is hit" "$dir/relay.out"
[[ $(group hit in) == "$(number "$dir/hit.log" '^6004' datagrams)" &&
  $(group hit in) == "$(number "$dir/hit.log" '^6005' datagrams)" ]] ||
  fail "what its members got" "$dir/hit.log" "$dir/relay.out"
expect "the ingress that is hit" "$dir/relay.out" '^groupcastd: summary group=hit' \
  "left=header:$(($(flooded length) + $(flooded padded))),long:$(flooded long)"
(($(group hit checksum) == $(flooded checksum))) || fail "checksums" "$dir/relay.out" "$dir/flood.log"
(($(group rtp not_rtp) + $(group rtp queue_full) == $(flooded not_rtp))) ||
  fail "what is not RTP" "$dir/relay.out" "$dir/flood.log"
expect "the ingress of RTP" "$dir/relay.out" '^groupcastd: summary group=rtp' out=0 errors=0 left=none

# --- members that nobody answers for ---

write_config af_packet0 \
  "{name: mixed, ingress: 10.99.0.1:5004, members: [$(
    for i in {1..60}; do
      printf '"10.200.0.%d:5004",' $i
      ((i % 12)) || printf '"10.99.9.%d:5004",' $i
    done)]}"
start_relay 1 65
start_receive good 5004
on_rx python3 "$faults" stamps 100 0.005 1000 64 '10.99.0.2:9000>10.99.0.1:5004' || fail "stamps"
wait "${sinks[good]}" || fail "receiving" "$dir/good.log"
stop_relay
expect "members beside some that do not answer" "$dir/good.log" '^5004' datagrams=6000 in_order=100
latest_ms=$(number "$dir/good.log" ^5004 latest_ms)
((latest_ms < 2000)) || fail "they wait with those that do not answer: $latest_ms ms" "$dir/good.log"
expect "the group of both" "$dir/relay.out" '^groupcastd: summary group=mixed' \
  in=100 engine_in=100 engine_out=6000 dropped=none

# --- round and round between two relays ---

ip address add fd00:99::1/64 dev v0 nodad
on_rx ip address add fd00:99::2/64 dev v1 nodad
# Each is a member of the other's group; the third member of the first gets one copy a round. What is
# longer than the MTU goes by the sockets of both.
write_config af_xdp0 \
  '{name: ring, ingress: 10.99.0.1:5004, members: ["10.99.0.2:5004", "10.200.0.1:6004"]}' \
  '{name: ring6, ingress: "[fd00:99::1]:5006", members: ["[fd00:99::2]:5006"]}' \
  '{name: long, ingress: 10.99.0.1:5008, members: ["10.99.0.2:5008"]}'
cat >"$dir/there.yaml" <<END
ports: [{name: lan0, device: "net_af_packet0,iface=v1"}]
memory: {hugepages: off}
groups:
  - {name: ring, ingress: 10.99.0.2:5004, members: ["10.99.0.1:5004"]}
  - {name: ring6, ingress: "[fd00:99::2]:5006", members: ["[fd00:99::1]:5006"]}
  - {name: long, ingress: 10.99.0.2:5008, members: ["10.99.0.1:5008"]}
END
start_relay 3 4
nsenter --net=/proc/$rx/ns/net -- "$groupcastd" "$dir/there.yaml" >"$dir/there.out" 2>"$dir/there.err" &
there=$!
wait_for_line "$dir/there.out" '^groupcastd: ready'
start_receive rounds 6004
on_rx python3 "$faults" stamps 20 0.01 1000 64 '10.99.0.2:9000>10.99.0.1:5004' \
  '[fd00:99::2]:9000>[fd00:99::1]:5006' || fail "stamps"
on_rx python3 "$faults" stamps 20 0.01 3000 255 '10.99.0.2:9000>10.99.0.1:5008' || fail "stamps"
wait "${sinks[rounds]}"
stop_relay
kill -TERM $there
wait $there || fail "the other groupcastd ends with $?" "$dir/there.err"
# Here with 64, 62, … 2, there with 63, 61, … 3 and a last 1.
for name in ring ring6; do
  expect "$name: the first relay" "$dir/relay.out" "^groupcastd: summary group=$name " \
    in=640 engine_in=640 errors=0 dropped=none
  expect "$name: the second one" "$dir/there.out" "^groupcastd: summary group=$name " \
    in=620 out=620 engine_in=620 errors=0 dropped=expired:20
done
expect "who else is a member" "$dir/rounds.log" ^6004 datagrams=640
# Here with 255, then, as it sends with 64 at most, there with 64, 62, … 2.
expect "long: the first relay" "$dir/relay.out" '^groupcastd: summary group=long ' \
  in=640 out=640 engine_in=0 errors=0 dropped=expired:20
expect "long: the second one" "$dir/there.out" '^groupcastd: summary group=long ' \
  in=640 out=640 engine_in=0 errors=0 dropped=none

# --- sources that change, and RTP that makes no sense ---

on_rx ip address add 10.99.0.3/16 dev v1
write_config af_packet0 \
  '{name: plain, ingress: 10.99.0.1:5004, members: [10.200.0.1:5004, 10.200.0.2:5005]}' \
  '{name: rtp, ingress: 10.99.0.1:6004, rtp: {}, members: [10.200.0.1:6004, 10.200.0.2:6005]}'
start_relay 2 4
start_receive changing 5004 5005 6004 6005
on_rx python3 "$faults" rtp '10.99.0.2:9000>10.99.0.1:5004' '10.99.0.2:9001>10.99.0.1:6004' 10.99.0.3 \
  >"$dir/rtp.log" || fail "the source" "$dir/rtp.log"
wait "${sinks[changing]}" || fail "receiving" "$dir/changing.log"
stop_relay
sent() { number "$dir/rtp.log" ^sent "$1"; }
(($(sent rtp) > 500 && $(sent not_rtp) > 40)) || fail "the source" "$dir/rtp.log"
all=$(($(sent rtp) + $(sent not_rtp)))
for udp_port in 5004 5005; do
  expect "a member of the plain group" "$dir/changing.log" ^$udp_port \
    datagrams=$all in_order="$(sent rtp)" other="$(sent not_rtp)" sources=3
done
for udp_port in 6004 6005; do
  expect "a member of the RTP group" "$dir/changing.log" ^$udp_port \
    datagrams="$(sent rtp)" in_order="$(sent rtp)" rtp_in_order="$(sent rtp)" sources=1
done
expect "the plain group" "$dir/relay.out" '^groupcastd: summary group=plain' \
  in=$all engine_in=$all dropped=none
expect "the RTP group" "$dir/relay.out" '^groupcastd: summary group=rtp' \
  in=$all engine_in=$all dropped=not_rtp:"$(sent not_rtp)"
(($(group rtp rtp_restarts) == $(sent restarts))) ||
  fail "restarts of the source" "$dir/relay.out" "$dir/rtp.log"
finish
