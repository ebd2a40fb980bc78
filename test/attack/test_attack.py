"""Whoever connects: bytes that no honest client sends get a clear end, and the server serves on.

Each attack ends with the same questions: did a process crash or stay, does the listener still answer?
"""
import os, pathlib, re, resource, select, signal, socket, struct, subprocess, sys, time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))

import wire
from conftest import ROOT, wait_for
from test_processes import status, tree
from wire import Closed, Wire, dial, mpint, string, u32

needs_root = pytest.mark.skipif(not ROOT, reason='needs root')


def whole(server):
    """Nothing crashed, nothing stayed, the next one is served."""
    wait_for(lambda: server.ssh('echo serves').stdout == 'serves\n')
    wait_for(lambda: sorted(tree(server.process.pid).values()) == ['sshd-net', 'sshd-net', 'sshd-session', 'sshd-session'])
    text = server.text()
    for word in ('ended by signal', 'ssertion', 'Sanitizer', 'ended without a word', 'FATAL'):
        assert word not in text, text[-3000:]


@pytest.fixture
def target(sshd):
    server = sshd('MaxStartups 200\nLogLevel DEBUG1')
    yield server
    whole(server)


def me(server):
    import pwd
    return pwd.getpwuid(os.geteuid()).pw_name


def logged_in(server, **how):
    return dial(server, **how).login(me(server), server.key)


def net_of(server):
    """The process that holds the server's end of the only connection."""
    ends = set()
    for line in pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f':{server.port:04X}') and fields[3] == '01':
            ends.add(f'socket:[{fields[9]}]')
    for p, n in tree(server.process.pid).items():
        if n == 'sshd-net' and ends & {os.readlink(f) for f in pathlib.Path(f'/proc/{p}/fd').iterdir()}:
            return p
    return None


# Before the version.
HELLOS = [
    (b'GET / HTTP/1.0\r\n\r\n', b'Invalid SSH identification string.'),
    (b'\r\n', b'Invalid'), (b'\n\n\n\n', b'Invalid'), (b'SSH-2.0\r\n', b''), (b'SSH-\r\n', b''), (b'SSH--\r\n', b''),
    (b'SSH-1.5-old\r\n', b''), (b'SSH-3.0-new\r\n', b''), (b'SSH-2.0-' + b'x' * 300 + b'\r\n', b'Invalid'),
    (b'x' * 100000, b'Invalid'), (b'SSH-2.0-a\0b\r\n', b'Invalid'), (b'\0' * 5000, b'Invalid'), (b'\xf0\x9f' * 2000 + b'\n' + b'\x1b' * 4096, b''),
    (b'SSH-2.0-\x1b[31mred\x07\r\n' + b'\0\0\0\x0c\x0a' + bytes(11), b'SSH-2.0-'), (b'SSH-2.0-x\r\n' + b'\xff' * 64, b'SSH-2.0-'),
    (b'\x16\x03\x01\x02\x00\x01', b''),
]


def test_versions(target):
    for hello, answer in HELLOS:
        s = socket.create_connection(('127.0.0.1', target.port), timeout=20)
        got = b''
        try:
            s.sendall(hello)
            s.shutdown(socket.SHUT_WR)
            while more := s.recv(65536):
                got += more
        except (ConnectionResetError, BrokenPipeError):
            answer = b''                                     # the rest of what we sent was not read
        assert answer in got, (hello, got)
        s.close()
    whole(target)
    assert '\x1b' not in target.text() and '\x07' not in target.text()


def test_bytes_one_by_one(target):
    w = dial(target)
    whole_sendall = w.raw

    def trickle(data):
        for i in range(len(data)):
            whole_sendall(data[i:i + 1])
    w.raw = trickle
    w.login(me(target), target.key)
    assert w.session_open() == 0
    w.close()


def test_every_cut(target):
    """The connection ends after each number of bytes of a handshake, by FIN or by reset."""
    sent = []
    w = dial(target)
    plain = w.raw
    w.raw = lambda data: (sent.append(data), plain(data))[1]
    w.keys()
    w.close()
    flow = b''.join(sent[:3])
    cuts = [*range(0, 40, 3), *range(40, len(flow), 61), len(flow) - 1]
    for i, cut in enumerate(cuts):
        s = socket.create_connection(('127.0.0.1', target.port), timeout=20)
        s.sendall(flow[:cut])
        if i % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        s.close()


