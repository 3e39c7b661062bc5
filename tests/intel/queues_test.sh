#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# queues_test.sh MODEL BINDING GROUPCAST_SINK
#
# A card with a queue pair for each of two lcores. Both send, and 1000 receivers get all of it once and in
# order, while the guest's host is used by the same card, whose receive queues are all looked at.
. "$(dirname "$0")/_guest.sh"
sink=$3
variables=()
if [[ $1 == virtio-net-pci ]]; then
  # A TAP with as many queues, from which the frames of different flows come to as many of the card's.
  ip link del t0
  ip tuntap add t0 mode tap multi_queue
  ip link set t0 txqueuelen 10000
  ip address add 10.9.0.1/24 dev t0
  ip link set t0 up
  variables=(queue_pairs=2)
  tcpdump -i t0 -s 128 -B 32768 -w "$dir/cable.pcap" 2>"$dir/tcpdump.log" &
  dump=$!
fi
ip link set t0 address 02:00:00:00:00:02
start_guest "$1" "$2" queues "${variables[@]}"
printf '10.200.%d.%d:5004\n' $(for i in {0..999}; do echo $((i / 250)) $((i % 250 + 1)); done) >"$dir/shared/recipients"
"$sink" --recipients-file "$dir/shared/recipients" --prepend 7 --idle 2 >"$dir/sink.log" 2>&1 &
sink_pid=$!
wait_for_line "$dir/sink.log" '^groupcast-sink: ready'
await_guest sending
check "ping meanwhile" ping -c 10 -i 0.1 -W 2 10.9.0.2
check "ping of whole packets meanwhile" ping -c 5 -i 0.1 -W 2 -M do -s 1472 10.9.0.2
# More flows: an igb spreads none over its receive queues as it is set up here, a virtio-net card does.
for i in {11..18}; do
  ip address add 10.9.0.$i/24 dev t0
  check "ping from 10.9.0.$i" ping -c 2 -i 0.05 -W 2 -I 10.9.0.$i 10.9.0.2
done
end_guest
wait $sink_pid || fail "the receivers" "$dir/sink.log"
[[ -z ${dump:-} ]] || { kill -INT $dump && wait $dump; }
check "two TX queues" grep ', 2 TX queue(s)' "$dir/shared/send.out"
check "1000 receivers" grep 'received=60000 .*lost=0 corrupt=0 duplicate=0 reordered=0' "$dir/sink.log"
check "all by the engine" test -z "$(grep kernel_recipients "$dir/shared/send.out")"
# Each lcore counts the IPv4 ids of what it sends, in its own byte order: there are as many lines of ids,
# that each go up (by one, but for frames that the capture may have missed), as lcores have sent.
tcpdump -nn -v -r "$dir/cable.pcap" "udp dst port 5004 and ether src $guest_mac" 2>/dev/null |
  sed -n 's/.*, id \([0-9]*\),.*/\1/p' |
  awk '{
         id = $1 % 256 * 256 + int($1 / 256)
         line = 0
         least = 200
         for (i = 1; i <= lines; i++) {
           ahead = (id - last[i] + 65536) % 65536
           if (ahead > 0 && ahead < least) {
             least = ahead
             line = i
           }
         }
         if (!line) line = ++lines
         last[line] = id
         frames[line]++
       }
       END { for (i = 1; i <= lines; i++) print frames[i] }' | sort -n >"$dir/lcores"
check "by two lcores: $(echo $(<"$dir/lcores"))" test "$(wc -l <"$dir/lcores")" = 2
check "of which neither had less than a third" test "$(head -1 "$dir/lcores")" -gt 20000
finish_guests
