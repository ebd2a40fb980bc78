"""Keys in PKCS#11 tokens (softhsm2): with our agent and Debian's, our ssh and Debian's, ssh-keygen."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from agent_lab import THEIRS, Agent, certify, script, string, until
from client_lab import ME, add_fixtures, both

LIBRARY = "/usr/lib/softhsm/libsofthsm2.so"
TYPES = {"rsa": "rsa:2048", "p256": "EC:prime256v1", "p384": "EC:secp384r1", "p521": "EC:secp521r1", "ed25519": "EC:edwards25519"}
PIN = "1234"

server, lab = add_fixtures()
pytestmark = pytest.mark.skipif(not (os.path.exists(LIBRARY) and shutil.which("pkcs11-tool")), reason="softhsm2 and opensc are the token")


class Token:
    def __init__(self, folder):
        self.dir = folder
        (folder / "tokens").mkdir()
        (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\n")
        self.env = {"SOFTHSM2_CONF": str(folder / "conf")}
        self.run("softhsm2-util", "--init-token", "--free", "--label", "a token", "--pin", PIN, "--so-pin", "5678")
        for i, (name, kind) in enumerate(TYPES.items(), 1):
            self.run("pkcs11-tool", "--module", LIBRARY, "--token-label", "a token", "--login", "--pin", PIN, "--keypairgen", "--key-type", kind, "--id", f"0{i}", "--label", f"key {name}")

    def run(self, *command):
        return subprocess.run(command, env={**os.environ, **self.env}, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def token(tmp_path_factory):
    return Token(tmp_path_factory.mktemp("token"))


@pytest.fixture
def pin(token, tmp_path):
    """Environment: the token, and an askpass that knows its PIN."""
    ask = script(tmp_path / "pin", f'echo "$1" >> {tmp_path}/prompts\necho {PIN}\n')
    return {**token.env, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}


@pytest.fixture(params=["our agent", "their agent"])
def agent(request, bindir, pin, tmp_path):
    ours = request.param == "our agent"
    a = Agent(str(bindir / "ssh-agent") if ours else THEIRS["ssh-agent"], str(bindir / "ssh-add"), tmp_path, env=pin)
    a.ours = ours
    yield a
    a.end()


@pytest.fixture
def ours(bindir, pin, tmp_path):
    a = Agent(str(bindir / "ssh-agent"), str(bindir / "ssh-add"), tmp_path, env=pin)
    yield a
    a.end()


def helpers(agent):
    children = pathlib.Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children").read_text().split()
    return [int(p) for p in children if "pkcs11" in name_of(p)]


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text()
    except (FileNotFoundError, ProcessLookupError):          # it ended meanwhile
        return ""


def public_keys(agent, folder):
    """Name -> file with the public key."""
    out = {}
    for line in agent.add("-L").stdout.splitlines():
        name = line.split(" key ")[-1] if " key " in line else line.split()[0]
        out[name] = folder / f"{name}.pub"
        out[name].write_text(line + "\n")
    return out


@pytest.mark.parametrize("adder", ["our ssh-add", "their ssh-add"])
def test_keys_come_sign_and_go(agent, bindir, tmp_path, adder):
    agent.adder = str(bindir / "ssh-add") if adder == "our ssh-add" else THEIRS["ssh-add"]
    assert "Card added: " + LIBRARY in agent.add("-s", LIBRARY).stderr
    keys = public_keys(agent, tmp_path)
    assert len(keys) == (5 if agent.ours else 4)        # OpenSSH 9.2 knows no Ed25519 in tokens
    for path in keys.values():
        agent.add("-T", path)
    assert agent.add("-s", LIBRARY, rc=1).stderr
    assert "Card removed" in agent.add("-e", LIBRARY).stderr
    assert "no identities" in agent.add("-l", rc=1).stdout
    agent.add("-s", LIBRARY)
    assert len(agent.add("-l").stdout.splitlines()) == len(keys)


@both
def test_login_by_the_agent(lab, agent, tmp_path, which):
    agent.add("-s", LIBRARY)
    for name, path in public_keys(agent, tmp_path).items():
        lab.server.authorized.write_text(path.read_text())
        r = lab.ssh("echo yes", which=which, key=False, options=["-o", f"IdentityAgent={agent.path}", "-o", "IdentitiesOnly=yes", "-i", str(path)])
        assert r.stdout == "yes\n", (name, r.stderr)


def test_limits_hold_for_keys_of_tokens(ours, tmp_path):
    ours.add("-t", "1", "-s", LIBRARY)
    until(lambda: ours.add("-l", rc=None).returncode == 1)
    until(lambda: not helpers(ours))
    ours.add("-c", "-s", LIBRARY)
    path = public_keys(ours, tmp_path)["p256"]
    ours.add("-T", path, rc=1)                          # the askpass says a PIN and not yes
    assert "Allow use of key key p256?" in (tmp_path / "prompts").read_text()


def test_a_wrong_pin_adds_nothing(ours, tmp_path):
    script(tmp_path / "pin", "echo 9999\n")
    assert "agent refused operation" in ours.add("-s", LIBRARY, rc=1).stderr
    assert ours.add("-l", rc=1)
    until(lambda: not helpers(ours))


def test_certificates_next_to_token_keys(ours, bindir, tmp_path):
    ours.add("-s", LIBRARY)
    path = public_keys(ours, tmp_path)["p256"]
    certify(tmp_path, tmp_path / "p256")
    ours.add("-D")
    ours.add("-s", LIBRARY, tmp_path / "p256-cert.pub")
    assert len(ours.add("-l").stdout.splitlines()) == 6
    ours.add("-D")
    ours.add("-C", "-s", LIBRARY, tmp_path / "p256-cert.pub")
    lines = ours.add("-L").stdout.splitlines()
    assert len(lines) == 1 and lines[0].split()[:2] == (tmp_path / "p256-cert.pub").read_text().split()[:2]
    cert = __import__("base64").b64decode(lines[0].split()[1])
    assert ours.ask(b"\x0d" + string(cert) + string(b"data") + b"\0\0\0\0")[0] == 14
    assert path.exists()


def test_only_listed_libraries_are_loaded(bindir, pin, tmp_path):
    shutil.copy(LIBRARY, tmp_path / "lib.so")
    (tmp_path / "link.so").symlink_to(LIBRARY)

    def agent(*args):
        return Agent(str(bindir / "ssh-agent"), str(bindir / "ssh-add"), tmp_path, *args, env=pin)

    a = agent()
    a.add("-s", tmp_path / "lib.so", rc=1)
    a.add("-s", "lib.so", rc=1)
    a.add("-s", "/usr/lib/../../" + str(tmp_path) + "/lib.so", rc=1)
    assert not helpers(a), "what is refused is not even looked at"
    a.add("-s", tmp_path / "link.so")                   # it is where it leads that counts
    a.add("-e", LIBRARY)
    a.end()
    a = agent("-P", f"!{LIBRARY},!/usr/lib/x86_64-linux-gnu/softhsm/*,/usr/lib*/*")
    a.add("-s", LIBRARY, rc=1)
    a.end()
    a = agent("-P", f"{tmp_path}/*")
    a.add("-s", tmp_path / "lib.so")
    a.add("-s", LIBRARY, rc=1)
    assert len(helpers(a)) == 1
    a.end()


def test_a_file_that_is_no_such_library_is_never_loaded(bindir, pin, tmp_path):
    """Its constructor would leave a trace (CVE-2023-38408)."""
    (tmp_path / "evil.c").write_text(f'#include <stdio.h>\n__attribute__((constructor)) static void on(void) {{ fclose(fopen("{tmp_path}/ran", "w")); }}\n')
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "evil.so", tmp_path / "evil.c"], check=True)
    a = Agent(str(bindir / "ssh-agent"), str(bindir / "ssh-add"), tmp_path, "-P", f"{tmp_path}/*", env=pin)
    a.add("-s", tmp_path / "evil.so", rc=1)
    assert not (tmp_path / "ran").exists()
    # with the name inside it is loaded, in the helper alone, and does no harm to the agent
    (tmp_path / "evil.c").write_text((tmp_path / "evil.c").read_text() + "int C_GetFunctionList(void *p) { (void)p; __builtin_trap(); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "evil.so", tmp_path / "evil.c"], check=True)
    a.add("-s", tmp_path / "evil.so", rc=1)
    assert (tmp_path / "ran").exists() and a.ask(b"\x0b") == b"\x0c\0\0\0\0"
    a.end()


def bind(agent, folder, forwarding=True):
    """A socket that ssh bound to a session, as that of a forwarded agent is."""
    import base64
    host = folder / "host"
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host)], check=True)
    blob = base64.b64decode(pathlib.Path(f"{host}.pub").read_text().split()[1])
    agent.add("-q", host)
    signature = agent.ask(b"\x0d" + string(blob) + string(b"s" * 32) + b"\0\0\0\0")[5:]
    agent.add("-q", "-d", host)
    s = agent.connect()
    assert agent.ask(b"\x1b" + string(b"session-bind@openssh.com") + string(blob) + string(b"s" * 32) + string(signature) + bytes([forwarding]), s) == b"\x06"
    return s


@pytest.mark.parametrize("options,answer", [([], b"\x05"), (["-O", "allow-remote-pkcs11"], b"\x06")])
def test_forwarded_clients_load_nothing_unless_allowed(bindir, pin, tmp_path, options, answer):
    a = Agent(str(bindir / "ssh-agent"), str(bindir / "ssh-add"), tmp_path, *options, env=pin)
    s = bind(a, tmp_path)
    assert a.ask(b"\x14" + string(LIBRARY.encode()) + string(PIN.encode()), s) == answer
    a.end()


def test_a_helper_that_dies_takes_nothing_along(ours, tmp_path):
    ours.add("-s", LIBRARY)
    path = public_keys(ours, tmp_path)["rsa"]
    os.kill(helpers(ours)[0], signal.SIGKILL)
    ours.add("-T", path, rc=1)
    assert ours.ask(b"\x0b")[0] == 12
    ours.add("-s", LIBRARY)
    ours.add("-T", path)


def test_the_helper_ends_with_its_agent(ours):
    ours.add("-s", LIBRARY)
    pid = helpers(ours)[0]
    ours.process.kill()
    until(lambda: not os.path.exists(f"/proc/{pid}") or pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")


def run(*command, env=None, rc=0, **more):
    done = subprocess.run([str(c) for c in command], env={**os.environ, "SSH_AUTH_SOCK": "", **(env or {})}, capture_output=True, text=True, timeout=60, start_new_session=True, **more)
    assert done.returncode == rc, done.stdout + done.stderr
    return done.stdout


THEIR_KEYGEN = "/usr/bin/ssh-keygen"


def test_keygen_lists_keys(bindir, token):
    ours = run(bindir / "ssh-keygen", "-D", LIBRARY, env=token.env).splitlines()
    theirs = run(THEIR_KEYGEN, "-D", LIBRARY, env=token.env).splitlines()
    assert sorted(line.rsplit(" ", 1)[-1] for line in ours) == sorted(TYPES)
    assert sorted(theirs) == sorted(line for line in ours if "ed25519" not in line)
    prints = run(bindir / "ssh-keygen", "-l", "-D", LIBRARY, env=token.env)
    assert prints == run(THEIR_KEYGEN, "-l", "-f", "-", input="\n".join(ours) + "\n")
    assert run(bindir / "ssh-keygen", "-e", "-D", LIBRARY, env=token.env).count("BEGIN SSH2 PUBLIC KEY") == 5
    run(bindir / "ssh-keygen", "-D", "/usr/lib/nothing.so", env=token.env, rc=255)


@pytest.mark.parametrize("name", TYPES)
def test_a_ca_in_a_token(bindir, token, pin, tmp_path, name):
    line = next(x for x in run(bindir / "ssh-keygen", "-D", LIBRARY, env=token.env).splitlines() if x.endswith(name))
    (tmp_path / "ca.pub").write_text(line + "\n")
    subprocess.run([THEIR_KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True)
    run(bindir / "ssh-keygen", "-D", LIBRARY, "-s", tmp_path / "ca.pub", "-I", "me", "-n", "ann", tmp_path / "k.pub", env=pin)
    assert (tmp_path / "prompts").read_text() == "Enter PIN for 'a token': \n"
    shown = run(THEIR_KEYGEN, "-L", "-f", tmp_path / "k-cert.pub")
    assert 'Key ID: "me"' in shown and run(THEIR_KEYGEN, "-l", "-f", tmp_path / "ca.pub").split()[1] in shown
    # another key than the token's
    run(bindir / "ssh-keygen", "-D", LIBRARY, "-s", tmp_path / "k.pub", "-I", "me", tmp_path / "k.pub", env=pin, rc=255)
    script(tmp_path / "pin", "echo 9999\n")
    run(bindir / "ssh-keygen", "-D", LIBRARY, "-s", tmp_path / "ca.pub", "-I", "me", "-n", "ann", tmp_path / "k.pub", env=pin, rc=255)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_ca_in_the_agent(agent, bindir, tmp_path, kind):
    for name, t in (("ca", kind), ("k", "ed25519")):
        subprocess.run([THEIR_KEYGEN, "-q", "-t", t, "-N", "", "-f", tmp_path / name], check=True)
    env = {"SSH_AUTH_SOCK": agent.path}
    sign = [bindir / "ssh-keygen", "-U", "-s", tmp_path / "ca.pub", "-I", "me", "-n", "ann", tmp_path / "k.pub"]
    run(*sign, env=env, rc=255)
    agent.add(tmp_path / "ca")
    (tmp_path / "ca").unlink()
    run(*sign, env=env)
    shown = run(THEIR_KEYGEN, "-L", "-f", tmp_path / "k-cert.pub")
    assert 'Key ID: "me"' in shown and (kind != "rsa" or "(using rsa-sha2-512)" in shown)
    run(*sign, rc=255)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_files_and_commits_are_signed_by_the_agent(agent, bindir, tmp_path, kind):
    """As git does it: with a public key file, or with -U and a temporary one."""
    subprocess.run([THEIR_KEYGEN, "-q", "-t", kind, "-N", "", "-C", "c", "-f", tmp_path / "k"], check=True)
    agent.add(tmp_path / "k")
    (tmp_path / "k").unlink()
    env = {"SSH_AUTH_SOCK": agent.path}
    public = (tmp_path / "k.pub").read_text()
    (tmp_path / "signers").write_text("me@x " + public)
    (tmp_path / "data").write_text("hello")
    for options in (["-f", tmp_path / "k.pub"], ["-U", "-f", tmp_path / "k.pub"]):
        run(bindir / "ssh-keygen", "-Y", "sign", "-n", "file", *options, tmp_path / "data", env=env)
        run(THEIR_KEYGEN, "-Y", "verify", "-n", "file", "-I", "me@x", "-f", tmp_path / "signers", "-s", tmp_path / "data.sig", input="hello")
        (tmp_path / "data.sig").unlink()
    run(bindir / "ssh-keygen", "-Y", "sign", "-n", "file", "-U", "-f", tmp_path / "k.pub", tmp_path / "data", rc=255)
    repo = tmp_path / "repo"
    git = ["git", "-C", repo, "-c", "user.name=me", "-c", "user.email=me@x", "-c", "gpg.format=ssh", "-c", f"gpg.ssh.program={bindir}/ssh-keygen", "-c", f"gpg.ssh.allowedSignersFile={tmp_path}/signers"]
    run("git", "init", "-q", repo)
    for key in (str(tmp_path / "k.pub"), "key::" + public.strip()):
        run(*git, "-c", f"user.signingkey={key}", "commit", "-q", "-S", "--allow-empty", "-m", "x", env=env)
        run(*git, "verify-commit", "HEAD", env=env)


def their_server(folder, line):
    """Debian's sshd as the proxy command of one connection; options for a client."""
    subprocess.run([THEIR_KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", folder / "their_host"], check=True)
    (folder / "their_keys").write_text(line)
    (folder / "their_config").write_text(f"HostKey {folder}/their_host\nAuthorizedKeysFile {folder}/their_keys\nStrictModes no\nUsePAM no\n")
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    return ["-o", f"ProxyCommand=/usr/sbin/sshd -i -f {folder}/their_config"]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("by", ["ssh", "agent"])
@pytest.mark.parametrize("at", ["our sshd", "their sshd"])
def test_our_ssh_logs_in_with_a_token(lab, token, ours, pin, bindir, tmp_path, name, by, at):
    if at == "their sshd" and (os.geteuid() != 0 or not os.path.exists("/usr/sbin/sshd")):
        pytest.skip("Debian's sshd needs root")
    line = next(x for x in run(bindir / "ssh-keygen", "-D", LIBRARY, env=token.env).splitlines() if x.endswith(name)) + "\n"
    (tmp_path / "k.pub").write_text(line)
    lab.server.authorized.write_text(line)
    server = their_server(tmp_path, line) if at == "their sshd" else []
    strict = {"strict": "no"} if server else {}
    if by == "agent":
        ours.add("-s", LIBRARY)
        way = ["-o", f"IdentityAgent={ours.path}", "-o", "IdentitiesOnly=yes", "-i", str(tmp_path / "k.pub")]
    else:
        way = ["-I", LIBRARY]
    (tmp_path / "prompts").unlink(missing_ok=True)
    r = lab.ssh("echo yes", key=False, options=[*way, *server, "-v"], env=pin, **strict)
    assert r.stdout == "yes\n", r.stderr
    assert by == "agent" or ((tmp_path / "prompts").read_text() == "Enter PIN for 'a token': \n" and " explicit token" in r.stderr)


def test_without_the_pin_another_key_logs_in(lab, token, pin, bindir, tmp_path):
    line = next(x for x in run(bindir / "ssh-keygen", "-D", LIBRARY, env=token.env).splitlines() if x.endswith("p256"))
    lab.server.authorized.write_text(line + "\n" + pathlib.Path(f"{lab.server.key}.pub").read_text())
    r = lab.ssh("echo yes", options=["-I", LIBRARY, "-o", "BatchMode=yes"], env=pin)
    assert r.stdout == "yes\n" and "wants its PIN and nobody may be asked" in r.stderr
    assert not (tmp_path / "prompts").exists()
    script(tmp_path / "pin", "echo 9999\n")
    r = lab.ssh("echo yes", options=["-I", LIBRARY], env=pin)
    assert r.stdout == "yes\n" and "wrong PIN for token a token" in r.stderr


def test_a_certificate_for_a_token_key(lab, token, pin, bindir, tmp_path):
    """CertificateFile with the private half in the token."""
    line = next(x for x in run(bindir / "ssh-keygen", "-D", LIBRARY, env=token.env).splitlines() if x.endswith("p384"))
    (tmp_path / "k.pub").write_text(line + "\n")
    subprocess.run([THEIR_KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ca"], check=True)
    subprocess.run([THEIR_KEYGEN, "-q", "-s", tmp_path / "ca", "-I", "me", "-n", ME, tmp_path / "k.pub"], check=True)
    lab.server.authorized.write_text("cert-authority " + (tmp_path / "ca.pub").read_text())
    r = lab.ssh("echo yes", key=False, options=["-I", LIBRARY, "-o", f"CertificateFile={tmp_path}/k-cert.pub"], env=pin)
    assert r.stdout == "yes\n", r.stderr
