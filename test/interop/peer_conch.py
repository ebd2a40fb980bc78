"""Twisted Conch: client in a thread of the test's process, server as a process of its own (this file as a program)."""
import os, sys, threading

from twisted.conch.avatar import ConchUser
from twisted.conch.checkers import InMemorySSHKeyDB, SSHPublicKeyChecker
from twisted.conch.interfaces import IConchUser, ISession, ISessionSetEnv
from twisted.conch.openssh_compat import primes
from twisted.conch.ssh import channel, common, connection, factory, keys, session, transport, userauth
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import defer, protocol, reactor, threads
from twisted.python import components
from zope.interface import implementer

from lab import KEYS, Done, Peer, cellar, host_key, program_service, user_key

BASE, MODULI = transport.SSHTransportBase, '/etc/ssh/moduli'
CHUNK = 1 << 16


def plain(names):
    return [n.decode() for n in names]


class Job:
    """One connection of the client: what it is to do, and how it ended."""

    def __init__(self, job):
        self.job, self.sessions, self.left, self.ended = job, [], job.sessions, defer.Deferred()

    def end(self, done):
        if not self.ended.called:
            self.ended.callback(done)

    def closed(self):
        self.left -= 1
        if self.left == 0:
            self.end(Done(max(s.status for s in self.sessions), b''.join(s.out for s in self.sessions), b''.join(s.err for s in self.sessions)))


class Transport(transport.SSHClientTransport):
    job, secured = None, False

    def connectionMade(self):
        job = self.job.job
        for what, one in (('KeyExchanges', job.kex), ('PublicKeys', job.sig), ('Ciphers', job.cipher), ('MACs', job.mac)):
            if one:
                setattr(self, f'supported{what}', [one.encode()])
        super().connectionMade()

    def verifyHostKey(self, blob, fingerprint):
        key = keys.Key.fromString(blob).toString('openssh').split()[1].decode()
        return defer.succeed(1) if key in self.job.job.server.hosts.read_text() else defer.fail(AssertionError('another host key'))

    def connectionSecure(self):
        if not self.secured:                             # it comes after each exchange of keys
            self.secured = True
            self.requestService(Login(self.job.job, Connection(self.job)))

    def receiveError(self, reason, description):
        self.job.end(Done(255, b'', b'%d: %b' % (reason, description)))

    def connectionLost(self, reason):
        super().connectionLost(reason)
        self.job.end(Done(255, b'', b'connection lost'))


class Login(userauth.SSHUserAuthClient):
    def __init__(self, job, conn):
        super().__init__(job.server.login.encode(), conn)
        self.job, self.tried = job, False
        self.preferredOrder = [b'publickey' if job.password is None else job.method.encode()]

    def tryAuth(self, kind):
        return super().tryAuth(kind) if kind in self.preferredOrder else None

    def once(self, value):
        if self.tried:
            return None
        self.tried = True
        return value

    def getPublicKey(self):
        return self.once(keys.Key.fromFile(str(user_key(self.job.key))).public())

    def getPrivateKey(self):
        return defer.succeed(keys.Key.fromFile(str(user_key(self.job.key))))

    def getPassword(self, prompt=None):
        return self.once(defer.succeed(self.job.password.encode()))

    def getGenericAnswers(self, name, instruction, prompts):
        return defer.succeed([self.job.password for _ in prompts])


class Connection(connection.SSHConnection):
    def __init__(self, job):
        super().__init__()
        self.job = job

    def serviceStarted(self):
        job = self.job.job
        window, packet = job.window or (0, 0)
        for i in range(job.sessions):
            s = Session(window, packet, conn=self)
            s.job, s.left = self.job, memoryview(b'number %d\n' % i if job.sessions > 1 else job.input)
            self.job.sessions.append(s)
            self.openChannel(s)


class Session(channel.SSHChannel):
    name = b'session'
    status, rekeyed = 255, 0

    @defer.inlineCallbacks
    def channelOpen(self, data):
        job, ask = self.job.job, self.conn.sendRequest
        self.out, self.err, self.started = bytearray(), bytearray(), False
        for k, v in job.env.items():
            ask(self, b'env', common.NS(k.encode()) + common.NS(v.encode()))
        if job.pty:
            yield ask(self, b'pty-req', session.packRequest_pty_req(b'vt100', (24, 80, 0, 0), b''), wantReply=1)
        yield ask(self, b'shell' if job.command is None else b'exec', b'' if job.command is None else common.NS(job.command.encode()), wantReply=1)
        self.started = True
        self.feed()

    def openFailed(self, reason):
        self.job.end(Done(255, b'', str(reason).encode()))

    def feed(self):
        while self.left and self.remoteWindowLeft > 0:
            n = min(len(self.left), self.remoteWindowLeft, CHUNK)
            chunk, self.left = bytes(self.left[:n]), self.left[n:]
            self.write(chunk)
            self.moved(n)
        if not self.left and self.started:
            self.started = False
            self.conn.sendEOF(self)

    def moved(self, n):
        """New keys after each so many bytes."""
        t, self.rekeyed = self.conn.transport, self.rekeyed + n
        if self.job.job.rekey and self.rekeyed >= self.job.job.rekey and t._keyExchangeState == t._KEY_EXCHANGE_NONE:
            self.rekeyed = 0
            t.sendKexInit()

    def addWindowBytes(self, n):
        super().addWindowBytes(n)
        if self.started:
            self.feed()

    def dataReceived(self, data):
        self.out += data
        self.moved(len(data))

    def extReceived(self, kind, data):
        self.err += data

    def request_exit_status(self, data):
        self.status = int.from_bytes(data, 'big')

    def closed(self):
        self.job.closed()


