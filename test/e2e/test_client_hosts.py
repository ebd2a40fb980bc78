"""Whose key a host may show: every state of known_hosts, every value of StrictHostKeyChecking, the question and the warning."""
import os, pathlib, re, subprocess

import pytest

from client_lab import add_fixtures, both
from conftest import keygen

server, lab = add_fixtures()


def other_key(lab, name='other'):
    path = lab.dir / name
    if not path.exists():
        keygen(path)
    return ' '.join(pathlib.Path(f'{path}.pub').read_text().split()[:2])


def fingerprint(lab):
    return subprocess.run(['/usr/bin/ssh-keygen', '-lf', f'{lab.server.host_key}.pub'], capture_output=True, text=True).stdout.split()[1]


def hashed(lab):
    subprocess.run(['/usr/bin/ssh-keygen', '-q', '-H', '-f', str(lab.known)], capture_output=True, check=True)


@both
@pytest.mark.parametrize('line', ['[127.0.0.1]:{port} {key}', '[127.0.0.*]:{port} {key} comment', '[127.0.0.?]:* {key}', 'x,[127.0.0.1]:{port},y {key}',
                                  '# comment\n\nbroken\n[127.0.0.1]:{port} {key}', '*,!other {key}', '[127.0.0.1]:{port} {other}\n[127.0.0.1]:{port} {key}',
                                  '@revoked [127.0.0.1]:{port} {other}\n[127.0.0.1]:{port} {key}', '127.0.0.1 {key}'])
def test_known(lab, which, line):
    lab.remember(line.format(port=lab.server.port, key=lab.host_key(), other=other_key(lab)) + '\n')
    r = lab.ssh('echo yes', which=which)
    assert r.stdout == 'yes\n', r.stderr


@both
def test_known_hashed(lab, which):
    hashed(lab)
    assert lab.known.read_text().startswith('|1|')
    assert lab.ssh('echo yes', which=which).stdout == 'yes\n'


@both
@pytest.mark.parametrize('line', ['', '[127.0.0.1]:1 {key}', '[127.0.0.*]:{port},![127.0.0.1]:{port} {key}', '@cert-authority [127.0.0.1]:{port} {key}'])
@pytest.mark.parametrize('strict', ['yes', 'ask', 'accept-new', 'no'])
def test_unknown(lab, which, line, strict):
    before = line.format(port=lab.server.port, key=lab.host_key()) + '\n' if line else ''
    lab.remember(before)
    r = lab.ssh('echo yes', which=which, strict=strict, options=['-o', 'BatchMode=yes'])
    after = lab.known.read_text()
    if strict in ('yes', 'ask'):
        assert r.returncode == 255 and 'Host key verification failed' in r.stderr and after == before
        assert strict == 'ask' or 'host key is known for' in r.stderr
    else:
        assert r.stdout == 'yes\n' and after == before + f'{lab.name()} {lab.host_key()}\n'
        assert re.search(r"Warning: Permanently added '\[127.0.0.1\]:\d+' \(ED25519\) to the list of known hosts\.", r.stderr)


@both
@pytest.mark.parametrize('strict', ['yes', 'ask', 'accept-new', 'no'])
@pytest.mark.parametrize('hash_it', [False, True])
def test_changed(lab, which, strict, hash_it):
    lab.remember(f'{lab.name()} {other_key(lab)}\n')
    if hash_it:
        hashed(lab)
    before = lab.known.read_text()
    r = lab.ssh('echo yes', which=which, strict=strict, options=['-o', 'BatchMode=yes'])
    assert 'REMOTE HOST IDENTIFICATION HAS CHANGED' in r.stderr and fingerprint(lab) in r.stderr
    assert f'{lab.known}:1' in r.stderr and '-R' in r.stderr
    assert lab.known.read_text() == before
    if strict == 'no':
        assert r.stdout == 'yes\n'                      # with a key; nothing that can be stolen
        r = lab.ssh('echo yes', which=which, strict='no', key=False, env=lab.askpass('x'),
                    options=['-o', 'PreferredAuthentications=password,keyboard-interactive'])
        assert r.returncode == 255 and 'assword authentication is disabled' in r.stderr and lab.prompts() == ''
    else:
        assert r.returncode == 255 and 'Host key verification failed' in r.stderr


@both
@pytest.mark.parametrize('strict', ['yes', 'ask', 'accept-new', 'no'])
def test_revoked(lab, which, strict):
    lab.remember(f'@revoked * {lab.host_key()}\n{lab.name()} {lab.host_key()}\n')
    r = lab.ssh('echo yes', which=which, strict=strict, options=['-o', 'BatchMode=yes', '-o', 'PreferredAuthentications=password'])
    assert r.returncode == 255 and 'revoked' in r.stderr


