"""Whoever logs in with something wrong: evidence that does not fit, too much of anything, and a server started in a bad state."""
import os, pathlib, signal, socket, struct, subprocess, sys, time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))

import wire
from conftest import ROOT, wait_for
from test_attack import logged_in, me, target, whole                # target is a fixture
from wire import Closed, dial, mpint, string, u32

ED25519_ORDER = 2 ** 252 + 27742317777372353535851937790883648493   # RFC 8032, section 5.1


def number(n):
    return mpint(n.to_bytes((n.bit_length() + 8) // 8, 'big'))


def verdict(w):
    """What the server says to a request: 'success', 'failure', 'prompts' or 'end'."""
    try:
        p = w.expect(wire.SUCCESS, wire.FAILURE, wire.AUTH_60, wire.DISCONNECT)
    except Closed:
        return 'end'
    return {wire.SUCCESS: 'success', wire.FAILURE: 'failure', wire.AUTH_60: 'prompts', wire.DISCONNECT: 'end'}[p[0]]


def open_line(kind, blob):
    return subprocess.run(['base64', '-w0'], input=blob, capture_output=True).stdout.decode().join([kind + ' ', '\n'])


class Key:
    """A key of ours, with what is needed to sign wrongly."""

    def __init__(self, kind):
        self.kind = kind
        if kind == 'ed25519':
            self.private, self.type, self.algorithm = Ed25519PrivateKey.generate(), 'ssh-ed25519', 'ssh-ed25519'
            self.blob = wire.public(self.private)
        elif kind == 'rsa':
            self.private, self.type, self.algorithm = rsa.generate_private_key(65537, 2048), 'ssh-rsa', 'rsa-sha2-256'
            n = self.private.public_key().public_numbers()
            self.blob = string('ssh-rsa') + number(n.e) + number(n.n)
        else:
            curve = {'p256': (ec.SECP256R1, 'nistp256'), 'p384': (ec.SECP384R1, 'nistp384')}[kind]
            self.private, self.type = ec.generate_private_key(curve[0]()), 'ecdsa-sha2-' + curve[1]
            self.algorithm = self.type
            point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            self.blob = string(self.type) + string(curve[1]) + string(point)

    def sign(self, data):
        """(algorithm, signature) as it should be."""
        if self.kind == 'ed25519':
            return self.algorithm, self.private.sign(data)
        if self.kind == 'rsa':
            return self.algorithm, self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(hashes.SHA256() if self.kind == 'p256' else hashes.SHA384())))
        return self.algorithm, number(r) + number(s)


@pytest.fixture(scope='module')
def keys():
    return {k: Key(k) for k in ('ed25519', 'rsa', 'p256', 'p384')}


@pytest.fixture
def known(target, keys):
    """The server knows all keys."""
    with open(target.authorized, 'a') as f:
        for k in keys.values():
            f.write(open_line(k.type, k.blob))
    return target


def signed(w, user, key, algorithm=None, spoil=lambda name, signature: (name, signature), signer=None, also=b'', data_user=None):
    rest = b'\1' + string(key.algorithm if algorithm is None else algorithm) + string(key.blob)
    request = w.ask(user, 'publickey', rest)
    name, signature = spoil(*(signer or key).sign(string(w.session) + w.ask(data_user or user, 'publickey', rest)))
    return request + string(string(name) + string(signature)) + also


def ready(server):
    return dial(server).keys().service()


def test_each_key_is_good(known, keys):
    """What the wrong ones below are made of is right."""
    for key in keys.values():
        w = ready(known)
        w.send(signed(w, me(known), key))
        assert verdict(w) == 'success', key.kind
        w.close()


def malleable(name, signature):
    s = int.from_bytes(signature[32:], 'little') + ED25519_ORDER
    return name, signature[:32] + s.to_bytes(32, 'little')


def flipped(name, signature):
    return name, signature[:-1] + bytes([signature[-1] ^ 1])


