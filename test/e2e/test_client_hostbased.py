"""Host-based login and ssh-keysign: our ssh and Debian's, with our ssh-keysign and Debian's, against Debian's sshd; attacks on ssh-keysign.

All in a network and mount namespace with an /etc/ssh of its own. Clients run as an ordinary user, since that is what ssh-keysign is for.
"""
import base64, os, pathlib, shutil, struct, subprocess

import pytest

from client_lab import both
from conftest import keygen, wait_for
from identity_lab import KINDS, Cell, CellLab, DebianServer, needs_cell, public, temporary

pytestmark = needs_cell
NAME, KEYSIGN = 'canary.test', '/usr/lib/openssh/ssh-keysign'
ALGORITHMS = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-256', 'rsa-sha2-512']
with_both_helpers = pytest.mark.parametrize('helper', ['ours', 'debian'])


def write_config(etc, enabled='yes'):
    (etc / 'ssh_config').write_text(f'Host other\n  EnableSSHKeysign yes\nMatch exec "touch {etc}/ran"\n  EnableSSHKeysign yes\nHost *\n  EnableSSHKeysign {enabled}\n')


@pytest.fixture(scope='module')
def place(bindir, account):
    """A server, /etc/ssh with keys, our ssh-keysign with its bit set."""
    path = temporary()
    etc = path / 'etc'
    etc.mkdir()
    for kind in KINDS:
        keygen(etc / f'ssh_host_{kind}_key', kind)
    keygen(path / 'ca')
    (etc / 'ssh_known_hosts').write_text(''.join(f'{NAME} {public(etc / f"ssh_host_{k}_key")}\n' for k in KINDS) + f'@cert-authority {NAME} {public(path / "ca")}\n')
    (etc / 'shosts.equiv').write_text(f'{NAME}\n')
    shutil.copy(bindir / 'ssh-keysign', path / 'ssh-keysign')
    os.chmod(path / 'ssh-keysign', 0o4755)
    cell = Cell(path, binds=[(etc, '/etc/ssh')])
    server = DebianServer(path, 'HostbasedAuthentication yes\nUseDNS yes\nHostbasedAcceptedAlgorithms +ssh-rsa', kinds=['ed25519'], cell=cell)
    server.etc, server.path, server.account = etc, path, account
    write_config(etc)
    yield server
    server.stop()
    cell.stop()
    shutil.rmtree(path, ignore_errors=True)


class UserLab(CellLab):
    """Clients run as the account."""

    def args(self, *options, **more):
        args, enter = super().args(*options, **more), self.server.cell.enter
        return [*enter, *self.as_user(), *args[len(enter):]]

    def as_user(self):
        return ['setpriv', '--reuid', self.server.account.name, '--regid', str(self.server.account.pw.pw_gid), '--init-groups']


@pytest.fixture
def hlab(bindir, folder, place):
    l = UserLab(bindir, folder, place)
    l.remember(f'{NAME} {l.host_key()}\n')
    l.known.chmod(0o644)
    yield l
    l.clear()


@pytest.fixture
def with_helper(place):
    """with_helper(which): what stands at Debian's path of ssh-keysign."""
    mounted = []

    def choose(which):
        if which == 'ours':
            place.cell.run('mount', '--bind', place.path / 'ssh-keysign', KEYSIGN)
            mounted.append(1)
    yield choose
    for _ in mounted:
        place.cell.run('umount', KEYSIGN)


def login(lab, which, algorithm, *options, **more):
    return lab.ssh('echo in', which=which, host=NAME, key=False, env={'SSH_KEYSIGN': KEYSIGN, 'HOME': lab.server.account.pw.pw_dir},
                   options=['-v', '-4', '-o', 'HostbasedAuthentication=yes', '-o', 'PreferredAuthentications=hostbased', '-o', f'HostbasedAcceptedAlgorithms={algorithm}', *options], **more)


@both
@with_both_helpers
@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_login(hlab, with_helper, which, helper, algorithm):
    with_helper(helper)
    r = login(hlab, which, algorithm)
    assert r.stdout == 'in\n', r.stderr
    assert 'Accepted hostbased for ' + hlab.server.account.name in hlab.server.text()


