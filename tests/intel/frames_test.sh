#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# frames_test.sh MODEL BINDING FRAMES RUN…
#
# What comes out of an emulated card, byte by byte: prepended and appended bytes of odd and even lengths,
# IPv4 and IPv6, one to many segments, VLAN tags, an MTU of 9000. And each payload is handed back as
# soon as the card has read it, while nothing else is sent.
. "$(dirname "$0")/_guest.sh"
frames=$3
start_guest "$1" "$2" frames "runs='${*:4}'"
end_guest
cat "$dir/shared/guest.log"
"$frames" verify "$dir/cable.pcap" "${@:4}" || fail "the frames"
finish_guests
