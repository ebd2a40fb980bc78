"""Keys and agents, ours against Debian's: signatures of an agent, a large revocation list, a long authorized_keys, a scan of many hosts."""
import base64
import ctypes
import os
import pathlib
import random
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peers import cpu_of, free_port  # noqa: E402

KINDS = (('ed25519', 0), ('ecdsa-256', 0), ('ecdsa-384', 0), ('ecdsa-521', 0), ('rsa-3072', 4))  # flag 4: rsa-sha2-512
SERIALS, LINES, HOSTS = 1_000_000, 10_000, 1000


def string(data):
    return struct.pack('>I', len(data)) + data


def exactly(s, n):
    data = b''
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def sign_rate(process, path, blob, flags, seconds):
    """Signatures for a second of the agent's CPU; one client that waits for each (draft-ietf-sshm-ssh-agent, 3.6)."""
    body = b'\x0d' + string(blob) + string(b'x' * 200) + struct.pack('>I', flags)
    message, count = string(body), 0
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        start, before = time.perf_counter(), cpu_of(process.pid)
        while time.perf_counter() - start < seconds:
            s.sendall(message)
            answer = exactly(s, struct.unpack('>I', exactly(s, 4))[0])
            assert answer[0] == 14, answer[:1]
            count += 1
        return count / max(cpu_of(process.pid) - before, 0.01)