@both
@with_both_helpers
def test_login_with_a_certificate(hlab, place, with_helper, which, helper):
    with_helper(helper)
    key = place.etc / 'ssh_host_ed25519_key'
    subprocess.run(['/usr/bin/ssh-keygen', '-q', '-s', str(place.path / 'ca'), '-h', '-I', 'x', '-n', NAME, f'{key}.pub'], check=True)
    try:
        r = login(hlab, which, 'ssh-ed25519-cert-v01@openssh.com')
        assert r.stdout == 'in\n', r.stderr
    finally:
        os.unlink(f'{key}-cert.pub')


def test_keys_are_tried_in_turn(hlab, place, with_helper):
    """A key that the server does not know is no reason to give up; behind the last one the other methods follow."""
    with_helper('ours')
    known = place.etc / 'ssh_known_hosts'
    before = known.read_text()
    try:
        known.write_text(f'{NAME} {public(place.etc / "ssh_host_rsa_key")}\n')
        assert login(hlab, 'ours', 'ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512').stdout == 'in\n'
        known.write_text('')
        r = login(hlab, 'ours', 'ssh-ed25519,rsa-sha2-512')
        assert r.returncode == 255 and 'Permission denied' in r.stderr and 'No more client hostkeys' in r.stderr
    finally:
        known.write_text(before)


@both
def test_not_unless_enabled(hlab, place, with_helper, which):
    """EnableSSHKeysign counts in the system's file for all hosts only, and nobody's command is run for it."""
    with_helper('ours')
    try:
        write_config(place.etc, 'no')
        r = login(hlab, which, 'ssh-ed25519')
        assert r.returncode == 255 and 'ssh-keysign not enabled in /etc/ssh/ssh_config' in r.stderr and not (place.etc / 'ran').exists()
    finally:
        write_config(place.etc)


def test_off_by_default(hlab, with_helper):
    with_helper('ours')
    r = login(hlab, 'ours', 'ssh-ed25519', '-o', 'PreferredAuthentications=hostbased,publickey')
    assert r.stdout == 'in\n'
    r = hlab.ssh('true', host=NAME, key=False, options=['-v', '-4', '-o', 'BatchMode=yes'])
    assert r.returncode == 255 and 'hostbased:' not in r.stderr


def test_without_the_helper(hlab):
    r = hlab.ssh('true', host=NAME, key=False, env={'SSH_KEYSIGN': '/does/not/exist'},
                 options=['-4', '-o', 'HostbasedAuthentication=yes', '-o', 'PreferredAuthentications=hostbased'])
    assert r.returncode == 255 and '/does/not/exist' in r.stderr and 'Permission denied' in r.stderr


def string(b):
    b = b.encode() if isinstance(b, str) else b
    return struct.pack('>I', len(b)) + b


def request(place, session=bytes(32), number=50, service='ssh-connection', method='hostbased', algorithm='ssh-ed25519', kind='ed25519', host=f'{NAME}.', user=None, tail=b''):
    blob = base64.b64decode(public(place.etc / f'ssh_host_{kind}_key').split()[1])
    return (string(session) + bytes([number]) + string('there') + string(service) + string(method) + string(algorithm) + string(blob) + string(host) +
            string(user or place.account.name) + tail)


# Runs inside the cell as the user: a connection on descriptor 3, the program's input from a file.
RUNNER = '''
import os, socket, sys
s = socket.create_connection(('192.0.2.7', 22))
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.execv(sys.argv[1], [sys.argv[1]])
'''


def keysign(lab, data, version=2, fd=3, raw=None):
    place = lab.server
    message = bytes([version]) + struct.pack('>I', fd) + string(data) if raw is None else raw
    return subprocess.run([*place.cell.enter, *lab.as_user(), '/usr/bin/python3', '-c', RUNNER, str(place.path / 'ssh-keysign')],
                          input=struct.pack('>I', len(message)) + message, capture_output=True, timeout=30, cwd='/')


def test_keysign_signs_what_is_right(hlab, place):
    r = keysign(hlab, request(place))
    assert r.returncode == 0 and r.stdout[4] == 2 and b'ssh-ed25519' in r.stdout, r.stderr


