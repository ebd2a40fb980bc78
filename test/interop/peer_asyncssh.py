"""AsyncSSH: client in the process of the test, server in a thread of it."""
import asyncio, os, threading, warnings

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import asyncssh
    from asyncssh.encryption import get_encryption_algs
    from asyncssh.kex import get_kex_algs
    from asyncssh.mac import get_mac_algs
    from asyncssh.public_key import get_public_key_algs

from lab import ANSWERS, KEYS, ROUNDS, Done, Peer, Service, cellar, host_key, shell_on_pty, user_key

SMALL = {'window': 1 << 15, 'max_pktsize': 1 << 12}


def plain(names):
    return [n.decode() for n in names]


class Running(Service):
    def stop(self):
        self.process.call_soon_threadsafe(self.process.stop)


class Client(asyncssh.SSHClient):
    def __init__(self, job):
        self.job, self.tries = job, 0

    def kbdint_auth_requested(self):
        self.tries += 1
        return '' if self.tries == 1 else None

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        return [self.job.password for _ in prompts]


class Host(asyncssh.SSHServer):
    def begin_auth(self, username):
        self.rounds = list(zip(ROUNDS, ANSWERS)) if username == 'riddle' else [([('Password: ', False)], ['open sesame'])]
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return password == 'open sesame'

    def kbdint_auth_supported(self):
        return True

    def get_kbdint_challenge(self, username, lang, submethods):
        return 'Riddle', 'of the peer', '', self.rounds[0][0]

    def validate_kbdint_response(self, username, responses):
        _, wanted = self.rounds.pop(0)
        if list(responses) != wanted:
            return False
        return ('', '', '', self.rounds[0][0]) if self.rounds else True


async def shell(process):
    p, terminal = shell_on_pty(process.term_type, *process.term_size[:2], process.env)
    loop, output = asyncio.get_running_loop(), asyncio.Queue()

    def ready():
        try:
            output.put_nowait(os.read(terminal, 1 << 16))
        except OSError:
            loop.remove_reader(terminal)
            output.put_nowait(b'')

    async def feed():
        while data := await process.stdin.read(1 << 16):
            os.write(terminal, data)
    loop.add_reader(terminal, ready)
    feeder = asyncio.create_task(feed())
    while data := await output.get():
        process.stdout.write(data)
    process.exit(p.wait())
    feeder.cancel()
    os.close(terminal)


async def execute(process):
    """Commands and shells are those of sh."""
    if process.command is None:
        await shell(process)
        return
    p = await asyncio.create_subprocess_exec('/bin/sh', '-c', process.command, stdin=-1, stdout=-1, stderr=-1, env={**os.environ, **process.env})

    async def feed():
        try:
            while data := await process.stdin.read(1 << 16):
                p.stdin.write(data)
                await p.stdin.drain()
        except (OSError, asyncssh.Error):
            pass
        p.stdin.close()

    async def drain(source, sink):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
    feeder = asyncio.create_task(feed())
    await asyncio.gather(drain(p.stdout, process.stdout), drain(p.stderr, process.stderr))
    process.exit(await p.wait())
    feeder.cancel()


class AsyncSSH(Peer):
    name = 'asyncssh'
    names = {'kex': [n for n in plain(get_kex_algs()) if not n.startswith('gss')], 'sig': plain(get_public_key_algs()),
             'cipher': plain(get_encryption_algs()), 'mac': plain(get_mac_algs())}
    client_can = frozenset('password kbdint stderr pty env sessions rekey zlib window certificate host-certificate'.split())
    server_can = frozenset('password kbdint prompts pty env zlib rekey busy'.split())
    size = 16 << 20
    limits = {('client', 'certificate-rsa'): 'signs with SHA-2 under the name of SHA-1: OpenSSH refuses that too'}

    def algorithms(self, role):
        return dict(kex_algs=self.shared(role, 'kex'), encryption_algs=self.shared(role, 'cipher'), mac_algs=self.shared(role, 'mac'),
                    signature_algs=self.shared(role, 'sig'))

    def client(self, job):
        return asyncio.run(asyncio.wait_for(self.run_client(job), 60))

    async def run_client(self, job):
        options = self.algorithms('client')
        options['compression_algs'] = ['zlib@openssh.com' if job.zlib else 'none']
        if job.rekey:
            options['rekey_bytes'] = job.rekey
        if job.password is None:
            options.update(client_keys=[(str(user_key(job.key)), str(job.certificate)) if job.certificate else str(user_key(job.key))], preferred_auth='publickey')
        else:
            options.update(client_keys=None, password=job.password if job.method == 'password' else None, preferred_auth=job.method)
        more = {'window': job.window[0], 'max_pktsize': job.window[1]} if job.window else {}
        try:
            async with asyncssh.connect('127.0.0.1', job.server.port, username=job.server.login, known_hosts=str(job.server.hosts), config=None,
                                        agent_path=None, server_host_key_algs=[job.sig] if job.sig else self.shared('client', 'sig'),
                                        client_factory=lambda: Client(job), **options) as c:
                def one(data):
                    return c.run(job.command, input=data, encoding=None, env=job.env, term_type='vt100' if job.pty else None, **more)
                done = await asyncio.gather(*(one(b'number %d\n' % i if job.sessions > 1 else job.input) for i in range(job.sessions)))
                return Done(max(d.exit_status for d in done), b''.join(d.stdout for d in done), b''.join(d.stderr for d in done))
        except (asyncssh.Error, OSError) as e:
            return Done(255, b'', repr(e).encode())

    def serve(self, account, busy=False):
        loop, ready, port = asyncio.new_event_loop(), threading.Event(), []
        more = {**SMALL, 'rekey_bytes': 1 << 20} if busy else {}

        async def start():
            server = await asyncssh.listen('127.0.0.1', 0, server_factory=Host, server_host_keys=[str(host_key(k)) for k in KEYS],
                                           authorized_client_keys=str(cellar() / 'authorized_keys'), process_factory=execute, encoding=None,
                                           line_editor=False, compression_algs=['zlib@openssh.com', 'none'], **self.algorithms('server'), **more)
            port.append(server.sockets[0].getsockname()[1])
            ready.set()

        def main():
            asyncio.set_event_loop(loop)
            loop.create_task(start())
            loop.run_forever()
        threading.Thread(target=main, daemon=True).start()
        assert ready.wait(20)
        return Running(loop, port[0], 'tester', 'open sesame')
