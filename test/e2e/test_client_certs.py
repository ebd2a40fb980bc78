"""Certificates in the client: its own (CertificateFile, beside the key, in the agent) and those of hosts; Debian's ssh beside ours, Debian's sshd as server."""
import os, re, shutil, signal, subprocess

import pytest

from client_lab import ME, both
from conftest import keygen
from identity_lab import KINDS, DebianServer, Lab, public, temporary

GEN = '/usr/bin/ssh-keygen'


@pytest.fixture(scope='module')
def ca():
    path = temporary()
    for name, kind in (('ca', 'ed25519'), ('other', 'ed25519'), ('rsa', 'rsa')):
        keygen(path / name, kind)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope='module')
def server(ca):
    path = temporary()
    s = DebianServer(path, f'TrustedUserCAKeys {ca}/ca.pub\nAuthorizedKeysFile none', kinds=['ed25519'])
    yield s
    s.stop()
    shutil.rmtree(path)


@pytest.fixture
def clab(bindir, folder, server):
    l = Lab(bindir, folder, server)
    yield l
    l.clear()


def certify(ca, key, *options, by='ca', names=ME, role=(), kind=None):
    """KEY-cert.pub beside the key."""
    subprocess.run([GEN, '-q', '-s', str(ca / by), *(['-t', kind] if kind else []), '-I', 'test id', *role, *(['-n', names] if names else []), *options, f'{key}.pub'], check=True)


def user_key(lab, ca, kind='ed25519', *options, name='id', **more):
    key = lab.dir / f'{name}_{kind}'
    keygen(key, kind)
    certify(ca, key, *options, **more)
    return key


class Agent:
    def __init__(self, folder):
        self.socket = folder / 'agent'
        self.process = subprocess.Popen(['/usr/bin/ssh-agent', '-D', '-a', str(self.socket)], stdout=subprocess.PIPE)
        assert b'SSH_AUTH_SOCK' in self.process.stdout.readline()
        self.env = {'SSH_AUTH_SOCK': str(self.socket)}

    def add(self, *args):
        subprocess.run(['/usr/bin/ssh-add', '-q', *map(str, args)], env={**os.environ, **self.env}, check=True, capture_output=True)


@pytest.fixture
def agent(folder):
    a = Agent(folder)
    yield a
    a.process.send_signal(signal.SIGTERM)
    a.process.wait()
    a.process.stdout.close()


def login(lab, which, *options, agent=None, only=True, **more):
    options = [*options, '-v', '-o', f'IdentitiesOnly={"yes" if only else "no"}', '-o', 'IdentityAgent=SSH_AUTH_SOCK', '-o', 'PreferredAuthentications=publickey']
    return lab.ssh('echo in', which=which, options=options, key=False, env=agent.env if agent else None, **more)


def offered(r):
    """What the client offered, in order: name of the file or comment, type, and the words behind the fingerprint."""
    found = re.findall(r'Offering public key: (\S+) (\S+) SHA256:\S+(.*)', r.stderr)
    return [(os.path.basename(path), kind, more.split()) for path, kind, more in found]


@both
@pytest.mark.parametrize('kind', KINDS)
def test_beside_the_key(clab, ca, which, kind):
    key = user_key(clab, ca, kind)
    r = login(clab, which, '-i', str(key))
    word = {'ed25519': 'ED25519', 'ecdsa': 'ECDSA', 'rsa': 'RSA'}[kind]
    assert r.stdout == 'in\n', r.stderr
    assert offered(r) == [(key.name, word, ['explicit']), (key.name, f'{word}-CERT', ['explicit'])]


@both
@pytest.mark.parametrize('kind', KINDS)
def test_certificate_file(clab, ca, which, kind):
    key = user_key(clab, ca, kind)
    cert = (clab.dir / f'{key.name}-cert.pub').rename(clab.dir / 'elsewhere.pub')
    assert login(clab, which, '-i', str(key)).returncode == 255
    r = login(clab, which, '-i', str(key), '-o', f'CertificateFile={cert}')
    assert r.stdout == 'in\n', r.stderr
    assert [o[0] for o in offered(r)] == ['elsewhere.pub'] and (which == 'debian' or 'using private key' in r.stderr)


@both
def test_several_certificate_files(clab, ca, which):
    """With CertificateFile none beside the keys is looked for; they come before all keys."""
    key, second = user_key(clab, ca, name='a', names='nobody-else'), user_key(clab, ca, 'ecdsa', name='b')
    r = login(clab, which, '-i', str(key), '-i', str(second), '-o', f'CertificateFile={key}-cert.pub', '-o', f'CertificateFile={second}-cert.pub')
    assert r.stdout == 'in\n', r.stderr
    assert [(o[0], o[1]) for o in offered(r)] == [(f'{key.name}-cert.pub', 'ED25519-CERT'), (f'{second.name}-cert.pub', 'ECDSA-CERT')]


