"""Dropbear: dropbear, dbclient. Keys are in its own format (dropbearconvert)."""
import functools, os, pathlib, shlex, shutil, subprocess

from conftest import free_port, wait_for
from lab import KEYS, Done, Peer, Service, cellar, host_key, known_hosts, user_key


@functools.cache
def dropbear_key(path):
    """Dropbear's form of an OpenSSH key."""
    out = pathlib.Path(f'{path}.dropbear')
    subprocess.run(['dropbearconvert', 'openssh', 'dropbear', path, out], capture_output=True, check=True)
    return out


class Dropbear(Peer):
    name = 'dropbear'
    names = {
        'kex': 'curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521 '
               'diffie-hellman-group14-sha256 diffie-hellman-group14-sha1'.split(),
        'sig': 'ssh-ed25519 ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 rsa-sha2-256 ssh-rsa'.split(),
        'cipher': 'chacha20-poly1305@openssh.com aes128-ctr aes256-ctr'.split(),
        'mac': 'hmac-sha1 hmac-sha2-256'.split(),
    }
    client_can = frozenset('password kbdint stderr pty zlib'.split())
    server_can = frozenset('password pty zlib real busy'.split())
    size = 32 << 20
    limits = {
        ('server', 'ecdsa-sha2-nistp384'): 'has one ecdsa host key at a time; P-256 is taken',
        ('server', 'ecdsa-sha2-nistp521'): 'has one ecdsa host key at a time; P-256 is taken',
    }

    def available(self):
        if not shutil.which('dropbear') or not shutil.which('dbclient'):
            return 'dropbear-bin is not installed'

    def client(self, job):
        s, home = job.server, job.folder / 'home'
        (home / '.ssh').mkdir(parents=True, exist_ok=True)
        (home / '.ssh/known_hosts').write_text(known_hosts(s.port, s.kinds, name='127.0.0.1').read_text())
        known_hosts(s.port, s.kinds)
        env = {'HOME': str(home)}
        argv = ['dbclient', '-p', s.port]
        if job.password is None:
            argv += ['-i', dropbear_key(user_key(job.key))]
        else:
            env['DROPBEAR_PASSWORD'] = job.password
        argv += ['-t'] if job.pty else []
        argv += [f'{s.login}@127.0.0.1', *([job.command] if job.command is not None else [])]
        if job.pty:                                      # it wants a terminal of its own for one of the server
            argv = ['script', '-qec', shlex.join(str(a) for a in argv), '/dev/null']
        # Its output goes to a file: where CLOSE finds a full pipe, dbclient 2022.83 waits for ever (with any server: its loop
        # looks whether channels are left before it writes, and then sleeps).
        with open(job.folder / 'out', 'wb+') as out:
            done = subprocess.run([str(a) for a in argv], input=job.input, stdout=out, stderr=subprocess.PIPE, timeout=20, env={**os.environ, **env})
            out.seek(0)
            return Done(done.returncode, out.read(), done.stderr)

    def serve(self, account, busy=False):
        if os.geteuid() != 0:
            import pytest
            pytest.skip('dropbear reads only ~/.ssh/authorized_keys: needs root to make a user')
        folder, port = cellar() / f'dropbear-server{busy:d}', free_port()
        folder.mkdir(exist_ok=True)
        ssh = pathlib.Path(account.pw.pw_dir) / '.ssh'
        ssh.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(cellar() / 'authorized_keys', ssh / 'authorized_keys')
        ssh.chmod(0o700)  # another test of this worker may have left it open
        ssh.parent.chmod(0o755)
        for p in ssh, ssh / 'authorized_keys':
            os.chown(p, account.pw.pw_uid, account.pw.pw_gid)
        kinds = [k for k in KEYS if k not in ('ecdsa384', 'ecdsa521')]
        argv = ['dropbear', '-F', '-E', '-m', '-p', f'127.0.0.1:{port}', '-P', folder / 'pid', *(['-W', 1 << 15] if busy else [])]
        for k in kinds:
            argv += ['-r', dropbear_key(host_key(k))]
        log = folder / 'log'
        with open(log, 'wb') as f:
            p = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        wait_for(lambda: p.poll() is not None or (folder / 'pid').exists())
        assert p.poll() is None, log.read_text()
        return Service(p, port, account.name, account.password, known_hosts(port), log)
