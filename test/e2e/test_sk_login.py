"""Logins with keys of security keys: our ssh and Debian's, our sshd and Debian's, with one software token."""
import os
import pathlib
import pwd
import shutil
import subprocess

import pytest

from conftest import Server, wait_for

ME = pwd.getpwuid(os.geteuid()).pw_name
THEIRS = pathlib.Path('/usr/bin')
TYPES = ['ed25519-sk', 'ecdsa-sk']
both = pytest.mark.parametrize('which', ['ours', 'theirs'])

pytestmark = pytest.mark.skipif(not (THEIRS / 'ssh').exists(), reason="Debian's programs are the peers")


@pytest.fixture
def soft(bindir, folder):
    library = next(bindir.parents[1].glob('test/soft-sk.so'), None)
    if library is None:
        pytest.skip('the software token is not built')
    env = {k: v for k, v in os.environ.items() if k not in ('DISPLAY', 'WAYLAND_DISPLAY', 'SSH_AUTH_SOCK', 'SSH_ASKPASS', 'SSH_ASKPASS_REQUIRE')}
    return {**env, 'SSH_SK_PROVIDER': str(library), 'HAWSER_SOFT_PIN': '1234', 'HAWSER_SOFT_FOLDER': str(folder)}


class Theirs(Server):
    """Debian's sshd with the same folder and configuration."""

    def __init__(self, folder, config=''):
        self.binary = '/usr/sbin/sshd'
        super().__init__(pathlib.Path('/usr/sbin'), folder, config, defaults=True)

    def start(self):
        text = self.config.read_text()
        self.config.write_text('\n'.join(l for l in text.splitlines() if not l.startswith('PerSourcePenalties')) + '\n')
        os.makedirs('/run/sshd', mode=0o755, exist_ok=True)
        super().start()


@pytest.fixture
def servers(bindir, folder):
    running = []

    def start(which, config=''):
        own = folder / f'server{len(running)}'
        own.mkdir()
        running.append(Theirs(own, config) if which == 'theirs' else Server(bindir, own, config))
        return running[-1]
    yield start
    for server in running:
        server.stop()


def make(soft, folder, kind, *options, name='sk'):
    key = folder / name
    subprocess.run([THEIRS / 'ssh-keygen', '-q', '-t', kind, '-N', '', '-C', 'a token', *options, '-f', key], env=soft, check=True, input='1234\n', text=True)
    return key


def allow(server, key, options=''):
    server.authorized.write_text(options + (' ' if options else '') + pathlib.Path(f'{key}.pub').read_text())


def login(soft, bindir, which, server, key, *options, **env):
    ssh = bindir / 'ssh' if which == 'ours' else THEIRS / 'ssh'
    return subprocess.run([ssh, '-F', '/dev/null', *options, '-o', f'SecurityKeyProvider={soft["SSH_SK_PROVIDER"]}', '-o', 'IdentityAgent=none', '-o', 'IdentitiesOnly=yes',
                           '-o', f'UserKnownHostsFile={server.known_hosts}', '-o', 'GlobalKnownHostsFile=/dev/null', '-o', 'PasswordAuthentication=no',
                           '-o', 'KbdInteractiveAuthentication=no', '-p', str(server.port), '-i', key, f'{ME}@127.0.0.1', 'echo in'],
                          capture_output=True, text=True, timeout=60, env={**soft, **env}, stdin=subprocess.DEVNULL, start_new_session=True)


def is_in(done):
    return done.returncode == 0 and done.stdout == 'in\n'


@pytest.mark.parametrize('server', ['ours', 'theirs'])
@pytest.mark.parametrize('kind', TYPES)
@both
def test_login(soft, bindir, folder, servers, which, kind, server):
    s, key = servers(server), make(soft, folder, kind)
    allow(s, key)
    done = login(soft, bindir, which, s, key, '-v')
    assert is_in(done), done.stderr
    s.wait_log(f'Accepted publickey for {ME} from 127.0.0.1 port .* {kind.upper()} SHA256:')


