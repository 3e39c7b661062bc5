#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# link_test.sh MODEL BINDING GROUPCAST_SINK
#
# The cable is cut while a guest sends to 10,000: calls return, with errors that say why; the exception
# interface has no carrier; and all goes on by itself when the cable is back.
. "$(dirname "$0")/_guest.sh"
sink=$3
start_sink --recipients 10.200.0.1-10.200.39.16:5004 --idle 4
start_guest "$1" "$2" link
await_guest sending
sleep 2
monitor "set_link card off"
await_guest cut
sleep 1
monitor "set_link card on"
await_guest back
end_guest
wait $sink_pid
read_summaries "$dir/sink.log"
check "each recipient is sent or failed" test $((sent + errors)) = 700000
check "some failed" test "$errors" -gt 10000
check "most were sent" test "$sent" -gt 200000
down=$(awk '$1 == "link_down" { print $2 }' "$dir/shared/send.out")
check "for want of a link: $down" test "${down:-0}" -ge "$errors"
# Gone are those that the card got between the cut and the look that notices it, up to 100 ms later: no
# more than a groupcast; and most of what the kernel has for a next hop that has to be asked for again
# then. End markers are not counted by the sender.
unresolved=$(awk '$1 == "kernel_unresolved" { print $2 }' "$dir/shared/send.out")
check "what was sent came: $received of $sent" test "$received" -gt $((sent - 12000 - ${unresolved:-0}))
finish_guests
