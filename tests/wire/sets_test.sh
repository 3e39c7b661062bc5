#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# sets_test.sh WIRE_TEST FILTER...
#
# Each test of the program is in one of the sets that meson.build has, and each set has tests.
set -uo pipefail
program=$1
shift
"$program" --gtest_list_tests >/dev/null
case $? in
  0) ;;
  77) echo "SKIPPED: as all of them"; exit 77 ;;
  *) exit 1 ;;
esac
named() { "$program" --gtest_list_tests "--gtest_filter=$1" | grep "^  "; }
left=$(IFS=: && named "-$*")
[[ -z $left ]] || { echo "in no set of tests/wire/meson.build: $left"; exit 1; }
for filter; do
  [[ -n $(named "$filter") ]] || { echo "no test is $filter"; exit 1; }
done
