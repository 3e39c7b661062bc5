# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""A PCI network card as the kernel's sysfs shows it: which driver has it, who uses it, how another
driver gets it."""
import glob
import os
import re
import shutil
import subprocess
import time

DEVICES = '/sys/bus/pci/devices'
DRIVERS = '/sys/bus/pci/drivers'
DPDK_DRIVERS = ('vfio-pci', 'uio_pci_generic', 'igb_uio')
ADDRESS = re.compile(r'^(?:([0-9a-fA-F]{4}):)?([0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7])$')


class Failed(Exception):
    """What could not be done, in words for the user."""


def say(text=''):
    # With --force it may be the session's own card: then nobody reads, and the work goes on.
    try:
        print(text, flush=True)
    except OSError:
        pass


def run(*command, check=True):
    """The output of a command; Failed with what it said."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Failed(f'{command[0]} is not installed') from None
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f'{" ".join(command)}: {said[0] if said else f"status {done.returncode}"}')
    return done.stdout


def read(path, otherwise=''):
    try:
        with open(path, encoding='ascii', errors='replace') as file:
            return file.read().strip()
    except OSError:
        return otherwise


def name_of_link(path):
    """The last part of where a link goes; '' without one."""
    try:
        return os.path.basename(os.readlink(path))
    except OSError:
        return ''


def write_sysfs(path, text, timeout_s=15):
    """By a child: while a program holds a device of vfio-pci, its unbind does not return."""
    child = os.fork()
    if child == 0:
        status = 0
        try:
            file = os.open(path, os.O_WRONLY)
            os.write(file, text.encode() + b'\n')
        except OSError as error:
            status = error.errno
        os._exit(status)
    end = time.monotonic() + timeout_s
    pause_s = 0.001
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            raise Failed(f'the kernel does not finish with {path} in {timeout_s} s: a program still has '
                         'the card? It goes on when that program ends')
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.05)
    if status:
        error = os.waitstatus_to_exitcode(status)
        raise Failed(f'{path}: {os.strerror(error) if error > 0 else "its writer was killed"}')


def settle():
    """Until udev has seen what was done: it renames interfaces, and gives a new one without a MAC one."""
    if os.path.exists('/run/udev/control') and shutil.which('udevadm'):
        run('udevadm', 'settle', '--timeout=10', check=False)


def pci_address(text):
    """With its domain, or None: it is something else."""
    match = ADDRESS.match(text)
    return f'{match[1] or "0000"}:{match[2]}'.lower() if match else None


def users_of(files, interface=None):
    """Programs that hold one of the files open, or the TAP."""
    found = []
    for path in glob.glob('/proc/[0-9]*/fd'):
        process = os.path.dirname(path)
        if process == f'/proc/{os.getpid()}':
            continue
        try:
            numbers = os.listdir(path)
        except OSError:
            continue
        for number in numbers:
            try:
                target = os.readlink(f'{path}/{number}')
            except OSError:
                continue
            if target in files or (interface and target == '/dev/net/tun' and re.search(
                    rf'^iff:\t{re.escape(interface)}$', read(f'{process}/fdinfo/{number}'), re.M)):
                found.append(f'{read(process + "/comm", "?")} (process {os.path.basename(process)})')
                break
    return found


def load_driver(driver):
    if os.path.isdir(f'{DRIVERS}/{driver}'):
        return
    run('modprobe', driver)
    if not os.path.isdir(f'{DRIVERS}/{driver}'):
        raise Failed(f'modprobe {driver} made no PCI driver of that name')


class Card:
    """By its PCI address. Reads sysfs anew each time: others may change it meanwhile."""

    def __init__(self, address):
        self.address = address
        self.path = f'{DEVICES}/{address}'

    def exists(self):
        return os.path.isdir(self.path)

    def is_network_card(self):
        return read(f'{self.path}/class').startswith('0x02')

    def ids(self):
        return f'{read(self.path + "/vendor")[2:]}:{read(self.path + "/device")[2:]}'

    def driver(self):
        return name_of_link(f'{self.path}/driver')

    def iommu_group(self):
        return name_of_link(f'{self.path}/iommu_group')

    def others_of_group(self):
        return [Card(other) for other in sorted(os.listdir(f'{self.path}/iommu_group/devices'))
                if other != self.address]

    def users(self):
        """Programs that drive it from user space."""
        files = [f'/dev/{name}' for name in os.listdir(f'{self.path}/uio')] \
            if os.path.isdir(f'{self.path}/uio') else []
        if self.iommu_group() and self.driver() == 'vfio-pci':
            files += [f'/dev/vfio/{self.iommu_group()}', f'/dev/vfio/noiommu-{self.iommu_group()}']
        return users_of(files) if files else []

    def give_to(self, driver):
        """To that driver, or, without one, to the kernel's own choice.

        The same writes as those of dpdk-devbind.py and driverctl. Neither is called: the first may
        hang, and gives no way back from half of it; the second would also bind at boot, before its
        interface's addresses were read, and is not installed with DPDK."""
        if driver:
            load_driver(driver)
        write_sysfs(f'{self.path}/driver_override', driver)
        if self.driver() and self.driver() != driver:
            write_sysfs(f'{self.path}/driver/unbind', self.address)
        if not self.driver():
            write_sysfs(f'{DRIVERS}_probe', self.address)
        # Only drivers for DPDK keep theirs: they know no card by themselves.
        if driver and driver not in DPDK_DRIVERS:
            write_sysfs(f'{self.path}/driver_override', '')
        if driver and self.driver() != driver:
            raise Failed(f'{driver} does not take {self.address}; `dmesg` may tell why')


def all_cards():
    return [card for card in map(Card, sorted(os.listdir(DEVICES))) if card.is_network_card()] \
        if os.path.isdir(DEVICES) else []


def missing_driver(driver):
    """Why it can't be had; None: it can."""
    if os.path.isdir(f'{DRIVERS}/{driver}'):
        return None
    if not shutil.which('modprobe'):
        return f'the driver {driver} is not loaded, and there is no modprobe (package kmod) to load it'
    if subprocess.run(['modprobe', '--dry-run', '--quiet', driver], check=False).returncode != 0:
        return f'the running kernel has no driver {driver}: install its modules (uname -r tells which)'
    return None

