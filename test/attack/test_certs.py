"""Certificates that no honest tool writes: cut, changed, grown, nested. Each is refused, none costs the server anything."""
import base64, pathlib, sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))

from test_attack import me, whole
from test_server_keys import keygen, public, sign
from wire import AUTH_60, FAILURE, Closed, dial, string, u32


def u64(n):
    return u32(n >> 32) + u32(n)


@pytest.fixture
def target(sshd, folder):
    ca = keygen(folder / 'ca')
    server = sshd(f'TrustedUserCAKeys {folder}/ca.pub\nMaxAuthTries 1000\nMaxStartups 200\nPermitRootLogin yes')
    kind, text, *_ = sign(ca, server.key, me(server)).read_text().split()
    yield server, kind, base64.b64decode(text), base64.b64decode(public(ca).split()[1])
    whole(server)


def answer(wire, server, kind, blob):
    """Would you take this?"""
    wire.send(wire.ask(me(server), 'publickey', b'\0' + string(kind) + string(blob)))
    return wire.expect(FAILURE, AUTH_60)[0]


def tries(server, kind, blobs):
    wire = None
    for blob in blobs:
        wire = wire or dial(server).keys().service()
        try:
            assert answer(wire, server, kind, blob) == FAILURE
        except Closed:
            wire = None
    if wire:
        wire.close()


def test_the_honest_one_is_taken(target):
    server, kind, blob, _ = target
    wire = dial(server).keys().service()
    assert answer(wire, server, kind, blob) == AUTH_60
    wire.close()


def test_cut(target):
    server, kind, blob, _ = target
    tries(server, kind, [blob[:n] for n in range(0, len(blob), 37)] + [blob[:-1]])
    server.wait_log(r'^userauth_pubkey: parse key: ')


def test_grown(target):
    server, kind, blob, _ = target
    tries(server, kind, [blob + b'\0', blob[:-100] + b'x' * 30000 + blob[-100:], blob + blob])


def test_changed(target):
    server, kind, blob, ca = target
    role = blob.index(u64(7) + u32(1)) + 8
    changed = [blob[:n] + bytes([blob[n] ^ 1]) + blob[n + 1:] for n in range(len(string(kind)) + 3, len(blob), 29)]
    tries(server, kind, [*changed, blob[:role] + u32(2) + blob[role + 4:], blob[:role] + u32(0xffffffff) + blob[role + 4:]])


def test_nested(target):
    server, kind, blob, ca = target
    assert string(ca) in blob
    tries(server, kind, [blob.replace(string(ca), string(blob)), blob.replace(string(ca), string(b''))])


def test_a_hosts_certificate_is_no_users(target, folder):
    """ssh itself would not show it."""
    server, *_ = target
    kind, text, *_ = sign(folder / 'ca', server.key, me(server), '-h').read_text().split()
    tries(server, kind, [base64.b64decode(text)])
    server.wait_log(r'^Refusing certificate ID "the-id" serial=7 signed by ED25519 CA SHA256:\S+: Certificate invalid: not a user certificate$')


def test_wrongly_named(target):
    server, kind, blob, _ = target
    plain = blob.replace(string(kind), string('ssh-ed25519'))
    tries(server, 'ssh-ed25519', [blob, plain])
    tries(server, kind, [plain, blob.replace(string(kind), string('ssh-rsa-cert-v01@openssh.com'))])
    tries(server, 'rsa-sha2-512-cert-v01@openssh.com', [blob])
