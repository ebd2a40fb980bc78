"""What the interop tests share: Hawser's two ends, keys of every kind, and what a peer must tell about itself.

Hawser's end always chooses the algorithm; the peer enables all it has. So no test depends on how a peer is configured.
"""
import fcntl, functools, hashlib, os, pathlib, pty, re, shutil, struct, subprocess, tempfile, termios

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get('HAWSER_BUILD') or TOP / 'build').resolve()
BIN = BUILD / 'src/prog'
ROOT = os.geteuid() == 0

KEYS = {'ed25519': ('ed25519',), 'ecdsa256': ('ecdsa', '-b', '256'), 'ecdsa384': ('ecdsa', '-b', '384'), 'ecdsa521': ('ecdsa', '-b', '521'),
        'rsa': ('rsa', '-b', '2048')}
KEY_OF = {'ssh-ed25519': 'ed25519', 'ecdsa-sha2-nistp256': 'ecdsa256', 'ecdsa-sha2-nistp384': 'ecdsa384', 'ecdsa-sha2-nistp521': 'ecdsa521',
          'rsa-sha2-512': 'rsa', 'rsa-sha2-256': 'rsa', 'ssh-rsa': 'rsa'}
# What servers of ours ask 'riddle' by keyboard-interactive, round by round: prompts with echo or without, and what is right.
ROUNDS = [[('First: ', False), ('Second: ', True)], [('Third: ', False)]]
ANSWERS = [['one', 'two'], ['three']]
AEAD = {'chacha20-poly1305@openssh.com', 'aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'}


@functools.cache
def known(kind):
    """All names of a kind (kex, sig, cipher, mac) that Hawser has, those off by default too."""
    return subprocess.run([BIN / 'ssh', '-Q', kind], capture_output=True, text=True, check=True).stdout.split()


def everything():
    """The configuration with which Hawser takes every algorithm it has."""
    every = {'KexAlgorithms': 'kex', 'HostKeyAlgorithms': 'sig', 'PubkeyAcceptedAlgorithms': 'PubkeyAcceptedAlgorithms', 'Ciphers': 'cipher', 'MACs': 'mac'}
    return {k: ','.join(known(v)) for k, v in every.items()}


def chosen(kex=None, sig=None, cipher=None, mac=None, **more):
    """Keywords of ssh and sshd alike that leave one name of each kind that is given. A MAC alone needs a cipher that uses one."""
    c = everything()
    if mac and not cipher:
        cipher = 'aes128-ctr'
    for word, value in (('KexAlgorithms', kex), ('HostKeyAlgorithms', sig), ('Ciphers', cipher), ('MACs', mac)):
        if value:
            c[word] = value
    return {**c, **more}


class Done:
    """How a command ended. out and err are bytes."""

    def __init__(self, status, out=b'', err=b''):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f'status {self.status}, out {self.out[-300:]!r}, err {self.err[-4000:].decode(errors="replace")}'


def run(argv, *, input=b'', timeout=20, env=None, **more):
    done = subprocess.run([str(a) for a in argv], input=input, capture_output=True, timeout=timeout, env={**os.environ, **(env or {})}, **more)
    return Done(done.returncode, done.stdout, done.stderr)


@functools.cache
def cellar():
    """A folder of this test process, with keys; removed when the process ends."""
    import atexit
    path = pathlib.Path(tempfile.mkdtemp(prefix='hawser-interop-'))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    path.chmod(0o755)
    for owner in 'user', 'host':
        for name, how in KEYS.items():
            make_key(path / f'{owner}_{name}', how)
    authorized = path / 'authorized_keys'
    authorized.write_text(''.join((path / f'user_{k}.pub').read_text() for k in KEYS))
    askpass = path / 'askpass'
    askpass.write_text('#!/bin/sh\nprintf "%s\\n" "$ANSWER"\n')
    askpass.chmod(0o755)
    return path


def make_key(path, how):
    subprocess.run(['/usr/bin/ssh-keygen', '-q', '-t', how[0], *how[1:], '-N', '', '-C', 'test', '-f', path], check=True)


def user_key(kind='ed25519'):
    return cellar() / f'user_{kind}'


@functools.cache
def authority():
    """A CA for users and hosts, trusted where a test says so."""
    make_key(cellar() / 'ca', KEYS['ed25519'])
    return cellar() / 'ca'


@functools.cache
def certificate(owner, kind, name):
    """The path of a certificate for a user's or a host's key; login and address are its principals."""
    shutil.copy(cellar() / f'{owner}_{kind}.pub', cellar() / f'{name}_{kind}.pub')
    subprocess.run(['/usr/bin/ssh-keygen', '-q', '-s', authority(), '-I', 'the-id', '-z', '7', '-V', '-1h:+1h', '-n', name, *(['-h'] if owner == 'host' else []),
                    cellar() / f'{name}_{kind}.pub'], check=True)
    return cellar() / f'{name}_{kind}-cert.pub'