@both
@pytest.mark.parametrize('kind', KINDS)
def test_in_the_agent(clab, ca, agent, which, kind):
    key = user_key(clab, ca, kind)
    agent.add(key)                                         # key and certificate
    for path in (key, f'{key}-cert.pub'):
        os.unlink(path)
    r = login(clab, which, '-o', 'IdentityFile=none', agent=agent, only=False)
    assert r.stdout == 'in\n', r.stderr
    assert [(kind, words) for _, kind, words in offered(r)][-1] == ({'ed25519': 'ED25519', 'ecdsa': 'ECDSA', 'rsa': 'RSA'}[kind] + '-CERT', ['agent'])


@both
def test_certificate_in_a_file_and_key_in_the_agent(clab, ca, agent, which):
    key = user_key(clab, ca)
    cert = (clab.dir / f'{key.name}-cert.pub').rename(clab.dir / 'elsewhere.pub')
    agent.add(key)
    os.unlink(key)
    r = login(clab, which, '-o', 'IdentityFile=none', '-o', f'CertificateFile={cert}', agent=agent, only=False)
    assert r.stdout == 'in\n' and (which == 'debian' or 'from agent' in r.stderr), r.stderr
    r = login(clab, which, '-i', f'{key}.pub', '-o', f'CertificateFile={cert}', agent=agent)
    assert r.stdout == 'in\n', r.stderr


@both
def test_identities_only_with_a_certificate(clab, ca, agent, which):
    """The agent has both; the configuration names another key: nothing of the agent's is used."""
    key, mine = user_key(clab, ca), clab.dir / 'mine'
    keygen(mine)
    agent.add(key)
    r = login(clab, which, '-i', str(mine), agent=agent)
    assert r.returncode == 255 and [o[0] for o in offered(r)] == ['mine']


@both
def test_order(clab, ca, agent, which):
    """What is in a file and in the agent, what only the agent has, what is in files alone."""
    a, b, c, d = (user_key(clab, ca, name=n, names='nobody-else') for n in 'abcd')
    agent.add(d)
    agent.add(b)
    r = login(clab, which, '-i', str(a), '-i', str(b), '-i', str(c), agent=agent, only=False)
    alone = [('ED25519', True, False), ('ED25519-CERT', True, False)]
    if which == 'ours':                                    # as OpenSSH 10.5: of what nobody named certificates come first
        alone.reverse()
    assert [(o[1], 'agent' in o[2], 'explicit' in o[2]) for o in offered(r)] == [
        ('ED25519', True, True), ('ED25519-CERT', True, True), *alone, ('ED25519', False, True), ('ED25519-CERT', False, True)]


@both
def test_accepted_algorithms(clab, ca, which):
    key = user_key(clab, ca, 'rsa')
    r = login(clab, which, '-i', str(key), '-o', 'PubkeyAcceptedAlgorithms=-*-cert-v01@openssh.com')
    assert r.returncode == 255 and [o[1] for o in offered(r)] == ['RSA']
    r = login(clab, which, '-i', str(key), '-o', 'PubkeyAcceptedAlgorithms=rsa-sha2-256-cert-v01@openssh.com')
    assert r.stdout == 'in\n' and [o[1] for o in offered(r)] == ['RSA-CERT']


@both
def test_with_a_passphrase(clab, ca, which):
    key = user_key(clab, ca)
    subprocess.run([GEN, '-q', '-p', '-P', '', '-N', 'secret', '-f', str(key)], check=True, capture_output=True)
    r = clab.ssh('echo in', which=which, key=False, options=['-i', str(key)], env=clab.askpass('secret'))
    assert r.stdout == 'in\n' and clab.prompts().count('passphrase') == 1


@both
@pytest.mark.parametrize('fault', ['name', 'expired', 'host', 'ca', 'critical'])
def test_the_server_refuses(clab, ca, which, fault):
    key = user_key(clab, ca, 'ed25519', *{'expired': ['-V', '20200101:20210101'], 'critical': ['-O', 'critical:future@example.com=x']}.get(fault, []),
                   names='nobody-else' if fault == 'name' else ME, by='other' if fault == 'ca' else 'ca', role=['-h'] if fault == 'host' else [])
    r = login(clab, which, '-i', str(key))
    assert r.returncode == 255 and 'Permission denied' in r.stderr


