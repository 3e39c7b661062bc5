# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# groupcastd owns two cards; what it receives by either goes to members behind both, by the routes.
add_interface() {
  ip tuntap add "$1" mode tap
  ip address add "$2" dev "$1"
  ip link set "$1" up
}
add_interface eth0 10.9.0.2/24
add_interface eth1 10.10.0.2/24
ip route add 10.200.0.0/16 via 10.9.0.1
ip route add 10.201.0.0/16 via 10.10.0.1
ip route add 10.202.0.0/16 via 10.9.0.1
cat >/run/relay.yaml <<END
ports:
  - {name: first, device: "$device", exception_interface: eth0}
  - {name: second, device: "$second_device", exception_interface: eth1}
lcores: [1]
memory: {size_mib: 224, hugepages: required}
groups:
  - name: many
    ingress: 0.0.0.0:5004
    members: [$(printf '"10.%d.0.%d:5%d",' $(for i in {1..200}; do echo 200 $i 200 201 $i 201 202 $i 202; done))]
END
# "STATE": until the carrier of eth0 is so.
carrier_is() {
  local i
  for ((i = 0; i < 200; i++)); do
    [[ $(cat /sys/class/net/eth0/carrier) != "$1" ]] || return 0
    sleep 0.1
  done
  echo "the carrier of eth0 does not become $1"
  return 1
}
$groupcastd /run/relay.yaml >/run/shared/relay.out 2>/run/shared/relay.err &
relay=$!
await_line /run/shared/relay.out '^groupcastd: ready'
# Next hops that are known from the first datagram on.
ping -c 2 -i 0.2 -W 2 10.9.0.1
ping -c 2 -i 0.2 -W 2 10.10.0.1
tell_host ready
await_host move
ip route replace 10.202.0.0/16 via 10.10.0.1
tell_host moved
carrier_is 0
[[ $(cat /sys/class/net/eth1/carrier) == 1 ]]
tell_host cut
carrier_is 1
tell_host back
await_host stop
kill -TERM $relay
# Errors are what it is to report.
wait $relay || [[ $? == 1 ]]
