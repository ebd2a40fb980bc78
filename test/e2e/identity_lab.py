"""For tests of identities: Debian's sshd with several host keys, and a cell: a network namespace with addresses and names of its own."""
import os, pathlib, shutil, subprocess, tempfile

import pytest

from client_lab import Lab
from conftest import free_port, keygen, wait_for

KINDS = ['ed25519', 'ecdsa', 'rsa']


def public(path):
    return ' '.join(pathlib.Path(f'{path}.pub').read_text().split()[:2])


class DebianServer:
    """Debian's sshd; config: lines in front. cell: where it listens on that cell's addresses, on port 22."""

    def __init__(self, folder, config='', kinds=KINDS, cell=None):
        self.dir, self.cell, self.port = folder, cell, 22 if cell else free_port()
        self.host_keys = {k: folder / f'host_{k}' for k in KINDS}
        self.key, self.host_key = folder / 'id', self.host_keys[kinds[0]]
        for path, kind in [(self.key, 'ed25519'), *((p, k) for k, p in self.host_keys.items())]:
            if not path.exists():
                keygen(path, kind)
        authorized = folder / 'authorized_keys'
        authorized.write_text(public(self.key) + '\n')
        self.known_hosts = folder / 'known_hosts'
        self.known_hosts.write_text(f'[127.0.0.1]:{self.port} {public(self.host_key)}\n')
        self.config, self.log = folder / 'debian_config', folder / 'debian_log'
        listen = ''.join(f'ListenAddress {a}\n' for a in (cell.addresses if cell else ['127.0.0.1']))
        self.config.write_text(f'{config}\nPort {self.port}\n{listen}PidFile {folder}/pid\nAuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\n'
                               'LogLevel DEBUG1\nKbdInteractiveAuthentication no\nMaxStartups 100\n' + ''.join(f'HostKey {self.host_keys[k]}\n' for k in kinds))
        if os.geteuid() == 0:
            pathlib.Path('/run/sshd').mkdir(exist_ok=True)
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen([*(cell.enter if cell else []), '/usr/sbin/sshd', '-D', '-e', '-f', str(self.config)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or 'Server listening' in self.text())
        assert self.process.poll() is None, self.text()

    def text(self):
        return self.log.read_text(errors='replace')

    def public(self, kind):
        return public(self.host_keys[kind])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


class Cell:
    """A network and mount namespace: loopback with further addresses, /etc/hosts and /etc/resolv.conf of our own. It ends with its `cat`."""
    addresses = ['192.0.2.7', '2001:db8::7']

    def __init__(self, folder, hosts='192.0.2.7 canary.test\n', resolv='nameserver 127.0.0.1\n', binds=()):
        self.hosts, self.resolv = folder / 'cell_hosts', folder / 'cell_resolv'
        self.hosts.write_text(f'127.0.0.1 localhost\n{hosts}')
        self.resolv.write_text(resolv)
        ready = folder / 'cell_ready'
        more = ''.join(f' && mount --bind {a} {b}' for a, b in binds)
        script = ('ip link set lo up && ' + ' && '.join(f'ip addr add {a}/{128 if ":" in a else 32} dev lo' for a in self.addresses) +
                  f' && mount --bind {self.hosts} /etc/hosts && mount --bind {self.resolv} /etc/resolv.conf{more} && touch {ready} && exec cat')
        self.process = subprocess.Popen(['unshare', '-n', '-m', 'sh', '-c', script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        wait_for(lambda: ready.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, 'no namespace'
        self.enter = ['nsenter', '-t', str(self.process.pid), '-n', '-m', '--']

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)

    def run(self, *command, **more):
        return subprocess.run([*self.enter, *map(str, command)], check=True, **more)


needs_cell = pytest.mark.skipif(os.geteuid() != 0 or not all(shutil.which(p) for p in ('unshare', 'nsenter', 'ip')), reason='needs root and a network namespace')


class CellLab(Lab):
    """A lab whose clients run inside the cell."""

    def args(self, *options, **more):
        return [*self.server.cell.enter, *super().args(*options, **more)]


def temporary():
    path = pathlib.Path(tempfile.mkdtemp(prefix='hawser-identity-'))
    path.chmod(0o755)
    return path


def debian_fixtures(config='', cell=False, **more):
    """debian: the server, one for a module; dlab: a lab with it."""
    @pytest.fixture(scope='module')
    def debian(bindir):
        path = temporary()
        own = Cell(path) if cell else None
        s = DebianServer(path, config, cell=own, **more)
        yield s
        s.stop()
        if own:
            own.stop()
        shutil.rmtree(path, ignore_errors=True)

    @pytest.fixture
    def dlab(bindir, folder, debian):
        l = (CellLab if cell else Lab)(bindir, folder, debian)
        yield l
        l.clear()
    return debian, dlab
