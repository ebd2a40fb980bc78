"""A small SSH peer that does as it is told, also what no honest peer would do: packets by hand, before and after keys, in both roles.

curve25519-sha256, ssh-ed25519 and aes128-gcm@openssh.com only (RFC 4253, 5647, 8731; PROTOCOL of OpenSSH).
"""
import hashlib, os, socket, struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = 1, 2, 3, 4, 5, 6, 7
KEXINIT, NEWKEYS, KEX_30, KEX_31, GEX_INIT, GEX_REPLY, GEX_REQUEST = 20, 21, 30, 31, 32, 33, 34
USERAUTH, FAILURE, SUCCESS, BANNER, AUTH_60, AUTH_61 = 50, 51, 52, 53, 60, 61
GLOBAL, GLOBAL_OK, GLOBAL_FAILED, OPEN, CONFIRM, OPEN_FAILED, ADJUST, DATA, EXTENDED, EOF, CLOSE, REQUEST, REQUEST_OK, REQUEST_FAILED = (
    80, 81, 82, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100)
PING, PONG = 192, 193
STRICT = {False: 'kex-strict-c-v00@openssh.com', True: 'kex-strict-s-v00@openssh.com'}


def u32(n):
    return struct.pack('>I', n & 0xffffffff)


def string(b):
    b = b.encode() if isinstance(b, str) else b
    return u32(len(b)) + b


def mpint(b):
    b = b.lstrip(b'\0')
    return string((b'\0' if b and b[0] & 0x80 else b'') + b)


