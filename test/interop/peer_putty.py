"""PuTTY: plink. Keys in PuTTY's format (puttygen); what it offers comes from a saved session in a home of its own."""
import functools, pathlib, shutil, subprocess

from lab import Peer, host_key, run, user_key


@functools.cache
def putty_key(path):
    out = pathlib.Path(f'{path}.ppk')
    subprocess.run(['puttygen', path, '-O', 'private', '-o', out], capture_output=True, check=True)
    return out


@functools.cache
def fingerprint(path):
    return subprocess.run(['/usr/bin/ssh-keygen', '-lf', f'{path}.pub'], capture_output=True, text=True, check=True).stdout.split()[1]


class PuTTY(Peer):
    name = 'putty'
    client_names = {
        'kex': 'sntrup761x25519-sha512@openssh.com curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 ecdh-sha2-nistp384 '
               'ecdh-sha2-nistp521 diffie-hellman-group-exchange-sha256 diffie-hellman-group-exchange-sha1 diffie-hellman-group18-sha512 '
               'diffie-hellman-group16-sha512 diffie-hellman-group14-sha256 diffie-hellman-group14-sha1 diffie-hellman-group1-sha1'.split(),
        'sig': 'ssh-ed25519 ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521 rsa-sha2-512 rsa-sha2-256 ssh-rsa'.split(),
        'cipher': 'aes256-gcm@openssh.com aes128-gcm@openssh.com chacha20-poly1305@openssh.com aes256-ctr aes192-ctr aes128-ctr '
                  'aes256-cbc aes192-cbc aes128-cbc 3des-cbc'.split(),
        'mac': 'hmac-sha2-256 hmac-sha1 hmac-sha1-96 hmac-md5 hmac-sha2-256-etm@openssh.com hmac-sha1-etm@openssh.com '
               'hmac-sha1-96-etm@openssh.com hmac-md5-etm@openssh.com'.split(),
    }
    client_can = frozenset('password kbdint stderr pty env rekey zlib certificate'.split())

    def available(self):
        if not shutil.which('plink') or not shutil.which('puttygen'):
            return 'putty-tools is not installed'

    def client(self, job):
        s, home = job.server, job.folder / 'home'
        (home / '.putty/sessions').mkdir(parents=True, exist_ok=True)
        session = {
            'Protocol': 'ssh', 'HostName': '127.0.0.1', 'PortNumber': s.port, 'UserName': s.login, 'TryAgent': 0, 'Compression': int(job.zlib),
            'KEX': 'ntru-curve25519,ecdh,dh-gex-sha1,dh-group18-sha512,dh-group16-sha512,dh-group14-sha1,dh-group1-sha1,rsa,WARN',
            'HostKey': 'ed25519,ed448,ecdsa,rsa,dsa,WARN', 'Cipher': 'aesgcm,aes,chacha20,3des,des,blowfish,arcfour,WARN',
            'RekeyBytes': job.rekey or '1G', 'Environment': ','.join(f'{k}={v}' for k, v in job.env.items()), 'NoPTY': int(not job.pty),
            'AuthKI': int(job.method == 'keyboard-interactive'), 'SshNoTrivialAuth': 0,
        }
        (home / '.putty/sessions/peer').write_text(''.join(f'{k}={v}\n' for k, v in session.items()))
        argv = ['plink', '-batch', '-load', 'peer', *(['-t'] if job.pty else ['-T'])]
        for k in s.kinds:
            argv += ['-hostkey', fingerprint(host_key(k))]
        if job.password is None:
            argv += ['-i', putty_key(user_key(job.key)), *(['-cert', job.certificate] if job.certificate else [])]
        else:
            (job.folder / 'password').write_text(job.password + '\n')
            argv += ['-pwfile', job.folder / 'password']
        return run([*argv, *([job.command] if job.command is not None else [])], input=job.input, env={'HOME': str(home)})
