#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
#
# readme_examples_test.sh MESON BUILD_FOLDER PREFIX README
#
# The README as a new user follows it: the library is installed (here only this test sees it),
# programs are compiled by the printed commands and run by them, first by the kernel, then through
# DPDK; configurations are checked. The public headers compile alone, in each language they are for.
. "$(dirname "$0")/_init.sh"
meson=$1 build=$2 prefix=$3 readme=$4
tests=$(cd "$(dirname "$0")" && pwd)

DESTDIR=$dir/root "$meson" install -C "$build" --no-rebuild --quiet >"$dir/install.log" 2>&1 ||
  fail "meson install" "$dir/install.log"
# The mount is in this test's own namespace.
[[ -d $prefix ]] && mount --bind "$dir/root$prefix" "$prefix" || fail "no installed $prefix"
pkgconfig=$(dirname "$(find "$prefix" -name groupcast.pc)")
export PKG_CONFIG_PATH=$pkgconfig LD_LIBRARY_PATH=${pkgconfig%/pkgconfig} PATH=$prefix/bin:$PATH
unset GROUPCAST_DRIVERS

# "COMMAND" of the README, in $dir; what it printed is in $dir/log.
run() {
  echo "+ $1"
  (cd "$dir" && eval "timeout 60 $1") >"$dir/log" 2>&1 </dev/null
}

for header in "$prefix"/include/groupcast/*.h; do
  name=groupcast/${header##*/}
  modes=("c++ -x c++ -std=c++20")
  # What has a namespace is for C++ only.
  grep -qE '^namespace|"groupcast/group.h"' "$header" || modes+=("cc -x c -std=c99" "cc -x c -std=c11")
  for mode in "${modes[@]}"; do
    # Twice: it has a guard.
    printf '#include <%s>\n#include <%s>\nextern int more;\n' "$name" "$name" >"$dir/alone"
    package=groupcast
    [[ $mode == c++* ]] && package=groupcast-cpp
    flags="-Wall -Wextra -Wpedantic -Werror -fsyntax-only \$(pkg-config --cflags $package)"
    run "$mode $flags alone" || fail "$name does not compile alone by $mode" "$dir/log"
  done
done

python3 "$tests/readme_blocks.py" "$readme" "$dir" >"$dir/log" 2>&1 || fail "README" "$dir/log"

# Each program has its line, and nothing is to be said about it.
programs=()
for source in "$dir"/*.c "$dir"/*.cc; do
  [[ -f $source ]] || continue
  name=$(basename "$source")
  programs+=("${name%.*}")
  command=$(grep -E "^(cc|c\+\+) (.* )?$name( |$)" "$dir/commands")
  [[ -n $command ]] || { fail "the README does not say how $name is compiled"; continue; }
  run "${command/ / -Wall -Wextra -Werror }" || fail "$name does not compile" "$dir/log"
done
((${#programs[@]} > 0)) || fail "no program in the README"

# The host of the examples: an interface eth0, and a neighbour behind it.
start_rx eth0
ip address add 192.0.2.1/24 dev eth0
ip link set eth0 up
on_rx ip address add 192.0.2.10/24 dev v1
on_rx ip link set v1 up
# Known from the start: while ARP is under way, what frames.cc sends without waiting goes by the
# kernel.
read -r _ _ mac _ < <(on_rx ip -brief link show v1)
ip neighbour add 192.0.2.10 lladdr "$mac" dev eth0 nud permanent || fail "a neighbour"
# What arrives there has not left by the kernel.
nft -f - <<'EOF' || fail "nft"
table inet t {
  chain out { type filter hook output priority 0; oifname "eth0" meta l4proto udp drop; }
}
EOF

python3 "$tests/receive_datagrams.py" 5000 5010 >"$dir/here" &
here=$!
on_rx python3 "$tests/receive_datagrams.py" 5000 5010 >"$dir/there" &
there=$!
wait_for_line "$dir/here" '^ready$'
wait_for_line "$dir/there" '^ready$'

for program in "${programs[@]}"; do
  grep -q "^\./$program\b" "$dir/commands" || fail "the README does not say how $program is run"
done
while read -r command; do
  run "$command" || fail "$command" "$dir/log"
done < <(grep '^\./' "$dir/commands")

for place in here there; do
  for i in 0 1 2; do
    wait_for_line "$dir/$place" "^500$i number $i: the same for all$"
    wait_for_line "$dir/$place" "^500[01] #$i tick $i$"
  done
  for letter in a b c d; do
    wait_for_line "$dir/$place" "^5002 $letter\{1200\}$"
  done
done
kill $here $there

while read -r command; do
  run "$command" || fail "$command" "$dir/log"
done < <(grep -E '^groupcastd --check |^groupcast-perf .* -- ' "$dir/commands")
for file in "$dir"/*.yaml; do
  name=$(basename "$file")
  grep -q '^groups:' "$file" || continue
  run "groupcastd --check $name" || fail "$name" "$dir/log"
done
finish