def host_key(kind='ed25519'):
    return cellar() / f'host_{kind}'


def known_hosts(port, kinds=KEYS, name=None):
    path = cellar() / f'known_hosts_{port}_{os.getpid()}'
    path.write_text(''.join(f'{name or f"[127.0.0.1]:{port}"} {" ".join(host_key(k).with_suffix(".pub").read_text().split()[:2])}\n' for k in kinds))
    return path


@functools.cache
def big(size):
    """A file of size bytes that do not compress, and its sha256 in hex. Deterministic, so that workers agree."""
    path = cellar() / f'big{size}'
    data = hashlib.shake_128(b'hawser').digest(size)
    path.write_bytes(data)
    path.chmod(0o644)
    return path, hashlib.sha256(data).hexdigest()


@functools.cache
def built(name, *command):
    """The program name, built once for all workers by command with {out} for the result. A source is a word that is a file here."""
    folder = BUILD / 'interop'
    folder.mkdir(exist_ok=True)
    out = folder / name
    with open(folder / f'{name}.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = [HERE / a for a in command if (HERE / a).is_file()]
        if not out.exists() or any(s.stat().st_mtime > out.stat().st_mtime for s in sources):
            env = {**os.environ, 'GO111MODULE': 'off', 'GOPATH': '/usr/share/gocode', 'GOFLAGS': '', 'GOCACHE': str(folder / 'gocache')}
            done = subprocess.run([a.replace('{out}', f'{out}.new') for a in command], cwd=HERE, env=env, capture_output=True, text=True)
            assert done.returncode == 0, f'{" ".join(command)}: {done.stderr}'
            os.rename(f'{out}.new', out)
    return out


def shell_on_pty(term, columns, rows, env):
    """A shell on a pty of its own: the process and the master's descriptor."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    p = subprocess.Popen(['/bin/sh'], stdin=slave, stdout=slave, stderr=slave, env={**os.environ, **env, 'TERM': term}, start_new_session=True,
                         preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(slave)
    return p, master


def same(done, path):
    """The output is the content of path; says where it begins to differ."""
    want = path.read_bytes()
    assert done.status == 0, done
    if done.out == want:
        return
    at = next((i for i, (a, b) in enumerate(zip(done.out, want)) if a != b), min(len(done.out), len(want)))
    raise AssertionError(f'{len(done.out)} bytes, {len(want)} expected, differ at {at}: {done.out[at:at + 32].hex()} for {want[at:at + 32].hex()}; {done.err[-2000:]}')


# Hawser as a client

def line_of_ours(peer, args=(), config=None):
    """Hawser's ssh with what concerns the peer (a running server with port, login, hosts)."""
    config = {'WarnWeakCrypto': 'no', 'IdentityAgent': 'none', **everything(), **(config or {})}
    argv = [BIN / 'ssh', '-F', 'none', '-p', str(peer.port), '-o', f'UserKnownHostsFile={peer.hosts}', '-o', 'GlobalKnownHostsFile=none',
            '-o', 'StrictHostKeyChecking=yes', '-o', 'IdentitiesOnly=yes', *args]
    for word, value in config.items():
        argv += ['-o', f'{word}={value}']
    return [str(a) for a in argv]


def ours(peer, *command, key='ed25519', password=None, method=None, args=(), config=None, env=None, **more):
    """Hawser's ssh runs command at the peer; with password by that method."""
    argv, env = line_of_ours(peer, args, config), {**os.environ, **(env or {})}
    if password is None:
        argv += ['-i', user_key(key), '-o', 'PreferredAuthentications=publickey', '-o', 'BatchMode=yes']
    else:
        argv += ['-o', f'PreferredAuthentications={method or "password"}', '-o', 'NumberOfPasswordPrompts=1']
        env.update(SSH_ASKPASS=str(cellar() / 'askpass'), SSH_ASKPASS_REQUIRE='force', ANSWER=password)
    return run([*argv, f'{peer.login}@127.0.0.1', *command], env=env, **more)


def exchanges(text):
    """How many key exchanges a log of level 1 tells."""
    return len(re.findall(rb'kex: algorithm:', text))


class Service:
    """A running server of a peer: port, login, password, hosts (a known_hosts file). Ends with its process."""

    def __init__(self, process, port, login, password=None, hosts=None, log=None):
        self.process, self.port, self.login, self.password, self.log = process, port, login, password, log
        self.hosts = hosts or known_hosts(port)

    def text(self):
        return self.log.read_text(errors='replace') if self.log else ''

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def program_service(argv, name, login='tester', password='open sesame', env=None):
    """A server program of ours that says 'listening PORT' on its standard output."""
    log = cellar() / f'{name}.log'
    with open(log, 'wb') as f:
        p = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=f, env={**os.environ, **(env or {})})
    line = p.stdout.readline().decode()
    assert line.startswith('listening '), f'{name}: {line} {log.read_text()}'
    return Service(p, int(line.split()[1]), login, password, log=log)


