"""A user logs in with Debian's ssh: key, password, keyboard-interactive; commands and shells on a pty."""
import os, pty, re, select, subprocess, time

import paramiko
import pytest

from conftest import keygen, wait_for


def test_command(anyone):
    server = anyone()
    r = server.ssh('echo out; echo err >&2; exit 7')
    assert (r.stdout, r.stderr, r.returncode) == ('out\n', 'err\n', 7)
    server.wait_log(r'^Accepted publickey for \S+ from 127.0.0.1 port \d+ ssh2: ED25519 SHA256:\S+$')
    server.wait_log(r'^Disconnected from user \S+ 127.0.0.1 port \d+$')


def test_standard_input_and_bulk(anyone):
    server = anyone()
    size = 20_000_000
    r = subprocess.run([*server.arguments(), f'wc -c; head -c {size} /dev/zero'], input=b'x' * size, capture_output=True, timeout=60)
    first, rest = r.stdout.split(b'\n', 1)
    assert int(first) == size and len(rest) == size


def test_exit_by_signal_is_told(anyone):
    server = anyone()
    r = server.ssh('kill -TERM $$')
    assert r.returncode == 255


class Terminal:
    """ssh -tt on a pty of ours: what a person would see and type."""

    def __init__(self, command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ['TERM'] = 'vt100'
            os.execv(command[0], command)
        self.seen = b''

    def expect(self, word, seconds=15):
        end = time.monotonic() + seconds
        while word not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    got = os.read(self.fd, 65536)
                except OSError:
                    got = b''
                assert got, self.seen
                self.seen += got
        before, _, self.seen = self.seen.partition(word)
        return before

    def sees(self, word):
        try:
            return self.expect(word, 0.3) is not None
        except AssertionError:
            return False

    def type(self, text):
        os.write(self.fd, text)

    def wait(self):
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_shell_on_a_pty(anyone):
    t = Terminal(anyone('AcceptEnv LANG').arguments('-tt'))
    t.type(b'stty -echo; PS1="<prom""pt>"; echo term=$TERM; tty; echo rea""dy\n')
    t.expect(b'term=vt100')
    t.expect(b'/dev/pts/')
    t.expect(b'ready')
    t.expect(b'<prompt>')
    t.type(b'echo slee""ping; sleep 100\n')
    t.expect(b'sleeping')
    # The terminal of the server makes a signal of it; a shell that is just about to start its job may swallow one.
    wait_for(lambda: t.type(b'\x03') or t.sees(b'<prompt>'), every=0.2)
    t.type(b'echo back again; exit 5\n')
    t.expect(b'back again')
    assert t.wait() == 5


def test_window_change_reaches_the_pty(anyone):
    import fcntl, struct, termios
    server = anyone()
    t = Terminal(server.arguments('-tt'))
    t.type(b'stty -echo; while [ "$(stty size)" != "41 133" ]; do sleep 0.05; done; echo cha""nged\n')
    wait_for(lambda: 'Starting session' in server.text())
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 41, 133, 0, 0))
    t.expect(b'changed')
    t.type(b'exit\n')
    t.wait()


def test_environment(sshd):
    server = sshd('AcceptEnv LANG LC_*\nSetEnv FIXED=by-admin\nUsePAM no')
    r = server.ssh('env', options=['-o', 'SendEnv=LC_TEST FOO', '-o', 'SetEnv=LANG=xx FOO=bar'], env={**os.environ, 'LC_TEST': 'yes', 'FOO': 'no'})
    env = dict(line.split('=', 1) for line in r.stdout.splitlines() if '=' in line)
    assert env['LANG'] == 'xx' and env['LC_TEST'] == 'yes' and env['FIXED'] == 'by-admin' and 'FOO' not in env
    assert env['SSH_CONNECTION'].endswith(f' 127.0.0.1 {server.port}') and env['SSH_CLIENT'].endswith(f' {server.port}')
    assert env['USER'] == env['LOGNAME'] and env['HOME'] and env['SHELL'] and env['MAIL'].startswith('/var/mail/')


