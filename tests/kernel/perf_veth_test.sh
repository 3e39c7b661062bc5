#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# perf_veth_test.sh GROUPCAST_PERF
#
# groupcast-perf on a kernel interface: what it says it sent arrives, and an interface that goes away
# during a run is no end of the world.
. "$(dirname "$0")/_init.sh"
perf=$(realpath "$1")
cd "$dir" || exit 1
start_rx v0
ip address add 10.99.0.1/16 dev v0
ip link set v0 up
on_rx ip address add 10.99.0.2/16 dev v1
on_rx ip link set v1 up
ip route add 198.18.0.0/16 via 10.99.0.2
ip neighbour add 10.99.0.2 dev v0 nud permanent \
  lladdr "$(on_rx ip -brief link show v1 | awk '{print $3}')"
on_rx nft -f - <<'NFT'
table netdev perf {
  chain ingress {
    type filter hook ingress device v1 priority 0; policy accept;
    ip saddr 10.99.0.1 ip daddr 198.18.0.1-198.18.0.100 udp sport 4000 udp dport 9 counter drop
  }
}
NFT
arrived() { on_rx nft list chain netdev perf ingress | grep -o 'packets [0-9]*' | grep -o '[0-9]*'; }

arguments=(--vdev net_af_packet0,iface=v0 --no-huge -- --mode group --recipients 100 --json out.json
  --tx-ip 0.0.0.0,198.18.0.1 --tx-udp 4000,9)
timeout 60 "$perf" "${arguments[@]}" --seconds 0.2 --latency >out 2>err ||
  fail "a run: exit status $?" out err
python3 - "$(arrived)" <<'PYTHON' || fail "what it says it sent" out out.json
import json, sys
r, arrived = json.load(open('out.json')), int(sys.argv[1])
assert r['wire'] == 'net_af_packet' and r['groupcasts'] > 0 and r['kernel_packets'] == 0, r
assert r['packets'] == 100 * r['groupcasts'] and r['dropped'] == 0, r
# With those of the warm-up.
assert arrived >= r['packets'] and arrived % 100 == 0, arrived
assert r['latency_ns']['groupcasts'] == r['groupcasts'], r
PYTHON

timeout 60 "$perf" "${arguments[@]}" --payload 1473 >out 2>err
[[ $? == 2 ]] && grep -q 'kernel_mtu' err || fail "datagrams above the MTU" out err

timeout 60 "$perf" "${arguments[@]}" --seconds 1 --rate 2000 --stats-period 0.1 >out 2>err &
wait_for_line out 'NIC statistics'
ip link delete v0
wait $!
[[ $? == 1 ]] || fail "an interface that goes away: exit status $?" out err
python3 - <<'PYTHON' || fail "an interface that goes away" out err out.json
import json
r = json.load(open('out.json'))
assert r['packets'] > 0 and r['dropped'] > 0, r
assert r['packets'] + sum(r['errors'][0].values()) == 100 * r['groupcasts'], r
assert r['seconds'] > 0.9 and r['errors'][0].keys() <= {'ENETUNREACH', 'ENETDOWN', 'EHOSTUNREACH',
                                                       'ENODEV', 'ENXIO'}, r
PYTHON
grep -q 'datagrams not sent: EN' out || fail "errors by errno" out
finish