def agent(build, folder, rounds, report):
    keys = {}
    for kind, _ in KINDS:
        name, _, bits = kind.partition('-')
        keys[kind] = folder / f'agent_{kind}'
        subprocess.run(['/usr/bin/ssh-keygen', '-q', '-t', name, *(['-b', bits] if bits else []), '-N', '', '-f', keys[kind]], check=True)
    agents = []
    try:
        for program in (build / 'src/prog/ssh-agent', '/usr/bin/ssh-agent'):
            path = str(folder / f'agent{len(agents)}.sock')
            process = subprocess.Popen([program, '-D', '-a', path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            agents.append((process, path))
            while not os.path.exists(path):
                time.sleep(0.01)
            subprocess.run(['/usr/bin/ssh-add', '-q', *keys.values()], check=True, env={**os.environ, 'SSH_AUTH_SOCK': path})
        for kind, flags in KINDS:
            blob = base64.b64decode(keys[kind].with_suffix('.pub').read_text().split()[1])
            rates = [[sign_rate(process, path, blob, flags, 0.5) for process, path in agents] for _ in range(rounds)]
            report(f'agent, {kind}, signatures/CPU s', [r[0] for r in rates], [r[1] for r in rates], 1)
    finally:
        for process, _ in agents:
            process.terminate()
            process.wait()


# A small process of its own: what a child shows as its memory is at least its parent's.
RUNNER = """
import os, sys, time
start, null = time.perf_counter(), os.open('/dev/null', os.O_RDWR)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)])
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status))
"""


def cost(command, expect=0):
    """Seconds, and MiB of memory at most (never below the 8 of a Python)."""
    out = subprocess.run([sys.executable, '-S', '-c', RUNNER, *map(str, command)], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    if int(out[2]) != expect:
        sys.exit(f'{command} ended with {out[2]}, not {expect}')
    return float(out[0]), float(out[1])


def krl(build, folder, rounds, report):
    """Scattered serials, as an authority with random ones has them; asked about a certificate that is on the list."""
    ours, theirs = str(build / 'src/prog/ssh-keygen'), '/usr/bin/ssh-keygen'
    for name in ('ca', 'subject'):
        subprocess.run([theirs, '-q', '-t', 'ed25519', '-N', '', '-f', folder / name], check=True)
    draw = random.Random(1)
    serials = [draw.randrange(1, 1 << 40) for _ in range(SERIALS)]
    (folder / 'spec').write_text(''.join(f'serial: {n}\n' for n in serials))
    subprocess.run([theirs, '-q', '-s', folder / 'ca', '-I', 'x', '-n', 'x', '-z', str(serials[SERIALS // 2]), folder / 'subject.pub'], check=True)
    made = [cost([program, '-q', '-k', '-f', str(folder / f'krl{i}'), '-s', str(folder / 'ca.pub'), str(folder / 'spec')]) for i, program in enumerate((ours, theirs))]
    report('KRL of 1,000,000 serials, make, s', [made[0][0]], [made[1][0]], -1)
    runs = [[cost([program, '-Q', '-f', str(folder / 'krl1'), str(folder / 'subject-cert.pub')], 1) for program in (ours, theirs)] for _ in range(rounds)]
    report('  ask about one certificate, ms', [r[0][0] * 1000 for r in runs], [r[1][0] * 1000 for r in runs], -1)
    report('  memory, MiB', [r[0][1] for r in runs], [r[1][1] for r in runs], -1)


def authkeys(peers, rounds, report, measured):
    """The key stands on the last of 10,000 lines."""
    draw = random.Random(2)
    lines = [f'ssh-ed25519 {base64.b64encode(string(b"ssh-ed25519") + string(draw.randbytes(32))).decode()} user{i}@example.org\n' for i in range(LINES)]
    for p in peers:
        p.authorized.write_text(''.join(lines) + p.key.with_suffix('.pub').read_text())
    try:
        for p in peers:
            measured(p, p.command('true'))
        runs = [[measured(p, p.command('true')) for p in peers] for _ in range(rounds * 2)]
    finally:
        for p in peers:
            p.authorized.write_text(p.key.with_suffix('.pub').read_text())
    report('login, key on line 10,000, ms', [r[0][0] * 1000 for r in runs], [r[1][0] * 1000 for r in runs], -1)
    report('  CPU ms of both ends (mean)', [statistics.mean(r[0][1] for r in runs) * 1000], [statistics.mean(r[1][1] for r in runs) * 1000], -1)


def scan_inside(build, folder, rounds):
    """Inside a network of its own, where one server may listen on all of 127/8: wall and CPU seconds of both scanners, in turn."""
    build, port = pathlib.Path(build), free_port()
    subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
    (folder / 'scan_config').write_text(f'Port {port}\nListenAddress 0.0.0.0\nHostKey {folder}/host\nPidFile none\nMaxStartups 5000\nPerSourcePenalties no\nLogLevel QUIET\n')
    (folder / 'hosts').write_text(''.join(f'127.{1 + i // 250}.0.{1 + i % 250}\n' for i in range(HOSTS)))
    server = subprocess.Popen([build / 'src/prog/sshd', '-D', '-f', folder / 'scan_config'], stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(('127.0.0.1', port)).close()
                break
            except OSError:
                time.sleep(0.02)
        for _ in range(rounds):
            for program in (str(build / 'src/prog/ssh-keyscan'), '/usr/bin/ssh-keyscan'):
                before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                done = subprocess.run([program, '-T', '60', '-t', 'ed25519', '-p', str(port), '-f', folder / 'hosts'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
                found = sum(not line.startswith(b'#') for line in done.stdout.splitlines())
                print(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, found, flush=True)
    finally:
        server.terminate()
        server.wait()


def keyscan(build, folder, rounds, report):
    done = subprocess.run([sys.executable, __file__, str(build), str(folder), str(rounds)], stdout=subprocess.PIPE, text=True, check=True)
    rows = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    ours, theirs = rows[::2], rows[1::2]
    report('ssh-keyscan of 1,000 hosts, s', [r[0] for r in ours], [r[0] for r in theirs], -1)
    report('  CPU s of the scanner', [r[1] for r in ours], [r[1] for r in theirs], -1)
    report('  hosts found', [r[2] for r in ours], [r[2] for r in theirs], 1)


if __name__ == '__main__':
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:  # CLONE_NEWNET
        sys.exit('cannot make a network of our own (root only)')
    scan_inside(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]))
