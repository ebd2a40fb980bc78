"""libssh: peer_libssh.c."""
from lab import Program


class LibSSH(Program):
    name = 'libssh'
    build = ('cc', '-O1', '-Wall', '-Wextra', '-Wno-deprecated-declarations', '-o', '{out}', 'peer_libssh.c', '-lssh')
    needs = {'cc': 'gcc', '/usr/include/libssh/libssh.h': 'libssh-dev'}
    client_can = frozenset('password kbdint stderr pty env sessions rekey zlib certificate'.split())
    server_can = frozenset('password kbdint prompts pty env zlib rekey busy'.split())
    host_kinds = ('ed25519', 'ecdsa256', 'rsa')          # one ecdsa key at a time
    limits = {('server', f'ecdsa-sha2-nistp{n}'): 'has one ecdsa host key at a time; P-256 is taken' for n in (384, 521)}
