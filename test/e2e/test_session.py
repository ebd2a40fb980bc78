"""What a user finds after the login: words, files, environment, terminals; and long lives of a connection."""
import os, pathlib, re, shutil, socket, subprocess, time

import paramiko
import pytest

from conftest import ROOT, wait_for
from test_login import Terminal, ask

needs_root = pytest.mark.skipif(not ROOT, reason='needs root')


@pytest.fixture
def home(account):
    """The account's home, swept afterwards."""
    path = pathlib.Path(account.pw.pw_dir)
    before, made = set(path.iterdir()), []

    def put(name, text, mode=0o644):
        p = path / name
        for d in reversed([q for q in p.parents if path in q.parents]):
            d.mkdir(exist_ok=True)
            os.chown(d, account.pw.pw_uid, account.pw.pw_gid)
        p.write_text(text)
        p.chmod(mode)
        os.chown(p, account.pw.pw_uid, account.pw.pw_gid)
        made.append(p)
    yield put
    for p in made:
        p.unlink(missing_ok=True)                        # also in folders that were there before
    for p in set(path.iterdir()) - before:
        shutil.rmtree(p) if p.is_dir() else p.unlink()


def screen(server, login):
    """Everything a login shell on a pty shows before its first command is done."""
    t = Terminal(server.arguments('-tt', login=login))
    t.type(b'echo en""d; exit\n')
    seen = t.expect(b'end')
    t.wait()
    return seen.decode()


def test_message_of_the_day_and_hushlogin(sshd, account, home):
    motd = pathlib.Path('/etc/motd')
    words = motd.read_text().split() if motd.exists() else []
    server = sshd('PrintMotd yes')
    server.ssh('true', login=account.name)
    seen = screen(server, account.name)
    assert all(w in seen for w in words[:5])
    assert words[0:1] == [] or words[0] not in server.ssh('echo only', login=account.name).stdout
    home('.hushlogin', '')
    assert 'Last login' not in screen(server, account.name)
    assert not words or ' '.join(words[:3]) not in screen(server, account.name)


@needs_root
def test_last_login_is_told(sshd, account):
    if not os.path.exists('/var/log/lastlog'):
        pytest.skip('no lastlog on this host')
    server = sshd('PrintLastLog yes\nPrintMotd no')
    screen(server, account.name)
    assert re.search(r'Last login: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} from 127.0.0.1', screen(server, account.name))
    server = sshd('PrintLastLog no')
    assert 'Last login' not in screen(server, account.name)


def test_rc_file(sshd, account, home):
    home('.ssh/rc', 'echo from rc; cat\n', 0o755)
    server = sshd()
    assert server.ssh('echo command', login=account.name).stdout == 'from rc\ncommand\n'
    assert server.ssh('cat', login=account.name, input='kept').stdout == 'from rc\nkept'
    server = sshd('PermitUserRC no')
    assert server.ssh('echo command', login=account.name).stdout == 'command\n'
    server = sshd()
    server.authorized.write_text('no-user-rc ' + server.authorized.read_text())
    assert server.ssh('echo command', login=account.name).stdout == 'command\n'
    # A key's own command has it, the administrator's has not.
    server = sshd()
    server.authorized.write_text('command="echo forced" ' + server.authorized.read_text())
    assert server.ssh('x', login=account.name).stdout == 'from rc\nforced\n'
    assert sshd('ForceCommand echo forced').ssh('x', login=account.name).stdout == 'forced\n'


def test_user_environment(sshd, account, home):
    home('.ssh/environment', '# comment\nGOOD=1\nBAD=2\nbroken\n')
    show = lambda server: server.ssh('echo "$GOOD$BAD"', login=account.name).stdout
    assert show(sshd('PermitUserEnvironment no')) == '\n'
    assert show(sshd('PermitUserEnvironment yes')) == '12\n'
    assert show(sshd('PermitUserEnvironment GO*')) == '1\n'


def test_shell_is_a_login_shell_for_shells_only(sshd, account):
    server = sshd()
    t = Terminal(server.arguments('-tt', login=account.name))
    t.type(b'echo "is $0 at $PWD"; exit\n')
    t.expect(f'is -sh at {account.pw.pw_dir}'.encode())
    t.wait()
    assert server.ssh('echo $0', login=account.name).stdout == 'sh\n'


IDLE = [('session=1s', 'sleep 60'), ('session:comm*=1s', 'sleep 60'), ('*=1s', 'sleep 60'), ('global=1s', 'sleep 60')]
BUSY = [('session:shell=1s', 'sleep 3; echo still'), ('session=1s', 'for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.4; done; echo still'), ('session:subsystem:*=1s x11-connection=1s', 'sleep 3; echo still'),
        ('session=0 *=1s', 'sleep 3; echo still')]


