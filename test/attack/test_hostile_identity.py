"""Our ssh against servers whose certificates and lists of host keys lie."""
import os, struct, time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import wire
from test_hostile_server import EVIL, clean, client, opened
from wire import string, u32

CERT = 'ssh-ed25519-cert-v01@openssh.com'
LONG = {'algs': f'{CERT},ssh-ed25519'}
u64 = lambda n: struct.pack('>Q', n)
names = lambda *l: b''.join(map(string, l))
CA = Ed25519PrivateKey.generate()


def line(key):
    import base64
    return 'ssh-ed25519 ' + base64.b64encode(wire.public(key)).decode()


def certificate(key, ca=CA, role=2, key_id='id', principals=('127.0.0.1',), after=0, before=2**64 - 1, critical=b'', extensions=b'', reserved=b'',
                raw_names=None, ca_blob=None, spoil=lambda s: s, tail=b'', cut=0, pub=None):
    body = (string(CERT) + string(os.urandom(32)) + string((pub or wire.public(key))[-32:]) + u64(77) + u32(role) + string(key_id) +
            string(names(*principals) if raw_names is None else raw_names) + u64(after) + u64(before) + string(critical) + string(extensions) + string(reserved) +
            string(ca_blob or wire.public(ca)))
    out = body + string(string('ssh-ed25519') + string(spoil(ca.sign(body)))) + tail
    return out[:len(out) - cut]


def finish(w, status=3):
    w.send(bytes([wire.REQUEST]) + u32(0) + string('exit-status') + b'\0' + u32(status))
    w.send(bytes([wire.CLOSE]) + u32(0))
    w.end()


def shows(client, make, known='@cert-authority * {ca}\n', *options):
    def script(w, key):
        try:
            opened(w, key, host=CERT, shown=make(key))
        except AssertionError as e:
            assert str(e).startswith('1 '), e                # DISCONNECT
            return
        finish(w)
    return client(script, *options, known=known.format(ca=line(CA)), **LONG)


@pytest.mark.parametrize('make', [certificate, lambda k: certificate(k, principals=['x'] * 255 + ['127.0.0.1']), lambda k: certificate(k, extensions=names('new', '')),
                                  lambda k: certificate(k, principals=['127.*'])])
def test_right_certificates_work(client, make):
    status, seen, text = shows(client, make)
    assert status == 3, text


def test_a_key_id_is_shown_without_its_controls(client):
    status, seen, text = shows(client, lambda k: certificate(k, key_id=EVIL), '@cert-authority * {ca}\n', '-v')
    assert status == 3 and clean(seen)


JUDGED = {
    'expired': ({'before': 1000}, b'expired'), 'not yet': ({'after': 2**62}, b'not yet valid'), 'role': ({'role': 1}, b'not'),
    'name': ({'principals': ['other']}, b'ame'), 'no names': ({'principals': []}, b'principal'), 'option': ({'critical': names('future@x', '')}, b'critical option'),
    'force-command': ({'critical': names('force-command', string('x'))}, b'critical option'), 'never': ({'after': 5, 'before': 5}, b''),
}


@pytest.mark.parametrize('fault', JUDGED)
def test_what_does_not_count_is_judged_as_a_plain_key(client, fault):
    how, why = JUDGED[fault]
    status, seen, text = shows(client, lambda k: certificate(k, **how))
    assert status == 255 and why in text and b'No ED25519 host key is known' in text and b'exit-status' not in text


def test_another_authority(client):
    other = Ed25519PrivateKey.generate()
    status, seen, text = shows(client, lambda k: certificate(k, ca=other))
    assert status == 255 and b'No matching CA found' in text
    status, seen, text = shows(client, certificate, '@cert-authority * {ca}\n@revoked * {ca}\n')
    assert status == 255 and b'REVOKED HOST KEY' in text
    status, seen, text = shows(client, certificate, '* {ca}\n')
    assert status == 255                                     # the authority's key as a plain one vouches for nobody


BROKEN = {
    'nested': lambda k: certificate(k, ca_blob=certificate(CA)), 'signature': lambda k: certificate(k, spoil=lambda s: s[:-1] + bytes([s[-1] ^ 1])),
    'short signature': lambda k: certificate(k, spoil=lambda s: s[:-1]), 'tail': lambda k: certificate(k, tail=b'\0'), 'cut': lambda k: certificate(k, cut=1),
    '257 names': lambda k: certificate(k, principals=['127.0.0.1'] * 257), '5000 names': lambda k: certificate(k, principals=['127.0.0.1'] * 5000),
    'NUL in a name': lambda k: certificate(k, principals=['127.0.0.1\0x']), 'names cut': lambda k: certificate(k, raw_names=u32(50) + b'x'),
    'role 0': lambda k: certificate(k, role=0), 'role 3': lambda k: certificate(k, role=3), 'options cut': lambda k: certificate(k, critical=u32(9) + b'a'),
    'large': lambda k: certificate(k, key_id='x' * 100000), 'NUL in the id': lambda k: certificate(k, key_id='a\0b'),
    'plain key': lambda k: wire.public(k), 'empty': lambda k: b'\0', 'another key inside': lambda k: certificate(k, pub=wire.public(CA)),
}


