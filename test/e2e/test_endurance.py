"""A thousand logins, two hundred of them killed at random moments on either side: nothing stays behind."""
import os, random, signal, subprocess, time

from conftest import wait_for
from test_processes import OWN_RUN, status, tree, utmp_lines

LOGINS, KILLED, AT_ONCE = 1000, 200, 6
SERVING = ('sshd-session', 'sshd-net', 'sshd-user')


def memory(pid):
    return int(status(pid)['VmRSS'].split()[0])


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def test_a_thousand_logins(bindir, sshd, account):
    server = sshd('MaxStartups 1000\nLogLevel INFO', wrap=OWN_RUN)
    listener = server.process.pid
    client = [str(bindir / 'ssh'), *server.arguments(login=account.name)[1:]]
    rng = random.Random(1)
    victims = set(rng.sample(range(20, LOGINS), KILLED))
    files = set(os.listdir('/tmp'))
    running, succeeded, killed = [], 0, 0
    for i in range(LOGINS):
        tty = ['-tt'] if i % 7 == 0 else []
        p = subprocess.Popen([client[0], *tty, *client[1:], 'exec true'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running.append((i, p))
        if i in victims:
            time.sleep(rng.random() * 0.02)
            targets = [p.pid] if rng.random() < 0.5 else [q for q, n in tree(listener).items() if n in SERVING] or [p.pid]
            try:
                os.kill(rng.choice(targets), signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        if i == 100:
            before = memory(listener), descriptors(listener)
        wait_for(lambda: sum(q.poll() is None for _, q in running) < AT_ONCE, every=0.001)
        succeeded += sum(q.poll() == 0 for _, q in running)
        running = [(k, q) for k, q in running if q.poll() is None]
    for _, p in running:
        succeeded += p.wait(30) == 0
    assert server.process.poll() is None, server.text()
    assert succeeded >= LOGINS - 3 * KILLED and killed > KILLED / 2
    assert server.ssh('echo still').stdout == 'still\n'
    # Two zygotes and one pair that stands ready, and nothing of any connection.
    wait_for(lambda: sorted(tree(listener).values()) == ['sshd-net'] * 2 + ['sshd-session'] * 2, seconds=30)
    wait_for(lambda: descriptors(listener) <= before[1], seconds=10)
    assert memory(listener) <= before[0] * 1.2 + 256
    assert not {f for f in set(os.listdir('/tmp')) - files if f.startswith('ssh')}
    assert not utmp_lines(server, account.name)
