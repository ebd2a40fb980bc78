"""Agents of others with our ssh and ssh-add: PuTTY's Pageant and gpg-agent, each type of key."""
import os, pathlib, shutil, subprocess

import pytest

from conftest import wait_for
from lab import BIN, KEYS, line_of_ours, run, user_key
from peer_putty import putty_key
from test_our_server import serve  # noqa: F401 (a fixture)

PINENTRY = '''#!/bin/sh
# Answers every question of gpg-agent: the passphrase under which it keeps a key.
echo "OK ready"
while read -r word rest; do
	case $word in
	GETPIN) printf 'D hawser\\nOK\\n' ;;
	BYE) echo OK; exit 0 ;;
	*) echo OK ;;
	esac
done
'''


class Agent:
    def __init__(self, sock, stop):
        self.env, self.stop = {'SSH_AUTH_SOCK': str(sock), 'SSH_ASKPASS_REQUIRE': 'never'}, stop

    def call(self, *argv, rc=0):
        done = run(argv, env=self.env)
        assert done.status == rc, f'{argv}: {done}'
        return done.out.decode()


def pageant(folder):
    if not shutil.which('pageant') or not shutil.which('puttygen'):
        pytest.skip('putty is not installed')
    p = subprocess.Popen(['stdbuf', '-oL', 'pageant', '--debug'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         env={**os.environ, 'HOME': str(folder)})
    sock = p.stdout.readline().decode().split('=')[1].split(';')[0].strip()

    def stop():
        p.terminate()
        p.wait(10)
        p.stdout.close()
        pathlib.Path(sock).unlink(missing_ok=True)       # it leaves that behind
    return Agent(sock, stop)


class Keeper(Agent):
    """GnuPG's: what it has, it has for ever."""


def gpg(folder):
    if not shutil.which('gpg-agent') or not shutil.which('gpgconf'):
        pytest.skip('gpg-agent is not installed')
    home, pinentry = folder / 'gnupg', folder / 'pinentry'
    home.mkdir(mode=0o700)
    pinentry.write_text(PINENTRY)
    pinentry.chmod(0o755)
    subprocess.run(['gpg-agent', '--homedir', home, '--daemon', '--enable-ssh-support', '--s2k-count', '65536', '--pinentry-program', pinentry], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sock = subprocess.run(['gpgconf', '--homedir', home, '--list-dirs', 'agent-ssh-socket'], check=True, capture_output=True, text=True).stdout.strip()
    return Keeper(sock, lambda: subprocess.run(['gpgconf', '--homedir', home, '--kill', 'gpg-agent'], check=True))


@pytest.fixture(params=[pageant, gpg], ids=['pageant', 'gpg-agent'])
def agent(request, folder):
    made = request.param(folder)
    yield made
    made.stop()


def public(kind):
    return user_key(kind).with_suffix('.pub').read_text().split()[1]


def login(agent, server, kind, *command, **config):
    """The key is only in the agent; the file says which one of the agent's to take."""
    argv = line_of_ours(server, ['-i', user_key(kind).with_suffix('.pub'), '-o', 'BatchMode=yes', '-l', server.login],
                        {'IdentityAgent': 'SSH_AUTH_SOCK', **config})
    return run([*argv, '127.0.0.1', *command], env=agent.env)


def test_every_type_of_key(agent, serve):  # noqa: F811
    server = serve()
    for kind in KEYS:
        agent.call(BIN / 'ssh-add', user_key(kind))
    listed = agent.call(BIN / 'ssh-add', '-L')
    assert listed == agent.call('/usr/bin/ssh-add', '-L') and agent.call(BIN / 'ssh-add', '-l') == agent.call('/usr/bin/ssh-add', '-l')
    assert all(public(kind) in listed for kind in KEYS) and listed.count('\n') == len(KEYS)
    for kind in KEYS:
        done = login(agent, server, kind, 'echo yes')
        assert (done.status, done.out) == (0, b'yes\n'), f'{kind}: {done}\n{server.text()[-3000:]}'
    assert server.text().count('Accepted publickey') == len(KEYS)


@pytest.mark.parametrize('algorithm', ['rsa-sha2-256', 'rsa-sha2-512', 'ssh-rsa'])
def test_hash_of_rsa(agent, serve, algorithm):  # noqa: F811
    server = serve(PubkeyAcceptedAlgorithms=algorithm)
    agent.call(BIN / 'ssh-add', user_key('rsa'))
    done = login(agent, server, 'rsa', 'echo yes', PubkeyAcceptedAlgorithms=algorithm)
    assert (done.status, done.out) == (0, b'yes\n'), f'{done}\n{server.text()[-3000:]}'


def test_keys_go_again(agent):
    if isinstance(agent, Keeper):
        pytest.skip('gpg-agent says yes and keeps the key')
    agent.call(BIN / 'ssh-add', user_key('ed25519'))
    assert public('ed25519') in agent.call(BIN / 'ssh-add', '-L')
    agent.call(BIN / 'ssh-add', '-d', user_key('ed25519'))
    assert public('ed25519') not in run([BIN / 'ssh-add', '-L'], env=agent.env).out.decode()


def test_a_key_that_pageant_loaded(serve, folder):  # noqa: F811
    agent = pageant(folder)
    try:
        server = serve()
        agent.call('pageant', '-a', putty_key(user_key('ecdsa384')))
        wait_for(lambda: public('ecdsa384') in run([BIN / 'ssh-add', '-L'], env=agent.env).out.decode())
        assert login(agent, server, 'ecdsa384', 'echo yes').out == b'yes\n'
    finally:
        agent.stop()
