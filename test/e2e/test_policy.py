"""Who may log in, with what, and what the log says about it."""
import os, pathlib, re, subprocess, time

import paramiko
import pytest

from conftest import ROOT, keygen, wait_for
from test_login import ask

needs_root = pytest.mark.skipif(not ROOT, reason='needs root')


def own(account, server):
    """The account's own key file, so that it may come in by the server's key."""
    return server.ssh('echo in', login=account.name)


@pytest.mark.parametrize('lines, why', [
    ('DenyUsers {u}', 'listed in DenyUsers'),
    ('DenyUsers other {u}@127.0.0.0/8', 'listed in DenyUsers'),
    ('AllowUsers other', 'not listed in AllowUsers'),
    ('AllowUsers {u}@10.0.0.0/8', 'not listed in AllowUsers'),
    ('DenyGroups {u}', 'a group is listed in DenyGroups'),
    ('AllowGroups wheel-x', "none of user's groups are listed in AllowGroups"),
    ('Match User {u}\nDenyUsers {u}', 'listed in DenyUsers'),
])
def test_refused_by_name(sshd, account, lines, why):
    server = sshd(lines.format(u=account.name))
    assert own(account, server).returncode == 255
    server.wait_log(f'^User {account.name} from 127.0.0.1 not allowed because {why}$')
    server.wait_log(rf'^Connection closed by invalid user {account.name} 127.0.0.1 port \d+ \[preauth\]$')


@pytest.mark.parametrize('lines', ['AllowUsers {u}@127.0.0.1', 'AllowUsers a* {u}', 'AllowGroups x {u}', 'DenyUsers !{u},x*',
                                   'DenyUsers *\nMatch User {u} Address 127.0.0.0/8\nDenyUsers nobody-x'])
def test_let_in_by_name(sshd, account, lines):
    assert own(account, sshd(lines.format(u=account.name))).stdout == 'in\n'


def test_unknown_user(sshd):
    server = sshd()
    assert server.ssh('true', login='nosuch').returncode == 255
    server.wait_log(r'^Invalid user nosuch from 127.0.0.1 port \d+$')
    server.wait_log(r'^Connection closed by invalid user nosuch 127.0.0.1 port \d+ \[preauth\]$')


@needs_root
@pytest.mark.parametrize('value, key, password', [('yes', True, True), ('no', False, False), ('prohibit-password', True, False),
                                                  ('without-password', True, False), ('forced-commands-only', False, False)])
def test_root(sshd, value, key, password):
    server = sshd(f'PermitRootLogin {value}')
    assert (server.ssh('echo in', login='root').returncode == 0) == key
    if not key:
        server.wait_log(r'^ROOT LOGIN REFUSED FROM 127.0.0.1 port \d+$')


@needs_root
def test_root_with_a_forced_command(sshd):
    server = sshd('PermitRootLogin forced-commands-only')
    server.authorized.write_text('command="echo forced" ' + server.authorized.read_text())
    assert server.ssh('echo in', login='root').stdout == 'forced\n'


@needs_root
def test_locked_and_expired_accounts(sshd, account):
    server = sshd()
    try:
        subprocess.run(['passwd', '-q', '-l', account.name], check=True)
        assert own(account, server).returncode == 255
        server.wait_log(f'^User {account.name} not allowed because account is locked$')
    finally:
        subprocess.run(['passwd', '-q', '-u', account.name], check=True)
    try:
        subprocess.run(['chage', '-E', '1', account.name], check=True)
        assert own(account, server).returncode == 255
        server.wait_log(f'^Account {account.name} has expired$')
    finally:
        subprocess.run(['chage', '-E', '-1', account.name], check=True)
    assert own(account, server).stdout == 'in\n'


@needs_root
def test_shell_must_exist(sshd, account):
    server = sshd()
    try:
        subprocess.run(['usermod', '-s', '/bin/no-such-shell', account.name], check=True)
        assert own(account, server).returncode == 255
        server.wait_log(f'^User {account.name} not allowed because shell /bin/no-such-shell does not exist$')
    finally:
        subprocess.run(['usermod', '-s', '/bin/sh', account.name], check=True)


def test_authentication_methods(sshd, account):
    server = sshd('AuthenticationMethods publickey,password keyboard-interactive:bsdauth')
    r = ask(server, account, account.password, 'publickey,password')
    assert r.stdout == account.name + '\n', server.text()
    server.wait_log(f'^Partial publickey for {account.name} from')
    server.wait_log(f'^Accepted password for {account.name} from')
    assert ask(server, account, account.password, 'password').returncode == 255
    assert server.ssh('true', login=account.name).returncode == 255


