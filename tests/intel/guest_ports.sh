# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# One engine with two cards; members behind both are sent to, by the routes: what groupcastd receives by
# either card, or what groupcast-send has two lcores send.
add_interface() {
  ip tuntap add "$1" mode tap
  ip link set "$1" address "$2"
  ip address add "$3" dev "$1"
  ip link set "$1" up
}
add_interface eth0 02:00:00:00:00:01 10.9.0.2/24
add_interface eth1 02:00:00:00:00:11 10.10.0.2/24
ip route add 10.200.0.0/16 via 10.9.0.1
ip route add 10.201.0.0/16 via 10.10.0.1
ip route add 10.202.0.0/16 via 10.9.0.1
[[ $by == relay ]] && lcores=1 || lcores="0, 1"
cat >/run/engine.yaml <<END
ports:
  - {name: first, device: "$device", exception_interface: eth0}
  - {name: second, device: "$second_device", exception_interface: eth1}
lcores: [$lcores]
memory: {size_mib: 224, hugepages: required}
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
if [[ $by == relay ]]; then
  cat >>/run/engine.yaml <<END
groups:
  - name: many
    ingress: 0.0.0.0:5004
    members: [$(printf '"10.%d.0.%d:5%d",' $(for i in {1..200}; do echo 200 $i 200 201 $i 201 202 $i 202; done))]
END
  $groupcastd /run/engine.yaml >/run/shared/relay.out 2>/run/shared/relay.err &
  sending=$!
  await_line /run/shared/relay.out '^groupcastd: ready'
  # Next hops that are known from the first datagram on.
  ping -c 2 -i 0.2 -W 2 10.9.0.1
  ping -c 2 -i 0.2 -W 2 10.10.0.1
else
  ip neighbour add 10.9.0.1 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
  ip neighbour add 10.10.0.1 lladdr 02:00:00:00:00:12 dev eth1 nud permanent
  # More than it takes; ended below.
  $groupcast_send --config /run/engine.yaml --recipients 10.200.0.1-10.200.0.200:5200 \
    --recipients 10.201.0.1-10.201.0.200:5201 --recipients 10.202.0.1-10.202.0.200:5202 \
    --count 100000 --rate 20 --payload 500 >/run/shared/send.out 2>&1 &
  sending=$!
  await_line /run/shared/send.out "port 'second'.*exception interface eth1"
fi
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
kill -TERM $sending
# Errors are what it is to report.
wait $sending || [[ $? == 1 ]]
