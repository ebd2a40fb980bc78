"""User certificates on the server, made by Debian's ssh-keygen and shown by Debian's ssh; each refusal with OpenSSH's log line."""
import os, time

import pytest

from conftest import ROOT, keygen
from test_server_keys import FP, commands, needs_root, program, public, sign, tool

REFUSED = rf'^Refusing certificate ID "the-id" serial=7 signed by ED25519 CA {FP}'


class Lab:
    """A server, an authority, and a key with a certificate for whoever is let in."""

    def __init__(self, sshd, folder, account, config='', ca='ed25519', kind='ed25519', trusted=True):
        self.folder, self.name = folder, account.name
        self.ca = keygen(folder / 'ca', ca)
        (folder / 'trusted').write_text('# authorities\n' + public(self.ca))
        self.server = sshd(f'AuthorizedKeysFile {folder}/keys\n' + (f'TrustedUserCAKeys {folder}/trusted\n' if trusted else '') + config)
        self.server.key = keygen(folder / 'user', kind)
        (folder / 'keys').touch()

    def sign(self, *options, name=True, **more):
        return sign(more.pop('ca', self.ca), self.server.key, self.name if name is True else name, *options, **more)

    def keys(self, options, key=None):
        (self.folder / 'keys').write_text(f'{options} {public(key or self.ca)}')

    def come(self, name=None, *command):
        return self.server.ssh(*(command or ['echo in']), login=name or self.name)

    def comes_in(self, name=None):
        return self.come(name).stdout == 'in\n'

    def refused(self, why):
        assert not self.comes_in()
        self.server.wait_log(why)


@pytest.fixture
def lab(sshd, folder, anybody):
    return lambda config='', **more: Lab(sshd, folder, anybody, config, **more)


@pytest.mark.parametrize('kind', ['ed25519', 'ecdsa', 'rsa'])
@pytest.mark.parametrize('ca', ['ed25519', 'ecdsa', 'rsa'])
def test_trusted_authority(lab, kind, ca):
    l = lab(ca=ca, kind=kind)
    assert not l.comes_in()
    l.sign()
    assert l.comes_in()
    up, ca = kind.upper(), ca.upper()
    l.server.wait_log(rf'^Accepted certificate ID "the-id" \(serial 7\) signed by {ca} CA {FP} via {l.folder}/trusted$')
    l.server.wait_log(rf'^Accepted publickey for {l.name} from 127.0.0.1 port \d+ ssh2: {up}-CERT {FP} ID the-id \(serial 7\) CA {ca} {FP}$')


def test_authority_of_one_user(lab):
    l = lab(trusted=False)
    l.sign()
    assert not l.comes_in()
    l.keys('cert-authority')
    assert l.comes_in()
    l.server.wait_log(rf'^Accepted certificate ID "the-id" \(serial 7\) signed by CA ED25519 {FP} found at {l.folder}/keys:1$')
    # The authority's own key is let in by no such line, nor a certificate by a line without cert-authority.
    l.keys('')
    assert not l.comes_in()
    l.keys('cert-authority')
    l.server.key = l.ca
    assert not l.comes_in()


def test_a_plain_key_needs_no_authority_and_a_certificate_is_no_plain_key(lab):
    l = lab()
    l.sign(name='another')
    l.keys('', l.server.key)
    assert l.comes_in()
    l.server.wait_log(rf'^Accepted publickey for {l.name} from 127.0.0.1 port \d+ ssh2: ED25519 {FP}$')


@pytest.mark.parametrize('options, more, why', [
    ([], {'name': 'another'}, 'Certificate invalid: name is not a listed principal'),
    ([], {'name': None}, 'Certificate lacks principal list'),
    ([], {'validity': '20200101:20200201'}, 'Certificate invalid: expired'),
    ([], {'validity': '+1h:+2h'}, 'Certificate invalid: not yet valid'),
    (['-O', 'critical:never-heard@of=x'], {}, 'Invalid certificate options'),
    (['-O', 'source-address=10.0.0.0/8,::1/128'], {}, 'Refused by certificate options'),
])
@pytest.mark.parametrize('own', [False, True])
def test_refused(lab, own, options, more, why):
    l = lab(trusted=not own)
    if own:
        l.keys('cert-authority')
    l.sign(*options, **more)
    l.refused(REFUSED + (f' via {l.folder}/keys:1' if own else '') + f': {why}$')
    if 'Refused' in why:
        place = f'{l.folder}/keys:1' if own else 'cert'
        l.server.wait_log(rf'^{place}: Authentication tried for {l.name} with valid certificate but not from a permitted source address \(127.0.0.1\)\.$')
    l.sign()
    assert l.comes_in()


