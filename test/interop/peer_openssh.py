"""Debian's OpenSSH: both roles."""
import functools, os, pathlib, subprocess

from conftest import free_port, wait_for
from lab import KEYS, Done, Peer, Service, cellar, host_key, known, known_hosts, run, user_key


@functools.cache
def query(kind):
    return frozenset(subprocess.run(['/usr/bin/ssh', '-Q', kind], capture_output=True, text=True).stdout.split())


class OpenSSH(Peer):
    name = 'openssh'
    client_can = frozenset('password kbdint stderr pty env sessions rekey zlib'.split())
    server_can = frozenset('password pty env shell zlib rekey real busy'.split())

    @property
    def names(self):
        return {k: query(k) for k in ('kex', 'sig', 'cipher', 'mac')}

    def available(self):
        return None if os.path.exists('/usr/sbin/sshd') else 'openssh-server is not installed'

    def client(self, job):
        s = job.server
        argv = ['/usr/bin/ssh', '-F', '/dev/null', '-p', s.port, '-o', f'UserKnownHostsFile={s.hosts}', '-o', 'GlobalKnownHostsFile=/dev/null',
                '-o', 'StrictHostKeyChecking=yes', '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none', '-o', 'LogLevel=ERROR']
        for word, kind in (('KexAlgorithms', 'kex'), ('HostKeyAlgorithms', 'sig'), ('PubkeyAcceptedAlgorithms', 'sig'), ('Ciphers', 'cipher'), ('MACs', 'mac')):
            argv += ['-o', f'{word}={",".join(self.shared("client", kind))}']
        env = {}
        if job.password is None:
            argv += ['-i', user_key(job.key), '-o', 'PreferredAuthentications=publickey', '-o', 'BatchMode=yes']
        else:
            argv += ['-o', f'PreferredAuthentications={job.method}', '-o', 'NumberOfPasswordPrompts=1']
            env.update(SSH_ASKPASS=str(cellar() / 'askpass'), SSH_ASKPASS_REQUIRE='force', ANSWER=job.password)
        argv += ['-tt'] if job.pty else []
        argv += ['-o', 'Compression=yes'] if job.zlib else []
        argv += ['-o', f'RekeyLimit={job.rekey}'] if job.rekey else []
        if job.env:
            argv += ['-o', 'SetEnv=' + ' '.join(f'{k}="{v}"' for k, v in job.env.items())]
        to = f'{s.login}@127.0.0.1'
        if job.sessions > 1:
            return self.many(job, argv, to)
        return run([*argv, to, *([job.command] if job.command is not None else [])], input=job.input, env=env)

    def many(self, job, argv, to):
        """Several sessions of one connection, through a master."""
        path = job.folder / 'mux'
        master = subprocess.Popen([str(a) for a in [*argv, '-M', '-S', path, '-N', to]], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            wait_for(lambda: path.exists() or master.poll() is not None)
            assert master.poll() is None, master.stderr.read()
            running = [subprocess.Popen(['/usr/bin/ssh', '-F', '/dev/null', '-S', path, to, job.command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                       for _ in range(job.sessions)]
            out = b''
            for i, p in enumerate(running):
                out += p.communicate(b'number %d\n' % i, timeout=30)[0]
            return Done(max(p.returncode for p in running), out)
        finally:
            master.terminate()
            master.wait()
            master.stderr.close()

    def serve(self, account, busy=False):
        folder, port = cellar() / f'openssh-server{busy:d}', free_port()
        folder.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            pathlib.Path('/run/sshd').mkdir(exist_ok=True)
        names = {k: ','.join(n for n in known(k) if n in v) for k, v in self.names.items()}
        (folder / 'config').write_text(
            f'Port {port}\nListenAddress 127.0.0.1\nPidFile {folder}/pid\nAuthorizedKeysFile {cellar()}/authorized_keys\nStrictModes no\nUsePAM no\n'
            f'LogLevel VERBOSE\nMaxStartups 100\nAcceptEnv LANG LC_*\nKbdInteractiveAuthentication no\nKexAlgorithms {names["kex"]}\n'
            f'HostKeyAlgorithms {names["sig"]}\nPubkeyAcceptedAlgorithms {names["sig"]}\nCiphers {names["cipher"]}\nMACs {names["mac"]}\n'
            f'Subsystem sftp internal-sftp\n' + ('RekeyLimit 1M\n' if busy else '')
            + ''.join(f'HostKey {host_key(k)}\n' for k in KEYS))
        log = folder / 'log'
        with open(log, 'wb') as f:
            p = subprocess.Popen(['/usr/sbin/sshd', '-D', '-e', '-f', folder / 'config'], stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        wait_for(lambda: p.poll() is not None or 'Server listening' in log.read_text())
        assert p.poll() is None, log.read_text()
        return Service(p, port, account.name, account.password, known_hosts(port), log)
