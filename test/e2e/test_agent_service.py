"""ssh-agent as a service: who waits hinders nobody, where its socket comes from, what protects its memory."""
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from agent_lab import THEIRS, Agent, exactly, key, script, string, until

pytestmark = pytest.mark.skipif(not os.path.exists(THEIRS["ssh-agent"]), reason="Debian's ssh-keygen makes the keys")
SIGN = b"\x0d"


def blob(path):
    import base64
    return base64.b64decode(pathlib.Path(str(path) + ".pub").read_text().split()[1])


def sign_message(path, data=b"data"):
    body = SIGN + string(blob(path)) + string(data) + b"\0\0\0\0"
    return len(body).to_bytes(4, "big") + body


def heap_is_locked(program):
    """Not in sanitizer builds."""
    return b"__asan_" not in pathlib.Path(program).read_bytes()


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def asked(bindir, tmp_path):
    """An agent whose questions stand in `questions` and wait until somebody writes an exit status to the FIFO of their number."""
    for i in (1, 2):
        os.mkfifo(tmp_path / f"answer{i}")
    ask = script(tmp_path / "askpass", f'echo $$ >> {tmp_path}/questions\nread status < {tmp_path}/answer$(wc -l < {tmp_path}/questions)\nexit $status\n')
    a = Agent(str(bindir / "ssh-agent"), str(bindir / "ssh-add"), tmp_path, env={"SSH_ASKPASS": str(ask)})
    a.questions = lambda: (tmp_path / "questions").read_text().split() if (tmp_path / "questions").exists() else []

    def reply(status, number=1):
        fd = None

        def opened():
            nonlocal fd
            try:
                fd = os.open(tmp_path / f"answer{number}", os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
            return True
        until(opened)
        os.write(fd, b"%d\n" % status)
        os.close(fd)
    a.reply = reply
    yield a
    a.end()


def test_a_question_hinders_nobody_else(asked, tmp_path):
    path = key(tmp_path)
    asked.add("-c", path)
    asking = asked.connect()
    asking.sendall(sign_message(path) + b"\0\0\0\1\x0b")
    until(asked.questions)
    assert asked.ask(b"\x0b")[:5] == b"\x0c\0\0\0\1"
    asked.add(key(tmp_path, name="second"))
    asked.add("-T", tmp_path / "second.pub")
    asking.settimeout(0.2)
    with pytest.raises(TimeoutError):
        asking.recv(1)
    asking.settimeout(20)
    asked.reply(0)
    assert exactly(asking, int.from_bytes(exactly(asking, 4), "big"))[0] == 14
    # what stood behind the question is answered behind it
    assert exactly(asking, int.from_bytes(exactly(asking, 4), "big"))[:5] == b"\x0c\0\0\0\2"
    asking.close()


def test_questions_come_one_after_the_other(asked, tmp_path):
    path = key(tmp_path)
    asked.add("-c", path)
    first, second = asked.connect(), asked.connect()
    first.sendall(sign_message(path))
    until(asked.questions)
    second.sendall(sign_message(path))
    assert asked.ask(b"\x0b")[0] == 12 and len(asked.questions()) == 1
    asked.reply(1)
    assert exactly(first, 5) == b"\0\0\0\1\x05"
    until(lambda: len(asked.questions()) == 2)
    asked.reply(0, 2)
    assert exactly(second, int.from_bytes(exactly(second, 4), "big"))[0] == 14


def test_the_question_of_a_client_that_goes_goes_too(asked, tmp_path):
    path = key(tmp_path)
    asked.add("-c", path)
    s = asked.connect()
    s.sendall(sign_message(path))
    until(asked.questions)
    pid = int(asked.questions()[0])
    assert alive(pid)
    s.close()
    until(lambda: not alive(pid))
    assert asked.ask(b"\x0b")[0] == 12


def test_a_key_that_went_while_its_question_stood_signs_nothing(asked, tmp_path):
    path = key(tmp_path)
    asked.add("-c", path)
    s = asked.connect()
    s.sendall(sign_message(path))
    until(asked.questions)
    asked.add("-D")
    asked.reply(0)
    assert exactly(s, 5) == b"\0\0\0\1\x05"


def test_guessing_the_lock_gets_slower_and_hinders_nobody(asked):
    def unlock(text, s=None):
        return asked.ask(b"\x17" + string(text), s)
    assert asked.ask(b"\x16" + string(b"right")) == b"\x06"
    begin = time.monotonic()
    for i in range(4):
        assert unlock(b"wrong %d" % i) == b"\x05"
    assert time.monotonic() - begin >= 0.1 + 0.2 + 0.3
    s = asked.connect()
    body = b"\x17" + string(b"wrong again")
    s.sendall(len(body).to_bytes(4, "big") + body)
    assert asked.ask(b"\x0b") == b"\x0c\0\0\0\0"
    assert exactly(s, 5) == b"\0\0\0\1\x05"
    assert unlock(b"right") == b"\x06"
    begin = time.monotonic()
    assert asked.ask(b"\x16" + string(b"x")) == b"\x06" and unlock(b"x") == b"\x06"
    assert time.monotonic() - begin < 5


def test_socket_activation(bindir, tmp_path):
    """The supervisor's part: descriptor 3, LISTEN_FDS and the pid of the program itself."""
    path = str(tmp_path / "activated")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(5)

    def start(pid_text):
        return subprocess.Popen(["bash", "-c", f'exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_PID={pid_text} exec "{bindir}/ssh-agent" -D'], pass_fds=[listener.fileno()],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(tmp_path)})

    agent = start("$$")
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(path)
    client.sendall(b"\0\0\0\1\x0b")
    assert exactly(client, 9) == b"\0\0\0\5\x0c\0\0\0\0"
    client.close()
    agent.terminate()
    out, _ = agent.communicate(timeout=20)
    assert agent.returncode == 0 and out == b""
    assert os.path.exists(path), "the socket is the supervisor's"
    # meant for another process: the agent makes its own socket
    agent = start("1")
    said = agent.stdout.readline()
    assert said.startswith(b"SSH_AUTH_SOCK=") and path.encode() not in said
    agent.terminate()
    agent.communicate(timeout=20)
    listener.close()


