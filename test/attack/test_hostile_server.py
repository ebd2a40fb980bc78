"""Our ssh against servers that lie: a line that says why, exit status 255, and nothing raw from the other end on the terminal or in the log."""
import os, pathlib, pty, re, select, socket, struct, subprocess, sys, threading, time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import wire
from conftest import keygen
from wire import Closed, Wire, string, u32

EVIL = '\x1b]0;owned\x07\x1b[2J\x9b31m\rAccepted\n\x08\x7f\u202e'


class Server(threading.Thread):
    """Runs script(wire) on one connection; a test asks for its result in join()."""

    def __init__(self, script, key, hello=b'SSH-2.0-hostile\r\n', raw=False):
        super().__init__(daemon=True)
        self.listening = socket.create_server(('127.0.0.1', 0))
        self.port, self.script, self.key, self.hello, self.raw, self.error = self.listening.getsockname()[1], script, key, hello, raw, None
        self.start()

    def run(self):
        self.listening.settimeout(20)
        try:
            with self.listening, self.listening.accept()[0] as s:
                w = Wire(s, server=True, hello=self.hello)
                self.script(w, self.key)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
        except (Closed, OSError):
            pass                                             # the client had enough
        except BaseException as e:
            self.error = e


@pytest.fixture
def client(bindir, folder):
    """client(script, options, command): (exit status, what the terminal saw, the log file) of our ssh against it."""
    host, user = keygen(folder / 'host'), keygen(folder / 'user')

    def run(script, *options, command='true', strict='yes', timeout=25, hello=b'SSH-2.0-hostile\r\n', known=True, stdin=b'', algs='ssh-ed25519'):
        server = Server(script, wire.load(host), hello)
        public = pathlib.Path(f'{host}.pub').read_text()
        (folder / 'known').write_text(known if isinstance(known, str) else f'[127.0.0.1]:{server.port} {public}' if known else '')
        log = folder / 'log'
        log.unlink(missing_ok=True)
        argv = [str(bindir / 'ssh'), '-F', '/dev/null', '-E', str(log), '-v', '-p', str(server.port), '-o', f'UserKnownHostsFile={folder}/known',
                '-o', 'GlobalKnownHostsFile=/dev/null', '-o', f'StrictHostKeyChecking={strict}', '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none',
                '-o', 'KexAlgorithms=curve25519-sha256', '-o', f'HostKeyAlgorithms={algs}', '-o', 'Ciphers=aes128-gcm@openssh.com',
                '-i', str(user), *options, 'me@127.0.0.1', *([command] if command else [])]
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(argv[0], argv)
        seen, end, typed = b'', time.monotonic() + timeout, False
        try:
            while True:
                assert time.monotonic() < end, ('hangs', seen, log.read_bytes()[-2000:])
                if select.select([fd], [], [], 0.2)[0]:
                    seen += os.read(fd, 65536)
                    if stdin and not typed and b':' in seen:
                        os.write(fd, stdin)
                        typed = True
        except OSError:
            pass                                             # the terminal is closed: ssh has ended
        except AssertionError:
            os.kill(pid, 9)
            raise
        finally:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.close(fd)
        server.join(20)
        assert server.error is None, server.error
        text = log.read_bytes()
        assert not re.search(rb'[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x9b]', text.replace(b'\r\n', b'\n')), text
        assert status >= 0, ('killed by a signal', status, text[-2000:])
        return status, seen, text
    return run


def clean(seen):
    return not re.search(rb'[\x00-\x07\x0b\x0c\x0e-\x1f\x7f\x9b]', seen) and b'\xe2\x80\xae' not in seen


def accept(w, key, host='ssh-ed25519', **more):
    """Keys, and a login that takes anybody."""
    w.begin(host=host)
    w.take_keys(w.exchange(key, **more))
    w.expect(wire.SERVICE_REQUEST)
    w.send(bytes([wire.SERVICE_ACCEPT]) + string('ssh-userauth'))
    w.expect(wire.USERAUTH)


def opened(w, key, **more):
    accept(w, key, **more)
    w.send(bytes([wire.SUCCESS]))
    w.expect(wire.OPEN)
    w.send(bytes([wire.CONFIRM]) + u32(0) + u32(7) + u32(1 << 20) + u32(32768))
    while True:
        p = w.expect(wire.REQUEST)
        n = struct.unpack('>I', p[5:9])[0]
        if p[9:9 + n] == b'exec':
            break
    w.send(bytes([wire.REQUEST_OK]) + u32(0))


def test_an_honest_one_works(client):
    def script(w, key):
        opened(w, key)
        w.send(bytes([wire.DATA]) + u32(0) + string('hello\n'))
        w.send(bytes([wire.REQUEST]) + u32(0) + string('exit-status') + b'\0' + u32(3))
        w.send(bytes([wire.EOF]) + u32(0))
        w.send(bytes([wire.CLOSE]) + u32(0))
        w.end()
    status, seen, _ = client(script)
    assert (status, seen) == (3, b'hello\r\n')


