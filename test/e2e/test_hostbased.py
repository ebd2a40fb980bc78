"""Host-based login: Debian's ssh and ssh-keysign as the client, in a mount namespace of their own with another /etc/ssh."""
import os, pathlib, subprocess

import pytest

from conftest import ROOT, keygen
from test_server_keys import FP, public, tool

KEYSIGN = pathlib.Path('/usr/lib/openssh/ssh-keysign')
pytestmark = pytest.mark.skipif(not ROOT or not KEYSIGN.exists(), reason='needs root and ssh-keysign')


class Lab:
    """A client host whose keys and configuration are in `etc`, and an account that trusts it."""

    def __init__(self, sshd, folder, account, config='', kind='ed25519'):
        self.account, self.home, self.etc, self.kind = account, pathlib.Path(account.pw.pw_dir), folder / 'etc', kind
        self.etc.mkdir()
        (self.etc / 'ssh_config').write_text('Host *\nEnableSSHKeysign yes\nHostbasedAuthentication yes\nPreferredAuthentications hostbased\n')
        self.key = keygen(self.etc / f'ssh_host_{kind}_key', kind)
        self.server = sshd(f'{config}\nHostbasedAuthentication yes\nIgnoreRhosts no')
        self.put('.shosts', '127.0.0.1 root\nlocalhost root\n')
        self.known(f'127.0.0.1,localhost {public(self.key)}')

    def put(self, name, text):
        path = self.home / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        for p in {path, path.parent}:
            os.chown(p, self.account.pw.pw_uid, self.account.pw.pw_gid)
        path.chmod(0o600)
        return path

    def known(self, text):
        return self.put('.ssh/known_hosts', text)

    def come(self, *options, login=None):
        args = self.server.arguments(*options, '-o', 'HostbasedAuthentication=yes', '-o', 'EnableSSHKeysign=yes', '-o', 'PreferredAuthentications=hostbased',
                                     login=login or self.account.name)
        # ssh's own file must be read, or ssh-keysign is not asked; a namespace keeps the machine's /etc/ssh as it is.
        shell = 'mount --bind "$0" /etc/ssh && exec "$@"'
        return subprocess.run(['unshare', '-m', 'sh', '-c', shell, str(self.etc), *args, 'echo in'], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)

    def comes_in(self, **more):
        return self.come(**more).stdout == 'in\n'

    def refused(self, why=None):
        assert not self.comes_in()
        self.server.wait_log(why)


@pytest.fixture
def lab(sshd, folder, account):
    made = []

    def make(config='', **more):
        made.append(Lab(sshd, folder, account, config, **more))
        return made[-1]
    yield make
    for l in made:
        for name in ('.shosts', '.rhosts', '.ssh/known_hosts', '.ssh/known_hosts2'):
            (l.home / name).unlink(missing_ok=True)


@pytest.mark.parametrize('kind', ['ed25519', 'ecdsa', 'rsa'])
def test_in(lab, kind):
    l = lab(kind=kind)
    done = l.come('-v')
    assert done.stdout == 'in\n', done.stderr
    l.server.wait_log(rf'^userauth_hostbased mismatch: client sends localhost, but we resolve 127.0.0.1 to 127.0.0.1$')
    l.server.wait_log(rf'^Accepted {kind.upper()} public key {FP} from root@127.0.0.1$')
    l.server.wait_log(rf'^Accepted hostbased for {l.account.name} from 127.0.0.1 port \d+ ssh2: {kind.upper()} {FP}, client user "root", client host "localhost\."$')


def test_off_by_default(lab):
    l = lab('HostbasedAuthentication no')
    assert not l.comes_in()
    assert 'hostbased' not in l.server.text()


@pytest.mark.parametrize('config, files, comes', [
    ('', {'.shosts': '127.0.0.1 root'}, True),
    ('', {'.shosts': '127.0.0.1 bob\n127.0.0.1 +root'}, True),
    ('', {'.shosts': '+ root\n+\n127.0.0.1'}, False),                        # wild cards count for nothing; root is not this user's name
    ('', {'.shosts': '127.0.0.1 -root\n127.0.0.1 root'}, False),             # the first line that fits decides
    ('', {'.shosts': '-127.0.0.1 root\n127.0.0.1 root'}, False),
    ('', {'.shosts': 'localhost root'}, False),                              # the address has no name without UseDNS
    ('', {'.shosts': '127.0.0.1 root x'}, False),
    ('', {'.shosts': '', '.rhosts': '127.0.0.1 root'}, True),
    ('IgnoreRhosts yes', {'.shosts': '127.0.0.1 root'}, False),
    ('IgnoreRhosts shosts-only', {'.shosts': '127.0.0.1 root'}, True),
    ('IgnoreRhosts shosts-only', {'.shosts': '', '.rhosts': '127.0.0.1 root'}, False),
    ('HostbasedUsesNameFromPacketOnly yes', {'.shosts': 'LocalHost root'}, True),
    ('HostbasedUsesNameFromPacketOnly yes', {'.shosts': '127.0.0.1 root'}, False),
    ('UseDNS yes', {'.shosts': 'localhost root'}, True),
])
def test_trusted_hosts(lab, config, files, comes):
    l = lab(config)
    for name, text in files.items():
        l.put(name, text + '\n')
    assert l.comes_in() == comes


