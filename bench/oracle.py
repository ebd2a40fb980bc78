#!/usr/bin/python3
"""Does an answer tell whether a user exists? What sshd says to each kind of user, and how long it takes (root only).

Usage: bench/oracle.py BUILDDIR [TRIES [no|yes]] a table of median milliseconds by method and user, for our sshd and Debian's;
                                            lines with another sequence of messages than the missing user's are marked.
test/e2e/test_oracle.py compares the messages alone.
"""
import os
import pathlib
import queue
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import paramiko
from paramiko.message import Message

FAILURE, SUCCESS, INFO_REQUEST, PK_OK, DISCONNECT = 51, 52, 60, 60, 1
PASSWORD = 'correct horse'


def string(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack('>I', len(s)) + s


class Watcher:
    """Takes paramiko's place as authentication handler: every message goes to a queue, with its time."""

    def __init__(self):
        self.got = queue.Queue()
        names = {n: (lambda handler, m, n=n: handler.got.put((time.perf_counter(), n, m.get_remainder()))) for n in (5, 6, 51, 52, 53, 60)}
        self._handler_table = self._client_handler_table = names

    def abort(self):
        self.got.put((time.perf_counter(), DISCONNECT, b''))

    def is_authenticated(self):
        return False


def talk(port, user, steps):
    """[(message, milliseconds)] of the answers to the steps; a step is a payload, or a function of the last answer."""
    with socket.create_connection(('127.0.0.1', port)) as sock:
        t = paramiko.Transport(sock)
        try:
            t.start_client(timeout=20)
            watcher = Watcher()
            t.auth_handler = watcher

            def ask(payload):
                m = Message()
                m.packet.write(payload)
                start = time.perf_counter()
                t._send_message(m)
                while True:
                    at, number, body = watcher.got.get(timeout=30)
                    if number != 53:
                        return (number, body), (at - start) * 1000
            ask(b'\x05' + string('ssh-userauth'))
            return [ask(step(user)) for step in steps]
        finally:
            t.close()


def request(method, rest):
    return lambda user: b'\x32' + string(user) + string('ssh-connection') + string(method) + rest


def reply(text):
    return lambda user: b'\x3d\0\0\0\1' + string(text)


NONE = request('none', b'')
PROBE = request('publickey', b'\0' + string('ssh-ed25519') + string(string('ssh-ed25519') + string(bytes(range(32)))))
KBDINT = request('keyboard-interactive', string('') + string(''))
METHODS = {
    'none': [NONE], 'publickey probe': [NONE, PROBE], 'publickey first': [PROBE],
    'wrong password': [NONE, request('password', b'\0' + string('wrong'))],
    'right password': [NONE, request('password', b'\0' + string(PASSWORD))],
    'empty password': [NONE, request('password', b'\0' + string(''))],
    'kbdint asks': [NONE, KBDINT], 'kbdint first': [KBDINT], 'kbdint, wrong': [NONE, KBDINT, reply('wrong')], 'kbdint, right': [NONE, KBDINT, reply(PASSWORD)],
}


class Users:
    """One of each kind that may not log in; all but the missing one with the same password."""
    KINDS = ('missing', 'exists', 'locked', 'expired', 'noshell', 'keyonly', 'denied')

    def __init__(self):
        self.names = {kind: f'hw{kind[:4]}{os.getpid() % 100000}' for kind in self.KINDS}
        crypted = subprocess.run(['openssl', 'passwd', '-6', PASSWORD], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        more = {'locked': ['-p', '!' + crypted], 'expired': ['-p', crypted, '-e', '2001-01-01'], 'noshell': ['-p', crypted, '-s', '/nonexistent/shell'], 'keyonly': ['-p', '*']}
        for kind in self.KINDS[1:]:
            subprocess.run(['useradd', '-M', '-d', '/nonexistent', '-s', '/bin/sh', *more.get(kind, ['-p', crypted]), self.names[kind]], check=True, stderr=subprocess.DEVNULL)

    def remove(self):
        for kind in self.KINDS[1:]:
            for _ in range(50):  # somebody else may hold the lock of /etc/passwd, or a session of the user may be ending
                if subprocess.run(['userdel', self.names[kind]], stderr=subprocess.DEVNULL).returncode in (0, 6):
                    break
                time.sleep(0.1)


def server_of(folder, sshd, users, pam):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    if not (folder / 'host').exists():
        subprocess.run(['/usr/bin/ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', folder / 'host'], check=True)
    config = folder / f'config{port}'
    ours = 'PerSourcePenalties no\n' if 'usr' not in str(sshd) else ''
    config.write_text(f'Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM {pam}\nPasswordAuthentication yes\n{ours}'
                      f'KbdInteractiveAuthentication yes\nMaxStartups 100\nLogLevel QUIET\nDenyUsers {users.names["denied"]}\n')
    server = subprocess.Popen([sshd, '-D', '-f', config], stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(('127.0.0.1', port)).close()
            return server, port
        except OSError:
            time.sleep(0.02)


def shown(answers):
    return ' '.join({51: 'failure', 52: 'success', 60: 'ask', 1: 'end'}.get(n, str(n)) for (n, _), _ in answers)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    build, tries = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 9
    folder, users = pathlib.Path(tempfile.mkdtemp(prefix='hawser-oracle.')), Users()
    os.environ['HAWSER_LIBEXEC'] = str(build / 'src/prog')
    os.makedirs('/run/sshd', exist_ok=True)
    try:
        for name, sshd in (('Hawser', build / 'src/prog/sshd'), ('OpenSSH', '/usr/sbin/sshd')):
            for pam in sys.argv[3:] or ('no', 'yes'):
                server, port = server_of(folder, sshd, users, pam)
                print(f'{name}, UsePAM {pam}, ms'.ljust(28) + ''.join(k.rjust(9) for k in users.KINDS))
                for method, steps in METHODS.items():
                    times, says = {k: [] for k in users.KINDS}, {}
                    for _ in range(2 if pam == 'yes' and 'kbdint,' in method else tries):
                        for kind in users.KINDS:
                            answers = talk(port, users.names[kind], steps)
                            times[kind].append(answers[-1][1])
                            says[kind] = answers
                    odd = [f'{k}: {shown(says[k])}' for k in users.KINDS if [a[0] for a in says[k]] != [a[0] for a in says['missing']]]
                    print('  ' + method.ljust(26) + ''.join(f'{statistics.median(times[k]):9.2f}' for k in users.KINDS), '; '.join(odd), flush=True)
                server.terminate()
                server.wait()
    finally:
        users.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
