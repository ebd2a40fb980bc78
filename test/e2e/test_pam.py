"""PAM modules that talk, refuse, and want a new password: what the user sees is what Debian's sshd shows."""
import os, pathlib, select, signal, subprocess, time

import pytest

from conftest import ROOT, Server, wait_for
from test_login import Terminal

pytestmark = [pytest.mark.skipif(not ROOT, reason='needs root'), pytest.mark.skipif(not os.path.exists('/usr/sbin/sshd'), reason='openssh-server is not installed')]

UNIX = 'auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\nsession required pam_permit.so\n'
TALK = 'auth optional pam_echo.so Before it\nauth required pam_unix.so\nauth optional pam_echo.so Behind it\naccount optional pam_echo.so Your account\n' \
       'account required pam_unix.so\nsession optional pam_echo.so Your session\n'
DENIED = 'auth required pam_unix.so\naccount optional pam_echo.so Go away\naccount required pam_deny.so\n'
CLOSED = 'auth required pam_unix.so\naccount required pam_permit.so\nsession optional pam_echo.so Not today\nsession required pam_deny.so\n'
KBDINT, PASSWORD, KEY = ['PreferredAuthentications=keyboard-interactive', 'PreferredAuthentications=password', 'PreferredAuthentications=publickey']
NEW = 'new horse 7788'
CHANGE = [('assword:', '{old}'), ('urrent password:', '{old}'), ('New password:', NEW), ('Retype new password:', NEW)]

# service, method, terminal?, command, what is typed after which words, words that must be seen in this order, exit status; expired password?
CASES = {
    'words, keyboard-interactive': (UNIX, KBDINT, True, 'echo ra""n', [('assword:', '{old}')], ['ran'], 0, False),
    'talk, keyboard-interactive': (TALK, KBDINT, True, '', [('assword:', '{old}'), ('Your session', 'exit')], ['Before it', 'assword:', 'Behind it', 'Your account', 'Your session'], 0, False),
    'talk, password': (TALK, PASSWORD, True, '', [('assword:', '{old}'), ('Your session', 'exit')], ['assword:', 'Before it', 'Behind it', 'Your account', 'Your session'], 0, False),
    'talk, key': (TALK, KEY, True, '', [('Your session', 'exit')], ['Your account', 'Your session'], 0, False),
    'talk, key, no terminal': (TALK, KEY, False, 'echo ra""n', [], ['Your account', 'ran'], 0, False),
    'denied, key': (DENIED, KEY, False, 'echo ra""n', [], ['Go away'], 255, False),
    'denied, keyboard-interactive': (DENIED, KBDINT, False, 'echo ra""n', [('assword:', '{old}')], ['assword:', 'Go away'], 255, False),
    'no session, terminal': (CLOSED, KEY, True, '', [], ['Not today'], 254, False),
    'no session, command': (CLOSED, KEY, False, 'echo ra""n', [], ['Not today'], 254, False),
    'expired, keyboard-interactive': (UNIX, KBDINT, False, 'echo ra""n', CHANGE, ['required to change your password', 'urrent password', 'New', 'Retype', 'ran'], 0, True),
    'expired, password': (UNIX, PASSWORD, True, '', CHANGE, ['required to change your password', 'WARNING: Your password has expired.', 'urrent', 'New', 'Retype', 'updated successfully'], 0, True),
    'expired, key, no terminal': (UNIX, KEY, False, 'echo ra""n', [], ['WARNING: Your password has expired.', 'Password change required but no TTY available.'], 1, True),
}


def debian(folder, service):
    """Debian's sshd takes its own name for that of its PAM service."""
    place = folder / 'debian'
    place.mkdir()
    os.makedirs('/run/sshd', exist_ok=True)
    other = place / 'bin'
    other.mkdir()
    (other / service.name).symlink_to('/usr/sbin/sshd')

    class Theirs(Server):
        def start(self):
            self.command[0] = str(other / service.name)
            super().start()
    return Theirs(other, place, f'UsePAM yes\nKbdInteractiveAuthentication yes\nAuthorizedKeysFile {place}/authorized_keys\nStrictModes no\nPrintMotd no\nPrintLastLog no\nLogLevel VERBOSE', defaults=False)


