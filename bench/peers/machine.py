# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""What a figure needs beside it: the machine, the kernel, and the versions of what was run."""
import json
import os
import platform
import subprocess
import time


def _output(*command):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'


def _cpu_model():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        facts = dict(line.split(':', 1) for line in file if ':' in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    where = ', in a virtual machine' if 'hypervisor' in facts.get('flags', '') else ''
    return f'{facts.get("model name", platform.machine())}, ' \
           f'{facts.get("cpu MHz", "unknown")} MHz{where}'


def _build(folder):
    try:
        with open(f'{folder}/compile_commands.json', encoding='utf-8') as file:
            words = json.load(file)[0]['command'].split()
        with open(f'{folder}/meson-info/intro-buildoptions.json', encoding='utf-8') as file:
            options = {option['name']: option['value'] for option in json.load(file)}
        compiler = words[1] if words[0] == 'ccache' else words[0]
        return f'{_output(compiler, "--version").splitlines()[0]}, ' \
               f'buildtype {options["buildtype"]}'
    except (OSError, LookupError, ValueError):
        return 'unknown'


def _commit():
    commit = _output('git', 'rev-parse', '--short=12', 'HEAD')
    changed = _output('git', 'status', '--porcelain', '--untracked-files=no')
    return commit + (' and changes' if changed not in ('', 'unknown') else '')


def facts(build):
    """Name and value of each, in the order in which they are shown."""
    return {
        'CPU': _cpu_model(),
        'CPUs': os.cpu_count(),
        'kernel': platform.release(),
        'system': _output('sh', '-c', '. /etc/os-release; echo "$PRETTY_NAME"'),
        'DPDK (ours)': _output('pkg-config', '--modversion', 'libdpdk'),
        'dpdk-testpmd': _output('dpkg-query', '-W', '-f', '${Version}', 'dpdk-dev'),
        'liburing': _output('pkg-config', '--modversion', 'liburing'),
        'build': _build(build),
        'commit': _commit(),
        'load before': ' '.join(f'{load:.2f}' for load in os.getloadavg()),
        'time': time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()),
    }
