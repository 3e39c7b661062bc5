#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# relay_reload_test.sh GROUPCASTD GROUPCAST_SEND GROUPCAST_SINK
#
# groupcastd takes other members on SIGHUP while a stream runs, nothing is lost or doubled for those
# that stay, and a file that is wrong or wants more than that changes nothing. What it tells a service
# manager meanwhile.
. "$(dirname "$0")/_init.sh"
groupcastd=$1 send=$2 sink=$3
. "$(dirname "$0")/_relay.sh"

# "FIRST LAST [GROUP]…": the configuration with the members 10.200.0.FIRST to LAST, and more groups.
write_config() {
  local i group
  {
    echo 'ports: [{name: lan0, device: "net_af_packet0,iface=v0"}]'
    echo 'memory: {hugepages: off}'
    echo 'groups:'
    echo '  - {name: live, ingress: 10.99.0.1:5004, ttl: 9, members: ['
    for ((i = $1; i <= $2; i++)); do echo "    10.200.0.$i:500$((4 + (i - 1) / 50)),"; done
    echo '    ]}'
    shift 2
    for group in "$@"; do echo "  - $group"; done
  } >"$dir/new.yaml"
  mv "$dir/new.yaml" "$dir/relay.yaml"
}
more='{name: more, ingress: "10.99.0.1:6004", members: ["10.200.0.1:6004"]}'
# "FILE PATTERN COUNT": until the file has so many such lines.
wait_for_count() {
  local i
  for ((i = 0; i < 200; i++)); do
    (($(grep -c -- "$2" "$1") >= $3)) && return
    sleep 0.05
  done
  fail "not $3 lines '$2' in ${1##*/}" "$1"
}

# What a service manager would hear, a line for each message.
export NOTIFY_SOCKET=$dir/notify
python3 -c '
import socket, sys
listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listening.bind(sys.argv[1])
while True:
    print(listening.recv(4096).decode(), flush=True)' "$NOTIFY_SOCKET" >"$dir/notified" &
notified=$!
until [[ -S $NOTIFY_SOCKET ]]; do sleep 0.05; done

# 1 to 100 at first, 51 to 150 later: 50 leave, 50 stay, 50 come; each 50 have their own UDP port.
write_config 1 100 "$more"
start_relay 2 101
start_sink leaving --recipients 10.200.0.1-10.200.0.50:5004 --idle 2
start_sink staying --recipients 10.200.0.51-10.200.0.100:5005 --idle 2
start_sink coming --recipients 10.200.0.101-10.200.0.150:5006 --idle 2 --join-late
"$send" --recipients 10.99.0.1:5004 --count 3000 --payload 1200 --rate 1000 >"$dir/send.log" &
sending=$!
sleep 0.5
write_config 51 150 "$more"
kill -HUP $relay
wait_for_line "$dir/relay.out" '^groupcastd: reloaded members=101$'

# Nothing of these is taken, each says why.
write_config 51 150 "$more" '{name: new, ingress: "10.99.0.1:7004", members: ["10.200.0.1:7004"]}'
sed -i 's/ttl: 9/ttl: 8/' "$dir/relay.yaml"
kill -HUP $relay
wait_for_count "$dir/relay.err" 'is not taken; the members stay as they were$' 1
grep -q "relay.yaml:4:27: ttl: 8 in group 'live', but 9 when it was started; restart for that" \
  "$dir/relay.err" || fail "another TTL" "$dir/relay.err"
grep -q "relay.yaml:.*groups: 'new' is a new group; restart for that" "$dir/relay.err" ||
  fail "a new group" "$dir/relay.err"
write_config 51 150
sed -i 's/hugepages: off/size_mib: 64, hugepages: off/' "$dir/relay.yaml"
kill -HUP $relay
wait_for_count "$dir/relay.err" 'is not taken; the members stay as they were$' 2
grep -q "relay.yaml: memory: is another than when it was started" "$dir/relay.err" ||
  fail "other memory" "$dir/relay.err"
grep -q "relay.yaml: groups: group 'more' is there no more; restart for that" "$dir/relay.err" ||
  fail "a group that is gone" "$dir/relay.err"