@pytest.mark.parametrize('timeouts,command', IDLE)
def test_idle_channels_are_closed(sshd, timeouts, command):
    server = sshd(f'ChannelTimeout {timeouts}')
    assert server.ssh('-tt', command).returncode == 255
    server.wait_log(r'closing( all channels)? after 1 seconds of inactivity')


@pytest.mark.parametrize('timeouts,command', BUSY)
def test_busy_channels_are_not(sshd, timeouts, command):
    assert sshd(f'ChannelTimeout {timeouts}').ssh(command).stdout.endswith('still\n')


def test_unused_connections_are_ended(sshd):
    server = sshd('UnusedConnectionTimeout 1s')
    assert server.ssh('sleep 2; echo used').stdout == 'used\n'
    assert 'inactive' not in server.text()
    assert server.ssh(options=['-N']).returncode == 255
    server.wait_log(r'^terminating inactive connection from user \S+ 127.0.0.1 port \d+$')


@needs_root
def test_chroot(sshd, account):
    import tempfile
    root = pathlib.Path(tempfile.mkdtemp(prefix='jail', dir='/var/lib'))
    root.chmod(0o755)
    try:
        (root / 'bin').mkdir()
        shutil.copy('/bin/busybox' if os.path.exists('/bin/busybox') else '/bin/sh', root / 'bin/sh')
        for line in subprocess.run(['ldd', '/bin/sh'], capture_output=True, text=True).stdout.splitlines():
            lib = re.search(r'(/\S+)', line)
            if lib:
                target = root / lib.group(1)[1:]
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(lib.group(1), target)
        server = sshd(f'Match User {account.name}\nChrootDirectory {root}')
        r = server.ssh('cd /; echo *', login=account.name)
        assert 'bin' in r.stdout and 'usr' not in r.stdout.split() and 'Could not chdir to home directory' in r.stderr
        root.chmod(0o777)
        assert server.ssh('echo in', login=account.name).stdout == ''
        server.wait_log(f'bad ownership or modes for chroot directory "{root}"')
    finally:
        shutil.rmtree(root)


def test_auth_info(sshd, account):
    server = sshd('ExposeAuthInfo yes')
    out = server.ssh('cat $SSH_USER_AUTH; ls -l $SSH_USER_AUTH; echo $SSH_USER_AUTH', login=account.name).stdout.splitlines()
    assert out[0].startswith('publickey ssh-ed25519 AAAA') and out[1].startswith('-rw-------')
    wait_for(lambda: not os.path.exists(out[2]))


@needs_root
def test_expired_password_must_be_changed(sshd, account):
    server = sshd()
    try:
        subprocess.run(['chage', '-d', '0', account.name], check=True)
        r = server.ssh('echo never', login=account.name)
        assert 'never' not in r.stdout and 'Password change required but no TTY available.' in r.stderr
        t = Terminal(server.arguments('-tt', login=account.name))
        t.expect(b'You must change your password now')
        t.expect(b'urrent')                 # passwd(1) asks
        os.kill(t.pid, 9)
        t.wait()
    finally:
        subprocess.run(['chage', '-d', time.strftime('%Y-%m-%d'), account.name], check=True)


@needs_root
def test_pam_account_and_session(sshd, account):
    """A service of our own: what its modules say is done."""
    service = pathlib.Path(f'/etc/pam.d/hawser-test-{os.getpid()}')
    env = pathlib.Path(f'/etc/security/hawser-test-{os.getpid()}')
    env.write_text('FROM_PAM=yes\n')
    base = 'auth required pam_unix.so\nsession optional pam_echo.so Words of a module\n' \
           f'session required pam_env.so readenv=1 envfile={env}\n'
    try:
        service.write_text(base + 'account required pam_unix.so\n')
        server = sshd(f'UsePAM yes\nPAMServiceName {service.name}')
        assert server.ssh('echo $FROM_PAM', login=account.name).stdout == 'yes\n', server.text()
        assert 'Words of a module' in screen(server, account.name)
        service.write_text(base + 'account requisite pam_echo.so Not you\naccount requisite pam_deny.so\n')
        r = server.ssh('echo in', login=account.name, options=['-o', 'LogLevel=INFO'])
        assert r.returncode == 255 and r.stdout == ''
        server.wait_log(f'^Access denied for user {account.name} by PAM account configuration \\[preauth\\]$')
        service.write_text(base + 'account required pam_unix.so\nsession required pam_deny.so\n')
        r = server.ssh('echo in', login=account.name)
        assert (r.returncode, r.stdout) == (254, '')
        server.wait_log(r'pam_open_session\(\)')
    finally:
        service.unlink()
        env.unlink()