WRONG = {
    'ed25519': [malleable, flipped, lambda n, s: (n, s[:-1]), lambda n, s: (n, s + b'\0'), lambda n, s: (n, bytes(64)), lambda n, s: (n, b''),
                lambda n, s: ('ssh-rsa', s), lambda n, s: ('ssh-ed25519\0', s), lambda n, s: ('', s), lambda n, s: ('ssh-ed25519-cert-v01@openssh.com', s)],
    'rsa': [flipped, lambda n, s: (n, s[:-1]), lambda n, s: (n, b'\0' * 300 + s), lambda n, s: (n, bytes(256)), lambda n, s: (n, b'\xff' * 256), lambda n, s: (n, b''),
            lambda n, s: ('rsa-sha2-512', s), lambda n, s: ('ssh-rsa', s), lambda n, s: (n, b'\1' * 60000)],
    'p256': [flipped, lambda n, s: (n, number(0) + number(0)), lambda n, s: (n, s + b'\0'), lambda n, s: (n, s[:-2]), lambda n, s: (n, number(1) + number(1)),
             lambda n, s: (n, string(b'\xff' * 33) + string(b'\xff' * 33)), lambda n, s: ('ecdsa-sha2-nistp384', s), lambda n, s: (n, number(1 << 60000) + number(1))],
}


@pytest.mark.parametrize('kind', list(WRONG))
def test_wrong_signatures(known, keys, kind):
    for i, spoil in enumerate(WRONG[kind]):
        w = ready(known)
        w.send(signed(w, me(known), keys[kind], spoil=spoil))
        assert verdict(w) in ('failure', 'end'), (kind, i)
        w.close()


def test_algorithm_and_key_must_fit(known, keys):
    """Also the curve: an algorithm is not a family (CVE-2026-35387)."""
    ed, rsa_, p256, p384 = (keys[k] for k in ('ed25519', 'rsa', 'p256', 'p384'))
    for key, algorithm in ((ed, 'rsa-sha2-256'), (rsa_, 'ssh-ed25519'), (rsa_, 'ssh-rsa'), (p256, p384.algorithm), (p384, p256.algorithm),
                           (ed, ''), (ed, 'ssh-ed25519,ssh-rsa'), (ed, 'x' * 60000), (ed, 'ssh-ed25519-cert-v01@openssh.com')):
        w = ready(known)
        w.send(signed(w, me(known), key, algorithm=algorithm))
        assert verdict(w) in ('failure', 'end'), (key.kind, algorithm[:60])
        w.close()


def test_evidence_of_another(known, keys):
    """The key that was asked about is not the one that signs; the one who signed is another user; something stands behind it."""
    ed, other = keys['ed25519'], Key('ed25519')
    user = me(known)
    w = ready(known)
    w.send(w.ask(user, 'publickey', b'\0' + string(ed.algorithm) + string(ed.blob)))
    w.expect(wire.AUTH_60)                                   # it would do
    w.send(signed(w, user, other))
    assert verdict(w) == 'failure'
    w.send(signed(w, user, ed, signer=other))
    assert verdict(w) == 'failure'
    w.send(signed(w, user, ed, data_user='nobody'))
    assert verdict(w) == 'failure'
    w.send(signed(w, user, ed, also=b'x'))
    assert verdict(w) in ('failure', 'end')
    w.close()
    w = ready(known)
    w.send(w.ask('nobody', 'none'))
    w.expect(wire.FAILURE)
    w.send(signed(w, user, ed))                              # another user than before
    said = w.end()
    assert said and said[0] == 2 and 'Change of username' in said[1], said


