# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""Runs a command on one of the wires, in namespaces that end with this process."""
import os
import select
import subprocess
import tempfile


def run_on_wire(wire, mtu, command):
    """The exit status of `command`, inside of bench/peers/wire. At the root of the source."""
    # setpriv's signal reaches unshare, whose --kill-child ends all that is in the namespace.
    whole = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--net', '--pid', '--fork',
             '--kill-child', '--mount-proc', '--', 'bench/peers/wire', wire, *command]
    # Whatever its scripts leave behind when they are killed is in a directory of this process.
    with tempfile.TemporaryDirectory(prefix='groupcast-bench-') as folder:
        environment = {**os.environ, 'TMPDIR': folder, 'MTU': str(mtu)}
        process = subprocess.Popen(whole, env=environment, stdin=subprocess.DEVNULL)
        try:
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process):
    """Ends unshare, and with it all that is in its namespaces, and waits until nobody is left who
    could write into our directory."""
    with open(f'/proc/{process.pid}/task/{process.pid}/children', encoding='utf-8') as children:
        descriptors = [os.pidfd_open(int(child)) for child in children.read().split()]
    process.kill()
    process.wait()
    for descriptor in descriptors:
        select.select([descriptor], [], [], 10)
        os.close(descriptor)
