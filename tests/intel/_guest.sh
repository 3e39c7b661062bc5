#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# What the tests of this folder share: `. _guest.sh` as their first command, with the test's own
# arguments. The test is in a network namespace of its own (../kernel/_init.sh), where the emulated
# card's cable ends in the TAP t0; guests run this build in place, from the host's root, read-only.
# Where a test fails, the guest's console, QEMU's log, the frames of the cable (pcap) and what the
# guest's programs wrote are kept, and the test says where.
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
guests=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/groupcast-guest
# A guest that stands still, its processors and its clock, is the emulator's fault, not the test's.
stands_still=76
if [[ -z ${GUEST_TEST:-} ]]; then
  # While there is a network.
  "$here/prepare_guest.sh" "$guests" || { echo "FAILED: there is no guest to boot"; exit 1; }
  for attempt in 1 2 3; do
    GUEST_TEST=$attempt bash "$0" "$@"
    status=$?
    ((status == stands_still)) || exit $status
  done
  echo "FAILED: the guest stands still each time"
  exit 1
fi
. "$here/../kernel/_init.sh"
mkdir "$dir/shared"
kept=${MESON_BUILD_ROOT:-$top/build}/guest-logs/$(basename "$0" .sh)
guest_mac=02:00:00:00:00:01
second_mac=02:00:00:00:00:11

ip tuntap add t0 mode tap
ip link set t0 txqueuelen 10000
ip address add 10.9.0.1/24 dev t0
ip -6 address add fd09::1/64 dev t0 nodad
ip link set t0 up
ip route add local 10.200.0.0/16 dev lo

