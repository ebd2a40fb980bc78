"""paramiko: client and server, in the process of the test."""
import os, socket, subprocess, threading

import paramiko
from paramiko.transport import Transport

from lab import ANSWERS, KEYS, ROUNDS, Done, Peer, Service, host_key, shell_on_pty, user_key

MODULI = '/etc/ssh/moduli'
CLASSES = {'ed25519': paramiko.Ed25519Key, 'rsa': paramiko.RSAKey, **{f'ecdsa{b}': paramiko.ECDSAKey for b in (256, 384, 521)}}


def read_key(path, kind):
    return CLASSES[kind].from_private_key_file(str(path))


def all_on(transport):
    """Everything that it has, its own order."""
    o = transport.get_security_options()
    o.kex, o.ciphers, o.digests = tuple(transport._kex_info), tuple(transport._cipher_info), tuple(transport._mac_info)


class Running(Service):
    """A server in a thread."""

    def stop(self):
        self.process.close()


class Paramiko(Peer):
    name = 'paramiko'
    names = {'kex': [k for k in Transport._kex_info if not k.startswith('gss')], 'sig': list(Transport._key_info), 'cipher': list(Transport._cipher_info),
             'mac': list(Transport._mac_info)}
    client_can = frozenset('password kbdint stderr pty env sessions rekey zlib window certificate'.split())
    server_can = frozenset('password kbdint prompts pty env zlib rekey busy'.split())
    size = 16 << 20
    limits = {} if os.path.exists(MODULI) else {
        ('server', f'diffie-hellman-group-exchange-{h}'): f'its server needs {MODULI}' for h in ('sha256', 'sha1')}

    def client(self, job):
        t = Transport(('127.0.0.1', job.server.port))
        try:
            return self.through(t, job)
        except (paramiko.SSHException, EOFError) as e:
            return Done(255, b'', str(e).encode())
        finally:
            t.close()

    def through(self, t, job):
        all_on(t)
        if job.sig:
            t.get_security_options().key_types = (job.sig,)
        if job.zlib:
            t.use_compression()
        if job.rekey:
            t.packetizer.REKEY_BYTES = job.rekey
        t.start_client()
        server_key = t.get_remote_server_key()
        assert f'{server_key.get_name()} {server_key.get_base64()}' in job.server.hosts.read_text()
        if job.password is None:
            key = read_key(user_key(job.key), job.key)
            if job.certificate:
                key.load_certificate(str(job.certificate))
            t.auth_publickey(job.server.login, key)
        elif job.method == 'password':
            t.auth_password(job.server.login, job.password, fallback=False)
        else:
            t.auth_interactive(job.server.login, lambda title, text, prompts: [job.password for _ in prompts])
        window, packet = job.window or (None, None)
        channels = [t.open_session(window_size=window, max_packet_size=packet) for _ in range(job.sessions)]
        for c in channels:
            if job.pty:
                c.get_pty('vt100', 80, 24)
            for k, v in job.env.items():
                c.set_environment_variable(k, v)
            c.exec_command(job.command) if job.command is not None else c.invoke_shell()
        results = [self.talk(c, b'number %d\n' % i if job.sessions > 1 else job.input) for i, c in enumerate(channels)]
        return Done(max(r.status for r in results), b''.join(r.out for r in results), b''.join(r.err for r in results))

    def talk(self, c, data):
        def feed():
            try:
                c.sendall(data)
                c.shutdown_write()
            except OSError:
                pass                                     # it ended first
        err = []
        feeder, drain = threading.Thread(target=feed), threading.Thread(target=lambda: err.append(c.makefile_stderr('rb').read()))
        for thread in feeder, drain:
            thread.start()
        out = bytearray()
        while True:
            got = c.recv(1 << 16)
            if not got:
                break
            out += got
        status = c.recv_exit_status()
        feeder.join()
        drain.join()
        return Done(status, bytes(out), err[0])

    def serve(self, account, busy=False):
        Transport.load_server_moduli(MODULI)
        listener = socket.create_server(('127.0.0.1', 0))

        def accept():
            while True:
                try:
                    s, _ = listener.accept()
                except OSError:
                    return
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                t = Transport(s, default_window_size=1 << 15, default_max_packet_size=1 << 12) if busy else Transport(s)
                if busy:
                    t.packetizer.REKEY_BYTES = 1 << 20
                all_on(t)
                t.use_compression()
                for k in KEYS:
                    t.add_server_key(read_key(host_key(k), k))
                try:
                    t.start_server(server=Host())
                except Exception:                        # whatever a strange message makes of it: this connection only
                    t.close()
        threading.Thread(target=accept, daemon=True).start()
        return Running(listener, listener.getsockname()[1], 'tester', 'open sesame')


class Host(paramiko.ServerInterface):
    """Commands and shells are those of sh."""

    def __init__(self):
        self.env, self.pty = {}, None

    def get_allowed_auths(self, username):
        return 'publickey,password,keyboard-interactive'

    def check_auth_publickey(self, username, key):
        known = any(key.get_base64() in user_key(k).with_suffix('.pub').read_text() for k in KEYS)
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL if password == 'open sesame' else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username, submethods):
        self.rounds = list(zip(ROUNDS, ANSWERS)) if username == 'riddle' else [([('Password: ', False)], ['open sesame'])]
        return paramiko.InteractiveQuery('Riddle', 'of the peer', *self.rounds[0][0])

    def check_auth_interactive_response(self, responses):
        _, wanted = self.rounds.pop(0)
        if responses != wanted:
            return paramiko.AUTH_FAILED
        return paramiko.InteractiveQuery('', '', *self.rounds[0][0]) if self.rounds else paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_env_request(self, channel, name, value):
        self.env[name.decode()] = value.decode()
        return True

    def check_channel_pty_request(self, channel, term, width, height, pixelwidth, pixelheight, modes):
        self.pty = (term.decode(), width, height)
        return True

    def check_channel_shell_request(self, channel):
        threading.Thread(target=self.shell, args=(channel,), daemon=True).start()
        return self.pty is not None

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=self.execute, args=(channel, command.decode()), daemon=True).start()
        return True

    def shell(self, c):
        p, terminal = shell_on_pty(*self.pty, self.env)

        def feed():
            try:
                while data := c.recv(1 << 16):
                    os.write(terminal, data)
            except OSError:
                pass                                     # the shell ended
        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        try:
            while data := os.read(terminal, 1 << 16):
                c.sendall(data)
        except OSError:
            pass                                         # so a terminal ends
        c.send_exit_status(p.wait())
        c.close()
        feeder.join(10)
        os.close(terminal)

    def execute(self, c, command):
        p = subprocess.Popen(['/bin/sh', '-c', command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **self.env})

        def feed():
            try:
                while data := c.recv(1 << 16):
                    p.stdin.write(data)
            except OSError:
                pass
            try:
                p.stdin.close()
            except OSError:
                pass

        def drain(f, send):
            while data := f.read1(1 << 16):
                send(data)
        threads = [threading.Thread(target=drain, args=a, daemon=True) for a in ((p.stdout, c.sendall), (p.stderr, c.sendall_stderr))]
        threading.Thread(target=feed, daemon=True).start()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        c.send_exit_status(p.wait())
        c.close()