@pytest.mark.parametrize('server', ['ours', 'theirs'])
@both
def test_a_signature_without_a_touch(soft, bindir, folder, servers, which, server):
    s, key = servers(server), make(soft, folder, 'ed25519-sk')
    allow(s, key)
    assert not is_in(login(soft, bindir, which, s, key, HAWSER_SOFT_LAZY='1'))
    allow(s, key, 'no-touch-required')
    assert is_in(login(soft, bindir, which, s, key, HAWSER_SOFT_LAZY='1'))


@pytest.mark.parametrize('server', ['ours', 'theirs'])
@both
def test_a_key_that_needs_no_touch_needs_the_lines_leave(soft, bindir, folder, servers, which, server):
    s, key = servers(server), make(soft, folder, 'ecdsa-sk', '-O', 'no-touch-required')
    allow(s, key)
    assert not is_in(login(soft, bindir, which, s, key))
    allow(s, key, 'no-touch-required')
    assert is_in(login(soft, bindir, which, s, key))


def askpass(folder, pin):
    script = folder / 'askpass'
    script.write_text(f'#!/bin/sh\necho "$SSH_ASKPASS_PROMPT|$1" >> {folder}/asked\n[ "$SSH_ASKPASS_PROMPT" = none ] && exec sleep 60\necho {pin}\n')
    script.chmod(0o700)
    return {'SSH_ASKPASS': str(script), 'SSH_ASKPASS_REQUIRE': 'force', 'DISPLAY': ':0'}


@pytest.mark.parametrize('server', ['ours', 'theirs'])
@both
def test_a_pin_is_asked_and_proved(soft, bindir, folder, servers, which, server):
    s, key = servers(server), make(soft, folder, 'ed25519-sk')
    allow(s, key, 'verify-required')
    assert not is_in(login(soft, bindir, which, s, key))
    with_pin = make(soft, folder, 'ed25519-sk', '-O', 'verify-required', '-O', 'resident', name='pin')
    allow(s, with_pin, 'verify-required')
    assert not is_in(login(soft, bindir, which, s, with_pin, **askpass(folder, '9999')))
    done = login(soft, bindir, which, s, with_pin, **askpass(folder, '1234'))
    assert is_in(done), done.stderr
    asked = (folder / 'asked').read_text()
    assert f'|Enter PIN for ED25519-SK key {with_pin}: ' in asked and 'none|Confirm user presence for key ED25519-SK SHA256:' in asked


@both
def test_options_of_the_server(soft, bindir, folder, servers, which):
    key = make(soft, folder, 'ed25519-sk', '-O', 'no-touch-required')
    s = servers('ours', 'PubkeyAuthOptions touch-required')
    allow(s, key, 'no-touch-required')
    assert not is_in(login(soft, bindir, which, s, key))
    s = servers('ours', 'PubkeyAuthOptions verify-required')
    allow(s, key, 'no-touch-required')
    assert not is_in(login(soft, bindir, which, s, key))


def test_certificates_and_touch(soft, bindir, folder, servers):
    """Both the authority's line and the certificate must waive the touch; the log says what was missing."""
    key, ca = make(soft, folder, 'ed25519-sk'), folder / 'ca'
    subprocess.run([THEIRS / 'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', ca], check=True)
    sign = lambda *options: subprocess.run([THEIRS / 'ssh-keygen', '-q', '-s', ca, '-I', 'x', '-n', ME, *options, f'{key}.pub'], check=True)
    s = servers('ours')
    allow(s, ca, 'cert-authority')
    sign()
    assert is_in(login(soft, bindir, 'theirs', s, key))
    s.wait_log(rf'^Accepted publickey for {ME} from 127.0.0.1 port \d+ ssh2: ED25519-SK-CERT SHA256:\S+ ID x \(serial 0\) CA ED25519 SHA256:\S+, signature count = \d+$')
    lazy = lambda: is_in(login(soft, bindir, 'theirs', s, key, HAWSER_SOFT_LAZY='1'))
    assert not lazy()
    s.wait_log(rf'^public key ED25519-SK-CERT SHA256:\S+ signature for {ME} from 127.0.0.1 port \d+ rejected: '
               r'user presence \(authenticator touch\) requirement not met ?$')
    sign('-O', 'no-touch-required')
    assert not lazy()
    allow(s, ca, 'cert-authority,no-touch-required')
    assert lazy()
    sign()
    assert not lazy()
    sign('-O', 'verify-required')
    assert not is_in(login(soft, bindir, 'theirs', s, key))
    s.wait_log('rejected: user verification requirement not met ?$')


