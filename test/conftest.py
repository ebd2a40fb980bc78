"""Shared by end-to-end and interop tests: real processes on loopback, free ports, private folders, nothing left behind.

HAWSER_BUILD is the build folder (set by tools/run-tests); peers are those of the system in /usr/bin.
"""
import os, pathlib, pwd, re, shutil, signal, socket, subprocess, tempfile, time

import pytest

ROOT = os.geteuid() == 0
# Debian's ssh, with nothing of this machine's configuration and no question ever.
SSH_OPTIONS = ['-F', '/dev/null', '-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes',
               '-o', 'LogLevel=ERROR', '-o', 'GlobalKnownHostsFile=/dev/null', '-o', 'IdentityAgent=none']


def wait_for(what, seconds=15, every=0.02):
    """The first true value of what(); an assertion fails when it never comes."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f'waited {seconds} s in vain for {getattr(what, "__name__", what)}'
        time.sleep(every)  # poll-interval


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def keygen(path, kind='ed25519', *more):
    subprocess.run(['/usr/bin/ssh-keygen', '-q', '-t', kind, '-N', '', '-C', 'test', '-f', path, *more], check=True)
    return path


class Server:
    """A running sshd. config: lines in front of the defaults (the first value wins). user: run it as that one (root only)."""

    def __init__(self, bindir, folder, config='', args=(), user=None, defaults=True, wrap=()):
        self.dir, self.port, self.user = folder, free_port(), user
        self.log = folder / 'log'
        self.key, self.host_key = folder / 'id', folder / 'host_key'
        self.authorized = folder / 'authorized_keys'
        for k in (self.key, self.host_key):
            if not k.exists():
                keygen(k)
        if not self.authorized.exists():
            self.authorized.write_text(pathlib.Path(f'{self.key}.pub').read_text())
        self.known_hosts = folder / 'known_hosts'
        self.known_hosts.write_text(f'[127.0.0.1]:{self.port} ' + pathlib.Path(f'{self.host_key}.pub').read_text())
        lines = f'Port {self.port}\nListenAddress 127.0.0.1\nPidFile {folder}/pid\nHostKey {self.host_key}\n'
        if defaults:
            lines += f'AuthorizedKeysFile {self.authorized}\nStrictModes no\nUsePAM no\nLogLevel VERBOSE\nPerSourcePenalties no\n'
        self.config = folder / 'sshd_config'
        head, match, rest = ('\n' + config).partition('\nMatch')
        self.config.write_text(head + '\n' + lines + match + rest + '\n')
        if user:
            for p in [folder, *folder.iterdir()]:
                os.chown(p, user.pw_uid, user.pw_gid)
        self.command = [*wrap, str(bindir / 'sshd'), '-D', '-e', '-f', str(self.config), *args]
        self.start()

    def start(self):
        options = {'user': self.user.pw_uid, 'group': self.user.pw_gid, 'extra_groups': []} if self.user else {}
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd='/', **options)
        wait_for(lambda: self.process.poll() is not None or 'Server listening' in self.text())
        assert self.process.poll() is None, self.text()

    def text(self):
        return self.log.read_text(errors='replace').replace('\r\n', '\n')

    def wait_log(self, pattern):
        return wait_for(lambda: re.search(pattern, self.text(), re.M)) if pattern else None

    def children(self):
        return subprocess.run(['pgrep', '-P', str(self.process.pid), '-a'], capture_output=True, text=True).stdout

    def arguments(self, *options, login=None):
        login = login or (self.user.pw_name if self.user else pwd.getpwuid(os.geteuid()).pw_name)
        return ['/usr/bin/ssh', *options, *SSH_OPTIONS, '-o', f'UserKnownHostsFile={self.known_hosts}', '-p', str(self.port),
                '-i', str(self.key), f'{login}@127.0.0.1']

    def ssh(self, *command, options=(), login=None, timeout=30, **more):
        more = {'stdin': subprocess.DEVNULL, **more} if 'input' not in more else more
        return subprocess.run([*self.arguments(*options, login=login), *command], capture_output=True, text=True, timeout=timeout, **more)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture(scope='session')
def bindir():
    build = os.environ.get('HAWSER_BUILD') or pathlib.Path(__file__).resolve().parents[1] / 'build'
    return pathlib.Path(build).resolve() / 'src/prog'


@pytest.fixture
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix='hawser-e2e-'))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def sshd(bindir, folder):
    """sshd(config='', args=(), user=None): starts a server; several get folders of their own."""
    running = []

    def start(config='', **more):
        own = folder if not running else folder / str(len(running))
        own.mkdir(exist_ok=True)
        running.append(Server(bindir, own, config, **more))
        return running[-1]
    yield start
    for server in running:
        server.stop()


class Account:
    def __init__(self, name, password):
        self.name, self.password = name, password
        self.pw = pwd.getpwnam(name)


@pytest.fixture(scope='session')
def account():
    """A user made for these tests, with a password and a home; removed at the end. Needs root."""
    if not ROOT:
        pytest.skip('needs root to make a user')
    name, password = f'hw{os.getpid()}', 'correct horse'
    made = lambda: subprocess.run(['useradd', '-m', '-s', '/bin/sh', name], capture_output=True).returncode in (0, 9)
    wait_for(made, every=0.3)
    wait_for(lambda: subprocess.run(['chpasswd'], input=f'{name}:{password}', text=True, capture_output=True).returncode == 0, every=0.3)
    yield Account(name, password)
    wait_for(lambda: subprocess.run(['userdel', '-r', '-f', name], capture_output=True).returncode in (0, 6, 12), every=0.3)


@pytest.fixture(scope='session')
def anybody(request):
    """Whom tests log in as: the account where it can be made, else who runs them (without a password)."""
    if ROOT:
        return request.getfixturevalue('account')
    me = Account.__new__(Account)
    me.pw = pwd.getpwuid(os.geteuid())
    me.name, me.password = me.pw.pw_name, None
    return me


@pytest.fixture(params=['root', 'user'])
def anyone(request, sshd, account):
    """The same test with a server of root and with one of an ordinary user."""
    return lambda config='', **more: sshd(config, user=account.pw if request.param == 'user' else None, **more)