def ask(server, account, password, method, options=()):
    """ssh with a script that answers the prompt."""
    helper = server.dir / 'askpass'
    helper.write_text(f"#!/bin/sh\necho '{password}'\n")
    helper.chmod(0o755)
    env = {**os.environ, 'SSH_ASKPASS': str(helper), 'SSH_ASKPASS_REQUIRE': 'force'}
    return server.ssh('id -un', login=account.name, env=env,
                      options=['-o', 'BatchMode=no', '-o', f'PreferredAuthentications={method}', '-o', 'NumberOfPasswordPrompts=1', *options])


@pytest.mark.parametrize('pam', ['yes', 'no'])
@pytest.mark.parametrize('method', ['password', 'keyboard-interactive'])
def test_password(sshd, account, method, pam):
    server = sshd(f'UsePAM {pam}\nKbdInteractiveAuthentication yes')
    good = ask(server, account, account.password, method)
    assert good.stdout == account.name + '\n', good.stderr + server.text()
    sub = '/pam' if method != 'password' and pam == 'yes' else ''
    server.wait_log(rf'^Accepted {method}{sub} for {account.name} from 127.0.0.1 port \d+ ssh2$')
    bad = ask(server, account, 'wrong', method)
    assert bad.returncode == 255 and 'Permission denied' in bad.stderr
    server.wait_log(rf'^Failed {method}{sub} for {account.name} from')


def test_paramiko(sshd, account):
    server = sshd('UsePAM yes\nKbdInteractiveAuthentication yes')
    with paramiko.SSHClient() as c:
        c.load_host_keys(str(server.known_hosts))
        c.connect('127.0.0.1', server.port, account.name, account.password, look_for_keys=False, allow_agent=False)
        _, out, _ = c.exec_command('id -un; exit 9')
        assert out.read().decode() == account.name + '\n' and out.channel.recv_exit_status() == 9
        t = paramiko.Transport(('127.0.0.1', server.port))
        t.start_client()
        t.auth_interactive(account.name, lambda title, text, prompts: [account.password for _ in prompts])
        assert t.is_authenticated()
        t.close()


def test_several_sessions_in_one_connection(sshd):
    server = sshd('MaxSessions 3')
    with paramiko.SSHClient() as c:
        c.load_host_keys(str(server.known_hosts))
        c.connect('127.0.0.1', server.port, os.environ.get('USER', 'root'), key_filename=str(server.key), look_for_keys=False, allow_agent=False)
        running = [c.exec_command('cat') for _ in range(3)]
        with pytest.raises(paramiko.ChannelException):
            c.get_transport().open_session()
        for i, (stdin, out, _) in enumerate(running):
            stdin.write(f'number {i}\n')
            stdin.channel.shutdown_write()
            assert out.read().decode() == f'number {i}\n'
        wait_for(lambda: 'Close session' in server.text())
        stdin, out, _ = c.exec_command('echo again')
        assert out.read() == b'again\n'


def test_all_key_types(sshd):
    server = sshd()
    keys = []
    for kind, more in (('rsa', ['-b', '2048']), ('ecdsa', ['-b', '256']), ('ecdsa', ['-b', '521'])):
        keys.append(keygen(server.dir / f'id_{kind}{more[1]}', kind, *more))
    with open(server.authorized, 'a') as f:
        for k in keys:
            f.write(open(f'{k}.pub').read())
    for k in keys:
        server.key = k
        assert server.ssh('echo yes').stdout == 'yes\n', server.text()


def test_signature_algorithms_of_the_users_block(sshd, bindir, account):
    """ext-info-in-auth@openssh.com: once the user is named, the client hears what holds for him."""
    server = sshd(f'PubkeyAcceptedAlgorithms ssh-ed25519,ssh-rsa\nMatch User {account.name}\nPubkeyAcceptedAlgorithms ssh-ed25519')
    line = server.arguments('-o', 'LogLevel=DEBUG', login=account.name)
    r = subprocess.run([str(bindir / 'ssh'), *line[1:], 'true'], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30)
    told = re.findall(r'server-sig-algs=<(.*?)>', r.stderr)
    assert r.returncode == 0 and told == ['ssh-ed25519,ssh-rsa', 'ssh-ed25519'], r.stderr