@pytest.mark.parametrize('server', ['ours', 'theirs'])
@pytest.mark.parametrize('kind', TYPES)
@both
def test_certificates(soft, bindir, folder, servers, which, kind, server):
    """A certificate beside the key; the touch is waived by certificate and server together, or not at all."""
    subprocess.run([THEIRS / 'ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', folder / 'ca'], check=True)
    key = make(soft, folder, kind)
    s = servers(server, f'TrustedUserCAKeys {folder}/ca.pub')
    s.authorized.write_text('')
    certify = lambda *options: subprocess.run([THEIRS / 'ssh-keygen', '-q', '-s', folder / 'ca', '-I', 'an id', '-n', ME, *options, f'{key}.pub'], check=True)
    certify()
    done = login(soft, bindir, which, s, key)
    assert is_in(done), done.stderr
    s.wait_log(f'Accepted publickey for {ME} from .* {kind.upper()}-CERT SHA256:.* ID an id')
    assert not is_in(login(soft, bindir, which, s, key, HAWSER_SOFT_LAZY='1'))
    certify('-O', 'no-touch-required')
    assert is_in(login(soft, bindir, which, s, key, HAWSER_SOFT_LAZY='1'))
    certify('-O', 'verify-required')
    assert not is_in(login(soft, bindir, which, s, key))


@pytest.mark.parametrize('server', ['ours', 'theirs'])
@both
def test_a_key_in_our_agent(soft, bindir, folder, servers, which, server):
    s, key = servers(server), make(soft, folder, 'ed25519-sk')
    allow(s, key)
    library = folder / 'lib'
    library.mkdir()
    shutil.copy(soft['SSH_SK_PROVIDER'], library / 'soft.so')
    env = {**soft, 'SSH_SK_PROVIDER': str(library / 'soft.so')}
    ssh = bindir / 'ssh' if which == 'ours' else THEIRS / 'ssh'
    command = (f'{bindir}/ssh-add -q {key} && rm {key} && {ssh} -F /dev/null -o UserKnownHostsFile={s.known_hosts} -o GlobalKnownHostsFile=/dev/null -o BatchMode=yes '
               f'-p {s.port} {ME}@127.0.0.1 echo in')
    done = subprocess.run([bindir / 'ssh-agent', '-P', f'{library}/*', 'sh', '-c', command], capture_output=True, text=True, timeout=60, env=env, stdin=subprocess.DEVNULL)
    assert is_in(done), done.stderr


