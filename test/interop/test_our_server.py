"""Every peer's client against Hawser's sshd: each algorithm that both know, each way to log in, sessions, bulk, rekey."""
import pytest

from lab import KEY_OF, KEYS, Client, authority, big, cellar, certificate, chosen, host_key, known_hosts, same
from peers import PEERS

CLIENTS = [p for p in PEERS.values() if getattr(p, 'client', None)]


def each(kind):
    return [pytest.param(p, n, id=f'{p.name}-{n}') for p in CLIENTS for n in p.shared('client', kind)]


def able(word):
    return [pytest.param(p, id=p.name) for p in CLIENTS if word in p.client_can]


@pytest.fixture
def serve(sshd, anybody, folder):
    """serve(**keywords): a running sshd of Hawser with these keywords; login and hosts as Client wants them."""
    def start(sig=None, **more):
        keys = [KEY_OF[sig]] if sig else KEYS
        config = {'HostKey': None, 'AuthorizedKeysFile': cellar() / 'authorized_keys', 'LogLevel': 'DEBUG', 'KbdInteractiveAuthentication': 'yes',
                  'AcceptEnv': 'LANG LC_*', **chosen(sig=sig, **more)}
        del config['HostKey']
        text = ''.join(f'{k} {v}\n' for k, v in config.items()) + ''.join(f'HostKey {host_key(k)}\n' for k in keys)
        server = sshd(text)
        server.login, server.password, server.hosts, server.kinds = anybody.name, anybody.password, known_hosts(server.port, keys), keys
        return server
    return start


def go(peer, server, command, folder, **more):
    why = peer.available()
    if why:
        pytest.skip(why)
    done = peer.client(Client(server, command, folder=folder, **more))
    done.log = server.text()
    return done


def works(done, out=b'yes\n', status=0):
    assert (done.status, done.out) == (status, out), f'{done}\n{done.log[-5000:]}'


@pytest.mark.parametrize('peer,name', each('kex'))
def test_kex(peer, name, serve, folder):
    peer.check('client', name)
    works(go(peer, serve(kex=name), 'echo yes', folder, kex=name))


@pytest.mark.parametrize('peer,name', each('sig'))
def test_host_key(peer, name, serve, folder):
    peer.check('client', name)
    works(go(peer, serve(sig=name), 'echo yes', folder, sig=name))


@pytest.mark.parametrize('peer,name', each('cipher'))
def test_cipher(peer, name, serve, folder):
    peer.check('client', name)
    path, digest = big(1 << 20)
    works(go(peer, serve(cipher=name), 'sha256sum', folder, cipher=name, input=path.read_bytes()), f'{digest}  -\n'.encode())


@pytest.mark.parametrize('peer,name', each('mac'))
def test_mac(peer, name, serve, folder):
    peer.check('client', name)
    path, _ = big(1 << 20)
    works(go(peer, serve(mac=name), f'cat {path}', folder, mac=name, cipher='aes128-ctr'), path.read_bytes())


@pytest.mark.parametrize('peer,kind', [pytest.param(p, k, id=f'{p.name}-{k}') for p in CLIENTS for k in p.client_keys])
def test_publickey(peer, kind, serve, folder):
    peer.check('client', f'key-{kind}')
    server = serve()
    works(go(peer, server, 'id -un', folder, key=kind), f'{server.login}\n'.encode())
    server.wait_log(r'^Accepted publickey for')


@pytest.mark.parametrize('peer,kind', [pytest.param(p, k, id=f'{p.name}-{k}') for p in CLIENTS for k in p.client_keys if 'certificate' in p.client_can])
def test_certificate(peer, kind, serve, folder):
    peer.check('client', f'certificate-{kind}')
    server = serve(AuthorizedKeysFile='none', TrustedUserCAKeys=f'{authority()}.pub')
    works(go(peer, server, 'id -un', folder, key=kind, certificate=certificate('user', kind, server.login)), f'{server.login}\n'.encode())
    server.wait_log(r'^Accepted publickey for .*-CERT .* ID the-id \(serial 7\) CA ED25519 SHA256:')
    assert go(peer, server, 'id -un', folder, key=kind).out == b''           # the key alone is worth nothing


