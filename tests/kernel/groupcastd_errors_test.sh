#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# groupcastd on bad input: a clear error, the right exit status, nothing left behind.
# Usage: groupcastd_errors_test.sh GROUPCASTD
. "$(dirname "$0")/_init.sh"
groupcastd=$(realpath "$1")
cd "$dir" || exit 1

# expect DESCRIPTION STATUS TEXT... : runs groupcastd on relay.yaml (or $file); stderr has to contain
# each TEXT, and more than that it has to come before anything is started.
expect() {
  local description=$1 status=$2 text
  shift 2
  timeout 20 "$groupcastd" "${options[@]}" "${file:-relay.yaml}" >out 2>err
  local got=$?
  if ((got != status)); then
    fail "$description: exit status $got, not $status" out err
    return
  fi
  for text in "$@"; do
    if ! grep -qF -- "$text" err; then
      fail "$description: no '$text' in its errors" out err
      return
    fi
  done
  if grep -q ready out; then
    fail "$description: it became ready" out err
    return
  fi
  echo "ok: $description"
}
options=()

group='groups: [{name: g, ingress: 127.0.0.1:5000, members: [127.0.0.1:6000]}]'
static='ports: [{name: a, device: net_null0, static: {mac: "02:00:00:00:00:01", address: 10.0.0.1,
  next_hops: [{to: 0.0.0.0/0, mac: "02:00:00:00:00:02"}]}}]'
port='ports: [{name: lan0, device: "net_af_packet0,iface=lo"}]'

# Files that are no configuration.
: >relay.yaml
expect "empty" 2 "relay.yaml:1:1: groups: is missing"
head -c 4096 /dev/urandom >relay.yaml
printf '\0\1' >>relay.yaml
expect "binary" 2 "relay.yaml:"
head -c 200000 /dev/zero | tr '\0' '[' >relay.yaml
expect "deeply nested" 2 "nested deeper than"
{ echo 'a: &a [x,x,x,x,x,x,x,x,x,x]'
  previous=a
  for next in b c d e f g h i; do
    echo "$next: &$next [*$previous,*$previous,*$previous,*$previous,*$previous,*$previous,*$previous]"
    previous=$next
  done; } >relay.yaml
expect "alias bomb" 2 "aliases expanded"
printf '%s\n---\n%s\n' "$group" "$group" >relay.yaml
expect "two documents" 2 "relay.yaml:3:1: a second document"
printf 'groups:\n\t- name: g\n' >relay.yaml
expect "tab" 2 "relay.yaml:2:1: a tab"
file=missing.yaml expect "missing file" 2 "missing.yaml: cannot be read: No such file or directory"
mkdir folder
file=folder expect "directory" 2 "folder: is a directory"

# One wrong thing each.
while IFS='|' read -r description yaml text; do
  printf '%b\n' "$yaml" >relay.yaml
  expect "$description" 2 "$text"
done <<'ROWS'
unknown key|groups: [{name: g, ingres: 127.0.0.1:5000, members: [127.0.0.1:6000]}]|relay.yaml:1:20: ingres: no such key here; did you mean 'ingress'?
unknown key at the top|grups: []|relay.yaml:1:1: grups: no such key here; did you mean 'groups'?
duplicate group|groups:\n- {name: g, ingress: 127.0.0.1:5000, members: [127.0.0.1:6000]}\n- {name: g, ingress: 127.0.0.1:5001, members: [127.0.0.1:6000]}|relay.yaml:3:10: name: 'g' is the name of the group in line 2 already
two groups, one ingress|groups:\n- {name: g, ingress: 127.0.0.1:5000, members: [127.0.0.1:6000]}\n- {name: h, ingress: 127.0.0.1:5000, members: [127.0.0.1:6000]}|relay.yaml:3:22: ingress: '127.0.0.1:5000' is taken by the ingress
member twice|groups:\n- name: g\n  ingress: 127.0.0.1:5000\n  members:\n  - 127.0.0.1:6000\n  - 127.0.0.1:6000|relay.yaml:6:5: members: '127.0.0.1:6000' is a member already, in line 5
port 0|groups: [{name: g, ingress: 127.0.0.1:5000, members: ["127.0.0.1:0"]}]|relay.yaml:1:55: members: '127.0.0.1:0' is not an IP address and a UDP port
multicast member|groups: [{name: g, ingress: 127.0.0.1:5000, members: [239.1.1.1:6000]}]|relay.yaml:1:55: members: '239.1.1.1:6000' is a multicast address
duplicate port|ports: [{name: a, device: "net_af_packet0,iface=lo"}, {name: a, device: "net_af_packet1,iface=x"}]\ngroups: [{name: g, ingress: 127.0.0.1:5000, members: [127.0.0.1:6000]}]|name: 'a' is used in line 1 already
port without interface|ports: [{name: a, device: net_af_packet0}]\ngroups: [{name: g, ingress: 127.0.0.1:5000, members: [127.0.0.1:6000]}]|relay.yaml:1:27: device: 'net_af_packet0' names no kernel interface
ROWS

# All errors of both parts, in the order of the file, and none twice.
cat >relay.yaml <<'YAML'
idle: sometimes
groups:
  - name: g
    ingress: 127.0.0.1
    members: [127.0.0.1:0]
ports: [{name: a, device: net_af_packet0}]
bananas: 3
YAML
expect "all errors" 2 "relay.yaml:1:7: idle: 'sometimes'" "relay.yaml:4:14: ingress: '127.0.0.1'" \
  "relay.yaml:5:15: members: '127.0.0.1:0'" "relay.yaml:6:27: device:" "relay.yaml:7:1: bananas:"
