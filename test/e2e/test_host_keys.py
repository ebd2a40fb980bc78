"""Certificates, agents and rotation of host keys, against Debian's ssh and ssh-agent."""
import os, pathlib, re, subprocess

import pytest

from conftest import keygen
from test_server_keys import public, tool

HOSTNAME = '127.0.0.1'


def host_cert(ca, key, *options, names=HOSTNAME, validity='-1h:+1h'):
    tool('-q', '-s', ca, '-h', '-I', 'the-host', '-n', names, '-V', validity, *options, f'{key}.pub')
    return f'{key}-cert.pub'


def knows(server, *lines):
    server.known_hosts.write_text(''.join(line + '\n' for line in lines))


def authority(server, ca):
    return f'@cert-authority [127.0.0.1]:{server.port} {public(ca).strip()}'


def says(server, *options, word='in'):
    return server.ssh(f'echo {word}', options=options)


@pytest.fixture
def agent(folder):
    """Debian's agent; add(key) puts one in and takes the file away."""
    sock = folder / 'agent'
    out = subprocess.run(['/usr/bin/ssh-agent', '-a', sock], capture_output=True, text=True, check=True).stdout
    env = {**os.environ, 'SSH_AUTH_SOCK': str(sock)}

    def add(key):
        subprocess.run(['/usr/bin/ssh-add', '-q', key], env=env, check=True, capture_output=True)
        key.unlink()
    add.path = sock
    yield add
    subprocess.run(['/usr/bin/ssh-agent', '-k'], env={**env, 'SSH_AGENT_PID': re.search(r'AGENT_PID=(\d+)', out)[1]}, capture_output=True, check=True)


@pytest.mark.parametrize('kind', ['ed25519', 'ecdsa', 'rsa'])
@pytest.mark.parametrize('ca', ['ed25519', 'rsa'])
def test_certificate(anyone, folder, kind, ca):
    key, ca = keygen(folder / 'h', kind), keygen(folder / 'ca', ca)
    server = anyone(f'HostKey {key}\nHostCertificate {host_cert(ca, key)}')
    knows(server, authority(server, ca))
    assert says(server).stdout == 'in\n'
    if kind == 'rsa':
        for alg in 'rsa-sha2-256', 'rsa-sha2-512':
            assert says(server, '-o', f'HostKeyAlgorithms={alg}-cert-v01@openssh.com').stdout == 'in\n'
    # Whoever has the plain key goes on with that.
    knows(server, f'[127.0.0.1]:{server.port} {public(key)}')
    assert says(server).stdout == 'in\n'
    knows(server, authority(server, server.key))
    assert says(server).returncode == 255


def test_several_certificates(sshd, folder):
    ca = keygen(folder / 'ca')
    keys = {kind: keygen(folder / f'h-{kind}', kind) for kind in ('ed25519', 'ecdsa', 'rsa')}
    lines = ''.join(f'HostKey {key}\nHostCertificate {host_cert(ca, key)}\n' for key in keys.values())
    server = sshd(lines)
    knows(server, authority(server, ca))
    for alg in 'ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512':
        assert says(server, '-o', f'HostKeyAlgorithms={alg}-cert-v01@openssh.com').stdout == 'in\n'


def test_certificates_of_no_use(sshd, folder):
    ca, other = keygen(folder / 'ca'), keygen(folder / 'other')
    tool('-q', '-s', ca, '-I', 'x', '-n', 'x', f'{keygen(folder / "user")}.pub')
    server = sshd(f'HostCertificate {folder}/missing\nHostCertificate {host_cert(ca, other)}\nHostCertificate {folder}/id.pub\nHostCertificate {folder}/user-cert.pub')
    server.wait_log(f'^Could not load host certificate "{folder}/missing": .*No such file')
    server.wait_log(f'^No matching private key for certificate: {other}-cert.pub$')
    server.wait_log(f'^Could not load host certificate "{folder}/id.pub": not a certificate$')
    server.wait_log(f'^Could not load host certificate "{folder}/user-cert.pub": it is a user\'s$')
    assert says(server).stdout == 'in\n'


