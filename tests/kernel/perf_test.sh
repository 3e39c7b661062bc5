#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# perf_test.sh GROUPCAST_PERF [light]
#
# groupcast-perf on ports without a kernel interface: what it counts, what it sends, its prompt, and
# what it says to bad input. "light": modes and rings only, for sanitizers.
. "$(dirname "$0")/_init.sh"
perf=$(realpath "$1")
light=${2:-}
cd "$dir" || exit 1
null=(--vdev net_null0 --no-huge -m 256)

# "DESCRIPTION STATUS ARGUMENT…": how it ends; what it writes is in out, err and out.json.
run() {
  local description=$1 wanted=$2 status=0
  shift 2
  timeout 60 "$perf" "$@" >out 2>err </dev/null || status=$?
  if [[ $status == "$wanted" ]]; then
    echo "ok: $description"
  else
    fail "$description: exit status $status, not $wanted" out err
  fi
}

# "DESCRIPTION CONDITION…": of the JSON, whose fields the conditions see as variables.
holds() {
  local description=$1
  shift
  python3 - "$@" <<'PYTHON' || fail "$description" out err out.json
import json, sys
fields = json.load(open('out.json'))
wrong = [condition for condition in sys.argv[1:] if not eval(condition, dict(fields))]
for condition in wrong: print('not so:', condition)
sys.exit(len(wrong) > 0)
PYTHON
}

# "DESCRIPTION FILE TEXT…"
says() {
  local description=$1 file=$2 text
  shift 2
  for text in "$@"; do
    grep -qF -- "$text" "$file" || fail "$description: no '$text'" "$file"
  done
}

whole=('wire == "net_null"' 'groupcasts > 0' 'packets == groupcasts * recipients' 'dropped == 0'
  'kernel_packets == 0' 'errors == [{}] * producers' '0.09 < seconds < 30'
  'abs(packets_per_second * seconds / packets - 1) < 1e-6'
  'abs(ns_per_packet * packets / seconds / 1e9 - 1) < 1e-6'
  'abs(cycles_per_packet / ns_per_packet * 1e9 / tsc_hz - 1) < 1e-6'
  'abs(ns_per_groupcast / ns_per_packet / recipients - 1) < 1e-6'
  'cpu_ns_per_packet > 0' 'ports[0]["packets"] >= packets'
  'ports[0]["bytes"] > 0'
  'abs(bits_per_second / packets_per_second / 8 / (42 + prepend + payload + append) - 1) < 1e-6')

short=(--seconds 0.1 --json out.json)
run "mode sendgroup" 0 "${null[@]}" -- "${short[@]}" --recipients 300 --payload 700 --strategy chain \
  --prepend 12 --append 3
holds "mode sendgroup" "${whole[@]}" 'mode == "sendgroup"' 'strategy == "chain"' 'recipients == 300' \
  'payload == 700' 'prepend == 12' 'append == 3' 'lcores == 1' 'producers == 1' \
  'counters["chained"] > 0' 'counters["copied"] == 0'
run "mode group, two producers" 0 "${null[@]}" -- "${short[@]}" --mode group --recipients 200 \
  --producers 2 --strategy copy --append 5 --private-bytes callback
holds "mode group" "${whole[@]}" 'mode == "group"' 'producers == 2' 'counters["chained"] == 0' \
  'counters["copied"] > 0' 'private_bytes == "callback"'
run "mode async" 0 "${null[@]}" -- "${short[@]}" --mode async --recipients 100 --prepend 12 \
  --burst 4 --rate 2000
holds "mode async" "${whole[@]}" 'mode == "async"' '1 <= burst <= 4' 'private_bytes == "table"' \
  'groupcasts <= rate * seconds + 2'
run "latency" 0 "${null[@]}" -- "${short[@]}" --mode group --recipients 500 --latency
holds "latency" "${whole[@]}" 'latency_ns["groupcasts"] == groupcasts' \
  'all(l["p50"] <= l["p99"] <= l["p99_9"] <= l["max"] for l in
       (latency_ns[k] for k in ("first", "last", "spread")))' \
  '0 < latency_ns["first"]["p50"] < latency_ns["last"]["p50"]' \
  'latency_ns["spread"]["p50"] < latency_ns["last"]["p50"]'
# What a ring emits is checked by the tool itself.
run "net_ring" 0 --vdev net_ring0 --no-huge -- "${short[@]}" --recipients 100 --prepend 5 --append 8
holds "net_ring" 'wire == "net_ring"' 'packets == groupcasts * recipients' 'dropped == 0' \
  'ring_consumer["packets"] >= packets' 'ring_consumer["checked"] > 0' 'ring_consumer["wrong"] == 0'
if [[ $light == light ]]; then
  finish
  exit
fi