@both
@pytest.mark.parametrize('text', ['', 'garbage', 'ssh-ed25519-cert-v01@openssh.com AAAA', 'key', 'cut', 'signature'])
def test_broken_certificate_files(clab, ca, which, text):
    """They are passed over: the login goes on with what is left."""
    key, good = user_key(clab, ca), (clab.dir / 'id_ed25519-cert.pub').read_text()
    kind, blob = good.split()[:2]
    bad = {'key': public(key), 'cut': f'{kind} {blob[:-40]}', 'signature': f'{kind} {blob[:-12]}AAAAAAAAAAAA'}.get(text, text)
    (clab.dir / 'bad.pub').write_text(bad + '\n')
    r = login(clab, which, '-i', str(key), '-o', f'CertificateFile={clab.dir}/bad.pub', '-o', f'CertificateFile={key}-cert.pub')
    assert r.stdout == 'in\n', r.stderr


# Certificates of hosts.

@pytest.fixture
def host(bindir, folder, ca):
    """host(options, ...): a lab whose server shows a certificate made like that."""
    running = []

    def start(*options, config='', kind='ed25519', names='127.0.0.1', role=('-h',), **more):
        s = DebianServer.__new__(DebianServer)
        keys = folder / 'host'
        keys.mkdir(exist_ok=True)
        keygen(keys / f'host_{kind}', kind)
        certify(ca, keys / f'host_{kind}', *options, names=names, role=role, **more)
        s.__init__(keys, f'{config}\nHostCertificate {keys}/host_{kind}-cert.pub', kinds=[kind])
        running.append(s)
        l = Lab(bindir, folder, s)
        running.append(l)
        return l
    yield start
    for r in running:
        r.stop() if isinstance(r, DebianServer) else r.clear()


def authority(ca, name='[127.0.0.1]:*', by='ca'):
    return f'@cert-authority {name} {public(ca / by)}\n'


def shows(lab, which, *options, strict='yes', **more):
    return lab.ssh('echo in', which=which, strict=strict, options=['-v', *options], **more)


@both
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('name', ['[127.0.0.1]:*', '127.0.0.1', '*', '[127.0.0.*]:*,other'])
def test_host_certificate(host, ca, which, kind, name):
    lab = host(kind=kind)
    lab.remember(authority(ca, name))
    r = shows(lab, which, '-o', 'UpdateHostKeys=yes')
    assert r.stdout == 'in\n', r.stderr
    assert 'host certificate' in r.stderr and 'ID "test id"' in r.stderr and lab.known.read_text() == authority(ca, name)


@both
def test_principals_of_hosts(host, ca, which):
    lab = host(names='one.test,127.0.0.1,two.test' if which == 'debian' else 'one.test,127.0.0.*,two.test')    # no patterns in 9.2
    lab.remember(authority(ca))
    r = shows(lab, which)
    assert r.stdout == 'in\n', r.stderr
    lab.remember(authority(ca, 'two.test'))
    assert shows(lab, which, '-o', 'HostKeyAlias=two.test').stdout == 'in\n'
    lab.remember(authority(ca, 'three.test'))
    assert shows(lab, which, '-o', 'HostKeyAlias=three.test').returncode == 255


FAULTS = {'expired': (['-V', '20200101:20210101'], {}), 'not yet': (['-V', '20900101:20910101'], {}), 'name': ([], {'names': 'other.test'}),
          'ca': ([], {'by': 'other'}), 'critical': (['-O', 'critical:future@example.com=x'], {})}


@both
@pytest.mark.parametrize('fault', FAULTS)
def test_certificates_that_do_not_count(host, ca, which, fault):
    """Then the key inside counts as any other: known or not."""
    options, more = FAULTS[fault]
    lab = host(*options, **more)
    lab.remember(authority(ca))
    r = shows(lab, which)
    assert r.returncode == 255 and r.stdout == '' and 'No ED25519 host key is known' in r.stderr
    why = {'expired': 'expired', 'not yet': 'not yet valid', 'name': '(?i)principal|name', 'critical': 'critical option'}.get(fault)
    assert why is None or re.search(why, r.stderr, re.I)
    lab.remember(authority(ca) + f'{lab.name()} {lab.host_key()}\n')
    r = shows(lab, which)
    assert r.stdout == 'in\n', r.stderr


def test_a_host_certificate_without_names_is_for_nobody(host, ca):
    """OpenSSH 10.3 and newer; before, it was for everybody."""
    lab = host(names='')
    lab.remember(authority(ca))
    r = shows(lab, 'ours')
    assert r.returncode == 255 and 'lacks principal list' in r.stderr


@both
@pytest.mark.parametrize('algs,works', [('-ssh-ed25519', False), ('ssh-ed25519', True), ('rsa-sha2-512', False)])
def test_ca_signature_algorithms(host, ca, which, algs, works):
    lab = host()
    lab.remember(authority(ca))
    r = shows(lab, which, '-o', f'CASignatureAlgorithms={algs}')
    assert (r.stdout == 'in\n') == works


