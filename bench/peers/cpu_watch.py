# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""How many CPUs a process keeps busy while it sends, seen from outside: the same for all of them,
whatever they say of themselves."""
import os
import threading
import time

TICKS = os.sysconf('SC_CLK_TCK')
PERIOD_S = 0.05


def process_cpu_s(pid):
    """CPU time of the process's threads; None if it has ended."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            fields = file.read().rsplit(')', 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS


def idle_s():
    """Idle time of all CPUs together."""
    with open('/proc/stat', encoding='utf-8') as file:
        fields = file.readline().split()
    return (int(fields[4]) + int(fields[5])) / TICKS


class CpuWatch:
    """Samples from its start to stop()."""

    def __init__(self, pid):
        self.samples = []  # (when, CPU time of the process, idle time of all CPUs)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(pid,), daemon=True)
        self._thread.start()

    def _run(self, pid):
        while not self._ended.wait(PERIOD_S):
            cpu_s = process_cpu_s(pid)
            if cpu_s is None:
                return
            self.samples.append((time.monotonic(), cpu_s, idle_s()))

    def stop(self):
        self._ended.set()
        self._thread.join()

    def busiest(self, seconds):
        """CPUs that the process, and that everything on this machine kept busy in those `seconds`
        in which the process did most: neither its start nor its end. (None, None) if it was too
        short."""
        best = (None, None)
        for i, first in enumerate(self.samples):
            for last in self.samples[i + 1:]:
                wall = last[0] - first[0]
                if wall < seconds:
                    continue
                cpus = (last[1] - first[1]) / wall
                if best[0] is None or cpus > best[0]:
                    best = (cpus, os.cpu_count() - (last[2] - first[2]) / wall)
                break
        return best
