"""Servers and clients to compare: Hawser and Debian's OpenSSH, each with fresh keys in one private folder."""
import ctypes
import getpass
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

TICK = os.sysconf('SC_CLK_TCK')


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def tree(pid):
    """All live descendants of a process, itself first."""
    children = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                fields = pathlib.Path(f'/proc/{entry}/stat').read_text().rsplit(')', 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(entry))
            except (FileNotFoundError, ProcessLookupError):
                pass
    found = [pid]
    for p in found:
        found += children.get(p, [])
    return found


def cpu_of(pid):
    """CPU seconds of a tree, with what was reaped in it."""
    total = 0
    for p in tree(pid):
        try:
            fields = pathlib.Path(f'/proc/{p}/stat').read_text().rsplit(')', 1)[1].split()
            total += sum(int(f) for f in fields[11:15])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total / TICK


def pss_of(pids):
    """Proportional set size in KiB."""
    total = 0
    for p in pids:
        try:
            for line in pathlib.Path(f'/proc/{p}/smaps_rollup').read_text().splitlines():
                if line.startswith('Pss:'):
                    total += int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def settled(pid, count):
    """CPU seconds of a tree, once it has no more than count processes and rests."""
    last = -1.0
    for _ in range(50):
        time.sleep(0.1)
        now = cpu_of(pid)
        if now == last and len(tree(pid)) <= count:
            break
        last = now
    return now


def reap(command):
    """Runs a server and reaps what its processes leave behind: OpenSSH's monitor does not wait for the user's process, whose CPU time would be lost."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    server = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    while os.wait()[0] != server.pid:
        pass


class Login:
    """Whom to log in as: a throw-away user with an empty home where we are root (start files of shells cost more than SSH), else ourselves."""

    def __init__(self, folder):
        self.name, self.made = getpass.getuser(), False
        if os.getuid() == 0:
            home, self.name = folder / 'home', f'hawser{os.getpid()}'
            folder.chmod(0o755)
            subprocess.run(['useradd', '-M', '-d', str(home), '-s', '/bin/sh', '-p', '*', self.name], check=True)
            self.made = True
            home.mkdir()
            shutil.chown(home, self.name)

    def remove(self):
        for _ in range(50 if self.made else 0):  # somebody else may hold the lock of /etc/passwd, or a session may be ending
            if subprocess.run(['userdel', self.name], check=False, stderr=subprocess.DEVNULL).returncode in (0, 6):
                break
            time.sleep(0.1)


class Peer:
    def __init__(self, name, folder, login, ssh, sshd, keygen, extra=''):
        self.name, self.folder, self.login, self.ssh, self.sshd = name, folder, login, ssh, sshd
        folder.mkdir(parents=True)
        self.key, host = folder.parent / 'user', folder.parent / 'host'  # the same for all peers, so that any client fits any server
        for path in (self.key, host):
            if not path.exists():
                subprocess.run([keygen, '-q', '-t', 'ed25519', '-N', '', '-f', str(path)], check=True)
        self.authorized = folder / 'authorized_keys'
        self.authorized.write_text(self.key.with_suffix('.pub').read_text())
        self.port = free_port()
        config = folder / 'sshd_config'
        config.write_text(f'Port {self.port}\nListenAddress 127.0.0.1\nHostKey {host}\nPidFile {folder}/pid\nStrictModes no\nUsePAM no\n'
                          f'AuthorizedKeysFile {self.authorized}\nPasswordAuthentication no\nMaxStartups 1000\nMaxSessions 100\n'
                          f'PermitRootLogin yes\nLogLevel ERROR\n{extra}')
        words = host.with_suffix('.pub').read_text().split()
        self.known = folder / 'known_hosts'
        self.known.write_text(f'* {words[0]} {words[1]}\n')
        if os.getuid() == 0:
            pathlib.Path('/run/sshd').mkdir(exist_ok=True)
        self.server = subprocess.Popen([sys.executable, __file__, sshd, '-D', '-f', str(config), '-E', str(folder / 'log')])
        for _ in range(200):
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f'{name}: sshd does not listen; see {folder}/log')

    def command(self, *remote, port=None, options=()):
        return [self.ssh, '-F', 'none', '-T', '-p', str(port or self.port), '-i', str(self.key), '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none',
                '-o', f'UserKnownHostsFile={self.known}', '-o', 'GlobalKnownHostsFile=/dev/null', '-o', 'BatchMode=yes', *options, f'{self.login.name}@127.0.0.1', *remote]

    def stop(self):
        self.server.terminate()
        self.server.wait(10)


if __name__ == '__main__':
    reap(sys.argv[1:])