# "MODEL BINDING SCENARIO [NAME=VALUE…]": a guest with that card, bound so (vfio-pci with an emulated IOMMU,
# or uio_pci_generic), which runs guest_SCENARIO.sh with those variables. A card "behind a port" can be
# taken out. With second_card=MODEL it has two; the cable of that one ends in the TAP t1, which is the test's.
# With queue_pairs=N a virtio-net card has so many, and t0, too; then the frames are not dumped.
start_guest() {
  local model=$1 binding=$2 scenario=$3 card second='' pairs=''
  shift 3
  [[ ! " $* " =~ " second_card="([^ ]+) ]] || second=${BASH_REMATCH[1]}
  [[ ! " $* " =~ " queue_pairs="([0-9]+) ]] || pairs=${BASH_REMATCH[1]}
  qemu=(qemu-system-x86_64) machine=q35 kernel='' options=()
  modelled="$model-$binding-$scenario"
  if [[ $model == igb || $second == igb ]]; then
    if [[ ! -d $guests/qemu-new ]]; then
      echo "SKIPPED: no emulated igb: $(<"$guests/no-igb")"
      exit 77
    fi
    export QEMU_MODULE_DIR=$guests/qemu-new/usr/lib/x86_64-linux-gnu/qemu
    qemu=("$guests/qemu-new/usr/bin/qemu-system-x86_64" -L "$guests/qemu-new/usr/share/qemu"
      -L "$guests/qemu-new/usr/share/seabios")
  fi
  if [[ $binding == vfio-pci ]]; then
    machine=q35,kernel-irqchip=split
    options=(-device intel-iommu,intremap=on,caching-mode=on,aw-bits=48)
    kernel="intel_iommu=on iommu=pt"
  fi
  card="$model,netdev=cable,id=card,mac=$guest_mac,romfile="
  # Else it reads memory past the IOMMU, by other addresses than it is given.
  [[ $model$binding != virtio-net-pcivfio-pci ]] || card+=,disable-legacy=on,iommu_platform=on
  [[ -z $pairs ]] || card+=,mq=on,vectors=$((2 * pairs + 2))
  if [[ " $* " == *" behind_port=1 "* ]]; then
    options+=(-device pcie-root-port,id=bay,chassis=1,addr=8 -device "$card,bus=bay")
    device=0000:01:00.0
  else
    options+=(-device "$card,addr=8")
    device=0000:00:08.0
  fi
  card_options=$card
  # QEMU dumps the frames of one queue at most.
  options+=(-netdev "tap,id=cable,ifname=t0,script=no,downscript=no,vnet_hdr=off${pairs:+,queues=$pairs}")
  [[ -n $pairs ]] || options+=(-object "filter-dump,id=dump,netdev=cable,file=$dir/cable.pcap")
  [[ -z $second ]] || options+=(-netdev tap,id=cable2,ifname=t1,script=no,downscript=no,vnet_hdr=off
    -object "filter-dump,id=dump2,netdev=cable2,file=$dir/cable2.pcap"
    -device "$second,netdev=cable2,id=card2,mac=$second_mac,romfile=,addr=9")
  rm -f "$dir"/shared/*
  {
    printf '%s=%q\n' device $device binding "$binding" scenario "$here/guest_$scenario.sh" top "$top" \
      build "${MESON_BUILD_ROOT:-$top/build}"
    [[ -z $second ]] || echo second_device=0000:00:09.0
    printf '%s\n' "$@"
  } >"$dir/shared/settings"
  started_ns=$(date +%s%N)
  # The kernel's check of its timer counts ticks by loops, which a busy host does not keep up with.
  # The second processor comes when the kernel has started (guest_init).
  timeout -k 3 120 nice -n 5 "${qemu[@]}" -M "$machine" -accel tcg,thread=multi -cpu max -smp 2 -m 1024 \
    -nodefaults -no-user-config -display none -serial "file:$dir/console" -no-reboot \
    -monitor "unix:$dir/monitor,server=on,wait=off" -device isa-debug-exit,iobase=0xf4,iosize=1 \
    -kernel "$guests/vmlinux" -initrd "$guests/initramfs" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check maxcpus=1 hugepages=128 $kernel shared=shared script=$here/guest_main.sh" \
    -virtfs local,path=/,security_model=none,readonly=on,multidevs=remap,mount_tag=root \
    -virtfs "local,path=$dir/shared,security_model=none,mount_tag=shared" \
    "${options[@]}" \
    </dev/null >"$dir/qemu.log" 2>&1 &
  guest=$!
  watch_guest &
}

# Ends a guest that has not counted on for half a minute. The kernel patches itself (int3) as it starts
# and when modules are loaded, and a processor of QEMU's may go on with the instruction that stood there.
watch_guest() {
  local counted=0 now i
  for ((i = 0; i < 15; i++)); do
    sleep 2
    kill -0 $guest 2>/dev/null || return
    now=$(cat "$dir/shared/alive" 2>/dev/null)
    [[ $now == "$counted" ]] || i=0
    counted=$now
  done
  monitor "info registers -a"
  touch "$dir/stands_still"
  kill $guest
}

# "COMMAND": to QEMU's monitor.
monitor() { python3 "$here/qemu_monitor.py" "$dir/monitor" "$1" >>"$dir/monitor.log"; }

# "FILE": until the guest has made it; the guest's own end is a failure.
await_guest() {
  local i
  for ((i = 0; i < 900; i++)); do
    [[ ! -e $dir/shared/$1 ]] || return 0
    kill -0 $guest 2>/dev/null || break
    sleep 0.1
  done
  [[ -e $dir/stands_still ]] || fail "the guest did not say '$1'"
  end_guest
  finish_guests
}
tell_guest() { touch "$dir/shared/$1"; }

# Once the guest has come to its end.
end_guest() {
  local status
  wait $guest
  status=$?
  if [[ -e $dir/stands_still ]]; then
    keep_logs
    echo "$modelled: the guest stands still (attempt $GUEST_TEST): $kept/$modelled"
    exit $stands_still
  fi
  # Of isa-debug-exit: twice the guest's 16 + status, and 1 more.
  ((status % 2 == 1 && status >= 33)) && status=$(((status >> 1) - 16)) || status="QEMU's $status"
  [[ $status == 0 ]] || fail "the guest ends with $status" "$dir/qemu.log"
  # DMA to what was never mapped for it: the packet then has other bytes, and a right checksum.
  ! grep -q 'translation failure' "$dir/qemu.log" || fail "the IOMMU refused the card" "$dir/qemu.log"
  echo "$modelled: $((($(date +%s%N) - started_ns) / 100000000))00 ms"
}

# "DESCRIPTION COMMAND…": whether it succeeds.
check() {
  local description=$1
  shift
  if "$@" >"$dir/check.log" 2>&1; then echo "ok: $description"; else fail "$description" "$dir/check.log"; fi
}

# "ARGUMENT…": receivers, by $sink.
start_sink() {
  "$sink" "$@" >"$dir/sink.log" 2>&1 &
  sink_pid=$!
  wait_for_line "$dir/sink.log" '^groupcast-sink: ready'
}

# What groupcast-send and a sink's log say at their end: `sent` and `errors`, `received`; and that no packet
# stayed with a driver.
read_summaries() {
  [[ $(grep '^groupcast-send: summary' "$dir/shared/send.out") =~ sent=([0-9]+)\ errors=([0-9]+) ]] ||
    fail "no summary" "$dir/shared/send.out"
  sent=${BASH_REMATCH[1]:-0} errors=${BASH_REMATCH[2]:-0}
  check "no packet was kept" test -z "$(grep 'is kept' "$dir/shared/send.out")"
  [[ $(grep summary "$1") =~ received=([0-9]+).*corrupt=0\ duplicate=0 ]] || fail "receivers" "$1"
  received=${BASH_REMATCH[1]:-0}
}

keep_logs() {
  mkdir -p "$kept"
  rm -rf "$kept/$modelled"
  cp -r "$dir" "$kept/$modelled"
}

finish_guests() {
  if ((failures > 0)); then
    keep_logs
    for file in "$dir"/console "$dir"/shared/*.{out,err,log}; do
      [[ ! -f $file ]] || tail -n 40 "$file" | sed "s|^|    ${file##*/}: |"
    done
    echo "    all of it, with the cable's frames: $kept/$modelled"
  fi
  finish
}
