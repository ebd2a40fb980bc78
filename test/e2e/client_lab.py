"""Tools for tests of the client: runs of our ssh and of Debian's with the same arguments, terminals, askpass scripts."""
import fcntl, os, pathlib, pty, pwd, select, signal, struct, subprocess, termios, threading, time

import pytest

ME = pwd.getpwuid(os.geteuid()).pw_name
# Tests that hold for OpenSSH as well run with both, so that they cannot drift from it.
both = pytest.mark.parametrize('which', ['ours', 'debian'])


class Terminal:
    """A command on a pty of its own: what a person would see and type."""

    def __init__(self, command, env=None, size=(24, 80)):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(env or {})
            os.environ['TERM'] = 'vt100'
            os.execv(command[0], command)
        self.resize(*size)
        self.seen, self.all, self.status = b'', b'', None

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read(self):
        """False at the end."""
        try:
            got = os.read(self.fd, 65536)
        except OSError:
            got = b''
        self.seen, self.all = self.seen + got, self.all + got
        return bool(got)

    def expect(self, word, seconds=20):
        word, end = word.encode() if isinstance(word, str) else word, time.monotonic() + seconds
        while word not in self.seen:
            assert time.monotonic() < end, f'no {word!r} in {self.seen!r}'
            if select.select([self.fd], [], [], 0.1)[0]:
                assert self.read(), f'ended without {word!r}: {self.all!r}'
        before, _, self.seen = self.seen.partition(word)
        return before.decode(errors='replace')

    def sees(self, word, seconds=0.3):
        try:
            return self.expect(word, seconds) is not None
        except AssertionError:
            return False

    def type(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)

    def rest(self, seconds=20):
        """Everything up to the end of the program."""
        end = time.monotonic() + seconds
        while True:
            assert time.monotonic() < end, f'it does not end: {self.all!r}'
            if select.select([self.fd], [], [], 0.1)[0] and not self.read():
                return self.all.decode(errors='replace')

    def wait(self):
        self.rest()
        return self.end()

    def end(self):
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self.fd)
        return self.status

    def kill(self):
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.end()


class Lab:
    """A server, a folder, and ssh of both makes. The configuration file holds nothing but what the test writes."""

    def __init__(self, bindir, folder, server):
        self.bindir, self.dir, self.server = bindir, folder, server
        self.config = folder / 'ssh_config'
        self.known = folder / 'my_known_hosts'
        self.config.write_text('')
        self.terminals, self.children = [], []
        self.remember()

    def remember(self, text=None):
        """Writes known_hosts; without a text the server's right key."""
        self.known.write_text(self.server.known_hosts.read_text() if text is None else text)

    def host_key(self):
        return ' '.join(pathlib.Path(f'{self.server.host_key}.pub').read_text().split()[:2])

    def name(self):
        return f'[127.0.0.1]:{self.server.port}'

    def program(self, which='ours'):
        return '/usr/bin/ssh' if which == 'debian' else str(self.bindir / 'ssh')

    def args(self, *options, which='ours', host='127.0.0.1', strict='yes', key=True, port=True):
        """Options given here stand in front: the first value wins."""
        out = [self.program(which), '-F', str(self.config), *options]
        for o in (f'UserKnownHostsFile={self.known}', 'GlobalKnownHostsFile=/dev/null', f'StrictHostKeyChecking={strict}', 'IdentityAgent=none'):
            if not any(o.split('=')[0] in given for given in options):
                out += ['-o', o]
        if key:
            out += ['-o', 'IdentitiesOnly=yes', '-i', str(self.server.key)]
        elif not any('-i' == given or 'IdentityFile' in given for given in options):
            out += ['-o', 'IdentityFile=none']
        if port:
            out += ['-p', str(self.server.port)]
        return out + ([host] if host else [])

    def ssh(self, *command, options=(), which='ours', host='127.0.0.1', strict='yes', key=True, port=True, timeout=30, env=None, text=True, **more):
        more = {'stdin': subprocess.DEVNULL, **more} if 'input' not in more else more
        env = {**os.environ, 'SSH_AUTH_SOCK': '', **(env or {})}
        return subprocess.run([*self.args(*options, which=which, host=host, strict=strict, key=key, port=port), *command],
                              capture_output=True, text=text, timeout=timeout, env=env, start_new_session=True, **more)

    def start(self, *command, options=(), which='ours', host='127.0.0.1', key=True, env=None, **more):
        more = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'start_new_session': True, **more}
        p = subprocess.Popen([*self.args(*options, which=which, host=host, key=key), *command], env={**os.environ, 'SSH_AUTH_SOCK': '', **(env or {})}, **more)
        self.children.append(p)
        return p

    def terminal(self, *command, options=(), env=None, size=(24, 80), **more):
        t = Terminal([*self.args(*options, **more), *command], env={'SSH_AUTH_SOCK': '', **(env or {})}, size=size)
        self.terminals.append(t)
        return t

    def askpass(self, *answers, status=0):
        """Environment whose askpass gives these answers in turn (the last one for ever) and notes the prompts in prompts()."""
        folder = self.dir / f'askpass{len(list(self.dir.glob("askpass*")))}'
        folder.mkdir()
        for i, text in enumerate(answers):
            (folder / f'answer{i}').write_text(text + '\n')
        script = folder / 'run'
        script.write_text(f'#!/bin/sh\ncd {folder}\nprintf "%s\\n" "$1" >> prompts\nn=$(cat n 2>/dev/null || echo 0)\n'
                          f'echo $((n+1)) > n\n[ $n -lt {len(answers)} ] || n={len(answers) - 1}\ncat answer$n\nexit {status}\n')
        script.chmod(0o755)
        self.prompts_file = folder / 'prompts'
        return {'SSH_ASKPASS': str(script), 'SSH_ASKPASS_REQUIRE': 'force', 'DISPLAY': ''}

    def prompts(self):
        return self.prompts_file.read_text() if self.prompts_file.exists() else ''

    def clear(self):
        for t in self.terminals:
            t.kill()
        for p in self.children:
            if p.poll() is None:
                p.kill()
            p.communicate()


def add_fixtures(config='', user=False):
    """lab: one server for a module, a folder for each test. Names for the test module's globals."""
    from conftest import Server
    import shutil, tempfile

    @pytest.fixture(scope='module')
    def server(bindir):
        path = pathlib.Path(tempfile.mkdtemp(prefix='hawser-client-'))
        path.chmod(0o755)
        s = Server(bindir, path, config)
        yield s
        s.stop()
        shutil.rmtree(path, ignore_errors=True)

    @pytest.fixture
    def lab(bindir, folder, server):
        l = Lab(bindir, folder, server)
        # A read from a child that says nothing must not block the whole run.
        timer = threading.Timer(30, lambda: [p.kill() for p in l.children])
        timer.start()
        yield l
        timer.cancel()
        l.clear()
    return server, lab
