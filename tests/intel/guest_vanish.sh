# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# Starts an engine while the test takes its card out; then one that is left alone.
own_card
before=$(ip -4 -o address show eth0 | sed 's/valid_lft.*//')
for round in 0 1 2; do
  $groupcast_send --config /run/engine.yaml --recipients 10.9.0.1:5004 --count 1000000 --rate 20 \
    >/run/shared/vanish$round.out 2>&1 &
  sending=$!
  tell_host starting$round
  for ((i = 0; i < 300; i++)); do
    [[ -e /sys/bus/pci/devices/$device ]] || break
    sleep 0.1
  done
  ((i < 300)) || { echo "round $round: the card is not given away"; exit 1; }
  # Long enough to end by itself, if it does.
  sleep 1
  status=0
  kill -TERM $sending 2>/dev/null && state="goes on" || state="ended"
  wait $sending || status=$?
  echo "round $round: $state, status $status: $(grep -E 'groupcast' /run/shared/vanish$round.out | tail -n 3)"
  ((status < 128)) || exit 1
  [[ $(ip -4 -o address show eth0 | sed 's/valid_lft.*//') == "$before" ]] || exit 1
  tell_host out$round
  until [[ -e /sys/bus/pci/devices/$device ]]; do sleep 0.1; done
  bind_card
done
tell_host last
$groupcast_send --config /run/engine.yaml --recipients 10.9.0.1:5004 --count 20 --rate 20 >/run/shared/send.out 2>&1