@both
def test_a_used_key_goes_into_our_agent(soft, bindir, folder, servers, which):
    s, key = servers('ours'), make(soft, folder, 'ed25519-sk')
    allow(s, key)
    library = folder / 'lib'
    library.mkdir()
    shutil.copy(soft['SSH_SK_PROVIDER'], library / 'soft.so')
    ssh = (f'{bindir / "ssh" if which == "ours" else THEIRS / "ssh"} -F /dev/null -o UserKnownHostsFile={s.known_hosts} -o GlobalKnownHostsFile=/dev/null -o BatchMode=yes '
           f'-o AddKeysToAgent=yes -o SecurityKeyProvider={library}/soft.so -p {s.port} {ME}@127.0.0.1')
    done = subprocess.run([bindir / 'ssh-agent', '-P', f'{library}/*', 'sh', '-c', f'{ssh} -i {key} true && rm {key} && {bindir}/ssh-add -l && {ssh} echo in'],
                          capture_output=True, text=True, timeout=60, env=soft, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    listed, said = done.stdout.splitlines()
    assert listed.endswith('(ED25519-SK)') and said == 'in', done.stderr


def test_batch_mode_asks_for_no_pin(soft, bindir, folder, servers):
    s, key = servers('ours'), make(soft, folder, 'ed25519-sk', '-O', 'verify-required', '-O', 'resident')
    allow(s, key)
    assert not is_in(login(soft, bindir, 'ours', s, key, '-o', 'BatchMode=yes', **askpass(folder, '1234')))
    assert not (folder / 'asked').exists()


def test_a_provider_from_the_environment(soft, bindir, folder, servers):
    s, key = servers('ours'), make(soft, folder, 'ed25519-sk')
    allow(s, key)
    assert is_in(login(soft, bindir, 'ours', s, key, '-o', 'SecurityKeyProvider=$SSH_SK_PROVIDER'))
    done = login(soft, bindir, 'ours', s, key, '-o', 'SecurityKeyProvider=none')
    assert not is_in(done) and 'no library for security keys is named' in done.stderr
    done = login(soft, bindir, 'ours', s, key, '-o', 'SecurityKeyProvider=/no/such.so')
    assert not is_in(done) and '/no/such.so' in done.stderr


def test_a_host_key_in_a_token(soft, bindir, folder, servers):
    """Only by way of an agent; alone it is left out and said."""
    host = make(soft, folder, 'ed25519-sk', '-O', 'no-touch-required', name='host')
    s = servers('ours', f'HostKey {host}')
    assert 'signs for sshd only through an agent (HostKeyAgent)' in s.text()
    key = make(soft, folder, 'ed25519-sk')
    allow(s, key)
    assert is_in(login(soft, bindir, 'ours', s, key))
    s.stop()
    library = folder / 'lib'
    library.mkdir()
    shutil.copy(soft['SSH_SK_PROVIDER'], library / 'soft.so')
    agent = subprocess.Popen([bindir / 'ssh-agent', '-D', '-a', folder / 'sock', '-P', f'{library}/*'], env=soft, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: (folder / 'sock').exists())
        subprocess.run([bindir / 'ssh-add', '-q', '-S', library / 'soft.so', host], env={**soft, 'SSH_AUTH_SOCK': str(folder / 'sock')}, check=True)
        s = servers('ours', f'HostKey {host}\nHostKeyAgent {folder}/sock')
        allow(s, key)
        s.known_hosts.write_text(f'[127.0.0.1]:{s.port} ' + pathlib.Path(f'{host}.pub').read_text())
        for which in 'ours', 'theirs':
            done = login(soft, bindir, which, s, key, '-o', 'HostKeyAlgorithms=sk-ssh-ed25519@openssh.com')
            assert is_in(done), done.stderr
    finally:
        agent.terminate()
        agent.wait(10)


def test_the_helper_ends_with_its_ask(soft, bindir, folder, servers):
    """A token that nobody touches: ssh is killed, and so is the helper."""
    s, key = servers('ours'), make(soft, folder, 'ed25519-sk')
    allow(s, key)
    slow = folder / 'slow-helper'
    slow.write_text(f'#!/bin/sh\necho $$ > {folder}/helper\nexec sleep 600\n')
    slow.chmod(0o700)
    args = [bindir / 'ssh', '-F', '/dev/null', '-o', f'SecurityKeyProvider={soft["SSH_SK_PROVIDER"]}', '-o', 'IdentityAgent=none', '-o', 'IdentitiesOnly=yes',
            '-o', f'UserKnownHostsFile={s.known_hosts}', '-o', 'BatchMode=yes', '-p', str(s.port), '-i', key, f'{ME}@127.0.0.1', 'true']
    ssh = subprocess.Popen(args, env={**soft, 'SSH_SK_HELPER': str(slow)}, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: (folder / 'helper').exists() and (folder / 'helper').read_text().strip())
    helper = int((folder / 'helper').read_text())
    ssh.kill()
    ssh.wait()
    wait_for(lambda: not pathlib.Path(f'/proc/{helper}').exists() or 'Z' in pathlib.Path(f'/proc/{helper}/stat').read_text().split(')')[1][:3])