def test_keyboard_interactive_given_up_for_a_key(sshd, account):
    """RFC 4256, 3.1: another request in the middle ends the conversation, and PAM is ready for the next."""
    server = sshd('UsePAM yes\nKbdInteractiveAuthentication yes')
    for _ in range(2):
        m = paramiko.Transport(('127.0.0.1', server.port))
        m.start_client()

        def turn_away(title, text, prompts):
            raise KeyboardInterrupt
        from paramiko.auth_handler import AuthHandler
        from paramiko.message import Message
        asked = []
        real = AuthHandler._parse_userauth_info_request
        AuthHandler._client_handler_table[60] = lambda self, msg: asked.append(msg)
        try:
            import threading
            m.auth_handler = AuthHandler(m)
            done = threading.Event()
            m.auth_handler.auth_interactive(account.name, turn_away, done)
            wait_for(lambda: asked)
        finally:
            AuthHandler._client_handler_table[60] = real
        m.auth_publickey(account.name, paramiko.Ed25519Key.from_private_key_file(str(server.key)))
        assert m.is_authenticated()
        m.close()


def test_rekey_while_data_flows(sshd):
    server = sshd('RekeyLimit 1M 2s')
    size = 30_000_000
    r = subprocess.run([*server.arguments('-o', 'RekeyLimit=3M'), f'wc -c; head -c {size} /dev/zero; sleep 3; echo end'], input=b'x' * size, capture_output=True, timeout=120)
    first, rest = r.stdout.split(b'\n', 1)
    assert int(first) == size and len(rest) == size + 4 and rest.endswith(b'end\n')


@pytest.mark.parametrize('options', [['-C'], ['-c', 'aes256-gcm@openssh.com'], ['-c', 'aes192-ctr', '-m', 'umac-128@openssh.com'],
                                     ['-o', 'KexAlgorithms=diffie-hellman-group-exchange-sha256'], ['-o', 'KexAlgorithms=ecdh-sha2-nistp521'],
                                     ['-o', 'KexAlgorithms=diffie-hellman-group16-sha512']])
def test_algorithms(sshd, options):
    server = sshd('KexAlgorithms +diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512')
    data = os.urandom(200_000)
    r = subprocess.run([*server.arguments(*options), 'cat'], input=data, capture_output=True, timeout=60)
    assert r.stdout == data, r.stderr


def test_host_keys_of_every_type(sshd, folder):
    from conftest import keygen
    more = ''.join(f'HostKey {keygen(folder / f"host_{k}", k)}\n' for k in ('ecdsa', 'rsa'))
    server = sshd(more)
    for name in ('ecdsa', 'rsa'):
        with open(server.known_hosts, 'a') as f:
            f.write(f'[127.0.0.1]:{server.port} ' + (folder / f'host_{name}.pub').read_text())
    for alg in ('ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256'):
        assert server.ssh('echo yes', options=['-o', f'HostKeyAlgorithms={alg}']).stdout == 'yes\n', (alg, server.text())


def test_daemon(bindir, sshd):
    """Without -D: in the background, with a pid file, its log where -E says."""
    server = sshd()
    server.stop()
    log = server.dir / 'daemon'
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(server.dir / 'notify'))
    notify.settimeout(10)
    r = subprocess.run([bindir / 'sshd', '-f', server.config, '-E', log], timeout=20, env={**os.environ, 'NOTIFY_SOCKET': str(server.dir / 'notify')})
    assert r.returncode == 0
    pid = int(wait_for(lambda: (server.dir / 'pid').exists() and (server.dir / 'pid').read_text().strip()))
    try:
        assert b'READY=1' in notify.recv(200)
        assert server.ssh('echo by the daemon').stdout == 'by the daemon\n'
        assert 'Accepted publickey' in log.read_text()
        assert os.getsid(pid) == pid or os.getpgid(pid) == pid
    finally:
        os.kill(pid, 15)
    wait_for(lambda: not (server.dir / 'pid').exists())
    notify.close()


def test_signal_and_break_requests(sshd):
    server = sshd()
    with paramiko.SSHClient() as c:
        c.load_host_keys(str(server.known_hosts))
        c.connect('127.0.0.1', server.port, os.environ.get('USER', 'root'), key_filename=str(server.key), look_for_keys=False, allow_agent=False)
        chan = c.get_transport().open_session()
        chan.exec_command('trap "echo caught" USR1; echo ready; while :; do sleep 0.05; done')
        assert chan.recv(100) == b'ready\n'
        m = paramiko.Message()
        m.add_byte(bytes([98])), m.add_int(chan.remote_chanid), m.add_string('signal'), m.add_boolean(False), m.add_string('USR1')
        c.get_transport()._send_user_message(m)
        assert chan.recv(100) == b'caught\n'
        m = paramiko.Message()
        m.add_byte(bytes([98])), m.add_int(chan.remote_chanid), m.add_string('signal'), m.add_boolean(False), m.add_string('KILL')
        c.get_transport()._send_user_message(m)
        wait_for(lambda: chan.closed)
