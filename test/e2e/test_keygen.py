"""ssh-keygen against Debian's: what one writes the other reads, and both say the same."""
import base64
import os
import pty
import re
import stat
import subprocess
import time

import pytest

THEIRS = "/usr/bin/ssh-keygen"
TYPES = [("ed25519", None), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521), ("rsa", 1024), ("rsa", 2048)]
CIPHERS = ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr",
           "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"]

pytestmark = pytest.mark.skipif(not os.path.exists(THEIRS), reason="Debian's ssh-keygen is the oracle")


@pytest.fixture
def ours(bindir):
    return str(bindir / "ssh-keygen")


@pytest.fixture(params=["ours", "theirs"])
def pair(request, ours):
    """Who writes and who reads."""
    return (ours, THEIRS) if request.param == "ours" else (THEIRS, ours)


def run(program, *args, cwd=None, stdin="", env=None, rc=0):
    done = subprocess.run([program, *map(str, args)], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60,
                          env={**{k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}, **(env or {})},
                          start_new_session=True)
    assert rc is None or done.returncode == rc, f"{program} {args}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def make(program, path, kind="ed25519", bits=None, passphrase="", comment="a comment", *more):
    run(program, "-q", "-t", kind, *(["-b", bits] if bits else []), "-N", passphrase, "-C", comment, "-a", "1", "-f", path, *more)
    return path


def public_of(program, path, passphrase=""):
    return run(program, "-y", "-P", passphrase, "-f", path).stdout


# OpenSSH before 10 has no PKCS#8 for Ed25519: the next test has.
@pytest.mark.parametrize("kind,bits,form", [(k, b, f) for k, b in TYPES for f in (None, "PKCS8", "PEM") if (k, f) != ("ed25519", "PKCS8")])
@pytest.mark.parametrize("passphrase", ["", "pass phrase"])
def test_every_type_and_format(pair, tmp_path, kind, bits, passphrase, form):
    writer, reader = pair
    path = make(writer, tmp_path / "k", kind, bits, passphrase, "a comment", *(["-m", form] if form else []))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    line = (tmp_path / "k.pub").read_text()
    assert public_of(reader, path, passphrase).split()[:2] == line.split()[:2]
    assert line.rstrip("\n").endswith(" a comment")
    assert run(reader, "-l", "-f", path).stdout == run(writer, "-l", "-f", path).stdout
    head = path.read_text().splitlines()[0]
    if form == "PEM" and kind != "ed25519":
        assert head in ("-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----")
    elif form == "PKCS8":
        assert head == ("-----BEGIN ENCRYPTED PRIVATE KEY-----" if passphrase else "-----BEGIN PRIVATE KEY-----")
    else:
        assert head == "-----BEGIN OPENSSH PRIVATE KEY-----"
    if passphrase:
        refused = run(reader, "-y", "-P", "wrong", "-f", path, rc=255)
        assert "incorrect passphrase" in refused.stderr


