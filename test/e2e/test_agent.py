"""ssh-agent and ssh-add against Debian's: each of ours with each of theirs."""
import base64
import os
import signal
import stat
import struct
import subprocess
import time

import pytest

from agent_lab import KEYGEN, THEIRS, Agent, certify, exactly, key, string

TYPES = [("ed25519", 256), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 2048)]

pytestmark = pytest.mark.skipif(not os.path.exists(THEIRS["ssh-agent"]), reason="Debian's ssh-agent is the oracle")


@pytest.fixture(params=["both", "agent", "add"])
def pair(request, bindir):
    agent = str(bindir / "ssh-agent") if request.param != "add" else THEIRS["ssh-agent"]
    adder = str(bindir / "ssh-add") if request.param != "agent" else THEIRS["ssh-add"]
    return agent, adder


@pytest.fixture
def running(pair, tmp_path):
    a = Agent(*pair, tmp_path)
    yield a
    a.end()


@pytest.fixture
def ours(bindir, tmp_path):
    a = Agent(str(bindir / "ssh-agent"), str(bindir / "ssh-add"), tmp_path)
    yield a
    a.end()


@pytest.mark.parametrize("kind,bits", TYPES)
def test_every_type_is_added_shown_used_and_removed(running, tmp_path, kind, bits):
    path = key(tmp_path, kind, bits)
    certify(tmp_path, path)
    running.add(path)
    shown = subprocess.run([KEYGEN, "-l", "-f", str(path) + ".pub"], capture_output=True, text=True, check=True).stdout.split()[1]
    assert [line.split()[1] for line in running.add("-l").stdout.splitlines()] == [shown, shown]
    lines = running.add("-L").stdout.splitlines()
    assert len(lines) == 2 and lines[0] == (tmp_path / (path.name + ".pub")).read_text().strip()
    assert lines[1].split()[1] == (tmp_path / (path.name + "-cert.pub")).read_text().split()[1]
    running.add("-T", str(path) + ".pub")
    running.add("-d", path)
    assert running.add("-l", rc=1).stdout == "The agent has no identities.\n"
    running.add("-T", str(path) + ".pub", rc=1)


def test_both_adders_see_the_same(ours, tmp_path):
    for kind, bits in TYPES:
        certify(tmp_path, key(tmp_path, kind, bits))
        ours.add(tmp_path / f"{kind}{bits}")
    for flag in (["-l"], ["-L"], ["-l", "-E", "md5"]):
        assert ours.add(*flag).stdout == ours.add(*flag, adder=THEIRS["ssh-add"]).stdout


def test_a_certificate_of_another_key_is_not_added(ours, tmp_path):
    mine, other = key(tmp_path, name="mine"), key(tmp_path, name="other")
    certify(tmp_path, other)
    (tmp_path / "other-cert.pub").rename(tmp_path / "mine-cert.pub")
    said = ours.add(mine).stderr
    assert "mine-cert.pub is not for the key" in said and said.count("\n") == 2
    assert len(ours.add("-l").stdout.splitlines()) == 1