# Its lcore goes on while the counting begins. (wire_peers has its packets under sanitizers, too.)
direct=("${whole[@]:0:${#whole[@]}-1}" 'mode == "direct"' 'lcores == producers == burst == 1'
  'abs(ports[0]["bytes"] / (42 + prepend + payload + append) / packets - 1) < 0.5')
for strategy in chain clone floor written-floor; do
  run "mode direct, $strategy" 0 "${null[@]}" -- "${short[@]}" --mode direct --strategy $strategy \
    --payload 700 --prepend 12
  holds "mode direct, $strategy" "${direct[@]}" "strategy == '$strategy'"
done
run "mode direct, lazy-copy" 0 "${null[@]}" -- "${short[@]}" --mode direct --strategy lazy-copy
holds "mode direct, lazy-copy" "${direct[@]}" 'groupcasts - 1 <= counters["copied"]' \
  'abs(counters["copied"] + counters["rewritten"] - packets) < 0.5 * packets'
run "mode direct, same payload" 0 "${null[@]}" -- "${short[@]}" --mode direct --strategy lazy-copy \
  --same-payload
holds "mode direct, same payload" 'counters["copied"] < 2000' 'counters["rewritten"] > 0'
for strategy in copy clone lazy-copy floor written-floor; do
  # Its consumer keeps packets, and it is full again and again.
  run "mode direct on net_ring, $strategy" 0 --vdev net_ring0 --no-huge -m 256 -- "${short[@]}" \
    --mode direct --strategy $strategy --recipients 3000 --prepend 5
  holds "mode direct on net_ring, $strategy" 'packets == groupcasts * recipients' 'dropped == 0' \
    'ring_consumer["packets"] >= packets' 'ring_consumer["checked"] > 0' \
    'ring_consumer["wrong"] == 0'
done
run "mode direct, append" 0 --vdev net_ring0 --no-huge -- "${short[@]}" --mode direct \
  --recipients 100 --prepend 5 --append 8
holds "mode direct, append" 'packets == groupcasts * recipients' 'counters["appended"] > 0' \
  'ring_consumer["wrong"] == 0'
# By other code than ours:
run "net_pcap" 0 --vdev net_pcap0,tx_pcap=frames.pcap --no-huge -- "${short[@]}" --recipients 20 \
  --tx-ip 192.0.2.1,198.18.0.250 --tx-udp 4000,5000 --prepend 7 --payload 301 --append 6 --rate 100
holds "net_pcap" 'wire == "net_pcap"' 'packets == groupcasts * recipients' 'packets >= 20'
python3 - <<'PYTHON' || fail "frames of net_pcap"
import collections, ipaddress, json, struct
raw = open('frames.pcap', 'rb').read()
assert struct.unpack_from('=I', raw)[0] in (0xa1b2c3d4, 0xa1b23c4d)
def sum16(data):
    if len(data) % 2: data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return total
