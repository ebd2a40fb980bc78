"""libssh2: peer_libssh2.c, which is a client."""
from lab import Program


class LibSSH2(Program):
    name = 'libssh2'
    build = ('cc', '-O1', '-Wall', '-Wextra', '-o', '{out}', 'peer_libssh2.c', '-lssh2')
    needs = {'cc': 'gcc', '/usr/include/libssh2.h': 'libssh2-1-dev'}
    client_can = frozenset('password kbdint stderr pty env sessions zlib window'.split())
    serve = None