def test_broken_key_blobs(known, keys):
    """Each cut of each blob, and numbers that would cost much."""
    user, huge = me(known), (1 << 16384) - 1
    rsa_blob = lambda e, n: string('ssh-rsa') + number(e) + number(n)
    modulus = keys['rsa'].private.public_key().public_numbers().n
    blobs = [k.blob[:cut] for k in keys.values() for cut in range(0, len(k.blob), 7)]
    blobs += [k.blob + b'\0' for k in keys.values()]
    blobs += [rsa_blob(65537, 1 << 100), rsa_blob(65537, (1 << 131072) + 1), rsa_blob(huge, huge), rsa_blob(1, modulus), rsa_blob(0, modulus), rsa_blob(2, modulus), rsa_blob(65537, modulus - 1),
              rsa_blob(65537, 0), string('ssh-rsa') + string(b'\xff') + string(b'\xff' * 256), string('ssh-ed25519') + string(bytes(31)),
              string('ecdsa-sha2-nistp256') + string('nistp384') + keys['p384'].blob[-101:], string('ecdsa-sha2-nistp256') + string('nistp256') + string(b'\4' + bytes(64)),
              string('ecdsa-sha2-nistp256') + string('nistp256') + string(b'\0'), string('x' * 30000), u32(0xffffffff) + b'ssh-rsa']
    w, began = None, time.monotonic()
    for i, blob in enumerate(blobs):
        w = w or ready(known)
        kind = ('ssh-ed25519', 'rsa-sha2-256', 'ecdsa-sha2-nistp256')[i % 3]
        w.send(w.ask(user, 'publickey', b'\0' + string(kind) + string(blob)))
        got = verdict(w)
        assert got in ('failure', 'end'), (i, blob[:60])
        if got == 'end':
            w.close()
            w = None
    for algorithm, blob in (('rsa-sha2-256', rsa_blob(huge, huge)), ('rsa-sha2-512', rsa_blob((1 << 255) + 1, huge))):
        w = w or ready(known)
        w.send(w.ask(user, 'publickey', b'\1' + string(algorithm) + string(blob)) + string(string(algorithm) + string(b'\1' * 2048)))
        assert verdict(w) in ('failure', 'end')
        w.close()
        w = None
    assert time.monotonic() - began < 60


def test_limits_of_asking(sshd, keys):
    """OpenSSH answers without end which keys would do; after 32 that tells nothing more, after 64 requests of any kind it is over."""
    server = sshd('MaxStartups 200\nMaxAuthTries 1000')
    with open(server.authorized, 'a') as f:
        f.write(open_line(keys['ed25519'].type, keys['ed25519'].blob))
    w, oks, asked = ready(server), 0, 0
    probe = w.ask(me(server), 'publickey', b'\0' + string('ssh-ed25519') + string(keys['ed25519'].blob))
    while asked < 200:
        w.send(probe)
        got = verdict(w)
        if got == 'end':
            break
        asked, oks = asked + 1, oks + (got == 'prompts')
    assert oks == 32 and asked <= 64, (oks, asked)
    w.close()
    w, asked = ready(server), 0
    while asked < 200:
        w.send(w.ask(me(server), ['none', 'password', 'hostbased', 'gssapi-with-mic', 'x' * 1000, '\x1b[2J', ''][asked % 7],
                     {1: b'\0' + string('wrong')}.get(asked % 7, b'')))
        if verdict(w) == 'end':
            break
        asked += 1
    assert asked <= 64, asked
    w.close()
    whole(server)
    assert '\x1b' not in server.text()


@pytest.mark.skipif(not ROOT, reason='needs root')
def test_long_passwords_cost_nothing(sshd, account):
    """CVE-2016-6515: a hash over as many bytes as somebody sends."""
    server = sshd('MaxStartups 200\nPasswordAuthentication yes\nMaxAuthTries 100')

    def took(password):
        w = ready(server)
        began = time.monotonic()
        w.send(w.ask(account.name, 'password', b'\0' + string(password)))
        assert verdict(w) == 'failure'
        w.close()
        return time.monotonic() - began
    short = min(took('x' * 10) for _ in range(3))
    assert min(took('x' * 60000) for _ in range(3)) < short * 2 + 0.2
    w = ready(server)
    w.send(w.ask(account.name, 'password', b'\0' + string(account.password + '\0' + 'x')))
    assert verdict(w) == 'failure'                           # a NUL does not end it
    w.send(w.ask(account.name, 'password', b'\1' + string(account.password) + string('new')))
    assert verdict(w) == 'failure'                           # no change was asked for
    w.send(w.ask(account.name, 'password', b'\0' + string(account.password)))
    assert verdict(w) == 'success'
    w.close()


