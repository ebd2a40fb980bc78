"""What the tests of ssh-agent and ssh-add share: a running agent, keys, messages by hand."""
import os
import socket
import struct
import subprocess
import time

THEIRS = {"ssh-agent": "/usr/bin/ssh-agent", "ssh-add": "/usr/bin/ssh-add"}
KEYGEN = "/usr/bin/ssh-keygen"


class Agent:
    def __init__(self, program, adder, tmp, *args, env=None):
        self.path, self.adder = str(tmp / "sock"), adder
        self.env = {**{k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}, **(env or {})}
        self.process = subprocess.Popen([program, "-D", "-a", self.path, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.env)
        self.said = self.process.stdout.readline()

    def add(self, *args, rc=0, stdin="", adder=None):
        done = subprocess.run([adder or self.adder, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=60, start_new_session=True,
                              env={**self.env, "SSH_AUTH_SOCK": self.path})
        assert rc is None or done.returncode == rc, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def ask(self, message, sock=None):
        own = sock or self.connect()
        own.sendall(struct.pack(">I", len(message)) + message)
        n = struct.unpack(">I", exactly(own, 4))[0]
        answer = exactly(own, n)
        if sock is None:
            own.close()
        return answer

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(self.path)
        return s

    def end(self):
        self.process.terminate()
        status = self.process.wait(10)
        self.process.stdout.close()
        return status


def exactly(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        assert part, "the agent closed"
        data += part
    return data


def string(b):
    return struct.pack(">I", len(b)) + b


def key(tmp, kind="ed25519", bits=256, name=None, passphrase=""):
    path = tmp / (name or f"{kind}{bits}")
    subprocess.run([KEYGEN, "-q", "-t", kind, "-b", str(bits), "-N", passphrase, "-C", f"a {kind}", "-f", str(path)], check=True)
    return path


def certify(tmp, path, *args):
    ca = tmp / "ca"
    if not ca.exists():
        key(tmp, name="ca")
    subprocess.run([KEYGEN, "-q", "-s", str(ca), "-I", "an id", "-n", "ann", *args, str(path) + ".pub"], check=True)


def until(done, seconds=20):
    """Waits for a condition and fails where it does not come."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen"


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o700)
    return path
