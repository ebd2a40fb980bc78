"""What becomes of commands without a pty when the client is killed: the same as with Debian's sshd."""
import os, pathlib, signal, subprocess, sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))

from conftest import ROOT, Server, wait_for
from test_processes import alive, status

pytestmark = [pytest.mark.skipif(not ROOT, reason='needs root'), pytest.mark.skipif(not os.path.exists('/usr/sbin/sshd'), reason='openssh-server is not installed')]

def lives(pid):
    return status(pid).get('Name', '') in ('sleep', 'bash') and alive(pid)


def without_a_pty(server, how):
    client = subprocess.Popen([*server.arguments(), 'sleep 1007 >/dev/null 2>&1 </dev/null & echo $!; echo $$; exec sleep 1008'],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pids = [int(client.stdout.readline()) for _ in range(2)]
    wait_for(lambda: all(lives(p) for p in pids))
    client.send_signal(how)
    client.wait(20)
    client.stdin.close()
    wait_for(lambda: server.text().count('Connection closed by') + server.text().count('Disconnected from') + server.text().count('Connection reset by') > 0)
    left = [lives(p) for p in pids]
    for p in pids:
        if lives(p):
            os.kill(p, signal.SIGKILL)
    return left


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_commands_without_a_pty(sshd, folder, how):
    """They lose their pipes only."""
    theirs_dir = folder / 'debian'
    theirs_dir.mkdir()
    os.makedirs('/run/sshd', exist_ok=True)
    theirs = Server(pathlib.Path('/usr/sbin'), theirs_dir, f'AuthorizedKeysFile {theirs_dir}/authorized_keys\nStrictModes no\nUsePAM no\nLogLevel VERBOSE', defaults=False)
    try:
        expected = without_a_pty(theirs, how)
    finally:
        theirs.stop()
    assert without_a_pty(sshd(), how) == expected == [True, True]