@both
@pytest.mark.parametrize('answer,works', [('yes', True), ('Yes', True), ('no', False), ('fingerprint', True), ('wrong', False)])
def test_question(lab, which, answer, works):
    lab.remember('')
    t = lab.terminal('echo in', which=which, strict='ask')
    text = t.expect('(yes/no/[fingerprint])? ')
    assert f"The authenticity of host '[127.0.0.1]:{lab.server.port} ([127.0.0.1]:{lab.server.port})' can't be established." in text
    assert f'ED25519 key fingerprint is {fingerprint(lab)}' in text and 'not known by any other names' in text
    t.type((fingerprint(lab) if answer == 'fingerprint' else answer) + '\r')
    if answer == 'wrong':
        t.expect("Please type 'yes', 'no' or the fingerprint: ")
        t.type('no\r')
    out = t.rest()
    assert ('in\r\n' in out) == works and t.end() == (0 if works else 255)
    assert (lab.known.read_text() != '') == works


@both
def test_question_to_askpass(lab, which):
    lab.remember('')
    r = lab.ssh('echo in', which=which, strict='ask', env=lab.askpass('yes'))
    assert r.stdout == 'in\n' and 'authenticity of host' in lab.prompts()


@both
def test_key_known_by_another_name(lab, which):
    lab.remember(f'elsewhere {lab.host_key()}\n')
    t = lab.terminal('echo in', which=which, strict='ask')
    text = t.expect('(yes/no/[fingerprint])? ')
    assert 'known by the following other names/addresses:' in text and f'{lab.known}:1: elsewhere' in text
    t.type('no\r')
    assert t.wait() == 255


@both
def test_visual_host_key(lab, which):
    r = lab.ssh('true', which=which, options=['-o', 'VisualHostKey=yes'])
    picture = subprocess.run(['/usr/bin/ssh-keygen', '-lvf', f'{lab.server.host_key}.pub'], capture_output=True, text=True).stdout.splitlines()[1:]
    assert r.returncode == 0 and [l for l in r.stderr.splitlines() if l[:1] in '+|'] == picture and fingerprint(lab) in r.stderr


@both
def test_alias(lab, which):
    lab.remember(f'myname {lab.host_key()}\n')
    assert lab.ssh('echo yes', which=which, options=['-o', 'HostKeyAlias=myname']).stdout == 'yes\n'
    lab.remember()
    assert lab.ssh('echo yes', which=which, options=['-o', 'HostKeyAlias=myname']).returncode == 255


@both
def test_global_file(lab, which):
    lab.known.rename(lab.dir / 'global')
    r = lab.ssh('echo yes', which=which, options=['-o', f'GlobalKnownHostsFile={lab.dir}/global'])
    assert r.stdout == 'yes\n'


@both
def test_several_user_files(lab, which):
    lab.known.rename(lab.dir / 'second')
    r = lab.ssh('echo yes', which=which, options=['-o', f'UserKnownHostsFile={lab.dir}/first {lab.dir}/second'])
    assert r.stdout == 'yes\n'


@both
def test_hash_known_hosts(lab, which):
    lab.remember('')
    assert lab.ssh('echo yes', which=which, strict='no', options=['-o', 'HashKnownHosts=yes']).returncode == 0
    assert lab.known.read_text().startswith('|1|')
    assert subprocess.run(['/usr/bin/ssh-keygen', '-F', lab.name(), '-f', str(lab.known)], capture_output=True).returncode == 0
    assert lab.ssh('echo yes', which=which).stdout == 'yes\n'


@both
def test_no_check_for_localhost(lab, which):
    lab.remember(f'{lab.name()} {other_key(lab)}\n')
    assert lab.ssh('echo yes', which=which, options=['-o', 'NoHostAuthenticationForLocalhost=yes']).stdout == 'yes\n'


def test_file_that_does_not_end_with_a_newline(lab):
    lab.remember(f'elsewhere {other_key(lab)}')
    assert lab.ssh('true', strict='no').returncode == 0
    assert lab.known.read_text() == f'elsewhere {other_key(lab)}\n{lab.name()} {lab.host_key()}\n'


def test_folder_is_made(lab):
    path = lab.dir / 'new' / 'known_hosts'
    assert lab.ssh('true', strict='no', options=['-o', f'UserKnownHostsFile={path}']).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


def test_fingerprint_hash(lab):
    r = lab.ssh('true', options=['-v', '-o', 'FingerprintHash=md5'])
    assert re.search(r'Server host key: ssh-ed25519 MD5:([0-9a-f]{2}:){15}[0-9a-f]{2}', r.stderr)


def test_types_that_are_known_come_first(lab):
    """A server with several keys shows the one that known_hosts has."""
    r = lab.ssh('true', options=['-vvv'])
    offer = re.search(r'send packet: KEXINIT.*?server_host_key_algorithms=(\S+)', r.stderr) or re.search(r'host_key\w*="?(ssh-ed25519)', r.stderr)
    assert offer and offer.group(1).startswith('ssh-ed25519'), r.stderr
