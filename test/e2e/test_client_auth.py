"""Proving who we are: key files and their passphrases, agents, passwords, questions, and the order of all of them."""
import os, pathlib, re, subprocess

import pytest

from client_lab import ME, add_fixtures, both
from conftest import keygen, wait_for

server, lab = add_fixtures('KbdInteractiveAuthentication yes')
NO = ['-o', 'IdentitiesOnly=yes']


def authorize(lab, path):
    with open(lab.server.authorized, 'a') as f:
        f.write(pathlib.Path(f'{path}.pub').read_text())


def make_key(lab, kind='ed25519', passphrase='', form=None, name='k', known=True):
    path = lab.dir / name
    subprocess.run(['/usr/bin/ssh-keygen', '-q', '-t', kind, '-N', passphrase, '-C', name, '-f', str(path), *(['-m', form] if form else [])], check=True)
    if known:
        authorize(lab, path)
    return path


def with_key(lab, path, *options, which='ours', env=None, command='echo yes', **more):
    return lab.ssh(command, which=which, key=False, env=env, options=['-i', str(path), *NO, *options], **more)


@both
@pytest.mark.parametrize('kind,form', [('ed25519', None), ('ecdsa', None), ('rsa', None), ('rsa', 'PEM'), ('rsa', 'PKCS8'), ('ecdsa', 'PEM'), ('ecdsa', 'PKCS8')])
@pytest.mark.parametrize('passphrase', ['', 'open sesame'])
def test_key_file(lab, which, kind, form, passphrase):
    key = make_key(lab, kind, passphrase, form)
    env = lab.askpass(passphrase or 'never asked')
    r = with_key(lab, key, which=which, env=env)
    assert r.stdout == 'yes\n', r.stderr
    assert lab.prompts() == (f"Enter passphrase for key '{key}': \n" if passphrase else '')


@both
def test_passphrase_on_the_terminal(lab, which):
    key = make_key(lab, passphrase='open sesame')
    t = lab.terminal('echo "<$((6*7))>"', which=which, key=False, options=['-i', str(key), *NO])
    t.expect(f"Enter passphrase for key '{key}': ")
    t.type('wrong\r')
    t.expect(f"Enter passphrase for key '{key}': ")
    t.type('open sesame\r')
    out = t.rest()
    assert '<42>' in out and 'sesame' not in out and t.end() == 0


@both
def test_passphrase_is_asked_three_times(lab, which):
    key = make_key(lab, passphrase='open sesame')
    r = with_key(lab, key, '-o', 'PreferredAuthentications=publickey', which=which, env=lab.askpass('wrong'))
    assert r.returncode == 255 and lab.prompts().count('Enter passphrase') == 3 and 'Permission denied (' in r.stderr


@both
def test_no_passphrase_is_asked_for_a_key_that_the_server_refuses(lab, which):
    key = make_key(lab, passphrase='open sesame', known=False)
    r = with_key(lab, key, '-o', 'PreferredAuthentications=publickey', which=which, env=lab.askpass('open sesame'))
    assert r.returncode == 255 and lab.prompts() == ''


@both
def test_batch_mode_asks_nothing(lab, which):
    key = make_key(lab, passphrase='open sesame')
    r = with_key(lab, key, '-o', 'BatchMode=yes', which=which, env=lab.askpass('open sesame'))
    assert r.returncode == 255 and lab.prompts() == '' and 'Permission denied (' in r.stderr


@both
def test_open_permissions_are_refused(lab, which):
    key = make_key(lab)
    key.chmod(0o644)
    r = with_key(lab, key, which=which, env=lab.askpass('x'))
    assert r.returncode == 255 and 'too open' in r.stderr and str(key) in r.stderr


@both
def test_missing_key_file(lab, which):
    r = with_key(lab, lab.dir / 'missing', '-o', 'BatchMode=yes', which=which)
    assert r.returncode == 255 and f'Warning: Identity file {lab.dir}/missing not accessible: No such file or directory.' in r.stderr


