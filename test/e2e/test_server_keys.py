"""Which keys let in: revoked ones, those that a command prints, certificates. Debian's ssh is the client, its ssh-keygen the authority."""
import os, pathlib, re, subprocess

import pytest

from conftest import ROOT, keygen, wait_for

needs_root = pytest.mark.skipif(not ROOT, reason='needs root')
FP = r'SHA256:[A-Za-z0-9+/]{43}'


def tool(*args, **more):
    return subprocess.run(['/usr/bin/ssh-keygen', *map(str, args)], check=True, capture_output=True, text=True, **more).stdout


def public(key):
    return pathlib.Path(f'{key}.pub').read_text()


def sign(ca, key, name, *options, ident='the-id', serial=7, validity='-1h:+1h'):
    """KEY-cert.pub, so that ssh offers it with the key."""
    tool('-q', '-s', ca, '-I', ident, '-z', serial, '-V', validity, *(['-n', name] if name else []), *options, f'{key}.pub')
    return pathlib.Path(f'{key}-cert.pub')


def program(path, text):
    """A command of sshd's: root's, in a folder that nobody else may write."""
    path.write_text('#!/bin/sh\n' + text)
    path.chmod(0o755)
    return path


def logs_in(server, name=None):
    return server.ssh('echo in', login=name).stdout == 'in\n'


@pytest.fixture
def commands():
    """A folder for commands: every folder above it is root's, as sshd demands."""
    path = pathlib.Path(f'/usr/local/lib/hawser-test-{os.getpid()}')
    path.mkdir(mode=0o755)
    yield path
    for p in path.iterdir():
        p.unlink()
    path.rmdir()


# RevokedKeys

@pytest.mark.parametrize('kind', ['ed25519', 'ecdsa', 'rsa'])
@pytest.mark.parametrize('form', ['list', 'krl', 'krl-hash'])
def test_revoked(anyone, folder, kind, form):
    revoked = folder / 'revoked'
    revoked.write_text('# nothing yet\n')
    server = anyone(f'RevokedKeys {folder}/empty {revoked}')
    (folder / 'empty').write_text('')
    server.key = keygen(folder / 'mine', kind)
    other = keygen(folder / 'other', kind)
    for p in folder.iterdir():
        p.chmod(0o644 if p.name != 'mine' else 0o600)
    server.authorized.write_text(public(server.key))
    if server.user:
        os.chown(server.authorized, server.user.pw_uid, server.user.pw_gid)
    write = {'list': lambda key: revoked.write_text(public(key)),
             'krl': lambda key: tool('-k', '-f', revoked, f'{key}.pub'),
             'krl-hash': lambda key: tool('-k', '-f', revoked, '-', input='sha256: ' + public(key))}[form]
    assert logs_in(server)
    write(other)
    assert logs_in(server)
    write(server.key)
    assert not logs_in(server)
    server.wait_log(rf'^Authentication key {kind.upper()} {FP} revoked by file {revoked}$')


def test_revoked_file_missing_or_broken_refuses_all(sshd, folder):
    server = sshd(f'RevokedKeys {folder}/revoked')
    assert not logs_in(server)
    server.wait_log(rf'^Error checking authentication key ED25519 {FP} in revoked keys file {folder}/revoked: .*No such file')
    (folder / 'revoked').write_text('not a key\n')
    assert not logs_in(server)
    server.wait_log(rf'^Error checking authentication key ED25519 {FP} in revoked keys file {folder}/revoked: line 1 ')
    tool('-k', '-f', folder / 'revoked', f'{server.host_key}.pub')
    whole = (folder / 'revoked').read_bytes()
    (folder / 'revoked').write_bytes(whole[:-3])
    assert not logs_in(server)
    server.wait_log(r'in revoked keys file .*damaged')
    (folder / 'revoked').write_bytes(whole)
    assert logs_in(server)


def test_revoked_in_match(sshd, account, folder):
    server = sshd(f'Match User {account.name}\nRevokedKeys {folder}/id.pub')
    assert not logs_in(server, account.name)
    server.wait_log(rf'revoked by file {folder}/id.pub$')
    assert logs_in(server)


def test_short_rsa(sshd, folder):
    server = sshd('RequiredRSASize 3072')
    server.key = keygen(folder / 'short', 'rsa', '-b', '2048')
    server.authorized.write_text(public(server.key))
    assert not logs_in(server)
    server.wait_log('^refusing RSA key: Invalid key length$')
    server.key = keygen(folder / 'long', 'rsa', '-b', '3072')
    server.authorized.write_text(public(server.key))
    assert logs_in(server)


def test_from_another_host(sshd):
    server = sshd()
    server.authorized.write_text('from="10.0.0.0/8,!*.example" ' + server.authorized.read_text())
    assert not logs_in(server)
    server.wait_log(rf'^{server.authorized}:1: Authentication tried for \S+ with correct key but not from a permitted host '
                    r'\(host=127.0.0.1, ip=127.0.0.1, required=10.0.0.0/8,!\*.example\)\.$')


def test_fingerprint_hash(sshd):
    server = sshd('FingerprintHash md5')
    assert logs_in(server)
    server.wait_log(r'^Accepted publickey for \S+ from 127.0.0.1 port \d+ ssh2: ED25519 MD5:[0-9a-f:]{47}$')


# AuthorizedKeysCommand

