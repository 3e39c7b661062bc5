# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# A VLAN of the kernel's on the exception interface: groupcasts go by its routes, with its tag, and so
# does all else that the host sends there.
ip tuntap add eth0 mode tap
ip address add 10.9.0.2/24 dev eth0
ip link set eth0 up
ip link add link eth0 name eth0.7 type vlan id 7
ip address add 10.9.7.2/24 dev eth0.7
ip link set eth0.7 up
ip route add 10.200.0.0/16 via 10.9.7.1
ip neighbour add 10.9.7.1 lladdr 02:00:00:00:00:02 dev eth0.7 nud permanent
cat >/run/engine.yaml <<END
ports: [{name: nic, device: "$device", exception_interface: eth0, kernel_interface: eth0.7}]
lcores: [1]
memory: {size_mib: 224, hugepages: required}
END
$groupcast_send --config /run/engine.yaml --recipients 10.200.0.1-10.200.0.100:5004 --count 60 --rate 10 \
  --payload 1001 --prepend 5 >/run/shared/send.out 2>&1 &
sending=$!
await_line /run/shared/send.out "port 'nic'.*exception interface eth0.7, VLAN 7"
# Nobody answers; that they leave is what counts.
ping -c 3 -i 0.2 -W 1 10.9.7.1 || true
ping -c 3 -i 0.2 -W 1 10.9.0.1
wait $sending
grep -q 'kernel_recipients' /run/shared/send.out && exit 1
exit 0