def test_signature_algorithm_of_the_authority(lab):
    l = lab('CASignatureAlgorithms -ssh-ed25519')
    l.sign()
    l.refused(r'^userauth_pubkey: certificate signature algorithm ssh-ed25519: signature algorithm not supported$')
    rsa = keygen(l.folder / 'rsa', 'rsa')
    (l.folder / 'trusted').write_text(public(rsa))
    l.sign(ca=rsa)
    assert l.comes_in()
    l.sign('-t', 'ssh-rsa', ca=rsa)          # SHA-1 is not among the defaults
    l.refused(r'^userauth_pubkey: certificate signature algorithm ssh-rsa: signature algorithm not supported$')


def test_short_rsa(lab):
    l = lab('RequiredRSASize 3072')
    short = keygen(l.folder / 'short', 'rsa', '-b', '2048')
    (l.folder / 'trusted').write_text(public(short))
    l.sign(ca=short)
    l.refused('^refusing ED25519-CERT key: Invalid key length of its CA$')
    (l.folder / 'trusted').write_text(public(l.ca))
    l.server.key = short
    l.sign()
    l.refused('^refusing RSA-CERT key: Invalid key length$')


def test_certificate_algorithms_can_be_refused(lab):
    l = lab('PubkeyAcceptedAlgorithms ssh-ed25519')
    l.sign()
    l.refused('^userauth_pubkey: signature algorithm ssh-ed25519-cert-v01@openssh.com not in PubkeyAcceptedAlgorithms$')
    l.keys('', l.server.key)
    assert l.comes_in()


@pytest.mark.parametrize('what', ['key', 'ca', 'serial', 'id', 'cert', 'ca-line', 'key-line'])
def test_revoked(lab, folder, what):
    revoked = folder / 'revoked'
    revoked.write_text('')
    l = lab(f'RevokedKeys {revoked}')
    cert = l.sign()
    assert l.comes_in()
    {
        'key': lambda: tool('-k', '-f', revoked, f'{l.server.key}.pub'),
        'ca': lambda: tool('-k', '-f', revoked, f'{l.ca}.pub'),
        'serial': lambda: tool('-k', '-f', revoked, '-s', f'{l.ca}.pub', '-', input='serial: 5-9\n'),
        'id': lambda: tool('-k', '-f', revoked, '-s', f'{l.ca}.pub', '-', input='id: the-id\n'),
        'cert': lambda: tool('-k', '-f', revoked, cert),
        'ca-line': lambda: revoked.write_text(public(l.ca)),
        'key-line': lambda: revoked.write_text(public(l.server.key)),
    }[what]()
    l.refused(rf'^Authentication key ED25519-CERT {FP} revoked by file {revoked}$')
    if what in ('serial', 'id'):
        l.sign(serial=10, ident='another')
        assert l.comes_in()


def test_forced_command(lab):
    l = lab()
    l.sign('-O', 'force-command=echo by certificate')
    assert l.come().stdout == 'by certificate\n'
    l.keys('cert-authority,command="echo by certificate"')
    assert l.come().stdout == 'by certificate\n'
    l.keys('cert-authority,command="echo by line"')
    (l.folder / 'trusted').write_text('')
    l.refused(REFUSED + rf' via {l.folder}/keys:1: forced command options do not match$')
    l.sign()
    assert l.come().stdout == 'by line\n'


def test_extensions(lab):
    l = lab()
    tty = lambda: l.server.ssh('test -t 0 && echo tty || echo none', login=l.name, options=['-t', '-t']).stdout.strip()
    l.sign()
    assert tty() == 'tty'
    l.sign('-O', 'no-pty')
    assert tty() != 'tty'
    l.sign('-O', 'clear')
    assert tty() != 'tty'
    l.sign('-O', 'clear', '-O', 'permit-pty')
    assert tty() == 'tty'
    l.keys('cert-authority,no-pty')
    assert tty() != 'tty'
    l.sign('-O', 'source-address=127.0.0.0/8')
    assert l.comes_in()


def test_principals_of_a_line(lab):
    l = lab(trusted=False)
    l.keys('cert-authority,principals="ops,admins"')
    l.sign()
    l.refused(REFUSED + rf' via {l.folder}/keys:1: Certificate does not contain an authorized principal$')
    l.sign(name='admins')
    assert l.comes_in()
    l.sign(name='x,admins,y')
    assert l.comes_in()
    l.keys('principals="admins"', l.server.key)
    l.refused(rf'^{l.folder}/keys:1: .*principals')


