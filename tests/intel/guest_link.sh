# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# Sends to 10,000 while the host cuts the cable; the interface is there before the engine, and stays.
own_card
carrier_for() {
  local i
  for ((i = 0; i < 100; i++)); do
    [[ $(cat /sys/class/net/eth0/carrier) != "$1" ]] || return 0
    sleep 0.1
  done
  echo "the carrier of eth0 does not become $1"
  return 1
}
$groupcast_send --config /run/engine.yaml --recipients 10.200.0.1-10.200.39.16:5004 --count 70 --rate 5 \
  --payload 1000 >/run/shared/send.out 2>&1 &
sending=$!
carrier_for 1
tell_host sending
carrier_for 0
tell_host cut
carrier_for 1
tell_host back
# Errors are what it is to report.
wait $sending || [[ $? == 1 ]]
