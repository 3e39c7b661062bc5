# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""A card's way to a driver for DPDK and back, each of them whole or undone, and what is remembered
between the two: a file for each card."""
import contextlib
import fcntl
import glob
import json
import os
import signal
import time

import bind_checks as checks
from bind_card import DEVICES, DPDK_DRIVERS, Card, Failed, say, settle, users_of
from bind_interface import (is_tap, link_of, links_of_card, make_tap, put_interface, read_interface, remove_tap,
                            rename, under_name)

STATE = os.environ.get('GROUPCAST_BIND_STATE', '/var/lib/groupcast/bind')
KEYS = {'device', 'ids', 'driver', 'kernel_driver', 'forced', 'tap', 'interface'}
INTERFACE_WAIT_S = 10


def load(path):
    try:
        with open(path, encoding='utf-8') as file:
            state = json.load(file)
    except (OSError, ValueError) as error:
        raise Failed(f'{path}: {error}; remove it to forget this card') from None
    if not isinstance(state, dict) or not KEYS <= state.keys():
        raise Failed(f'{path}: is not what this command writes; remove it to forget this card')
    return state


def files():
    return sorted(glob.glob(glob.escape(STATE) + '/*.json'))


def states():
    """All that can be read."""
    for path in files():
        try:
            yield load(path)
        except Failed as error:
            say(str(error))


def file_of(card):
    return f'{STATE}/{card.address}.json'


def remembered(card):
    return load(file_of(card)) if os.path.exists(file_of(card)) else None


def remember(card, state):
    if state is None:
        if os.path.exists(file_of(card)):
            os.unlink(file_of(card))
        return
    # Whole, whenever the machine stops.
    with open(file_of(card) + '.new', 'w', encoding='utf-8') as file:
        json.dump(state, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.rename(file_of(card) + '.new', file_of(card))


@contextlib.contextmanager
def alone():
    """One at a time: another one, which finds half of it done, would undo it."""
    try:
        cards = os.open(DEVICES, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        fcntl.flock(cards, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Failed('this command runs already, or the kernel still does what one was to do; try again') from None
    finally:
        os.close(cards)


def check_state():
    try:
        os.makedirs(STATE, mode=0o755, exist_ok=True)
    except OSError as error:
        yield f'nothing can be remembered in {STATE}: {error.strerror}; GROUPCAST_BIND_STATE names another folder'
        return
    if not os.access(STATE, os.W_OK):
        yield f'nothing can be remembered in {STATE}: it is not writable; GROUPCAST_BIND_STATE names another folder'


def interface_link(card):
    """The link of the card's only interface, or None."""
    found = links_of_card(card.address)
    if len(found) > 1:
        raise Failed(f'{card.address} has several interfaces ({", ".join(link["ifname"] for link in found)}), which '
                     'is not provided for')
    return found[0] if found else None


def refuse(problems):
    if problems:
        raise Failed('\n'.join(problems))


def problems_of(card, driver, force, tap=True):
    """What speaks against binding it, but for root and the rest that is no matter of the card's."""
    try:
        return problems_with(interface_link(card), card, driver, force, tap)
    except Failed as error:
        return [str(error)]


def problems_with(link, card, driver, force, tap):
    found = list(checks.check_card(card, driver, link, tap, force))
    if link and not force:
        found += [*checks.check_reach(link), *checks.check_above(link)]
    return found


def configuration_of(now, state):
    """What the TAP is to get: the card's, or, where that has nothing as after a boot, what is remembered."""
    old = state['interface'] if state else None
    if old is None or now is None:
        return now or old
    return under_name(now, old['name']) if now['addresses'] else old


def bind(card, driver, force, tap, dry_run):
    state = remembered(card)
    if card.driver() == driver:
        bound_already(card, state, dry_run)
        return
    problems = list(checks.check_root())
    if not problems and not dry_run:
        problems += check_state()
    link = interface_link(card)
    before, notes = read_interface(link) if link else (None, [])
    configuration = configuration_of(before, state)
    problems += problems_with(link, card, driver, force, tap)
    if configuration and tap and configuration is not before:
        problems += checks.check_name(configuration['name'], card)
    refuse(problems)
    for line in [*checks.warnings_of(card, driver), *notes]:
        say(f'note: {line}')
    kernel_driver = card.driver() or (state['kernel_driver'] if state else '')
    if dry_run:
        say(f'would give {card.address} from {card.driver() or "no driver"} to {driver}')
        tell_interface(configuration if tap else None)
        return
    try:
        remember(card, {'device': card.address, 'ids': card.ids(), 'driver': driver, 'kernel_driver': kernel_driver,
                        'forced': force, 'tap': tap, 'interface': configuration})
        card.give_to(driver)
        if configuration and tap:
            # What udev's rules do for an interface that goes is not to hit the new one.
            settle()
            put_tap(configuration)
    except (Failed, OSError) as error:
        go_back(error, card, kernel_driver, before, state)
    tell_port(card, driver, configuration if tap else None)


def put_tap(configuration):
    make_tap(configuration['name'])
    put_interface(configuration)


def ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def go_back(error, card, kernel_driver, before, state):
    ignore_signals()
    say(f'{error}\nundoing what was done')
    try:
        return_card(card, kernel_driver, before)
    except Failed as second:
        raise Failed(f'{error}\nand it could not be undone: {second}\nwhen that is solved: --undo {card.address}') \
            from None
    remember(card, state)
    raise Failed(f'{error}\neverything is as before') from None


