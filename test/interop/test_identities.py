"""Ours against OpenSSH's for each type of key and each type of certificate: client, agent and server change places.

The same matrix holds three programs: ssh, the agent (or the key's file), sshd; at least one of them is ours.
"""
import itertools, os, pathlib, shutil, subprocess, tempfile

import pytest

from conftest import Server, free_port, wait_for
from lab import BIN, BUILD, KEYS, cellar, make_key, run

THEIRS = pathlib.Path('/usr/bin')
KEYGEN = THEIRS / 'ssh-keygen'
SK = {'ed25519-sk': ('ed25519-sk',), 'ecdsa-sk': ('ecdsa-sk',)}
TOKEN = BUILD / 'test/soft-sk.so'
CELLS = [c for c in itertools.product(['our-ssh', 'their-ssh'], ['file', 'our-agent', 'their-agent'], ['our-sshd', 'their-sshd']) if any('our' in w for w in c)]
HOST_CERTIFICATES = {'ssh-ed25519-cert-v01@openssh.com': 'ed25519', 'ecdsa-sha2-nistp256-cert-v01@openssh.com': 'ecdsa256',
                     'ecdsa-sha2-nistp384-cert-v01@openssh.com': 'ecdsa384', 'ecdsa-sha2-nistp521-cert-v01@openssh.com': 'ecdsa521',
                     'rsa-sha2-512-cert-v01@openssh.com': 'rsa', 'rsa-sha2-256-cert-v01@openssh.com': 'rsa'}

pytestmark = pytest.mark.skipif(not os.path.exists('/usr/sbin/sshd') or not KEYGEN.exists(), reason='openssh-server and openssh-client are not installed')


def token():
    """The environment with a software token; its keys answer without a human."""
    return {'SSH_SK_PROVIDER': str(TOKEN), 'HAWSER_SOFT_FOLDER': str(cellar() / 'token'), 'SSH_ASKPASS_REQUIRE': 'never'}


def sign(ca, key, *options):
    subprocess.run([KEYGEN, '-q', '-s', ca, '-I', 'the-id', '-z', '7', '-V', '-1h:+1h', *options, f'{key}.pub'], check=True)


