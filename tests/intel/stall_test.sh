#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# stall_test.sh MODEL BINDING GROUPCAST_SINK
#
# A card that stops amid a stream, since it could not read memory for a while: it is reset, and the stream
# goes on by itself.
. "$(dirname "$0")/_guest.sh"
sink=$3
start_sink --recipients 10.200.0.1-10.200.0.250:5004 --idle 30
start_guest "$1" "$2" stall
end_guest
kill -TERM $sink_pid
wait $sink_pid
read_summaries "$dir/sink.log"
check "each recipient is sent or failed" test $((sent + errors)) = $((250 * 400))
stalled=$(awk '$1 == "tx_stalled" { print $2 }' "$dir/shared/send.out")
check "some were told that it takes nothing: $stalled" test "${stalled:-0}" -gt 0
# Lost is what its ring held, and most of what the kernel has for a next hop that has to be asked for again.
unresolved=$(awk '$1 == "kernel_unresolved" { print $2 }' "$dir/shared/send.out")
check "what was sent before and after came: $received of $sent" \
  test "$received" -gt $((sent - 2000 - ${unresolved:-0}))
check "after it had been reset" test "$received" -gt 50000
finish_guests