def test_known_hosts(lab, folder):
    l = lab()
    other = keygen(folder / 'other')
    for text, comes in [('', False), (f'127.0.0.1 {public(other)}', False), (f'127.0.0.1 {public(other)}127.0.0.1 {public(l.key)}', True),
                        (f'localhost {public(l.key)}', False), (f'127.0.0.* {public(l.key)}', True),
                        (f'@revoked * {public(l.key)}127.0.0.1 {public(l.key)}', False), (f'@cert-authority 127.0.0.1 {public(l.key)}', False)]:
        l.known(text)
        assert l.comes_in() == comes, text
    l.server.wait_log('^WARNING: revoked key for 127.0.0.1 attempted authentication$')
    # The older file counts only where the newer one says nothing.
    l.known('')
    l.put('.ssh/known_hosts2', f'127.0.0.1 {public(l.key)}')
    assert l.comes_in()
    l.known(f'127.0.0.1 {public(other)}')
    assert not l.comes_in()


def test_users_known_hosts_can_be_ignored(lab):
    l = lab('IgnoreUserKnownHosts yes')
    assert not l.comes_in()


def test_strict_modes(lab):
    l = lab('StrictModes yes')
    assert l.comes_in()
    (l.home / '.shosts').chmod(0o666)
    l.refused(rf'^Rhosts authentication refused for {l.account.name}: .*bad ownership or modes for file {l.home}/.shosts$')


def test_algorithms(lab):
    l = lab('HostbasedAcceptedAlgorithms rsa-sha2-512')
    l.refused('^userauth_hostbased: signature algorithm ssh-ed25519 not in HostbasedAcceptedAlgorithms$')


def test_revoked(lab, folder):
    l = lab(f'RevokedKeys {folder}/revoked')
    (folder / 'revoked').write_text('')
    assert l.comes_in()
    (folder / 'revoked').write_text(public(l.key))
    l.refused(rf'^Authentication key ED25519 {FP} revoked by file {folder}/revoked$')


def test_short_rsa(lab):
    l = lab('RequiredRSASize 4096', kind='rsa')
    l.refused('^refusing RSA key: Invalid key length$')


def test_root_is_let_in_by_its_own_files_only(lab):
    l = lab()
    assert not l.comes_in(login='root')


def test_two_methods(lab, folder):
    l = lab('AuthenticationMethods hostbased,publickey')
    assert l.come('-o', 'PreferredAuthentications=hostbased,publickey').returncode in (0, 255)
    l.server.wait_log(rf'^Partial hostbased for {l.account.name} from ')


@pytest.mark.parametrize('options, more, why', [
    ([], {}, None),
    (['-V', '20200101:20200201'], {}, 'Certificate invalid: expired'),
    (['-n', 'elsewhere'], {}, 'Certificate invalid: name is not a listed principal'),
])
def test_certificate(lab, folder, options, more, why):
    l = lab()
    ca = keygen(folder / 'ca')
    if '-n' not in options:
        options = [*options, '-n', '127.0.0.1']
    tool('-q', '-s', ca, '-h', '-I', 'the-host', '-z', 3, *options, f'{l.key}.pub')
    l.known(f'@cert-authority 127.0.0.* {public(ca)}')
    come = lambda: l.come('-o', 'HostbasedAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com')
    done = come()
    if why:
        assert done.returncode == 255
        l.server.wait_log(rf'^Refusing certificate ID "the-host" serial=3 signed by ED25519 CA {FP}: {why}$')
        return
    assert done.stdout == 'in\n', done.stderr
    l.server.wait_log(rf'^Accepted certificate ID "the-host" signed by ED25519 CA {FP} from root@127.0.0.1$')
    l.server.wait_log(rf'^Accepted hostbased for {l.account.name} from 127.0.0.1 port \d+ ssh2: ED25519-CERT {FP} ID the-host \(serial 3\) CA ED25519 {FP}, client user "root"')
    l.known(f'127.0.0.1 {public(ca)}')          # the same key, but not as an authority
    assert come().returncode == 255
