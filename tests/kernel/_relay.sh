# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# What the tests of groupcastd with an engine share: `. _relay.sh` behind _init.sh, with $groupcastd and
# $sink set. The receivers' host has 10.200.0.0/16 behind 10.99.0.2, on a veth whose other end here is
# v0 with 10.99.0.1.

# "HOST INTERFACE SUBNET NETWORK": joins the host behind that interface, a veth: it is SUBNET.2, this
# one SUBNET.1, and it has all of NETWORK.0.0/16.
join() {
  ip address add "$3.1/16" dev "$2"
  ip link set "$2" up
  "$1" ip address add "$3.2/16" dev v1
  "$1" ip link set v1 up
  "$1" ip route add local "$4.0.0/16" dev v1
  ip route add "$4.0.0/16" via "$3.2"
}
start_rx v0
join on_rx v0 10.99.0 10.200

# A second one has 10.201.0.0/16 behind 10.98.0.2, and the other end of its veth here is w0 with
# 10.98.0.1; `on_far COMMAND…` runs there.
start_far() {
  local near=$rx
  start_rx w0
  far=$rx rx=$near
  join on_far w0 10.98.0 10.201
}
on_far() { nsenter --net=/proc/$far/ns/net -- "$@"; }

# "ADDRESS INTERFACE on_rx|on_far": that neighbour is known and stays so: what has to wait for one is
# sent by another thread, copied, and maybe later than what follows.
know() {
  ip neighbour replace "$1" dev "$2" nud permanent \
    lladdr "$("$3" ip -brief link show v1 | awk '{print $3}')"
}

# "GROUPS MEMBERS": groupcastd on $dir/relay.yaml, once it is ready with so many.
start_relay() {
  rm -f "$dir/relay.out" "$dir/relay.err"
  "$groupcastd" "$dir/relay.yaml" >"$dir/relay.out" 2>"$dir/relay.err" &
  relay=$!
  wait_for_line "$dir/relay.out" "^groupcastd: ready groups=$1 members=$2\$"
}

# Ends it.
stop_relay() {
  kill -TERM $relay
  wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
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

# "FILE PATTERN NAME": the number behind "NAME=" or "NAME:" in the line; 0: there is none.
number() {
  local line
  line=$(grep -e "$2" "$1" | tail -n 1)
  [[ $line =~ [\ =,]$3[=:]([0-9]+) ]] && echo "${BASH_REMATCH[1]}" || echo 0
}
# "GROUP NAME": the same of that group when groupcastd has ended.
group() { number "$dir/relay.out" "^groupcastd: summary group=$1 " "$2"; }