def public(key):
    return string('ssh-ed25519') + string(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def load(path):
    with open(path, 'rb') as f:
        return load_ssh_private_key(f.read(), None)


HOSTKEYS = bytes([GLOBAL]) + string('hostkeys-00@openssh.com') + b'\0'   # the server's, after each login: nobody answers it


class Closed(Exception):
    """The other end closed the connection, or reset it."""


class Wire:
    """One connection. secs bounds every wait: an end that hangs is a failure."""

    def __init__(self, sock, server=False, secs=20, hello=b'SSH-2.0-attack\r\n', strict=True):
        self.sock, self.server, self.strict = sock, server, strict
        self.sock.settimeout(secs)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.hello, self.theirs = b'', hello, None
        self.seal = self.open = self.session = None
        self.sent = self.taken = 0
        self.kexinit = self.their_kexinit = self.last = None

    # Bytes and packets.
    def raw(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed from e

    def bytes(self, n):
        while len(self.buffer) < n:
            try:
                got = self.sock.recv(65536)
            except ConnectionResetError as e:
                raise Closed from e
            if not got:
                raise Closed
            self.buffer += got
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def line(self):
        out = b''
        while not out.endswith(b'\n'):
            out += self.bytes(1)
        return out

    def nonce(self, keys):
        return keys['iv'][:4] + struct.pack('>Q', (int.from_bytes(keys['iv'][4:], 'big') + keys['n']) & (1 << 64) - 1)

    def packet(self, payload, pad=None, length=None):
        """The bytes of a packet as they go over the wire. pad, length: lies."""
        block, head = 16 if self.seal else 8, 1 if self.seal else 5
        fill = block - (head + len(payload)) % block
        fill = fill + block if fill < 4 else fill
        body = bytes([fill if pad is None else pad]) + payload + bytes(fill)
        front = u32(len(body) if length is None else length)
        if not self.seal:
            return front + body
        out = front + AESGCM(self.seal['key']).encrypt(self.nonce(self.seal), body, front)
        self.seal['n'] += 1
        return out

    def send(self, payload, **lies):
        self.raw(self.packet(payload, **lies))

    def recv(self):
        front = self.bytes(4)
        n = struct.unpack('>I', front)[0]
        assert 0 < n < 300000, 'a sane length'
        if not self.open:
            body = self.bytes(n)
        else:
            body = AESGCM(self.open['key']).decrypt(self.nonce(self.open), self.bytes(n + 16), front)
            self.open['n'] += 1
        return body[1:n - body[0]]

    def expect(self, *numbers, skip=(IGNORE, DEBUG, EXT_INFO, BANNER)):
        while True:
            p = self.recv()
            if p[0] in numbers:
                return p
            assert p[0] in skip or p.startswith(HOSTKEYS), f'{p[0]} {p[1:200]!r} instead of {numbers}'

    def end(self):
        """Reads until the other end closes. The reason and text of its disconnect, or None."""
        said = None
        try:
            while True:
                p = self.recv()
                self.last = p[0]
                if p[0] == DISCONNECT:
                    n = struct.unpack('>I', p[5:9])[0]
                    said = struct.unpack('>I', p[1:5])[0], p[9:9 + n].decode()
        except Closed:
            return said

    # Handshake.
    def versions(self):
        self.raw(self.hello)
        self.theirs = self.line()
        assert self.theirs.startswith(b'SSH-2.0-'), self.theirs

    def make_kexinit(self, kex='curve25519-sha256', host='ssh-ed25519', cipher='aes128-gcm@openssh.com', first=False):
        if self.strict and not self.session:
            kex += ',' + STRICT[self.server]
        lists = [kex, host, cipher, cipher, 'hmac-sha2-256', 'hmac-sha2-256', 'none', 'none', '', '']
        return bytes([KEXINIT]) + os.urandom(16) + b''.join(map(string, lists)) + bytes([first]) + u32(0)

    def begin(self, **offer):
        """Versions and KEXINIT of both."""
        if self.theirs is None:
            self.versions()
        self.kexinit = self.make_kexinit(**offer)
        self.send(self.kexinit)
        self.their_kexinit = self.expect(KEXINIT)

    def exchange(self, host_key=None, spoil=lambda signature: signature, shown=None):
        """shown: what a server shows instead of the plain blob."""
        mine = X25519PrivateKey.generate()
        q = mine.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        if self.server:
            peer = self.expect(KEX_30)[5:]
            q_c, q_s, blob = peer, q, shown or public(host_key)
        else:
            self.send(bytes([KEX_30]) + string(q))
            reply = self.expect(KEX_31)
            n = struct.unpack('>I', reply[1:5])[0]
            blob, rest = reply[5:5 + n], reply[5 + n:]
            peer = rest[4:4 + struct.unpack('>I', rest[:4])[0]]
            q_c, q_s = q, peer
        k = mpint(mine.exchange(X25519PublicKey.from_public_bytes(peer)))
        lines = [self.hello.strip(), self.theirs.strip()]
        inits = [self.kexinit, self.their_kexinit]
        if self.server:
            lines.reverse(), inits.reverse()
        h = hashlib.sha256(b''.join(map(string, [*lines, *inits, blob, q_c, q_s])) + k).digest()
        self.session = self.session or h
        if self.server:
            self.send(bytes([KEX_31]) + string(blob) + string(q) + string(string('ssh-ed25519') + string(spoil(host_key.sign(h)))))
        derive = lambda letter, n: hashlib.sha256(k + h + letter + self.session).digest()[:n]
        ways = [{'key': derive(c, 16), 'iv': derive(v, 12), 'n': 0} for v, c in ((b'A', b'C'), (b'B', b'D'))]
        return ways[::-1] if self.server else ways

    def take_keys(self, ways):
        self.send(bytes([NEWKEYS]))
        self.seal = ways[0]
        self.expect(NEWKEYS)
        self.open = ways[1]

    def keys(self, **offer):
        self.begin(**offer)
        self.take_keys(self.exchange())
        return self

    def service(self):
        self.send(bytes([SERVICE_REQUEST]) + string('ssh-userauth'))
        self.expect(SERVICE_ACCEPT)
        return self

    def ask(self, user, method, rest=b''):
        return bytes([USERAUTH]) + string(user) + string('ssh-connection') + string(method) + rest

    def login(self, user, path):
        self.keys()
        self.service()
        key = load(path)
        rest = b'\1' + string('ssh-ed25519') + string(public(key))
        request = self.ask(user, 'publickey', rest)
        self.send(request + string(string('ssh-ed25519') + string(key.sign(string(self.session) + request))))
        self.expect(SUCCESS)
        return self

    def session_open(self, mine=0, window=1 << 20, packet=32768):
        self.send(bytes([OPEN]) + string('session') + u32(mine) + u32(window) + u32(packet))
        p = self.expect(CONFIRM, OPEN_FAILED, skip=(IGNORE, DEBUG, EXT_INFO, GLOBAL, CLOSE, REQUEST, EOF, ADJUST))
        return struct.unpack('>I', p[5:9])[0] if p[0] == CONFIRM else None

    def request(self, chan, name, rest=b'', reply=True):
        self.send(bytes([REQUEST]) + u32(chan) + string(name) + bytes([reply]) + rest)

    def close(self):
        self.sock.close()


def dial(server, **how):
    return Wire(socket.create_connection(('127.0.0.1', server.port)), **how)
