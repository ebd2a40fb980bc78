"""ssh-keyscan against Debian's: both ask the same servers and say the same."""
import concurrent.futures
import os
import resource
import shutil
import socket
import subprocess
import threading
import time

import pytest

from conftest import free_port, keygen, wait_for

THEIRS = "/usr/bin/ssh-keyscan"
KINDS = [("ed25519", ()), ("ecdsa", ("-b", "384")), ("rsa", ("-b", "2048"))]
pytestmark = pytest.mark.skipif(not os.path.exists(THEIRS), reason="Debian's ssh-keyscan is the oracle")


@pytest.fixture
def ours(bindir):
    return str(bindir / "ssh-keyscan")


def scan(program, port, *args, stdin="", **more):
    done = subprocess.run([program, "-p", str(port), *map(str, args)], input=stdin, capture_output=True, text=True, timeout=60, **more)
    return done.returncode, sorted(done.stdout.splitlines()), sorted(set(done.stderr.splitlines()))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for kind, more in KINDS:
        keygen(folder / kind, kind, *more)
    keygen(folder / "ca")
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-s", folder / "ca", "-I", "host", "-h", "-n", "localhost", folder / "ed25519.pub"], check=True)
    return folder


@pytest.fixture(params=["ours", "theirs"])
def server(request, bindir, folder, keys):
    """A port of 127.0.0.1 and ::1 behind which our sshd or Debian's shows a key of each kind and one certificate."""
    if request.param == "theirs" and os.geteuid() != 0:
        pytest.skip("Debian's sshd wants root")
    port, config = free_port(), folder / "config"
    lines = f"Port {port}\nListenAddress 127.0.0.1\nListenAddress ::1\nPidFile none\nMaxStartups 1000\nPerSourcePenalties no\n"
    lines += "".join(f"HostKey {keys}/{kind}\n" for kind, _ in KINDS)
    if request.param == "theirs":
        os.makedirs("/run/sshd", exist_ok=True)
        lines = lines.replace("PerSourcePenalties no\n", "") + f"HostCertificate {keys}/ed25519-cert.pub\n"
    config.write_text(lines)
    program = bindir / "sshd" if request.param == "ours" else "/usr/sbin/sshd"
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stderr=log, cwd="/")
    wait_for(lambda: (folder / "log").read_text().count("Server listening") == 2 or process.poll() is not None)
    assert process.poll() is None, (folder / "log").read_text()
    yield port
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize("args", [
    ("-t", "rsa,ecdsa,ed25519", "127.0.0.1"),
    ("-t", "ed25519", "LocalHost"),
    ("-t", "ssh-ed25519", "127.0.0.1"),
    ("-t", "rsa-sha2-256", "127.0.0.1"),
    ("-4", "-t", "ecdsa", "localhost"),
    ("-6", "-t", "ecdsa", "::1"),
    ("-t", "ed25519", "127.0.0.1", "::1", "localhost"),
    ("-D", "-t", "rsa,ecdsa,ed25519", "127.0.0.1"),
    ("-t", "ed25519", "127.0.0.0/31"),
    ("-t", "ed25519", "127.0.0.1/30"),
    ("-t", "ed25519", "::1/128"),
    ("-t", "ed25519", "127.0.0.1,::1"),
    ("127.0.0.1",),
    ("nosuch.invalid",),
    ("-t", "nonsense", "127.0.0.1"),
])
def test_says_what_debians_says(server, ours, args):
    assert scan(ours, server, *args) == scan(THEIRS, server, *args)


FILE = """127.0.0.1 name1,name2,10.0.0.1 # a comment
# nothing else

  ::1\tother
127.0.0.1
127.0.0.2 nobody.listens
127.0.0.0/31
"""


def test_hosts_of_a_file(server, ours, tmp_path):
    (tmp_path / "hosts").write_text(FILE)
    theirs = scan(THEIRS, server, "-t", "ed25519", "-f", tmp_path / "hosts")
    assert scan(ours, server, "-t", "ed25519", "-f", tmp_path / "hosts") == theirs
    assert scan(ours, server, "-t", "ed25519", "-f", "-", stdin=FILE) == theirs
    assert len(theirs[1]) == 6
    rc, out, err = scan(ours, server, "-f", tmp_path / "nothing")
    assert (rc, out) == (255, []) and "No such file" in err[0]


def test_certificates(server, ours, request):
    if "theirs" not in request.node.name:
        pytest.skip("Debian's sshd shows the certificate")
    rc, out, err = scan(ours, server, "-c", "127.0.0.1")
    assert (rc, out) == scan(THEIRS, server, "-c", "127.0.0.1")[:2]
    assert len(out) == 1 and out[0].startswith("ssh-ed25519-cert-v01@openssh.com ")


@pytest.mark.parametrize("finder", ["ours", "theirs"])
def test_hashed_names_are_found(server, ours, bindir, tmp_path, finder):
    rc, out, _ = scan(ours, server, "-H", "-t", "rsa,ed25519", "localhost", "127.0.0.1")
    assert rc == 0 and len(out) == 4 and all(line.startswith("|1|") for line in out) and len({line.split()[0] for line in out}) == 4
    (tmp_path / "known").write_text("\n".join(out) + "\n")
    program = bindir / "ssh-keygen" if finder == "ours" else "/usr/bin/ssh-keygen"
    for name in "localhost", "127.0.0.1":
        found = subprocess.run([program, "-F", f"[{name}]:{server}", "-f", tmp_path / "known"], capture_output=True, text=True, check=True).stdout
        assert found.count("found:") == 2