def test_keys_pass_a_window_of_one_byte(client):
    """The filter of the client's terminal makes two bytes of one now and then ('~' waits for the key behind it): none is lost."""
    got = []

    def script(w, key):
        accept(w, key)
        w.send(bytes([wire.SUCCESS]))
        w.expect(wire.OPEN)
        w.send(bytes([wire.CONFIRM]) + u32(0) + u32(7) + u32(1) + u32(32768))
        for name in (b'pty-req', b'exec'):
            while name not in w.expect(wire.REQUEST)[:20]:
                pass
            w.send(bytes([wire.REQUEST_OK]) + u32(0))
        w.send(bytes([wire.DATA]) + u32(0) + string('keys:'))
        while sum(map(len, got)) < 6:
            p = w.expect(wire.DATA)
            assert len(p) == 10                                  # never more than the window has
            got.append(p[9:])
            w.send(bytes([wire.ADJUST]) + u32(0) + u32(1))
        w.send(bytes([wire.REQUEST]) + u32(0) + string('exit-status') + b'\0' + u32(3))
        w.send(bytes([wire.CLOSE]) + u32(0))
        w.end()
    status, _, _ = client(script, '-tt', stdin=b'~a\r~bc')
    assert status == 3 and b''.join(got) == b'~a\r~bc'


def raw(data, again=1):
    def script(w, key):
        for _ in range(again):
            w.raw(data)
    return script


@pytest.mark.parametrize('script', [
    raw(b'x' * 1000 + b'\r\n', 5000), raw(b'y' * 100000), raw(EVIL.encode() + b'\r\n', 3000), raw(b'SSH-1.5-old\r\n'), raw(b'SSH-2.0-' + b'z' * 1000 + b'\r\n'),
    raw(b'SSH-2.0-a\0b\r\n'), raw(b'HTTP/1.1 400 Bad Request\r\n\r\n'), raw(b''), raw(b'\xff\xfd\x01'), raw(b'SSH-2.0-x\r\n\xff\xff\xff\xff' + bytes(100)),
    raw(b'SSH-2.0-x\r\n\0\0\0\0' + bytes(100)),
], ids=['lines', 'line', 'evil lines', 'old', 'long', 'nul', 'http', 'nothing', 'telnet', 'over-large', 'empty'])
def test_before_keys(client, script):
    status, seen, log = client(script)
    assert status == 255 and clean(seen) and log.count(b'\n') < 1200, log[-500:]


def test_wrong_signature(client):
    def script(w, key):
        w.begin()
        w.exchange(key, spoil=lambda s: bytes([s[0] ^ 1]) + s[1:])
        w.end()
    status, seen, log = client(script)
    assert status == 255 and b'signature' in log and clean(seen), log


def test_unknown_and_changed_key(client):
    def script(w, key):
        w.begin()
        w.exchange(key)
        w.end()
    assert client(script, '-o', 'HostKeyAlias=other')[0] == 255
    assert client(script, known=False)[0] == 255


def test_banner(client):
    def script(w, key):
        accept(w, key)
        w.send(bytes([wire.BANNER]) + string('Hello ' + EVIL) + string(''))
        w.send(bytes([wire.BANNER]) + string('b' * 60000) + string(''))
        w.send(bytes([wire.FAILURE]) + string('nothing,' + EVIL) + b'\0')
        w.end()
    status, seen, log = client(script)
    assert status == 255 and clean(seen), seen[:300]
    assert b'Hello' in seen + log


def test_disconnect_and_debug_texts(client):
    def script(w, key):
        accept(w, key)
        w.send(bytes([wire.DEBUG]) + b'\1' + string(EVIL) + string(''))
        w.send(bytes([wire.DISCONNECT]) + u32(2) + string('bye ' + EVIL) + string(''))
    status, seen, log = client(script)
    assert status == 255 and clean(seen) and b'bye' in log + seen, log


def test_version_with_controls(client):
    status, seen, log = client(lambda w, key: w.raw(b'SSH-2.0-\x1b[31m\x07\x9b\r\n' + b'\0\0\0\x0c\x0a' + bytes(11)))
    assert status == 255 and clean(seen)


def test_questions(client):
    """Prompts, names and instructions of keyboard-interactive: shown, but not as the server would like."""
    def script(w, key):
        accept(w, key)
        w.send(bytes([wire.FAILURE]) + string('keyboard-interactive') + b'\0')
        w.expect(wire.USERAUTH)
        w.send(bytes([wire.AUTH_60]) + string('name ' + EVIL) + string('instruction ' + EVIL) + string('') + u32(1) + string('Secret' + EVIL + ': ') + b'\0')
        w.expect(wire.AUTH_61)
        w.send(bytes([wire.FAILURE]) + string('publickey') + b'\0')
        w.end()
    status, seen, log = client(script, stdin=b'answer\n')
    assert status == 255 and b'Secret' in seen and clean(seen.replace(b'\x1b[2K', b'')), seen
    assert b'answer' not in seen + log


