#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_test.sh MODEL BINDING GROUPCAST_SEND GROUPCAST_SINK
#
# groupcastd in a guest owns an emulated Intel card. A stream to 1000 receivers arrives, every byte and
# checksum right, while the guest's host is used by the same card as any other: DHCP, ARP, ping, UDP.
. "$(dirname "$0")/_guest.sh"
send=$3 sink=$4
cat >"$dir/udhcpd.conf" <<END
interface t0
start 10.9.0.2
end 10.9.0.2
lease_file $dir/leases
pidfile $dir/udhcpd.pid
option subnet 255.255.255.0
option router 10.9.0.1
END
touch "$dir/leases"
udhcpd -f "$dir/udhcpd.conf" >"$dir/udhcpd.log" 2>&1 &

start_guest "$1" "$2" relay
await_guest ready
"$sink" --recipients 10.200.0.1-10.200.0.250:5004 --recipients 10.200.1.1-10.200.1.250:5004 \
  --recipients 10.200.2.1-10.200.2.250:5004 --recipients 10.200.3.1-10.200.3.250:5004 --idle 2 \
  >"$dir/sink.log" 2>&1 &
sink_pid=$!
wait_for_line "$dir/sink.log" '^groupcast-sink: ready'
"$send" --recipients 10.9.0.2:5004 --count 50 --payload 1200 --rate 25 >"$dir/send.log" 2>&1 &
send_pid=$!
check "ping meanwhile" ping -c 10 -i 0.1 -W 2 10.9.0.2
check "ping of whole packets meanwhile" ping -c 5 -i 0.1 -W 2 -M do -s 1472 10.9.0.2
check "ping of pieces" ping -c 2 -i 0.1 -W 2 -s 4000 10.9.0.2
check "UDP of an ordinary socket" python3 "$here/../kernel/udp_echo.py" ask 10.9.0.2 7 20
check "ping over IPv6" ping -c 2 -i 0.1 -W 2 fd09::2
wait $send_pid || fail "the source" "$dir/send.log"
wait $sink_pid || fail "the receivers" "$dir/sink.log"
check "1000 receivers" grep 'received=50000 .*lost=0 corrupt=0 duplicate=0' "$dir/sink.log"
tell_guest change
await_guest changed
ip neighbour flush dev t0
check "another MAC of the interface is the card's" ping -c 2 -i 0.2 -W 2 10.9.0.2
check "and it is that" grep -q 02:00:00:00:00:09 <(ip neighbour show 10.9.0.2)
check "and promiscuous mode" grep 'follows eth0: promiscuous' "$dir/shared/relay.err"
ip link set t0 mtu 9000
check "and an MTU of 9000" ping -c 5 -i 0.2 -W 2 -M do -s 8972 10.9.0.2
tell_guest stop
end_guest
check "all by the engine" grep -E 'summary total .*engine_packets=5[0-9]{4} kernel=0 errors=0' "$dir/shared/relay.out"
# Its group and the exception path are the first lcore's. An igb spreads what comes over as many queues as
# there are lcores: of twenty senders some come by the second one's. The other cards have one queue here.
handed=$(sed -n 's/^groupcastd: summary total .* handed=\([0-9]*\)$/\1/p' "$dir/shared/relay.out")
if [[ $1 == igb ]]; then
  check "both queues received, the second one $handed" test "$handed" -gt 0
else
  check "one queue received" test "$handed" = 0
fi
finish_guests
