#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# bind_test.sh UNIT
#
# drivers-config/bind without a card to bind: what it refuses, and that addresses and routes come whole
# from one interface to a TAP of its name and back. Cards of the machine are only asked for with --dry-run.
# The systemd unit is one.
. "$(dirname "$0")/_init.sh"
bind=$(realpath "$(dirname "$0")/../../drivers-config/bind")
modules=${bind%/*} unit=$1
export GROUPCAST_BIND_STATE=$dir/state PYTHONDONTWRITEBYTECODE=1

# "DESCRIPTION STATUS TEXT ARGUMENT…": its status, and what it says.
expect() {
  local description=$1 status=$2 text=$3 got
  shift 3
  timeout 20 "$bind" "$@" >"$dir/said" 2>&1
  got=$?
  if ((got == status)) && grep -qF -- "$text" "$dir/said" && ! grep -q Traceback "$dir/said"; then
    echo "ok: $description"
  else
    fail "$description: exit status $got" "$dir/said"
  fi
}

sed "s|^ExecStart=[^ ]*/groupcast-bind |ExecStart=$bind |" "$unit" >"$dir/groupcast-bind.service"
systemd-analyze verify --man=no "$dir/groupcast-bind.service" >"$dir/said" 2>&1 && [[ ! -s $dir/said ]] ||
  fail "systemd-analyze verify" "$dir/said"
grep -q '^ExecStart=/.*/groupcast-bind --again$' "$unit" || fail "its command" "$unit"

printf '#!/bin/sh\nexec flock /sys/bus/pci/devices %s "$@"\n' "$bind" >"$dir/at_once"
chmod +x "$dir/at_once"
expect "no arguments" 2 "give one of"
expect "two things at once" 2 "not allowed with" --list --again
expect "a card and a list" 2 "give one of" --list eth9
expect "unknown driver" 2 "invalid choice" --driver e1000e eth9
expect "help" 0 "exception_interface" --help
expect "no such interface" 1 "there is no interface nowhere9" nowhere9
expect "no such PCI device" 1 "there is no PCI device ffff:ff:1f.7" ffff:ff:1f.7
expect "no such PCI device, short" 1 "there is no PCI device 0000:fe:1f.7" FE:1f.7
expect "undo of nothing" 1 "there is no interface nowhere9" --undo nowhere9
ip link add v0 type veth peer name v1
expect "virtual" 1 "v0 is no PCI card" v0
expect "loopback" 1 "lo is no PCI card" --dry-run lo
expect "nothing bound" 0 "Bound by this command:" --list
"$bind" --again || fail "nothing to bind again"
other=$(grep -Lis '^0x02' /sys/bus/pci/devices/*/class | head -1)
[[ -z $other ]] || expect "no network card" 1 "is not a network card" --dry-run "$(basename "$(dirname "$other")")"

[[ ! -d /sys/bus/pci/devices ]] ||
  bind=$dir/at_once expect "two at once" 1 "runs already" nowhere9

# What is remembered may be broken, or tell of a card that is not there.
mkdir "$dir/state"
echo '{' >"$dir/state/0000:00:01.0.json"
echo '[1]' >"$dir/state/0000:00:02.0.json"
echo '{"device": "ffff:ff:1f.7", "ids": "8086:10d3", "driver": "vfio-pci", "kernel_driver": "e1000e",
  "forced": false, "tap": true, "interface": {"name": "gone0"}}' >"$dir/state/ffff:ff:1f.7.json"
expect "each is told" 1 "00:01.0.json: Expecting" --again
for text in "00:02.0.json: is not what" "ffff:ff:1f.7 is not there any more"; do
  grep -qF "$text" "$dir/said" || fail "the others go on: no '$text'" "$dir/said"
done
expect "they are listed" 0 "is not there any more" --list
expect "by its name, as it was" 1 "there is no PCI device ffff:ff:1f.7" --undo gone0
rm -r "$dir/state"

# Cards that this machine has not, as sysfs shows them.
card() {
  mkdir -p "$dir/sys/devices/$1" "$dir/sys/drivers/$2" "$dir/sys/groups/7/devices"
  echo 0x020000 >"$dir/sys/devices/$1/class"
  ln -s "../../drivers/$2" "$dir/sys/devices/$1/driver"
  [[ -z ${3:-} ]] || { ln -s ../../groups/7 "$dir/sys/devices/$1/iommu_group"; mkdir "$dir/sys/groups/7/devices/$1"; }
}
mkdir -p "$dir/sys/drivers/vfio-pci"
card 0000:01:00.0 ice grouped
card 0000:01:00.1 ice grouped
card 0000:00:1c.0 pcieport grouped
card 0000:02:00.0 mlx5_core
echo 2 >"$dir/sys/devices/0000:01:00.0/sriov_numvfs"
python3 - "$modules" "$dir/sys" >"$dir/said" 2>&1 <<'PYTHON' || fail "checks of cards" "$dir/said"
import sys
sys.path.insert(0, sys.argv[1])
import bind_card
bind_card.DEVICES, bind_card.DRIVERS = sys.argv[2] + '/devices', sys.argv[2] + '/drivers'
from bind_checks import check_card
for address, driver, texts in (
        ('0000:01:00.0', 'vfio-pci', ('no interface here', '2 virtual functions', '0000:01:00.1 (ice): bind these')),
        ('0000:01:00.1', 'vfio-pci', ('no interface here', '0000:01:00.0 (ice): bind these')),
        ('0000:01:00.1', 'uio_pci_generic', ('no interface here', 'driver uio_pci_generic')),
        ('0000:02:00.0', 'vfio-pci', ('it needs no binding', 'vfio-pci needs it'))):
    found = list(check_card(bind_card.Card(address), driver, None, True, False))
    assert len(found) == len(texts) and all(text in line for text, line in zip(texts, found)), (address, found)
PYTHON

# An interface with all that there may be; u0 is another way.
ip link add u0 type veth peer name u1
ip address add 10.88.0.1/24 dev u0
for link in v1 u0 u1; do ip link set "$link" up; done
ip link set v0 mtu 1400 address 02:00:00:00:00:77
ip link set v0 up
ip address add 10.99.0.1/16 broadcast + dev v0
ip address add 10.99.0.2/16 dev v0 label v0:second
ip address add 10.97.0.1 peer 10.97.0.2/32 dev v0
ip address add 10.96.0.1/24 metric 77 noprefixroute dev v0
ip address add 10.95.0.1/24 valid_lft 5000 preferred_lft 4000 dev v0
ip -6 address add fd99::1/64 dev v0 nodad
ip -6 address add fe80::1/64 dev v0 nodad
ip route add 10.96.0.0/24 dev v0 proto kernel scope link src 10.96.0.1 metric 300
ip route add 10.1.0.0/16 via 10.99.0.9 metric 50 proto static
ip route add 10.2.0.0/16 via 10.1.0.1 dev v0 onlink mtu lock 1300 src 10.99.0.2
ip route add default via 10.99.0.9 table 100
ip route add 10.3.0.0/24 dev v0 scope link
ip route add 10.4.0.0/24 nexthop via 10.99.0.9 weight 3 nexthop via 10.88.0.9 weight 1
ip -6 route add fd01::/48 via fd99::9 metric 30 src fd99::1
ip -6 route add default via fe80::9 dev v0 metric 40 table 100
ip neighbour add 10.99.0.50 lladdr 02:00:00:00:00:50 nud permanent dev v0
# In the order that a restored one has: the kernel's are there first.
show() {
  ip -4 -oneline route show table all | sed 's/ linkdown//g; s/ dead//g' | sort >"$dir/$1.routes"
  ip -6 -oneline route show table all | grep -v 'fe80::\(/64\| \)\|ff00\|^local fe80\|^anycast' |
    sed 's/ linkdown//g; s/ dead//g' | sort >>"$dir/$1.routes"
  ip -oneline address show dev v0 | grep -v 'fe80::.*:' | sed 's/^[0-9]*: //; s/valid_lft [4-9].*sec//' \
    >"$dir/$1.addresses"
  ip neighbour show dev v0 nud permanent >"$dir/$1.neighbours"
}
same() {
  local what
  for what in routes addresses neighbours; do
    diff "$dir/before.$what" "$dir/$1.$what" >"$dir/difference" || fail "$1: other $what" "$dir/difference" "$dir/said"
  done
}
show before
python3 - "$modules" >"$dir/said" 2>&1 <<'PYTHON' || fail "its way to a TAP" "$dir/said"
import sys
sys.path.insert(0, sys.argv[1])
from bind_interface import *
configuration, notes = read_interface(link_of('v0'))
assert len(notes) == 1 and '10.95.0.1/24' in notes[0], notes
run('ip', 'link', 'delete', 'dev', 'v0')
make_tap('v0')
put_interface(configuration)
tap = link_of('v0')
assert is_tap(tap) and tap['mtu'] == 1400 and tap['address'] == '02:00:00:00:00:77', tap
PYTHON
[[ ! -s $dir/said ]] || fail "on a TAP" "$dir/said"
show tap
same tap
python3 - "$modules" >"$dir/said" 2>&1 <<'PYTHON' || fail "its way back" "$dir/said"
import sys
sys.path.insert(0, sys.argv[1])
from bind_interface import *
configuration, notes = read_interface(link_of('v0'))
remove_tap('v0')
run('ip', 'link', 'add', 'w0', 'type', 'veth', 'peer', 'name', 'w1')
run('ip', 'link', 'set', 'w1', 'up')
run('ip', 'link', 'set', 'w0', 'up')
assert rename(link_of('w0'), 'v0') == 'v0'
put_interface(configuration)
# What is there already is left as it is.
put_interface(configuration)
# One route can't come back, and says so; another that is missing does.
configuration['routes'].insert(0, ['-4', '10.60.0.0/16 via 10.61.0.1 dev v0'.split()])
run('ip', 'route', 'del', '10.3.0.0/24')
put_interface(configuration)
PYTHON
[[ $(wc -l <"$dir/said") == 1 ]] && grep -q 'not put back: ip -4 route add 10.60.0.0/16' "$dir/said" ||
  fail "what can't be put back is told" "$dir/said"
show back
same back
finish
