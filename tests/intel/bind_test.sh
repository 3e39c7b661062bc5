#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# bind_test.sh
#
# drivers-config/bind moves an emulated card from its kernel driver to vfio-pci and back, while the
# guest's host keeps its addresses and routes; groupcastd runs on it between.
. "$(dirname "$0")/_guest.sh"
ip route add 10.77.0.0/16 via 10.9.0.2
start_guest e1000e vfio-pci bind kernel_first=1
await_guest by_kernel
check "ping by the kernel's driver" ping -c 3 -i 0.1 -W 2 10.9.0.2
tell_guest bind
await_guest by_engine
check "ping by the TAP" ping -c 3 -i 0.1 -W 2 10.9.0.2
check "ping of the second address" ping -c 2 -i 0.1 -W 2 10.9.0.3
check "ping over IPv6" ping -c 2 -i 0.1 -W 2 fd09::2
tell_guest kill
await_guest by_kernel_again
check "ping by the kernel's driver again" ping -c 3 -i 0.1 -W 2 10.9.0.2
check "ping over IPv6 again" ping -c 2 -i 0.1 -W 2 fd09::2
tell_guest stop
end_guest
grep '^ok: ' "$dir/shared/guest.log"
finish_guests
