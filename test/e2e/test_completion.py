"""Completion in real shells: bash and zsh at a terminal, fish by its own query."""
import os
import pty
import select
import shutil
import subprocess
import time

import pytest

KNOWN = """# comment
known.example.org,192.0.2.7 ssh-ed25519 AAAA
[ported.example.org]:2222 ssh-ed25519 AAAA
|1|c2FsdA==|aGFzaA== ssh-ed25519 AAAA
@cert-authority *.ca.example.org ssh-ed25519 AAAA
evil$(touch${IFS}x) ssh-ed25519 AAAA
"""
CONFIG = """Include more.conf
Host alpha beta-* "gamma"
	HostName 192.0.2.1
Host = equals
	UserKnownHostsFile ~/other_known
"""
HOSTS = ["192.0.2.7", "alpha", "deep", "equals", "gamma", "known.example.org", "other.example.org", "ported.example.org"]


def needs(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed")


@pytest.fixture
def home(tmp_path):
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / "known_hosts").write_text(KNOWN)
    (ssh / "config").write_text(CONFIG)
    (ssh / "more.conf").write_text("Host deep\n")
    (tmp_path / "other_known").write_text("other.example.org ssh-rsa AAAA\n")
    (tmp_path / "special.conf").write_text("Host only-here\n")
    (tmp_path / "id_file.pub").write_text("")
    return tmp_path


@pytest.fixture
def env(home, bindir):
    return {"HOME": str(home), "PATH": f"{bindir}:/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb", "LANG": "C.UTF-8", "HISTFILE": ""}


@pytest.fixture
def scripts(bindir):
    return bindir.parent.parent / "contrib" / "completions"


class Terminal:
    """A shell at a pty. line() types, presses TAB, and has the shell write its edit buffer into a file."""

    def __init__(self, argv, env, home, setup):
        self.out, self.seen = home / "line", b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home)
            os.execvpe(argv[0], argv, env)
        self.send(setup.replace("@OUT@", str(self.out)) + "\n echo re''ady\n")
        self.until(lambda: b"ready" in self.seen)

    def send(self, text):
        os.write(self.fd, text.encode())

    def until(self, done):
        end = time.monotonic() + 30
        while not done():
            assert time.monotonic() < end, self.seen.decode(errors="replace")
            if select.select([self.fd], [], [], 0.05)[0]:
                self.seen += os.read(self.fd, 65536)

    def line(self, text):
        self.out.unlink(missing_ok=True)
        self.send(f"\x15{text}\t\x18d")
        self.until(lambda: self.out.exists() and self.out.read_text().endswith("]\n"))
        return self.out.read_text()[1:-2]

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.fixture
def bash(env, home, scripts):
    t = Terminal(["bash", "--norc", "--noprofile", "-i"], env, home, f"PS1=; bind 'set completion-query-items -1'; bind 'set page-completions off'; "
                 f"bind 'set enable-bracketed-paste off'; for f in {scripts}/ssh*; do case $f in *.fish) ;; *) . $f ;; esac; done; "
                 "bind -x '\"\\C-xd\": printf \"[%s]\\n\" \"$READLINE_LINE\" > @OUT@'")
    yield t
    t.close()


@pytest.fixture
def zsh(env, home, scripts):
    t = Terminal(["zsh", "-f", "-i"], env, home, f"PS1=; unsetopt prompt_sp; fpath=({scripts} $fpath); autoload -Uz compinit; compinit -u -D; LISTMAX=10000; "
                 "dump() { print -r -- \"[$BUFFER]\" > @OUT@ }; zle -N dump; bindkey -e; bindkey '^Xd' dump; bindkey '^U' kill-whole-line")
    yield t
    t.close()


# What is typed, what the line is after TAB. A blank at its end: the word is complete.
LINES = [
    ("ssh -o stricthostk", "ssh -o StrictHostKeyChecking="),
    ("ssh -oStrictHostK", "ssh -oStrictHostKeyChecking="),
    ("ssh -o StrictHostKeyChecking=acc", "ssh -o StrictHostKeyChecking=accept-new "),
    ("ssh -oStrictHostKeyChecking=acc", "ssh -oStrictHostKeyChecking=accept-new "),
    ("ssh -o Ciphers=aes128-ctr,chacha", "ssh -o Ciphers=aes128-ctr,chacha20-poly1305@openssh.com "),
    ("ssh -c chacha", "ssh -c chacha20-poly1305@openssh.com "),
    ("ssh -vc +chacha", "ssh -vc +chacha20-poly1305@openssh.com "),
    ("ssh -m umac-128-e", "ssh -m umac-128-etm@openssh.com "),
    ("ssh -Q cipher-a", "ssh -Q cipher-auth "),
    ("ssh kno", "ssh known.example.org "),
    ("ssh -v -p 22 somebody@kno", "ssh -v -p 22 somebody@known.example.org "),
    ("ssh ssh://somebody@port", "ssh ssh://somebody@ported.example.org "),
    ("ssh -F special.conf only", "ssh -F special.conf only-here "),
    ("ssh -i id_f", "ssh -i id_file.pub "),
    ("ssh -p 22 -l roo", "ssh -p 22 -l root "),
    ("ssh-keygen -t mld", "ssh-keygen -t mldsa44-ed25519 "),
    ("ssh-keygen -t ecdsa-s", "ssh-keygen -t ecdsa-sk "),
    ("ssh-keygen -Y check", "ssh-keygen -Y check-novalidate "),
    ("ssh-keygen -lf id_f", "ssh-keygen -lf id_file.pub "),
    ("ssh-keygen -R port", "ssh-keygen -R ported.example.org "),
    ("ssh-copy-id -i id_f", "ssh-copy-id -i id_file.pub "),
    ("ssh-copy-id -f me@port", "ssh-copy-id -f me@ported.example.org "),
    ("ssh-keyscan -O hashalg=sha2", "ssh-keyscan -O hashalg=sha256 "),
    ("ssh-keyscan -t rsa,mld", "ssh-keyscan -t rsa,mldsa44-ed25519 "),
    ("ssh-keyscan eq", "ssh-keyscan equals "),
    ("ssh-add -E md", "ssh-add -E md5 "),
    ("ssh-add id_f", "ssh-add id_file.pub "),
    ("sshd -o PermitRootLogin=proh", "sshd -o PermitRootLogin=prohibit-password "),
]