def test_home_sockets_are_named_swept_and_kept(bindir, tmp_path, monkeypatch):
    pytest.importorskip("pwd")
    home = pathlib.Path(os.path.expanduser("~"))
    folder = home / ".ssh" / "agent"
    before = set(folder.glob("s.*")) if folder.exists() else set()
    out = subprocess.run([bindir / "ssh-agent", "-s", "-U"], capture_output=True, text=True, timeout=30, check=True).stdout
    path = pathlib.Path(out.split("SSH_AUTH_SOCK=")[1].split(";")[0])
    pid = int(out.split("SSH_AGENT_PID=")[1].split(";")[0])
    try:
        assert path.parent == folder and path.name.startswith("s.") and ".agent." in path.name
        assert folder.stat().st_mode & 0o777 == 0o700 and path.stat().st_mode & 0o777 == 0o600
        # an agent that was killed leaves its socket; another one of a host with another name is not ours to judge
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))
        assert path.exists()
        foreign = folder / "s.0000000000.agent.test"
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(foreign))
        subprocess.run([bindir / "ssh-agent", "-u"], check=True, timeout=30)
        assert not path.exists() and foreign.exists()
        subprocess.run([bindir / "ssh-agent", "-u", "-u"], check=True, timeout=30)
        assert not foreign.exists()
    finally:
        for p in set(folder.glob("s.*")) - before:
            if p in (path, folder / "s.0000000000.agent.test"):
                p.unlink(missing_ok=True)


def test_memory_is_locked_not_dumped_and_not_traced(asked, bindir, tmp_path):
    asked.add(key(tmp_path))
    status = pathlib.Path(f"/proc/{asked.process.pid}/status").read_text()
    locked = int(status.split("VmLck:")[1].split()[0])
    assert locked >= 16 + 256 or not heap_is_locked(bindir / "ssh-agent"), "the pages of the key that encrypts keys are locked, and the heap for keys at work"
    limits = pathlib.Path(f"/proc/{asked.process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size")).split()
    assert core[4:6] == ["0", "0"]
    flags = pathlib.Path(f"/proc/{asked.process.pid}/smaps").read_text().split("VmFlags:")[1:]
    assert not heap_is_locked(bindir / "ssh-agent") or any("lo" in f.split("\n")[0].split() and "dd" in f.split("\n")[0].split() for f in flags)
    # not dumpable: /proc/PID belongs to root even for the agent of a user, and nobody but root may trace
    assert os.stat(f"/proc/{asked.process.pid}/environ").st_uid == 0


