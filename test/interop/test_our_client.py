"""Hawser's ssh against every peer's server: each algorithm that both know, each way to log in, sessions, bulk, rekey."""
import pathlib, sys

import pytest

from lab import ANSWERS, ROUNDS, big, chosen, exchanges, line_of_ours, ours, same
from peers import PEERS

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))
from client_lab import Terminal

SERVERS = [p for p in PEERS.values() if getattr(p, 'serve', None)]


def each(kind):
    return [pytest.param(p.name, n, id=f'{p.name}-{n}') for p in SERVERS for n in p.shared('server', kind)]


def able(word):
    return [pytest.param(p.name, id=p.name) for p in SERVERS if word in p.server_can]


ALL = [p.name for p in SERVERS]


@pytest.fixture(scope='session')
def running(anybody):
    """running(name, busy): the server of that peer, started once in each test process."""
    started = {}

    def get(name, busy=False):
        peer = PEERS[name]
        if peer.available():
            pytest.skip(peer.available())
        if (name, busy) not in started:
            started[name, busy] = peer.serve(anybody, busy=busy)
        return started[name, busy]
    yield get
    for s in started.values():
        s.stop()


@pytest.fixture
def go(running):
    """go(peer, command, ...): Hawser's ssh runs it there."""
    def ssh(name, *command, topic=None, busy=False, **more):
        if topic:
            PEERS[name].check('server', topic)
        service = running(name, busy)
        done = ours(service, *command, **more)
        done.log = service.text()
        return done
    return ssh


def works(done, out=b'yes\n', status=0):
    assert (done.status, done.out) == (status, out), f'{done}\n{done.log[-3000:]}'


@pytest.mark.parametrize('peer,name', each('kex'))
def test_kex(peer, name, go):
    works(go(peer, 'echo yes', topic=name, config=chosen(kex=name)))


@pytest.mark.parametrize('peer,name', each('sig'))
def test_host_key(peer, name, go):
    works(go(peer, 'echo yes', topic=name, config=chosen(sig=name)))


@pytest.mark.parametrize('peer,name', each('cipher'))
def test_cipher(peer, name, go):
    path, digest = big(1 << 20)
    works(go(peer, 'sha256sum', topic=name, config=chosen(cipher=name), input=path.read_bytes()), f'{digest}  -\n'.encode())


@pytest.mark.parametrize('peer,name', each('mac'))
def test_mac(peer, name, go):
    path, _ = big(1 << 20)
    works(go(peer, f'cat {path}', topic=name, config=chosen(mac=name)), path.read_bytes())


@pytest.mark.parametrize('peer,kind', [pytest.param(p.name, k, id=f'{p.name}-{k}') for p in SERVERS for k in p.server_keys])
def test_publickey(peer, kind, go):
    works(go(peer, 'echo yes', topic=f'key-{kind}', key=kind))


@pytest.mark.parametrize('peer', able('password'))
def test_password(peer, go, running):
    password = running(peer).password
    if password is None:
        pytest.skip('needs root to make a user with a password')
    works(go(peer, 'echo yes', password=password))
    assert go(peer, 'echo yes', password='wrong').status == 255


@pytest.mark.parametrize('peer', able('kbdint'))
def test_keyboard_interactive(peer, go, running):
    works(go(peer, 'echo yes', password=running(peer).password, method='keyboard-interactive'))
    assert go(peer, 'echo yes', password='wrong', method='keyboard-interactive').status == 255


@pytest.mark.parametrize('peer', able('prompts'))
def test_several_prompts(peer, running):
    """Rounds of several prompts at a terminal: what is asked with echo is seen, the rest is not."""
    service = running(peer)
    t = Terminal([*line_of_ours(service, ['-l', 'riddle'], {'PreferredAuthentications': 'keyboard-interactive'}), '127.0.0.1', 'echo yes'],
                 {'SSH_ASKPASS_REQUIRE': 'never'})
    for prompts, answers in zip(ROUNDS, ANSWERS):
        for (prompt, _), answer in zip(prompts, answers):
            t.expect(prompt)
            t.type(answer + '\n')
    status, seen = t.wait(), t.all.decode()
    assert status == 0 and seen.endswith('yes\r\n') and 'Riddle' in seen and 'of the peer' in seen, f'{seen!r}\n{service.text()}'
    for prompts, answers in zip(ROUNDS, ANSWERS):
        for (prompt, echo), answer in zip(prompts, answers):
            assert (prompt + answer in seen) == echo, seen


@pytest.mark.parametrize('peer', ALL)
def test_status_and_stderr(peer, go):
    done = go(peer, 'echo out; echo err >&2; exit 7')
    works(done, b'out\n', 7)
    assert done.err == b'err\n', done


@pytest.mark.parametrize('peer', able('pty'))
def test_shell_on_a_pty(peer, go):
    done = go(peer, args=['-tt'], input=b'stty -echo\nPS1=\necho is "a:$(tty)"\nexit 5\n', env={'TERM': 'vt100'})
    assert done.status == 5 and b'is a:/dev/pts/' in done.out, f'{done}\n{done.log}'


@pytest.mark.parametrize('peer', able('env'))
def test_environment(peer, go):
    works(go(peer, 'echo "$LC_FOO"', config={'SetEnv': 'LC_FOO="a b"'}), b'a b\n')


@pytest.mark.parametrize('peer', able('zlib'))
def test_compression(peer, go):
    text = b'the same line again and again\n' * 50000
    done = go(peer, 'cat', config={'Compression': 'yes'}, args=['-v'], input=text)
    works(done, text)
    assert b'compression: zlib' in done.err


@pytest.mark.parametrize('peer', ALL)
def test_bulk(peer, go):
    path, digest = big(PEERS[peer].size)
    works(go(peer, 'sha256sum', input=path.read_bytes()), f'{digest}  -\n'.encode())
    same(go(peer, f'cat {path}'), path)


@pytest.mark.parametrize('peer', ALL)
def test_rekey_by_us(peer, go):
    data = big(8 << 20)[0].read_bytes()
    done = go(peer, 'cat', topic='rekeyed', config={'RekeyLimit': '1M'}, args=['-v'], input=data)
    works(done, data)
    assert exchanges(done.err) > 6


@pytest.mark.parametrize('peer', able('busy'))
def test_busy_peer(peer, go):
    """Small windows and packets, and new keys whenever the peer likes, with data on the way in both directions."""
    path, _ = big(10 << 20)
    done = go(peer, 'cat', busy=True, args=['-v'], input=path.read_bytes())
    same(done, path)
    if 'rekey' in PEERS[peer].server_can:
        assert exchanges(done.err) > 6, done