@pytest.mark.parametrize('kind', ['ed25519', 'ecdsa', 'rsa'])
def test_agent(sshd, folder, agent, kind):
    ca, key = keygen(folder / 'ca'), keygen(folder / 'h', kind)
    cert = host_cert(ca, key)
    agent(key)
    server = sshd(f'HostKeyAgent {agent.path}\nHostKey {key if kind == "rsa" else str(key) + ".pub"}\nHostCertificate {cert}')
    knows(server, f'[127.0.0.1]:{server.port} {public(key)}')
    assert says(server).stdout == 'in\n'
    if kind == 'rsa':
        for alg in 'rsa-sha2-256', 'rsa-sha2-512':
            assert says(server, '-o', f'HostKeyAlgorithms={alg}').stdout == 'in\n'
    knows(server, authority(server, ca))
    assert says(server).stdout == 'in\n'
    # A rekey signs again.
    assert server.ssh('head -c 3000000 /dev/zero | wc -c', options=['-o', 'RekeyLimit=1M']).stdout.strip() == '3000000'


def test_agent_by_variable(sshd, folder, agent, monkeypatch):
    key = keygen(folder / 'h')
    agent(key)
    monkeypatch.setenv('SSH_AUTH_SOCK', str(agent.path))
    server = sshd(f'HostKeyAgent SSH_AUTH_SOCK\nHostKey {key}.pub')
    knows(server, f'[127.0.0.1]:{server.port} {public(key)}')
    assert says(server).stdout == 'in\n'


def test_agent_that_is_gone(sshd, folder, agent):
    key = keygen(folder / 'h')
    agent(key)
    server = sshd(f'HostKeyAgent {folder}/none\nHostKey {key}.pub')
    server.wait_log(f'^Could not connect to agent "{folder}/none": ')
    assert says(server).stdout == 'in\n'                       # by the other key, that of conftest
    mine = sshd(f'HostKeyAgent {agent.path}\nHostKey {key}.pub')
    knows(mine, f'[127.0.0.1]:{mine.port} {public(key)}')
    subprocess.run(['/usr/bin/ssh-add', '-q', '-D'], env={**os.environ, 'SSH_AUTH_SOCK': str(agent.path)}, check=True, capture_output=True)
    assert says(mine).returncode == 255
    mine.wait_log('^cannot sign with the host key: ')


# hostkeys-00@openssh.com and its proof

def keys_of(server):
    return {' '.join(line.split()[1:3]) for line in server.known_hosts.read_text().splitlines()}


def updates(server, lines, *options):
    """The session lasts until the client has written its file."""
    wait = f'i=0; while [ $i -lt 200 ] && [ $(wc -l < {server.known_hosts}) -lt {lines} ]; do sleep 0.05; i=$((i+1)); done; echo in'
    return server.ssh(wait, options=['-o', 'UpdateHostKeys=yes', '-o', 'LogLevel=DEBUG1', *options])


@pytest.mark.parametrize('first', ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256', 'ecdsa-sha2-nistp256'])
def test_rotation(sshd, folder, first):
    keys = {kind: keygen(folder / f'h-{kind}', kind) for kind in ('ed25519', 'ecdsa', 'rsa')}
    later = keygen(folder / 'later')                            # a second key of a type: announced, not yet used
    server = sshd(''.join(f'HostKey {k}\n' for k in [*keys.values(), later]))
    kind = {'ssh': 'ed25519', 'rsa': 'rsa', 'ecd': 'ecdsa'}[first[:3]]
    knows(server, f'[127.0.0.1]:{server.port} {public(keys[kind])}'.strip())
    done = updates(server, 5, '-o', f'HostKeyAlgorithms=^{first}')
    assert done.stdout == 'in\n'
    assert keys_of(server) == {' '.join(public(k).split()[:2]) for k in [*keys.values(), later, server.host_key]}, done.stderr


def test_rotation_with_an_agent(sshd, folder, agent):
    key = keygen(folder / 'h', 'rsa')
    agent(key)
    server = sshd(f'HostKeyAgent {agent.path}\nHostKey {key}.pub')
    assert updates(server, 2).stdout == 'in\n'
    assert ' '.join(public(key).split()[:2]) in keys_of(server)