def test_no_key_lies_open_in_memory(asked, tmp_path):
    """Root reads all of the agent's memory: the secret half is nowhere, neither after adding nor after a signature."""
    if os.geteuid() != 0:
        pytest.skip("needs root to read another process")
    # RFC 8032, 7.1, test 1
    pub = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert asked.ask(b"\x11" + string(b"ssh-ed25519") + string(pub) + string(seed + pub) + string(b"c")) == b"\x06"
    inner = string(b"ssh-ed25519") + string(pub)
    assert asked.ask(SIGN + string(inner) + string(b"data") + b"\0\0\0\0")[0] == 14

    def memory():
        with open(f"/proc/{asked.process.pid}/mem", "rb", 0) as mem:
            for line in pathlib.Path(f"/proc/{asked.process.pid}/maps").read_text().splitlines():
                span, mode = line.split()[:2]
                if "rw" in mode and "[vv" not in line:
                    begin, end = (int(x, 16) for x in span.split("-"))
                    mem.seek(begin)
                    try:
                        yield mem.read(end - begin)
                    except OSError:
                        pass
    parts = list(memory())
    assert any(pub in p for p in parts), "the search finds what is there"
    assert not any(seed in p for p in parts)


def test_answers_to_shells(bindir, tmp_path):
    def run(*args, **env):
        return subprocess.run([bindir / "ssh-agent", *args], capture_output=True, text=True, timeout=30, env={**os.environ, **env})

    out = run("-c", "-a", tmp_path / "it's").stdout
    pid = out.split("SSH_AGENT_PID ")[1].split(";")[0]
    assert out == f"setenv SSH_AUTH_SOCK '{tmp_path}/it'\\''s';\nsetenv SSH_AGENT_PID {pid};\necho Agent pid {pid};\n"
    assert run("-k", SSH_AGENT_PID=pid, SHELL="/bin/tcsh").stdout == f"unsetenv SSH_AUTH_SOCK;\nunsetenv SSH_AGENT_PID;\necho Agent pid {pid} killed;\n"
    assert run("-k", SSH_AGENT_PID="1").returncode == 1
    assert run("-c", "-s").returncode == 1 and run("-D", "true").returncode == 1 and run("-T", "-a", "x").returncode == 1
    assert run("-E", "sha1").returncode == 1 and run("-t", "1y").returncode == 1
    assert run("-V").stderr.startswith("Hawser_")


@pytest.mark.parametrize("program", ["ssh-add", "ssh-keygen", "ssh"])
def test_who_opens_a_key_does_it_in_locked_memory(bindir, asked, tmp_path, program, sshd):
    """Seen while the passphrase is asked for."""
    if not heap_is_locked(bindir / program):
        pytest.skip("a sanitizer build")
    path = key(tmp_path, passphrase="x")
    config = []
    if program == "ssh":
        server = sshd()
        server.authorized.write_text(pathlib.Path(f"{path}.pub").read_text())
        config = ["-F", "/dev/null", "-p", str(server.port), "-o", f"UserKnownHostsFile={server.known_hosts}", "-i", str(path), "127.0.0.1", "true"]
    command = {"ssh-add": [str(path)], "ssh-keygen": ["-y", "-f", str(path)], "ssh": config}[program]
    p = subprocess.Popen([str(bindir / program), *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                         env={**asked.env, "SSH_ASKPASS_REQUIRE": "force", "SSH_AUTH_SOCK": asked.path})
    try:
        until(asked.questions)
        assert int(pathlib.Path(f"/proc/{p.pid}/status").read_text().split("VmLck:")[1].split()[0]) >= 256
    finally:
        asked.reply(1)
        p.wait(20)
