#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# ports_test.sh MODEL SECOND_MODEL BINDING relay|calls GROUPCAST_SEND GROUPCAST_SINK
#
# One engine with two cards of two drivers. What groupcastd receives by the second, or groupcast-send's
# calls, leaves by the card that the kernel's routes say, from its address, once. A route that changes
# meanwhile moves its members to the other card, and as both have a cable nothing is lost. A cut cable is
# an error for those behind it, and for nobody else.
. "$(dirname "$0")/_guest.sh"
by=$4 send=$5 sink=$6
ip link set t0 address 02:00:00:00:00:02
ip tuntap add t1 mode tap
ip link set t1 txqueuelen 10000
ip link set t1 address 02:00:00:00:00:12
ip address add 10.10.0.1/24 dev t1
ip link set t1 up
start_guest "$1" "$3" ports second_card="$2" by="$by"
# Of the first card, of the second, and those that move from the one to the other.
for net in 200 201 202; do
  ip route replace local 10.$net.0.0/16 dev lo
  "$sink" --recipients 10.$net.0.1-10.$net.0.200:5$net >"$dir/sink-$net.log" 2>&1 &
  sinks+=($!)
  wait_for_line "$dir/sink-$net.log" '^groupcast-sink: ready'
done
await_guest ready
if [[ $by == relay ]]; then
  # More than it takes; ended below.
  "$send" --recipients 10.10.0.2:5004 --count 100000 --payload 500 --rate 20 >"$dir/shared/send.out" 2>&1 &
  source=$!
fi
check "ping by the first card meanwhile" ping -c 5 -i 0.1 -W 2 10.9.0.2
check "ping by the second" ping -c 5 -i 0.1 -W 2 10.10.0.2
tell_guest move
await_guest moved
sleep 1
monitor "set_link card off"
await_guest cut
check "ping by the second while the first has no cable" ping -c 5 -i 0.2 -W 2 10.10.0.2
monitor "set_link card on"
await_guest back
sleep 2
if [[ $by == relay ]]; then
  kill -TERM $source
  wait $source || fail "the source" "$dir/shared/send.out"
  sleep 0.5
fi
tell_guest stop
end_guest
sleep 0.5
kill -TERM "${sinks[@]}"
wait "${sinks[@]}"

[[ $(grep '^groupcast-send: summary' "$dir/shared/send.out") =~ groupcasts=([0-9]+)\ sent=([0-9]+)\ errors=([0-9]+) ]] ||
  fail "no summary" "$dir/shared/send.out"
streamed=$((${BASH_REMATCH[1]:-0} * 200)) sent=${BASH_REMATCH[2]:-0} errors=${BASH_REMATCH[3]:-0}
end=$((3 * 200)) # of the groupcasts that tell where the end is
check "behind the second card all came" grep "received=$streamed .*lost=0 corrupt=0 duplicate=0" "$dir/sink-201.log"
check "so it did where the route changed" grep "received=$streamed .*lost=0 corrupt=0 duplicate=0" "$dir/sink-202.log"
check "behind the first card: to the end" grep "$((streamed / 200)) datagrams to each recipient$" "$dir/sink-200.log"
[[ $(grep summary "$dir/sink-200.log") =~ received=([0-9]+).*corrupt=0\ duplicate=0 ]] ||
  fail "receivers" "$dir/sink-200.log"
received=${BASH_REMATCH[1]:-0}
# "CABLE FILTER": how many of the groupcasts' frames on it.
frames() { tcpdump -nn -r "$dir/$1.pcap" "udp dst portrange 5200-5202 and ($2)" 2>/dev/null | wc -l; }
moved=$(frames cable "dst net 10.202.0.0/16")
check "by the first card: its own" test "$(frames cable "dst net 10.200.0.0/16")" = $((received + end))
check "and at first those that move: $moved" test "$moved" -ge 2000
check "and nobody else's" test "$(frames cable "dst net 10.201.0.0/16")" = 0
check "by the second: its own" test "$(frames cable2 "dst net 10.201.0.0/16")" = $((streamed + end))
check "and the rest of those that move" test "$(frames cable2 "dst net 10.202.0.0/16")" = $((streamed + end - moved))
check "and nobody else's" test "$(frames cable2 "dst net 10.200.0.0/16")" = 0
check "from each card's address and MAC" test \
  "$(frames cable "not (src 10.9.0.2 and ether src $guest_mac)") $(frames cable2 "not (src 10.10.0.2 and ether src $second_mac)")" = "0 0"

# What the sender says of all three.
all=$((3 * streamed)) by_kernel=0
if [[ $by == relay ]]; then
  all=$((3 * (streamed + end)))
  [[ $(grep 'summary group=many' "$dir/shared/relay.out") =~ out=([0-9]+)\ errors=([0-9]+) ]] ||
    fail "no summary" "$dir/shared/relay.out"
  sent=${BASH_REMATCH[1]:-0} errors=${BASH_REMATCH[2]:-0}
  [[ ! $(grep 'summary total' "$dir/shared/relay.out") =~ kernel=([0-9]+) ]] || by_kernel=${BASH_REMATCH[1]}
  check "for want of a link only" grep "summary group=many .*errnos=ENETDOWN:$errors " "$dir/shared/relay.out"
else
  check "for want of a link only" grep "$errors datagrams not sent: ENETDOWN" "$dir/shared/send.out"
  check "by two lcores" grep "port 'first'.* 2 TX queue(s)" "$dir/shared/send.out"
  check "but one queue where checksums have one context" grep "port 'second'.*net_e1000_em.* 1 TX queue(s)" \
    "$dir/shared/send.out"
  check "and not by the kernel" test -z "$(grep kernel_recipients "$dir/shared/send.out")"
fi
check "each is sent or failed: $sent and $errors" test $((sent + errors)) = $all
check "some failed" test "$errors" -gt 2000
# Gone are those that the card got between the cut and the look that notices it, up to 100 ms later, and
# what the kernel has for a next hop that has to be asked for again then.
lost=$((streamed - errors - received))
check "what was sent came: all but $lost" test "$lost" -ge 0 -a "$lost" -le $((2000 + by_kernel))
finish_guests