def play(server, account, case):
    """(what was seen, exit status)"""
    _, method, tty, command, typed, _, _, expired = case
    subprocess.run(['chpasswd'], input=f'{account.name}:{account.password}', text=True, check=True)
    subprocess.run(['chage', '-d', '0' if expired else time.strftime('%Y-%m-%d'), account.name], check=True)
    line = server.arguments('-tt' if tty else '-T', '-o', method, '-o', 'LogLevel=INFO', '-o', 'NumberOfPasswordPrompts=1', login=account.name) + ([command] if command else [])
    t = Terminal([a.replace('BatchMode=yes', 'BatchMode=no') for a in line])
    seen, told, end = '', 0, time.monotonic() + 20
    steps = [(w, text.format(old=account.password)) for w, text in typed]
    while time.monotonic() < end:
        if select.select([t.fd], [], [], 0.1)[0]:
            try:
                got = os.read(t.fd, 65536)
            except OSError:
                break
            if not got:
                break
            seen += got.decode(errors='replace').replace('\r', '')
            if steps and steps[0][0] in seen[told:]:
                told = len(seen)
                t.type(steps.pop(0)[1].encode() + b'\n')
    else:
        os.kill(t.pid, signal.SIGKILL)
    return seen, t.wait()


def shows(case, seen, status):
    at = 0
    for word in case[5]:
        assert word in seen[at:], (word, seen)
        at = seen.index(word, at) + len(word)
    assert status == case[6], seen
    assert ('ran' in seen) == ('ran' in case[5]), seen


@pytest.mark.parametrize('name', CASES)
def test_modules(sshd, folder, account, name):
    case = CASES[name]
    service = pathlib.Path(f'/etc/pam.d/hawser-pam-{os.getpid()}')
    service.write_text(case[0])
    try:
        theirs = debian(folder, service)
        try:
            shows(case, *play(theirs, account, case))
        finally:
            theirs.stop()
        ours = sshd(f'UsePAM yes\nKbdInteractiveAuthentication yes\nPAMServiceName {service.name}\nPrintMotd no\nPrintLastLog no')
        shows(case, *play(ours, account, case))
        if case[0] is DENIED:
            ours.wait_log(f'^Access denied for user {account.name} by PAM account configuration \\[preauth\\]$')
        if case[0] is CLOSED:
            ours.wait_log(r'^PAM: pam_open_session\(\): ')
        assert 'ended without a word' not in ours.text()
    finally:
        service.unlink()
        subprocess.run(['chpasswd'], input=f'{account.name}:{account.password}', text=True)
        subprocess.run(['chage', '-d', time.strftime('%Y-%m-%d'), account.name])


def test_a_change_that_fails_is_no_login(sshd, account):
    service = pathlib.Path(f'/etc/pam.d/hawser-pam-{os.getpid()}')
    service.write_text(UNIX)
    try:
        server = sshd(f'UsePAM yes\nKbdInteractiveAuthentication yes\nPAMServiceName {service.name}')
        case = (UNIX, KBDINT, False, 'echo ra""n', [*CHANGE[:3], ('Retype new password:', 'something else')], ['Sorry, passwords do not match'], 255, True)
        shows(case, *play(server, account, case))
        server.wait_log(rf'^PAM: .* for {account.name} from 127.0.0.1$')
        server.wait_log(rf'^Failed keyboard-interactive/pam for {account.name} ')
        case = (UNIX, KBDINT, False, 'echo ra""n', [('assword:', 'wrong')], ['assword:'], 255, False)
        shows(case, *play(server, account, case))
        server.wait_log(rf'^PAM: Authentication failure for {account.name} from 127.0.0.1$')
    finally:
        service.unlink()
        subprocess.run(['chpasswd'], input=f'{account.name}:{account.password}', text=True)
        subprocess.run(['chage', '-d', time.strftime('%Y-%m-%d'), account.name])
