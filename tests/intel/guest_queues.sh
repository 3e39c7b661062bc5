# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# Two lcores, each with a TX queue of the card's, send to 1000 at the calls of two threads.
ip tuntap add eth0 mode tap
ip link set eth0 address 02:00:00:00:00:01
ip address add 10.9.0.2/24 dev eth0
ip link set eth0 up
ip route add 10.200.0.0/16 via 10.9.0.1
ip neighbour add 10.9.0.1 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
# Sockets then let datagrams be fragmented, which therefore have an id: each lcore counts its own.
echo 1 >/proc/sys/net/ipv4/ip_no_pmtu_disc
cat >/run/engine.yaml <<END
ports: [{name: nic, device: "$device", exception_interface: eth0}]
lcores: [0, 1]
memory: {size_mib: 224, hugepages: required}
END
$groupcast_send --config /run/engine.yaml --recipients-file /run/shared/recipients --threads 2 --count 30 \
  --rate 12 --payload 1000 --prepend 7 >/run/shared/send.out 2>&1 &
sending=$!
await_line /run/shared/send.out "port 'nic'.*exception interface eth0"
until [[ $(cat /sys/class/net/eth0/carrier) == 1 ]]; do sleep 0.1; done
tell_host sending
wait $sending