# Packets.
LENGTHS = [0, 1, 4, 5, 11, 13, 255, 35001, 262145, 0x7fffffff, 0x80000000, 0xffffffff]


@pytest.mark.parametrize('state', ['plain', 'keyed', 'logged in'])
def test_lengths(target, state):
    for length in LENGTHS:
        w = dial(target)
        if state == 'plain':
            w.versions()
        elif state == 'keyed':
            w.keys()
        else:
            w.login(me(target), target.key)
        try:
            w.raw(u32(length) + b'\x05' * 300)
            w.sock.shutdown(socket.SHUT_WR)
        except (Closed, OSError):
            pass
        w.end()
        w.close()


@pytest.mark.parametrize('pad', [0, 1, 3, 200, 255])
def test_padding(target, pad):
    w = dial(target)
    w.versions()
    w.expect(wire.KEXINIT)
    w.send(bytes([wire.IGNORE]) + string('x'), pad=pad)
    said = w.end()
    assert said and said[0] == 2 and 'padlen' in said[1], said
    w = dial(target).keys()
    w.send(bytes([wire.IGNORE]) + string('x'), pad=pad)
    said = w.end()
    assert said and said[0] == 2, said


def test_damaged_packet(target):
    w = dial(target).keys()
    data = bytearray(w.packet(bytes([wire.IGNORE]) + string('x' * 100)))
    data[50] ^= 1
    w.raw(bytes(data))
    assert w.end() == (5, 'Corrupted MAC on input.')


def test_empty_payload(target):
    for ready in (lambda w: (w.versions(), w.expect(wire.KEXINIT)), lambda w: w.keys(), lambda w: w.login(me(target), target.key)):
        w = dial(target)
        ready(w)
        w.send(b'')
        assert w.end(), 'a reason'


# Order: each message in each state, empty, short and with a body of zeros.
STATES = {'plain': lambda s: (w := dial(s), w.versions(), w.expect(wire.KEXINIT))[0],
          'negotiated': lambda s: (w := dial(s), w.begin())[0],
          'keyed': lambda s: dial(s).keys(),
          'service': lambda s: dial(s).keys().service(),
          'open': lambda s: logged_in(s),
          'session': lambda s: (w := logged_in(s), w.session_open())[0]}
NUMBERS = [*range(0, 8), 8, 19, *range(20, 36), 49, *range(50, 54), 55, *range(60, 68), 79, *range(80, 83), *range(90, 101), 127, 128, 191, 192, 193, 194, 255]
HARMLESS = {wire.IGNORE, wire.UNIMPLEMENTED, wire.DEBUG}


@pytest.mark.parametrize('state', list(STATES))
@pytest.mark.parametrize('body', [b'', b'\0', bytes(64), b'\xff' * 64], ids=['bare', 'short', 'zeros', 'ones'])
def test_each_message(target, state, body):
    for number in NUMBERS:
        w = STATES[state](target)
        try:
            w.send(bytes([number]) + body)
            w.sock.shutdown(socket.SHUT_WR)
        except (Closed, OSError):
            pass
        said = w.end()                                       # comes to an end, and every packet up to it can be read
        if state in ('plain', 'negotiated') and number not in HARMLESS and number not in (wire.DISCONNECT, wire.KEXINIT):
            assert said and said[0] in (2, 3) or (state, w.last) == ('plain', wire.UNIMPLEMENTED), (number, said)
        w.close()


def test_server_messages_from_a_client(target):
    for state in ('keyed', 'service', 'open'):
        for payload in (bytes([wire.SERVICE_ACCEPT]) + string('ssh-userauth'), bytes([wire.SUCCESS]), bytes([wire.FAILURE]) + string('x') + b'\0',
                        bytes([wire.BANNER]) + string('x') + string(''), bytes([wire.KEX_31]) + string('') * 3,
                        bytes([wire.NEWKEYS])):
            w = STATES[state](target)
            w.send(payload)
            said = w.end()
            assert said and said[0] == 2 and 'unexpected message' in said[1], (state, payload, said)


def test_no_login_without_proof(target):
    """A connection message before the login ends the connection; so does a request for another service."""
    for payload in (bytes([wire.OPEN]) + string('session') + u32(0) * 3, bytes([wire.GLOBAL]) + string('x') + b'\1', bytes([wire.PING]) + string('x')):
        w = dial(target).keys().service()
        w.send(payload)
        said = w.end()
        assert said and said[0] == 2, said
    w = dial(target).keys()
    w.send(bytes([wire.SERVICE_REQUEST]) + string('ssh-connection'))
    assert w.end()[0] in (2, 7)