@pytest.mark.parametrize('how', BROKEN)
def test_broken_certificates_end_the_connection(client, how):
    """Even where the plain key would be known: what is malformed is no key of any kind."""
    status, seen, text = shows(client, BROKEN[how], '@cert-authority * {ca}\n')
    assert status == 255 and clean(seen) and text.strip(), text
    assert b'Authenticated' not in text


# UpdateHostKeys: hostkeys-00 and the proofs.

def update(client, folder, body, answer=None, *options):
    """Logs in, sends a list, maybe answers the demand for proofs; (status, what known_hosts says now, log)."""
    before = []

    def script(w, key):
        opened(w, key)
        for b in body(key) if isinstance(body(key), list) else [body(key)]:
            w.send(bytes([wire.GLOBAL]) + string('hostkeys-00@openssh.com') + b'\0' + b)
        if answer:
            w.send(answer(w, key, w.expect(wire.GLOBAL)))
        finish(w)
    status, seen, text = client(script, '-o', 'UpdateHostKeys=yes', *options)
    return status, (folder / 'known').read_text().splitlines(), text


def test_learning_works_as_it_should(client, folder):
    new = Ed25519PrivateKey.generate()

    def answer(w, key, p):
        data = string('hostkeys-prove-00@openssh.com') + string(w.session) + string(wire.public(new))
        return bytes([81]) + string(string('ssh-ed25519') + string(new.sign(data)))
    status, known, text = update(client, folder, lambda key: names(wire.public(key), wire.public(new)), answer)
    assert status == 3 and len(known) == 2 and known[1].endswith(line(new)), text


NEW = Ed25519PrivateKey.generate()
PROOFS = {
    'refused': lambda w, key: bytes([82]), 'empty': lambda w, key: bytes([81]), 'garbage': lambda w, key: bytes([81]) + os.urandom(100),
    'by the known key': lambda w, key: bytes([81]) + string(string('ssh-ed25519') + string(key.sign(string('hostkeys-prove-00@openssh.com') + string(w.session) + string(wire.public(NEW))))),
    'another session': lambda w, key: bytes([81]) + string(string('ssh-ed25519') + string(NEW.sign(string('hostkeys-prove-00@openssh.com') + string(bytes(32)) + string(wire.public(NEW))))),
    'two': lambda w, key: bytes([81]) + 2 * string(string('ssh-ed25519') + string(NEW.sign(string('hostkeys-prove-00@openssh.com') + string(w.session) + string(wire.public(NEW))))),
    'another name': lambda w, key: bytes([81]) + string(string('none') + string(b'')),
}


@pytest.mark.parametrize('how', PROOFS)
def test_without_a_proof_nothing_is_learned(client, folder, how):
    status, known, text = update(client, folder, lambda key: names(wire.public(key), wire.public(NEW)), lambda w, key, p: PROOFS[how](w, key))
    assert status == 3 and len(known) == 1, text


def test_a_proof_that_never_comes_holds_nobody_up(client, folder):
    began = time.monotonic()
    status, known, text = update(client, folder, lambda key: names(wire.public(key), wire.public(NEW)))
    assert status == 3 and len(known) == 1 and time.monotonic() - began < 10


LISTS = {
    'cut': lambda k: string(wire.public(k)) + u32(9), 'twice': lambda k: names(wire.public(k), wire.public(k)), 'many': lambda k: names(*(
        string('ssh-ed25519') + string(os.urandom(32)) for _ in range(3000))), 'garbage': lambda k: os.urandom(200), 'empty': lambda k: b'',
    'unknown types': lambda k: names(string('future') + b'x', wire.public(k)), 'certificate': lambda k: names(wire.public(k), certificate(NEW)),
    'short key': lambda k: names(string('ssh-ed25519') + string('short')), 'two lists': lambda k: [names(wire.public(k))] * 50,
}


@pytest.mark.parametrize('how', LISTS)
def test_lists_that_lie(client, folder, how):
    status, known, text = update(client, folder, LISTS[how])
    assert status == 3 and len(known) == 1, text
