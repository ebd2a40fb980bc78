"""VerifyHostKeyDNS: SSHFP records of a name server of our own, in a network of the test's own; Debian's ssh beside ours."""
import base64, hashlib, json, pathlib, subprocess, sys

import pytest

from client_lab import both
from identity_lab import debian_fixtures, needs_cell

pytestmark = needs_cell
debian, dlab = debian_fixtures(cell=True, kinds=['ed25519'])
NAME = 'canary.test'


@pytest.fixture
def dns(dlab):
    """dns(**spec): what the name server says from now on."""
    path = dlab.dir / 'zone'
    path.write_text('{}')
    server = subprocess.Popen([*dlab.server.cell.enter, sys.executable, str(pathlib.Path(__file__).parent / 'dns_server.py'), str(path)], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b'ready\n'
    dlab.remember('')

    def says(trust=True, **spec):
        dlab.server.cell.resolv.write_text('nameserver 127.0.0.1\noptions timeout:1 attempts:1' + (' trust-ad\n' if trust else '\n'))
        path.write_text(json.dumps({'ad': True, **spec}))
    yield says
    server.kill()
    server.wait()
    server.stdout.close()


def record(lab, algorithm=4, kind=2, right=True):
    blob = base64.b64decode(lab.host_key().split()[1])
    digest = hashlib.new({1: 'sha1', 2: 'sha256', 3: 'sha384'}[kind], blob).digest()
    return (bytes([algorithm, kind]) + (digest if right else bytes(len(digest)))).hex()


def login(lab, which, value='yes', strict='yes', **more):
    return lab.ssh('echo in', which=which, host=NAME, strict=strict, options=['-v', '-4', '-o', f'VerifyHostKeyDNS={value}'], **more)


@both
@pytest.mark.parametrize('kind', [1, 2])
def test_signed_record(dlab, dns, which, kind):
    dns(records={f'44 {NAME}': [record(dlab, kind=kind)]})
    r = login(dlab, which)
    assert r.stdout == 'in\n' and 'matching host key fingerprint found' in r.stderr
    assert dlab.known.read_text() == ''


@both
@pytest.mark.parametrize('why', ['no AD', 'no trust', 'ask', 'no'])
def test_record_that_only_helps_to_decide(dlab, dns, which, why):
    dns(trust=why != 'no trust', ad=why != 'no AD', records={f'44 {NAME}': [record(dlab)]})
    value = why if why in ('ask', 'no') else 'yes'
    assert login(dlab, which, value).returncode == 255
    r = login(dlab, which, value, strict='ask', env=dlab.askpass('yes'))
    assert r.stdout == 'in\n' and ('Matching host key fingerprint found in DNS.' in dlab.prompts()) == (value != 'no')


@both
@pytest.mark.parametrize('records', ['wrong', 'both', 'other algorithm'])
def test_record_of_another_key(dlab, dns, which, records):
    right, wrong = record(dlab), record(dlab, right=False)
    dns(records={f'44 {NAME}': {'wrong': [wrong], 'both': [right, wrong], 'other algorithm': [record(dlab, 1)]}[records]})
    r = login(dlab, which)
    assert r.returncode == 255 and 'Update the SSHFP RR in DNS' in r.stderr and 'IDENTIFICATION HAS CHANGED' in r.stderr
    dlab.remember(f'{NAME} {dlab.host_key()}\n')
    assert login(dlab, which).stdout == 'in\n'             # known_hosts still counts


@both
@pytest.mark.parametrize('spec', [{}, {'rcode': 2}, {'rcode': 5}, {'records': {f'44 {NAME}': []}}])
def test_no_record(dlab, dns, which, spec):
    dns(**(spec or {'records': {f'44 {NAME}': [record(dlab, 4, 3)]}}))      # {}: a hash that nobody knows
    r = login(dlab, which, strict='ask', env=dlab.askpass('no'))
    assert r.returncode == 255 and 'No matching host key fingerprint found in DNS.' in dlab.prompts()


@pytest.mark.parametrize('spec', [{'cut': 5}, {'cut': 40}, {'count': 200}, {'count': 2, 'raw': 'c00c002c0001000000'}, {'count': 2, 'raw': 'c0ff' * 4},
                                  {'count': 2, 'raw': '41' * 60}])
def test_malformed_answers(dlab, dns, spec):
    dns(records={f'44 {NAME}': [record(dlab)]}, **spec)
    r = login(dlab, 'ours')
    assert r.returncode == 255 and 'No ED25519 host key is known' in r.stderr


@both
def test_an_address_has_no_record(dlab, dns, which):
    dns(records={'44 192.0.2.7': [record(dlab)]})
    r = dlab.ssh('echo in', which=which, host='192.0.2.7', options=['-v', '-o', 'VerifyHostKeyDNS=yes'])
    assert r.returncode == 255 and 'numerical hostname' in r.stderr
