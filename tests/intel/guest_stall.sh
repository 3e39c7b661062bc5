# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# Takes the right to read and write memory from the card (the bus master bit of its command register) and
# gives it back: what it was to send meanwhile is never reported as sent, and its ring stands still.
own_card
bus_master() {
  python3 - "/sys/bus/pci/devices/$device/config" "$1" <<'END'
import sys
with open(sys.argv[1], 'r+b', buffering=0) as config:
    config.seek(4)
    command = int.from_bytes(config.read(2), 'little')
    config.seek(4)
    config.write(((command | 4) if sys.argv[2] == 'on' else (command & ~4)).to_bytes(2, 'little'))
END
}
start_sending 10.200.0.1-10.200.0.250:5004 400
sleep 3
bus_master off
sleep 2
bus_master on
await_line /run/shared/send.out 'has taken no packet'
wait $sending || [[ $? == 1 ]]
