#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# exception_path_test.sh GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# Two hosts whose only wire are the two sides of vhost-user, which no kernel has a driver for: each
# has an exception interface. What hosts do on a network goes on: ARP, ICMP, UDP by ordinary
# sockets; and what is relayed is taken before the kernel sees it.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 send=$2 sink=$3
unshare --net -- sleep 600 &
rx=$!
until [[ $(readlink /proc/$rx/ns/net) != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.05; done
on_rx() { nsenter --net=/proc/$rx/ns/net -- "$@"; }
on_rx ip link set lo up

# "NAME DEVICE INTERFACE GROUPS": a configuration file of groupcastd.
configure() {
  cat >"$dir/$1.yaml" <<END
ports: [{name: port0, device: "$2", exception_interface: $3, max_mtu: 9000}]
memory: {hugepages: off}
groups: [$4]
END
}
# "NAME COMMAND…": groupcastd, once it is ready; its pid is in ${engines[NAME]}.
start_engine() {
  local name=$1
  shift
  rm -f "$dir/$name".{out,err}
  "$@" "$groupcastd" "$dir/$name.yaml" >"$dir/$name.out" 2>"$dir/$name.err" &
  engines[$name]=$!
}
declare -A engines
ready() { wait_for_line "$dir/$1.out" '^groupcastd: ready'; }
# "NAME": ends it.
stop_engine() {
  kill -TERM "${engines[$1]}"
  wait "${engines[$1]}" || fail "groupcastd '$1' ends with $?" "$dir/$1.err"
}
# "SECONDS COMMAND…": until the command succeeds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS <= end)) || { fail "not in time: $*" "$dir"/*.err; return 1; }
    sleep 0.1
  done
}
# sysfs is of the namespace that mounted it.
has_carrier() { "${@:2}" ip -o link show "$1" | grep -q LOWER_UP; }
has_none() { "${@:2}" ip -o link show "$1" | grep -q NO-CARRIER; }

members=$(printf '"10.200.1.%d:5004",' {1..200})
configure near "net_virtio_user0,path=$dir/socket" gc0 \
  "{name: many, ingress: 0.0.0.0:5004, members: [$members]}"
configure far "net_vhost0,iface=$dir/socket" gc1 '{name: none, ingress: 0.0.0.0:6000, members: ["10.9.0.1:1"]}'

# A persistent TAP keeps what is set on it; the other one is made.
ip tuntap add gc0 mode tap
ip address add 10.9.0.1/24 dev gc0
ip -6 address add fd09::1/64 dev gc0 nodad
ip link set gc0 up
ip route add 10.200.0.0/16 via 10.9.0.2
start_engine far nsenter --net=/proc/$rx/ns/net --
ready far
on_rx ip address add 10.9.0.2/24 dev gc1
on_rx ip -6 address add fd09::2/64 dev gc1 nodad
on_rx ip route add local 10.200.0.0/16 dev lo
start_engine near
ready near
within 5 has_carrier gc0

# "DESCRIPTION COMMAND…": whether it succeeds.
check() {
  local description=$1
  shift
  if "$@" >"$dir/check.log" 2>&1; then
    echo "ok: $description"
  else
    fail "$description" "$dir/check.log" "$dir"/near.err "$dir"/far.err
  fi
}
check "ping, with ARP" ping -c 2 -i 0.05 -W 2 10.9.0.2
check "ping of whole packets" ping -c 20 -i 0.01 -W 2 -M do -s 1472 10.9.0.2
check "ping of pieces" ping -c 5 -i 0.01 -W 2 -s 8000 10.9.0.2
check "ping from the other side" on_rx ping -c 2 -i 0.05 -W 2 10.9.0.1
check "ping over IPv6, with neighbour discovery" ping -c 2 -i 0.05 -W 2 fd09::2
check "the interface has the device's MAC" grep -q "$(ip -o link show gc0 | grep -o 'ether [0-9a-f:]*' | cut -c 7-)" \
  <(on_rx ip neighbour show 10.9.0.1)

# While both engines do that, an ordinary socket is asked, and its host pinged.
on_rx "$sink" --recipients 10.200.1.1-10.200.1.200:5004 --idle 2 >"$dir/sink.log" 2>&1 &
sink_pid=$!
wait_for_line "$dir/sink.log" '^groupcast-sink: ready'
on_rx "$send" --recipients 10.9.0.1:5004 --count 400 --payload 1200 --rate 200 >"$dir/send.log" 2>&1 &
send_pid=$!
python3 "$(dirname "$0")/udp_echo.py" serve 10.9.0.1 7 >"$dir/echo.log" 2>&1 &
echo_pid=$!
wait_for_line "$dir/echo.log" ready
check "UDP of an ordinary socket meanwhile" on_rx python3 "$(dirname "$0")/udp_echo.py" ask 10.9.0.1 7 200
check "ping meanwhile" ping -c 50 -i 0.02 -W 2 -s 1000 10.9.0.2
kill $echo_pid
wait $send_pid || fail "the source" "$dir/send.log"
wait $sink_pid || fail "the receivers" "$dir/sink.log"
grep -q 'received=80000 .*lost=0 corrupt=0 duplicate=0' "$dir/sink.log" &&
  echo "ok: 200 receivers" || fail "200 receivers" "$dir/sink.log"

# The interface is the host's to change.
ip link set gc0 mtu 1000
ip link set gc0 promisc on
within 3 grep -q 'follows\|does not follow' "$dir/near.err"
check "a smaller MTU" ping -c 2 -i 0.05 -W 2 -s 900 10.9.0.2
ip link set gc0 promisc off
ip link set gc0 mtu 9000
on_rx ip link set gc1 mtu 9000
check "a larger MTU, too" ping -c 20 -i 0.01 -W 2 -M do -s 8972 10.9.0.2
on_rx "$sink" --recipients 10.200.1.1-10.200.1.200:5004 --idle 1 >"$dir/sink.log" 2>&1 &
sink_pid=$!
wait_for_line "$dir/sink.log" '^groupcast-sink: ready'
check "relayed with it" on_rx "$send" --recipients 10.9.0.1:5004 --count 50 --payload 8000 --rate 100
wait $sink_pid || fail "the receivers" "$dir/sink.log"
grep -q 'received=10000 .*lost=0 corrupt=0 duplicate=0' "$dir/sink.log" &&
  echo "ok: 200 receivers of long datagrams" || fail "200 receivers of long datagrams" "$dir/sink.log"
ip link set gc0 mtu 1500
on_rx ip link set gc1 mtu 1500
ip link set gc0 down
ip link set gc0 up
ip route replace 10.200.0.0/16 via 10.9.0.2
within 5 ping -c 1 -W 1 10.9.0.2

# The link is the wire's. The persistent interface keeps what is set on it while there is no engine, and
# works with the next one as it did.
stop_engine near
within 5 has_none gc1 on_rx
check "no link without the peer" has_none gc1 on_rx
check "no link without an engine" has_none gc0
check "its address stays" grep -q 10.9.0.1/24 <(ip address show gc0)
start_engine near
ready near
within 10 ping -c 1 -W 1 10.9.0.2 && echo "ok: ping after a restart"
check "the link is back" has_carrier gc1 on_rx

# Another engine does not take what this one has, and leaves it as it is.
sed 's/net_virtio_user0/net_vhost7/; s/path=[^"]*/iface='"${dir//\//\\/}"'\/other/' "$dir/near.yaml" >"$dir/other.yaml"
sed -i 's/5004/5005/' "$dir/other.yaml"
"$groupcastd" "$dir/other.yaml" >"$dir/other.out" 2>&1 && fail "two engines have gc0" "$dir/other.out"
grep -q "exception_interface 'gc0' can't be taken; another process has it" "$dir/other.out" ||
  fail "who has gc0?" "$dir/other.out"
sed -i 's/exception_interface: gc0/exception_interface: lo/' "$dir/other.yaml"
"$groupcastd" "$dir/other.yaml" >"$dir/other.out" 2>&1 && fail "lo is no TAP" "$dir/other.out"
grep -q "exception_interface 'lo' can't be taken; an interface of that name exists, which is no TAP" "$dir/other.out" ||
  fail "lo?" "$dir/other.out"
check "ping afterwards" ping -c 1 -W 2 10.9.0.2

# One that was made goes with its engine.
stop_engine near
stop_engine far
on_rx ip link show gc1 >/dev/null 2>&1 && fail "gc1 is still there"
finish