def test_quiet_and_one_hash(server, ours):
    rc, out, err = scan(ours, server, "-q", "-D", "-O", "hashalg=sha1", "127.0.0.1")
    theirs = scan(THEIRS, server, "-D", "127.0.0.1")[1]
    assert (rc, out, err) == (0, [line for line in theirs if line.split()[4] == "1"], [])


def test_keys_are_those_that_the_server_has(server, ours, keys):
    _, out, _ = scan(ours, server, "-q", "127.0.0.1")
    shown = sorted((keys / f"{kind}.pub").read_text().split()[:2] for kind, _ in KINDS)
    assert [line.split()[1:] for line in sorted(out, key=lambda line: line.split()[1:])] == shown


def test_few_descriptors_many_hosts(server, ours):
    names = "".join(f"127.0.0.1 host{i}\n" for i in range(120))
    rc, out, _ = scan(ours, server, "-T", "30", "-q", "-t", "ed25519", "-f", "-", stdin=names,
                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48)))
    assert rc == 0 and len({line.split()[0] for line in out}) == 120


class Fake:
    """A listener that sends `first` to everybody and then does what `then` says: "wait" or "close"."""

    def __init__(self, first, then):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port, self.open, self.first, self.then = self.listener.getsockname()[1], [], first, then
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(peer)
            try:
                peer.sendall(self.first)
                if self.then == "close":
                    peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        for peer in self.open:
            peer.close()


@pytest.mark.parametrize("first", [b"", b"SSH-2.0-silent\r\n", b"no newline", b"SSH-2.0-x\r\n" + bytes(3)], ids=["nothing", "version", "half", "packet"])
def test_silence_costs_the_timeout_once(ours, first):
    fake = Fake(first, "wait")
    begin = time.monotonic()
    rc, out, err = scan(ours, fake.port, "-T", "1", *["127.0.0.1"] * 20)
    spent = time.monotonic() - begin
    fake.close()
    assert (rc, out) == (1, []) and 0.9 < spent < 6
    assert len(fake.open) >= 60


def test_who_is_silent_holds_nobody_up(server, ours):
    fake = Fake(b"", "wait")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(scan, ours, fake.port, "-T", "3", "127.0.0.1")
        rc, out, _ = scan(ours, server, "-t", "ed25519", "-T", "1", "127.0.0.1")
        assert rc == 0 and len(out) == 1 and not slow.done()
        fake.close()
        assert slow.result()[0] == 1


@pytest.mark.parametrize("first", [
    b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-1.5-old\r\n", b"\n" * 5000, b"A" * 100000, b"SSH-2.0-x\r\n" + b"\xff" * 64,
    b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x14" + bytes(10), b"SSH-2.0-\x1b[31mred\x1b]0;title\x07\r\n", b"SSH-2.0-x\r\n" + bytes(70000)],
    ids=["http", "one", "lines", "long", "length", "kexinit", "escapes", "zeros"])
def test_strange_servers(ours, first):
    fake = Fake(first, "close")
    done = subprocess.run([ours, "-v", "-T", "5", "-p", str(fake.port), "127.0.0.1"], capture_output=True, timeout=60)
    fake.close()
    assert done.returncode == 1 and done.stdout == b""
    assert not any(c < 32 and c not in b"\r\n" for c in done.stderr), done.stderr


def test_the_next_address_after_one_that_refuses(server, ours):
    rc, out, _ = scan(ours, server, "-t", "ed25519", "-f", "-", stdin="127.0.0.9,127.0.0.8,nosuch.invalid,::1 name\n")
    assert rc == 0 and out[0].startswith(f"[name]:{server} ssh-ed25519 ")


@pytest.mark.skipif(not shutil.which("dropbear"), reason="dropbear is not installed")
def test_dropbear(ours, folder):
    port = free_port()
    for kind in "ed25519", "rsa", "ecdsa":
        subprocess.run(["dropbearkey", "-t", kind, "-f", folder / kind], check=True, capture_output=True)
    process = subprocess.Popen(["dropbear", "-F", "-E", "-p", f"127.0.0.1:{port}", "-P", folder / "pid", *(w for k in ("ed25519", "rsa", "ecdsa") for w in ("-r", folder / k))],
                               stderr=subprocess.DEVNULL)

    def up():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    try:
        wait_for(up)
        got = scan(ours, port, "-t", "rsa,ecdsa,ed25519", "127.0.0.1")
        assert got == scan(THEIRS, port, "-t", "rsa,ecdsa,ed25519", "127.0.0.1") and len(got[1]) == 3
    finally:
        process.terminate()
        process.wait(10)


def test_a_hybrid_key(sshd, ours, bindir, folder):
    subprocess.run([bindir / "ssh-keygen", "-q", "-t", "mldsa44-ed25519", "-N", "", "-f", folder / "hybrid"], check=True)
    s = sshd(f"HostKey {folder}/hybrid\nHostKeyAlgorithms +{(folder / 'hybrid.pub').read_text().split()[0]}")
    rc, out, _ = scan(ours, s.port, "-q", "-t", "mldsa44-ed25519", "127.0.0.1")
    assert rc == 0 and [line.split()[1:] for line in out] == [(folder / "hybrid.pub").read_text().split()[:2]]


def test_wrong_use(ours):
    for args in [], ["-p", "x", "h"], ["-p", "0", "h"], ["-T", "0", "h"], ["-T", "x", "h"], ["-z"]:
        done = subprocess.run([ours, *args], capture_output=True, text=True)
        assert done.returncode == 1 and "usage: ssh-keyscan" in done.stderr
    done = subprocess.run([ours, "-O", "x", "h"], capture_output=True, text=True)
    assert done.returncode == 255 and done.stderr == "Unsupported -O option\n"