@both
def test_ca_that_signs_with_sha1(host, ca, which):
    """Debian's ssh does not even let the key exchange pass; ours falls back to the key, which is not known."""
    lab = host(by='rsa', kind='ed25519')
    subprocess.run([GEN, '-q', '-s', str(ca / 'rsa'), '-t', 'ssh-rsa', '-I', 'x', '-h', '-n', '127.0.0.1', f'{lab.server.host_key}.pub'], check=True)
    lab.server.stop()
    lab.server.__init__(lab.server.dir, f'HostCertificate {lab.server.host_key}-cert.pub\nCASignatureAlgorithms +ssh-rsa', kinds=['ed25519'])
    lab.remember(authority(ca, by='rsa'))
    assert shows(lab, which).returncode == 255
    assert shows(lab, which, '-o', 'CASignatureAlgorithms=+ssh-rsa').stdout == 'in\n'


@both
@pytest.mark.parametrize('what', ['ca', 'key', 'file ca', 'file key', 'krl serial', 'krl id'])
def test_revoked(host, ca, which, what):
    lab = host('-z', '42')
    text, revoked = authority(ca), lab.dir / 'revoked'
    key = public(ca / 'ca') if what.endswith('ca') else lab.host_key()
    if what in ('ca', 'key'):
        text += f'@revoked * {key}\n'
    elif what.startswith('file'):
        revoked.write_text(key + '\n')
    else:
        (lab.dir / 'spec').write_text('serial: 42\n' if 'serial' in what else 'id: test id\n')
        subprocess.run([GEN, '-q', '-k', '-f', str(revoked), '-s', str(ca / 'ca.pub'), str(lab.dir / 'spec')], check=True)
    lab.remember(text)
    assert shows(lab, which).stdout == 'in\n' or what in ('ca', 'key')
    r = shows(lab, which, *(['-o', f'RevokedHostKeys={revoked}'] if revoked.exists() else []), strict='yes')
    assert r.returncode == 255 and r.stdout == '' and 'revoked' in r.stderr


@both
def test_without_an_authority_the_key_counts(host, ca, which):
    lab = host()
    lab.remember(f'{lab.name()} {lab.host_key()}\n')
    r = shows(lab, which)
    assert r.stdout == 'in\n', r.stderr
    lab.remember('')
    r = shows(lab, which, strict='accept-new')
    assert r.stdout == 'in\n' and lab.known.read_text() == f'{lab.name()} {lab.host_key()}\n'


@both
def test_an_authority_asks_for_certificates_first(host, ca, which):
    """A server with a certificate for one key and another key: with a CA known the certificate is asked for."""
    lab = host(kind='rsa')
    lab.server.stop()
    lab.server.__init__(lab.server.dir, f'HostCertificate {lab.server.dir}/host_rsa-cert.pub', kinds=['rsa', 'ed25519'])
    lab.remember(authority(ca))
    r = shows(lab, which)
    assert r.stdout == 'in\n', r.stderr
    r = shows(lab, which, '-o', 'HostKeyAlgorithms=ssh-ed25519,rsa-sha2-512-cert-v01@openssh.com')
    assert r.returncode == 255


@both
def test_known_hosts_command_sees_the_certificate(host, ca, which):
    lab = host()
    lab.remember('')
    script, log = lab.dir / 'command', lab.dir / 'log'
    script.write_text(f'#!/bin/sh\necho "$@" >> {log}\nprintf "%s" "{authority(ca)}"\n')
    script.chmod(0o755)
    r = shows(lab, which, '-o', f'KnownHostsCommand={script} %I %t %K')
    assert r.stdout == 'in\n'
    blob = open(f'{lab.server.host_key}-cert.pub').read().split()[1]
    assert log.read_text() == f'ORDER NONE NONE\nHOSTNAME ssh-ed25519-cert-v01@openssh.com {blob}\n'


# Our sshd at the other end.

@both
@pytest.mark.parametrize('kind', KINDS)
def test_our_server(bindir, folder, sshd, ca, which, kind):
    """Certificates of both sides."""
    host = folder / 'certified'
    keygen(host, kind)
    certify(ca, host, names='127.0.0.1', role=['-h'])
    server = sshd(f'HostKey {host}\nHostCertificate {host}-cert.pub\nTrustedUserCAKeys {ca}/ca.pub\nAuthorizedKeysFile none')
    lab = Lab(bindir, folder, server)
    lab.remember(authority(ca))
    key = user_key(lab, ca, kind)
    r = login(lab, which, '-i', str(key))
    assert r.stdout == 'in\n' and 'host certificate' in r.stderr, r.stderr
    assert offered(r)[-1][1].endswith('-CERT')
