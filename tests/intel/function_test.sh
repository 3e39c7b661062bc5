#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# function_test.sh GROUPCAST_SINK
#
# A virtual function of an emulated igb, whose physical one is the guest's kernel's: the engine sends by it;
# and when the physical one was reset, which takes all that the function was told, the stream goes on by
# itself.
. "$(dirname "$0")/_guest.sh"
sink=$1
start_sink --recipients 10.200.0.1-10.200.0.100:5004 --idle 30
start_guest igb vfio-pci function behind_port=1 kernel_first=1
end_guest
kill -TERM $sink_pid
wait $sink_pid
check "the driver is that of virtual functions" grep 'profile net_e1000_igb_vf' "$dir/shared/send.out"
check "it is reset" grep 'has a link again: it is reset' "$dir/shared/send.out"
read_summaries "$dir/sink.log"
check "each recipient is sent or failed" test $((sent + errors)) = 30000
# Lost is what it was given before its link was seen to be gone, and most of what the kernel has for a next
# hop that has to be asked for again.
unresolved=$(awk '$1 == "kernel_unresolved" { print $2 }' "$dir/shared/send.out")
check "what was sent came: $received of $sent" test "$received" -gt $((sent - 1500 - ${unresolved:-0}))
check "before the reset and after it" test "$received" -gt 15000
finish_guests
