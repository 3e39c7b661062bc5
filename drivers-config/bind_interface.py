# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""What the kernel knows of an interface, as arguments that `ip` takes: read from one, and put on
another of the same name, with the card's driver or a TAP behind it."""
import ipaddress
import json
import os
import re
import subprocess

from bind_card import ADDRESS, Failed, run, say, settle

FOREVER = 4294967295
# What routes are shown with that is state, not configuration; `expires` has a value behind it.
STATE = {'linkdown', 'dead', 'offload', 'trap', 'rt_offload', 'rt_trap', 'offload_failed', 'unresolved',
         'pervasive', '\\'}
STATE_WITH_VALUE = {'expires', 'nhid', 'error'}


def links():
    """All interfaces, with their addresses."""
    return json.loads(run('ip', '-details', '-json', 'address', 'show'))


def link_of(name):
    """By its name or one of its others (altname); None: there is none."""
    for link in links():
        if name == link['ifname'] or name in link.get('altnames', ()):
            return link
    return None


def is_up(link):
    return 'UP' in link['flags']


def is_tap(link):
    info = link.get('linkinfo', {})
    return info.get('info_kind') == 'tun' and info.get('info_data', {}).get('type') == 'tap'


def pci_of(link):
    """The address of the PCI device behind it; None: there is none. A virtio card has another bus between."""
    if 'parentdev' not in link:
        return None
    path = os.path.realpath(f'/sys/bus/{link["parentbus"]}/devices/{link["parentdev"]}')
    while len(path) > 1:
        if ADDRESS.match(os.path.basename(path)):
            return os.path.basename(path)
        path = os.path.dirname(path)
    return None


def links_of_card(address):
    return [link for link in links() if pci_of(link) == address]


def eui64(mac):
    """The link-local address that the kernel makes of it."""
    octets = bytes(int(octet, 16) for octet in mac.split(':'))
    return ipaddress.IPv6Address(b'\xfe\x80' + bytes(6) + bytes([octets[0] ^ 2]) + octets[1:3] + b'\xff\xfe' +
                                 octets[3:])


def made_by_kernel(info, mac):
    """Comes by itself wherever that MAC is."""
    return (info.get('protocol') == 'kernel_ll' or info['scope'] == 'link' and info['family'] == 'inet6' and
            ('stable-privacy' in info or len(mac) == 17 and ipaddress.ip_address(info['local']) == eui64(mac)))


def by_router(info):
    """Comes with a router's next advertisement."""
    return info['family'] == 'inet6' and ('dynamic' in info and 'mngtmpaddr' in info or 'temporary' in info or
                                          info.get('protocol') == 'kernel_ra')


def address_words(info, name):
    """Arguments of `ip address add`."""
    length = f'/{info["prefixlen"]}'
    words = [info['local'], 'peer', info['address'] + length] if 'address' in info else [info['local'] + length]
    for key, word in (('broadcast', 'broadcast'), ('scope', 'scope'), ('metric', 'metric')):
        if key in info:
            words += [word, str(info[key])]
    if info.get('label', name) != name:
        words += ['label', info['label']]
    if 'noprefixroute' in info:
        words.append('noprefixroute')
    if info['family'] == 'inet6':
        # It was this host's until now. While it is tentative, no route can have it as its source, and
        # on a TAP without an engine it would stay so.
        words.append('nodad')
    if info.get('valid_life_time', FOREVER) != FOREVER:
        words += ['valid_lft', str(info['valid_life_time']), 'preferred_lft', str(info['preferred_life_time'])]
    return words


def route_words(line):
    """Arguments of `ip route add` from a line of `ip -oneline route show`."""
    words, rest = [], iter(line.split())
    for word in rest:
        if word in STATE_WITH_VALUE:
            next(rest, None)
        elif word not in STATE:
            words.append(word)
    return words


def value(words, key):
    return words[words.index(key) + 1] if key in words[:-1] else None


def routes_of(name):
    """[family, words] of all routes by that interface, also those that have other ways beside it."""
    found = []
    for family in ('-4', '-6'):
        for line in run('ip', family, '-oneline', 'route', 'show', 'table', 'all').splitlines():
            words = route_words(line)
            if any(words[i:i + 2] == ['dev', name] for i in range(len(words))):
                found.append([family, words])
    return found


def comes_by_itself(words):
    """With an address, or with a router's advertisement."""
    by = value(words, 'proto')
    return by in ('ra', 'redirect') or by == 'kernel' and (
        value(words, 'table') == 'local' or words[0].startswith(('fe80::', 'ff00::', 'multicast')))