@needs_root
def test_command_gives_keys(sshd, account, commands, folder):
    out = folder / 'seen'
    out.touch()
    out.chmod(0o666)
    keys = program(commands / 'keys', f'printf "%s\\n" "$@" > {out}; id -un >> {out}; env >> {out}; readlink /proc/self/fd/0 /proc/$$/fd/2 >> {out}\n'
                                      f'ls /proc/$$/fd | tr "\\n" " " >> {out}\ncat {folder}/id.pub\n')
    server = sshd(f'AuthorizedKeysFile none\nAuthorizedKeysCommand {keys} "a b" %u %U %h %t %k %f "%C" x%D%% #no\nAuthorizedKeysCommandUser nobody')
    assert logs_in(server, account.name)
    server.wait_log(rf'^Accepted key ED25519 {FP} found at {keys} "a b" .*:1$')
    lines = out.read_text().splitlines()
    kind, key = public(server.key).split()[:2]
    assert lines[:7] == ['a b', account.name, str(account.pw.pw_uid), account.pw.pw_dir, kind, key, tool('-lf', server.key).split()[1]]
    assert re.fullmatch(rf'127.0.0.1 {server.port} 127.0.0.1 \d+', lines[7])
    assert lines[8:10] == ['x%', '#no']
    assert lines[10] == 'nobody'
    env = dict(line.split('=', 1) for line in lines[11:] if '=' in line)
    assert set(env) - {'PWD', 'SHLVL', '_', 'OLDPWD', 'LANG'} == {'PATH', 'USER', 'LOGNAME', 'HOME'}
    assert env['USER'] == 'nobody' and lines.count('/dev/null') == 2
    assert lines[-1].split() in (['0', '1', '2'], ['0', '1', '10', '2'])


@needs_root
def test_command_without_arguments_gets_the_user(sshd, account, commands, folder):
    keys = program(commands / 'keys', f'[ "$1" = {account.name} ] && cat {folder}/id.pub\n')
    server = sshd(f'AuthorizedKeysFile none\nAuthorizedKeysCommand {keys}\nAuthorizedKeysCommandUser nobody')
    assert logs_in(server, account.name)
    assert not logs_in(server, 'root')
    server.wait_log(rf'^AuthorizedKeysCommand {keys} root failed, status 1$')


@needs_root
@pytest.mark.parametrize('text, why', [
    ('cat {key}; exit 3', r'^AuthorizedKeysCommand {path} \S+ failed, status 3$'),
    ('cat {key}; kill -9 $$', r'^AuthorizedKeysCommand {path} \S+ exited on signal 9$'),
    ('cat {key} /dev/zero', r'^AuthorizedKeysCommand {path} \S+: .*more than'),
    ('sed "s/^/never-heard-of /" {key}', r'^{path}:1: unknown option'),
    ('echo', None),
])
def test_command_that_fails_lets_nobody_in(sshd, account, commands, folder, text, why):
    path = program(commands / 'keys', text.format(key=folder / 'id.pub'))
    server = sshd(f'AuthorizedKeysFile none\nAuthorizedKeysCommand {path}\nAuthorizedKeysCommandUser nobody')
    assert not logs_in(server, account.name)
    server.wait_log(why and why.format(path=path))


@needs_root
def test_command_must_be_roots(sshd, account, commands, folder):
    path = program(commands / 'keys', f'cat {folder}/id.pub\n')
    server = sshd(f'AuthorizedKeysFile none\nAuthorizedKeysCommand {path}\nAuthorizedKeysCommandUser nobody')
    assert logs_in(server, account.name)
    path.chmod(0o775)
    assert not logs_in(server, account.name)
    server.wait_log(rf'^Unsafe AuthorizedKeysCommand "{path}": .*bad ownership or modes for file {path}$')
    path.chmod(0o755)
    os.chown(path, account.pw.pw_uid, 0)
    assert not logs_in(server, account.name)
    os.chown(path, 0, 0)
    path.chmod(0o644)
    assert not logs_in(server, account.name)
    path.unlink()
    assert not logs_in(server, account.name)
    server.wait_log(rf'^Could not stat AuthorizedKeysCommand "{path}": No such file or directory$')


@needs_root
def test_command_without_a_user_is_skipped(sshd, account, commands, folder):
    path = program(commands / 'keys', f'cat {folder}/id.pub\n')
    server = sshd(f'AuthorizedKeysFile none\nAuthorizedKeysCommand {path}')
    assert not logs_in(server, account.name)
    server.wait_log('^No user for AuthorizedKeysCommand specified, skipping$')


@needs_root
def test_files_come_before_the_command(sshd, account, commands, folder):
    """As OpenSSH's code has it (its manual reads as if it were the other way round)."""
    path = program(commands / 'keys', f'touch {folder}/ran\ncat {folder}/id.pub\n')
    folder.chmod(0o777)
    server = sshd(f'AuthorizedKeysCommand {path}\nAuthorizedKeysCommandUser nobody')
    assert logs_in(server, account.name)
    assert not (folder / 'ran').exists()
    server.authorized.write_text('')
    assert logs_in(server, account.name)
    assert (folder / 'ran').exists()


@needs_root
def test_command_ends_with_the_time_to_log_in(sshd, account, commands, folder):
    mark = folder / 'pid'
    mark.touch()
    mark.chmod(0o666)
    path = program(commands / 'keys', f'echo $$ > {mark}\nexec sleep 60\n')
    server = sshd(f'LoginGraceTime 1\nAuthorizedKeysFile none\nAuthorizedKeysCommand {path}\nAuthorizedKeysCommandUser nobody')
    assert not logs_in(server, account.name)
    pid = int(mark.read_text())
    wait_for(lambda: not os.path.exists(f'/proc/{pid}'))
