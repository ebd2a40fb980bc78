"""CanonicalizeHostname and its family: ours and Debian's `ssh -G` give the same, with a name server of the test's own."""
import json, pathlib, shutil, subprocess, sys

import pytest

from identity_lab import Cell, needs_cell, temporary

pytestmark = needs_cell
ZONE = {'one.test': '192.0.2.1', 'host.one.test': '192.0.2.2', 'host.two.test': '192.0.2.3', 'only.two.test': '192.0.2.4', 'a.b.two.test': '192.0.2.5', 'bare': '192.0.2.6'}
ALIASES = {'alias.one.test': 'real.two.test', 'far.one.test': 'real.elsewhere.test'}


def wire_name(name):
    return b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\0'


@pytest.fixture(scope='module')
def cell():
    path = temporary()
    c = Cell(path, hosts='')
    c.resolv.write_text('nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
    records = {f'1 {n}': [bytes(map(int, a.split('.'))).hex()] for n, a in ZONE.items()}
    for name, to in ALIASES.items():
        # The alias and, behind it, the address of what it means.
        records[f'1 {name}'] = []
    spec = {'records': records, 'aliases': {n: [wire_name(t).hex(), '192.0.2.9'] for n, t in ALIASES.items()}}
    (path / 'zone').write_text(json.dumps(spec))
    server = subprocess.Popen([*c.enter, sys.executable, str(pathlib.Path(__file__).parent / 'dns_server.py'), str(path / 'zone')], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b'ready\n'
    yield c
    server.kill()
    server.wait()
    server.stdout.close()
    c.stop()
    shutil.rmtree(path)


BASE = 'CanonicalDomains one.test two.test\nCanonicalizeHostname yes\n'
CASES = {
    'first domain': ('host', BASE), 'second domain': ('only', BASE), 'nowhere': ('bare', BASE), 'unknown': ('nothing', BASE),
    'no fallback': ('nothing', BASE + 'CanonicalizeFallbackLocal no\n'), 'case': ('HOST', BASE), 'dots': ('a.b', BASE), 'many dots': ('a.b.c', BASE),
    'max dots': ('a.b', BASE + 'CanonicalizeMaxDots 0\n'), 'anchored': ('host.two.test.', BASE), 'anchored unknown': ('nothing.two.test.', BASE),
    'off': ('host', 'CanonicalDomains one.test\n'), 'address': ('192.0.2.1', BASE), 'address 6': ('2001:DB8:0::1', BASE),
    'proxy': ('host', BASE + 'ProxyCommand nc %h %p\n'), 'always': ('host', BASE.replace('yes', 'always') + 'ProxyCommand nc %h %p\n'),
    'alias kept': ('alias', BASE), 'alias': ('alias', BASE + 'CanonicalizePermittedCNAMEs *.one.test:*.two.test\n'),
    'alias not permitted': ('far', BASE + 'CanonicalizePermittedCNAMEs *.one.test:*.two.test\n'),
    'two rules': ('far', BASE + 'CanonicalizePermittedCNAMEs *.one.test:*.two.test *.one.test,x:*.elsewhere.test\n'),
    'alias without domains': ('alias.one.test', 'CanonicalizePermittedCNAMEs *:*\n'),
    'alias of a long name': ('alias.one.test', BASE + 'CanonicalizePermittedCNAMEs *:*\n'), 'long name': ('a.b.two.test', BASE + 'CanonicalizePermittedCNAMEs *:*\n'),
    'long unknown': ('no.such.name', BASE + 'CanonicalizePermittedCNAMEs *:*\n'), 'long by proxy': ('alias.one.test', BASE + 'CanonicalizePermittedCNAMEs *:*\nProxyCommand x\n'),
    'read again': ('host', BASE + 'Host host.one.test\n  User canonical\nHost host\n  User first\n  Port 1\n'),
    'match canonical': ('host', BASE + 'Match canonical host *.one.test\n  User me\nMatch !canonical\n  Port 7\n'),
    'match final': ('host', BASE + 'Match final\n  User last\n'), 'final alone': ('host', 'Match final\n  User last\nMatch canonical\n  Port 9\n'),
    'hostname': ('x', BASE + 'Host x\n  Hostname host\n'), 'hostname with token': ('h', BASE + 'Host h\n  Hostname %host\n'),
    'domains none': ('host', 'CanonicalDomains none\nCanonicalizeHostname yes\n'),
}


@pytest.mark.parametrize('name', CASES)
def test_as_debian(cell, bindir, folder, name):
    host, config = CASES[name]
    (folder / 'config').write_text(config)
    told = {}
    for which in ('/usr/bin/ssh', str(bindir / 'ssh')):
        r = subprocess.run([*cell.enter, which, '-G', '-F', str(folder / 'config'), host], capture_output=True, text=True, timeout=60)
        wanted = ('hostname ', 'user ', 'port ')
        told[which] = r.returncode, [l for l in r.stdout.splitlines() if l.startswith(wanted)], 'not resolve' in r.stderr.lower()
    debian, ours = told.values()
    assert ours == debian
