# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# What the tests of groupcastd with an engine share: `. _relay.sh` behind _init.sh, with $groupcastd and
# $sink set. The receivers' host has 10.200.0.0/16 behind 10.99.0.2, on a veth whose other end here is
# v0 with 10.99.0.1.

start_rx v0
ip address add 10.99.0.1/16 dev v0
ip link set v0 up
on_rx ip address add 10.99.0.2/16 dev v1
on_rx ip link set v1 up
on_rx ip route add local 10.200.0.0/16 dev v1
ip route add 10.200.0.0/16 via 10.99.0.2

# "GROUPS MEMBERS": groupcastd on $dir/relay.yaml, once it is ready with so many.
start_relay() {
  rm -f "$dir/relay.out" "$dir/relay.err"
  "$groupcastd" "$dir/relay.yaml" >"$dir/relay.out" 2>"$dir/relay.err" &
  relay=$!
  wait_for_line "$dir/relay.out" "^groupcastd: ready groups=$1 members=$2\$"
}

# "NAME ARGUMENT…": a sink with the receivers.
start_sink() {
  local name=$1
  shift
  rm -f "$dir/$name.log"
  on_rx "$sink" "$@" >"$dir/$name.log" 2>&1 &
  sinks[$name]=$!
  wait_for_line "$dir/$name.log" '^groupcast-sink: ready'
}
declare -A sinks

# "DESCRIPTION FILE PATTERN KEY=VALUE…": what a line of the file says.
expect() {
  local description=$1 file=$2 pattern=$3 line pair
  shift 3
  line=$(grep -e "$pattern" "$file" | tail -n 1)
  for pair in "$@"; do
    [[ " $line " == *" $pair "* ]] || { fail "$description: not $pair" "$file"; return; }
  done
  echo "ok: $description"
}