@both
def test_broken_key_file(lab, which):
    (lab.dir / 'broken').write_text('-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n')
    (lab.dir / 'broken').chmod(0o600)
    r = with_key(lab, lab.dir / 'broken', '-o', 'BatchMode=yes', which=which)
    assert r.returncode == 255 and 'broken' in r.stderr


@both
def test_several_key_files(lab, which):
    bad, good = make_key(lab, name='bad', known=False), make_key(lab, name='good')
    r = lab.ssh('echo yes', which=which, key=False, options=['-i', str(bad), '-i', str(good), *NO])
    assert r.stdout == 'yes\n', r.stderr


# SSH_ASKPASS.

@both
@pytest.mark.parametrize('require,display,asked', [('force', '', True), ('prefer', ':9', True), ('never', ':9', False), ('', ':9', True), ('', '', False), ('force', ':9', True)])
def test_askpass(lab, which, require, display, asked):
    """Without a terminal."""
    key = make_key(lab, passphrase='open sesame')
    env = {**lab.askpass('open sesame'), 'SSH_ASKPASS_REQUIRE': require, 'DISPLAY': display}
    r = with_key(lab, key, '-o', 'PreferredAuthentications=publickey', which=which, env=env)
    assert (r.stdout == 'yes\n', lab.prompts() != '') == (asked, asked), r.stderr


@both
@pytest.mark.parametrize('require,asked', [('force', True), ('prefer', True), ('never', False), ('', False)])
def test_askpass_with_a_terminal(lab, which, require, asked):
    key = make_key(lab, passphrase='open sesame')
    env = {**lab.askpass('open sesame'), 'SSH_ASKPASS_REQUIRE': require, 'DISPLAY': ':9'}
    t = lab.terminal('echo "<$((6*7))>"', which=which, key=False, options=['-i', str(key), *NO], env=env)
    if not asked:
        t.expect('Enter passphrase')
        t.type('open sesame\r')
    t.expect('<42>')
    t.wait()
    assert (lab.prompts() != '') == asked


@both
def test_askpass_that_says_no(lab, which):
    key = make_key(lab, passphrase='open sesame')
    r = with_key(lab, key, '-o', 'PreferredAuthentications=publickey', which=which, env=lab.askpass('open sesame', status=1))
    assert r.returncode == 255 and 'Permission denied' in r.stderr


# Agent.

