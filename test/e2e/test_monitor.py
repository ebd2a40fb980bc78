"""A network process that was taken over, as the monitor sees it: this test is that process (and the listener too)."""
import array, os, pathlib, random, signal, socket, struct, subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.exceptions import InvalidSignature
import hashlib

from conftest import ROOT, keygen, wait_for

# wire/ask.h and server/frames.h
HOSTSIGN, GROUP, NONE, PASSWORD, KEY_OK, VERIFY, KBDINT, KBDINT_REPLY = range(1, 9)
INIT, READY, FORK, FORKED, CONNECTION, AUTHED, START, PROFILE, USER, LOG, VERSION, OVER = range(64, 76)
FAILURE, PARTIAL, SUCCESS, OK_KEY, PROMPTS, CHANGE, HANGUP = range(7)


def string(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack('>I', len(s)) + s


def u32(n):
    return struct.pack('>I', n)


class Frames:
    def __init__(self, sock):
        self.sock, self.buffer, self.fds = sock, b'', []
        sock.settimeout(20)

    def send(self, number, body=b'', fds=()):
        data = struct.pack('>IHB', len(body), number, len(fds)) + body
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        self.sock.sendmsg([data], extra)

    def receive(self):
        """(number, body), or None at the end."""
        while True:
            if len(self.buffer) >= 7:
                length, number, _ = struct.unpack('>IHB', self.buffer[:7])
                if len(self.buffer) >= 7 + length:
                    body, self.buffer = self.buffer[7:7 + length], self.buffer[7 + length:]
                    return number, body
            try:
                data, anc, _, _ = self.sock.recvmsg(65536, 4096)
            except ConnectionError:
                return None
            for _, _, fds in anc:
                for fd in array.array('i', fds[:len(fds) // 4 * 4]):
                    os.close(fd)
            if not data:
                return None
            self.buffer += data

    def expect(self, number):
        while True:
            got = self.receive()
            assert got, f'ended before frame {number}'
            if got[0] == number:
                return got[1]

    def ended(self):
        while got := self.receive():
            assert got[0] not in (HOSTSIGN, SUCCESS), 'answered'
        return True


class Monitor:
    def __init__(self, zygote):
        self.control, theirs = socket.socketpair()
        net, their_net = socket.socketpair()
        zygote.send(FORK, fds=[theirs.fileno(), their_net.fileno()])
        self.pid = struct.unpack('>I', zygote.expect(FORKED)[:4])[0]
        assert self.pid
        theirs.close(), their_net.close()
        self.net = Frames(net)
        a, b = socket.socketpair()
        Frames(self.control).send(CONNECTION, u32(1) + b'\0', [a.fileno()])
        a.close()
        self.peer = b
        self.net.expect(START)

    def close(self):
        """The exit code; a monitor never ends by a signal."""
        self.net.sock.close(), self.control.close(), self.peer.close()
        status = os.waitpid(self.pid, 0)[1]
        assert os.WIFEXITED(status), f'ended by signal {os.WTERMSIG(status)}'
        return os.WEXITSTATUS(status)


@pytest.fixture
def lab(bindir, folder):
    key, login = keygen(folder / 'host'), keygen(folder / 'id')
    (folder / 'keys').write_text(pathlib.Path(f'{login}.pub').read_text())
    config = f'HostKey {key}\nUsePAM no\nStrictModes no\nAuthorizedKeysFile {folder}/keys\nMaxAuthTries 4\nLogLevel DEBUG1\n'
    ours, theirs = socket.socketpair()
    log = open(folder / 'log', 'wb')
    process = subprocess.Popen([bindir / 'sshd-session'], pass_fds=(3,), preexec_fn=lambda: os.dup2(theirs.fileno(), 3), stderr=log)
    theirs.close()
    zygote = Frames(ours)
    zygote.send(INIT, string(config) + u32(0xffffffff) + b'\1\0' + struct.pack('>Q', 7) + string(str(bindir)) + u32(64))
    assert zygote.expect(READY)[0] == 1
    zygote.folder, zygote.blob = folder, __import__('base64').b64decode(pathlib.Path(f'{key}.pub').read_text().split()[1])
    yield zygote
    ours.close()
    assert process.wait(10) == 0
    log.close()


def transcript(blob):
    return b''.join(string(s) for s in ('SSH-2.0-c', 'SSH-2.0-s', b'\x14c', b'\x14s', blob, b'C' * 32, b'S' * 32)) + string(b'\1' * 32)


def hostsign(lab, blob=None, algorithm='ssh-ed25519', kex='curve25519-sha256', body=None):
    return string(kex) + string(algorithm) + string(transcript(blob or lab.blob) if body is None else body)


def keyed(lab):
    m = Monitor(lab)
    m.net.send(HOSTSIGN, hostsign(lab))
    m.signature = m.net.expect(HOSTSIGN)
    assert m.signature[0] == 1
    return m


USER_NAME = __import__('pwd').getpwuid(os.geteuid()).pw_name
QUESTIONS = {
    NONE: string('root') + string('none'), PASSWORD: string('root') + string('p') + b'\0' + string(''),
    KEY_OK: string('root') + string('ssh-ed25519') + string('b'), KBDINT: string('root') + string(''),
    VERIFY: string('root') + string('ssh-ed25519') + string('b') + string('s') + b'\0', KBDINT_REPLY: u32(0) + string(''),
}


@pytest.mark.parametrize('ask', QUESTIONS)
def test_nothing_but_the_key_exchange_comes_first(lab, ask):
    m = Monitor(lab)
    m.net.send(ask, QUESTIONS[ask])
    assert m.net.ended()
    m.close()


def test_only_the_hash_of_a_transcript_is_signed(lab):
    m = keyed(lab)
    n = struct.unpack('>I', m.signature[1:5])[0]
    signature = m.signature[5:5 + n]
    assert signature.startswith(string('ssh-ed25519'))
    public = Ed25519PublicKey.from_public_bytes(lab.blob[-32:])
    public.verify(signature[-64:], hashlib.sha256(transcript(lab.blob)).digest())
    with pytest.raises(InvalidSignature):
        public.verify(signature[-64:], transcript(lab.blob))
    m.close()


@pytest.mark.parametrize('change', [{'blob': b'not our key'}, {'algorithm': 'rsa-sha2-512'}, {'kex': 'no-such-kex'}, {'algorithm': ''}])
def test_what_is_not_ours_to_sign(lab, change):
    m = Monitor(lab)
    m.net.send(HOSTSIGN, hostsign(lab, **change))
    assert m.net.expect(HOSTSIGN)[0] == 0
    m.close()


@pytest.mark.parametrize('body', [b'', b'\0\0\0\1', transcript(b'x')[:20], string('a') * 5])
def test_broken_transcripts_end_it(lab, body):
    m = Monitor(lab)
    m.net.send(HOSTSIGN, hostsign(lab, body=body))
    got = m.net.receive()
    while got and got[0] != HOSTSIGN:
        got = m.net.receive()
    assert got is None or got[1][0] == 0
    m.close()


def test_one_signature_before_the_login(lab):
    m = keyed(lab)
    m.net.send(HOSTSIGN, hostsign(lab))
    assert m.net.ended()
    m.close()


def test_the_user_cannot_be_changed(lab):
    m = keyed(lab)
    m.net.send(NONE, string('nosuch') + string('none'))
    assert m.net.expect(NONE)[0] == FAILURE
    m.net.send(NONE, string(USER_NAME) + string('none'))
    assert m.net.ended()
    m.close()


def test_a_reply_without_a_question(lab):
    m = keyed(lab)
    m.net.send(NONE, string(USER_NAME) + string('none'))
    assert m.net.expect(NONE)[0] == FAILURE
    m.net.send(KBDINT_REPLY, u32(1) + string(string('guess')))
    assert m.net.ended()
    m.close()


def test_a_signature_over_other_data_is_worth_nothing(lab):
    blob = __import__('base64').b64decode((lab.folder / 'id.pub').read_text().split()[1])
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key
    private = load_ssh_private_key((lab.folder / 'id').read_bytes(), None)
    m = keyed(lab)
    session = hashlib.sha256(transcript(lab.blob)).digest()

    def signed(user, session, blob):
        data = string(session) + b'\x32' + string(user) + string('ssh-connection') + string('publickey') + b'\1' + string('ssh-ed25519') + string(blob)
        return string(string('ssh-ed25519') + string(private.sign(data)))
    ask = lambda sig: m.net.send(VERIFY, string(USER_NAME) + string('ssh-ed25519') + string(blob) + sig + b'\0') or m.net.expect(VERIFY)[0]
    m.net.send(KEY_OK, string(USER_NAME) + string('ssh-ed25519') + string(blob))
    assert m.net.expect(KEY_OK)[0] == OK_KEY
    assert ask(signed(USER_NAME, b'another session of 32 bytes.....', blob)) == FAILURE
    assert ask(signed('another', session, blob)) == FAILURE
    assert ask(string('')) == FAILURE
    assert ask(signed(USER_NAME, session, blob)) == SUCCESS
    m.net.send(PASSWORD, QUESTIONS[PASSWORD])       # and after the login no ask of authentication
    assert m.net.ended()
    m.close()


def test_log_lines_bear_the_name_of_who_writes_them(lab):
    m = keyed(lab)
    forged = 'Accepted publickey for root from 192.0.2.1 port 1 ssh2'
    for level in (1, 2, 3, 4):
        m.net.send(LOG, u32(level) + string(f'{forged}\nsshd: {level}'))
    m.net.send(LOG, u32(3) + string('x' * 100000))
    m.net.send(NONE, string(USER_NAME) + string('none'))
    assert m.net.expect(NONE)[0] == FAILURE
    m.close()
    lines = (lab.folder / 'log').read_text().splitlines()
    assert not [line for line in lines if line.startswith(('Accepted', 'sshd:'))] and max(map(len, lines)) < 5000
    assert sum(line.startswith('sshd-net: Accepted') for line in lines) >= 3


def test_noise(lab):
    r = random.Random(4252)
    for i in range(60):
        m = keyed(lab) if i % 2 else Monitor(lab)
        try:
            for _ in range(30):
                number = r.choice([*range(1, 14), *range(64, 90), r.randrange(65536)])
                body = r.choice([b'', r.randbytes(r.randrange(200)), hostsign(lab)[:r.randrange(300)], *QUESTIONS.values()])
                if r.random() < 0.1:
                    m.net.sock.sendall(r.randbytes(40))
                else:
                    m.net.send(number, body)
        except (BrokenPipeError, ConnectionError):
            pass
        m.close()
    Monitor(lab).close()
