"""make run, from its second half on: what it starts it ends, whatever happens, and it leaves nothing behind."""
import os, pathlib, re, signal, socket, subprocess, sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))

from conftest import ROOT, wait_for
from test_login import Terminal
from test_processes import alive, tree

TOP = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(params=['root', 'user'])
def command(request, bindir, folder):
    """The command line, with a bare environment and a folder of its own for what it makes."""
    tmp = folder / 'tmp'
    tmp.mkdir()
    become = []
    if request.param == 'user':
        account = request.getfixturevalue('account')
        os.chown(tmp, account.pw.pw_uid, account.pw.pw_gid)
        become = ['setpriv', f'--reuid={account.pw.pw_uid}', f'--regid={account.pw.pw_gid}', '--clear-groups']
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    yield ['env', '-i', 'PATH=/usr/bin:/bin', 'TERM=vt100', f'PORT={port}', f'TMPDIR={tmp}', *become, 'sh', '-c', 'umask "$0" && exec "$@"']
    assert list(tmp.iterdir()) == []


def run(bindir):
    return ['sh', str(TOP / 'tools/run'), str(bindir.parents[1])]


def port_of(command):
    return int(next(a for a in command if a.startswith('PORT='))[5:])


@pytest.mark.parametrize('umask', ['077', '022', '000'])
def test_without_a_terminal(bindir, command, umask):
    r = subprocess.run([*command, umask, *run(bindir)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=TOP)
    assert r.returncode == 0 and 'It said: hello from' in r.stderr and f'127.0.0.1:{port_of(command)};' in r.stderr, r.stderr


def test_the_next_port_if_one_is_taken(bindir, command):
    with socket.create_server(('127.0.0.1', port_of(command))):
        r = subprocess.run([*command, '022', *run(bindir)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=TOP)
    said = int(re.search(r'127.0.0.1:(\d+);', r.stderr).group(1))
    assert r.returncode == 0 and said > port_of(command) and 'hello from' in r.stderr, r.stderr


@pytest.mark.parametrize('end', ['exit', 'hang up', 'the shell is killed', 'terminate'])
def test_in_a_terminal(bindir, command, end):
    t = Terminal([a.replace('env', '/usr/bin/env', 1) if a == 'env' else a for a in [*command, '022', *run(bindir)]])
    t.expect(b'Leave it with exit.')
    t.type(b'echo "it is"" $$"\n')
    t.expect(b'it is ')
    t.expect(b'\n')
    mine = tree(t.pid)
    assert list(mine.values()).count('sshd-net') >= 2 and 'ssh' in mine.values()
    if end == 'exit':
        t.type(b'exit\n')
        t.expect(b'The shell ended with status 0; server and keys are gone.')
    elif end == 'the shell is killed':
        t.type(b'kill -9 $$\n')
        t.expect(b'server and keys are gone.')
    elif end == 'terminate':
        os.kill(t.pid, signal.SIGTERM)
    else:                                                    # the shell at the other end is quiet: nothing but the hangup tells of it
        t.expect(b'$ ' if 'setpriv' in command else b'# ')
        os.close(t.fd)
        t.fd = os.open('/dev/null', os.O_RDONLY)
    t.wait()
    wait_for(lambda: not any(alive(p) for p in mine), seconds=20)