@pytest.mark.parametrize('wrong', [{'user': 'root'}, {'host': 'other.test.'}, {'host': NAME}, {'method': 'publickey'}, {'number': 51}, {'service': 'ssh-userauth'},
                                   {'session': b''}, {'session': bytes(31)}, {'algorithm': 'rsa-sha2-512'}, {'algorithm': 'none'}, {'tail': b'x'}])
def test_keysign_signs_nothing_else(hlab, place, wrong):
    r = keysign(hlab, request(place, **wrong))
    assert r.returncode == 255 and r.stdout == b'' and b'what is to be signed' in r.stderr


def test_keysign_has_no_such_key(hlab, place):
    keygen(hlab.dir / 'stranger')
    mine, theirs = (base64.b64decode(public(p).split()[1]) for p in (place.etc / 'ssh_host_ed25519_key', hlab.dir / 'stranger'))
    r = keysign(hlab, request(place).replace(mine, theirs))
    assert r.returncode == 255 and r.stdout == b'' and b'no matching hostkey found' in r.stderr


@pytest.mark.parametrize('more', [{'version': 1}, {'fd': 0}, {'fd': 2}, {'fd': 2**31}, {'raw': b''}, {'raw': b'\2'}, {'raw': b'\2\0\0\0\3\xff\xff\xff\xff'}, {'raw': bytes(300000)}])
def test_keysign_refuses_malformed_requests(hlab, place, more):
    r = keysign(hlab, request(place), **more)
    assert r.returncode == 255 and r.stdout == b'' and b'request' in r.stderr


def test_keysign_gives_up_root(hlab, place):
    """While it waits for its input it has no right of root left."""
    uid = place.account.pw.pw_uid
    p = subprocess.Popen([*place.cell.enter, *hlab.as_user(), str(place.path / 'ssh-keysign')], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        def has_only_standard_files():
            return os.readlink(f'/proc/{p.pid}/exe').endswith('/ssh-keysign') and ids('Uid') == [str(uid)] * 4 and all(int(f) < 3 for f in os.listdir(f'/proc/{p.pid}/fd'))

        def ids(name):
            return dict(l.split(':', 1) for l in pathlib.Path(f'/proc/{p.pid}/status').read_text().splitlines())[name].split()
        wait_for(has_only_standard_files)
        assert ids('Gid') == [str(place.account.pw.pw_gid)] * 4 and int(ids('CapEff')[0], 16) == int(ids('CapPrm')[0], 16) == 0
        assert p.poll() is None
    finally:
        p.kill()
        p.communicate()


# Our sshd at the other end.

@pytest.fixture
def ours(bindir, folder, place):
    """Our sshd inside the cell, on 127.0.0.1, which is called localhost there."""
    from conftest import Server
    own = folder / 'ours'
    own.mkdir()
    s = Server(bindir, own, 'HostbasedAuthentication yes\nUseDNS yes', wrap=place.cell.enter)
    yield s
    s.stop()


@both
@pytest.mark.parametrize('algorithm', ALGORITHMS)
def test_login_at_our_server(hlab, place, ours, with_helper, which, algorithm):
    with_helper('ours')
    known, equiv = place.etc / 'ssh_known_hosts', place.etc / 'shosts.equiv'
    before = known.read_text(), equiv.read_text()
    try:
        known.write_text(before[0].replace(NAME, 'localhost'))
        equiv.write_text('localhost\n')
        r = hlab.ssh('echo in', which=which, key=False, port=False, env={'SSH_KEYSIGN': KEYSIGN, 'HOME': place.account.pw.pw_dir},
                     options=['-v', '-p', str(ours.port), '-o', f'UserKnownHostsFile={ours.known_hosts}', '-o', 'HostbasedAuthentication=yes',
                              '-o', 'PreferredAuthentications=hostbased', '-o', f'HostbasedAcceptedAlgorithms={algorithm}'])
        assert r.stdout == 'in\n', r.stderr + ours.text()
        assert 'Accepted hostbased for ' + place.account.name in ours.text()
    finally:
        known.write_text(before[0])
        equiv.write_text(before[1])