@needs("bash")
def test_bash_at_a_terminal(bash):
    bash.send("shopt -u hostcomplete; COMP_WORDBREAKS=${COMP_WORDBREAKS//@}\n")
    assert [bash.line(typed) for typed, _ in LINES] == [wanted for _, wanted in LINES]


@needs("bash")
def test_bash_with_its_own_hosts_on(bash):
    assert bash.line("ssh somebody@kno") == "ssh somebody@known.example.org "
    assert bash.line("ssh -c aes256-g") == "ssh -c aes256-gcm@openssh.com "
    assert bash.line("ssh -o Ciphers=aes128-ctr,aes256-g") == "ssh -o Ciphers=aes128-ctr,aes256-gcm@openssh.com "


def bash_list(scripts, env, home, line, program="ssh"):
    done = subprocess.run(["bash", "-c", '. "$1"; COMP_LINE=$2 COMP_POINT=${#2}; "_hawser_${3//-/_}"; printf "%s\\n" "${COMPREPLY[@]}"',
                           "bash", scripts / program, line, program], env=env, cwd=home, capture_output=True, text=True, timeout=60)
    assert not done.stderr
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def letters(bindir, program, state="built"):
    rows = [line.split("\t") for line in subprocess.run([bindir / "hawser-tables"], capture_output=True, text=True, check=True).stdout.splitlines()]
    if program == "ssh-copy-id":
        return ["-F", "-f", "-h", "-i", "-n", "-o", "-p", "-s", "-t", "-x"]
    return sorted(r[1] for r in rows if r[0] == program and r[2] == state and r[1] not in ("-1", "-2"))


@needs("bash")
@pytest.mark.parametrize("program", ["ssh", "sshd", "ssh-keygen", "ssh-add", "ssh-agent", "ssh-keyscan", "ssh-copy-id"])
def test_bash_offers_the_options_that_are_built(scripts, env, home, bindir, program):
    assert sorted(bash_list(scripts, env, home, f"{program} -", program)) == letters(bindir, program)


@needs("bash")
def test_hosts_come_from_config_and_known_hosts(scripts, env, home):
    assert bash_list(scripts, env, home, "ssh ") == HOSTS
    assert not (home / "x").exists()
    (home / ".ssh" / "config").write_text("Include config\nHost loop\n")
    assert "loop" in bash_list(scripts, env, home, "ssh ")


@needs("bash")
def test_keywords_with_their_values(scripts, env, home):
    assert bash_list(scripts, env, home, "ssh -o BatchMode=") == ["yes", "no"]
    assert "Hostname=" in bash_list(scripts, env, home, "ssh -o ")
    assert bash_list(scripts, env, home, "ssh -o Port=") == []
    assert bash_list(scripts, env, home, "ssh -o 'batchmode=y") == ["yes"]


@needs("zsh")
def test_zsh_at_a_terminal(zsh):
    assert [zsh.line(typed) for typed, _ in LINES] == [wanted for _, wanted in LINES]


def fish_list(scripts, env, home, line):
    program = line.split()[0]
    done = subprocess.run(["fish", "--no-config", "-c", f"source {scripts}/{program}.fish; complete -C '{line}'"], env=env, cwd=home,
                          capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr
    return [row.split("\t")[0] for row in done.stdout.splitlines()]


@needs("fish")
@pytest.mark.parametrize("typed,wanted", LINES)
def test_fish(scripts, env, home, typed, wanted):
    word = wanted.rstrip().split(" ")[-1]
    assert fish_list(scripts, env, home, typed) == [word]


@needs("fish")
def test_fish_hosts_and_options(scripts, env, home, bindir):
    assert fish_list(scripts, env, home, "ssh ") == HOSTS
    assert sorted(w for w in fish_list(scripts, env, home, "ssh-add -") if len(w) == 2) == letters(bindir, "ssh-add")
