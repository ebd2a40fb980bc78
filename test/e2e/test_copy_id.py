"""ssh-copy-id: our script with our ssh and Debian's, towards our sshd and Debian's."""
import os
import pathlib
import shutil
import signal
import stat
import subprocess

import pytest

from conftest import ROOT, free_port, keygen, wait_for

pytestmark = pytest.mark.skipif(not ROOT, reason="needs root to make a user")
SFTP_SERVER = "/usr/lib/openssh/sftp-server"


class Lab:
    """A local home with keys, an account there whose password an askpass program types, and a server between them."""

    def __init__(self, bindir, folder, account, client, server):
        self.bindir, self.folder, self.account, self.server = bindir, folder, account, server
        self.home, self.there = folder / "home", pathlib.Path(account.pw.pw_dir)
        self.keys = self.there / ".ssh" / "authorized_keys"
        shutil.rmtree(self.there / ".ssh", ignore_errors=True)
        (self.home / ".ssh").mkdir(parents=True)
        self.port, self.process, self.log = free_port(), None, folder / "log"
        keygen(folder / "host_key")
        (folder / "known").write_text(f"[127.0.0.1]:{self.port} " + (folder / "host_key.pub").read_text())
        (folder / "cfg").write_text(f"GlobalKnownHostsFile none\nUserKnownHostsFile {folder}/known\nStrictHostKeyChecking yes\nIdentityAgent none\n"
                                    "NumberOfPasswordPrompts 1\n")
        (folder / "askpass").write_text(f"#!/bin/sh\necho '{account.password}'\n")
        (folder / "askpass").chmod(0o755)
        self.path = f"{bindir}:/usr/bin:/bin" if client == "ours" else "/usr/bin:/bin"

    def start(self, config=""):
        lines = (f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host_key\nPidFile none\nLogLevel VERBOSE\nUsePAM no\n"
                 f"KbdInteractiveAuthentication no\nSubsystem sftp {SFTP_SERVER}\n{config}")
        if self.server == "ours":
            lines += "\nPerSourcePenalties no\n"
        (self.folder / "sshd_config").write_text(lines)
        os.makedirs("/run/sshd", exist_ok=True)
        program = self.bindir / "sshd" if self.server == "ours" else "/usr/sbin/sshd"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program, "-D", "-e", "-f", self.folder / "sshd_config"], stdin=subprocess.DEVNULL, stderr=log, cwd="/")
        wait_for(lambda: b"Server listening" in self.log.read_bytes() or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
        shutil.rmtree(self.there / ".ssh", ignore_errors=True)

    def run(self, *args, rc=0, host=None, **env):
        done = subprocess.run([self.bindir / "ssh-copy-id", "-F", self.folder / "cfg", "-p", str(self.port), *map(str, args), host or f"{self.account.name}@127.0.0.1"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, start_new_session=True,
                              env={"HOME": str(self.home), "PATH": self.path, "SSH_ASKPASS": str(self.folder / "askpass"), "SSH_ASKPASS_REQUIRE": "force",
                                   "DISPLAY": ":0", "TMPDIR": str(self.folder), **env})
        assert done.returncode == rc, f"{done.stdout}{done.stderr}{self.log.read_text() if self.log.exists() else ''}"
        assert not list(self.folder.glob("ssh-copy-id.*"))
        return done

    def key(self, name="id_ed25519", kind="ed25519"):
        return keygen(self.home / ".ssh" / name, kind)

    def lines(self):
        return self.keys.read_text().splitlines()

    def login(self, key):
        return subprocess.run(["/usr/bin/ssh", "-F", self.folder / "cfg", "-p", str(self.port), "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", key,
                               f"{self.account.name}@127.0.0.1", "echo in"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout == "in\n"


def public(key):
    return pathlib.Path(f"{key}.pub").read_text().strip()


@pytest.fixture(params=["ours-ours", "ours-theirs", "theirs-ours", "theirs-theirs"])
def lab(request, bindir, folder, account):
    """client-server"""
    client, server = request.param.split("-")
    made = Lab(bindir, folder, account, client, server)
    yield made
    made.stop()


@pytest.fixture
def one(bindir, folder, account):
    made = Lab(bindir, folder, account, "ours", "ours")
    yield made
    made.stop()


def test_added_once_and_then_known(lab):
    lab.start()
    key = lab.key()
    assert not lab.login(key)
    assert "\nNumber of key(s) added: 1\n" in lab.run().stdout
    assert lab.lines() == [public(key)] and lab.login(key)
    assert stat.S_IMODE(lab.keys.stat().st_mode) == 0o600 and stat.S_IMODE(lab.keys.parent.stat().st_mode) == 0o700
    assert "All keys were skipped" in lab.run().stderr
    assert lab.lines() == [public(key)]
    assert "added: 1" in lab.run("-f").stdout
    assert lab.lines() == [public(key)] * 2


def test_what_is_there_stays(lab):
    lab.start()
    key = lab.key("other")
    lab.keys.parent.mkdir(mode=0o700)
    lab.keys.write_text("# mine\nssh-rsa AAAA no line end")
    subprocess.run(["chown", "-R", lab.account.name, lab.keys.parent], check=True)
    lab.keys.chmod(0o640)
    lab.run("-i", key)
    assert lab.lines() == ["# mine", "ssh-rsa AAAA no line end", public(key)] and stat.S_IMODE(lab.keys.stat().st_mode) == 0o640


def test_only_the_public_half_is_here(one):
    """Nobody can log in with it, so only the file there tells that it is known already."""
    one.start()
    key = one.key()
    os.unlink(key)
    assert "added: 1" in one.run("-i", f"{key}.pub").stdout
    assert "added: 0" in one.run("-i", key).stdout
    assert one.lines() == [public(key)]
    one.keys.write_text(f"# {public(key)}\n")
    assert "added: 1" in one.run("-i", key).stdout


def test_dry_run(one):
    one.start()
    key = one.key()
    assert public(key) in one.run("-n").stdout
    assert not one.keys.exists()


def test_newest_key_and_no_certificate(one):
    one.start()
    old, new = one.key("id_rsa", "rsa"), one.key("id_ecdsa", "ecdsa")
    for age, name in enumerate(["id_rsa.pub", "id_ecdsa.pub"]):
        os.utime(one.home / ".ssh" / name, (1000 + age, 1000 + age))
    (one.home / ".ssh" / "id_ecdsa-cert.pub").write_text("ssh-ed25519-cert-v01@openssh.com AAAA\n")
    one.run("-i")
    assert one.lines() == [public(new)] and old


def test_keys_of_the_agent(one):
    one.start()
    keys = [one.key("id_a"), one.key("b", "ecdsa")]
    ca = one.key("ca")
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-s", ca, "-I", "me", "-n", "x", f"{keys[0]}.pub"], check=True)
    sock = one.folder / "agent"
    agent = subprocess.Popen(["/usr/bin/ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
    try:
        wait_for(sock.exists)
        subprocess.run(["/usr/bin/ssh-add", "-q", *keys], env={**os.environ, "SSH_AUTH_SOCK": str(sock)}, check=True, stderr=subprocess.DEVNULL)
        (one.folder / "cfg").write_text((one.folder / "cfg").read_text().replace("IdentityAgent none\n", ""))
        assert "added: 2" in one.run(SSH_AUTH_SOCK=str(sock)).stdout
        assert one.lines() == [public(k) for k in keys]
        assert "skipped" in one.run(SSH_AUTH_SOCK=str(sock)).stderr
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.wait(10)


def test_another_file_there(one):
    one.start()
    key = one.key()
    one.run("-t", "some where/deep/keys")
    assert (one.there / "some where/deep/keys").read_text().splitlines() == [public(key)]
    assert not one.keys.exists()
    shutil.rmtree(one.there / "some where")
    for bad in "", "dir/", ".ssh/..", "a\"b", "a*":
        assert "ERROR" in one.run("-t", bad, rc=1).stderr


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_a_shell_that_is_not_posix(one):
    one.start()
    key = one.key()
    subprocess.run(["usermod", "-s", "/usr/bin/fish", one.account.name], check=True)
    try:
        assert "added: 1" in one.run().stdout
        assert one.lines() == [public(key)]
    finally:
        subprocess.run(["usermod", "-s", "/bin/sh", one.account.name], check=True)


def test_by_sftp(lab):
    lab.start(f"ForceCommand {SFTP_SERVER}")
    keys = [lab.key("id_one"), lab.key("two")]
    assert "added: 1" in lab.run("-s", "-i", keys[0]).stdout
    assert lab.lines() == [public(keys[0])]
    assert stat.S_IMODE(lab.keys.stat().st_mode) == 0o600 and stat.S_IMODE(lab.keys.parent.stat().st_mode) == 0o700
    assert "skipped" in lab.run("-s", "-i", keys[0]).stderr
    assert "added: 1" in lab.run("-s", "-i", keys[1]).stdout
    assert lab.lines() == [public(k) for k in keys]
    os.unlink(keys[1])
    assert "added: 0" in lab.run("-s", "-i", keys[1]).stdout
    assert "added: 1" in lab.run("-s", "-f", "-i", keys[1]).stdout
    assert len(lab.lines()) == 3
    lab.run("-s", "-i", keys[1], "-t", "deep er/than/that")
    assert (lab.there / "deep er/than/that").read_text().splitlines() == [public(keys[1])]
    shutil.rmtree(lab.there / "deep er")
    assert [p.name for p in lab.keys.parent.iterdir()] == ["authorized_keys"]


def test_a_file_that_sftp_cannot_read_is_not_replaced(one):
    one.start()
    one.keys.parent.mkdir(mode=0o755)
    one.keys.write_text("precious\n")
    one.keys.chmod(0)
    os.chown(one.keys.parent, one.account.pw.pw_uid, -1)
    one.key()
    assert "were not added" in one.run("-s", rc=1).stderr
    assert one.keys.read_text() == "precious\n"


def test_failures_say_why(one):
    assert "no ~/.ssh/id*.pub" in one.run(rc=1).stderr
    key = one.key()
    assert "ERROR: ssh: connect to host 127.0.0.1" in one.run(rc=1).stderr
    assert "cannot read" in one.run("-i", "/nonexistent/key", rc=1).stderr
    (one.home / "junk.pub").write_text("-----BEGIN PRIVATE KEY-----\n")
    assert "no public key" in one.run("-i", one.home / "junk", rc=1).stderr
    one.start()
    (one.folder / "askpass").write_text("#!/bin/sh\necho wrong\n")
    assert "were not added" in one.run(rc=1).stderr and not one.keys.exists() and key


def test_wrong_use(one):
    for args in ["-z"], ["-i", "a", "-i", "b"], ["host1"], ["-o"], ["-h"]:
        assert one.run(*args, rc=1).stderr
    assert "usage: ssh-copy-id" in one.run("-h", rc=1).stderr
