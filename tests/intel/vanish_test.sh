#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# vanish_test.sh MODEL BINDING
#
# A card that is taken out while an engine starts on it, sooner or later: the engine says so and ends, or
# goes on without; the host's interface stays as it was; and the card works when it is back.
. "$(dirname "$0")/_guest.sh"
start_guest "$1" "$2" vanish behind_port=1
round=0
for after in 0.6 0.9 1.5; do
  await_guest starting$round
  sleep $after
  monitor "device_del card"
  await_guest out$round
  monitor "device_add $card_options,bus=bay"
  round=$((round + 1))
done
await_guest last
end_guest
grep '^round' "$dir/shared/guest.log"
check "each time" test "$(grep -cE '^round .: (ended.*PCI device|goes on.*ENETDOWN)' "$dir/shared/guest.log")" = 3
check "the last one sends" grep -q 'summary groupcasts=20 sent=20 errors=0' "$dir/shared/send.out"
finish_guests
