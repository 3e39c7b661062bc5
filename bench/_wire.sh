# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# What the scripts here share: `. bench/_wire.sh` at the root of the source, inside a network namespace
# of the script's own. $dir is a directory for its files; both end with the script.

dir=$(mktemp -d)
trap 'rm -rf "$dir"; [[ -z ${other:-} ]] || kill "$other"' EXIT
ip link set lo up

# A veth v0 with 10.99.0.1/16, its other end v1 with 10.99.0.2 in a namespace where
# `on_other COMMAND…` runs.
make_veth() {
  unshare --net -- sleep infinity &
  other=$!
  local here there
  here=$(readlink /proc/self/ns/net)
  # While it starts its namespace can't be read at times, which is no other one.
  until there=$(readlink /proc/$other/ns/net) && [[ -n $there && $there != "$here" ]]; do
    sleep 0.05
  done
  ip link add v0 type veth peer name v1 netns $other
  on_other ip link set lo up
  on_other ip address add 10.99.0.2/16 dev v1
  on_other ip link set v1 up
  ip address add 10.99.0.1/16 dev v0
  ip link set v0 up
  until ip -o link show v0 | grep -q 'state UP'; do sleep 0.05; done
}
on_other() { nsenter --net=/proc/$other/ns/net -- "$@"; }

# "NETWORK": all of it is behind the veth, counted there and dropped.
drop_beyond_veth() {
  make_veth
  ip route add "$1" via 10.99.0.2
  ip neighbour add 10.99.0.2 dev v0 nud permanent \
    lladdr "$(on_other ip -brief link show v1 | awk '{print $3}')"
  on_other nft -f - <<NFT
table netdev bench {
  chain ingress {
    type filter hook ingress device v1 priority 0; policy accept;
    ip daddr $1 counter drop
  }
}
NFT
}

# "NETWORK": all of it is behind a bridge without ports, which costs the kernel as little as can be.
drop_in_bridge() {
  ip link add br0 type bridge
  ip address add 10.99.0.1/16 dev br0
  ip link set br0 up
  ip neighbour add 10.99.0.2 lladdr 02:00:00:00:00:02 dev br0
  ip route add "$1" via 10.99.0.2
}

# "NETWORK": a port of the engine on net_null that has all of it.
null_port() {
  echo 'device: net_null0, static: {mac: "02:00:00:00:00:01", address: 10.99.0.1,'
  echo "  next_hops: [{to: $1, mac: \"02:00:00:00:00:02\"}]}"
}
