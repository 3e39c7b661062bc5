# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# The card's way from its kernel driver to groupcastd and back, by drivers-config/bind.
bind=$top/drivers-config/bind
export GROUPCAST_BIND_STATE=/run/bind
# Else each run compiles, which takes an emulated processor a second.
export PYTHONPYCACHEPREFIX=/run/pycache
driver() { basename "$(readlink "/sys/bus/pci/devices/$device/driver")"; }
# "STATUS TEXT COMMAND…": its status, and what it says.
expect() {
  local status=$1 text=$2 got=0
  shift 2
  timeout 30 "$@" >/run/said 2>&1 || got=$?
  cat /run/said
  if ((got != status)) || ! grep -qF -- "$text" /run/said || grep -q Traceback /run/said; then
    echo "FAILED: ${*##*/}: status $got, not $status with '$text'"
    exit 1
  fi
  echo "ok: ${*##*/}: $text ($(cut -d" " -f1 /proc/uptime) s)"
}
# What a host has configured, without what the kernel numbers or counts.
show() {
  ip -oneline address show dev lan0 | grep -v fe80 | sed 's/^[0-9]*: //'
  cat /sys/class/net/lan0/{mtu,address}
  ip -4 route show table all dev lan0 | sed 's/ linkdown//' | sort
  ip -6 route show table all dev lan0 | grep -v -e ^multicast -e fe80 | sed 's/ linkdown//' | sort
  ip neighbour show dev lan0 nud permanent
}
# "NAME": as it was at first. The link-local address comes with a carrier.
same() {
  show >/run/now
  diff /run/first /run/now || { echo "FAILED: $1: other addresses or routes"; exit 1; }
  echo "ok: $1: addresses and routes"
}
await_carrier() { until [[ $(cat /sys/class/net/lan0/carrier 2>/dev/null) == 1 ]]; do sleep 0.1; done; }

busybox insmod /run/modules/*e1000e.ko
until [[ -e /sys/class/net/eth0 ]]; do sleep 0.1; done
ip link set eth0 name lan0
ip link set lan0 mtu 1400 up
ip address add 10.9.0.2/24 brd + dev lan0
ip address add 10.9.0.3/24 dev lan0
ip -6 address add fd09::2/64 dev lan0 nodad
await_carrier
ip route add 10.79.0.0/24 dev lan0 scope link
ip route add 10.77.0.0/16 via 10.9.0.1 metric 50
ip route add 10.78.0.0/16 via 10.9.0.1 table 7 src 10.9.0.3
ip -6 route add fd77::/48 via fd09::1 metric 30
ip neighbour add 10.9.0.99 lladdr 02:00:00:00:00:99 nud permanent dev lan0
show >/run/first
cat /run/first
tell_host by_kernel
await_host bind

# What is refused changes nothing, and all of it is told at once.
ip route add default via 10.9.0.1 metric 9
ip link add link lan0 name lan0.5 type vlan id 5
expect 1 "has the default route" env SSH_CONNECTION="10.9.0.1 40000 10.9.0.2 22" "$bind" "$device"
grep -q "lan0.5 on top of lan0" /run/said
grep -q "by which this SSH session came" /run/said
ip route del default metric 9
ip link del lan0.5

# Where it fails late, when the card is bound and its TAP is to be made.
mkdir /run/broken
printf '#!/bin/sh\n[ "$1" = tuntap ] && { echo no TAP today >&2; exit 1; }\nexec /usr/sbin/ip "$@"\n' >/run/broken/ip
chmod +x /run/broken/ip
expect 1 "everything is as before" env PATH="/run/broken:$PATH" "$bind" lan0
[[ $(driver) == e1000e && ! -e /run/bind/$device.json ]]
same "after a failure"

expect 0 "exception_interface: lan0" "$bind" lan0
[[ $(driver) == vfio-pci ]]
same "on the TAP"
expect 0 "is bound to vfio-pci already" "$bind" "$device"
{
  sed -n '/^ports:/,$p' /run/said
  echo 'lcores: [1]'
  echo 'memory: {size_mib: 224, hugepages: required}'
  echo 'groups: [{name: one, ingress: "0.0.0.0:5004", members: ["10.9.0.1:5004"]}]'
} >/run/relay.yaml
$groupcastd /run/relay.yaml >/run/shared/relay.out 2>/run/shared/relay.err &
relay=$!
await_line /run/shared/relay.out '^groupcastd: ready'
await_carrier
tell_host by_engine
expect 1 "is in use: end groupcastd (process $relay) first" "$bind" --undo lan0
await_host kill
kill -9 $relay
wait $relay || true
same "without its engine"

# As after a boot: the card has its kernel driver, another name, and no addresses.
ip link del lan0
echo >/sys/bus/pci/devices/$device/driver_override
echo $device >/sys/bus/pci/devices/$device/driver/unbind
echo $device >/sys/bus/pci/drivers_probe
until [[ -e /sys/class/net/eth0 ]]; do sleep 0.1; done
[[ $(driver) == e1000e ]]
echo '{' >/run/bind/0000:00:00.0.json
expect 1 "exception_interface: lan0" "$bind" --again
grep -q '^not bound again: /run/bind/0000:00:00.0.json' /run/said
rm /run/bind/0000:00:00.0.json
[[ $(driver) == vfio-pci ]]
same "after a boot"

# What is changed meanwhile goes along.
ip address add 10.9.0.4/24 dev lan0
ip route del 10.79.0.0/24
expect 0 "has the driver e1000e again, as lan0" "$bind" --undo lan0
ip address del 10.9.0.4/24 dev lan0
ip route add 10.79.0.0/24 dev lan0 scope link
[[ $(driver) == e1000e && ! -e /run/bind/$device.json ]]
await_carrier
same "back"
tell_host by_kernel_again
await_host stop
