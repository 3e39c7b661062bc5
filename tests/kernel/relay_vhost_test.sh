#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_vhost_test.sh GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# A stream that comes from a virtual machine's software NIC: a producer with an engine of its own on
# the guest's side of vhost-user, groupcastd on the host's, which sends it on by an interface.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 send=$2 sink=$3
. "$(dirname "$0")/_relay.sh"

cat >"$dir/relay.yaml" <<END
ports:
  - {name: lan0, device: "net_af_packet0,iface=v0"}
  - name: guest0
    device: net_vhost0,iface=$dir/guest.sock
    static:
      mac: "02:00:00:00:00:01"
      address: 192.0.2.1
      next_hops: [{to: 192.0.2.0/24, mac: "02:00:00:00:00:02"}]
memory: {hugepages: off}
groups:
  - name: many
    ingress: 0.0.0.0:5004     # every address of this host and of its ports
    members: [$(for ((i = 1; i <= 200; i++)); do printf '10.200.1.%d:5004, ' $i; done)]
END
cat >"$dir/guest.yaml" <<END
ports:
  - name: eth0
    device: net_virtio_user0,path=$dir/guest.sock
    static:
      mac: "02:00:00:00:00:02"
      address: 192.0.2.2
      next_hops: [{to: 192.0.2.0/24, mac: "02:00:00:00:00:01"}]
memory: {hugepages: off}
END
start_relay 1 200
start_sink many --recipients 10.200.1.1-10.200.1.200:5004 --idle 2
"$send" --config "$dir/guest.yaml" --recipients 192.0.2.1:5004 --count 500 --payload 1200 --rate 250 \
  >"$dir/send.log" 2>&1 || fail "the guest" "$dir/send.log"
wait "${sinks[many]}" || fail "the receivers" "$dir/many.log"
expect "200 receivers" "$dir/many.log" '^groupcast-sink: summary' \
  received=100000 lost=0 corrupt=0 duplicate=0
kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
expect "by the engine" "$dir/relay.out" '^groupcastd: summary total' \
  in=503 engine_in=503 engine_packets=100600 kernel=0 errors=0 copies=0
finish
