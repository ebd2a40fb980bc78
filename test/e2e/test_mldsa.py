"""Keys of type mldsa44-ed25519: off unless named; host, user and certificate."""
import os
import pwd
import subprocess

NAME, CERT = 'ssh-mldsa44-ed25519@openssh.com', 'ssh-mldsa44-ed25519-cert-v01@openssh.com'


def make(bindir, path, *options):
    subprocess.run([bindir / 'ssh-keygen', '-q', '-t', 'mldsa44-ed25519', '-N', '', '-C', 'c', *options, '-f', path], check=True)
    return path


def login(bindir, s, key, *options):
    me = pwd.getpwuid(os.geteuid()).pw_name
    return subprocess.run([bindir / 'ssh', '-v', '-F', '/dev/null', *options, '-o', 'IdentityAgent=none', '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes',
                           '-o', f'UserKnownHostsFile={s.dir}/known', '-o', 'GlobalKnownHostsFile=/dev/null', '-p', str(s.port), '-i', key, f'{me}@127.0.0.1', 'echo in'],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_host_and_user(bindir, sshd, folder):
    key = make(bindir, folder / 'user')
    host = make(bindir, folder / 'host')
    s = sshd(f'HostKey {host}\nHostKeyAlgorithms +{NAME}\nPubkeyAcceptedAlgorithms +{NAME}')
    s.authorized.write_text((folder / 'user.pub').read_text())
    (folder / 'known').write_text(f'[127.0.0.1]:{s.port} ' + (folder / 'host.pub').read_text())
    named = ['-o', f'HostKeyAlgorithms={NAME}', '-o', f'PubkeyAcceptedAlgorithms=+{NAME}']
    done = login(bindir, s, key, *named)
    assert done.stdout == 'in\n', done.stderr
    assert f'kex: host key algorithm: {NAME}' in done.stderr
    s.wait_log('Accepted publickey for .* MLDSA44-ED25519 SHA256:')
    assert login(bindir, s, key, '-o', f'HostKeyAlgorithms={NAME}').returncode == 255         # the client's list lacks it


def test_off_by_default(bindir, sshd, folder):
    key = make(bindir, folder / 'user')
    host = make(bindir, folder / 'host')
    s = sshd(f'HostKey {host}')
    s.authorized.write_text((folder / 'user.pub').read_text())
    (folder / 'known').write_text(s.known_hosts.read_text())
    assert login(bindir, s, key, '-o', f'PubkeyAcceptedAlgorithms=+{NAME}').returncode == 255
    done = login(bindir, s, key, '-o', f'HostKeyAlgorithms={NAME}')
    assert done.returncode == 255 and 'no matching host key type found' in done.stderr


def test_keygen_makes_one_for_the_host(bindir, folder):
    (folder / 'etc/ssh').mkdir(parents=True)
    subprocess.run([bindir / 'ssh-keygen', '-A', '-f', folder], check=True, capture_output=True)
    assert sorted(p.name for p in (folder / 'etc/ssh').glob('*.pub')) == [f'ssh_host_{k}_key.pub' for k in ('ecdsa', 'ed25519', 'mldsa44_ed25519', 'rsa')]


def test_agent(bindir, folder):
    key = make(bindir, folder / 'user')
    make(bindir, folder / 'ca')
    subprocess.run([bindir / 'ssh-keygen', '-q', '-s', folder / 'ca', '-I', 'id', '-n', 'ann', f'{key}.pub'], check=True)
    script = f'{bindir}/ssh-add -q {key} && {bindir}/ssh-add -l && {bindir}/ssh-add -T {key}.pub'
    done = subprocess.run([bindir / 'ssh-agent', 'sh', '-c', script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [line.rpartition(' ')[2] for line in done.stdout.splitlines()] == ['(MLDSA44-ED25519)', '(MLDSA44-ED25519-CERT)']