def bound_already(card, state, dry_run):
    """No failure, if it is as this command leaves it."""
    if state is None:
        raise Failed(f'{card.address} is bound to {card.driver()} already, and not by this command: it has no '
                     f'interface to put in its place. --undo {card.address} gives it to the kernel')
    configuration = state['interface'] if state['tap'] else None
    if configuration and not link_of(configuration['name']) and not dry_run:
        refuse(list(checks.check_root()))
        put_tap(configuration)
    say(f'{card.address} is bound to {card.driver()} already')
    tell_port(card, card.driver(), configuration)


def tell_interface(configuration):
    """What would be put on it."""
    if configuration is None:
        return
    say(f'would make the interface {configuration["name"]} with MAC {configuration["mac"]}, MTU '
        f'{configuration["mtu"]}')
    for words in configuration['addresses']:
        say(f'  address {" ".join(words)}')
    for _, words in configuration['routes']:
        say(f'  route {" ".join(words)}')
    for words in configuration['neighbours']:
        say(f'  neighbour {" ".join(words)}')


def tell_port(card, driver, configuration):
    name = configuration['name'] if configuration else 'nic'
    say(f'{card.address} has the driver {driver}; for the engine\'s configuration:')
    say(f'ports:\n  - name: {name}\n    device: "{card.address}"')
    if configuration:
        say(f'    exception_interface: {name}')


def await_link(card):
    end = time.monotonic() + INTERFACE_WAIT_S
    while True:
        link = interface_link(card)
        if link:
            return link
        if time.monotonic() > end:
            raise Failed(f'{card.driver()} has made no interface of {card.address} in {INTERFACE_WAIT_S} s; `dmesg` '
                         'may tell why')
        time.sleep(0.05)


def return_card(card, kernel_driver, configuration):
    """To its driver, and once that has an interface, in place of the TAP. The interface's name."""
    try:
        card.give_to(kernel_driver)
    except Failed as error:
        if not kernel_driver:
            raise
        say(f'{error}; the kernel chooses')
        card.give_to('')
    if kernel_driver and not card.driver():
        raise Failed(f'no driver of the kernel takes {card.address}: is {kernel_driver} loaded (modprobe)?')
    if configuration is None:
        return None
    await_link(card)
    # It may be given another name.
    settle()
    tap = link_of(configuration['name'])
    if tap and is_tap(tap):
        remove_tap(configuration['name'])
    name = rename(await_link(card), configuration['name'])
    put_interface(under_name(configuration, name))
    return name


def forgotten(card, state):
    """Where a boot gave it back already, and something has configured it: that stays."""
    link = interface_link(card)
    if not state or not link:
        return False
    tap = link_of(state['interface']['name']) if state['interface'] else None
    if tap and is_tap(tap) or not read_interface(link)[0]['addresses']:
        return False
    remember(card, None)
    say(f'{card.address} has the driver {card.driver()}, and {link["ifname"]} has addresses: it stays as it is, and '
        'is no longer remembered')
    return True


def undo(card, force, dry_run):
    state = remembered(card)
    driver = card.driver()
    if state is None and driver not in DPDK_DRIVERS:
        raise Failed(f'{card.address} is not bound: it has {driver or "no driver"}')
    problems = list(checks.check_root())
    if not problems and not dry_run and forgotten(card, state):
        return
    configuration = state['interface'] if state else None
    tap = link_of(configuration['name']) if configuration else None
    users = card.users()
    if tap and is_tap(tap):
        users += [user for user in users_of((), tap['ifname']) if user not in users]
        problems += [] if force else list(checks.check_above(tap))
    elif tap:
        problems += checks.check_name(configuration['name'], card)
    if users:
        problems.append(f'{card.address} is in use: end {", ".join(users)} first')
    refuse(problems)
    notes = []
    if tap and is_tap(tap):
        configuration, notes = read_interface(tap)
    for line in notes:
        say(f'note: {line}')
    if dry_run:
        say(f'would give {card.address} from {driver or "no driver"} to '
            f'{(state or {}).get("kernel_driver") or "the driver that the kernel chooses"}')
        tell_interface(configuration)
        return
    try:
        if state:
            remember(card, {**state, 'interface': configuration})
        name = return_card(card, state['kernel_driver'] if state else '', configuration)
    except (Failed, OSError) as error:
        bind_after_all(error, card, driver, configuration)
    if state:
        remember(card, None)
    say(f'{card.address} has the driver {card.driver() or "none"} again' + (f', as {name}' if name else ''))


def bind_after_all(error, card, driver, configuration):
    """Where --undo got stuck: while the TAP is there, the card is better behind it."""
    ignore_signals()
    if driver in DPDK_DRIVERS and not (configuration and links_of_card(card.address)):
        try:
            card.give_to(driver)
        except Failed as second:
            raise Failed(f'{error}\nand {driver} does not get it again: {second}') from None
        raise Failed(f'{error}\n{card.address} is bound to {driver} as before') from None
    raise Failed(f'{error}\n--undo {card.address} can be tried again') from None


def bind_again(dry_run):
    """Each for itself; 1 where one failed."""
    status = 0
    settle()
    for path in files():
        try:
            state = load(path)
            card = Card(state['device'])
            if not card.exists():
                raise Failed(f'{card.address} is not there any more; remove {path} to forget it')
            if card.ids() != state['ids']:
                raise Failed(f'{card.address} is another card now ({card.ids()}, not {state["ids"]}): it may have '
                             f'moved; remove {path} to forget it')
            bind(card, state['driver'], force=state['forced'], tap=state['tap'], dry_run=dry_run)
        except (Failed, OSError) as error:
            say(f'not bound again: {error}')
            status = 1
    return status
