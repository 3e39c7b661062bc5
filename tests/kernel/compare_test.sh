#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# compare_test.sh BUILD
#
# bench/compare runs, and says what it ran: on each wire every contender has a result that fits what arrived,
# or a reason why it has none.
. "$(dirname "$0")/_init.sh"
compare=$(dirname "$0")/../../bench/compare
export PYTHONDONTWRITEBYTECODE=1
timeout 100 "$compare" --build "$1" --rounds 1 --seconds 0.1 --recipients 100 --modes group --no-page \
  --peers sendmsg,af_packet_ring,testpmd,clone --output "$dir/out" >"$dir/compare.log" 2>&1 ||
  fail "it ended with $?" "$dir/compare.log"
python3 - "$dir/out/comparison.json" <<'PYTHON' || fail "its runs" "$dir/compare.log"
import json, sys
page = json.load(open(sys.argv[1]))
wanted = {'null': {'group', 'sendmsg', 'af_packet_ring', 'testpmd', 'clone'},
          'veth': {'group', 'sendmsg', 'af_packet_ring', 'testpmd', 'clone'},
          'vhost': {'group', 'testpmd', 'clone'}}
checks = [run for run in page['runs'] if 'spot_check' in run]
assert [check['way'] for check in checks] == ['group'], checks
assert checks[0]['spot_check']['checked'] > 0 and checks[0]['spot_check']['wrong'] == 0, checks
for wire, ways in wanted.items():
    runs = [run for run in page['runs'] if run['wire'] == wire and 'round' in run]
    assert {run['way'] for run in runs} == ways, (wire, runs)
    for run in runs:
        result = run['result']
        if 'not_available' in result:
            assert run['way'] == 'testpmd', run
            continue
        assert result['packets'] > 0 and result['packets_per_second'] > 0, run
        # The software NIC's ring may still be full when a program ends.
        if wire != 'null':
            assert result['arrived'] > (0.9 * result['packets'] if wire == 'veth' else 0), run
ratios = {(ratio['wire'], ratio['ours'], ratio['peer']): ratio for ratio in page['ratios']}
assert ratios['veth', 'group, net_af_xdp', 'sendmsg']['speed']['median'] > 0, ratios
assert page['machine']['kernel'] and page['load']['recipients'] == 100, page['machine']
PYTHON
# What is missing or wrong is said at once.
for arguments in "--wires nowhere" "--peers sendfile" "--seconds nan" "--rounds 0" "--build $dir"; do
  # Unquoted on purpose: several arguments.
  timeout 10 "$compare" --build "$1" --no-page --output "$dir/out" $arguments >"$dir/wrong.log" 2>&1
  [[ $? != 0 && $(wc -c <"$dir/wrong.log") -gt 20 ]] || fail "$arguments" "$dir/wrong.log"
done
finish