@pytest.mark.parametrize("passphrase", ["", "pass phrase"])
def test_ed25519_in_pkcs8_against_openssl(ours, tmp_path, passphrase):
    path = make(ours, tmp_path / "k", "ed25519", None, passphrase, "c", "-m", "PKCS8")
    done = run("/usr/bin/openssl", "pkey", "-in", path, "-passin", f"pass:{passphrase}", "-pubout")
    raw = base64.b64decode("".join(done.stdout.splitlines()[1:-1]))[-32:]
    assert base64.b64decode((tmp_path / "k.pub").read_text().split()[1])[-32:] == raw
    run("/usr/bin/openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "o", *(["-aes-128-cbc", "-pass", f"pass:{passphrase}"] if passphrase else []))
    os.chmod(tmp_path / "o", 0o600)
    raw = base64.b64decode("".join(run("/usr/bin/openssl", "pkey", "-in", tmp_path / "o", "-passin", f"pass:{passphrase}", "-pubout").stdout.splitlines()[1:-1]))[-32:]
    assert base64.b64decode(public_of(ours, tmp_path / "o", passphrase).split()[1])[-32:] == raw


@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_cipher(pair, tmp_path, cipher):
    writer, reader = pair
    path = make(writer, tmp_path / "k", "ed25519", None, "secret", "c", "-Z", cipher)
    assert public_of(reader, path, "secret") == (tmp_path / "k.pub").read_text()
    run(reader, "-y", "-P", "Secret", "-f", path, rc=255)


def test_passphrase_and_comment_change(pair, tmp_path):
    writer, reader = pair
    path = make(writer, tmp_path / "k")
    line = (tmp_path / "k.pub").read_text()
    done = run(reader, "-p", "-P", "", "-N", "first", "-f", path)
    assert "Key has comment 'a comment'" in done.stdout
    assert "Your identification has been saved with the new passphrase." in done.stdout
    run(writer, "-p", "-P", "first", "-N", "second", "-a", "2", "-Z", "aes256-gcm@openssh.com", "-f", path)
    assert public_of(reader, path, "second") == line
    run(reader, "-c", "-P", "second", "-C", "new words", "-f", path)
    assert public_of(writer, path, "second").endswith(" new words\n")
    assert (tmp_path / "k.pub").read_text().endswith(" new words\n")
    run(reader, "-p", "-P", "wrong", "-N", "", "-f", path, rc=255)
    run(writer, "-p", "-P", "second", "-N", "", "-f", path)
    assert public_of(reader, path).split()[:2] == line.split()[:2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def same(ours, *args, **more):
    """Both programs give the same answer."""
    a, b = run(ours, *args, rc=None, **more), run(THEIRS, *args, rc=None, **more)
    assert (a.stdout, a.returncode) == (b.stdout, b.returncode), f"{args}: {a.stderr}{b.stderr}"
    return a


@pytest.mark.parametrize("kind,bits", TYPES)
@pytest.mark.parametrize("digest", ["sha256", "md5", "sha1", "sha384", "SHA512"])
def test_fingerprints_and_random_art(ours, tmp_path, kind, bits, digest):
    path = make(THEIRS, tmp_path / "k", kind, bits)
    for name in ("k", "k.pub"):
        assert same(ours, "-l", "-E", digest, "-f", tmp_path / name).stdout
        assert same(ours, "-l", "-v", "-E", digest, "-f", tmp_path / name).stdout.count("\n") == 12
    os.unlink(tmp_path / "k.pub")
    same(ours, "-l", "-f", path)
    locked = make(THEIRS, tmp_path / "locked", kind, bits, "secret")
    os.unlink(tmp_path / "locked.pub")
    assert run(ours, "-l", "-f", locked).stdout.startswith(str(bits or 256))


def test_fingerprints_of_lists(ours, tmp_path):
    lines = []
    for n, (kind, bits) in enumerate(TYPES):
        make(THEIRS, tmp_path / f"k{n}", kind, bits, "", f"number {n}")
        lines.append((tmp_path / f"k{n}.pub").read_text())
    text = "# remark\n\n" + "".join(lines)
    text += 'restrict,command="a \\"b c\\" d",from="*" ' + lines[0] + "no-pty " + " ".join(lines[1].split()[:2]) + "\n"
    text += "host.example,192.0.2.1 " + lines[2] + "[h]:22 " + " ".join(lines[3].split()[:2]) + "\n@revoked * " + lines[0] + "nothing here\n"
    (tmp_path / "list").write_text(text)
    assert same(ours, "-l", "-f", tmp_path / "list").stdout.count("\n") == 10
    assert same(ours, "-l", "-f", "-", stdin=text).stdout.count("\n") == 10
    (tmp_path / "none").write_text("nothing here\n")
    same(ours, "-l", "-f", tmp_path / "none")
    same(ours, "-l", "-f", "-", stdin="")
    same(ours, "-l", "-f", tmp_path / "missing")


def hosts_text(tmp_path):
    keys = [" ".join((make(THEIRS, tmp_path / f"h{n}", kind, bits).with_suffix(".pub")).read_text().split()[:2])
            for n, (kind, bits) in enumerate(TYPES[:3])]
    hashed = tmp_path / "one"
    hashed.write_text(f"hidden.example {keys[0]}\n")
    run(THEIRS, "-H", "-f", hashed)
    return (f"# remark\n\nplain.example,192.0.2.1 {keys[0]} words here\nplain.example {keys[1]}\n[plain.example]:2222 {keys[2]}\n"
            f"*.wild.example,!no.wild.example {keys[0]}\n{hashed.read_text()}@revoked bad.example {keys[1]}\n"
            f"@cert-authority *.ca.example {keys[2]}\nUPPER.example {keys[0]}\n")


NAMES = ["plain.example", "192.0.2.1", "[plain.example]:2222", "x.wild.example", "no.wild.example", "hidden.example", "bad.example",
         "y.ca.example", "upper.example", "nobody.example"]


def test_known_hosts_find(ours, tmp_path):
    path = tmp_path / "kh"
    path.write_text(hosts_text(tmp_path))
    found = 0
    for name in NAMES:
        found += same(ours, "-F", name, "-f", path).returncode == 0
        same(ours, "-l", "-F", name, "-f", path)
        same(ours, "-q", "-F", name, "-f", path)
        a, b = (re.sub(r"\|1\|\S+", "HASHED", run(p, "-H", "-F", name, "-f", path, rc=None).stdout) for p in (ours, THEIRS))
        assert a == b
    assert found == 8
    same(ours, "-F", "plain.example", "-f", tmp_path / "missing")


@pytest.mark.parametrize("name", NAMES)
def test_known_hosts_remove(ours, tmp_path, name):
    text = hosts_text(tmp_path)
    for program, folder in ((ours, tmp_path / "a"), (THEIRS, tmp_path / "b")):
        folder.mkdir()
        (folder / "kh").write_text(text)
        done = run(program, "-R", name, "-f", "kh", cwd=folder)
        (folder / "out").write_text(done.stdout)
    for what in ("kh", "out"):
        assert (tmp_path / "a" / what).read_text() == (tmp_path / "b" / what).read_text()
    assert sorted(os.listdir(tmp_path / "a")) == sorted(os.listdir(tmp_path / "b"))
    if (tmp_path / "a" / "kh.old").exists():
        assert (tmp_path / "a" / "kh.old").read_text() == text


def test_known_hosts_hash(ours, tmp_path):
    text = hosts_text(tmp_path)
    for program, folder in ((ours, tmp_path / "a"), (THEIRS, tmp_path / "b")):
        folder.mkdir()
        (folder / "kh").write_text(text)
        os.chmod(folder / "kh", 0o644)
        (folder / "out").write_text(run(program, "-H", "-f", "kh", cwd=folder).stdout)
    hide = [re.sub(r"\|1\|\S+", "HASHED", (tmp_path / d / "kh").read_text()) for d in "ab"]
    assert hide[0] == hide[1]
    assert (tmp_path / "a" / "out").read_text() == (tmp_path / "b" / "out").read_text()
    assert (tmp_path / "a" / "kh.old").read_text() == text
    for name in NAMES:
        same(ours, "-F", name, "-f", tmp_path / "a" / "kh")
    (tmp_path / "a" / "kh").write_text(text + "broken line\n")
    assert run(ours, "-H", "-f", "kh", cwd=tmp_path / "a", rc=1).stderr.count("not a valid known_hosts file")
    assert (tmp_path / "a" / "kh").read_text() == text + "broken line\n"


def test_overwriting_is_asked_for(ours, tmp_path):
    path = make(ours, tmp_path / "k")
    before = path.read_text()
    for answer in ("", "n\n", "\n", "no\n"):
        done = run(ours, "-t", "ed25519", "-N", "", "-f", path, stdin=answer, rc=1)
        assert "already exists.\nOverwrite (y/n)? " in done.stdout
        assert path.read_text() == before
    os.chmod(path, 0o644)
    run(ours, "-t", "ed25519", "-N", "", "-f", path, stdin="y\n")
    assert path.read_text() != before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_output_when_a_key_is_made(ours, tmp_path):
    said = []
    for program, folder in ((ours, tmp_path / "a"), (THEIRS, tmp_path / "b")):
        folder.mkdir()
        out = run(program, "-t", "ecdsa", "-b", "384", "-N", "", "-C", "c", "-f", "k", cwd=folder).stdout
        said.append([re.sub(r"SHA256:\S+", "SHA256:x", line) for line in out.splitlines() if not line.startswith("|")])
    assert said[0] == said[1]


def test_host_keys(ours, tmp_path):
    out = run(ours, "-A", "-f", tmp_path, rc=None)
    folder = out.stderr.split(' failed')[0].split('"')[1].rsplit("/", 1)[0]
    os.makedirs(folder)
    out = run(ours, "-A", "-f", tmp_path)
    assert out.stdout == "ssh-keygen: generating new host keys: RSA ECDSA ED25519 MLDSA44-ED25519 \n"
    names = sorted(os.listdir(folder))
    assert names == [f"ssh_host_{t}_key{s}" for t in ("ecdsa", "ed25519", "mldsa44_ed25519", "rsa") for s in ("", ".pub")]
    before = {n: open(os.path.join(folder, n)).read() for n in names}
    os.unlink(os.path.join(folder, "ssh_host_rsa_key"))
    assert run(ours, "-A", "-f", tmp_path).stdout == "ssh-keygen: generating new host keys: RSA \n"
    assert run(ours, "-A", "-f", tmp_path).stdout == ""
    assert open(os.path.join(folder, "ssh_host_ed25519_key")).read() == before["ssh_host_ed25519_key"]


def test_askpass_gives_the_passphrase(ours, tmp_path):
    path = make(THEIRS, tmp_path / "k", "ed25519", None, "from askpass")
    script = tmp_path / "askpass"
    script.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/prompts\necho from askpass\n')
    os.chmod(script, 0o755)
    env = {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force"}
    assert run(ours, "-y", "-f", path, env=env).stdout == (tmp_path / "k.pub").read_text()
    run(ours, "-q", "-t", "ed25519", "-C", "x", "-f", tmp_path / "new", env=env)
    assert public_of(THEIRS, tmp_path / "new", "from askpass") == (tmp_path / "new.pub").read_text()
    assert (tmp_path / "prompts").read_text().splitlines() == [
        f'Enter passphrase for "{path}": ', f'Enter passphrase for "{tmp_path}/new" (empty for no passphrase): ', "Enter same passphrase again: "]
    script.write_text("#!/bin/sh\nexit 1\n")
    run(ours, "-y", "-f", path, env=env, rc=255)


def on_terminal(argv, answers):
    """Runs argv on a terminal of its own; each answer is typed when its prompt has come and echo is off."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execv(argv[0], argv)
        finally:
            os._exit(127)
    out, deadline = b"", time.monotonic() + 30
    for prompt, answer in answers:
        at = len(out)
        while prompt not in out[at:]:
            assert time.monotonic() < deadline, out
            out += os.read(fd, 4096)
        out += answer[:0]
        os.write(fd, answer)
    try:
        while True:
            more = os.read(fd, 4096)
            if not more:
                break
            out += more
    except OSError:
        pass
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out


def test_terminal_is_asked_twice_without_echo(ours, tmp_path):
    path = tmp_path / "k"
    rc, out = on_terminal([ours, "-q", "-t", "ed25519", "-f", str(path)], [
        (b"(empty for no passphrase): ", b"one-secret\n"), (b"again: ", b"other-secret\n"), (b"(empty for no passphrase): ", b"third-secret\n"), (b"again: ", b"third-secret\n")])
    assert rc == 0, out
    assert b"do not match" in out and b"secret" not in out
    assert public_of(THEIRS, path, "third-secret") == (tmp_path / "k.pub").read_text()


HOSTILE = {
    "empty": b"", "lines": b"\n" * 100, "cut": b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "zeros": b"\0" * 4096, "cut-line": b"ssh-ed25519 AAAA",
    "tiny": b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "random": os.urandom(4096), "large": b"A" * (10 << 20),
    "large-pem": b"-----BEGIN RSA PRIVATE KEY-----\n" + b"A" * (2 << 20),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_line_errors(ours, tmp_path, name):
    text = HOSTILE[name]
    path = tmp_path / "bad"
    path.write_bytes(text)
    os.chmod(path, 0o600)
    for args in (["-l"], ["-y", "-P", "x"], ["-p", "-P", "x", "-N", ""], ["-c", "-P", "x", "-C", ""]):
        done = run(ours, *args, "-f", path, rc=255)
        assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert path.read_bytes() == text


def test_special_files_are_refused(ours, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in ("/dev/zero", tmp_path / "fifo", tmp_path):
        for args in (["-l"], ["-y"], ["-F", "h"]):
            assert run(ours, *args, "-f", path, rc=255).stderr.count("\n") == 1


def test_mismatched_halves_are_refused(ours, tmp_path):
    a, b = (make(THEIRS, tmp_path / n) for n in "ab")
    raw = [base64.b64decode("".join(p.read_text().splitlines()[1:-1])) for p in (a, b)]
    blobs = [base64.b64decode((tmp_path / f"{n}.pub").read_text().split()[1]) for n in "ab"]
    mixed = raw[0].replace(blobs[0], blobs[1], 1)
    assert mixed != raw[0]
    a.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.encodebytes(mixed).decode() + "-----END OPENSSH PRIVATE KEY-----\n")
    assert "does not belong" in run(ours, "-y", "-f", a, rc=255).stderr


def test_others_may_not_read_private_keys(ours, tmp_path):
    path = make(ours, tmp_path / "k")
    os.chmod(path, 0o640)
    assert "UNPROTECTED PRIVATE KEY FILE" in run(ours, "-y", "-f", path, rc=255).stderr


@pytest.mark.parametrize("args", [["-t", "dsa"], ["-t", "rsa", "-b", "512"], ["-t", "ecdsa", "-b", "300"], ["-b", "x"], ["-a", "0"], ["-a", "1000000"], ["-Z", "rot13"],
                                  ["-E", "sha3", "-l"], ["-m", "XML"], ["-p", "-c"], ["-l", "-R", "x"]])
def test_bad_values_are_refused(ours, tmp_path, args):
    done = run(ours, *args, "-N", "", "-f", tmp_path / "k", rc=255)
    assert done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_comments_cannot_reach_the_terminal(ours, tmp_path):
    path = make(ours, tmp_path / "k", "ed25519", None, "", "evil \x1b]0;x\x07 \x9b31m")
    out = run(ours, "-l", "-f", path).stdout + run(ours, "-p", "-N", "x", "-f", path).stdout
    assert "\x1b" not in out and "\x07" not in out and "\x9b" not in out


# Certificates.

CERT_CASES = [
    [], ["-n", "alice,bob"], ["-h", "-n", "*.example"], ["-z", "18446744073709551615"], ["-V", "20200101:20300101Z"], ["-V", "always:20300101120000Z"],
    ["-V", "20200229:forever"], ["-V", "0x10:0x7fffffff"], ["-O", "clear"], ["-O", "no-pty", "-O", "no-x11-forwarding"],
    ["-O", "clear", "-O", "permit-agent-forwarding", "-O", "PERMIT-pty"], ["-O", "force-command=ls -l"], ["-O", "source-address=10.0.0.0/8,::1/128"],
    ["-O", "no-touch-required", "-O", "verify-required"], ["-O", "critical:z@x=data", "-O", "critical:a@x", "-O", "extension:n@x=", "-O", "extension:b@x=more"],
    ["-h", "-O", "force-command=x", "-O", "permit-pty"],
]


def cert_parts(path):
    """The blob without nonce and signature."""
    raw = base64.b64decode(path.read_text().split()[1])
    fields = []
    for _ in range(2):
        n = int.from_bytes(raw[:4], "big")
        fields.append(raw[4:4 + n])
        raw = raw[4 + n:]
    return fields[0], raw[:raw.rindex(b"ssh-ed25519", 0, -20) - 4]


@pytest.mark.parametrize("args", CERT_CASES, ids=lambda a: " ".join(a) or "plain")
def test_certificates_are_openssh_s(ours, tmp_path, args):
    ca = make(THEIRS, tmp_path / "ca")
    parts = []
    for program, folder in ((ours, tmp_path / "a"), (THEIRS, tmp_path / "b")):
        folder.mkdir()
        if not parts:
            make(THEIRS, tmp_path / "k", "ecdsa", 256, "", "of a user")
        (folder / "k.pub").write_text((tmp_path / "k.pub").read_text())
        done = run(program, "-s", ca, "-I", "the id", *args, "k.pub", cwd=folder)
        said = [line for line in done.stderr.splitlines() if not line.startswith("Warning")]    # 9.2 does not warn of missing principals
        parts.append((cert_parts(folder / "k-cert.pub"), said))
        assert (folder / "k-cert.pub").read_text().endswith(" of a user\n")
    assert parts[0] == parts[1]
    for folder in "ab":
        assert same(ours, "-L", "-f", tmp_path / folder / "k-cert.pub").stdout.count("\n") > 8
        same(ours, "-l", "-v", "-f", tmp_path / folder / "k-cert.pub")
        same(ours, "-L", "-f", "-", stdin="# x\n" + (tmp_path / folder / "k-cert.pub").read_text())


@pytest.mark.parametrize("ca_kind,ca_bits", TYPES[:5] + [("rsa", 2048)])
@pytest.mark.parametrize("alg", [None, "rsa-sha2-256"])
def test_every_ca_signs_every_key(pair, ours, tmp_path, ca_kind, ca_bits, alg):
    if ca_bits == 1024:
        ca_bits = 3072
    if alg and ca_kind != "rsa":
        alg = None
    writer, _ = pair
    ca = make(THEIRS, tmp_path / "ca", ca_kind, ca_bits, "capass")
    names = []
    for n, (kind, bits) in enumerate(TYPES[:4] + TYPES[5:]):
        make(THEIRS, tmp_path / f"k{n}", kind, bits)
        names.append(f"k{n}.pub")
    done = run(writer, "-s", ca, "-P", "capass", "-I", "id", "-n", "a", "-z", "+9", *(["-t", alg] if alg else []), *names, cwd=tmp_path)
    assert [line.split(" serial ")[1].split()[0] for line in done.stderr.splitlines()] == [str(9 + n) for n in range(len(names))]
    for n in range(len(names)):
        shown = same(ours, "-L", "-f", tmp_path / f"k{n}-cert.pub").stdout
        assert f"Serial: {9 + n}" in shown and (alg or "using") in shown


def test_relative_validity(ours, tmp_path):
    ca, _ = make(THEIRS, tmp_path / "ca"), make(THEIRS, tmp_path / "k")
    for args in (["-V", "+1w"], ["-V", "-1d:+52w1d"], ["-V", "-1m:forever"]):
        shown = []
        for program in (ours, THEIRS):
            run(program, "-q", "-s", ca, "-I", "x", "-n", "a", *args, tmp_path / "k.pub")
            line = next(s for s in run(THEIRS, "-L", "-f", tmp_path / "k-cert.pub").stdout.splitlines() if "Valid:" in s)
            shown.append([time.mktime(time.strptime(t, "%Y-%m-%dT%H:%M:%S")) for t in re.findall(r"\d{4}-\S+", line)])
        assert len(shown[0]) == len(shown[1]) and all(abs(a - b) <= 61 for a, b in zip(*shown))


@pytest.mark.parametrize("args", [["-V", "foo"], ["-V", "20300101:20200101"], ["-V", ":"], ["-V", "20200101:"], ["-V", "0x:forever"], ["-O", "foo"], ["-O", "force-command="],
                                  ["-O", "source-address=foo"], ["-O", "source-address=10.0.0.1/8"], ["-O", "force-command=a", "-O", "force-command=b"], ["-O", "critical:"],
                                  ["-z", "x"], ["-z", "-1"], ["-z", "18446744073709551616"], ["-n", "a,,b"], ["-n", ""], ["-t", "rsa-sha2-256"],
                                  ["-O", "critical:a", "-O", "critical:a=b"]], ids=" ".join)
def test_bad_certificate_requests(ours, tmp_path, args):
    ca, _ = make(THEIRS, tmp_path / "ca"), make(THEIRS, tmp_path / "k")
    done = run(ours, "-s", ca, "-I", "x", *args, tmp_path / "k.pub", rc=255)
    assert [line for line in done.stderr.splitlines() if not line.startswith("Warning")], done.stderr
    assert not (tmp_path / "k-cert.pub").exists()


def test_certificate_use_errors(ours, tmp_path):
    ca, _ = make(THEIRS, tmp_path / "ca"), make(THEIRS, tmp_path / "k")
    run(ours, "-s", ca, tmp_path / "k.pub", rc=255)
    run(ours, "-s", ca, "-I", "x", rc=1)
    run(ours, "-s", tmp_path / "missing", "-I", "x", tmp_path / "k.pub", rc=255)
    run(ours, "-s", ca, "-I", "x", tmp_path / "missing.pub", rc=255)
    run(ours, "-s", tmp_path / "ca.pub", "-I", "x", tmp_path / "k.pub", rc=255)
    for text in ("", "junk\n", (tmp_path / "k.pub").read_text()):
        (tmp_path / "not").write_text(text)
        assert run(ours, "-L", "-f", tmp_path / "not", rc=1).returncode == run(THEIRS, "-L", "-f", tmp_path / "not", rc=None).returncode


# Signatures over files.

def line_of(path):
    return " ".join(path.read_text().split()[:2])


@pytest.mark.parametrize("kind,bits", TYPES)
@pytest.mark.parametrize("extra", [[], ["-O", "hashalg=sha256"]], ids=["sha512", "sha256"])
def test_file_signatures(pair, tmp_path, kind, bits, extra):
    writer, reader = pair
    if bits == 1024:
        bits = 2048
    key = make(THEIRS, tmp_path / "k", kind, bits, "secret")
    (tmp_path / "m").write_bytes(os.urandom(200000))
    (tmp_path / "signers").write_text(f'# us\nme@x,*@y namespaces="git,file" {line_of(tmp_path / "k.pub")} comment\n')
    run(writer, "-Y", "sign", "-f", key, "-P", "secret", "-n", "file", *extra, tmp_path / "m")
    common = ["-f", tmp_path / "signers", "-s", tmp_path / "m.sig"]
    message = subprocess.run(["base64", "-w0", tmp_path / "m"], capture_output=True, text=True, check=True).stdout
    done = run(writer, "-Y", "sign", "-f", tmp_path / "k.pub", "-P", "secret", "-n", "git", *extra, stdin=message)
    (tmp_path / "s").write_text(done.stdout)
    common = ["-f", tmp_path / "signers", "-s", tmp_path / "s"]
    good = run(reader, "-Y", "verify", "-n", "git", "-I", "me@x", *common, stdin=message)
    assert good.stdout == run(writer, "-Y", "verify", "-n", "git", "-I", "me@x", *common, stdin=message).stdout
    assert good.stdout.startswith('Good "git" signature for me@x with ')
    run(reader, "-Y", "verify", "-n", "git", "-I", "me@x", *common, stdin=message + "x", rc=255)
    run(reader, "-Y", "verify", "-n", "file", "-I", "me@x", *common, stdin=message, rc=255)
    run(reader, "-Y", "verify", "-n", "git", "-I", "you@x", *common, stdin=message, rc=255)
    for args in (["check-novalidate", "-n", "git", "-s", tmp_path / "s", "-O", "print-pubkey"], ["find-principals", *common],
                 ["verify", "-n", "git", "-I", "z@y", "-O", "print-pubkey", *common], ["match-principals", "-I", "q@y", "-f", tmp_path / "signers"]):
        assert run(reader, "-Y", *args, stdin=message).stdout == run(writer, "-Y", *args, stdin=message).stdout
    run(reader, "-Y", "match-principals", "-I", "nobody", "-f", tmp_path / "signers", rc=None).returncode != 0
    (tmp_path / "revoked").write_text((tmp_path / "k.pub").read_text())
    run(reader, "-Y", "verify", "-n", "git", "-I", "me@x", "-r", tmp_path / "revoked", *common, stdin=message, rc=255)
    (tmp_path / "revoked").write_text("# none\n")
    run(reader, "-Y", "verify", "-n", "git", "-I", "me@x", "-r", tmp_path / "revoked", *common, stdin=message)


def test_time_of_signers(ours, tmp_path):
    key = make(THEIRS, tmp_path / "k")
    (tmp_path / "signers").write_text(f'me valid-after="20200101",valid-before="20210101" {line_of(tmp_path / "k.pub")}\n')
    (tmp_path / "s").write_text(run(THEIRS, "-Y", "sign", "-f", key, "-n", "n", stdin="x").stdout)
    for when in (None, "20191231", "20200101000000", "20200601", "202012312359", "20210101", "20210101Z"):
        args = ["-f", tmp_path / "signers", "-s", tmp_path / "s", *(["-O", f"verify-time={when}"] if when else [])]
        same(ours, "-Y", "verify", "-n", "n", "-I", "me", *args, stdin="x")
        same(ours, "-Y", "find-principals", *args)


def test_signatures_by_certificates(pair, tmp_path):
    writer, reader = pair                       # theirs signs with a certificate through an agent only: then ours does both
    ca, _ = make(THEIRS, tmp_path / "ca"), make(THEIRS, tmp_path / "k")
    run(THEIRS, "-q", "-s", ca, "-I", "id", "-n", "a@x,c@z", tmp_path / "k.pub")
    (tmp_path / "signers").write_text(f'*@x,b@* cert-authority {line_of(tmp_path / "ca.pub")}\n')
    done = run(writer if writer != THEIRS else reader, "-Y", "sign", "-f", tmp_path / "k-cert.pub", "-n", "n", stdin="x")
    (tmp_path / "s").write_text(done.stdout)
    args = ["-f", tmp_path / "signers", "-s", tmp_path / "s"]
    assert "ED25519-CERT" in run(reader, "-Y", "verify", "-n", "n", "-I", "a@x", *args, stdin="x").stdout
    assert run(reader, "-Y", "find-principals", *args).stdout == "a@x\n"
    for name in ("b@x", "c@z"):
        run(reader, "-Y", "verify", "-n", "n", "-I", name, *args, stdin="x", rc=255)


def test_git_signs_and_verifies(ours, tmp_path):
    if not os.path.exists("/usr/bin/git"):
        pytest.skip("no git here")
    make(ours, tmp_path / "k")
    (tmp_path / "signers").write_text(f'me@x namespaces="git" {line_of(tmp_path / "k.pub")}\n')
    env = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "me@x", "GIT_COMMITTER_NAME": "n", "GIT_COMMITTER_EMAIL": "me@x"}
    for name, value in (("gpg.format", "ssh"), ("gpg.ssh.program", ours), ("user.signingkey", str(tmp_path / "k.pub")), ("gpg.ssh.allowedSignersFile", str(tmp_path / "signers"))):
        run("/usr/bin/git", "config", "--global", name, value, env=env)
    repo = tmp_path / "repo"
    run("/usr/bin/git", "init", "-q", repo, env=env)
    run("/usr/bin/git", "commit", "-q", "-S", "--allow-empty", "-m", "x", cwd=repo, env=env)
    done = run("/usr/bin/git", "verify-commit", "HEAD", cwd=repo, env=env)
    assert 'Good "git" signature for me@x' in done.stdout + done.stderr
    assert run("/usr/bin/git", "log", "-1", "--format=%G? %GS", cwd=repo, env=env).stdout == "G me@x\n"


@pytest.mark.parametrize("args", [["sign", "-n", "x"], ["sign", "-f", "k"], ["verify", "-n", "x"], ["verify", "-n", "x", "-f", "s"], ["find-principals", "-f", "s"], ["nothing"],
                                  ["check-novalidate", "-s", "s"], ["match-principals", "-f", "s"]], ids=" ".join)
def test_signature_use_errors(ours, tmp_path, args):
    assert run(ours, "-Y", *args, rc=1).stderr.count("\n") == 1
    assert run(THEIRS, "-Y", *args, rc=None).returncode != 0


# Revocation lists.

SPEC = ["serial: 5-10", "serial: 0x20", "serial: 077", "serial: 1000-1000000", "serial: 18446744073709551615", "id: foo bar", "SERIAL: 12", "# remark", ""]


def test_revocation_lists(pair, ours, tmp_path):
    writer, reader = pair
    ca, k = make(THEIRS, tmp_path / "ca"), [make(THEIRS, tmp_path / f"k{n}") for n in range(5)]
    text = "\n".join(SPEC + ["".join(f"serial: {n}\n" for n in range(2000000, 2003000, 2)), f"key: {line_of(tmp_path / 'k0.pub')}",
                             f"sha1: {line_of(tmp_path / 'k1.pub')}", f"sha256: {line_of(tmp_path / 'k2.pub')}"]) + "\n"
    text += "hash: " + run(THEIRS, "-l", "-f", k[3]).stdout.split()[1] + "\n"
    (tmp_path / "spec").write_text(text)
    run(writer, "-k", "-f", tmp_path / "krl", "-s", tmp_path / "ca.pub", "-z", "42", tmp_path / "spec")
    names = [f"k{n}.pub" for n in range(5)]
    for serial, ident in ((4, "x"), (5, "x"), (10, "x"), (11, "x"), (12, "x"), (32, "x"), (63, "x"), (999, "x"), (1000000, "x"), (2000000, "x"), (2000001, "x"), (2002998, "x"),
                          (18446744073709551615, "x"), (0, "foo bar"), (1, "foo bar"), (1, "foo")):
        run(THEIRS, "-q", "-s", ca, "-I", ident, "-z", serial, "-n", "a", tmp_path / "k4.pub")
        name = f"c{serial}{ident}-cert.pub"
        os.rename(tmp_path / "k4-cert.pub", tmp_path / name)
        names.append(name)
    asked = [run(p, "-Q", "-f", "krl", *names, cwd=tmp_path, rc=1).stdout for p in (reader, writer)]
    assert asked[0] == asked[1] and asked[0].count("REVOKED") == 15, asked[0]
    listed = [run(p, "-Q", "-l", "-f", "krl", cwd=tmp_path).stdout for p in (reader, writer)]
    assert sorted(listed[0].splitlines()) == sorted(listed[1].splitlines())
    run(reader, "-k", "-u", "-f", "krl", "k4.pub", cwd=tmp_path)
    asked = [run(p, "-Q", "-f", "krl", *names, cwd=tmp_path, rc=1).stdout for p in (reader, writer)]
    assert asked[0] == asked[1] and asked[0].count("ok") == 0
    assert "# KRL version 42" in run(writer, "-Q", "-l", "-f", "krl", cwd=tmp_path).stdout


def test_revoking_certificates_by_themselves(pair, tmp_path):
    writer, reader = pair
    ca = make(THEIRS, tmp_path / "ca")
    for n, serial in enumerate((0, 7, 8)):
        make(THEIRS, tmp_path / f"k{n}")
        run(THEIRS, "-q", "-s", ca, "-I", f"id{n}", "-z", serial, "-n", "a", tmp_path / f"k{n}.pub")
    run(writer, "-k", "-f", tmp_path / "krl", tmp_path / "k0-cert.pub", tmp_path / "k1-cert.pub")
    asked = run(reader, "-Q", "-f", "krl", *(f"k{n}{s}.pub" for n in range(3) for s in ("", "-cert")), cwd=tmp_path, rc=1).stdout
    assert [line.rsplit(" ", 1)[1] for line in asked.splitlines()] == ["ok", "REVOKED", "ok", "REVOKED", "ok", "ok"]


@pytest.mark.parametrize("text", ["junk\n", "serial: 1\n", "id: x\n", "key: x\n", "hash: x\n", "hash: MD5:x\n"])
def test_bad_revocation_specs(ours, tmp_path, text):
    (tmp_path / "spec").write_text(text)
    assert run(ours, "-q", "-k", "-f", tmp_path / "krl", tmp_path / "spec", rc=255).stderr.count("\n") == 1
    run(THEIRS, "-q", "-k", "-f", tmp_path / "krl", tmp_path / "spec", rc=255)
    assert not (tmp_path / "krl").exists()


@pytest.mark.parametrize("line", ["serial: 0", "serial: 5-4", "serial: x", "serial: 1-", "serial:", "serial: 99999999999999999999999999999999999"])
def test_bad_serials(ours, tmp_path, line):
    make(THEIRS, tmp_path / "ca")
    (tmp_path / "spec").write_text(line + "\n")
    run(ours, "-q", "-k", "-s", tmp_path / "ca.pub", "-f", tmp_path / "krl", tmp_path / "spec", rc=255)


# Other formats.

@pytest.mark.parametrize("kind,bits", TYPES)
def test_public_formats(ours, tmp_path, kind, bits):
    path = make(THEIRS, tmp_path / "k", kind, bits)
    same(ours, "-e", "-f", path)
    for form in ("RFC4716", "PKCS8", "PEM"):
        done = run(ours, "-e", "-m", form, "-f", tmp_path / "k.pub", rc=None)
        theirs = run(THEIRS, "-e", "-m", form, "-f", tmp_path / "k.pub", rc=None)
        if theirs.returncode == 0:
            assert done.stdout == theirs.stdout
        if done.returncode == 0:
            (tmp_path / "x").write_text(done.stdout)
            assert run(ours, "-i", "-m", form, "-f", tmp_path / "x").stdout == line_of(tmp_path / "k.pub") + "\n"
            if theirs.returncode == 0:          # of ECDSA there is no other form than PKCS#8
                form = "PKCS8" if form == "PEM" and kind == "ecdsa" else form
                assert run(THEIRS, "-i", "-m", form, "-f", tmp_path / "x").stdout == line_of(tmp_path / "k.pub") + "\n"
        else:
            assert form == "PEM" and kind != "rsa"
    run(ours, "-i", "-f", tmp_path / "k.pub", rc=255)


@pytest.mark.parametrize("kind,bits", TYPES)
def test_sshfp_and_bubblebabble(ours, tmp_path, kind, bits):
    path = make(THEIRS, tmp_path / "k", kind, bits)
    assert same(ours, "-r", "host.example", "-f", path).stdout.count("SSHFP") == 2
    same(ours, "-r", "host.example", "-g", "-f", tmp_path / "k.pub")
    assert same(ours, "-B", "-f", path).stdout
    assert run(ours, "-r", "h", "-f", path, "-O", "hashalg=sha256").stdout.count("SSHFP") == 1
    run(ours, "-r", "h", "-f", path, "-O", "hashalg=md5", rc=255)


@pytest.mark.parametrize("form", [None, "RFC4716", "PKCS8", "PEM"])
def test_certificates_are_exported_and_imported(ours, tmp_path, form):
    """As RFC 4716 whole; the other formats have room for the key alone."""
    ca, key = make(THEIRS, tmp_path / "ca"), make(THEIRS, tmp_path / "k", "ecdsa", 256)
    run(THEIRS, "-q", "-s", ca, "-I", "id", "-n", "x", f"{key}.pub")
    words = ["-e", *(["-m", form] if form else []), "-f", tmp_path / "k-cert.pub"]
    out = run(THEIRS, *words).stdout
    assert run(ours, *words).stdout == out
    (tmp_path / "out").write_text(out)
    back = ["-i", "-m", "PKCS8" if form == "PEM" else form or "RFC4716", "-f", tmp_path / "out"]
    assert run(ours, *back).stdout == run(THEIRS, *back).stdout
    wanted = "k-cert.pub" if form in (None, "RFC4716") else "k.pub"
    assert run(ours, *back).stdout.split()[:2] == (tmp_path / wanted).read_text().split()[:2]
    (tmp_path / "cut").write_text(out[:len(out) // 2])
    assert run(ours, "-i", "-m", form or "RFC4716", "-f", tmp_path / "cut", rc=255).stdout == ""
