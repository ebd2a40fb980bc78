"""Exit status 0 means that every byte arrived: random sizes, slow readers, commands that end at once.

HAWSER_ROUNDS sets how many runs each pair of programs gets (by hand: a few hundred).
"""
import concurrent.futures, contextlib, fcntl, hashlib, os, random, subprocess, threading

import pytest

from lab import big, cellar, chosen, line_of_ours, user_key
from test_our_client import running  # noqa: F401 (a fixture)
from test_our_server import serve  # noqa: F401 (a fixture)

ROUNDS = int(os.environ.get('HAWSER_ROUNDS', 24))
AT_ONCE = 4
F_SETPIPE_SZ = 1031


def theirs(server, account):
    return ['/usr/bin/ssh', '-F', '/dev/null', '-p', str(server.port), '-o', f'UserKnownHostsFile={server.hosts}', '-o', 'GlobalKnownHostsFile=/dev/null',
            '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', '-i', str(user_key()), '-l', server.login]


def ours(server, account):
    return [*line_of_ours(server), '-i', str(user_key()), '-o', 'BatchMode=yes', '-l', server.login]


class Run:
    """One command over ssh. What it is comes from the seed alone, so that a failure can be had again."""

    def __init__(self, argv, seed):
        self.r = random.Random(seed)
        path, _ = big(4 << 20)
        data = path.read_bytes()
        self.out, self.err = (int(2 ** self.r.uniform(0, 22)) for _ in range(2))
        if self.r.random() < 0.6:
            self.err = 0
        self.input = data[:int(2 ** self.r.uniform(0, 22))] if self.r.random() < 0.5 else b''
        self.status = self.r.choice([0, 0, 0, 7])
        parts = [f'head -c {self.out} {path}'] + ([f'head -c {self.err} {path} >&2'] if self.err else [])
        self.r.shuffle(parts)
        # Its input comes back as a checksum, behind the output; or both at once; then it ends in the same moment.
        self.command = self.r.choice(['{}; ', '({}); ', '{{ {}; }} & wait; ']).format('; '.join(parts)) + f'sha256sum | tail -c +1; exit {self.status}'
        self.want = {1: data[:self.out] + hashlib.sha256(self.input).hexdigest().encode() + b'  -\n', 2: data[:self.err]}
        self.seed, self.argv = seed, [*argv, '127.0.0.1', self.command]

    def read(self, stream, got, key):
        """Sometimes greedy, sometimes slow, with a pipe that holds next to nothing."""
        fd, r = stream.fileno(), random.Random(self.seed * 2 + key)
        slow = r.random() < 0.5
        if slow:
            with contextlib.suppress(OSError):  # EBUSY: it holds more already, and stays as it is
                fcntl.fcntl(fd, F_SETPIPE_SZ, 4096)
        parts = []
        while part := os.read(fd, r.choice([1, 64, 1000, 4096]) if slow else 1 << 20):
            parts.append(part)
        got[key] = b''.join(parts)

    def go(self):
        p = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        got = {}
        readers = [threading.Thread(target=self.read, args=(s, got, k)) for k, s in ((1, p.stdout), (2, p.stderr))]
        for t in readers:
            t.start()
        p.stdin.write(self.input)
        p.stdin.close()
        for t in readers:
            t.join(60)
        try:
            p.wait(60)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        p.stdout.close()
        p.stderr.close()
        wrong = [f'stream {k}: {len(got.get(k, b""))} of {len(w)} bytes' for k, w in self.want.items() if got.get(k) != w]
        if p.returncode != self.status or wrong:
            return f'seed {self.seed}: status {p.returncode} for {self.status}; {", ".join(wrong)}; {self.command}; {got.get(2, b"")[-300:]!r}'


def many(argv):
    big(4 << 20)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        bad = [b for b in pool.map(lambda seed: Run(argv, seed).go(), range(ROUNDS)) if b]
    assert not bad, '\n'.join(bad)


@pytest.mark.parametrize('client', [ours, theirs], ids=['our-ssh', 'openssh'])
def test_to_our_sshd(client, serve, anybody):  # noqa: F811
    many(client(serve(MaxStartups='100'), anybody))


def test_our_ssh_to_openssh(running, anybody):  # noqa: F811
    many(ours(running('openssh'), anybody))