@pytest.mark.skipif(not ROOT, reason='needs root')
def test_answers_that_do_not_fit(sshd, account):
    server = sshd('MaxStartups 200\nUsePAM yes\nKbdInteractiveAuthentication yes')
    for answer in (u32(0), u32(2) + string(account.password) * 2, u32(0xffffffff), u32(1), u32(1) + string(account.password) + b'x', b'', u32(1) + u32(0xffffffff)):
        w = ready(server)
        w.send(w.ask(account.name, 'keyboard-interactive', string('') * 2))
        assert verdict(w) == 'prompts'
        w.send(bytes([wire.AUTH_61]) + answer)
        assert verdict(w) == 'end', answer
        w.close()
    w = ready(server)                                        # the client turns to something else, and comes back
    w.send(w.ask(account.name, 'keyboard-interactive', string('') * 2))
    assert verdict(w) == 'prompts'
    w.send(w.ask(account.name, 'none'))
    assert verdict(w) == 'failure'
    w.send(w.ask(account.name, 'keyboard-interactive', string('') * 2))
    assert verdict(w) == 'prompts'
    w.send(bytes([wire.AUTH_61]) + u32(1) + string(account.password))
    while (got := verdict(w)) == 'prompts':
        w.send(bytes([wire.AUTH_61]) + u32(0))
    assert got == 'success'
    w.close()
    whole(server)


# After the login: what belongs to nothing.
def test_stray_messages_are_counted(target):
    """A few may have crossed ours on the way; more end the connection."""
    for payload in (bytes([wire.GLOBAL_OK]), bytes([wire.GLOBAL_FAILED]), bytes([wire.REQUEST_OK]) + u32(0), bytes([wire.REQUEST_FAILED]) + u32(0)):
        w = logged_in(target)
        w.session_open()
        try:
            for _ in range(40):
                w.send(payload)
        except Closed:
            pass
        said = w.end()
        assert said and said[0] == 2 and 'belong to nothing' in said[1], (payload, said)
        w.close()
    w = logged_in(target)                                    # requests behind the success (RFC 4252, 5.3)
    for _ in range(9):
        w.send(w.ask(me(target), 'none'))
    assert 'after success' in w.end()[1]


def test_extended_data_and_small_packets(target):
    w = logged_in(target)
    w.session_open()
    w.send(bytes([wire.EXTENDED]) + u32(0) + u32(1) + string('x'))           # no client writes standard error
    w.send(bytes([wire.EXTENDED]) + u32(0) + u32(0xffffffff) + string('x'))
    said = w.end()
    assert said and said[0] == 2, said
    w = logged_in(target)                                    # a maximum of no byte would never let anything through
    w.send(bytes([wire.OPEN]) + string('session') + u32(0) + u32(1 << 20) + u32(0))
    assert w.expect(wire.OPEN_FAILED, wire.DISCONNECT)
    w.close()
    w = logged_in(target)                                    # of one byte: slow, and right
    w.session_open(packet=1)
    w.request(0, 'exec', string('echo small'))
    got = b''
    while b'\n' not in got:
        p = w.expect(wire.DATA, wire.CLOSE, skip=(wire.REQUEST_OK, wire.ADJUST, wire.GLOBAL, wire.REQUEST, wire.EOF))
        assert p[0] == wire.DATA and struct.unpack('>I', p[5:9])[0] == 1
        got += p[9:]
    assert got == b'small\n'
    w.close()
    w = logged_in(target)                                    # no window: nothing comes, and nothing spins
    w.session_open(window=0)
    w.request(0, 'exec', string('echo held; echo held >&2'))
    w.expect(wire.REQUEST_OK, skip=(wire.ADJUST, wire.GLOBAL))
    w.send(bytes([wire.ADJUST]) + u32(0) + u32(3))
    got = b''
    while len(got) < 3:
        p = w.expect(wire.DATA, wire.EXTENDED, skip=(wire.REQUEST, wire.ADJUST, wire.GLOBAL))
        got += p[-1:] if p[0] == wire.DATA and len(p) == 10 else p[9 if p[0] == wire.DATA else 13:]
    assert got in (b'hel', b'he'[:3])
    w.close()


