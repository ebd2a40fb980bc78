"""known_hosts beyond the lookup: UpdateHostKeys, KnownHostsCommand, RevokedHostKeys; Debian's ssh beside ours, Debian's sshd as server."""
import os, subprocess

import pytest

from client_lab import Lab, both
from conftest import ROOT, keygen
from identity_lab import KINDS, debian_fixtures, public

debian, dlab = debian_fixtures()


def line(lab, kind, name=None):
    return f'{name or lab.name()} {lab.server.public(kind)}\n'


def other(lab, kind='ed25519'):
    path = lab.dir / f'other_{kind}'
    if not path.exists():
        keygen(path, kind)
    return public(path)


def update(lab, which, *options, value='yes', changes=True, **more):
    """One login. Debian's ssh does not wait for the proof: its command goes on until the file has changed."""
    command = 'true'
    if which == 'debian' and changes:
        command = f'n=0; while [ ! -e {lab.known}.old ] && [ $n -lt 400 ]; do n=$((n+1)); sleep 0.02; done'
    r = lab.ssh(command, which=which, options=[*options, '-o', f'UpdateHostKeys={value}', '-o', 'HostKeyAlgorithms=ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512'], **more)
    assert r.returncode == 0, r.stderr
    return r


@both
def test_new_keys_are_learned(dlab, which):
    r = update(dlab, which, '-v')
    assert dlab.known.read_text() == ''.join(line(dlab, k) for k in KINDS)
    assert 'Learned new hostkey: ECDSA SHA256:' in r.stderr and 'Learned new hostkey: RSA SHA256:' in r.stderr
    assert dlab.known.stat().st_mode & 0o777 == 0o600 if which == 'debian' else dlab.known.exists()
    assert (dlab.dir / 'my_known_hosts.old').read_text() == line(dlab, 'ed25519')
    again = update(dlab, which, '-v', changes=False)
    assert 'no new or deprecated keys from server' in again.stderr


@both
def test_old_keys_are_forgotten(dlab, which):
    before = f'# remark\nelse {other(dlab, "ecdsa")}\n' + ''.join(line(dlab, k) for k in KINDS)
    dlab.remember(before + f'{dlab.name()} {other(dlab)}\n')
    r = update(dlab, which, '-v')
    assert dlab.known.read_text() == before and 'Deprecating obsolete hostkey: ED25519 SHA256:' in r.stderr


@both
def test_a_new_file_is_0600(dlab, which):
    update(dlab, which, '-o', f'UserKnownHostsFile={dlab.known}')
    assert (dlab.dir / 'my_known_hosts.old').exists() and list(dlab.dir.glob('my_known_hosts*')) != []
    assert not [p for p in dlab.dir.iterdir() if p.name.startswith('my_known_hosts') and p.name not in ('my_known_hosts', 'my_known_hosts.old')]


@both
@pytest.mark.parametrize('text', [
    '{ed}[127.0.0.1]:{port} {other}\nelse {other}\n',      # the old key stands for another host
    '{ed}else {rsa}\n',                                    # and so does a new one
    '[127.0.0.*]:{port} {edkey}\n', '[127.0.0.1]:{port},a,b {edkey}\n',
    '{ed}@revoked [127.0.0.1]:{port} {other}\n', '{ed}@cert-authority * {other}\n',
])
def test_what_people_wrote_stays(dlab, which, text):
    text = text.format(ed=line(dlab, 'ed25519'), rsa=dlab.server.public('rsa'), edkey=dlab.server.public('ed25519'), other=other(dlab), port=dlab.server.port)
    dlab.remember(text)
    r = update(dlab, which, '-v', changes=False)
    assert dlab.known.read_text() == text and 'skipping UserKnownHostsFile update' in r.stderr


@both
def test_not_from_other_sources(dlab, which):
    text = line(dlab, 'ed25519')
    dlab.known.rename(dlab.dir / 'global')
    r = update(dlab, which, '-o', f'GlobalKnownHostsFile={dlab.dir}/global', changes=False)
    assert not dlab.known.exists() and (dlab.dir / 'global').read_text() == text
    dlab.remember('')
    r = update(dlab, which, '-o', f'KnownHostsCommand=/bin/cat {dlab.dir}/global', changes=False)
    assert dlab.known.read_text() == '', r.stderr


