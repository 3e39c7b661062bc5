#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# errors_test.sh MODEL BINDING
#
# Cards that can't be had, and a profile with a wrong value: what to do is said, and nothing is left.
. "$(dirname "$0")/_guest.sh"
start_guest "$1" "$2" errors kernel_first=1
end_guest
cat "$dir/shared/guest.log"
finish_guests
