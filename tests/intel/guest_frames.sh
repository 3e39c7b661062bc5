# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# Each run by an engine of its own, which finds the card as the one before has left it.
cp -r "$top/drivers-config" /run/drivers
sed -i '/^segment_bytes:/d; $a segment_bytes: 64' /run/drivers/net_*.yaml
for run in $runs; do
  [[ $run == cut ]] && export GROUPCAST_DRIVERS=/run/drivers || unset GROUPCAST_DRIVERS
  "$build/tests/intel/intel_frames" send "$run" "$device"
done