@both
def test_not_by_default_with_own_files(dlab, which):
    before = dlab.known.read_text()
    assert dlab.ssh('true', which=which).returncode == 0
    assert update(dlab, which, value='no', changes=False) and dlab.known.read_text() == before


@both
def test_not_for_a_key_that_nobody_confirmed(dlab, which):
    dlab.remember('')
    update(dlab, which, strict='accept-new', changes=False)
    assert dlab.known.read_text() == line(dlab, 'ed25519')


@both
def test_for_a_key_that_a_human_confirmed(dlab, which):
    dlab.remember('')
    update(dlab, which, strict='ask', env=dlab.askpass('yes'))
    assert dlab.known.read_text() == ''.join(line(dlab, k) for k in KINDS)


@both
def test_hashed(dlab, which):
    update(dlab, which, '-o', 'HashKnownHosts=yes')
    lines = dlab.known.read_text().splitlines()
    assert lines[0] == line(dlab, 'ed25519').strip() and len(lines) == 3 and all(l.startswith('|1|') for l in lines[1:])
    found = subprocess.run(['/usr/bin/ssh-keygen', '-F', dlab.name(), '-f', str(dlab.known)], capture_output=True, text=True).stdout
    assert all(dlab.server.public(k) in found for k in KINDS)


@both
def test_two_files(dlab, which):
    second = dlab.dir / 'second'
    second.write_text(f'{dlab.name()} {other(dlab)}\n')
    update(dlab, which, '-o', f'UserKnownHostsFile={dlab.known} {second}')
    assert dlab.known.read_text() == ''.join(line(dlab, k) for k in KINDS) and second.read_text() == ''


def test_only_types_that_we_accept(dlab):
    """A type that HostKeyAlgorithms leaves out is neither learned nor forgotten."""
    before = line(dlab, 'ed25519') + line(dlab, 'rsa')
    dlab.remember(before)
    r = dlab.ssh('true', options=['-o', 'UpdateHostKeys=yes', '-o', 'HostKeyAlgorithms=ssh-ed25519'])
    assert r.returncode == 0 and dlab.known.read_text() == before


@both
@pytest.mark.parametrize('answer', ['yes', 'no'])
def test_ask(dlab, which, answer):
    before = dlab.known.read_text()
    t = dlab.terminal(which=which, options=['-o', 'UpdateHostKeys=ask', '-o', 'HostKeyAlgorithms=ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512'])
    text = t.expect('Accept updated hostkeys? (yes/no): ')
    assert 'The server has updated its host keys' in text and 'Learned new hostkey: RSA SHA256:' in text
    t.type(answer + '\r')
    t.expect('# ' if ROOT else '$ ')
    t.type('exit\r')
    t.wait()
    assert dlab.known.read_text() == (before + line(dlab, 'ecdsa') + line(dlab, 'rsa') if answer == 'yes' else before)


@both
def test_known_hosts_command(dlab, which):
    log, text, script = dlab.dir / 'log', line(dlab, 'ed25519'), dlab.dir / 'command'
    script.write_text(f'#!/bin/sh\nprintf "<%s>" "$@" >> {log}\necho >> {log}\nprintf "%s" "{text}"\n')
    script.chmod(0o755)
    dlab.remember('')
    r = dlab.ssh('echo in', which=which, options=['-o', f'KnownHostsCommand={script} %I %H %t %f %K "%h %p" %n %%'])
    assert r.stdout == 'in\n', r.stderr
    print_ = subprocess.run(['/usr/bin/ssh-keygen', '-lf', f'{dlab.server.host_key}.pub'], capture_output=True, text=True).stdout.split()[1]
    kind, blob = dlab.server.public('ed25519').split()
    rest = f'<127.0.0.1 {dlab.server.port}><127.0.0.1><%>'
    assert log.read_text() == f'<ORDER><127.0.0.1><NONE><NONE><NONE>{rest}\n<HOSTNAME><{dlab.name()}><{kind}><{print_}><{blob}>{rest}\n'


@both
@pytest.mark.parametrize('command', ['/bin/false', '/bin/sh -c "kill -9 $$"'])
def test_known_hosts_command_that_fails(dlab, which, command):
    r = dlab.ssh('echo in', which=which, strict='no', options=['-o', f'KnownHostsCommand={command}'])
    assert r.returncode == 255 and r.stdout == '' and 'KnownHostsCommand' in r.stderr