@pytest.mark.parametrize('kind', KEYS)
@pytest.mark.parametrize('peer', able('host-certificate'))
def test_host_certificate(peer, kind, serve, folder):
    name = next(n for n, k in KEY_OF.items() if k == kind) + '-cert-v01@openssh.com'
    server = serve(HostKeyAlgorithms=name, HostCertificate=certificate('host', kind, '127.0.0.1'))
    server.hosts.write_text(f'@cert-authority [127.0.0.1]:{server.port} {authority().with_suffix(".pub").read_text()}')
    works(go(peer, server, 'echo yes', folder, sig=name))
    server.hosts.write_text(f'@cert-authority [127.0.0.1]:{server.port} {host_key(kind).with_suffix(".pub").read_text()}')
    assert go(peer, server, 'echo yes', folder, sig=name).out == b''         # another authority


@pytest.mark.parametrize('method', ['password', 'keyboard-interactive'])
@pytest.mark.parametrize('peer', able('password'))
def test_password(peer, method, serve, account, folder):
    if method == 'keyboard-interactive' and 'kbdint' not in peer.client_can:
        pytest.skip(f'{peer.name}: {peer.limits.get(("client", "kbdint"), "has no keyboard-interactive")}')
    server = serve(**{'PasswordAuthentication': 'yes' if method == 'password' else 'no', 'KbdInteractiveAuthentication': 'no' if method == 'password' else 'yes'})
    works(go(peer, server, 'id -un', folder, password=account.password, method=method), f'{server.login}\n'.encode())
    server.wait_log(rf'^Accepted {method}')
    bad = go(peer, server, 'id -un', folder, password='wrong', method=method)
    assert bad.out == b''                                # dbclient ends with status 0 then
    server.wait_log(rf'^Failed {method}')


@pytest.mark.parametrize('peer', CLIENTS, ids=lambda p: p.name)
def test_status_and_stderr(peer, serve, folder):
    done = go(peer, serve(), 'echo out; echo err >&2; exit 7', folder)
    works(done, b'out\n', 7)
    assert b'err\n' in done.err


@pytest.mark.parametrize('peer', able('pty'))
def test_shell_on_a_pty(peer, serve, folder):
    done = go(peer, serve(), None, folder, pty=True, input=b'stty -echo\nPS1=\necho is "a:$(tty)"\nexit 5\n')
    assert done.status == 5 and b'is a:/dev/pts/' in done.out, f'{done}\n{done.log}'


@pytest.mark.parametrize('peer', able('env'))
def test_environment(peer, serve, folder):
    works(go(peer, serve(), 'echo "$LC_FOO" "$BAR"', folder, env={'LC_FOO': 'a b', 'BAR': 'x'}), b'a b \n')


@pytest.mark.parametrize('peer', able('zlib'))
def test_compression(peer, serve, folder):
    text = b'the same line again and again\n' * 50000
    server = serve(Compression='yes')
    works(go(peer, server, 'cat', folder, zlib=True, input=text), text)


@pytest.mark.parametrize('peer', able('sessions'))
def test_several_sessions(peer, serve, folder):
    works(go(peer, serve(), 'cat', folder, sessions=5), b''.join(b'number %d\n' % i for i in range(5)))


@pytest.mark.parametrize('peer', CLIENTS, ids=lambda p: p.name)
def test_bulk(peer, serve, folder):
    path, digest = big(peer.size)
    server = serve()
    works(go(peer, server, 'sha256sum', folder, input=path.read_bytes()), f'{digest}  -\n'.encode())
    same(go(peer, server, f'cat {path}', folder), path)


def rekeyed(server, least):
    n = server.text().count('kex: algorithm:')
    assert n > least, f'{n} key exchanges\n{server.text()[-3000:]}'


@pytest.mark.parametrize('peer', CLIENTS, ids=lambda p: p.name)
def test_rekey_by_us(peer, serve, folder):
    peer.check('client', 'rekeyed')
    server = serve(RekeyLimit='1M')
    data = big(8 << 20)[0].read_bytes()
    works(go(peer, server, 'cat', folder, input=data), data)
    rekeyed(server, 6)


@pytest.mark.parametrize('peer', able('rekey'))
def test_rekey_by_the_peer(peer, serve, folder):
    server = serve()
    data = big(8 << 20)[0].read_bytes()
    works(go(peer, server, 'cat', folder, input=data, rekey=1 << 20), data)
    rekeyed(server, 2)                                   # AsyncSSH does not count what it sends meanwhile


@pytest.mark.parametrize('peer', able('window'))
def test_small_window(peer, serve, folder):
    path, _ = big(10 << 20)
    same(go(peer, serve(), 'cat', folder, input=path.read_bytes(), window=(1 << 15, 1 << 12)), path)