@needs_root
@pytest.mark.parametrize('pam', ['yes', 'no'])
def test_empty_passwords(sshd, account, pam):
    try:
        subprocess.run(['passwd', '-q', '-d', account.name], check=True)
        quiet = ['-o', 'PreferredAuthentications=none,password', '-o', 'PubkeyAuthentication=no']
        server = sshd(f'UsePAM {pam}\nPermitEmptyPasswords yes')
        assert server.ssh('echo in', login=account.name, options=quiet).stdout == 'in\n', server.text()
        assert server.ssh('echo in', login='nosuch', options=quiet).returncode == 255
        server = sshd(f'UsePAM {pam}')
        assert server.ssh('echo in', login=account.name, options=quiet).returncode == 255
        assert ask(server, account, '', 'password').returncode == 255
    finally:
        subprocess.run(['chpasswd'], input=f'{account.name}:{account.password}', text=True, check=True)


def test_one_key_counts_once(sshd, account):
    server = sshd('AuthenticationMethods publickey,publickey')
    assert own(account, server).returncode == 255
    server.wait_log('refusing previously-used ED25519 key')
    second = keygen(server.dir / 'second')
    with open(server.authorized, 'a') as f:
        f.write(pathlib.Path(f'{second}.pub').read_text())
    assert server.ssh('echo in', login=account.name, options=['-i', str(second)]).stdout == 'in\n'


def test_tries(sshd, account):
    server = sshd('MaxAuthTries 2')
    t = paramiko.Transport(('127.0.0.1', server.port))
    t.start_client()
    with pytest.raises(paramiko.AuthenticationException):
        t.auth_password(account.name, 'bad')
    with pytest.raises(paramiko.SSHException):
        t.auth_password(account.name, 'bad')
    server.wait_log(rf'^maximum authentication attempts exceeded for {account.name} from 127.0.0.1 port \d+ ssh2')
    server.wait_log(rf'^Disconnecting authenticating user {account.name} 127.0.0.1 port \d+: Too many authentication failures \[preauth\]$')
    t.close()


def test_banner(sshd, folder):
    (folder / 'hello').write_text('Mind the gap\n')
    server = sshd(f'Banner {folder}/hello')
    assert 'Mind the gap' in server.ssh('true', options=['-o', 'LogLevel=INFO']).stderr


def test_strict_modes(sshd, account):
    home = pathlib.Path(account.pw.pw_dir)
    server = sshd('StrictModes yes\nAuthorizedKeysFile .ssh/authorized_keys')
    ssh = home / '.ssh'
    ssh.mkdir(exist_ok=True)
    keys = ssh / 'authorized_keys'
    keys.write_text(server.authorized.read_text())
    for p in (ssh, keys):
        os.chown(p, account.pw.pw_uid, account.pw.pw_gid)
    ssh.chmod(0o700)
    keys.chmod(0o600)
    assert own(account, server).stdout == 'in\n', server.text()
    keys.chmod(0o666)
    assert own(account, server).returncode == 255
    server.wait_log(f'^Authentication refused: bad ownership or modes for file {keys}$')
    keys.chmod(0o600)
    ssh.chmod(0o777)
    assert own(account, server).returncode == 255
    server.wait_log(f'^Authentication refused: bad ownership or modes for directory {ssh}$')


@pytest.mark.parametrize('options, command, out, code', [
    ('command="echo forced; echo was $SSH_ORIGINAL_COMMAND"', 'echo mine', 'forced\nwas echo mine\n', 0),
    ('from="127.0.0.1"', 'echo mine', 'mine\n', 0),
    ('from="!127.0.0.1,*"', 'echo mine', '', 255),
    ('from="10.0.0.0/8"', 'echo mine', '', 255),
    ('restrict', 'echo mine', 'mine\n', 0),
    ('environment="X=by-key"', 'echo $X', 'by-key\n', 0),
    ('expiry-time="20200101"', 'echo mine', '', 255),
    ('expiry-time="29990101"', 'echo mine', 'mine\n', 0),
    ('cert-authority', 'echo mine', '', 255),
    ('tunnel="1"', 'echo mine', '', 255),
    ('no-such-option', 'echo mine', '', 255),
    ('permitopen="a:1",no-X11-forwarding', 'echo mine', 'mine\n', 0),
])
def test_key_options(sshd, options, command, out, code):
    server = sshd('PermitUserEnvironment yes')
    server.authorized.write_text(f'{options} {server.authorized.read_text()}')
    r = server.ssh(command)
    assert (r.stdout, r.returncode) == (out, code), server.text()


