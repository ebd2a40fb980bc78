"""The client where servers are odd and values have blanks: guesses, expired passwords, secrets in traces, syslog, tokens."""
import os, pathlib, shutil, socket, subprocess, sys, threading

import pytest

from client_lab import add_fixtures, both
from conftest import ROOT, free_port

server, lab = add_fixtures()


# A peer that cannot follow a guess.

class Relay:
    """Passes connections on to `port`; one that sends bytes behind its KEXINIT before ours came is dropped."""

    def __init__(self, port):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port, self.to, self.seen = self.listener.getsockname()[1], port, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(near,), daemon=True).start()

    def one(self, near):
        with near, socket.create_connection(('127.0.0.1', self.to)) as far:
            near.sendall(b'SSH-2.0-OpenSSH_7.4\r\n')
            got = b''
            near.settimeout(0.7)
            try:
                while b'\n' not in got or len(got) < 1 << 16:
                    more = near.recv(65536)
                    if not more:
                        return
                    got += more
            except TimeoutError:
                pass
            line, _, rest = got.partition(b'\n')
            length = int.from_bytes(rest[:4], 'big') + 4 if rest else 0
            ahead = len(rest) > length
            self.seen.append('guess' if ahead else 'plain')
            if ahead:
                return
            near.settimeout(None)
            far.recv(len(b'SSH-2.0-'))
            while not far.recv(1) == b'\n':
                pass
            far.sendall(got)
            back = threading.Thread(target=self.copy, args=(far, near), daemon=True)
            back.start()
            self.copy(near, far)
            back.join()

    @staticmethod
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_a_peer_that_drops_a_guess_is_asked_again_without(lab):
    """The relay changes the version line, so the second exchange fails at its signature: what counts is that it is tried, once, without a guess."""
    relay = Relay(lab.server.port)
    lab.remember(lab.known.read_text().replace(f':{lab.server.port} ', f':{relay.port} '))
    r = lab.ssh('echo in', options=['-v', '-p', str(relay.port)], port=False)
    relay.listener.close()
    assert relay.seen == ['guess', 'plain'], r.stderr
    assert 'once more without' in r.stderr and r.returncode == 255


# Passwords.

EXPIRED = '''
import asyncio, asyncssh, sys
class Server(asyncssh.SSHServer):
    def begin_auth(self, user): return True
    def password_auth_supported(self): return True
    def validate_password(self, user, password):
        if password == 'old one': raise asyncssh.PasswordChangeRequired('It has expired. New one')
        return password == 'new one'
    def change_password(self, user, old, new):
        print('change', old, new, flush=True)
        return (old, new) == ('old one', 'new one')
async def main():
    await asyncssh.create_server(Server, '127.0.0.1', int(sys.argv[1]), server_host_keys=[sys.argv[2]],
        process_factory=lambda p: (p.stdout.write('in\\n'), p.exit(0)))
    print('up', flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
'''


@pytest.fixture
def expired(lab):
    pytest.importorskip('asyncssh')
    port = free_port()
    p = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', EXPIRED, str(port), str(lab.server.host_key)], stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == 'up\n'
    lab.remember(lab.known.read_text().replace(f':{lab.server.port} ', f':{port} '))
    yield port, p
    p.kill()
    p.communicate()


@both
def test_an_expired_password_is_changed(lab, expired, which):
    port, process = expired
    env = lab.askpass('old one', 'old one', 'new one', 'new one')
    r = lab.ssh('x', which=which, key=False, port=False, options=['-p', str(port), '-o', 'PreferredAuthentications=password'], env=env)
    assert r.stdout == 'in\n', r.stderr + lab.prompts()
    assert process.stdout.readline() == 'change old one new one\n'


def test_new_passwords_that_differ_are_asked_again(lab, expired):
    port, process = expired
    env = lab.askpass('old one', 'old one', 'new one', 'typo', 'new one', 'new one')
    r = lab.ssh('x', key=False, port=False, options=['-p', str(port), '-o', 'PreferredAuthentications=password'], env=env)
    assert r.stdout == 'in\n', r.stderr + lab.prompts()


@pytest.mark.skipif(not ROOT, reason='needs root to make a user')
@pytest.mark.parametrize('method', ['password', 'keyboard-interactive'])
def test_no_secret_in_a_trace(sshd, folder, bindir, account, method):
    s = sshd('PasswordAuthentication yes\nKbdInteractiveAuthentication yes')
    (folder / 'askpass').write_text(f"#!/bin/sh\necho '{account.password}'\n")
    (folder / 'askpass').chmod(0o755)
    r = subprocess.run([bindir / 'ssh', '-vvv', '-F', 'none', '-o', f'UserKnownHostsFile={s.known_hosts}', '-o', f'PreferredAuthentications={method}', '-p', str(s.port),
                        f'{account.name}@127.0.0.1', 'echo in'], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, start_new_session=True,
                       env={**os.environ, 'SSH_ASKPASS': str(folder / 'askpass'), 'SSH_ASKPASS_REQUIRE': 'force', 'SSH_AUTH_SOCK': ''})
    assert r.stdout == 'in\n', r.stderr
    assert 'USERAUTH_REQUEST' in r.stderr and account.password not in r.stderr
    for form in (account.password.encode().hex(), account.password.split()[0]):
        assert form not in r.stderr
    assert account.password not in s.text()