@both
@pytest.mark.parametrize('command', ['/does/not/exist', 'cat /dev/null'])
def test_known_hosts_command_that_cannot_start(dlab, which, command):
    r = dlab.ssh('echo in', which=which, options=['-o', f'KnownHostsCommand={command}'])
    assert r.stdout == 'in\n' and 'KnownHostsCommand' in r.stderr


@both
def test_algorithms_follow_what_is_known(dlab, which):
    """With only an RSA key known the server is asked for that one, and the key of another type is no stranger."""
    dlab.remember(line(dlab, 'rsa'))
    assert dlab.ssh('echo in', which=which).stdout == 'in\n'
    assert dlab.ssh('echo in', which=which, options=['-o', 'HostKeyAlgorithms=+ssh-rsa']).stdout == 'in\n'
    assert dlab.ssh('true', which=which, options=['-o', 'HostKeyAlgorithms=ssh-ed25519,rsa-sha2-512']).returncode == 255


@both
@pytest.mark.parametrize('strict', ['yes', 'ask', 'accept-new'])
def test_a_key_of_another_type_is_a_changed_key(dlab, which, strict):
    """Else whoever stands in between shows a type that nobody has seen yet."""
    dlab.remember(line(dlab, 'rsa'))
    r = dlab.ssh('true', which=which, strict=strict, env=dlab.askpass('yes'), options=['-o', 'HostKeyAlgorithms=ssh-ed25519'])
    assert r.returncode == 255 and 'REMOTE HOST IDENTIFICATION HAS CHANGED' in r.stderr and f'{dlab.known}:1' in r.stderr
    assert dlab.known.read_text() == line(dlab, 'rsa')


def make_krl(lab, *what):
    subprocess.run(['/usr/bin/ssh-keygen', '-q', '-k', '-f', str(lab.dir / 'krl'), *what], check=True)
    return lab.dir / 'krl'


@both
@pytest.mark.parametrize('how', ['plain', 'krl', 'sha256', 'second'])
def test_revoked_by_file(dlab, which, how):
    path = dlab.dir / 'revoked'
    path.write_text(f'# gone\n{other(dlab)}\n')
    assert dlab.ssh('echo in', which=which, options=['-o', f'RevokedHostKeys={path}']).stdout == 'in\n'
    if how == 'plain':
        path.write_text(f'# gone\n{other(dlab)}\n{dlab.host_key()}\n')
    elif how == 'krl':
        path = make_krl(dlab, f'{dlab.server.host_key}.pub')
    elif how == 'sha256':
        (dlab.dir / 'spec').write_text(f'sha256: {dlab.host_key()}\n')
        path = make_krl(dlab, str(dlab.dir / 'spec'))
    elif which == 'debian':
        pytest.skip('one file only in OpenSSH 9.2')
    else:
        (dlab.dir / 'more').write_text(dlab.host_key() + '\n')
        path = f'{path} {dlab.dir}/more'
    for strict in ('yes', 'no'):
        r = dlab.ssh('echo in', which=which, strict=strict, options=['-o', f'RevokedHostKeys={path}'])
        assert r.returncode == 255 and r.stdout == '' and 'revoked by file' in r.stderr


@both
@pytest.mark.parametrize('broken', ['missing', 'krl'])
def test_revoked_file_that_cannot_be_read(dlab, which, broken):
    path = dlab.dir / 'revoked'
    if broken == 'krl':
        make_krl(dlab, f'{dlab.server.key}.pub')
        path.write_bytes((dlab.dir / 'krl').read_bytes()[:-3])
    r = dlab.ssh('echo in', which=which, strict='no', options=['-o', f'RevokedHostKeys={path}'])
    assert r.returncode == 255 and r.stdout == '' and str(path) in r.stderr


# Our sshd at the other end.

@both
def test_our_server_proves_its_keys(bindir, folder, sshd, which):
    keys = [folder / f'more_{k}' for k in ('ecdsa', 'rsa')]
    for path, kind in zip(keys, ('ecdsa', 'rsa')):
        keygen(path, kind)
    server = sshd(''.join(f'HostKey {k}\n' for k in keys))
    lab = Lab(bindir, folder, server)
    update(lab, which)
    assert sorted(' '.join(l.split()[:3]) for l in lab.known.read_text().splitlines()) == sorted(f'{lab.name()} {k}' for k in [lab.host_key(), *map(public, keys)])