def test_no_pty(sshd):
    server = sshd()
    server.authorized.write_text('no-pty ' + server.authorized.read_text())
    r = server.ssh('tty', options=['-tt', '-o', 'LogLevel=INFO'])
    assert 'PTY allocation request failed' in r.stderr
    assert server.ssh('echo still').stdout == 'still\n'
    server = sshd('PermitTTY no')
    r = server.ssh('tty', options=['-tt', '-o', 'LogLevel=INFO'])
    assert 'PTY allocation request failed' in r.stderr


def test_forced_command_of_the_configuration(sshd):
    server = sshd('ForceCommand echo forced $SSH_ORIGINAL_COMMAND\nSubsystem echo echo sub')
    assert server.ssh('x y').stdout == 'forced x y\n'
    assert server.ssh('echo', options=['-s']).stdout.startswith('forced')


def test_subsystem(sshd):
    server = sshd('Subsystem greet echo hello from; id -u')
    assert server.ssh('greet', options=['-s']).stdout.startswith('hello from')
    assert server.ssh('other', options=['-s']).returncode == 255
    server.wait_log('^subsystem request for other by user .* failed, subsystem not found$')


def test_grace_time(sshd):
    import socket
    server = sshd('LoginGraceTime 1')
    with socket.create_connection(('127.0.0.1', server.port)) as s:
        s.settimeout(20)
        while s.recv(4096):
            pass
    server.wait_log(r'^Timeout before authentication for connection from 127.0.0.1 to 127.0.0.1, pid = \d+$')


def test_max_startups(sshd):
    import socket
    server = sshd('MaxStartups 2:100:3')
    first = [socket.create_connection(('127.0.0.1', server.port)) for _ in range(2)]
    for s in first:
        assert s.recv(4).startswith(b'SSH-')
    with socket.create_connection(('127.0.0.1', server.port)) as s:
        assert s.recv(100).startswith(b'Not allowed at this time')
    server.wait_log(r'^drop connection #2 from \[127.0.0.1\]:\d+ on \[127.0.0.1\]:\d+ Maxstartups$')
    for s in first:
        s.close()
    wait_for(lambda: server.ssh('true').returncode == 0)


def test_penalties(sshd):
    server = sshd('PerSourcePenalties authfail:60 min:50 max:100')
    other = keygen(server.dir / 'other')
    server.key, good = other, server.key
    assert server.ssh('true').returncode == 255
    server.key = good
    wait_for(lambda: server.ssh('true').returncode == 255)
    server.wait_log(r'^drop connection #\d+ from \[127.0.0.1\]:\d+ on \[127.0.0.1\]:\d+ penalty: failed authentication$')


def test_refuse_connection(sshd):
    server = sshd('Match Address 127.0.0.1\nRefuseConnection yes')
    assert server.ssh('true').returncode == 255
    server.wait_log('administratively prohibited connection')


def test_wrong_version_and_no_common_algorithm(sshd):
    import socket
    server = sshd()
    with socket.create_connection(('127.0.0.1', server.port)) as s:
        s.sendall(b'GET / HTTP/1.0\r\n\r\n')
        s.settimeout(10)
        while s.recv(4096):
            pass
    server.wait_log(r'^kex_exchange_identification: client sent invalid protocol identifier "GET / HTTP/1.0"$')
    server.wait_log(r'^banner exchange: Connection from 127.0.0.1 port \d+: invalid format$')
    server.ssh('true', options=['-c', '3des-cbc'])
    server.wait_log(r'^Unable to negotiate with 127.0.0.1 port \d+: no matching cipher found. Their offer: 3des-cbc \[preauth\]$')
    socket.create_connection(('127.0.0.1', server.port)).close()
    server.wait_log(r'^kex_exchange_identification: (Connection closed by remote host|read: Connection reset by peer)$')


def test_scanners_are_named(sshd):
    import socket
    server = sshd()
    for line, word in (('SSH-2.0-SSH_Version_Mapper', 'scanned'), ('SSH-2.0-Probe-7', 'probed')):
        with socket.create_connection(('127.0.0.1', server.port)) as s:
            s.sendall(line.encode() + b'\r\n')
            s.settimeout(10)
            while s.recv(4096):
                pass
        server.wait_log(rf"^{word} from 127.0.0.1 port \d+ with {line}\. Don't panic\.$")


def test_log_lines_cannot_be_forged(sshd):
    server = sshd()
    t = paramiko.Transport(('127.0.0.1', server.port))
    t.start_client()
    with pytest.raises(paramiko.SSHException):
        t.auth_password('x\nAccepted publickey for root from 192.0.2.1 port 1 ssh2\x1b[2J', 'p')
    t.close()
    server.wait_log(r'^Invalid user x\\nAccepted publickey for root')
    assert not re.search(r'^Accepted', server.text(), re.M) and '\x1b' not in server.text()
