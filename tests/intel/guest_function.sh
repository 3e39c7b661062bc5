# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# The kernel has the card and makes a virtual function of it, which is the engine's; its interface goes
# down and up again, which resets the card.
for module in /run/modules/*-igb.ko; do busybox insmod "$module"; done
until [[ -e /sys/bus/pci/devices/$device/net ]]; do sleep 0.1; done
ip link set "$(ls "/sys/bus/pci/devices/$device/net")" name physical
ip link set physical up
echo 1 >"/sys/bus/pci/devices/$device/sriov_numvfs"
ip link set physical vf 0 mac 02:00:00:00:00:0f
device=$(basename "$(readlink "/sys/bus/pci/devices/$device/virtfn0")")
bind_card
own_card
start_sending 10.200.0.1-10.200.0.100:5004 300
sleep 4
ip link set physical down
sleep 1
ip link set physical up
await_line /run/shared/send.out 'is back'
wait $sending || [[ $? == 1 ]]
