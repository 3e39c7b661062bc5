# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# The card is taken out while it is sent by, and comes back.
own_card
ip link set eth0 address 02:00:00:00:00:01
ip neighbour add 10.9.0.1 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
# More than it takes; ended below.
start_sending 10.200.0.1-10.200.0.100:5004 100000
sleep 1
tell_host sending
until [[ ! -e /sys/bus/pci/devices/$device ]]; do sleep 0.1; done
tell_host out
# As a udev rule, or groupcast-bind, would.
until [[ -e /sys/bus/pci/devices/$device ]]; do sleep 0.1; done
bind_card
await_line /run/shared/send.out 'is back'
until [[ $(cat /sys/class/net/eth0/carrier) == 1 ]]; do sleep 0.1; done
ping -c 3 -i 0.3 -W 2 10.9.0.1
tell_host back
sleep 2
kill -TERM $sending
wait $sending || [[ $? == 1 ]]
