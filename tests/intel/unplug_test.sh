#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# unplug_test.sh MODEL BINDING GROUPCAST_SINK
#
# A card is taken out of a guest that sends by it, and put back: calls meanwhile end with errors, the
# guest's kernel gets the card when it asks for it, and all goes on by itself when it is back.
. "$(dirname "$0")/_guest.sh"
sink=$3
ip link set t0 address 02:00:00:00:00:02
start_sink --recipients 10.200.0.1-10.200.0.100:5004 --idle 20
start_guest "$1" "$2" unplug behind_port=1
await_guest sending
monitor "device_del card"
await_guest out
sleep 1
monitor "device_add $card_options,bus=bay"
await_guest back
end_guest
kill -TERM $sink_pid
wait $sink_pid
check "the engine gives it back" grep "port 'nic': $device is taken out" "$dir/shared/send.out"
check "and takes it again" grep "port 'nic': $device is back" "$dir/shared/send.out"
read_summaries "$dir/sink.log"
check "meanwhile nothing is sent: $errors" test "$errors" -gt 0
check "what was sent came: $received of $sent" test "$received" -gt $((sent - 1000))
finish_guests
