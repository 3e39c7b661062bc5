# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the Groupcast authors
"""Who is compared on which wire, and how one run of each is made."""
import dataclasses
import ipaddress
import json
import os
import re
import signal
import subprocess
import tempfile

from cpu_watch import CpuWatch
import testpmd

FIRST_RECIPIENT = ipaddress.IPv4Address('10.128.0.1')
UDP_PORT = 5004
FRAME_HEADERS = 42
IP_UDP = 28
XDP_MTU = 3438  # of what our engine sends by net_af_xdp; a veth takes no XDP program far above it
WIRES = ('null', 'veth', 'vhost')
MODES = ('group', 'sendgroup', 'async', 'direct')
# Other ways to make packets of mbufs, in the loop of --mode direct.
STRATEGIES = ('clone', 'lazy-copy')
PEERS = ('sendmsg', 'sendmmsg', 'io_uring', 'io_uring_zc', 'af_packet_ring', 'testpmd', *STRATEGIES)
# In the build directory.
PERF = 'tools/groupcast-perf/groupcast-perf'
KERNEL_PEER = 'bench/peers/kernel_peer'
CONSUMER = 'bench/peers/vhost_consumer'
TIMED_MODES = ('group', 'sendgroup')  # from the call to the packet
SPOT_CHECK_S = 0.5
PATIENCE_S = 60  # on top of the time that a run sends


class RunError(Exception):
    """A run that gave no result."""


@dataclasses.dataclass
class Load:
    recipients: int
    payload: int
    prepend: int
    seconds: float
    latency: bool = False  # of ours

    def datagram(self):
        return self.payload + self.prepend


@dataclasses.dataclass
class Contender:
    """One row of the table. `way` is what it sends by: a mode of ours, or a peer."""
    way: str
    driver: str  # net_…, or kernel
    ours: bool
    on: str      # what of the wire it uses, in words

    @property
    def name(self):
        return f'{self.way}, {self.driver}' if self.driver != 'kernel' else self.way


def contenders(wire, modes, peers):
    """(ours, peers) of a wire."""
    drivers = {'null': ['net_null'], 'veth': ['net_af_packet', 'net_af_xdp'],
               'vhost': ['net_virtio_user']}[wire]
    words = {'null': 'net_null', 'veth': 'veth', 'vhost': 'vhost-user, packed ring'}[wire]
    kernel_words = {'null': 'bridge without ports', 'veth': 'veth'}
    ours = [Contender(mode, driver, True, words) for driver in drivers for mode in modes]
    others = []
    for peer in peers:
        if peer == 'testpmd' or peer in STRATEGIES:
            # net_af_xdp takes no chains, which clones are.
            others += [Contender(peer, driver, False, words) for driver in drivers
                       if peer != 'clone' or driver != 'net_af_xdp']
        elif wire in kernel_words:
            others.append(Contender(peer, 'kernel', False, kernel_words[wire]))
    return ours, others