def test_principals_file(lab, folder, anybody):
    names = folder / f'names-{anybody.name}-{anybody.pw.pw_uid}'
    l = lab(f'AuthorizedPrincipalsFile {folder}/names-%u-%U')
    l.sign()
    l.refused(REFUSED + ': Certificate does not contain an authorized principal$')   # no file: nobody
    names.write_text('# who\nroot\nops # all of them\n')
    l.refused(REFUSED + ': Certificate does not contain an authorized principal$')
    l.sign(name='ops')
    assert l.comes_in()
    names.write_text('command="echo forced" ops\n')
    assert l.come().stdout == 'forced\n'
    names.write_text('from="10.0.0.0/8" ops\nops\n')
    l.refused(REFUSED + ': Refused by certificate principals options$')
    names.write_text('nonsense ops\n')
    l.refused(rf'^{names}:1: unknown option "nonsense"$')
    names.write_text('')
    l.sign()
    l.refused(REFUSED + ': Certificate does not contain an authorized principal$')


@needs_root
def test_principals_command(sshd, folder, account, commands):
    out = folder / 'seen'
    out.touch()
    out.chmod(0o666)
    path = program(commands / 'names', f'printf "%s\\n" "$@" > {out}; id -un >> {out}; echo ops\n')
    l = Lab(sshd, folder, account, f'AuthorizedPrincipalsCommand {path} %u %U %h %t %k %f %T %K %F %i %s\nAuthorizedPrincipalsCommandUser %u')
    cert = l.sign(name='ops')
    assert l.comes_in()
    kind, text = cert.read_text().split()[:2]
    ca_kind, ca_text = public(l.ca).split()[:2]
    fp = lambda key: tool('-lf', key).split()[1]
    assert out.read_text().splitlines() == [account.name, str(account.pw.pw_uid), account.pw.pw_dir, kind, text, fp(l.server.key),
                                            ca_kind, ca_text, fp(l.ca), 'the-id', '7', account.name]
    l.sign()
    l.refused(REFUSED + ': Certificate does not contain an authorized principal$')
    l.sign(name='ops', validity='20200101:20200102')
    l.refused(REFUSED + ': Certificate invalid: expired$')
    path.write_text('#!/bin/sh\necho ops; exit 1\n')
    l.sign(name='ops')
    l.refused(rf'^AuthorizedPrincipalsCommand {path} .* failed, status 1$')


@needs_root
def test_the_file_of_principals_comes_before_the_command(sshd, folder, account, commands):
    path = program(commands / 'names', 'echo "command=\\"echo by command\\" ops"\n')
    l = Lab(sshd, folder, account, f'AuthorizedPrincipalsFile {folder}/names\nAuthorizedPrincipalsCommand {path}\nAuthorizedPrincipalsCommandUser nobody')
    (folder / 'names').write_text('command="echo by file" ops\n')
    l.sign(name='ops')
    assert l.come().stdout == 'by file\n'
    (folder / 'names').write_text('others\n')
    assert l.come().stdout == 'by command\n'
    (folder / 'names').write_text('from="10.*" ops\n')           # found there, and refused for good
    l.refused(REFUSED + ': Refused by certificate principals options$')


@needs_root
def test_command_may_print_authorities(sshd, folder, account, commands):
    path = program(commands / 'keys', f'echo "cert-authority $(cat {folder}/ca.pub)"\n')
    l = Lab(sshd, folder, account, f'AuthorizedKeysCommand {path} %t\nAuthorizedKeysCommandUser nobody', trusted=False)
    l.sign()
    assert l.comes_in()
    l.server.wait_log(rf'^Accepted certificate ID "the-id" \(serial 7\) signed by CA ED25519 {FP} found at {path} %t:1$')


def test_root_with_a_certificate_that_forces_a_command(sshd, folder, anybody):
    if not ROOT:
        pytest.skip('needs root')
    l = Lab(sshd, folder, anybody, 'PermitRootLogin forced-commands-only')
    l.sign('-O', 'force-command=echo forced', name='root')
    assert l.come('root').stdout == 'forced\n'
    l.sign(name='root')
    assert not l.comes_in('root')
    l.server.wait_log(r'^ROOT LOGIN REFUSED FROM 127.0.0.1 port \d+$')


def test_one_key_counts_once_also_with_a_certificate(lab):
    l = lab('AuthenticationMethods publickey,publickey')
    l.sign()
    l.keys('', l.server.key)
    l.refused('^refusing previously-used ED25519 key$')


def test_exposed(lab):
    l = lab('ExposeAuthInfo yes')
    cert = l.sign()
    out = l.come(None, 'stat -c "%a %U" $SSH_USER_AUTH; cat $SSH_USER_AUTH; echo $SSH_USER_AUTH').stdout.splitlines()
    assert out[0] == f'600 {l.name}'
    assert out[1] == 'publickey ' + ' '.join(cert.read_text().split()[:2])
    for _ in range(200):
        if not os.path.exists(out[2]):
            break
        time.sleep(0.02)  # poll-interval
    assert not os.path.exists(out[2])
