"""Security keys in agents: ours and Debian's, with one software token."""
import base64
import os
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from agent_lab import KEYGEN, THEIRS, Agent, string

TYPES = ['ed25519-sk', 'ecdsa-sk']
pytestmark = pytest.mark.skipif(not os.path.exists(KEYGEN), reason="Debian's programs are the peers")


@pytest.fixture
def soft(bindir, tmp_path):
    library = next(bindir.parents[1].glob('test/soft-sk.so'), None)
    if library is None:
        pytest.skip('the software token is not built')
    own = tmp_path / 'lib'
    own.mkdir()
    shutil.copy(library, own / 'soft-sk.so')
    return {'SSH_SK_PROVIDER': str(own / 'soft-sk.so'), 'HAWSER_SOFT_PIN': '1234', 'HAWSER_SOFT_FOLDER': str(tmp_path)}


@pytest.fixture(params=['both', 'agent', 'add'])
def running(request, bindir, tmp_path, soft):
    """Our agent or our ssh-add with Debian's counterpart, or both ours."""
    agent = bindir / 'ssh-agent' if request.param != 'add' else THEIRS['ssh-agent']
    adder = bindir / 'ssh-add' if request.param != 'agent' else THEIRS['ssh-add']
    a = Agent(str(agent), str(adder), tmp_path, '-P', f'{tmp_path}/lib/*', env=soft)
    yield a
    a.end()


@pytest.fixture
def ours(bindir, tmp_path, soft):
    started = []

    def start(*args, **env):
        started.append(Agent(str(bindir / 'ssh-agent'), str(bindir / 'ssh-add'), tmp_path, *args, env={**soft, **env}))
        return started[-1]
    yield start
    for a in started:
        a.end()


def make(soft, tmp, kind='ed25519-sk', *options, name='key'):
    path = tmp / name
    subprocess.run([KEYGEN, '-q', '-t', kind, '-N', '', '-C', 'a token', *options, '-f', str(path)], env={**os.environ, **soft}, check=True, input='1234\n', text=True)
    return path


@pytest.mark.parametrize('kind', TYPES)
def test_added_listed_used_and_removed(running, soft, tmp_path, kind):
    path = make(soft, tmp_path, kind)
    subprocess.run([KEYGEN, '-q', '-t', 'ed25519', '-N', '', '-f', str(tmp_path / 'ca')], check=True)
    subprocess.run([KEYGEN, '-q', '-s', str(tmp_path / 'ca'), '-I', 'id', '-n', 'ann', f'{path}.pub'], check=True)
    running.add(path)
    lines = running.add('-L').stdout.splitlines()
    assert [line.split()[1] for line in lines] == [pathlib.Path(f'{path}{s}').read_text().split()[1] for s in ('.pub', '-cert.pub')]
    running.add('-T', f'{path}.pub')
    running.add('-d', path)
    assert 'no identities' in running.add('-l', rc=1).stdout


def test_resident_keys(running, soft, tmp_path):
    path = make(soft, tmp_path, 'ecdsa-sk', '-O', 'resident')
    assert 'Resident identity added: ECDSA-SK SHA256:' in running.add('-K', stdin='1234\n').stderr
    assert running.add('-L').stdout.split()[1] == pathlib.Path(f'{path}.pub').read_text().split()[1]
    running.add('-T', f'{path}.pub')
    running.add('-D')
    running.add('-K', stdin='9999\n', rc=1)
    assert 'no identities' in running.add('-l', rc=1).stdout


def test_only_allowed_libraries_are_loaded(ours, soft, tmp_path):
    path = make(soft, tmp_path)
    agent = ours('-P', '/usr/lib/*')
    agent.add(path, rc=1)
    assert 'no identities' in agent.add('-l', rc=1).stdout


def test_a_link_to_a_library_counts_as_what_it_is(ours, soft, tmp_path):
    path = make(soft, tmp_path)
    agent = ours('-P', f'{tmp_path}/allowed/*')
    (tmp_path / 'allowed').mkdir()
    (tmp_path / 'allowed/x.so').symlink_to(soft['SSH_SK_PROVIDER'])
    agent.add('-S', tmp_path / 'allowed/x.so', path, rc=1)


def askpass(tmp):
    script = tmp / 'askpass'
    script.write_text(f'#!/bin/sh\necho "$SSH_ASKPASS_PROMPT|$1" >> {tmp}/asked\n[ "$SSH_ASKPASS_PROMPT" = none ] && exec sleep 600\ncat {tmp}/pin\n')
    script.chmod(0o700)
    return {'SSH_ASKPASS': str(script), 'SSH_ASKPASS_REQUIRE': 'force', 'DISPLAY': ':0'}