write_config 51 300 "$more"
kill -HUP $relay
wait_for_count "$dir/relay.err" 'is not taken; the members stay as they were$' 3
grep -q "relay.yaml:[0-9]*:5: members.*10.200.0.256:5009" "$dir/relay.err" ||
  fail "members that are no addresses" "$dir/relay.err"
rm "$dir/relay.yaml"
kill -HUP $relay
wait_for_count "$dir/relay.err" 'is not taken; the members stay as they were$' 4
grep -q "relay.yaml: cannot be read: No such file" "$dir/relay.err" ||
  fail "no file" "$dir/relay.err"

wait $sending || fail "the sender" "$dir/send.log"
for name in staying coming; do
  wait "${sinks[$name]}" || fail "sink '$name'" "$dir/$name.log"
done
wait "${sinks[leaving]}"
expect "members that stay" "$dir/staying.log" '^groupcast-sink: summary' \
  received=150000 lost=0 corrupt=0 duplicate=0
expect "members that come" "$dir/coming.log" '^groupcast-sink: summary' \
  lost=0 corrupt=0 duplicate=0
expect "members that leave" "$dir/leaving.log" '^groupcast-sink: summary' corrupt=0 duplicate=0
# All of a group changes at once: what those that left do not get, those that came get, and its end
# markers, which no sink counts.
got() { grep -o ' received=[0-9]*' <<<"$(grep '^groupcast-sink: summary' "$dir/$1.log")" | cut -d= -f2; }
(($(got leaving) + $(got coming) == 150000)) ||
  fail "between two memberships: $(got leaving) and $(got coming)" "$dir/leaving.log" "$dir/coming.log"

kill -TERM $relay
wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
expect "the group" "$dir/relay.out" '^groupcastd: summary group=live' \
  in=3003 out=300300 errors=0 overflow=0 unsent=0
wait_for_line "$dir/notified" '^STOPPING=1$'
kill $notified
unset NOTIFY_SOCKET
[[ $(uniq "$dir/notified" | tr '\n' ' ') == \
  "READY=1 $(for i in 1 2 3 4 5; do printf 'RELOADING=1 READY=1 '; done)STOPPING=1 " ]] ||
  fail "what a service manager hears" "$dir/notified"

# Members of IPv6 may go and come again, if there were some at the start; and only then.
members() {
  echo "groups: [{name: g, ingress: 127.0.0.1:5004, members: [$1]}]" >"$dir/relay.yaml"
}
for start in '127.0.0.1:5006, "[::1]:5006"' 127.0.0.1:5006; do
  members "$start"
  start_relay 1 $(($(tr -cd , <<<"$start" | wc -c) + 1))
  members 127.0.0.1:5006
  kill -HUP $relay
  wait_for_line "$dir/relay.out" '^groupcastd: reloaded members=1$'
  members '127.0.0.1:5006, "[::1]:5006"'
  kill -HUP $relay
  if [[ $start == *::1* ]]; then
    wait_for_line "$dir/relay.out" '^groupcastd: reloaded members=2$'
  else
    wait_for_line "$dir/relay.err" "members: group 'g' had none of IPv6 when it was started"
  fi
  kill -TERM $relay
  wait $relay || fail "groupcastd ends with $?" "$dir/relay.err"
done

# Without its terminal it stops as well; SIGHUP on a terminal that is there takes members.
write_config 51 150 "$more"
python3 - "$groupcastd" "$dir/relay.yaml" <<'END' || fail "the end of its terminal"
import os, pty, signal, sys, time

pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:] + ["--stats-period", "0"])
said = b""
def read_until(text):
    global said
    while text not in said:
        said += os.read(terminal, 65536)
read_until(b"ready")
os.kill(pid, signal.SIGHUP)
read_until(b"reloaded members=101")
os.close(terminal)
deadline = time.monotonic() + 10
ended, status = 0, 0
while not ended and time.monotonic() < deadline:
    ended, status = os.waitpid(pid, os.WNOHANG)
    time.sleep(0.05)
if not ended:
    os.kill(pid, signal.SIGKILL)
    sys.exit("it goes on")
sys.exit(0 if status == 0 else f"it ended with {status}")
END
finish
