#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# vhost_consumer_test.sh VHOST_CONSUMER GROUPCAST_SEND
#
# The benchmarks' software NIC counts what came and finds what is wrong.
set -uo pipefail
consumer=$1 send=$2 failures=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"; [[ -z ${pid:-} ]] || kill $pid 2>/dev/null' EXIT
trap 'exit 1' INT TERM
cat >"$dir/engine.yaml" <<END
ports:
  - name: guest0
    device: net_virtio_user0,path=$dir/socket
    static:
      mac: "02:00:00:00:00:01"
      address: 10.99.0.1
      next_hops: [{to: 10.128.0.0/9, mac: "02:00:00:00:00:02"}]
memory: {hugepages: off}
END

# "DESCRIPTION STATUS PYTHON ARGUMENT…": the consumer's exit status, and what is true of its account.
check() {
  local description=$1 wanted=$2 condition=$3 status=0 i
  shift 3
  rm -f "$dir/socket" "$dir/consumer.out"
  "$consumer" "$dir/socket" "$@" >"$dir/consumer.out" 2>"$dir/consumer.log" &
  pid=$!
  for ((i = 0; i < 400; i++)); do
    grep -qs ready "$dir/consumer.out" && break
    sleep 0.05
  done
  timeout 60 "$send" --config "$dir/engine.yaml" --recipients 10.128.0.1-10.128.0.100:5004 \
    --count 32 --payload 1000 --prepend 12 --end-markers 0 >"$dir/send.log" 2>&1 || status=send
  sleep 0.2
  kill -TERM $pid
  wait $pid || status=$?
  pid=
  [[ $status == "$wanted" ]] && tail -n 1 "$dir/consumer.out" |
    python3 -c "import json, sys; a = json.load(sys.stdin); sys.exit(not ($condition))" && return
  echo "FAILED: $description: status $status"
  sed 's/^/    /' "$dir"/consumer.* "$dir/send.log"
  failures=$((failures + 1))
}

check "all is right" 0 "a['packets'] == 3200 and a['bad'] == 0 and a['summed'] == 200 and
  a['no_udp_checksum'] == 0 and a['packets_per_second'] > 0" --frame-bytes 1054
check "each byte is summed up" 0 "a['packets'] == 3200 and a['summed'] == 3200" --check-every 1
check "another length" 1 "a['packets'] == a['bad'] == 3200 and
  a['first_bad'] == 'another length'" --frame-bytes 1055
((failures == 0)) || exit 1
echo "all as expected"