class Wire:
    """The wire that bench/peers/wire has made around this process."""

    def __init__(self, name, build, send_cpu, other_cpu):
        self.name = name
        self.build = build
        self.send_cpu = send_cpu    # of who sends: the kernel's peers, and lcores
        self.other_cpu = other_cpu  # of the caller of an engine, or of the software NIC
        self.device = os.environ['DEVICE']
        self.next_hop_mac = os.environ['NEXT_HOP_MAC']
        self.other = os.environ.get('OTHER')

    def arrived(self):
        """Packets at the other end so far; None where nobody counts."""
        if self.name != 'veth':
            return None
        rules = subprocess.run(['nsenter', f'--net=/proc/{self.other}/ns/net', '--', 'nft', 'list',
                                'ruleset'], check=True, capture_output=True, text=True).stdout
        return int(re.search(r'packets (\d+)', rules).group(1))

    def run(self, contender, load):
        """The result of one run. `arrived`, in it, also counts what is sent to warm up. Raises
        RunError."""
        if contender.driver == 'net_af_xdp' and load.datagram() + IP_UDP > XDP_MTU:
            return {'not_available': f'net_af_xdp sends no packets above {XDP_MTU} bytes'}
        arrived = self.arrived()
        with tempfile.TemporaryDirectory() as folder:
            if self.name == 'vhost':
                with _Consumer(os.path.join(self.build, CONSUMER), folder, self.other_cpu,
                               load) as consumer:
                    result = self._run(contender, load, folder, consumer.socket_path)
                if 'not_available' in result:
                    return result
                consumer.check()
                result['consumer'] = consumer.account
                result['arrived'] = consumer.account['packets']
            else:
                result = self._run(contender, load, folder, None)
        if arrived is not None:
            result['arrived'] = self.arrived() - arrived
        return result

    def spot_check(self, mode, load):
        """What a consumer on net_ring finds of the packets of one of our modes. Raises RunError."""
        load = dataclasses.replace(load, seconds=SPOT_CHECK_S, latency=False)
        with tempfile.TemporaryDirectory() as folder:
            found = self._run_ours(Contender(mode, 'net_ring', True, ''), load, folder,
                                   None)['ring_consumer']
        if found['wrong'] > 0 or found['checked'] == 0:
            raise RunError(f'{mode}: of {found["checked"]} packets checked on net_ring '
                           f'{found["wrong"]} are wrong')
        return found

    def _run(self, contender, load, folder, socket_path):
        if contender.ours or contender.way in STRATEGIES:
            return self._run_ours(contender, load, folder, socket_path)
        if contender.way == 'testpmd':
            return self._run_testpmd(contender, load, socket_path)
        last = FIRST_RECIPIENT + load.recipients - 1
        command = [os.path.join(self.build, KERNEL_PEER), '--peer', contender.way, '--wire', self.name,
                   '--recipients', f'{FIRST_RECIPIENT}-{last}:{UDP_PORT}', *_lengths(load),
                   '--seconds', str(load.seconds)]
        if contender.way == 'af_packet_ring':
            command += ['--device', self.device, '--next-hop-mac', self.next_hop_mac,
                        '--qdisc-bypass']
        return self._measure(['taskset', '--cpu-list', str(self.send_cpu), *command], load, folder)

    def _run_ours(self, contender, load, folder, socket_path):
        # On vhost the other CPU is the software NIC's: caller and lcore share one.
        cpus = [self.send_cpu] if self.name == 'vhost' else [self.send_cpu, self.other_cpu]
        way = ['direct', '--strategy', contender.way] if contender.way in STRATEGIES else \
            [contender.way]
        command = ['taskset', '--cpu-list', ','.join(map(str, cpus)),
                   os.path.join(self.build, PERF),
                   '--vdev', self._vdev(contender.driver, socket_path), '--no-huge',
                   '-l', str(self.send_cpu), '--', '--mode', *way,
                   '--recipients', str(load.recipients), *_lengths(load),
                   '--tx-ip', f'10.99.0.1,{FIRST_RECIPIENT}', '--tx-udp', f'0,{UDP_PORT}',
                   '--mtu', str(max(1500, load.datagram() + IP_UDP)),
                   '--seconds', str(load.seconds), *(['--latency'] if load.latency and contender.way in TIMED_MODES else [])]
        return self._measure(command, load, folder)

    def _run_testpmd(self, contender, load, socket_path):
        watches = []
        # What a port that takes no chains sends has to be in one segment.
        segments = 1 if contender.driver == 'net_af_xdp' else 2
        # The arguments are those of our profiles (drivers-config/).
        vdev = self._vdev(contender.driver, socket_path)
        if contender.driver == 'net_virtio_user':
            vdev += ',queue_size=1024,packed_vq=1'
        if contender.driver == 'net_af_packet':
            frame = testpmd.ring_frame(FRAME_HEADERS + load.datagram())
            vdev += f',framesz={frame},blocksz={max(frame, 1 << 16)},framecnt=1024,qdisc_bypass=0'
        try:
            result = testpmd.run(vdev, self.send_cpu, load.seconds, load.payload, load.prepend,
                                 segments, self.name, self.next_hop_mac,
                                 lambda pid: watches.append(CpuWatch(pid)))
        except testpmd.TestpmdError as error:
            raise RunError(str(error)) from error
        finally:
            if contender.driver == 'net_af_xdp':
                # The driver's own program, which would be in the next one's way.
                subprocess.run(['ip', 'link', 'set', self.device, 'xdp', 'off'], check=False)
        for watch in watches:
            _add_cpus(result, watch, load)
        return result

    def _vdev(self, driver, socket_path):
        return {'net_null': 'net_null0,no-rx=1',
                'net_ring': 'net_ring0',
                'net_af_packet': f'net_af_packet0,iface={self.device}',
                'net_af_xdp': f'net_af_xdp0,iface={self.device}',
                'net_virtio_user': f'net_virtio_user0,path={socket_path}'}[driver]

    def _measure(self, command, load, folder):
        """Runs a program that writes its result where --json says."""
        file = os.path.join(folder, 'result.json')
        log = os.path.join(folder, 'log')
        with open(log, 'w', encoding='utf-8') as output:
            process = subprocess.Popen([*command, '--json', file], stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=subprocess.STDOUT)
            watch = CpuWatch(process.pid)
            try:
                status = process.wait(load.seconds + PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                status = f'{process.wait()}: it did not end'
            watch.stop()
        try:
            with open(file, encoding='utf-8') as text:
                result = json.load(text)
        except (FileNotFoundError, ValueError) as error:
            with open(log, encoding='utf-8', errors='replace') as text:
                raise RunError(f'{" ".join(command)}: status {status}: '
                               f'{text.read()[-2000:].strip()}') from error
        if 'not_available' not in result:
            _add_cpus(result, watch, load)
        return result


class _Consumer:
    """The process at the software NIC's other end, while one run goes on."""

    def __init__(self, program, folder, cpu, load):
        self.socket_path = os.path.join(folder, 'vhost')
        self.account = None
        self._process = subprocess.Popen(
            ['taskset', '--cpu-list', str(cpu), program, self.socket_path, '--cpu', str(cpu),
             '--frame-bytes', str(FRAME_HEADERS + load.datagram())],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self._process.stdout.readline() != 'ready\n':
            self._process.kill()
            raise RunError(f'vhost_consumer ended with {self._process.wait()}')
        return self

    def __exit__(self, kind, value, traceback):
        self._process.send_signal(signal.SIGTERM)
        try:
            output = self._process.communicate(timeout=PATIENCE_S)[0]
        except subprocess.TimeoutExpired:
            self._process.kill()
            output = ''
        if kind is not None:
            return
        try:
            self.account = json.loads(output)
        except ValueError as error:
            raise RunError('vhost_consumer: no account of what came') from error

    def check(self):
        """Raises RunError."""
        if self.account['bad'] > 0 or self.account['packets'] == 0:
            raise RunError(f'the software NIC received {self.account}')


def _lengths(load):
    return ['--payload', str(load.payload), '--prepend', str(load.prepend)]


def _add_cpus(result, watch, load):
    """What the process and the machine spend per packet, unless the program says it itself."""
    watch.stop()
    cpus, machine = watch.busiest(load.seconds * 0.5)
    if cpus is None:
        return
    result['cpus'], result['machine_cpus'] = round(cpus, 3), round(machine, 3)
    result.setdefault('cpu_ns_per_packet', cpus * result['ns_per_packet'])
    result.setdefault('busy_ns_per_packet', machine * result['ns_per_packet'])