def test_the_agent_asks_for_the_pin(ours, soft, tmp_path):
    path = make(soft, tmp_path, 'ed25519-sk', '-O', 'verify-required', '-O', 'resident')
    agent = ours('-P', f'{tmp_path}/lib/*', **askpass(tmp_path))
    (tmp_path / 'pin').write_text('9999\n')
    agent.add(path)
    agent.add('-T', f'{path}.pub', rc=1)
    (tmp_path / 'pin').write_text('1234\n')
    agent.add('-T', f'{path}.pub')
    asked = (tmp_path / 'asked').read_text()
    assert '|Enter PIN and confirm user presence for ED25519-SK key SHA256:' in asked
    assert 'none|Confirm user presence for key ED25519-SK SHA256:' in asked


def slow_helper(tmp):
    """A helper that waits for a touch that never comes."""
    script = tmp / 'helper'
    script.write_text(f'#!/bin/sh\necho $$ >> {tmp}/pids\nexec sleep 600\n')
    script.chmod(0o700)
    return {'SSH_SK_HELPER': str(script)}


def until(what):
    end = time.monotonic() + 15
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)  # poll-interval


def gone(pid):
    return not os.path.exists(f'/proc/{pid}')


def test_waiting_for_a_touch_hinders_nobody_and_ends_with_the_client(ours, soft, tmp_path):
    path = make(soft, tmp_path)
    agent = ours('-P', f'{tmp_path}/lib/*', **slow_helper(tmp_path))
    agent.add(path)
    blob = base64.b64decode(pathlib.Path(f'{path}.pub').read_text().split()[1])
    own = agent.connect()
    message = b'\x0d' + string(blob) + string(b'SSHSIG' + string(b'file') + string(b'') + string(b'sha512') + string(b'x' * 64)) + b'\0\0\0\0'
    own.sendall(string(message))
    until(lambda: (tmp_path / 'pids').exists() and (tmp_path / 'pids').read_text().strip())
    assert 'a token' in agent.add('-l').stdout
    pid = int((tmp_path / 'pids').read_text())
    assert not gone(pid)
    own.close()
    until(lambda: gone(pid))
    assert 'a token' in agent.add('-l').stdout


def test_a_key_of_a_web_site_signs_what_ssh_signs(ours, soft, tmp_path):
    """Debian's ssh-keygen makes a file with another application by way of its own format: so the request is made by hand."""
    path = make(soft, tmp_path)
    text = re.sub(r'-----.*?-----|\s', '', path.read_text())
    private = base64.b64decode(text).replace(string(b'ssh:'), string(b'web:'))
    # The section of the key without cipher: check words, then the key as agents take it.
    at = private.index(b'web:', private.index(b'web:') + 4)
    start = private.rindex(string(b'sk-ssh-ed25519@openssh.com'))
    body = private[start:]
    assert at > start
    body = body[:body.index(string(b'a token'))] + string(b'a token')
    public = string(b'sk-ssh-ed25519@openssh.com') + body[30:30 + 36] + string(b'web:')
    for args, allowed in ((), False), (('-O', 'no-restrict-websafe'), True), (('-O', 'websafe-allow=web:*,ssh:*'), True):
        agent = ours('-P', f'{tmp_path}/lib/*', *args)
        assert agent.ask(b'\x19' + body + b'\xff' + string(b'sk-provider@openssh.com') + string(soft['SSH_SK_PROVIDER'].encode())) == b'\x06'
        sign = lambda data: agent.ask(b'\x0d' + string(public) + string(data) + b'\0\0\0\0')[:1]
        assert sign(b'any text at all') == (b'\x0e' if allowed else b'\x05')
        assert sign(b'SSHSIG' + string(b'file') + string(b'') + string(b'sha512') + string(b'x' * 64)) == b'\x0e'
        login = string(b'i' * 32) + b'\x32' + string(b'ann') + string(b'ssh-connection') + string(b'publickey') + b'\1' + string(b'sk-ssh-ed25519@openssh.com')
        assert sign(login + string(public)) == b'\x0e'
        assert sign(login + string(b'other')) == (b'\x0e' if allowed else b'\x05')
        agent.end()


def test_without_a_library_nothing_is_kept(ours, soft, tmp_path):
    path = make(soft, tmp_path)
    private = base64.b64decode(re.sub(r'-----.*?-----|\s', '', path.read_text()))
    body = private[private.rindex(string(b'sk-ssh-ed25519@openssh.com')):]
    body = body[:body.index(string(b'a token'))] + string(b'a token')
    agent = ours('-P', f'{tmp_path}/lib/*')
    assert agent.ask(b'\x11' + body) == b'\x05'
    assert agent.ask(b'\x19' + body + b'\xff' + string(b'sk-provider@openssh.com') + string(b'')) == b'\x05'
