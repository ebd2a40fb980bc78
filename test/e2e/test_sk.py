"""Security keys: ours and Debian's programs with one software token, which both load as a library of OpenSSH's interface."""
import itertools
import os
import pathlib
import struct
import subprocess

import pytest

THEIRS = pathlib.Path('/usr/bin')
TYPES = ['ed25519-sk', 'ecdsa-sk']

pytestmark = pytest.mark.skipif(not (THEIRS / 'ssh-keygen').exists(), reason="Debian's programs are the peers")


@pytest.fixture
def soft(bindir, tmp_path):
    """The environment with the software token, whose PIN is 1234."""
    library = next(bindir.parents[1].glob('test/soft-sk.so'), None)
    if library is None:
        pytest.skip('the software token is not built')
    token = tmp_path / 'token'
    token.mkdir()
    env = {k: v for k, v in os.environ.items() if k not in ('DISPLAY', 'WAYLAND_DISPLAY', 'SSH_AUTH_SOCK', 'SSH_ASKPASS')}
    return {**env, 'SSH_SK_PROVIDER': str(library), 'HAWSER_SOFT_PIN': '1234', 'HAWSER_SOFT_FOLDER': str(token)}


def run(env, program, *args, stdin='', rc=0, cwd=None):
    done = subprocess.run([program, *map(str, args)], input=stdin, capture_output=True, text=True, timeout=60, env=env, start_new_session=True, cwd=cwd)
    assert rc is None or done.returncode == rc, f'{program} {args}: {done.returncode}\n{done.stdout}{done.stderr}'
    return done


@pytest.fixture(params=['ours', 'theirs'])
def pair(request, bindir):
    """Who makes a key and who uses it."""
    ours, theirs = bindir / 'ssh-keygen', THEIRS / 'ssh-keygen'
    return (ours, theirs) if request.param == 'ours' else (theirs, ours)


@pytest.mark.parametrize('kind', TYPES)
def test_keys_and_signatures_go_both_ways(soft, pair, tmp_path, kind):
    maker, user = pair
    key = tmp_path / 'key'
    said = run(soft, maker, '-t', kind, '-N', '', '-f', key).stdout
    assert 'touch your authenticator' in said and 'Your public key has been saved' in said
    assert run(soft, maker, '-lf', key).stdout == run(soft, user, '-lf', key).stdout
    assert run(soft, user, '-y', '-f', key).stdout.split()[:2] == pathlib.Path(f'{key}.pub').read_text().split()[:2]
    for signer, reader in (maker, user), (user, maker):
        text = run(soft, signer, '-Y', 'sign', '-n', 'file', '-f', key, stdin='text').stdout
        (tmp_path / 'sig').write_text(text)
        good = run(soft, reader, '-Y', 'check-novalidate', '-n', 'file', '-s', tmp_path / 'sig', stdin='text').stdout
        assert good.startswith(f'Good "file" signature with {kind.upper()} key')
        run(soft, reader, '-Y', 'check-novalidate', '-n', 'file', '-s', tmp_path / 'sig', stdin='texT', rc=255)


@pytest.mark.parametrize('kind', TYPES)
def test_a_ca_in_a_token_and_certificates_of_its_keys(soft, pair, tmp_path, kind):
    maker, reader = pair
    for name in 'ca', 'user':
        run(soft, maker, '-q', '-t', kind, '-N', '', '-f', tmp_path / name)
    run(soft, maker, '-q', '-s', tmp_path / 'ca', '-I', 'an id', '-n', 'ann', '-O', 'no-touch-required', tmp_path / 'user.pub')
    shown = run(soft, reader, '-L', '-f', tmp_path / 'user-cert.pub').stdout
    assert shown == run(soft, maker, '-L', '-f', tmp_path / 'user-cert.pub').stdout
    assert 'no-touch-required' in shown and kind.upper() in shown


def test_a_passphrase_and_other_flags(soft, pair, tmp_path):
    maker, reader = pair
    key = tmp_path / 'key'
    run(soft, maker, '-q', '-t', 'ed25519-sk', '-N', 'long pass', '-O', 'no-touch-required', '-f', key)
    run(soft, reader, '-y', '-P', 'wrong pass', '-f', key, rc=255)
    assert run(soft, reader, '-y', '-P', 'long pass', '-f', key).stdout