payload = bytes((i * 131 + i // 251) & 0xff for i in range(301))
at, to = 24, collections.Counter()
while at < len(raw):
    caught, length = struct.unpack_from('=2I', raw, at + 8)
    frame = raw[at + 16:at + 16 + caught]
    at += 16 + caught
    assert caught == length == 42 + 7 + 301 + 6, (caught, length)
    assert frame[:14] == bytes.fromhex('020000000002' '020000000001' '0800'), frame[:14].hex()
    ip, udp = frame[14:34], frame[34:]
    assert sum16(ip) == 0xffff, 'IP checksum'
    assert sum16(ip[12:20] + struct.pack('!2H', 17, len(udp)) + udp) == 0xffff, 'UDP checksum'
    source, destination, length = struct.unpack_from('!3H', udp)
    assert (source, destination, length) == (4000, 5000, len(udp))
    assert str(ipaddress.ip_address(ip[12:16])) == '192.0.2.1'
    i = int(ipaddress.ip_address(ip[16:20])) - int(ipaddress.ip_address('198.18.0.250'))
    assert udp[8:] == bytes([i]) * 7 + payload + bytes([i]) * 6, i
    to[i] += 1
assert sorted(to) == list(range(20)) and len(set(to.values())) == 1, to
assert sum(to.values()) >= json.load(open('out.json'))['packets']
PYTHON

for mode in group async; do
  run "groups, $mode" 0 --vdev net_pcap0,tx_pcap=frames.pcap --no-huge -- "${short[@]}" --mode $mode \
    --groups 7 --recipients 9 --rate 200
  holds "groups, $mode" 'groups == 7' 'packets == groupcasts * recipients' 'packets >= 63'
  python3 - <<'PYTHON' || fail "groups in turn, $mode"
import struct
raw = open('frames.pcap', 'rb').read()
at, to = 24, []
while at < len(raw):
    caught, = struct.unpack_from('=I', raw, at + 8)
    address, = struct.unpack_from('!I', raw, at + 16 + 30)
    to.append(address - 0xc6120002)  # 198.18.0.2
    at += 16 + caught
assert len(to) >= 63
assert to == [i % 63 for i in range(len(to))], to[:130]
PYTHON
done

if (($(nproc) > 1)); then
  run "two lcores" 0 "${null[@]}" -- "${short[@]}" --nb-cores 2 --mode group --latency --recipients 500
  holds "two lcores" 'lcores == 2' 'packets == groupcasts * recipients' \
    'latency_ns["groupcasts"] == groupcasts'
fi
run "two ports" 0 --vdev net_null0 --vdev net_null1 --no-huge -- "${short[@]}" --recipients 30
holds "two ports" 'wire == "net_null,net_null"' 'packets == groupcasts * recipients' \
  'abs(ports[0]["packets"] - ports[1]["packets"]) <= 30'

cat >engine.yaml <<'YAML'
memory: {hugepages: "off"}
ports:
  - name: null0
    device: net_null0
    copybreak: 65507
    static: {mac: "02:00:00:00:00:01", address: 10.0.0.1,
             next_hops: [{to: 198.18.0.0/15, mac: "02:00:00:00:00:02"}]}
YAML
run "a configuration" 0 -- --config engine.yaml "${short[@]}" --recipients 10
holds "a configuration" "${whole[@]}" 'counters["chained"] == 0'

# A prompt from a script: its runs, and what `set` changes.
script() {
  timeout 60 "$perf" "${null[@]}" -- -i --recipients 10 --json out.json "$@" >out 2>err
}
# "N": until statistics of a run have come N times.
await_statistics() {
  local i
  for ((i = 0; i < 200; i++)); do
    (($(grep -cs 'NIC statistics' out) >= $1)) && return
    sleep 0.05
  done
}
: >out
{ printf 'help\nset payload 100\nset recipients 50\nset mode group\nset strategy copy\nstart\n'
  await_statistics 1
  printf 'show port stats all\nshow fwd stats all\nclear fwd stats all\nstop\nshow config fwd\n'
  printf 'set mode sendgroup\nset strategy chain\nclear port stats all\nstart\n'
  await_statistics "$(($(grep -c 'NIC statistics' out) + 3))"
  printf 'quit\nstart\n'; } | script --stats-period 0.1 || fail "a script: exit status $?" out err
says "a script" out 'NIC statistics for port 0' 'Forward statistics for port 0' \
  'groupcast group: wire=net_null' 'groupcast sendgroup: wire=net_null' \
  'recipients=50 payload=100' 'strategy=chain'
[[ $(grep -c '^  groupcast ' out) == 3 ]] || fail "runs and a configuration in a script" out
holds "a script" 'mode == "sendgroup"' 'strategy == "chain"' 'packets == groupcasts * 50' \
  'groupcasts > 0' 'counters["copied"] == 0'
printf 'start' | script --seconds 0.1 || fail "a script that ends with start: exit status $?" out err
holds "a script that ends with start" 'groupcasts > 0' '0.09 < seconds < 30'
printf 'set mode direct\nset strategy clone\nset recipients 70\nstart' | script --seconds 0.1 ||
  fail "mode direct in a script: exit status $?" out err
holds "mode direct in a script" 'mode == "direct"' 'strategy == "clone"' \
  'packets == groupcasts * 70' 'groupcasts > 0' 'dropped == 0'
script </dev/null || fail "an empty script: exit status $?" out err
printf 'stat\nset payload 70000\nset strategy clone\nset mode fast\nshow port\nset payload 60000\nstop\n' | script
[[ $? == 2 ]] || fail "a script with errors: exit status" out err
says "a script with errors" out "'stat': command not found" '70000' \
  '--strategy clone: is not the engine' \
  "'set mode fast': bad arguments" "'show port': bad arguments" '--mtu 1500' \
  'Packet forwarding not started'

# On a terminal: completion by the tabulator, and Ctrl-D.
timeout 60 python3 - "$perf" "${null[@]}" -- -i --recipients 10 <<'PYTHON' ||
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
read = b''
def expect(text):
    global read
    while text not in read: read += os.read(terminal, 4096)
    read = read[read.index(text) + len(text):]
for typed, text in [(b'', b'groupcast-perf> '), (b'set st\t', b'strategy '), (b'chain\n', b'> '),
                    (b'sh\tconf\tf\t\n', b'strategy=chain'), (b'bogus\n', b'Command not found'),
                    (b'start\n', b'groupcast sendgroup')]:
    os.write(terminal, typed)
    expect(text)
os.write(terminal, b'\x04')
expect(b'Accumulated forward statistics')
try:
    while os.read(terminal, 4096): pass
except OSError: pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
  fail "a terminal: exit status $?"

# A signal ends it with what there is.
"$perf" "${null[@]}" -- --json out.json --stats-period 0.1 >out 2>err &
wait_for_line out 'NIC statistics'
kill -INT $!
wait $! || fail "SIGINT: exit status $?" out err
holds "SIGINT" "${whole[@]}"
says "SIGINT" out 'Accumulated forward statistics'

# Bad input: a clear message, and nothing is sent.
while IFS='|' read -r text arguments; do
  # Unquoted on purpose: several arguments.
  run "bad input: $arguments" 2 $arguments
  says "bad input: $arguments" err "$text"
  [[ ! -s out || $text == \(kernel* ]] || fail "bad input: $arguments: it began" out
done <<'ROWS'
no port is given|
no port is given|-- --seconds 1
is not a device|--vdev 9 --
no driver is called 'nothing0'|--vdev nothing0 --no-huge --
is set by the engine|--vdev net_null0 --no-pci --
goes behind "--"|--vdev net_null0 --mode group
-l 3-1: '3-1' is not a CPU|--vdev net_null0 -l 3-1 --
-m lots: is not a number of MiB|--vdev net_null0 -m lots --
no memory for mempool|--vdev net_null0 --no-huge -m 16 -- --mtu 9000 --txd 4096
--nb-cores 128: this process has|--vdev net_null0 -- --nb-cores 128
a UDP datagram has at most 65507|--vdev net_null0 -- --mtu 65389 --payload 65507 --prepend 1
--mtu 1500: datagrams of 1473 bytes need 1501|--vdev net_null0 -- --payload 1461 --prepend 12
--strategy clone: is not the engine's; use --mode direct|--vdev net_null0 -- --strategy clone
--strategy lazy-copy: is not the engine's|--vdev net_null0 -- --mode group --strategy lazy-copy
--strategy floor: is not the engine's|--vdev net_null0 -- --mode async --strategy floor
--append 4: strategy clone has none|--vdev net_null0 -- --mode direct --strategy clone --append 4
--producers 2: mode direct has one thread|--vdev net_null0 -- --mode direct --producers 2
--nb-cores 2: mode direct has one lcore|--vdev net_null0 -- --mode direct --nb-cores 2
is for one port and one lcore, not 2 and 1|--vdev net_null0 --vdev net_null1 --no-huge -- --mode direct
--same-payload: is for --strategy lazy-copy|--vdev net_null0 -- --mode direct --same-payload
--config: mode direct has no engine|-- --config engine.yaml --mode direct
--latency: is for the modes|--vdev net_null0 -- --latency --mode direct
--strategy: fast not in|--vdev net_null0 -- --strategy fast
--recipients|--vdev net_null0 -- --recipients 0
--payload|--vdev net_null0 -- --payload -1
--seconds|--vdev net_null0 -- --seconds nan
--txd|--vdev net_null0 -- --txd 1000000
100 is not a power of two|--vdev net_null0 --no-huge -- --txd 100
--latency: is for the modes|--vdev net_null0 -- --latency --mode async
use --producers 1|--vdev net_null0 -- --latency --producers 2
are not all unicast addresses|--vdev net_null0 -- --tx-ip 10.0.0.1,223.255.255.255 --recipients 2
'nowhere' is not an IPv4 address|--vdev net_null0 -- --tx-ip nowhere,10.0.0.1
--tx-udp: '0' is not a UDP port|--vdev net_null0 -- --tx-udp 9,0
--eth-peer: 1 is not the MAC|--vdev net_null0 --no-huge -- --eth-peer 1
--json /: can't be written|--vdev net_null0 -- --json /
--json none/out.json: can't be written: |--vdev net_null0 -- --json none/out.json
--config|-- --config none.yaml --nb-cores 2
the file's key 'copybreak'|-- --config engine.yaml --strategy chain
(kernel_route|-- --config engine.yaml --tx-ip 10.0.0.1,10.0.0.2
none.yaml: cannot be read|-- --config none.yaml
the file says what EAL arguments would|--vdev net_null0 -- --config none.yaml
ROWS

for mode in sendgroup group; do
  run "too little memory for so many, $mode" 2 --vdev net_null0 --no-huge -m 48 -- --producers 24 \
    --recipients 10 --mode $mode
  says "too little memory for so many, $mode" err 'lacks memory for --producers 24 (raise -m'
done

"$perf" --help >out 2>err || fail "--help: exit status $?" out err
says "--help" out '[EAL arguments] --' '--vdev DEVICE' 'latency_ns' '--stats-period'
python3 - <<'PYTHON' || fail "a field that --help does not document" out
import json, re
text = open('out').read()
missing = [f for f in json.load(open('out.json')) if not re.search(rf'\b{f}\b', text)]
assert not missing, missing
PYTHON
finish
