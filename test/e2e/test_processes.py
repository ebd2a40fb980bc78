"""The processes of the server: jailed where they must be, gone when they should be, and nobody's job hurt."""
import os, pathlib, re, signal, subprocess, time

import pytest

from conftest import ROOT, SSH_OPTIONS, wait_for
from test_login import Terminal

needs_root = pytest.mark.skipif(not ROOT, reason='needs root')


def status(pid):
    try:
        return dict(re.findall(r'^(\w+):[ \t]*(.*)$', pathlib.Path(f'/proc/{pid}/status').read_text(), re.M))
    except (FileNotFoundError, ProcessLookupError):
        return {}


def alive(pid):
    return status(pid).get('State', 'Z')[0] != 'Z'


def tree(pid):
    """All descendants: {pid: name of its program}."""
    found = {}
    for entry in pathlib.Path('/proc').iterdir():
        if entry.name.isdigit():
            s = status(entry.name)
            if s and s.get('State', 'Z')[0] != 'Z':
                found[int(entry.name)] = (int(s['PPid']), s['Name'])
    grown, inside = True, {pid}
    while grown:
        more = {p for p, (parent, _) in found.items() if parent in inside} - inside
        inside |= more
        grown = bool(more)
    return {p: found[p][1] for p in inside if p in found and p != pid}


