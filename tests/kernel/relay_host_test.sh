#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_host_test.sh DRIVER GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# groupcastd on an interface that the host keeps using: a stream comes in and leaves to some hundred
# receivers by the engine, every byte verified, while both hosts ping each other, use each other's TCP
# and UDP services and renew a DHCP lease over the same interface; and what it leaves there, however
# it ends.
. "$(dirname "$0")/_init.sh"
driver=$1 groupcastd=$2 send=$3 sink=$4
traffic=$(dirname "$0")/host_traffic.py
xdp=no
[[ $driver == net_af_xdp ]] && xdp=yes

. "$(dirname "$0")/_relay.sh"

members=10.200.0.1-10.200.1.144:5004
{
  echo "ports: [{name: lan0, device: \"${driver}0,iface=v0\"}]"
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
  on_rx "$send" --recipients 10.99.0.1:5004 --count 300 --payload 1200 --rate 100 >"$dir/send.log" &
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

# The other host gives addresses; this one renews its own when it is told to.
cat >"$dir/udhcpd.conf" <<END
interface v1
start 10.99.0.50
end 10.99.0.60
lease_file $dir/leases
pidfile $dir/udhcpd.pid
option subnet 255.255.0.0
option lease 600
END
touch "$dir/leases"
printf '#!/bin/sh\necho "$1 $ip"\n' >"$dir/leased"
chmod +x "$dir/leased"
on_rx udhcpd -f "$dir/udhcpd.conf" >"$dir/udhcpd.log" 2>&1 &
udhcpc -f -i v0 -s "$dir/leased" >"$dir/udhcpc.log" 2>&1 &
dhcp=$!
wait_for_line "$dir/udhcpc.log" '^bound 10.99.0.[56]'
ip address add "$(sed -n 's/^bound //p' "$dir/udhcpc.log")/16" dev v0

# "DESCRIPTION": the client asks its server for its lease once more, and gets it.
renew() {
  local before
  before=$(grep -c '^renew ' "$dir/udhcpc.log")
  kill -USR1 $dhcp
  for ((i = 0; i < 100; i++)); do
    (($(grep -c '^renew ' "$dir/udhcpc.log") > before)) && { echo "ok: $1: a lease is renewed"; return; }
    sleep 0.05
  done
  fail "$1: a lease is not renewed" "$dir/udhcpc.log" "$dir/udhcpd.log"
}

start_relay 1 400
expect_program $xdp "while it runs"
stream "while groupcastd sends"
renew "while groupcastd runs"
kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
expect_program no "after SIGTERM"
# 303: the stream and its three end markers, which no sink counts.
expect "what left by the port" "$dir/relay.out" '^groupcastd: summary total' \
  in=303 engine_in=303 engine_packets=121200 kernel=0 errors=0 overflow=0
use_both_ways "after SIGTERM" 0.5

# Killed in the middle of a stream.
start_relay 1 400
on_rx "$send" --recipients 10.99.0.1:5004 --count 100000 --payload 1200 --rate 100 >/dev/null &
sending=$!
sleep 0.5
kill -KILL $relay
wait $relay 2>/dev/null
pkill -P $sending
use_both_ways "after SIGKILL" 0.5
renew "after SIGKILL"
expect_program no "after SIGKILL"
start_relay 1 400
expect_program $xdp "after the next start"
renew "after the next start"
stream "after the next start"
kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
expect_program no "in the end"
finish
