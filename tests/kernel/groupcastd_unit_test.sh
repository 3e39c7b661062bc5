#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# groupcastd_unit_test.sh GROUPCASTD UNIT GROUPCAST_SEND GROUPCAST_SINK
#
# The systemd unit is one, and groupcastd with an engine relays with the capabilities that it leaves.
. "$(dirname "$0")/_init.sh"
groupcastd=$(realpath "$1") unit=$2 send=$3 sink=$4

# With this build's program, since nothing is installed.
sed "s|^\(Exec[a-zA-Z]*\)=[^ ]*/groupcastd |\1=$groupcastd |" "$unit" >"$dir/groupcastd@name.service"
systemd-analyze verify --man=no "$dir/groupcastd@name.service" >"$dir/verify" 2>&1 &&
  [[ ! -s $dir/verify ]] || fail "systemd-analyze verify" "$dir/verify"
grep -q "^ExecStart=/.*/groupcastd .* /etc/groupcast/%i.yaml$" "$unit" || fail "its command" "$unit"

ip link add v0 type veth peer name v1
ip address add 10.99.0.1/16 dev v0
ip link set v0 up
ip link set v1 up
ip link add v2 type veth peer name v3
ip address add 10.98.0.1/16 dev v2
ip link set v2 up
ip link set v3 up
cat >"$dir/relay.yaml" <<END
ports: [{name: lan0, device: "net_af_packet0,iface=v0"}, {name: lan1, device: "net_af_xdp0,iface=v2"}]
memory: {hugepages: off}
groups: [{name: g, ingress: 127.0.0.1:504, members: [127.0.0.1:5004]}]
END
capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' "$unit" | tr 'A-Z' 'a-z' | sed 's/cap_/,+/g; s/ //g')
[[ -n $capabilities ]] || fail "its capabilities" "$unit"
setpriv --bounding-set "-all$capabilities" --inh-caps "-all$capabilities" --no-new-privs \
  "$groupcastd" "$dir/relay.yaml" >"$dir/relay.out" 2>"$dir/relay.err" &
relay=$!
wait_for_line "$dir/relay.out" '^groupcastd: ready groups=1 members=1$'
[[ $(sed -n 's/^CapBnd:\t//p' /proc/$relay/status) != $(sed -n 's/^CapBnd:\t//p' /proc/self/status) ]] ||
  fail "it had all capabilities"
"$sink" --recipients 127.0.0.1:5004 --idle 1 >"$dir/sink.log" 2>&1 &
receiving=$!
wait_for_line "$dir/sink.log" '^groupcast-sink: ready'
"$send" --recipients 127.0.0.1:504 --count 100 --rate 1000 >"$dir/send.log" || fail "sending" "$dir/send.log"
wait $receiving || fail "receiving" "$dir/sink.log"
grep -q 'received=100 distinct=100 lost=0 corrupt=0 duplicate=0' "$dir/sink.log" || fail "receiving" "$dir/sink.log"
kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.out" "$dir/relay.err"
grep -q 'receive buffers are' "$dir/relay.err" && fail "its receive buffer" "$dir/relay.err"
finish