def test_environment_has_a_limit(sshd):
    server = sshd('AcceptEnv *')
    w = logged_in(server)
    w.session_open()
    said = []
    for i in range(200):
        w.request(0, 'env', string(f'N{i}') + string('v'))
        said.append(w.expect(wire.REQUEST_OK, wire.REQUEST_FAILED, skip=(wire.ADJUST, wire.GLOBAL))[0])
    assert said.count(wire.REQUEST_OK) == 64
    w.close()
    w = logged_in(server)
    w.session_open()
    for name, value in (('A=B', 'x'), ('', 'x'), ('A\0', 'x'), ('A', 'x\0'), ('A', 'x' * 2000), ('x' * 2000, '')):
        w.request(0, 'env', string(name) + string(value))
        assert w.expect(wire.REQUEST_OK, wire.REQUEST_FAILED, skip=(wire.ADJUST, wire.GLOBAL))[0] == wire.REQUEST_FAILED
    w.close()
    whole(server)


# Whoever starts us.
def bad_start():
    """Runs in the child before exec: what a careless or hostile parent leaves behind."""
    os.umask(0)
    for s in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(s, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 32)) - {signal.SIGKILL, signal.SIGSTOP})
    signal.setitimer(signal.ITIMER_REAL, 30)
    for fd in range(40, 60):
        os.dup2(2, fd, inheritable=True)


@pytest.mark.parametrize('closed', [(), (0,), (0, 1, 2)])
def test_a_bad_start(sshd, closed):
    server = sshd()
    server.stop()
    server.log.write_text('')
    log = server.dir / 'log-file'
    log.touch()
    env = {'PATH': '/nonexistent', 'HOME': '/nonexistent', 'LD_BIND_NOW': '', 'IFS': 'x', 'ENV': '/etc/passwd', 'BASH_ENV': '/etc/passwd', 'SSH_AUTH_SOCK': '/x', 'TERM': 'x' * 5000,
           'MALLOC_PERTURB_': '85', 'OPENSSL_CONF': '/dev/zero', 'LC_ALL': 'zz_ZZ'}
    command = [c for c in server.command if c != '-e'] + ['-E', str(log)]

    def before():
        bad_start()
        for fd in closed:
            os.close(fd)
    process = subprocess.Popen(command, preexec_fn=before, env=env, cwd='/', close_fds=False, stdin=subprocess.DEVNULL)
    server.process, server.log = process, log
    wait_for(lambda: process.poll() is not None or 'Server listening' in server.text())
    assert process.poll() is None, server.text()
    r = server.ssh('echo "$IFS$ENV$SSH_AUTH_SOCK-$TERM"; umask; grep SigIgn /proc/self/status; grep SigBlk /proc/self/status; ls /proc/self/fd | wc -l; exit 7')
    lines = r.stdout.splitlines()
    assert r.returncode == 7, server.text()
    # The C library's posix_spawn, by which make starts us, leaves its own two signals (32 and 33) ignored.
    ignored, blocked = (int(line.split()[1], 16) for line in lines[-3:-1])
    assert lines[-3].startswith('SigIgn:') and ignored & ~0x180000000 == 0 and blocked == 0, lines
    assert lines[-4] in ('0022', '022') and int(lines[-1]) <= 4 and lines[:-4] in ([' \t', '-'], [' \t', '-dumb']), lines
    whole(server)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