def test_flags_of_a_key_are_changed(soft, bindir, tmp_path):
    key, keygen = tmp_path / 'key', bindir / 'ssh-keygen'
    run(soft, keygen, '-q', '-t', 'ed25519-sk', '-N', '', '-f', key)
    sign = lambda rc: run(soft, keygen, '-Y', 'sign', '-n', 'file', '-f', key, stdin='x', rc=rc)
    sign(0)
    run(soft, keygen, '-p', '-N', '', '-P', '', '-O', 'verify-required', '-f', key)
    askpass = tmp_path / 'askpass'
    askpass.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/asked\n[ "$SSH_ASKPASS_PROMPT" = none ] || cat {tmp_path}/pin\n')
    askpass.chmod(0o700)
    (tmp_path / 'pin').write_text('9999\n')
    soft.update(SSH_ASKPASS=str(askpass), SSH_ASKPASS_REQUIRE='force')
    sign(255)
    (tmp_path / 'pin').write_text('1234\n')
    sign(0)
    asked = (tmp_path / 'asked').read_text()
    assert f'Enter PIN for ED25519-SK key {key}: ' in asked and 'Confirm user presence for key ED25519-SK SHA256:' in asked
    run(soft, keygen, '-p', '-N', '', '-P', '', '-O', 'no-verify-required', '-f', key)
    sign(0)
    assert 'unsupported' in run(soft, keygen, '-p', '-N', '', '-P', '', '-O', 'resident', '-f', key, rc=255).stderr
    run(soft, keygen, '-q', '-t', 'ed25519', '-N', '', '-f', tmp_path / 'plain')
    run(soft, keygen, '-p', '-N', '', '-P', '', '-O', 'touch-required', '-f', tmp_path / 'plain', rc=255)


@pytest.mark.parametrize('which', ['ours', 'theirs'])
def test_pin_resident_keys_and_download(soft, bindir, tmp_path, which):
    """What ours keeps in a token Debian's finds there, and the other way round."""
    ours, theirs = bindir / 'ssh-keygen', THEIRS / 'ssh-keygen'
    maker, loader = (ours, theirs) if which == 'ours' else (theirs, ours)
    key = tmp_path / 'key'
    for kind in TYPES:
        said = run(soft, maker, '-t', kind, '-N', '', '-O', 'resident', '-O', 'application=ssh:work', '-O', 'user=ann', '-f', f'{key}-{kind}', stdin='1234\n')
        assert 'Enter PIN for authenticator' in said.stderr + said.stdout
        (pathlib.Path(soft['HAWSER_SOFT_FOLDER']) / f'kept-{kind}').write_bytes((pathlib.Path(soft['HAWSER_SOFT_FOLDER']) / 'resident').read_bytes())
        if kind == 'ed25519-sk':
            # Once more without leave to replace it.
            run(soft, maker, '-t', kind, '-N', '', '-O', 'resident', '-O', 'application=ssh:work', '-O', 'user=ann', '-f', tmp_path / 'second', stdin='1234\nn\n', rc=None)
            assert not (tmp_path / 'second').exists()
            (pathlib.Path(soft['HAWSER_SOFT_FOLDER']) / 'resident').unlink()
    (pathlib.Path(soft['HAWSER_SOFT_FOLDER']) / 'resident').write_bytes(
        b''.join((pathlib.Path(soft['HAWSER_SOFT_FOLDER']) / f'kept-{kind}').read_bytes() for kind in TYPES))
    folder = tmp_path / 'down'
    folder.mkdir()
    run(soft, loader, '-K', '-N', '', stdin='9999\n', cwd=folder, rc=None)
    assert not list(folder.iterdir())
    run(soft, loader, '-K', '-N', '', stdin='1234\n', cwd=folder)
    for kind in TYPES:
        name = f'id_{kind.replace("-", "_")}_rk_work_ann'
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert (folder / f'{name}.pub').read_text().split()[1] == pathlib.Path(f'{key}-{kind}.pub').read_text().split()[1]


