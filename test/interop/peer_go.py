"""Go's x/crypto/ssh: peer_go.go."""
from lab import Program


class Go(Program):
    name = 'go'
    build = ('go', 'build', '-ldflags=-w', '-o', '{out}', 'peer_go.go')
    needs = {'go': 'golang-go', '/usr/share/gocode/src/golang.org/x/crypto/ssh': 'golang-golang-x-crypto-dev'}
    client_can = frozenset('password kbdint stderr pty env sessions rekey certificate host-certificate'.split())
    server_can = frozenset('password kbdint prompts pty env rekey busy'.split())