def test_signature_of_another_session(target):
    key = wire.load(target.key)
    first = dial(target).keys().service()
    old = first.session
    w = dial(target).keys().service()
    request = w.ask(me(target), 'publickey', b'\1' + string('ssh-ed25519') + string(wire.public(key)))
    w.send(request + string(string('ssh-ed25519') + string(key.sign(string(old) + request))))
    assert w.expect(wire.SUCCESS, wire.FAILURE)[0] == wire.FAILURE
    for bad in (b'', string(''), string('ssh-ed25519'), string('ssh-ed25519') + string(''), string('ssh-rsa') + string(bytes(64)),
                string('ssh-ed25519') + string(bytes(64)) + b'x'):
        w = dial(target).keys().service()
        w.send(request + string(bad))
        try:
            assert w.expect(wire.SUCCESS, wire.FAILURE)[0] == wire.FAILURE
        except (Closed, AssertionError) as e:
            assert isinstance(e, Closed) or str(e).startswith('1 '), e       # or a disconnect
        w.close()


# Strict key exchange (PROTOCOL of OpenSSH, 1.10).
@pytest.mark.parametrize('number', [wire.IGNORE, wire.DEBUG, wire.UNIMPLEMENTED])
def test_strict_kex(target, number):
    payload = {wire.IGNORE: string('x'), wire.DEBUG: b'\0' + string('x') * 2, wire.UNIMPLEMENTED: u32(0)}[number]
    w = dial(target)
    w.versions()
    w.send(bytes([number]) + payload)                        # in front of KEXINIT
    w.send(w.make_kexinit())
    said = w.end()
    assert said and said[0] == 2 and 'strict KEX violation' in said[1], said
    w = dial(target)
    w.begin()
    w.send(bytes([number]) + payload)                        # between KEXINIT and NEWKEYS
    said = w.end()
    assert said and said[0] == 2, said


def test_bad_offers(target):
    w = dial(target)
    w.versions()
    w.send(w.make_kexinit(kex='nothing@example.org'))
    said = w.end()
    assert said and said[0] == 3 and 'no matching key exchange method' in said[1], said
    for kexinit in (b'', bytes(16), bytes(16) + u32(0xffffffff), bytes(16) + string('a' * 60000) + string('') * 9 + bytes(5),
                    bytes(16) + string(',' * 5000) * 10 + bytes(5), bytes(16) + string('\x1b[2J\0') * 10 + bytes(5), bytes(16) + string('') * 10 + bytes(4)):
        w = dial(target)
        w.versions()
        w.send(bytes([wire.KEXINIT]) + kexinit)
        said = w.end()
        assert said and said[0] in (2, 3), said
    whole(target)
    assert '\x1b' not in target.text()


P14 = int('FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245'
          'E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F'
          '83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9'
          'DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF', 16)   # RFC 3526, section 3
VALUES = [0, 1, P14 - 1, P14, P14 + 1, 1 << 2048, 1 << 8192, 1 << 60000]


