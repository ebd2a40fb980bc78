"""ssh and its agent: sockets bound to sessions, keys for some hosts only, keys that ssh adds. Each of ours with each of Debian's."""
import base64
import os
import pathlib
import socket
import subprocess
import threading

import pytest

from agent_lab import THEIRS, Agent, exactly, key, until
from client_lab import ME, add_fixtures, both

server, lab = add_fixtures()
pytestmark = pytest.mark.skipif(not os.path.exists(THEIRS["ssh-agent"]), reason="Debian's ssh-agent is the oracle")


@pytest.fixture(params=["our agent", "their agent"])
def agent(request, bindir, lab):
    a = Agent(str(bindir / "ssh-agent") if request.param == "our agent" else THEIRS["ssh-agent"], str(bindir / "ssh-add"), lab.dir)
    yield a
    a.end()


def authorized(lab, path):
    with open(lab.server.authorized, "a") as f:
        f.write(pathlib.Path(f"{path}.pub").read_text())
    return path


def login(lab, agent, which, *options):
    return lab.ssh("echo yes", which=which, key=False, options=["-o", f"IdentityAgent={agent.path}", "-o", "PreferredAuthentications=publickey", "-v", *options])


@both
@pytest.mark.parametrize("hostbound", ["yes", "unbound"])
def test_a_key_for_a_host_logs_in_there_and_nowhere_else(lab, agent, which, hostbound):
    path = authorized(lab, key(lab.dir, name="k"))
    options = ["-o", f"PubkeyAuthentication={hostbound}"]
    agent.add("-H", lab.known, "-h", f"{ME}@{lab.name()}", path)
    r = login(lab, agent, which, *options)
    assert r.stdout == "yes\n", r.stderr
    agent.add("-D")
    # the same host, another user
    agent.add("-H", lab.known, "-h", f"somebody@{lab.name()}", path)
    r = login(lab, agent, which, *options)
    assert r.returncode == 255 and "Permission denied" in r.stderr
    agent.add("-D")
    # another host
    other = key(lab.dir, name="other")
    (lab.dir / "others").write_text("h.example " + " ".join(pathlib.Path(f"{other}.pub").read_text().split()[:2]) + "\n")
    agent.add("-H", lab.dir / "others", "-h", "h.example", path)
    assert "a ed25519" in agent.add("-l").stdout
    r = login(lab, agent, which, *options)
    assert r.returncode == 255 and "Permission denied" in r.stderr
    # a name known by its certificates' CA is no plain key
    (lab.dir / "ca").write_text(f"@cert-authority {lab.name()} {lab.host_key()}\n")
    agent.add("-D")
    agent.add("-H", lab.dir / "ca", "-h", lab.name(), path)
    r = login(lab, agent, which, *options)
    assert r.returncode == 255 and "Permission denied" in r.stderr


class Recorder:
    """An agent that says yes and keeps what it was asked."""

    def __init__(self, path):
        self.path, self.messages = path, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(5)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with s:
                while head := s.recv(4, socket.MSG_WAITALL):
                    self.messages.append(exactly(s, int.from_bytes(head, "big")))
                    s.sendall(b"\0\0\0\1\x06")


@pytest.fixture
def recorder(tmp_path):
    r = Recorder(tmp_path / "recorder")
    yield r
    r.listener.close()


def test_requests_of_both_adders_are_the_same(bindir, recorder, tmp_path):
    """With everything that limits a key: byte for byte."""
    path, hosts = key(tmp_path), [key(tmp_path, name=f"host{i}") for i in range(4)]
    pub = [" ".join(pathlib.Path(f"{h}.pub").read_text().split()[:2]) for h in hosts]
    (tmp_path / "known").write_text(f"# hosts\na.example,b.example {pub[0]}\n*.example,!b.example {pub[1]}\n@cert-authority *.example {pub[2]}\n[b.example]:2222 {pub[3]}\n")
    (tmp_path / "more").write_text(f"a.example {pub[3]}\n@revoked other.example {pub[1]}\n")
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-H", "-f", tmp_path / "more"], check=True, capture_output=True)
    known = ["-H", tmp_path / "known", "-H", tmp_path / "more"]
    cases = [
        [path], ["-c", path], ["-t", "1h", path], ["-c", "-t", "90", path], ["-k", path],
        [*known, "-h", "a.example", path], [*known, "-h", "ann@b.example", "-h", "a.example>b*@b.example", "-c", "-t", "5", path],
        [*known, "-h", "[b.example]:2222", path], [*known, "-h", "*.example", path],
        ["-d", path], ["-D"],
    ]
    for case in cases:
        said = []
        for program in (bindir / "ssh-add", THEIRS["ssh-add"]):
            recorder.messages.clear()
            done = subprocess.run([program, *map(str, case)], env={**os.environ, "SSH_AUTH_SOCK": str(recorder.path)}, capture_output=True, timeout=30, start_new_session=True)
            messages = [m for m in recorder.messages if m != b"\x09"]      # protocol 1: remove all
            said.append((done.returncode, messages))
        assert said[0][1] and said[0] == said[1], case


