"""Getting through to a server: several addresses, silence, refusal, keepalives, and one line that says what went wrong."""
import os, shutil, signal, socket, subprocess, threading, time

import pytest

from client_lab import add_fixtures, both
from conftest import free_port

server, lab = add_fixtures('ListenAddress 127.0.0.5')


@pytest.fixture
def listener():
    """listener(answer): a port whose server calls answer(socket); it keeps the socket open until the end."""
    opened = []

    def start(answer=lambda s: None, family=socket.AF_INET):
        l = socket.socket(family)
        l.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
        l.listen(8)
        opened.append(l)

        def serve():
            while True:
                try:
                    s, _ = l.accept()
                    opened.append(s)
                    answer(s)
                except OSError:
                    return
        threading.Thread(target=serve, daemon=True).start()
        return l.getsockname()[1]
    yield start
    for s in opened:
        s.close()


def at(lab, port, *options, which='ours', host='127.0.0.1', **more):
    return lab.ssh('true', which=which, port=False, host=host, options=['-p', str(port), '-o', 'BatchMode=yes', *options], **more)


@both
def test_refused(lab, which):
    port = free_port()
    r = at(lab, port, which=which)
    assert r.returncode == 255 and f'connect to host 127.0.0.1 port {port}: Connection refused' in r.stderr


@both
def test_no_such_name(lab, which):
    r = at(lab, 22, which=which, host='no-such-host.invalid')
    assert r.returncode == 255 and 'Could not resolve hostname no-such-host.invalid' in r.stderr


@both
def test_silent_server(lab, which, listener):
    """ConnectTimeout holds for the handshake too."""
    began = time.monotonic()
    r = at(lab, listener(), '-o', 'ConnectTimeout=1', which=which)
    assert r.returncode == 255 and 'timed out' in r.stderr and 0.8 < time.monotonic() - began < 8


@both
def test_black_hole(lab, which):
    """A full backlog takes no connection and says nothing."""
    sockets = deaf('127.0.0.1', 0)
    try:
        r = at(lab, sockets[0].getsockname()[1], '-o', 'ConnectTimeout=1', which=which)
        assert r.returncode == 255 and 'timed out' in r.stderr, r.stderr
    finally:
        for s in sockets:
            s.close()


@both
@pytest.mark.parametrize('text', [b'', b'hello\r\n', b'SSH-1.5-old\r\n', b'SSH-2.0-x\r\n' + b'\xff' * 64, b'x' * 20000, b'HTTP/1.1 400 Bad Request\r\n\r\n'])
def test_server_that_is_none(lab, which, listener, text):
    def answer(s):
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
    r = at(lab, listener(answer), which=which)
    assert r.returncode == 255 and '127.0.0.1' in r.stderr and '\xff' not in r.stderr


@both
def test_text_before_the_version(lab, which):
    """RFC 4253, 4.2."""
    proxy = f'/bin/sh -c "printf \'Welcome\\\\r\\\\nto this\\\\r\\\\n\'; exec nc 127.0.0.1 {lab.server.port}"'
    r = lab.ssh('echo yes', which=which, options=['-o', f'ProxyCommand={proxy}'])
    assert r.stdout == 'yes\n' and 'Welcome' not in r.stderr, r.stderr


def test_next_address_is_tried(lab):
    """localhost has two addresses, the server listens on one."""
    if len({a[0] for a in socket.getaddrinfo('localhost', 22, type=socket.SOCK_STREAM)}) < 2:
        pytest.skip('localhost has one address')
    r = lab.ssh('echo yes', host='localhost', options=['-o', 'HostKeyAlias=' + 'x', '-v'], strict='no')
    assert r.stdout == 'yes\n' and 'Connecting to localhost [::1]' in r.stderr and 'Connecting to localhost [127.0.0.1]' in r.stderr


def deaf(address, port):
    """A listener whose backlog is full: it takes no connection and says nothing."""
    l = socket.socket()
    l.bind((address, port))
    l.listen(0)
    fill = []
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(l.getsockname())
        fill.append(s)
    return [l, *fill]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which('unshare'), reason='needs an /etc/hosts of its own')