class Conch(Peer):
    name = 'conch'
    names = {'kex': plain(BASE.supportedKeyExchanges), 'sig': plain(BASE.supportedPublicKeys), 'cipher': plain(BASE.supportedCiphers),
             'mac': plain(BASE.supportedMACs)}
    client_can = frozenset('password kbdint stderr pty env sessions rekey window'.split())
    server_can = frozenset('password pty env zlib busy'.split())
    size = 16 << 20
    limits = {} if os.path.exists(MODULI) else {
        ('server', f'diffie-hellman-group-exchange-{h}'): f'its server needs {MODULI}' for h in ('sha256', 'sha1')}

    def client(self, job):
        if not reactor.running:
            threading.Thread(target=lambda: reactor.run(installSignalHandlers=False), daemon=True).start()
        running = Job(job)

        def go():
            f = protocol.ClientFactory()
            f.buildProtocol = lambda address: made
            f.clientConnectionFailed = lambda connector, reason: running.end(Done(255, b'', str(reason).encode()))
            made = Transport()
            made.factory, made.job = f, running
            reactor.connectTCP('127.0.0.1', job.server.port, f)
            running.ended.addTimeout(20, reactor, lambda *_: Done(255, b'', b'it hangs'))
            running.ended.addBoth(lambda result: (made.transport.abortConnection(), result)[1])
            return running.ended
        return threads.blockingCallFromThread(reactor, go)

    def serve(self, account, busy=False):
        words = [cellar() / 'authorized_keys', int(busy), *(host_key(k) for k in KEYS)]
        return program_service([sys.executable, __file__, *words], f'conch{busy:d}')


# The server.

@implementer(ISession, ISessionSetEnv)
class Shell:
    """Commands and shells are those of sh."""

    def __init__(self, avatar):
        self.env, self.pty, self.process = dict(os.environb), None, None

    def setEnv(self, name, value):
        self.env[name] = value

    def getPty(self, term, window, modes):
        self.pty, self.env[b'TERM'] = window, term

    def windowChanged(self, window):
        pass

    def start(self, proto, *argv):
        self.process = reactor.spawnProcess(proto, '/bin/sh', ['sh', *argv], self.env, usePTY=self.pty is not None)

    def execCommand(self, proto, command):
        self.start(proto, '-c', command)

    def openShell(self, proto):
        self.start(proto)

    def eofReceived(self):
        if self.process and not self.pty:
            self.process.closeStdin()

    def closed(self):
        pass


@implementer(IRealm)
class Realm:
    busy = False

    def requestAvatar(self, name, mind, *interfaces):
        user = ConchUser()
        user.channelLookup[b'session'] = SmallSession if self.busy else session.SSHSession
        return IConchUser, user, lambda: None


class SmallSession(session.SSHSession):
    localWindowSize = localWindowLeft = 1 << 15

    def __init__(self, *args, **more):
        super().__init__(1 << 15, 1 << 12, *args, **more)


def main(authorized, busy, *host_keys):
    components.registerAdapter(Shell, ConchUser, ISession)
    realm, passwords, f = Realm(), InMemoryUsernamePasswordDatabaseDontUse(tester=b'open sesame'), factory.SSHFactory()
    realm.busy = busy == '1'
    with open(authorized, 'rb') as lines:
        known = InMemorySSHKeyDB({b'tester': [keys.Key.fromString(line) for line in lines]})
    f.portal = Portal(realm, [passwords, SSHPublicKeyChecker(known)])
    private = [keys.Key.fromFile(path) for path in host_keys]
    f.privateKeys = {k.sshType(): k for k in private}
    f.publicKeys = {k.sshType(): k.public() for k in private}
    f.primes = primes.parseModuliFile(MODULI) if os.path.exists(MODULI) else None
    port = reactor.listenTCP(0, f, interface='127.0.0.1')
    print('listening', port.getHost().port, flush=True)
    reactor.run()


if __name__ == '__main__':
    main(*sys.argv[1:])
