"""The jail of the network process, tried from inside: system calls put into the live process by ptrace(2) end it,
before the connection, before the login and after it."""
import ctypes, os, signal, struct

import paramiko
import pytest

from conftest import ROOT, wait_for
from test_processes import Connection, alive, status, tree

pytestmark = [pytest.mark.skipif(not ROOT, reason='needs root'),
              pytest.mark.skipif(os.uname().machine != 'x86_64', reason='knows the registers of x86-64 only')]

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
CONT, GETREGS, SETREGS, ATTACH, PEEKTEXT = 7, 12, 13, 16, 1
RAX, RCX, RIP, ORIG_RAX, RDI, RSI, RDX, R10, R8, R9 = 10, 11, 16, 15, 14, 13, 12, 7, 9, 8   # struct user_regs_struct

FORBIDDEN = {
    'open': (2, b'/etc/passwd\0', 0), 'openat': (257, -100, b'/etc/passwd\0', 0), 'socket': (41, 2, 1, 0), 'connect': (42, 0, 0, 0),
    'bind': (49, 0, 0, 0), 'listen': (50, 0, 1), 'accept': (43, 0, 0, 0), 'fork': (57,), 'clone': (56, 17, 0, 0, 0, 0), 'clone3': (435, 0, 0),
    'execve': (59, b'/bin/sh\0', 0, 0), 'kill': (62, 1, 0), 'tgkill': (234, 1, 1, 9), 'ptrace': (101, 16, 1, 0, 0), 'process_vm_readv': (310, 1, 0, 0, 0, 0, 0),
    'setuid': (105, 0), 'chroot': (161, b'/\0'), 'mount': (165, 0, 0, 0, 0, 0), 'unlink': (87, b'/x\0'), 'mkdir': (83, b'/x\0', 0o777),
    'stat': (4, b'/\0', 0), 'bpf': (321, 0, 0, 0), 'io_uring_setup': (425, 1, 0), 'userfaultfd': (323, 0), 'keyctl': (250, 0, 0, 0, 0, 0),
    'prctl': (157, 4, 1, 0, 0, 0), 'mmap executable': (9, 0, 4096, 7, 0x22, -1, 0), 'mprotect executable': (10, 0, 4096, 7),
    'ioctl TIOCSTI': (16, 0, 0x5412, 0), 'socketpair': (53, 1, 1, 0, 0), 'a call of the 32-bit world': (0x40000000 + 2, 0, 0, 0),
}


def inject(pid, number, *arguments):
    """Runs one system call in the process instead of the one that it waits in; the wait(2) status that follows."""
    assert libc.ptrace(ATTACH, pid, None, None) == 0, os.strerror(ctypes.get_errno())
    os.waitpid(pid, 0x40000000)
    regs = (ctypes.c_ulonglong * 27)()
    assert libc.ptrace(GETREGS, pid, None, ctypes.addressof(regs)) == 0
    stack = regs[19] - 4096                                 # RSP, below the red zone
    for register, value in zip((RDI, RSI, RDX, R10, R8, R9), arguments):
        if isinstance(value, bytes):
            padded = value + b'\0' * (-len(value) % 8)
            for i in range(0, len(padded), 8):
                assert libc.ptrace(4, pid, stack + i, struct.unpack('<Q', padded[i:i + 8])[0]) == 0
            value = stack
        regs[register] = value & 0xffffffffffffffff
    # It stands behind its syscall instruction of two bytes, which is used again.
    regs[RAX], regs[ORIG_RAX], regs[RIP] = number, 0xffffffffffffffff, regs[RIP] - 2
    assert libc.ptrace(SETREGS, pid, None, ctypes.addressof(regs)) == 0
    assert libc.ptrace(CONT, pid, None, None) == 0
    return os.waitpid(pid, 0x40000000)[1]


def waits_in_a_call(pid):
    try:
        word = open(f'/proc/{pid}/syscall').read().split()[0]
        return word not in ('running', '-1')
    except (FileNotFoundError, ProcessLookupError):
        return False


def killed_by_the_filter(pid, call):
    wait_for(lambda: waits_in_a_call(pid))
    got = inject(pid, *FORBIDDEN[call])
    assert os.WIFSIGNALED(got) and os.WTERMSIG(got) == signal.SIGSYS, f'{call}: status {got:#x}'
    wait_for(lambda: not alive(pid))


def standing_ready(server):
    return next((p for p, n in tree(server.process.pid).items() if n == 'sshd-net' and status(p).get('Seccomp') == '2'), None)


def serving(server, port):
    """The network process of the connection from that port."""
    lines = [line.split() for line in open('/proc/net/tcp').read().splitlines()[1:]]
    inode = next((f'socket:[{w[9]}]' for w in lines if int(w[1].split(':')[1], 16) == server.port and int(w[2].split(':')[1], 16) == port), None)
    for p, n in tree(server.process.pid).items():
        if n == 'sshd-net' and status(p).get('Seccomp') == '2' and inode in [os.readlink(f'/proc/{p}/fd/{f}') for f in os.listdir(f'/proc/{p}/fd')]:
            return p
    return None


# One server for many calls; in parts, so that they run side by side.
PARTS = [list(FORBIDDEN)[i::4] for i in range(4)]


@pytest.mark.parametrize('part', PARTS)
def test_before_a_connection(sshd, part):
    server = sshd()
    for call in part:
        killed_by_the_filter(wait_for(lambda: standing_ready(server)), call)
    assert server.ssh('echo next').stdout == 'next\n'


@pytest.mark.parametrize('part', PARTS)
def test_before_the_login(sshd, part):
    """With a peer whose keys are agreed on."""
    server = sshd()
    for call in part:
        peer = paramiko.Transport(('127.0.0.1', server.port))
        peer.start_client(timeout=20)
        net = wait_for(lambda: serving(server, peer.sock.getsockname()[1]))
        killed_by_the_filter(net, call)
        peer.join(20)
        assert not peer.is_alive()
    assert server.ssh('echo next').stdout == 'next\n'
    wait_for(lambda: server.text().count('Network process') == len(part) and server.text().count('ended by signal 31') == len(part))


@pytest.mark.parametrize('part', PARTS)
def test_after_the_login(sshd, part):
    server = sshd()
    for call in part:
        c = Connection(server)
        killed_by_the_filter(c.net, call)
        assert c.client.wait(20) == 255
        c.gone(c.monitor, c.user)
        os.kill(c.command, signal.SIGKILL)
    assert server.ssh('echo next').stdout == 'next\n'


def test_what_is_allowed_does_no_harm(sshd):
    """The injection itself is right: a harmless call of the table comes back."""
    server = sshd()
    pid = wait_for(lambda: standing_ready(server))
    wait_for(lambda: waits_in_a_call(pid))
    got = inject(pid, 39)                                   # getpid, then the process goes astray by its result or not
    assert not (os.WIFSIGNALED(got) and os.WTERMSIG(got) == signal.SIGSYS)