def test_silent_addresses_cost_a_quarter_of_a_second_each(lab):
    """RFC 8305: while the first two addresses answer nothing, the third is tried beside them."""
    (lab.dir / 'hosts').write_text('127.0.0.2 many\n127.0.0.3 many\n127.0.0.5 many\n')
    sockets = deaf('127.0.0.2', lab.server.port) + deaf('127.0.0.3', lab.server.port)
    args = lab.args('-v', '-o', f'HostKeyAlias={lab.name()}', host='many')
    began = time.monotonic()
    try:
        r = subprocess.run(['unshare', '-m', '/bin/sh', '-c', f'mount --bind {lab.dir}/hosts /etc/hosts && exec "$@"', 'sh', *args, 'echo yes'],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, env={**os.environ, 'SSH_AUTH_SOCK': ''})
    finally:
        for s in sockets:
            s.close()
    if 'mount' in r.stderr:
        pytest.skip(r.stderr)
    assert r.stdout == 'yes\n' and 0.5 <= time.monotonic() - began < 5, r.stderr
    assert [l.split('[')[1].split(']')[0] for l in r.stderr.splitlines() if 'Connecting to' in l] == ['127.0.0.2', '127.0.0.3', '127.0.0.5']


@both
def test_connection_attempts(lab, which):
    began = time.monotonic()
    r = at(lab, free_port(), '-o', 'ConnectionAttempts=2', which=which)
    assert r.returncode == 255 and time.monotonic() - began >= 1


@both
def test_server_alive(lab, which):
    """A server that is stopped in mid-session."""
    p = lab.start('echo ready; sleep 100', which=which, options=['-o', 'ServerAliveInterval=1', '-o', 'ServerAliveCountMax=1'])
    assert p.stdout.readline() == b'ready\n'
    # Our sshd-net of this connection is the process at the other end of its socket.
    peers = subprocess.run(['ss', '-tnpH', f'sport = :{lab.server.port} and dport = :{local_port(p.pid, lab.server.port)}'], capture_output=True, text=True).stdout
    pid = int(peers.split('pid=')[1].split(',')[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        assert p.wait(15) == 255 and p.stderr.read() == b'Timeout, server 127.0.0.1 not responding.\r\n'
    finally:
        os.kill(pid, signal.SIGCONT)


@both
@pytest.mark.parametrize('options,words', [((), b'Connection to 127.0.0.1 closed by remote host.\r\n'),
                                           (('-tt',), b'Connection to 127.0.0.1 closed by remote host.\r\nConnection to 127.0.0.1 closed.\r\n')])
def test_server_that_is_gone(lab, which, options, words):
    p = lab.start('echo ready; sleep 100', which=which, options=options)
    assert p.stdout.readline().strip() == b'ready'
    peers = subprocess.run(['ss', '-tnpH', f'sport = :{lab.server.port} and dport = :{local_port(p.pid, lab.server.port)}'], capture_output=True, text=True).stdout
    os.kill(int(peers.split('pid=')[1].split(',')[0]), signal.SIGKILL)
    assert p.wait(15) == 255 and p.stderr.read() == words


def local_port(pid, port):
    for line in subprocess.run(['ss', '-tnpH', f'dport = :{port}'], capture_output=True, text=True).stdout.splitlines():
        if f'pid={pid},' in line:
            return line.split()[3].rsplit(':', 1)[1]
    raise AssertionError('the client has no connection')


@both
@pytest.mark.parametrize('options,word', [(['-c', 'aes192-cbc'], 'cipher'), (['-o', 'KexAlgorithms=diffie-hellman-group1-sha1'], 'key exchange'), (['-o', 'HostKeyAlgorithms=ssh-rsa'], 'host key')])
def test_nothing_in_common(lab, which, options, word):
    r = lab.ssh('true', which=which, options=options)
    assert r.returncode == 255 and 'Unable to negotiate with 127.0.0.1 port' in r.stderr and word in r.stderr and 'Their offer: ' in r.stderr, r.stderr