def number(n):
    return mpint(n.to_bytes((n.bit_length() + 8) // 8, 'big'))


def test_dh_values(sshd):
    target = sshd('MaxStartups 200\nKexAlgorithms diffie-hellman-group14-sha256,curve25519-sha256,ecdh-sha2-nistp256')
    bodies = [('diffie-hellman-group14-sha256', number(n)) for n in VALUES] + [('diffie-hellman-group14-sha256', string(b'\xff')),
              ('diffie-hellman-group14-sha256', string(b'\0' * 300)), ('diffie-hellman-group14-sha256', string(''))]
    bodies += [('curve25519-sha256', string(b)) for b in (b'', bytes(31), bytes(32), bytes(33), b'\1' + bytes(31))]
    bodies += [('ecdh-sha2-nistp256', string(b)) for b in (b'', b'\4' + bytes(64), b'\4' + b'\xff' * 64, b'\0', b'\2' + bytes(32), bytes(65))]
    for kex, body in bodies:
        w = dial(target)
        w.begin(kex=kex)
        w.send(bytes([wire.KEX_30]) + body)
        said = w.end()
        assert said and said[0] in (2, 3), (kex, body[:40], said)
    whole(target)


def test_group_exchange_asks(target):
    for least, want, most in ((0, 0, 0), (1, 1, 1), (0xffffffff,) * 3, (8192, 4096, 2048), (1024, 1024, 1024), (9000, 9001, 9002)):
        w = dial(target)
        w.begin(kex='diffie-hellman-group-exchange-sha256')
        w.send(bytes([wire.GEX_REQUEST]) + u32(least) + u32(want) + u32(most))
        said = w.end()
        assert said and said[0] in (2, 3), (least, want, most, said)
    w = dial(target)
    w.begin(kex='diffie-hellman-group-exchange-sha256')
    w.send(bytes([wire.GEX_INIT]) + number(2))               # in front of the request
    assert w.end()[0] in (2, 3)


# After the login.
def ends_with(w, *words):
    said = w.end()
    assert said and said[0] in (2, 11) and any(x in said[1] for x in words), said


def test_channels(target):
    w = logged_in(target)
    opened = 0
    for i in range(3000):
        w.send(bytes([wire.OPEN]) + string('session') + u32(i) + u32(1 << 20) + u32(32768))
    for i in range(3000):
        opened += w.expect(wire.CONFIRM, wire.OPEN_FAILED, skip=(wire.EXT_INFO, wire.GLOBAL, wire.DEBUG))[0] == wire.CONFIRM
    assert opened == 10                                      # MaxSessions
    for name in ('x11', 'forwarded-tcpip', 'tun@openssh.com', 'x' * 64, '\x1b[2J'):
        w.send(bytes([wire.OPEN]) + string(name) + u32(0) + u32(1 << 20) + u32(32768))
        assert w.expect(wire.CONFIRM, wire.OPEN_FAILED)[0] == wire.OPEN_FAILED
    w.send(bytes([wire.OPEN]) + string('x' * 60000) + u32(0) + u32(0) + u32(0))
    assert w.recv()[0] in (wire.OPEN_FAILED, wire.DISCONNECT)
    w.close()


def test_a_number_that_is_used_again(target):
    """Words about the session that had it before (its start, its exit) do not reach the next one."""
    w = logged_in(target)
    for i in range(60):
        mine = [2 * i, 2 * i + 1]
        number = w.session_open(mine[0])
        w.request(number, 'exec', string('exit 99'), reply=False)
        w.send(bytes([wire.CLOSE]) + u32(number))
        again = w.session_open(mine[1])
        w.request(again, 'exec', string(f'echo own{i}; exit 7'), reply=False)
        seen, status = b'', None
        while True:
            p = w.recv()
            if p[0] not in (wire.DATA, wire.REQUEST, wire.CLOSE) or struct.unpack('>I', p[1:5])[0] != mine[1]:
                continue
            if p[0] == wire.DATA:
                seen += p[9:]
            elif p[0] == wire.REQUEST and p[9:20] == b'exit-status':
                status = struct.unpack('>I', p[-4:])[0]
            elif p[0] == wire.CLOSE:
                break
        w.send(bytes([wire.CLOSE]) + u32(again))
        assert (seen, status) == (b'own%d\n' % i, 7)
    w.close()


def test_many_sessions(sshd):
    """MaxSessions is what counts: descriptors and channels of the network process are enough."""
    w = logged_in(sshd('MaxSessions 200'))
    numbers = [w.session_open(i) for i in range(200)]
    assert None not in numbers and w.session_open(200) is None
    for n in numbers:
        w.request(n, 'exec', string('cat'))
    for i, n in enumerate(numbers):
        w.send(bytes([wire.DATA]) + u32(n) + string(b'%d' % i))
    seen = {}
    while len(seen) < 200:
        p = w.expect(wire.DATA, skip=(wire.REQUEST_OK, wire.ADJUST, wire.GLOBAL, wire.EXT_INFO))
        seen[struct.unpack('>I', p[1:5])[0]] = p[9:]
    assert seen == {i: b'%d' % i for i in range(200)}
    w.close()


def test_what_nobody_reads_does_not_pile_up(target):
    """Channels that are closed with data for a command that never reads it: only some of them are kept for it."""
    w = logged_in(target)
    for i in range(100):
        n = w.session_open(i)
        w.request(n, 'exec', string('while kill -0 $PPID 2>/dev/null; do sleep 0.3; done >&- 2>&-'), reply=False)
        w.send(bytes([wire.DATA]) + u32(n) + string(bytes(32000)))
        for _ in range(10):
            w.send(bytes([wire.DATA]) + u32(n) + string(bytes(32000)))
        w.send(bytes([wire.CLOSE]) + u32(n))
    last = w.session_open(100)
    net = net_of(target)
    assert last is not None and len(os.listdir(f'/proc/{net}/fd')) < 90
    w.close()


def test_windows(target):
    w = logged_in(target)
    w.session_open()
    w.send(bytes([wire.ADJUST]) + u32(0) + u32(0xffffffff))
    ends_with(w, 'passes 2^32 - 1')
    for chan in (1, 77, 0xffffffff):
        w = logged_in(target)
        w.session_open()
        w.send(bytes([wire.DATA]) + u32(chan) + string('x'))
        ends_with(w, 'does not exist')
    w = logged_in(target)
    w.session_open()
    w.request(0, 'exec', string('sleep 100'))
    with pytest.raises(Closed):                              # more than was granted: nobody reads it
        for _ in range(10000):
            w.send(bytes([wire.DATA]) + u32(0) + string(bytes(32000)))
    w.close()
    w = logged_in(target)
    w.session_open()
    w.send(bytes([wire.DATA]) + u32(0) + string(bytes(34000 * 4)))
    assert w.end()[0] == 2
    w = logged_in(target)
    w.session_open()
    for payload in (bytes([wire.EOF]), bytes([wire.DATA])):
        w.send(payload + u32(0) + (string('x') if payload[0] == wire.DATA else b''))
    ends_with(w, 'after its end')


def test_requests(target):
    w = logged_in(target)
    w.session_open()
    zero = {'pty-req': string('') + u32(0) * 4 + string(''), 'env': string('') * 2, 'exec': string(''), 'window-change': u32(0) * 4,
            'signal': string(''), 'break': u32(0), 'xon-xoff': b'\0', 'subsystem': string(''), '': b'', '\x1b[2J\n': b''}
    for name, body in zero.items():
        for rest in (b'', b'\0', b'\xff' * 7, bytes(4000), body[:-1]):
            w.request(0, name, rest)
    for name, body in zero.items():
        if name != 'exec':
            w.request(0, name, body)
    w.send(bytes([wire.GLOBAL]) + string('') + b'\1')
    w.send(bytes([wire.GLOBAL]) + string('tcpip-forward') + b'\1' + bytes(9))
    w.close()
    for n in (2000, 5000):                                    # with the answers read, and not read
        w = logged_in(target)
        w.session_open()
        try:
            for _ in range(n):
                w.request(0, 'env', string('A') + string('b'))
            for _ in range(n if n == 2000 else 0):
                w.expect(wire.REQUEST_OK, wire.REQUEST_FAILED, wire.DISCONNECT)
        except Closed:
            pass
        w.close()
    w = logged_in(target)                                    # 256 may wait; more end the connection, none is lost
    for _ in range(5000):
        w.send(bytes([wire.GLOBAL]) + string('keepalive@openssh.com') + b'\1')
    for _ in range(5000):
        w.expect(wire.GLOBAL_FAILED, wire.GLOBAL_OK)
    w.close()
    whole(target)
    assert '\x1b' not in target.text()


def flood(w, payload, limit=200 << 20, idle=1.5):
    """Sends without reading until the other end takes nothing for a while, closes, or limit bytes are gone."""
    w.sock.settimeout(idle)
    sent, many = 0, 64
    try:
        while sent < limit:
            data = b''.join(w.packet(payload) for _ in range(many))
            w.sock.sendall(data)
            sent += len(data)
    except (socket.timeout, ConnectionResetError, BrokenPipeError):
        pass
    return sent


def memory(pid):
    return int(status(pid)['VmRSS'].split()[0])


@pytest.mark.parametrize('payload', [bytes([wire.PING]) + string(bytes(30000)), bytes([wire.GLOBAL]) + string('x') + b'\1',
                                     bytes([wire.OPEN]) + string('session') + u32(0) * 3, bytes([250]) + bytes(100)],
                         ids=['ping', 'global', 'open', 'unknown'])
def test_floods_without_reading(target, payload):
    w = logged_in(target)
    net = wait_for(lambda: net_of(target))
    sent = flood(w, payload, limit=64 << 20)
    size = memory(net) if status(net).get('VmRSS') else 0
    assert sent < 64 << 20 and size < 40000, (sent, size)
    w.close()


def test_kexinit_flood(target):
    w = logged_in(target)
    for _ in range(30):
        try:
            w.send(w.make_kexinit())
        except Closed:
            break
    said = w.end()
    assert said and said[0] == 2 and 'KEXINIT' in said[1], said


def test_data_during_rekey(target):
    """RFC 4253, 7.1: after KEXINIT only key exchange. What was on its way from us before ours came is not data after it."""
    w = logged_in(target)
    w.session_open()
    w.request(0, 'exec', string('cat'))
    w.expect(wire.REQUEST_OK, skip=(wire.ADJUST, wire.GLOBAL))
    w.kexinit = w.make_kexinit()
    w.send(w.kexinit)
    w.send(bytes([wire.DATA]) + u32(0) + string('too early'))
    said = w.end()
    assert said and said[0] == 2, said
    for skip in (False, True):                               # a rekey as it should be, and NEWKEYS without an exchange
        w = logged_in(target)
        w.begin()
        if skip:
            w.send(bytes([wire.NEWKEYS]))
            assert w.end()[0] == 2
        else:
            w.take_keys(w.exchange())
            assert w.session_open() == 0
        w.close()


@pytest.mark.parametrize('size', [40000, 60000, 100000, 200000, 255000])
def test_large_offers(target, size):
    """The lists of a KEXINIT may be long (a packet has 256 KiB once the user is in): a rekey works, the connection lives on."""
    w = logged_in(target)
    w.begin(kex='curve25519-sha256,' + ','.join(f'x{i:06}@example' for i in range(size // 16)))
    w.take_keys(w.exchange())
    assert w.session_open() == 0
    w.close()
    w = dial(target)
    w.versions()
    w.send(w.make_kexinit(kex='curve25519-sha256,' + ','.join(f'x{i:06}@example' for i in range(size // 16))))
    w.expect(wire.KEXINIT)
    if size > 65000:
        ends_with(w, 'Bad packet length')
    w.close()


# What authentication says.
def test_user_names_write_one_line_each(sshd, account):
    server = sshd('MaxStartups 200')
    names = ['a\nAccepted password for root from 127.0.0.1 port 1 ssh2', 'b\r\n\r\nx', 'c\x1b]0;title\x07', 'd' * 900, '%s%n%x', 'e\x00f', 'g\u202eevil', '\x7f\x80\xff', '']
    for name in names:
        before = server.text().count('\n')
        w = dial(server).keys().service()
        w.send(w.ask(name.encode('latin-1', 'ignore') if '\x80' in name else name, 'password', b'\0' + string('x')))
        try:
            w.expect(wire.FAILURE)
        except (Closed, AssertionError):
            pass
        w.close()
        wait_for(lambda: sorted(tree(server.process.pid).values()).count('sshd-session') == 2)
        lines = server.text().split('\n')[before:-1]
        invalid = [x for x in lines if x.startswith('Invalid user ')]
        assert len(invalid) <= 1 and all(len(x) < 2500 for x in lines), lines
        for x in lines:
            assert re.match(r'(Invalid user|Failed password|Connection (closed|reset)|Disconnect|User |input_userauth|Connection from|Server|Postponed|user name|fatal|error)', x), lines
    text = server.log.read_bytes()
    assert not re.search(rb'[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]', text), text
    assert not re.search(rb'^Accepted', text, re.M)
    whole(server)


def median(values):
    return sorted(values)[len(values) // 2]


@pytest.mark.parametrize('method', ['none', 'password', 'keyboard-interactive', 'publickey'])
def test_unknown_users_take_as_long(sshd, account, method):
    """Every name has a delay of its own, so that repeating tells nothing: one that exists lies among many that do not."""
    server = sshd('MaxStartups 200')
    key = wire.load(server.host_key)                         # one that nobody's file has
    rest = {'none': b'', 'password': b'\0' + string('wrong'), 'keyboard-interactive': string('') * 2,
            'publickey': b'\0' + string('ssh-ed25519') + string(wire.public(key))}[method]
    times = {name: [] for name in [account.name, *(f'nosuch{i}' for i in range(12))]}
    for _ in range(5):                                       # in turns, so that load hits all
        for name, took in times.items():
            w = dial(server).keys().service()
            began = time.perf_counter()
            w.send(w.ask(name, method, rest))
            w.expect(wire.FAILURE, wire.AUTH_60)
            took.append(time.perf_counter() - began)
            w.close()
    real = median(times.pop(account.name))
    others = sorted(median(t) for t in times.values())
    print(f'{method}: there {real * 1e3:.1f} ms, not there {others[0] * 1e3:.1f} to {others[-1] * 1e3:.1f} ms')
    assert others[0] / 1.5 < real < others[-1] * 1.5


# Floods of connections, and those who do nothing.
def cpu(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def test_connection_flood(sshd):
    server = sshd('MaxStartups 5:50:12\nLoginGraceTime 60')
    pid, before = server.process.pid, cpu(server.process.pid)
    socks, refused = [], 0
    for _ in range(400):
        s = socket.create_connection(('127.0.0.1', server.port), timeout=20)
        socks.append(s)
        got = s.recv(200)                                    # a version, or that it is not allowed, or nothing
        refused += not got.startswith(b'SSH-')
    assert 388 <= refused <= 395, refused                    # 5 are always served, 12 at most
    assert len(os.listdir(f'/proc/{pid}/fd')) < 60
    assert cpu(pid) - before < 4
    server.wait_log(r'^drop connection #\d+ from \[127.0.0.1\]:\d+ on \[127.0.0.1\]:\d+ Maxstartups$')
    assert server.text().count('drop connection') <= 5       # the log is not flooded
    for s in socks:
        s.close()
    whole(server)


def drain(sock):
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass


def test_slow_ones_meet_the_deadline(sshd):
    server = sshd('MaxStartups 200\nLoginGraceTime 1')
    silent = socket.create_connection(('127.0.0.1', server.port), timeout=20)
    half = dial(server)
    half.raw(b'SSH-2.0-slow')                                # never ends
    keyed = dial(server).keys()
    asking = dial(server).keys().service()
    began = time.monotonic()
    for s in (silent, *(w.sock for w in (half, keyed, asking))):
        drain(s)
    assert time.monotonic() - began < 15
    wait_for(lambda: len(re.findall(r'^Timeout before authentication for connection from 127.0.0.1 to 127.0.0.1, pid = \d+$', server.text(), re.M)) == 4)
    wait_for(lambda: sorted(tree(server.process.pid).values()) == ['sshd-net', 'sshd-net', 'sshd-session', 'sshd-session'])
    for w in (half, keyed, asking):
        w.close()
    silent.close()


def test_half_open_ends(target):
    """The client stops sending but reads on, in each state: the server ends the connection."""
    for state in STATES:
        w = STATES[state](target)
        w.sock.shutdown(socket.SHUT_WR)
        w.end()
        w.close()


# Files that a user could leave for the server.
@pytest.mark.parametrize('what', ['fifo', 'zero', 'huge', 'directory', 'loop', 'socket', 'binary', 'nul', 'many'])
def test_hostile_key_files(sshd, account, what):
    server = sshd(f'LoginGraceTime 30\nMatch User {account.name}\nAuthorizedKeysFile .ssh/authorized_keys\n')
    ssh = pathlib.Path(account.pw.pw_dir) / '.ssh'
    ssh.mkdir(exist_ok=True)
    f = ssh / 'authorized_keys'
    subprocess.run(['rm', '-rf', str(f)])
    good = server.authorized.read_bytes()
    listening = None
    if what == 'fifo':
        os.mkfifo(f)
    elif what == 'zero':
        f.symlink_to('/dev/zero')
    elif what == 'huge':
        f.write_bytes(b'a' * (9 << 20) + b'\n' + good)
    elif what == 'directory':
        f.mkdir()
    elif what == 'loop':
        f.symlink_to(f)
    elif what == 'socket':
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(f))
    elif what == 'binary':
        f.write_bytes(os.urandom(100000))
    elif what == 'nul':
        f.write_bytes(b'command="x\0y" ' + good)
    else:
        f.write_bytes(b'from="' + b'1.2.3.4,' * 2000 + b'" ssh-ed25519 AAAA\n' * 300)
    try:
        r = server.ssh('echo in', login=account.name, timeout=25)
        assert r.returncode == 255, what
        server.wait_log(rf'^Connection closed by authenticating user {account.name} 127.0.0.1 port \d+ \[preauth\]$')
        assert 'Timeout before' not in server.text()
    finally:
        subprocess.run(['rm', '-rf', str(ssh)])
    whole(server)