@pytest.fixture
def agent(lab):
    sock = lab.dir / 'agent'
    p = subprocess.Popen(['/usr/bin/ssh-agent', '-D', '-a', str(sock)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(sock.exists)
    yield sock
    p.kill()
    p.wait()


def add(agent, key, *options, **env):
    subprocess.run(['/usr/bin/ssh-add', '-q', *options, str(key)], env={**os.environ, 'SSH_AUTH_SOCK': str(agent), **env}, check=True, stdin=subprocess.DEVNULL)


def with_agent(lab, agent, *options, which='ours', **env):
    o = ['-o', 'IdentityAgent=SSH_AUTH_SOCK'] if not any('IdentityAgent' in o for o in options) else []
    return lab.ssh('echo yes', which=which, key=False, options=[*options, *o, '-o', 'PreferredAuthentications=publickey', '-v'], env={'SSH_AUTH_SOCK': str(agent), **env})


@both
@pytest.mark.parametrize('kind', ['ed25519', 'ecdsa', 'rsa'])
def test_agent(lab, which, agent, kind):
    add(agent, make_key(lab, kind))
    r = with_agent(lab, agent, which=which)
    assert r.stdout == 'yes\n' and re.search(r'Offering public key: .* agent', r.stderr), r.stderr


@both
def test_identity_agent(lab, which, agent):
    add(agent, make_key(lab))
    for value, works in ((str(agent), True), ('none', False), ('$MY_AGENT', True), ('SSH_AUTH_SOCK', False), ('${MY_AGENT}', True)):
        r = lab.ssh('echo yes', which=which, key=False, options=['-o', f'IdentityAgent={value}', '-o', 'PreferredAuthentications=publickey'],
                    env={'MY_AGENT': str(agent), 'SSH_AUTH_SOCK': ''})
        assert (r.stdout == 'yes\n') == works, (value, r.stderr)


@both
def test_identities_only(lab, which, agent):
    good, other = make_key(lab, name='good'), make_key(lab, name='other', known=False)
    add(agent, good)
    r = with_agent(lab, agent, '-o', 'IdentitiesOnly=yes', '-i', str(other), which=which)
    assert r.returncode == 255 and 'good' not in re.sub(r'identity file.*', '', r.stderr)
    # The agent may sign for a file of which only the public half is there.
    (lab.dir / 'good').unlink()
    r = with_agent(lab, agent, '-o', 'IdentitiesOnly=yes', '-i', f'{good}.pub', which=which)
    assert r.stdout == 'yes\n', r.stderr


def offers(r):
    return re.findall(r'Offering public key: (\S+)', r.stderr)


@both
def test_order_of_keys(lab, which, agent):
    """Files that the agent holds, other keys of the agent, other files."""
    names = ('file', 'only', 'both')
    keys = {n: make_key(lab, name=n, known=False) for n in names}
    add(agent, keys['only'])
    add(agent, keys['both'])
    r = with_agent(lab, agent, '-i', str(keys['file']), '-i', str(keys['both']), which=which)
    assert [pathlib.Path(o).name for o in offers(r)] == ['both', 'only', 'file']


@both
def test_agent_key_behind_a_passphrase_file(lab, which, agent):
    key = make_key(lab, passphrase='open sesame')
    env = lab.askpass('open sesame')
    add(agent, key, **env)
    os.unlink(lab.prompts_file)
    r = with_agent(lab, agent, '-i', str(key), which=which, **env)
    assert r.stdout == 'yes\n' and lab.prompts() == ''


def test_key_that_wants_confirmation_is_not_used_needlessly(lab, agent):
    """Only after the server said that it takes it."""
    ask = lab.dir / 'confirm'
    ask.write_text(f'#!/bin/sh\necho asked >> {lab.dir}/confirmed\n')
    ask.chmod(0o755)
    sock = lab.dir / 'agent2'
    p = subprocess.Popen(['/usr/bin/ssh-agent', '-D', '-a', str(sock)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         env={**os.environ, 'SSH_ASKPASS': str(ask), 'DISPLAY': ':9', 'SSH_ASKPASS_REQUIRE': 'force'})
    try:
        wait_for(sock.exists)
        add(sock, make_key(lab, name='refused', known=False), '-c')
        r = with_agent(lab, sock)
        assert r.returncode == 255 and not (lab.dir / 'confirmed').exists()
        add(sock, make_key(lab, name='good'), '-c')
        r = with_agent(lab, sock)
        assert r.stdout == 'yes\n' and (lab.dir / 'confirmed').read_text() == 'asked\n'
    finally:
        p.kill()
        p.wait()


@both
def test_agent_that_is_not_there(lab, which):
    r = lab.ssh('echo yes', which=which, options=['-o', f'IdentityAgent={lab.dir}/nowhere'])
    assert r.stdout == 'yes\n'


# Passwords and questions.

@both
@pytest.mark.parametrize('method,prompt', [('password', "{me}@127.0.0.1's password: "), ('keyboard-interactive', '({me}@127.0.0.1) Password: ')])
def test_number_of_prompts(lab, which, method, prompt):
    for n in (1, 3):
        r = lab.ssh('true', which=which, key=False, env=lab.askpass('wrong'), options=['-o', f'PreferredAuthentications={method}', '-o', f'NumberOfPasswordPrompts={n}'])
        assert r.returncode == 255 and lab.prompts() == (prompt.format(me=ME) + '\n') * n, r.stderr
        assert 'Permission denied (' in r.stderr and r.stderr.count('Permission denied, please try again.') == (n - 1 if method == 'password' else 0)


@both
@pytest.mark.parametrize('method', ['password', 'keyboard-interactive'])
def test_password(lab, which, method, account):
    r = lab.ssh('id -un', which=which, key=False, host=f'{account.name}@127.0.0.1', env=lab.askpass(account.password), options=['-vvv', '-o', f'PreferredAuthentications={method}'])
    assert r.stdout == account.name + '\n', r.stderr
    assert account.password not in r.stderr and f'using "{method}"' in r.stderr


@both
def test_password_on_the_terminal(lab, which, account):
    t = lab.terminal('id -un', which=which, key=False, host=f'{account.name}@127.0.0.1', options=['-o', 'PreferredAuthentications=password'])
    t.expect(f"{account.name}@127.0.0.1's password: ")
    t.type('wrong\r')
    t.expect('Permission denied, please try again.')
    t.expect('password: ')
    t.type(account.password + '\r')
    out = t.rest()
    assert f'\n{account.name}\r\n' in out and account.password not in out and t.end() == 0


@both
def test_interrupt_at_the_prompt(lab, which):
    t = lab.terminal('true', which=which, key=False, options=['-o', 'PreferredAuthentications=password'])
    t.expect('password: ')
    t.type(b'\x03')
    assert t.wait() in (-2, 130, 255)


@both
@pytest.mark.parametrize('methods,first', [('password', 'password'), ('publickey,password', 'publickey'), ('keyboard-interactive,publickey', 'keyboard-interactive')])
def test_preferred_authentications(lab, which, methods, first):
    r = lab.ssh('true', which=which, env=lab.askpass('wrong'), options=['-v', '-o', f'PreferredAuthentications={methods}', '-o', 'NumberOfPasswordPrompts=1'])
    assert re.findall(r'Next authentication method: (\S+)', r.stderr)[0] == first


@both
def test_switched_off(lab, which):
    r = lab.ssh('true', which=which, env=lab.askpass('wrong'), options=['-v', '-o', 'PubkeyAuthentication=no', '-o', 'PasswordAuthentication=no', '-o', 'KbdInteractiveAuthentication=no'])
    assert r.returncode == 255 and 'Next authentication method' not in r.stderr and lab.prompts() == ''
    assert f'{ME}@127.0.0.1: Permission denied (publickey,password,keyboard-interactive).' in r.stderr


def test_several_methods(bindir, folder, account):
    from client_lab import Lab
    from conftest import Server
    server = Server(bindir, folder, 'AuthenticationMethods publickey,password')
    try:
        lab = Lab(bindir, folder, server)
        for which in ('ours', 'debian'):
            r = lab.ssh('id -un', which=which, host=f'{account.name}@127.0.0.1', env=lab.askpass(account.password), options=['-v'])
            assert r.stdout == account.name + '\n', r.stderr
            assert 'partial success' in r.stderr.lower()
    finally:
        server.stop()


@both
def test_banner(bindir, folder, which):
    from client_lab import Lab
    from conftest import Server
    (folder / 'banner').write_bytes(b'Hello \xc3\xa4\x1b[31mred\nsecond\n')
    server = Server(bindir, folder, f'Banner {folder}/banner')
    try:
        lab = Lab(bindir, folder, server)
        r = lab.ssh('echo yes', which=which)
        assert r.stdout == 'yes\n' and 'Hello ' in r.stderr and 'second\n' in r.stderr and '\x1b' not in r.stderr
        assert 'Hello' not in lab.ssh('true', which=which, options=['-q']).stderr
    finally:
        server.stop()


def test_secrets_do_not_show(lab, account):
    r = lab.ssh('true', key=False, host=f'{account.name}@127.0.0.1', env=lab.askpass(account.password), options=['-vvv', '-o', 'PreferredAuthentications=password'])
    assert r.returncode == 0 and 'secret bytes' in r.stderr and account.password not in r.stderr and account.password.encode().hex() not in r.stderr