def test_questions_without_end(client):
    def script(w, key):
        accept(w, key)
        w.send(bytes([wire.FAILURE]) + string('keyboard-interactive') + b'\0')
        w.expect(wire.USERAUTH)
        for _ in range(100000):
            w.send(bytes([wire.AUTH_60]) + string('') * 3 + u32(0))
            if w.expect(wire.AUTH_61, wire.DISCONNECT)[0] == wire.DISCONNECT:
                break
    status, seen, log = client(script)
    assert status == 255 and b'without end' in log + seen, log[-500:]


WRONG = {
    'userauth success before keys': lambda w, key: (w.begin(), w.send(bytes([wire.SUCCESS])), w.end()),
    'channel data before login': lambda w, key: (accept(w, key), w.send(bytes([wire.DATA]) + u32(0) + string('x')), w.end()),
    'ignore in strict kex': lambda w, key: (w.begin(), w.send(bytes([wire.IGNORE]) + string('x')), w.end()),
    'newkeys first': lambda w, key: (w.begin(), w.send(bytes([wire.NEWKEYS])), w.end()),
    'service request': lambda w, key: (accept(w, key), w.send(bytes([wire.SERVICE_REQUEST]) + string('x')), w.end()),
    'userauth request': lambda w, key: (accept(w, key), w.send(bytes([wire.USERAUTH]) + string('a') * 3), w.end()),
    'pk_ok that nobody asked': lambda w, key: (accept(w, key), w.send(bytes([wire.AUTH_60]) + string('ssh-ed25519') + string('x')), w.end()),
    'kexinit twice': lambda w, key: (w.begin(), w.send(w.make_kexinit()), w.end()),
    'nothing in common': lambda w, key: (w.versions(), w.send(w.make_kexinit(kex='no', host='no', cipher='no')), w.end()),
    'evil algorithms': lambda w, key: (w.versions(), w.send(w.make_kexinit(kex=EVIL)), w.end()),
    'over-large packet': lambda w, key: (accept(w, key), w.raw(b'\xff' * 64), w.end()),
    'window overflow': lambda w, key: (opened(w, key), w.send(bytes([wire.ADJUST]) + u32(0) + u32(0xffffffff)), w.end()),
    'data for no channel': lambda w, key: (opened(w, key), w.send(bytes([wire.DATA]) + u32(99) + string('x')), w.end()),
    'more than the window': lambda w, key: (opened(w, key), w.send(bytes([wire.DATA]) + u32(0) + string(bytes(200000))), w.end()),
    'truncated exit-status': lambda w, key: (opened(w, key), w.send(bytes([wire.REQUEST]) + u32(0) + string('exit-status') + b'\0\0\0'),
                                             w.send(bytes([wire.CLOSE]) + u32(0)), w.end()),
    'closed without a status': lambda w, key: (opened(w, key), w.send(bytes([wire.CLOSE]) + u32(0)), w.end()),
    'channel opened by the server': lambda w, key: (opened(w, key), w.send(bytes([wire.OPEN]) + string('session') + u32(0) + u32(9) + u32(9)),
                                                    w.expect(wire.OPEN_FAILED), w.send(bytes([wire.CLOSE]) + u32(0)), w.end()),
    'x11 that nobody asked': lambda w, key: (opened(w, key), w.send(bytes([wire.OPEN]) + string('x11') + u32(0) + u32(9) + u32(9) + string('a') + u32(1)),
                                             w.expect(wire.OPEN_FAILED), w.send(bytes([wire.CLOSE]) + u32(0)), w.end()),
    'agent that nobody asked': lambda w, key: (opened(w, key), w.send(bytes([wire.OPEN]) + string('auth-agent@openssh.com') + u32(0) + u32(9) + u32(9)),
                                               w.expect(wire.OPEN_FAILED), w.send(bytes([wire.CLOSE]) + u32(0)), w.end()),
    'open refused': lambda w, key: (accept(w, key), w.send(bytes([wire.SUCCESS])), w.expect(wire.OPEN),
                                    w.send(bytes([wire.OPEN_FAILED]) + u32(0) + u32(1) + string('no ' + EVIL) + string('')), w.end()),
    'exit-signal with controls': lambda w, key: (opened(w, key), w.send(bytes([wire.REQUEST]) + u32(0) + string('exit-signal') + b'\0' + string(EVIL) + b'\0' + string(EVIL) * 2),
                                                 w.send(bytes([wire.CLOSE]) + u32(0)), w.end()),
    'reset': lambda w, key: (opened(w, key), w.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)), w.sock.close()),
}


@pytest.mark.parametrize('name', list(WRONG))
def test_out_of_order(client, name):
    status, seen, log = client(WRONG[name])
    assert status == 255 and clean(seen), (status, seen, log[-600:])
    assert log.strip().splitlines(), 'a reason'
