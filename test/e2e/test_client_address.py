"""CheckHostIP: name and address in known_hosts. Both clients in a network of the test's own, since loopback addresses do not count."""
import pytest

from client_lab import both
from conftest import keygen
from identity_lab import debian_fixtures, needs_cell, public

pytestmark = needs_cell
debian, dlab = debian_fixtures(cell=True, kinds=['ed25519'])
NAME, ADDRESS = 'canary.test', '192.0.2.7'


def login(lab, which, *options, strict='accept-new', **more):
    return lab.ssh('echo in', which=which, host=NAME, strict=strict, options=['-o', 'CheckHostIP=yes', '-4', *options], **more)


def other(lab):
    keygen(lab.dir / 'other')
    return public(lab.dir / 'other')


@both
def test_a_new_host_gets_both(dlab, which):
    dlab.remember('')
    r = login(dlab, which)
    assert r.stdout == 'in\n' and dlab.known.read_text() == f'{NAME},{ADDRESS} {dlab.host_key()}\n'
    assert f"Permanently added '{NAME},{ADDRESS}' (ED25519)" in r.stderr
    assert login(dlab, which, strict='yes').stdout == 'in\n'


@both
def test_hashed_each_in_its_line(dlab, which):
    dlab.remember('')
    assert login(dlab, which, '-o', 'HashKnownHosts=yes').stdout == 'in\n'
    lines = dlab.known.read_text().splitlines()
    assert len(lines) == 2 and all(l.startswith('|1|') for l in lines)
    assert login(dlab, which, strict='yes').stdout == 'in\n' and len(dlab.known.read_text().splitlines()) == 2


@both
def test_the_address_is_added_to_a_known_name(dlab, which):
    dlab.remember(f'{NAME} {dlab.host_key()}\n')
    r = login(dlab, which, strict='yes')
    assert r.stdout == 'in\n' and dlab.known.read_text() == f'{NAME} {dlab.host_key()}\n{ADDRESS} {dlab.host_key()}\n'
    assert f"Warning: Permanently added the ED25519 host key for IP address '{ADDRESS}' to the list of known hosts." in r.stderr


@both
@pytest.mark.parametrize('strict', ['yes', 'accept-new', 'no', 'ask'])
@pytest.mark.parametrize('named', [True, False])
def test_the_address_has_another_key(dlab, which, strict, named):
    dlab.remember(f'{ADDRESS} {other(dlab)}\n' + (f'{NAME} {dlab.host_key()}\n' if named else ''))
    r = login(dlab, which, strict=strict, env=dlab.askpass('yes', 'no'))
    if strict == 'ask':
        assert f'Offending key for IP in {dlab.known}:1' in dlab.prompts() and (r.returncode == 0) == named
        return
    if strict == 'yes' and not named:
        assert r.returncode == 255 and r.stdout == ''
        return
    assert f"Warning: the ED25519 host key for '{NAME}' differs from the key for the IP address '{ADDRESS}'" in r.stderr
    assert f'Offending key for IP in {dlab.known}:1' in r.stderr and (f'Matching host key in {dlab.known}:2' in r.stderr) == named
    assert (r.stdout == 'in\n') == (strict == 'no')
    assert strict == 'no' or 'Exiting, you have requested strict checking.' in r.stderr


@both
@pytest.mark.parametrize('address', [None, 'same'])
def test_the_name_has_another_key(dlab, which, address):
    dlab.remember(f'{NAME} {other(dlab)}\n' + (f'{ADDRESS} {dlab.host_key()}\n' if address else ''))
    r = login(dlab, which)
    assert r.returncode == 255 and 'POSSIBLE DNS SPOOFING DETECTED' in r.stderr and 'REMOTE HOST IDENTIFICATION HAS CHANGED' in r.stderr
    assert ('is unchanged' if address else 'is unknown') in r.stderr


@both
def test_off_by_default_and_for_plain_addresses(dlab, which):
    dlab.remember('')
    assert dlab.ssh('true', which=which, host=NAME, strict='accept-new', options=['-4']).returncode == 0
    assert dlab.ssh('true', which=which, host=NAME, strict='yes', options=['-o', 'CheckHostIP=no']).returncode == 0
    assert dlab.known.read_text() == f'{NAME} {dlab.host_key()}\n'
    dlab.remember(f'{ADDRESS} {dlab.host_key()}\n')
    assert dlab.ssh('true', which=which, host=ADDRESS, options=['-o', 'CheckHostIP=yes']).returncode == 0


@both
def test_update_host_keys_with_the_address(dlab, which):
    text = f'{NAME},{ADDRESS} {dlab.host_key()}\n'
    dlab.remember(text + f'{NAME},{ADDRESS} {other(dlab)}\n')
    command = f'n=0; while [ ! -e {dlab.known}.old ] && [ $n -lt 400 ]; do n=$((n+1)); sleep 0.02; done'
    assert dlab.ssh(command, which=which, host=NAME, options=['-4', '-o', 'CheckHostIP=yes', '-o', 'UpdateHostKeys=yes']).returncode == 0
    assert dlab.known.read_text() == text