# The command line.

@both
@pytest.mark.parametrize('args,key,value', [
    (['-l', 'a b'], 'user', 'a b'), (['-i', '@/my key'], 'identityfile', '@/my key'), (['-i', "@/it's"], 'identityfile', "@/it's"), (['-i', '@/a "b"'], 'identityfile', '@/a "b"'),
    (['-b', '127.0.0.1'], 'bindaddress', '127.0.0.1'), (['-e', '#'], 'escapechar', '#'), (['-p', 'ssh'], 'port', '22'), (['-o', 'Port=ssh'], 'port', '22'),
    (['-o', 'Port = 33'], 'port', '33'), (['-oPort 34'], 'port', '34'), (['-o', 'User="c d"'], 'user', 'c d'),
])
def test_values_with_blanks_and_names(lab, which, args, key, value):
    args, value = [a.replace('@', str(lab.dir)) for a in args], value.replace('@', str(lab.dir))
    if key == 'identityfile':
        pathlib.Path(value).touch()
    r = subprocess.run([lab.program(which), '-G', '-F', '/dev/null', *args, 'localhost'], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert f'{key} {value}' in r.stdout.splitlines(), [line for line in r.stdout.splitlines() if line.startswith(key)] + [r.stderr]


@both
@pytest.mark.parametrize('args', [['-p', 'nosuchservice'], ['-p', '0'], ['-p', '65536'], ['-p', '-1'], ['-o', 'Port=nosuchservice']])
def test_ports_that_are_none(lab, which, args):
    r = subprocess.run([lab.program(which), '-F', '/dev/null', *args, 'localhost', 'x'], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert r.returncode == 255 and 'ort' in r.stderr


@both
@pytest.mark.parametrize('user', ['-x', 'a;b', '$(id)', 'a`b', 'a|b', 'a\\', "a'b", 'a -b'])
def test_users_that_a_shell_would_take_apart(lab, which, user):
    r = subprocess.run([lab.program(which), '-F', '/dev/null', '-p', '1', '-l', user, '127.0.0.1', 'x'], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert r.returncode == 255 and 'characters' in r.stderr, r.stderr


def test_a_user_with_a_blank_reaches_the_server(lab):
    r = lab.ssh('x', options=['-l', 'no body', '-o', 'BatchMode=yes'])
    assert r.returncode == 255 and 'Permission denied' in r.stderr
    assert lab.server.wait_log('(Invalid user|invalid user) no body')


TOKENS = '%%/%h/%i/%j/%k/%L/%l/%n/%p/%r/%u/%d/%C/%T'


def test_tokens_of_a_local_command(lab):
    seen = {}
    for which in 'ours', 'debian':
        tokens = TOKENS.replace('/%j', '')              # newer than Debian's
        r = lab.ssh('echo remote', which=which, options=['-o', 'PermitLocalCommand=yes', '-o', f'LocalCommand=echo {tokens}', '-o', 'HostKeyAlias=' + lab.name()])
        assert r.returncode == 0, r.stderr
        seen[which] = sorted(r.stdout.splitlines())
    assert seen['ours'] == seen['debian'] and len(seen['ours']) == 2
    r = lab.ssh('echo remote', options=['-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=echo %z'])
    assert '%z' in r.stderr


@pytest.mark.skipif(not shutil.which('strace'), reason='strace is not installed')
def test_y_logs_to_syslog(lab):
    """A refused connection: with -y nothing is said on standard error, and the system's log is asked for."""
    trace = lab.dir / 'trace'
    port = free_port()
    plain = [lab.program(), '-F', 'none', '-p', str(port), '127.0.0.1', 'x']
    assert 'refused' in subprocess.run(plain, capture_output=True, text=True, stdin=subprocess.DEVNULL).stderr
    r = subprocess.run(['strace', '-f', '-e', 'trace=connect,sendto', '-o', trace, plain[0], '-y', *plain[1:]], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert r.returncode == 255 and r.stderr == ''
    assert '"/dev/log"' in trace.read_text()


@pytest.mark.parametrize('command', ['echo hi', 'head -c 3000000 /dev/zero', 'echo hi; exit 3'])
@pytest.mark.parametrize('stream', ['stdout', 'stderr'])
def test_output_lost_on_a_full_disk_is_no_success(lab, folder, stream, command):
    log = folder / 'ssh.log'
    with open('/dev/full', 'wb') as full, open(os.devnull, 'wb') as null:
        p = lab.start(command if stream == 'stdout' else f'({command}) >&2', options=('-E', str(log)), stdin=null, **{'stdout': null, 'stderr': null, stream: full})
        assert p.wait(30) == 255
    name = {'stdout': 'standard output', 'stderr': 'standard error'}[stream]
    assert f'cannot write what comes from 127.0.0.1 to {name}: No space left on device' in log.read_text()


def test_a_reader_that_leaves_is_no_loss(lab, folder):
    """head(1) and its like: no word of lost output."""
    p = lab.start('head -c 100000000 /dev/zero', stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.read(10)
    p.stdout.close()
    assert p.wait(30) == 255 and p.stderr.read() in (b'', '')
