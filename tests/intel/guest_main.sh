#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# In the guest, whose root is the host's: binds its cards as the test wants it, and runs the test's
# scenario there. What is written to /run/shared is seen by the test.
. /run/shared/settings
# Still alive: see watch_guest.
for ((beat = 1; ; beat++)); do
  echo $beat >/run/shared/alive
  sleep 1
done &
{
  ip link set lo up
  # EAL opens each driver in its folder, all over 9p: only those that are needed.
  folder=$(echo /usr/lib/*/dpdk/pmds-*)
  mkdir -p /run/pmds/{all,wanted}
  mount --bind "$folder" /run/pmds/all
  for driver in bus_pci bus_vdev mempool_ring net_e1000 net_virtio; do
    for file in /run/pmds/all/librte_$driver.so.*; do ln -s "$file" /run/pmds/wanted/; done
  done
  mount --bind /run/pmds/wanted "$folder"

  bind_card() {
    local card
    for card in "$device" ${second_device:-}; do
      echo "$binding" >"/sys/bus/pci/devices/$card/driver_override"
      [[ ! -e /sys/bus/pci/devices/$card/driver ]] ||
        echo "$card" >"/sys/bus/pci/devices/$card/driver/unbind"
      echo "$card" >/sys/bus/pci/drivers_probe
    done
  }
  [[ -n ${kernel_first:-} ]] || bind_card
  groupcastd=$build/tools/groupcastd/groupcastd
  groupcast_send=$build/tools/groupcast-send

  # What most scenarios have: the card's interface, with a route by it, and an engine's configuration.
  own_card() {
    ip tuntap add eth0 mode tap
    ip address add 10.9.0.2/24 dev eth0
    ip link set eth0 up
    ip route add default via 10.9.0.1
    cat >/run/engine.yaml <<END
ports: [{name: nic, device: "$device", exception_interface: eth0}]
lcores: [1]
memory: {size_mib: 224, hugepages: required}
END
  }

  # "RECIPIENTS COUNT": twenty groupcasts a second, once there is an engine.
  start_sending() {
    $groupcast_send --config /run/engine.yaml --recipients "$1" --count "$2" --rate 20 --payload 1000 \
      >/run/shared/send.out 2>&1 &
    sending=$!
    await_line /run/shared/send.out "exception interface eth0"
  }

  # "FILE": until the test has made it.
  await_host() { until [[ -e /run/shared/$1 ]]; do sleep 0.1; done; }
  tell_host() { touch "/run/shared/$1"; }
  # "FILE PATTERN": until a line of the file matches, at most 30 seconds.
  await_line() {
    local i
    for ((i = 0; i < 300; i++)); do
      ! grep -qs -- "$2" "$1" || return 0
      sleep 0.1
    done
    echo "no line '$2' in $1"
    return 1
  }
  set -e
  . "$scenario"
} >/run/shared/guest.log 2>&1