class Peer:
    """One implementation. A subclass says what it has and how it is run; limits maps (role, topic) to the reason of a skip.

    Client: client(job) -> Done. Server: serve(account, busy=False) -> Service; a busy one has a small window and packets where they
    can be set, and asks for new keys after each megabyte where it can.
    names: dict of kex, sig, cipher, mac, for both roles or by role in client_names, server_names.
    """
    name = ''
    names = {}
    client_names = server_names = None
    client_can = frozenset()        # of: password kbdint stderr pty env sessions rekey zlib window certificate host-certificate
    server_can = frozenset()        # of: password kbdint prompts pty env shell zlib real busy rekey
    client_keys = server_keys = tuple(KEYS)
    size = 64 << 20
    limits = {}

    def shared(self, role, kind):
        mine = ((self.client_names if role == 'client' else self.server_names) or self.names).get(kind, ())
        return [n for n in known(kind) if n in mine and (kind != 'sig' or n in KEY_OF)]

    def check(self, role, topic):
        if (role, topic) in self.limits:
            pytest.skip(f'{self.name}: {self.limits[role, topic]}')

    def available(self):
        """None, or why it cannot be used here."""
        return None


class Program(Peer):
    """A peer that is a library, by a program of ours: PROGRAM names | client WORD=VALUE ... | server WORD=VALUE ...

    names says lines 'kex NAME', 'cipher NAME', or 'client kex NAME' for what is of one role.
    """
    build, needs, host_kinds = (), {}, tuple(KEYS)     # build: the command, with {out}; needs: file -> its package

    def available(self):
        for file, package in self.needs.items():
            if not (os.path.exists(file) if '/' in file else shutil.which(file)):
                return f'{package} is not installed'

    def program(self):
        return built(f'peer_{self.name}', *self.build)

    @functools.cached_property
    def told(self):
        if self.available():
            return []
        every = [f'{k}={n}' for k in ('kex', 'sig', 'cipher', 'mac') for n in known(k)]     # for those that can only say yes or no
        return [line.split() for line in run([self.program(), 'names', *every]).out.decode().splitlines()]

    def of_role(self, role):
        names = {}
        for *roles, kind, name in self.told:
            if role in (roles or [role]):
                names.setdefault(kind, []).append(name)
        return names

    client_names = property(lambda self: self.of_role('client'))
    server_names = property(lambda self: self.of_role('server'))

    def client(self, job):
        return run([self.program(), 'client', *job.words()], input=job.input)

    def server_words(self, busy):
        return {'rekey': 1 << 20} if busy and 'rekey' in self.server_can else {}

    def serve(self, account, busy=False):
        words = [f'hostkey={host_key(k)}' for k in self.host_kinds] + [f'authorized={cellar()}/authorized_keys']
        words += [f'{k}={",".join(v)}' for k in ('kex', 'sig', 'cipher', 'mac') if (v := self.shared('server', k))]
        words += [f'{k}={v}' for k, v in self.server_words(busy).items()]
        return program_service([self.program(), 'server', *words], f'{self.name}{busy:d}')


class Client:
    """What a test gives to Peer.client: where, as whom, with what. key: kind of key; password and method instead of it."""

    def __init__(self, server, command, key='ed25519', password=None, method='password', input=b'', pty=False, env=None, sessions=1,
                 rekey=0, zlib=False, sig=None, folder=None, window=None, certificate=None, kex=None, cipher=None, mac=None):
        self.server, self.command, self.key, self.password, self.method, self.input = server, command, key, password, method, input
        self.pty, self.env, self.sessions, self.rekey, self.zlib, self.sig, self.folder = pty, env or {}, sessions, rekey, zlib, sig, folder
        self.kex, self.cipher, self.mac, self.window = kex, cipher, mac, window
        self.certificate = certificate

    def words(self):
        """As key=value words for helper programs."""
        w = {'port': self.server.port, 'user': self.server.login, 'command': self.command or '', 'sessions': self.sessions, 'rekey': self.rekey,
             'pty': int(self.pty), 'zlib': int(self.zlib), 'hosts': self.server.hosts, 'kex': self.kex or '', 'sig': self.sig or '',
             'cipher': self.cipher or '', 'mac': self.mac or '', 'window': (self.window or (0, 0))[0], 'packet': (self.window or (0, 0))[1]}
        if self.password is None:
            w['key'] = user_key(self.key)
        else:
            w.update(password=self.password, method=self.method)
        if self.certificate:
            w['certificate'] = self.certificate
        return [f'{k}={v}' for k, v in w.items()] + [f'env={k}={v}' for k, v in self.env.items()]