@pytest.mark.parametrize("text", ["", "a.example>", ">a.example", "ann@a.example>b.example", "a.example>a.example>a.example", "unknown.example", "other.example"])
def test_destinations_that_make_no_sense_are_refused(bindir, recorder, tmp_path, text):
    path = key(tmp_path)
    pub = " ".join(pathlib.Path(f"{path}.pub").read_text().split()[:2])
    (tmp_path / "known").write_text(f"a.example {pub}\n@revoked other.example {pub}\n")
    for program in (bindir / "ssh-add", THEIRS["ssh-add"]):
        done = subprocess.run([program, "-H", tmp_path / "known", "-h", text, path], env={**os.environ, "SSH_AUTH_SOCK": str(recorder.path)}, capture_output=True, timeout=30,
                              start_new_session=True)
        assert done.returncode != 0 and done.stderr and not recorder.messages, program


def listed(agent):
    return agent.add("-l", rc=None).stdout


@pytest.fixture
def asking(bindir, lab):
    """An agent and the environment of ssh, both with an askpass that notes what it is asked and answers as `answer` says."""
    ask = lab.dir / "asker"
    ask.write_text(f'#!/bin/sh\necho "$SSH_ASKPASS_PROMPT:$1" >> {lab.dir}/asked\n. {lab.dir}/answer\n')
    ask.chmod(0o755)
    env = {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    a = Agent(str(bindir / "ssh-agent"), str(bindir / "ssh-add"), lab.dir, env=env)
    a.answer = lambda text: (lab.dir / "answer").write_text(text + "\n")
    a.asked = lambda: (lab.dir / "asked").read_text() if (lab.dir / "asked").exists() else ""
    a.answer("exit 1")
    yield a
    a.end()


@both
@pytest.mark.parametrize("passphrase", ["", "open sesame"])
@pytest.mark.parametrize("value", ["no", "yes", "ask", "ask, refused", "confirm", "1h", "confirm 1h"])
def test_keys_are_added_as_the_configuration_says(lab, asking, which, passphrase, value):
    path = authorized(lab, key(lab.dir, name="k", passphrase=passphrase))
    asking.answer(f'case "$1" in *passphrase*) echo "{passphrase}";; *"Add key"*) exit {int(value == "ask, refused")};; *) exit 1;; esac')
    command = ["-o", f"AddKeysToAgent {value.split(',')[0]}", "-o", f"IdentityAgent={asking.path}", "-o", "IdentitiesOnly=yes", "-i", str(path)]
    r = lab.ssh("echo yes", which=which, key=False, options=command, env=asking.env)
    assert r.stdout == "yes\n", r.stderr
    assert ("a ed25519" in listed(asking)) == (value not in ("no", "ask, refused"))
    if value.startswith("ask"):
        assert f"confirm:Add key {path} (a ed25519) to agent?" in asking.asked()
    if value == "no" or value == "ask, refused":
        return
    # what was added is used: no passphrase, but a question where that was wanted
    (lab.dir / "asked").unlink(missing_ok=True)
    pathlib.Path(path).unlink()
    asking.answer("exit 0")
    r = lab.ssh("echo yes", which=which, key=False, options=[*command[2:-1], f"{path}.pub"], env=asking.env)
    assert r.stdout == "yes\n", r.stderr
    assert ("confirm:Allow use of key a ed25519?" in asking.asked()) == value.startswith("confirm")


@both
def test_added_keys_live_as_long_as_said(lab, asking, which):
    path = authorized(lab, key(lab.dir, name="k"))
    options = ["-o", "AddKeysToAgent=1", "-o", f"IdentityAgent={asking.path}", "-o", "IdentitiesOnly=yes", "-i", str(path)]
    assert lab.ssh("echo yes", which=which, key=False, options=options, env=asking.env).stdout == "yes\n"
    until(lambda: "a ed25519" not in listed(asking))


def test_a_refused_key_is_not_added(lab, asking):
    path = key(lab.dir, name="stranger")
    options = ["-o", "AddKeysToAgent=yes", "-o", f"IdentityAgent={asking.path}", "-o", "PreferredAuthentications=publickey", "-i", str(path), "-i", str(lab.server.key)]
    assert lab.ssh("echo yes", key=False, options=options, env=asking.env).stdout == "yes\n"
    assert "a ed25519" not in listed(asking) and len(listed(asking).splitlines()) == 1


def test_the_keys_that_would_be_tried(lab, asking):
    """ssh -Z: those of the agent that are named, then those in files alone; nothing is connected to, and what a comment holds is harmless."""
    held = key(lab.dir, name="held")
    subprocess.run([os.path.join(os.path.dirname(lab.program("ours")), "ssh-keygen"), "-q", "-c", "-C", "bad\x1b[2J", "-f", held], check=True, capture_output=True)
    subprocess.run([os.path.join(os.path.dirname(lab.program("ours")), "ssh-add"), "-q", held], check=True, env={**os.environ, "SSH_AUTH_SOCK": str(asking.path)})
    pathlib.Path(held).unlink()
    named = key(lab.dir, name="named")
    prints = [subprocess.run(["/usr/bin/ssh-keygen", "-lf", f"{k}.pub"], capture_output=True, text=True, check=True).stdout.split()[1] for k in (held, named)]
    run = lambda *more: subprocess.run([lab.program("ours"), "-F", "none", "-Z", "-o", f"IdentityAgent={asking.path}", "-i", str(named), *more, "x@host.invalid"],
                                       capture_output=True, text=True, timeout=20)
    r = run("-o", "IdentitiesOnly=yes")
    assert (r.stdout, r.returncode) == (f"{named} ED25519 {prints[1]} explicit\n", 0), r.stderr
    r = run()
    lines = r.stdout.splitlines()
    assert lines[0].endswith(f" ED25519 {prints[0]} agent") and "\x1b" not in r.stdout and lines[1:] == [f"{named} ED25519 {prints[1]} explicit"], r.stderr
