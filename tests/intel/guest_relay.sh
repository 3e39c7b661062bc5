# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# groupcastd owns the card, with two lcores; the host's address comes by DHCP, over the card's exception interface.
cat >/run/relay.yaml <<END
ports: [{name: nic, device: "$device", exception_interface: eth0, max_mtu: 9000}]
lcores: [0, 1]
memory: {size_mib: 224, hugepages: required}
groups:
  - name: many
    ingress: 0.0.0.0:5004
    members: [$(printf '"10.200.%d.%d:5004",' $(for ((i = 0; i < 1000; i++)); do echo $((i / 250)) $((i % 250 + 1)); done))]
END
$groupcastd /run/relay.yaml >/run/shared/relay.out 2>/run/shared/relay.err &
relay=$!
await_line /run/shared/relay.out '^groupcastd: ready'
cat >/run/dhcp <<'END'
#!/bin/bash
[[ $1 == bound ]] || exit 0
ip address replace "$ip/24" dev "$interface"
ip route replace default via "$router"
END
chmod +x /run/dhcp
udhcpc -i eth0 -f -n -q -t 10 -T 1 -s /run/dhcp
ip address show eth0
ip -6 address add fd09::2/64 dev eth0 nodad
ip -6 route add default via fd09::1
python3 "$top/tests/kernel/udp_echo.py" serve 0.0.0.0 7 >/run/echo &
await_line /run/echo ready
tell_host ready
await_host change
ip link set eth0 promisc on
ip link set eth0 address 02:00:00:00:00:09
await_line /run/shared/relay.err 'follows eth0: MAC 02:00:00:00:00:09'
ip link set eth0 mtu 9000
tell_host changed
await_host stop
kill -TERM $relay
wait $relay
