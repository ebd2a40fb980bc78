"""Host-based requests by hand: cut ones, and evidence for something else."""
import pathlib, sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))

from conftest import ROOT, keygen
from test_attack import whole
from wire import FAILURE, SUCCESS, dial, load, public, string

pytestmark = pytest.mark.skipif(not ROOT, reason='needs root')


@pytest.fixture
def target(sshd, folder, account):
    """An account that trusts root@127.0.0.1; the key of that host."""
    home, key = pathlib.Path(account.pw.pw_dir), keygen(folder / 'h')
    server = sshd('HostbasedAuthentication yes\nIgnoreRhosts no\nMaxAuthTries 1000')
    (home / '.shosts').write_text('127.0.0.1 root\n')
    (home / '.ssh').mkdir(exist_ok=True)
    (home / '.ssh/known_hosts').write_text('127.0.0.1 ' + pathlib.Path(f'{key}.pub').read_text())
    yield server, account.name, load(key)
    (home / '.shosts').unlink()
    (home / '.ssh/known_hosts').unlink()
    whole(server)


def request(wire, user, key, client='root', signed=None):
    """signed: what the signature is made over instead, each part by its name."""
    parts = {'user': user, 'client': client, 'host': '127.0.0.1', 'blob': public(key), 'session': wire.session, 'method': 'hostbased', **(signed or {})}
    body = lambda user, client, host, blob, method, **_: wire.ask(user, method, string('ssh-ed25519') + string(blob) + string(host) + string(client))
    signature = key.sign(string(parts['session']) + body(**parts))
    return body(user, client, '127.0.0.1', public(key), 'hostbased') + string(string('ssh-ed25519') + string(signature))


def test_the_honest_one_is_in(target):
    server, user, key = target
    wire = dial(server).keys().service()
    wire.send(request(wire, user, key))
    wire.expect(SUCCESS)
    wire.close()


def test_evidence_for_something_else(target):
    server, user, key = target
    wire = dial(server).keys().service()
    for signed in ({'user': 'root'}, {'client': 'bob'}, {'host': 'elsewhere'}, {'session': b'x' * 32}, {'method': 'publickey'}, {'blob': b''}):
        wire.send(request(wire, user, key, signed=signed))
        wire.expect(FAILURE)
    wire.send(request(wire, user, key, client='bob'))            # rightly signed, but nobody trusts bob
    wire.expect(FAILURE)
    wire.send(request(wire, user, key, client='x' * 300))
    wire.expect(FAILURE)
    wire.close()


def test_cut_and_grown(target):
    server, user, key = target
    for n in (-1, -40, -70, -150, 1):
        wire = dial(server).keys().service()
        whole_request = request(wire, user, key)
        wire.send(whole_request[:n] if n < 0 else whole_request + b'x' * n)
        assert wire.end() is not None
        wire.close()


def test_names_with_a_nul(target):
    server, user, key = target
    wire = dial(server).keys().service()
    wire.send(request(wire, user, key, client='root\0x'))
    assert wire.end() is not None
    wire.close()
