# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# What is said of a card that can't be had; and that the one who has it keeps it.
engine_file() {
  cat >"/run/$1.yaml" <<END
ports: [{name: nic, device: "$2", exception_interface: $3}]
lcores: [1]
memory: {size_mib: 96, hugepages: required}
END
}
# "PATTERN NAME": groupcast-send on that file does not start, and says so.
refuses() {
  local pattern=$1 said
  said=$($groupcast_send --config "/run/$2.yaml" --recipients 10.200.0.1:5004 --count 1 2>&1) &&
    { echo "it started: $said"; return 1; }
  echo "$said"
  grep -q -- "$pattern" <<<"$said" || { echo "that is not: $pattern"; return 1; }
}
engine_file nic "$device" eth0
engine_file absent 0000:00:1e.7 eth0
refuses 'there is no PCI device 0000:00:1e.7' absent
refuses "the PCI device $device has no driver; .groupcast-bind" nic
busybox insmod /run/modules/*e1000e.ko
until [[ -e /sys/bus/pci/devices/$device/net ]]; do sleep 0.1; done
refuses "the PCI device $device is the kernel's, by its driver e1000e" nic
test -e /sys/bus/pci/devices/$device/net
busybox rmmod e1000e
bind_card

$groupcast_send --config /run/nic.yaml --recipients 10.200.0.1:5004 --count 100000 --rate 10 \
  >/run/shared/send.out 2>&1 &
sending=$!
await_line /run/shared/send.out "port 'nic'.*exception interface eth0"
engine_file second "$device" eth1
refuses "another process has the PCI device $device" second
[[ ! -e /sys/class/net/eth1 ]]
kill -TERM $sending
wait $sending || [[ $? == 1 ]]

mkdir /run/drivers
cp "$top"/drivers-config/*.yaml /run/drivers/
sed -i 's/^max_segments:.*/max_segments: none/' /run/drivers/net_e1000_em.yaml
export GROUPCAST_DRIVERS=/run/drivers
refuses "net_e1000_em.yaml:[0-9]*:[0-9]*: max_segments: 'none'" nic
[[ ! -e /sys/class/net/eth0 ]]