class Everything:
    """Keys that are authorized and others that only have a certificate, of each type; both servers, which know the same."""

    def __init__(self, account):
        self.account, self.dir = account, pathlib.Path(tempfile.mkdtemp(prefix='hawser-identities-'))
        self.dir.chmod(0o755)
        self.public = self.dir / 'public'                # nothing secret in here: who uses these needs the agent
        self.public.mkdir()
        (cellar() / 'token').mkdir(exist_ok=True)
        make_key(self.dir / 'ca', KEYS['ed25519'])
        make_key(self.dir / 'host-ca', KEYS['ecdsa256'])
        self.kinds = {**KEYS, **(SK if TOKEN.exists() else {})}
        for kind, how in self.kinds.items():
            for name in f'plain-{kind}', f'certified-{kind}':
                subprocess.run([KEYGEN, '-q', '-t', *how, '-N', '', '-C', 'test', '-f', self.dir / name], check=True, env={**os.environ, **token()}, stdout=subprocess.DEVNULL)
            sign(self.dir / 'ca', self.dir / f'certified-{kind}', '-n', account.name)
        for kind in KEYS:
            make_key(self.dir / f'host-{kind}', KEYS[kind])
            sign(self.dir / 'host-ca', self.dir / f'host-{kind}', '-h', '-n', '127.0.0.1')
        for path in self.dir.glob('*.pub'):
            shutil.copy(path, self.public)
        authorized = self.dir / 'authorized'
        authorized.write_text(''.join((self.dir / f'plain-{k}.pub').read_text() for k in self.kinds))
        config = (f'AuthorizedKeysFile {authorized}\nTrustedUserCAKeys {self.dir}/ca.pub\nStrictModes no\nUsePAM no\nLogLevel VERBOSE\nMaxStartups 100\n'
                  + ''.join(f'HostKey {self.dir}/host-{k}\nHostCertificate {self.dir}/host-{k}-cert.pub\n' for k in KEYS))
        own = self.dir / 'ours'
        own.mkdir()
        self.ours = Server(BIN, own, config + 'PerSourcePenalties no\n', defaults=False)
        self.theirs = self.debian(config)
        self.known = self.dir / 'known_hosts'
        self.known.write_text('@cert-authority [127.0.0.1]:* ' + (self.dir / 'host-ca.pub').read_text())
        self.agents, self.absent = {}, set()             # absent: types that an agent of ours does not know yet

    def debian(self, config):
        server = Server.__new__(Server)
        server.dir, server.port, server.log = self.dir, free_port(), self.dir / 'their.log'
        path = self.dir / 'their.config'
        path.write_text(f'Port {server.port}\nListenAddress 127.0.0.1\nPidFile {self.dir}/their.pid\n{config}')
        if os.geteuid() == 0:
            pathlib.Path('/run/sshd').mkdir(exist_ok=True)
        server.command, server.user = ['/usr/sbin/sshd', '-D', '-e', '-f', str(path)], None
        server.start()
        return server

    def agent(self, which):
        """Each agent is filled by its own ssh-add, with every key."""
        if which not in self.agents:
            sock, where = self.dir / which, BIN if which == 'our-agent' else THEIRS
            p = subprocess.Popen([where / 'ssh-agent', '-D', '-a', sock, '-P', str(TOKEN)], stdout=subprocess.DEVNULL, env={**os.environ, **token()})
            wait_for(lambda: sock.exists() or p.poll() is not None)
            env = {**token(), 'SSH_AUTH_SOCK': str(sock)}
            for kind in self.kinds:
                for name in f'plain-{kind}', f'certified-{kind}':
                    done = run([where / 'ssh-add', '-q', *(['-S', TOKEN] if kind in SK else []), self.dir / name], env=env)
                    if b'is not built yet' in done.err:
                        self.absent.add((which, kind))
                        continue
                    assert done.status == 0, f'{which} {name}: {done}'
            self.agents[which] = p, env
        return self.agents[which][1]

    def login(self, client, holder, server, name, certificate=False, **more):
        """ssh's result, and what the server logged meanwhile."""
        s = self.ours if server == 'our-sshd' else self.theirs
        ours = client == 'our-ssh'
        folder, env = (self.dir, {**token(), 'SSH_AUTH_SOCK': ''}) if holder == 'file' else (self.public, self.agent(holder))
        if (holder, name.split('-', 1)[1]) in self.absent:
            pytest.skip('security keys in our agent are not built yet')
        words = {'UserKnownHostsFile': self.known, 'GlobalKnownHostsFile': '/dev/null', 'StrictHostKeyChecking': 'yes', 'IdentitiesOnly': 'yes', 'BatchMode': 'yes', 'SecurityKeyProvider': TOKEN,
                 'IdentityFile': folder / (name if holder == 'file' else f'{name}.pub'), **({'CertificateFile': folder / f'{name}-cert.pub'} if certificate else {}), **more}
        if ours:
            words = {'WarnWeakCrypto': 'no', **words}
        argv = [(BIN if ours else THEIRS) / 'ssh', '-F', 'none' if ours else '/dev/null', '-p', s.port]
        for word, value in words.items():
            argv += ['-o', f'{word}={value}']
        before = len(s.text())
        done = run([*argv, f'{self.account.name}@127.0.0.1', 'echo yes'], env=env)
        return done, s.text()[before:]

    def end(self):
        for p, _ in self.agents.values():
            p.terminate()
            p.wait(10)
        self.ours.stop()
        self.theirs.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope='module')
def world(anybody):
    made = Everything(anybody)
    yield made
    made.end()


def accepted(result, words):
    done, log = result
    assert (done.status, done.out) == (0, b'yes\n'), f'{done}\n{log}'
    assert 'Accepted publickey for ' in log and words in log, log


@pytest.mark.parametrize('kind', [*KEYS, *SK])
@pytest.mark.parametrize('cell', CELLS, ids='-'.join)
def test_key(world, cell, kind):
    if kind not in world.kinds:
        pytest.skip('the software token is not built')
    accepted(world.login(*cell, f'plain-{kind}'), f'ssh2: {kind.rstrip("0123456789").upper() if "25519" not in kind else kind.upper()} SHA256:')


@pytest.mark.parametrize('kind', [*KEYS, *SK])
@pytest.mark.parametrize('cell', CELLS, ids='-'.join)
def test_certificate(world, cell, kind):
    if kind not in world.kinds:
        pytest.skip('the software token is not built')
    accepted(world.login(*cell, f'certified-{kind}', certificate=True), 'ID the-id (serial 7) CA ED25519 SHA256:')


@pytest.mark.parametrize('algorithm', HOST_CERTIFICATES)
@pytest.mark.parametrize('cell', [c for c in CELLS if c[1] == 'file'], ids='-'.join)
def test_host_certificate(world, cell, algorithm):
    done, log = world.login(*cell, 'plain-ed25519', HostKeyAlgorithms=algorithm, LogLevel='DEBUG1')
    assert (done.status, done.out) == (0, b'yes\n'), f'{done}\n{log}'
    assert f'host key algorithm: {algorithm}'.encode() in done.err and b'serial 7' in done.err, done
