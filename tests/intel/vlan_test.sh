#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# vlan_test.sh MODEL BINDING
#
# A VLAN interface of a guest's kernel on a card that the engine owns.
. "$(dirname "$0")/_guest.sh"
start_guest "$1" "$2" vlan
end_guest
# "FILTER": how many frames of the cable it lets through.
frames() { tcpdump -nn -r "$dir/cable.pcap" "$1" 2>/dev/null | wc -l; }
udp=$(frames "vlan 7 and udp dst port 5004 and ether src $guest_mac and greater 1052")
check "the groupcasts have the tag: $udp" test "$udp" = 6300
check "so have the kernel's pings" test "$(frames "vlan 7 and icmp[icmptype] == icmp-echo")" = 3
check "the others have none" test "$(frames "icmp and not vlan and ether src $guest_mac")" = 3
check "no groupcast is untagged" test "$(frames "udp dst port 5004 and not vlan")" = 0
finish_guests
