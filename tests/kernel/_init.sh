# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# What the shell tests of this folder share: `. _init.sh` as their first command, with the test's own
# arguments. From there on the test runs in a network namespace without a name, which ends with it
# however it ends, with its loopback up, and with an empty folder $dir.
set -uo pipefail

if ((EUID != 0)); then
  echo "SKIPPED: needs root for a network namespace"
  exit 77
fi
if [[ ${IN_NAMESPACE:-} != 1 ]]; then
  IN_NAMESPACE=1 exec unshare --net --pid --fork --kill-child --mount-proc -- bash "$0" "$@"
fi
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
ip link set lo up || exit 1
failures=0

# "DESCRIPTION FILE…": what went wrong, and what the programs wrote.
fail() {
  local description=$1 file
  shift
  echo "FAILED: $description"
  for file in "$@"; do sed "s|^|    ${file##*/}: |" "$file" 2>/dev/null; done
  failures=$((failures + 1))
}

# "FILE PATTERN": until a line of the file matches, at most ten seconds.
wait_for_line() {
  local i
  for ((i = 0; i < 200; i++)); do
    grep -qs -- "$2" "$1" && return
    sleep 0.05
  done
  fail "no line '$2' in ${1##*/}" "$1"
  exit 1
}

# "INTERFACE": another host, behind that interface, a veth whose other end there is v1. It is a namespace
# that a sleep holds; `on_rx COMMAND…` runs there.
start_rx() {
  unshare --net -- sleep 600 &
  rx=$!
  local here there
  here=$(readlink /proc/self/ns/net)
  until there=$(readlink /proc/$rx/ns/net) && [[ -n $here && $there != "$here" ]]; do sleep 0.05; done
  ip link add "$1" type veth peer name v1 netns $rx
  on_rx ip link show dev v1 >/dev/null || { fail "no host behind $1: $here, $there"; exit 1; }
}
on_rx() { nsenter --net=/proc/$rx/ns/net -- "$@"; }

# The last line of a shell test.
finish() {
  ((failures == 0)) || { echo "$failures failed"; exit 1; }
  echo "all as expected"
}