if [[ $(cut -d: -f2 err | tr '\n' ' ') != "1 4 5 6 7 " ]]; then fail "all errors: order" err; fi

options=(--check)
printf '%s\n%s\n' "$port" "$group" >relay.yaml
expect "--check of a right file" 0
options=()

# Engine keys are read without ports, too.
printf 'lcores: [abc]\n%s\n' "$group" >relay.yaml
expect "engine keys without ports" 2 "relay.yaml:1:10: lcores: 'abc'" "relay.yaml:1:1: ports: is missing"
printf '%s\n%s\n' 'ports: [{name: a, device: "net_af_packt0,iface=lo"}]' "$group" >relay.yaml
expect "unknown driver" 2 "relay.yaml:1:27: device: 'net_af_packt0,iface=lo' is of no driver known"
printf '%s\n%s\n' "${static/net_null0/net_nul0}" "$group" >relay.yaml
expect "unknown driver of a static port" 1 "port 'a': device: no driver is called 'net_nul0'"

# Sockets.
echo "${group/127.0.0.1:5000/192.0.2.77:5000}" >relay.yaml
expect "ingress address of another host" 1 \
  "relay.yaml:1:29: ingress: '192.0.2.77:5000' of group 'g' is not an address of this host"
echo "${group/127.0.0.1:5000/\"[2001:db8::1]:5000\"}" >relay.yaml
expect "ingress address of IPv6 of another host" 1 \
  "relay.yaml:1:29: ingress: '[2001:db8::1]:5000' of group 'g' is not an address of this host"
echo "${group/127.0.0.1:5000/\"[fe80::1%nosuch0]:5000\"}" >relay.yaml
expect "ingress on an interface that does not exist" 1 \
  "relay.yaml:1:29: ingress: '[fe80::1%nosuch0]:5000' of group 'g' cannot be used: there is no interface 'nosuch0'"
echo "${group/127.0.0.1:6000/\"[fe80::2%nosuch0]:6000\"}" >relay.yaml
expect "member on an interface that does not exist" 1 \
  "relay.yaml:1:55: members: '[fe80::2%nosuch0]:6000': there is no interface 'nosuch0'"
echo "${group/127.0.0.1:5000/{address: 239.1.2.3:5000, interface: nosuch0\}}" >relay.yaml
expect "multicast on an interface that does not exist" 1 \
  "relay.yaml:1:39: interface: '239.1.2.3:5000' of group 'g' is to be joined on 'nosuch0', which is"
echo "${group/127.0.0.1:5000/239.1.2.3:5000}" >relay.yaml
expect "multicast without a route" 1 "relay.yaml:1:29: ingress: '239.1.2.3:5000' of group 'g' cannot" \
  "no route leads to it: name its interface"
echo "${group/members/source: 192.0.2.77, members}" >relay.yaml
expect "source address of another host" 1 \
  "relay.yaml:1:53: source: '192.0.2.77:0' of group 'g' is not an address of this host"
printf '%s\n%s\n' 'ports: [{name: a, device: "net_af_packet0,iface=nosuch0"}]' "$group" >relay.yaml
expect "port that does not exist" 1 \
  "relay.yaml:1:27: port 'a': there is no network interface 'nosuch0' here"
printf '%s\n%s\n' 'ports: [{name: a, device: "net_af_packet0,iface=nosuch0"}]' \
  "${group/127.0.0.1:5000/192.0.2.77:5000}" >relay.yaml
expect "all that this host lacks" 1 "there is no network interface 'nosuch0'" "192.0.2.77:5000"
echo "${group/127.0.0.1:5000/0.0.0.0:6000}" >relay.yaml
expect "loop over the loopback address" 2 "members: '127.0.0.1:6000' is the group's own ingress"
ip address add 192.0.2.1/32 dev lo
echo 'groups: [{name: g, ingress: "0.0.0.0:6000", members: ["192.0.2.1:6000"]}]' >relay.yaml
expect "loop over an address of this host" 1 \
  "relay.yaml:1:55: members: '192.0.2.1:6000' is the group's own ingress"

# A second groupcastd with the same configuration; the first goes on and stops cleanly.
echo "$group" >relay.yaml
"$groupcastd" relay.yaml >first.out 2>first.err &
first=$!
wait_for_line first.out '^groupcastd: ready groups=1 members=1$'
expect "second groupcastd" 1 "relay.yaml:1:29: ingress: '127.0.0.1:5000' of group 'g' is in use"
echo -n hello >/dev/udp/127.0.0.1/5000
sleep 0.2
kill -INT $first
wait $first
status=$?
if ((status != 0)) ||
  ! grep -q '^groupcastd: summary group=g in=1 out=1 errors=0 overflow=0 ' first.out ||
  ! grep -q '^groupcastd: summary total in=1 out=1 .* errors=0 overflow=0 unsent=0 filtered=0 ' first.out; then
  fail "clean stop (status $status)" first.out first.err
else
  echo "ok: clean stop with a summary"
fi
if [[ -n $(ss -Huan) ]]; then fail "sockets left"; fi

# The command line.
timeout 5 "$groupcastd" >out 2>err
if (($? != 2)); then fail "no file given"; fi
timeout 5 "$groupcastd" --stats-period never relay.yaml >out 2>err
if (($? != 2)); then fail "--stats-period never"; fi
timeout 5 "$groupcastd" --help-config >out 2>err
if (($? != 0)) || ! grep -q wait_ms out || ! grep -q members out; then fail "--help-config"; fi
finish