def read_interface(link):
    """Its configuration, and notes on what will not be put back as it is."""
    name, mac, notes = link['ifname'], link['address'], []
    addresses = []
    for info in link['addr_info']:
        length = f'{info["local"]}/{info["prefixlen"]}'
        if made_by_kernel(info, mac):
            continue
        if by_router(info):
            notes.append(f'{length} came by a router\'s advertisement: it comes back with the next one')
            continue
        if 'dynamic' in info:
            notes.append(f'{length} is valid for {info["valid_life_time"]} s: what renews it (a DHCP client?) has '
                         f'to be started anew on {name}')
        addresses.append(address_words(info, name))
    routes = routes_of(name)
    for family, words in routes:
        if value(words, 'proto') == 'ra':
            notes.append(f'the route {" ".join(words)} came by a router\'s advertisement: it comes back with the '
                         'next one')
    neighbours = [[entry['dst'], 'lladdr', entry['lladdr']]
                  for entry in json.loads(run('ip', '-json', 'neighbour', 'show', 'dev', name, 'nud', 'permanent'))
                  if 'lladdr' in entry]
    return {'name': name, 'mac': mac, 'mtu': link['mtu'], 'up': is_up(link), 'addresses': addresses,
            # Those of the kernel, too: with noprefixroute they do not come with the address.
            'routes': [route for route in routes if not comes_by_itself(route[1])],
            'neighbours': neighbours}, notes


def attempt(*command):
    """Why a command failed; None: it did not."""
    try:
        run(*command)
        return None
    except Failed as error:
        return re.sub(r'.*(RTNETLINK answers|Error): ', '', str(error))


def under_name(configuration, name):
    """The same for another interface."""
    def renamed(words):
        return [name if before == 'dev' and word == configuration['name'] else word
                for before, word in zip([''] + words, words)]
    return {**configuration, 'name': name,
            'routes': [[family, renamed(words)] for family, words in configuration['routes']]}


def put_interface(configuration):
    """All of it on the interface of its name. What can't be put back is told, and the rest goes on."""
    name = configuration['name']
    left = []

    def ip(*command):
        error = attempt('ip', *command)
        if error:
            left.append(f'ip {" ".join(command)}: {error}')

    link = link_of(name)
    if link['address'] != configuration['mac']:
        ip('link', 'set', 'dev', name, 'address', configuration['mac'])
    if link['mtu'] != configuration['mtu']:
        ip('link', 'set', 'dev', name, 'mtu', str(configuration['mtu']))
    # First, since routes need it.
    if configuration['up'] and not is_up(link):
        ip('link', 'set', 'dev', name, 'up')
    there = {address_words(info, name)[0] for info in link['addr_info']}
    for words in configuration['addresses']:
        if words[0] not in there:
            ip('address', 'add', *words, 'dev', name)
    for words in configuration['neighbours']:
        ip('neighbour', 'replace', *words, 'nud', 'permanent', 'dev', name)
    left += put_routes(configuration['routes'], name)
    for line in left:
        say(f'not put back: {line}')


def put_routes(routes, name):
    """Links' before gateways', which need them. What all of them at once do not bring is tried one by
    one, in rounds, since gateways may need each other. Says what is left."""
    def missing():
        there = {(family, *words) for family, words in routes_of(name)}
        return sorted(([family, words] for family, words in routes if (family, *words) not in there),
                      key=lambda route: 'via' in route[1])

    waiting = missing()
    done = [add_at_once(family, [words for of, words in waiting if of == family]) for family in ('-4', '-6')]
    waiting = [] if all(done) else missing()
    while waiting:
        errors = [(route, attempt('ip', route[0], 'route', 'add', *route[1])) for route in waiting]
        failed = [route for route, error in errors if error]
        if len(failed) == len(waiting):
            return [f'ip {family} route add {" ".join(words)}: {error}' for (family, words), error in errors]
        waiting = failed
    return []


def add_at_once(family, routes):
    """Whether all of them are there. There may be thousands."""
    lines = ''.join(f'route add {" ".join(words)}\n' for words in routes)
    return not lines or subprocess.run(['ip', family, '-force', '-batch', '-'], input=lines, capture_output=True,
                                       text=True, check=False).returncode == 0


def make_tap(name):
    """A persistent one: there without an engine, with a queue for one."""
    run('ip', 'tuntap', 'add', 'dev', name, 'mode', 'tap')
    # Before it gets its MAC: udev gives one to a new interface that has it by chance.
    settle()


def remove_tap(name):
    run('ip', 'link', 'delete', 'dev', name)


def rename(link, name):
    """The interface's name afterwards."""
    if link['ifname'] == name:
        return name
    if is_up(link):
        run('ip', 'link', 'set', 'dev', link['ifname'], 'down')
    error = attempt('ip', 'link', 'set', 'dev', link['ifname'], 'name', name)
    if error:
        say(f'not put back: {link["ifname"]} does not become {name}: {error}')
        return link['ifname']
    return name