def test_lock_hides_keys_until_the_passphrase(running, tmp_path):
    askpass = tmp_path / "askpass"
    askpass.write_text("#!/bin/sh\ncat " + str(tmp_path / "answer") + "\n")
    askpass.chmod(0o700)
    running.env |= {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
    running.add(key(tmp_path))
    (tmp_path / "answer").write_text("right\n")
    running.add("-x")
    assert "no identities" in running.add("-l", rc=1).stdout
    running.add("-T", tmp_path / "ed25519256.pub", rc=1)
    (tmp_path / "answer").write_text("wrong\n")
    running.add("-X", rc=1)
    (tmp_path / "answer").write_text("right\n")
    running.add("-X")
    assert "a ed25519" in running.add("-l").stdout


def test_a_passphrase_is_asked(running, tmp_path):
    askpass = tmp_path / "askpass"
    askpass.write_text("#!/bin/sh\necho 'pass phrase'\n")
    askpass.chmod(0o700)
    running.env |= {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
    running.add(key(tmp_path, passphrase="pass phrase"))
    running.add("-T", tmp_path / "ed25519256.pub")


@pytest.mark.parametrize("answer,rc", [("true", 0), ("false", 1), ("echo no", 1), ("echo YES", 0)])
def test_use_is_confirmed(pair, tmp_path, answer, rc):
    askpass = tmp_path / "askpass"
    askpass.write_text(f'#!/bin/sh\necho "$SSH_ASKPASS_PROMPT $1" >> {tmp_path}/asked\n{answer}\n')
    askpass.chmod(0o700)
    a = Agent(*pair, tmp_path, env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"})
    try:
        a.add("-c", key(tmp_path))
        a.add("-T", tmp_path / "ed25519256.pub", rc=rc)
        assert (tmp_path / "asked").read_text().startswith("confirm Allow use of key")
    finally:
        a.end()


def test_a_lifetime_ends(running, tmp_path):
    running.add("-t", "1", key(tmp_path))
    end = time.monotonic() + 10
    while running.add("-l", rc=None).returncode == 0:
        assert time.monotonic() < end


def test_delete_all_and_sigusr1(ours, tmp_path):
    ours.add(key(tmp_path))
    ours.add("-D")
    ours.add("-l", rc=1)
    ours.add(tmp_path / "ed25519256")
    ours.process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + 10
    while ours.add("-l", rc=None).returncode == 0:
        assert time.monotonic() < end


def test_extensions_are_told(ours):
    assert ours.add("-Q").stdout.split() == ["session-bind@openssh.com", "query"]


def test_socket_is_private_and_goes(ours):
    assert stat.S_IMODE(os.stat(ours.path).st_mode) == 0o600
    assert ours.end() == 0
    assert not os.path.exists(ours.path)


def test_without_an_agent(bindir):
    done = subprocess.run([bindir / "ssh-add", "-l"], capture_output=True, env={"SSH_AUTH_SOCK": "/nonexistent"})
    assert done.returncode == 2


def test_child_command_gets_the_agent_and_ends_it(bindir, tmp_path):
    script = f'{bindir}/ssh-add -l; echo "$? $SSH_AUTH_SOCK $SSH_AGENT_PID"; exit 7'
    done = subprocess.run([bindir / "ssh-agent", "-T", "sh", "-c", script], capture_output=True, text=True, timeout=30, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 7, done.stderr
    status, path, pid = done.stdout.splitlines()[-1].split()
    assert status == "1" and path.startswith(str(tmp_path)) and int(pid) > 1
    end = time.monotonic() + 10
    while os.path.exists(path):
        assert time.monotonic() < end


def test_in_the_background_and_killed(bindir, tmp_path):
    sock = tmp_path / "s"
    out = subprocess.run([bindir / "ssh-agent", "-s", "-a", sock], capture_output=True, text=True, timeout=30, check=True).stdout
    pid = out.split("SSH_AGENT_PID=")[1].split(";")[0]
    assert out == f"SSH_AUTH_SOCK={sock}; export SSH_AUTH_SOCK;\nSSH_AGENT_PID={pid}; export SSH_AGENT_PID;\necho Agent pid {pid};\n"
    done = subprocess.run([bindir / "ssh-agent", "-s", "-k"], capture_output=True, text=True, timeout=30, env={**os.environ, "SSH_AGENT_PID": pid}, check=True)
    assert done.stdout == f"unset SSH_AUTH_SOCK;\nunset SSH_AGENT_PID;\necho Agent pid {pid} killed;\n"
    end = time.monotonic() + 10
    while sock.exists():
        assert time.monotonic() < end


@pytest.mark.parametrize("constraint", [b"\x03", b"\xff" + string(b"zip@x") + string(b""), b"\x01\0\0", b"\xff" + string(b"restrict-destination-v00@openssh.com") + string(b""),
                                        b"\xff" + string(b"sk-provider@openssh.com") + string(b"internal")])
def test_a_key_with_a_constraint_that_is_not_understood_is_refused(ours, constraint):
    # RFC 8032, 7.1, test 1
    pub = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    body = string(b"ssh-ed25519") + string(pub) + string(seed + pub) + string(b"c")
    assert ours.ask(b"\x19" + body + constraint) == b"\x05"
    assert "no identities" in ours.add("-l", rc=1).stdout
    assert ours.ask(b"\x19" + body + b"\x01\0\0\1\0") == b"\x06"
    ours.add("-l")
    # the public half of another key
    assert ours.ask(b"\x11" + string(b"ssh-ed25519") + string(pub) + string(b"x" * 32 + pub) + string(b"c")) == b"\x05"


@pytest.mark.parametrize("message", [b"", b"\x07", b"\x01\0", b"\x0b\0", b"\x0d\0\0\0\1", b"\x16\0\0\0\0", b"\x1b" + string(b"x@y"), b"\x14" + string(b"/lib.so") + string(b"")])
def test_broken_messages_are_refused_and_the_agent_lives(ours, message):
    if message:
        assert ours.ask(message) == b"\x05"
    else:
        with pytest.raises(AssertionError):
            ours.ask(message)
    for head in (b"\0\4\0\1", b"\xff\xff\xff\xff"):
        s = ours.connect()
        s.sendall(head)
        assert s.recv(1) == b""
        s.close()
    assert ours.ask(b"\x0b") == b"\x0c\0\0\0\0"


def test_destinations_are_enforced(ours, tmp_path):
    """Keys with destinations (added by Debian's ssh-add) are seen locally, and over a bound socket only for that host."""
    host = key(tmp_path, name="host")
    other = key(tmp_path, name="other")
    (tmp_path / "known").write_text("h.example " + " ".join((tmp_path / "host.pub").read_text().split()[:2]) + "\n")
    ours.add("-H", tmp_path / "known", "-h", "ann@h.example", key(tmp_path), adder=THEIRS["ssh-add"])
    ours.add("-T", tmp_path / "ed25519256.pub", rc=1)
    assert ours.add("-l").stdout
    blob = base64.b64decode((tmp_path / "ed25519256.pub").read_text().split()[1])

    def bound(path, sid=b"s" * 32, forwarding=False):
        s, b = ours.connect(), base64.b64decode((path.parent / (path.name + ".pub")).read_text().split()[1])
        ours.add("-q", path)
        r = ours.ask(b"\x0d" + string(b) + string(sid) + struct.pack(">I", 0))
        sig = r[5:]
        ours.add("-q", "-d", path)
        assert ours.ask(b"\x1b" + string(b"session-bind@openssh.com") + string(b) + string(sid) + string(sig) + bytes([forwarding]), s) == b"\x06"
        return s

    def login(s, user=b"ann", sid=b"s" * 32):
        data = string(sid) + b"\x32" + string(user) + string(b"ssh-connection") + string(b"publickey") + b"\1" + string(b"ssh-ed25519") + string(blob)
        return ours.ask(b"\x0d" + string(blob) + string(data) + struct.pack(">I", 0), s)[0]

    s = bound(host)
    assert ours.ask(b"\x0b", s)[:5] == b"\x0c\0\0\0\1"
    assert login(s) == 14
    assert login(s, b"bob") == 5 and login(s, sid=b"t" * 32) == 5
    s.close()
    s = bound(other)
    assert ours.ask(b"\x0b", s) == b"\x0c\0\0\0\0" and login(s) == 5
    s.close()
    s = bound(host, forwarding=True)
    assert ours.ask(b"\x0b", s) == b"\x0c\0\0\0\0" and login(s) == 5
    s.close()
    s = ours.connect()
    assert login(s) == 5
    assert ours.ask(b"\x1b" + string(b"session-bind@openssh.com") + b"junk", s) == b"\x05"
    assert ours.ask(b"\x0b", s) == b"\x0c\0\0\0\0"
    s.close()
