# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""What speaks against a change of drivers. Each check yields lines for the user, which say what to do."""
import glob
import os
import resource

from bind_card import DPDK_DRIVERS, missing_driver, read
from bind_interface import is_tap, link_of, links, pci_of, routes_of

# DPDK's drivers of these use the card beside the kernel's.
WITHOUT_BINDING = ('mlx4_core', 'mlx5_core', 'mana')
IOMMU = 'turn on the IOMMU (in the firmware, and intel_iommu=on on the kernel\'s command line), or use --driver ' \
        'uio_pci_generic'


def session_addresses():
    """Addresses of this host by which the user's SSH session came. sudo takes the variable away from
    this process, not from those that started it."""
    found, process = set(), os.getpid()
    while process > 0:
        for variable in read(f'/proc/{process}/environ').split('\0'):
            if variable.startswith('SSH_CONNECTION=') and len(variable.split()) == 4:
                found.add(variable.split()[2].split('%')[0])
        stat = read(f'/proc/{process}/stat')
        process = int(stat[stat.rindex(')') + 2:].split()[1]) if stat else 0
    if len(os.environ.get('SSH_CONNECTION', '').split()) == 4:
        found.add(os.environ['SSH_CONNECTION'].split()[2].split('%')[0])
    return found


def check_root():
    if os.geteuid() != 0:
        yield 'it needs root: sudo'


def check_reach(link):
    """Whether the host, or who asks, may be cut off."""
    name = link['ifname']
    for family, words in routes_of(name):
        if words[0] == 'default':
            yield f'{name} has the default route (ip {family} route: {" ".join(words)}): the host may be cut off; ' \
                  '--force does it nevertheless'
            break
    of_session = session_addresses() & {info['local'] for info in link['addr_info']}
    if of_session:
        yield f'{name} has {of_session.pop()}, by which this SSH session came: it may end; --force does it nevertheless'


def check_above(link):
    """Interfaces that use it: they do not come with it."""
    name = link['ifname']
    if 'master' in link:
        yield f'{name} is part of {link["master"]}: first take it out (ip link set {name} nomaster); with --force it ' \
              'is taken out, and not put in again'
    above = [other['ifname'] for other in links() if other.get('link') == name]
    if above:
        yield f'{", ".join(above)} on top of {name} will go, with addresses and routes: remove them first; --force ' \
              'does it nevertheless'


def check_card(card, driver, link, tap, force):
    """Before it goes to a driver for DPDK. `link`: of its interface; `tap`: whether one is to take its place."""
    if card.driver() in WITHOUT_BINDING:
        yield f'{card.address} has {card.driver()}: DPDK uses such a card beside the kernel\'s driver, it needs no ' \
              'binding'
    elif card.driver() in DPDK_DRIVERS and card.driver() != driver:
        yield f'{card.address} is bound to {card.driver()} already: give it back first, with --undo {card.address}'
    elif card.driver() and not link and card.driver() not in DPDK_DRIVERS and not force:
        yield f'{card.address} has the driver {card.driver()}, and no interface here: is it in another network ' \
              'namespace? Take it back from there, or use --force'
    if int(read(f'{card.path}/sriov_numvfs') or 0) > 0:
        yield f'{card.address} has {read(f"{card.path}/sriov_numvfs")} virtual functions: remove them first (echo 0 ' \
              f'>{card.path}/sriov_numvfs), or bind these instead'
    missing = missing_driver(driver)
    if missing:
        yield missing
    if driver == 'vfio-pci':
        yield from check_iommu(card)
    if link and tap and not os.path.exists('/dev/net/tun'):
        yield 'there is no /dev/net/tun for the interface that takes its place: modprobe tun, or use --no-interface'


def without_iommu():
    return read('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode') == 'Y'


def check_iommu(card):
    if not card.iommu_group():
        if not without_iommu():
            none = not os.path.isdir('/sys/kernel/iommu_groups') or not os.listdir('/sys/kernel/iommu_groups')
            yield ('the kernel uses no IOMMU' if none else f'{card.address} is in no group of the IOMMU') + \
                f', and vfio-pci needs it: {IOMMU}'
        return
    others = [other for other in card.others_of_group()
              if other.driver() not in ('', 'pcieport', 'pci-stub', 'vfio-pci')]
    if others:
        named = ', '.join(f'{other.address} ({other.driver()})' for other in others)
        yield f'IOMMU group {card.iommu_group()} of {card.address} has other devices, too, which only go together ' \
              f'with it: {named}: bind these to vfio-pci, or take another slot'


def warnings_of(card, driver):
    node = read(f'{card.path}/numa_node', '-1')
    pools = glob.glob(f'/sys/devices/system/node/node{node if int(node) >= 0 else "*"}/hugepages/*/nr_hugepages')
    if not any(int(read(pool, '0')) for pool in pools):
        of_node = f' on the card\'s NUMA node {node}' if int(node) >= 0 else ''
        yield f'there are no huge pages{of_node} (dpdk-hugepages.py --setup 1G): an engine runs without, slower'
        limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        if driver == 'vfio-pci' and limit != resource.RLIM_INFINITY:
            yield f'programs may lock {limit // 1024} KiB here (ulimit -l), and vfio-pci locks all of an engine\'s ' \
                  'memory: without CAP_IPC_LOCK it needs more'
    group = f'/sys/kernel/iommu_groups/{card.iommu_group()}/type'
    if driver != 'vfio-pci' and card.iommu_group() and read(group).startswith('DMA'):
        yield f'the IOMMU translates for {card.address}, which {driver} does not tell it: use vfio-pci, or ' \
              'iommu=pt on the kernel\'s command line'
    if driver == 'vfio-pci' and not card.iommu_group() and without_iommu():
        yield 'vfio-pci without an IOMMU (enable_unsafe_noiommu_mode): the card may write to all memory'


def check_name(name, card):
    """Of the interface that the TAP or the card is to be."""
    link = link_of(name)
    if link and not is_tap(link) and pci_of(link) != card.address:
        yield f'{name} is another interface now: rename it (ip link set {name} name OTHER)'