def test_attestation_is_what_opensshs_is(soft, bindir, tmp_path):
    (tmp_path / 'challenge').write_bytes(b'0123456789abcdef0123456789abcdef')
    for who, keygen in ('ours', bindir / 'ssh-keygen'), ('theirs', THEIRS / 'ssh-keygen'):
        run(soft, keygen, '-q', '-t', 'ed25519-sk', '-N', '', '-O', f'challenge={tmp_path}/challenge', '-O', f'write-attestation={tmp_path}/{who}.att',
            '-f', tmp_path / who)
    assert (tmp_path / 'ours.att').read_bytes() == (tmp_path / 'theirs.att').read_bytes()


@pytest.mark.parametrize('option,words', [('application=web:x', 'must begin with "ssh:"'), ('colour=red', 'unsupported'), ('device=other', 'no security key'),
                                          ('challenge=/no/such/file', '/no/such/file')])
def test_options_that_do_not_fit(soft, bindir, tmp_path, option, words):
    said = run(soft, bindir / 'ssh-keygen', '-t', 'ed25519-sk', '-N', '', '-O', option, '-f', tmp_path / 'key', rc=255).stderr
    assert words in said and said.count('\n') == 1
    assert not (tmp_path / 'key').exists()


def string(b):
    return struct.pack('>I', len(b)) + b


def ask_helper(soft, bindir, data):
    return subprocess.run([bindir / 'ssh-sk-helper'], input=data, capture_output=True, timeout=60, env=soft)


def test_the_helper_takes_nothing_for_granted(soft, bindir):
    number, u32 = lambda answer: answer[4], lambda n: struct.pack('>I', n)
    sign = b'\2' + u32(1) + string(soft['SSH_SK_PROVIDER'].encode()) + u32(1) + string(b'data') + string(b'ssh:') + string(b'no handle') + b'\1' + string(b'')
    done = ask_helper(soft, bindir, string(sign))
    assert done.returncode == 0 and number(done.stdout) == 64 and b'no security key that fits' in done.stdout
    for cut in range(5, len(sign)):                     # each too short by some bytes, in a frame that is whole
        done = ask_helper(soft, bindir, string(sign[:cut]))
        assert done.returncode == 0 and number(done.stdout) == 64 and b'malformed' in done.stdout
    for frame, word in ((string(b'\2' + u32(2) + sign[5:]), b'another version'), (string(b'\x63' + u32(1)), b'does not know'), (string(sign + b'x'), b'malformed')):
        done = ask_helper(soft, bindir, frame)
        assert done.returncode == 0 and number(done.stdout) == 64 and word in done.stdout
    for broken in b'', b'\0\0', u32(0), u32(0xffffffff), u32(100) + b'short', u32((1 << 20) + 1):
        done = ask_helper(soft, bindir, broken)
        assert done.returncode == 1 and done.stdout == b'' and done.stderr.count(b'\n') == 1


def test_a_helper_that_says_nonsense(soft, bindir, tmp_path):
    key = tmp_path / 'key'
    run(soft, bindir / 'ssh-keygen', '-q', '-t', 'ed25519-sk', '-N', '', '-f', key)
    for listens, says in itertools.product(('cat >/dev/null & ', '', 'exec <&-; '), (b'', b'\0\0\0\1', string(b'\x42'), string(b'\x41' + b'\0' * 20), string(b'\x40' + b'\0\0\0\1'), b'x' * 3000, string(b'\x42' + b'\0' * 40) + b'more')):
        (tmp_path / 'says').write_bytes(says)
        helper = tmp_path / 'helper'
        helper.write_text(f'#!/bin/sh\n{listens}cat {tmp_path}/says\n')
        helper.chmod(0o700)
        done = run({**soft, 'SSH_SK_HELPER': str(helper)}, bindir / 'ssh-keygen', '-Y', 'sign', '-n', 'file', '-f', key, stdin='x', rc=255)
        assert 'security key' in done.stderr and done.stdout == ''


@pytest.mark.parametrize('provider,words', [('/no/such/library.so', 'No such file'), ('/bin/true', 'not a library for security keys'), ('plain-name.so', 'not a path')])
def test_libraries_that_are_none(soft, bindir, tmp_path, provider, words):
    said = run(soft, bindir / 'ssh-keygen', '-q', '-t', 'ed25519-sk', '-N', '', '-w', provider, '-f', tmp_path / 'key', rc=255).stderr
    assert words in said