class Connection:
    """A login that stays, and which processes serve it."""
    made = []

    def __init__(self, server, command='echo ready; exec sleep 1000', options=()):
        self.made.append(self)
        self.command = None
        before = set(tree(server.process.pid))
        self.server = server
        self.client = subprocess.Popen([*server.arguments(*options), command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while (line := self.client.stdout.readline()).strip() != b'ready':      # a shell's start-up files may have words of their own
            assert line, server.text()
        listener = server.process.pid
        self.user = wait_for(lambda: next((p for p, n in tree(listener).items() if n == 'sshd-user' and p not in before), None))
        self.monitor = int(status(self.user)['PPid'])
        self.net = wait_for(lambda: next((p for p, n in tree(listener).items() if n == 'sshd-net' and self.busy(p)), None))
        self.command = wait_for(lambda: next(iter(tree(self.user)), None))

    def busy(self, pid):
        """The network process that has a TCP socket (not the one that stands ready)."""
        try:
            return any(os.readlink(f).startswith('socket') for f in pathlib.Path(f'/proc/{pid}/fd').iterdir()) and \
                len(list(pathlib.Path(f'/proc/{pid}/fd').iterdir())) >= 8 and int(status(pid)['PPid']) == self.server.process.pid
        except (FileNotFoundError, PermissionError):
            return False

    def gone(self, *pids):
        wait_for(lambda: not any(alive(p) for p in pids), seconds=20)

    def end(self):
        self.client.kill()
        self.client.wait()

    def end_command(self):
        """What was started for the test outlives its connection, as it should; nobody else ends it."""
        self.end()
        if self.command and alive(self.command) and status(self.command)['Name'] in ('sleep', 'sh', 'bash'):
            os.kill(self.command, signal.SIGKILL)


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    while Connection.made:
        Connection.made.pop().end_command()


# A /run of its own, with the record files that a container may lack.
OWN_RUN = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /run && touch /run/utmp && exec "$@"', 'sh']


def utmp_lines(server, user):
    lines = subprocess.run(['who', f'/proc/{server.process.pid}/root/run/utmp'], capture_output=True, text=True).stdout.splitlines()
    return [line for line in lines if line.split()[0] == user]


@needs_root
def test_the_jail_holds_before_and_after_the_login(sshd):
    server = sshd()
    c = Connection(server)
    s = status(c.net)
    uid = subprocess.run(['id', '-u', 'sshd'], capture_output=True, text=True).stdout.strip()
    assert s['Uid'].split() == [uid] * 4 and s['Groups'] == ''
    assert s['Seccomp'] == '2' and s['NoNewPrivs'] == '1'
    for cap in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
        assert int(s[cap], 16) == 0, cap
    root = os.readlink(f'/proc/{c.net}/root')
    assert root != '/' and os.listdir(f'/proc/{c.net}/root') == []
    limits = pathlib.Path(f'/proc/{c.net}/limits').read_text()
    assert re.search(r'Max processes\s+0\s+0', limits) and re.search(r'Max file size\s+0\s+0', limits)
    ready = [p for p, n in tree(server.process.pid).items() if n == 'sshd-net' and p != c.net and status(p)['Seccomp'] == '2']
    assert ready, 'the network process that stands ready is jailed as well'
    assert status(c.monitor)['Seccomp'] == '0' and status(c.user)['NoNewPrivs'] == '0'
    for p in (c.net, c.monitor, c.user):       # not dumpable: /proc/PID belongs to root
        assert os.stat(f'/proc/{p}/fd').st_uid == 0
    c.end()


def test_an_ordinary_users_jail(sshd, account):
    server = sshd(user=account.pw)
    c = Connection(server)
    s = status(c.net)
    assert s['Seccomp'] == '2' and s['NoNewPrivs'] == '1' and s['Uid'].split() == [str(account.pw.pw_uid)] * 4
    c.end()


@pytest.mark.parametrize('victim', ['net', 'monitor', 'user'])
def test_any_process_killed_ends_the_others(anyone, victim):
    server = anyone()
    c = Connection(server)
    os.kill(getattr(c, victim), signal.SIGKILL)
    assert c.client.wait(20) == 255
    c.gone(c.net, c.monitor, c.user)
    assert server.ssh('echo next').stdout == 'next\n'     # and the listener serves on
    os.kill(c.command, signal.SIGKILL)


@needs_root
@pytest.mark.parametrize('victim', ['net', 'monitor', 'user', 'client'])
def test_no_login_record_stays(sshd, account, victim):
    server = sshd(wrap=OWN_RUN)
    t = Terminal(server.arguments('-tt', login=account.name))
    t.type(b'echo rea""dy $$\n')
    t.expect(b'ready ')
    user = wait_for(lambda: next((p for p, n in tree(server.process.pid).items() if n == 'sshd-user'), None))
    shell = next(iter(tree(user)))
    pids = {'user': user, 'monitor': int(status(user)['PPid']), 'client': t.pid}
    pids['net'] = next(p for p, n in tree(server.process.pid).items() if n == 'sshd-net' and len(os.listdir(f'/proc/{p}/fd')) >= 7
                       and status(p)['Seccomp'] == '2')
    line, = utmp_lines(server, account.name)
    assert 'pts/' in line and '127.0.0.1' in line
    os.kill(pids[victim], signal.SIGKILL)
    wait_for(lambda: not alive(shell), seconds=20)        # hung up
    wait_for(lambda: not utmp_lines(server, account.name), seconds=20)
    wait_for(lambda: not any(n == 'sshd-user' for n in tree(server.process.pid).values()), seconds=20)
    try:
        t.wait()
    except ChildProcessError:
        pass


def test_terminated_listener_leaves_sessions_alone(anyone):
    server = anyone()
    c = Connection(server)
    server.stop()
    server.wait_log(r'^Received signal 15; terminating.$')
    assert not (server.dir / 'pid').exists()
    assert status(c.monitor) and status(c.net) and status(c.user)
    os.kill(c.command, signal.SIGTERM)
    assert c.client.wait(20) == 255
    c.gone(c.net, c.monitor, c.user)


def test_hup_restarts_and_keeps_sessions(anyone):
    server = anyone()
    c = Connection(server)
    pid = server.process.pid
    server.config.write_text(server.config.read_text() + '\nForceCommand echo new configuration\n')
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(r'^Received SIGHUP; restarting.$')
    wait_for(lambda: server.text().count('Server listening') == 2)
    assert server.process.poll() is None and server.process.pid == pid
    assert server.ssh('x').stdout == 'new configuration\n'
    assert status(c.monitor)['PPid'] == str(pid)
    os.kill(c.command, signal.SIGTERM)
    assert c.client.wait(20) == 255
    c.gone(c.net, c.monitor, c.user)
    wait_for(lambda: not [p for p in pathlib.Path('/proc').iterdir() if p.name.isdigit() and status(p.name).get('PPid') == str(pid)
                          and status(p.name)['State'][0] == 'Z'])


def test_hup_with_relative_names(bindir, sshd):
    """sshd stands in the root folder; what its command line says is meant where it was started."""
    server = sshd()
    server.stop()
    text = server.config.read_text()
    server.config.write_text('\n'.join(line for line in text.split('\n') if not line.startswith('HostKey ')))
    p = subprocess.Popen([bindir / 'sshd', '-D', '-E', 'relative-log', '-f', server.config.name, '-h', server.host_key.name], cwd=server.dir, stdin=subprocess.DEVNULL)
    server.process, server.log = p, server.dir / 'relative-log'
    wait_for(lambda: server.log.exists() and 'Server listening' in server.text())
    for hups in (1, 2):
        assert server.ssh('echo in').stdout == 'in\n'
        p.send_signal(signal.SIGHUP)
        wait_for(lambda: server.text().count('Server listening') == hups + 1)
    assert os.readlink(f'/proc/{p.pid}/cwd') == '/'
    assert server.ssh('echo in').stdout == 'in\n'


@needs_root
def test_listening_in_a_routing_domain(sshd, account):
    """On Linux an interface or VRF: only what comes in by it is served, and Match knows it."""
    server = sshd(f'Match RDomain lo User {account.name}\nForceCommand echo by lo')
    server.stop()
    text = server.config.read_text()
    server.config.write_text(text.replace('ListenAddress 127.0.0.1', 'ListenAddress 127.0.0.1 rdomain lo'))
    server.start()
    server.wait_log(r'^Server listening on 127.0.0.1 port \d+ rdomain lo\.$')
    assert server.ssh('x', login=account.name).stdout == 'by lo\n'
    server.wait_log(r'^Connection from 127.0.0.1 port \d+ on 127.0.0.1 port \d+ rdomain "lo"$')
    server.stop()
    server.config.write_text(text.replace('ListenAddress 127.0.0.1', 'ListenAddress 127.0.0.1 rdomain nosuchvrf'))
    r = subprocess.run(server.command, capture_output=True, text=True, timeout=20)
    assert r.returncode == 255 and 'cannot bind to interface nosuchvrf' in r.stderr and 'Cannot bind any address' in r.stderr
    server.config.write_text(text + '\nRDomain vrf1\n')
    r = subprocess.run([*server.command, '-t'], capture_output=True, text=True, timeout=20)
    assert r.returncode == 255 and 'routing domain' in r.stderr


def test_hup_with_a_broken_configuration_costs_nothing(sshd):
    server = sshd()
    good = server.config.read_text()
    server.config.write_text(good + '\nNoSuchKeyword yes\n')
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(r'^Received SIGHUP; the old configuration stays in force: .*NoSuchKeyword')
    assert server.ssh('echo still').stdout == 'still\n'


def test_background_jobs_live_on(anyone, folder):
    """nohup and setsid jobs outlive the terminal; what is in the foreground is hung up."""
    server = anyone()
    out = folder / 'out'
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    t = Terminal(server.arguments('-tt'))
    t.type(f'nohup sleep 300 >/dev/null 2>&1 & echo $! > {out}/nohup; setsid sleep 301 >/dev/null 2>&1 < /dev/null & '
           f'echo $$ > {out}/shell; echo rea""dy\n'.encode())
    t.expect(b'ready')
    nohup, shell = int((out / 'nohup').read_text()), int((out / 'shell').read_text())
    os.kill(t.pid, signal.SIGKILL)
    wait_for(lambda: not alive(shell))
    assert status(nohup)['Name'] == 'sleep'
    os.kill(nohup, signal.SIGKILL)
    for p in pathlib.Path('/proc').iterdir():
        if p.name.isdigit() and (p / 'cmdline').exists():
            try:
                if (p / 'cmdline').read_bytes() == b'sleep\x00301\x00':
                    os.kill(int(p.name), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass
    t.wait()


def test_a_peer_that_vanishes_is_noticed(sshd):
    server = sshd('ClientAliveInterval 1\nClientAliveCountMax 1')
    c = Connection(server)
    c.client.send_signal(signal.SIGSTOP)
    c.gone(c.net, c.monitor, c.user)
    server.wait_log(r'^Timeout, client not responding from user \S+ 127.0.0.1 port \d+$')
    c.client.kill()
    c.client.wait()
    os.kill(c.command, signal.SIGKILL)


def descriptors_allowed(pid, soft):
    subprocess.run(['prlimit', '--pid', str(pid), f'--nofile={soft}:'], check=True)


def cpu_ticks(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


@needs_root
@pytest.mark.parametrize('spare', range(6))
def test_no_descriptor_left(sshd, spare):
    """Who connects then waits until there are some again, whichever step fails; the listener neither spins nor fills the log."""
    server = sshd()
    pid = server.process.pid
    soft = re.search(r'Max open files\s+(\d+)', pathlib.Path(f'/proc/{pid}/limits').read_text()).group(1)
    descriptors_allowed(pid, max(map(int, os.listdir(f'/proc/{pid}/fd'))) + 1 + spare)
    clients = [subprocess.Popen([*server.arguments(), 'echo in; read a'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(8)]
    starved = re.compile('Too many open files; new connections wait')
    server.wait_log(starved.pattern)
    before, end = cpu_ticks(pid), time.monotonic() + 0.5
    wait_for(lambda: time.monotonic() > end)
    assert cpu_ticks(pid) - before < 10
    assert len(starved.findall(server.text())) <= 8
    descriptors_allowed(pid, soft)
    assert [c.stdout.readline() for c in clients] == [b'in\n'] * 8
    for c in clients:
        c.communicate(b'x\n', timeout=30)
    server.wait_log('Connections are accepted again')
    assert server.process.poll() is None


def test_debug_mode_serves_one_connection(bindir, sshd):
    server = sshd()
    server.stop()
    log = server.dir / 'debug'
    with open(log, 'wb') as f:
        p = subprocess.Popen([*server.command[:1], '-d', '-f', str(server.config)], stderr=f, stdin=subprocess.DEVNULL)
    wait_for(lambda: b'Server listening' in log.read_bytes())
    assert server.ssh('echo once').stdout == 'once\n'
    assert p.wait(10) in (0, 255)
    assert b'debug1: ' in log.read_bytes()


def test_inetd_mode(bindir, sshd):
    server = sshd()
    server.stop()
    proxy = f'ProxyCommand={bindir}/sshd -i -e -f {server.config} 2>{server.dir}/inetd'
    for i in range(2):
        assert server.ssh('echo by two pipes', options=['-o', proxy]).stdout == 'by two pipes\n', (server.dir / 'inetd').read_text()
    text = (server.dir / 'inetd').read_text()
    assert 'from UNKNOWN port 65535' in text


def test_options(bindir, sshd):
    server = sshd()
    run = lambda *a: subprocess.run([bindir / 'sshd', *a], capture_output=True, text=True, timeout=20)
    assert run('-t', '-f', server.config).returncode == 0
    assert re.fullmatch(r'OpenSSH_\S+ Hawser_\S+, OpenSSL .*\n', run('-V').stderr)
    dump = run('-T', '-f', server.config, '-o', 'MaxAuthTries=3', '-p', '4').stdout
    assert 'MaxAuthTries 3\n' in dump and 'Port 4\n' in dump and f'Port {server.port}' not in dump and '# sandbox: ' in dump
    assert 'AddressFamily inet6' in run('-T', '-6', '-f', server.config).stdout
    assert run('-f', '/no/such/file').returncode == 1
    assert run('-t', '-f', server.config, '-o', 'NoSuchKeyword=1').returncode in (1, 255)
    assert run('-Y').returncode == 1
    match = server.dir / 'match'
    match.write_text(server.config.read_text() + '\nMatch User ann Address 192.0.2.0/24\nBanner /ann\n')
    assert 'Banner /ann' in run('-T', '-f', match, '-C', 'user=ann,addr=192.0.2.7').stdout
    assert 'Banner none' in run('-T', '-f', match, '-C', 'user=ann,addr=192.0.3.7').stdout
    match.write_text(server.config.read_text() + '\nMatch Version OpenSSH_10.5p1\nBanner /ours\nMatch Version OpenSSH_9*\nMaxAuthTries 2\n')
    dump = run('-T', '-f', match, '-C', 'user=ann').stdout
    assert 'Banner /ours' in dump and 'MaxAuthTries 6' in dump
    missing = run('-t', '-f', server.config, '-o', 'HostKey=/no/key', '-h', '/no/other')
    assert missing.returncode == 1 or server.host_key.exists()
