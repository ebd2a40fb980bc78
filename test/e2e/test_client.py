"""The client's command line, configuration, exit codes and standard descriptors, beside those of Debian's ssh."""
import os, re, signal, socket, subprocess

import pytest

from client_lab import ME, add_fixtures, both
from conftest import free_port, wait_for

server, lab = add_fixtures('AcceptEnv T_*\nSubsystem count /usr/bin/wc -c\n')


# Destinations.

@both
@pytest.mark.parametrize('host', ['127.0.0.1', f'{ME}@127.0.0.1', f'ssh://{ME}@127.0.0.1', 'ssh://127.0.0.1/'])
def test_destination(lab, which, host):
    r = lab.ssh('id', '-un', which=which, host=host)
    assert (r.stdout, r.returncode) == (ME + '\n', 0), r.stderr


@both
def test_uri_with_port_and_escapes(lab, which):
    user = ''.join(f'%{ord(c):02x}' for c in ME)
    r = lab.ssh('echo yes', which=which, host=f'ssh://{user}@127.0.0.1:{lab.server.port}', port=False)
    assert r.stdout == 'yes\n', r.stderr


@both
@pytest.mark.parametrize('host', ['', '@127.0.0.1', 'ssh://', 'ssh://%zz@127.0.0.1', '-oProxyCommand=true', 'ssh://x:99999/', 'ssh://[::1', 'ssh://::1/x'])
def test_broken_destination(lab, which, host):
    r = lab.ssh('--', host, 'id', which=which, host=None)
    assert r.returncode == 255 and r.stdout == '' and r.stderr


def test_ipv6_destination(bindir, folder):
    from client_lab import Lab
    from conftest import Server
    server = Server(bindir, folder, 'ListenAddress ::1')
    try:
        lab = Lab(bindir, folder, server)
        lab.remember(f'[::1]:{server.port} ' + lab.host_key() + '\n')
        for which in ('ours', 'debian'):
            for host in ('::1', f'{ME}@::1', 'ssh://[::1]', f'ssh://[::1]:{server.port}/'):
                if which == 'debian' and host.startswith('ssh:'):
                    continue                    # 9.2 does not take it
                r = lab.ssh('echo yes', which=which, host=host, options=['-6'])
                assert r.stdout == 'yes\n', (which, host, r.stderr)
            r = lab.ssh('echo yes', which=which, host='::1', options=['-4'])
            assert r.returncode == 255, which
    finally:
        server.stop()


@both
def test_options_stand_behind_the_destination_too(lab, which):
    r = lab.ssh('-l', ME, '-o', 'SetEnv=T_A=5', 'echo', '-n', '$T_A', which=which)
    assert r.stdout == '5', r.stderr
    r = lab.ssh('--', 'echo', '-l', 'x', which=which)
    assert r.stdout == '-l x\n'


@both
def test_words_of_the_command_are_joined(lab, which):
    assert lab.ssh('echo', 'a  b', 'c', which=which).stdout == 'a b c\n'
    assert lab.ssh('echo', "'a  b'", which=which).stdout == 'a  b\n'


@both
@pytest.mark.parametrize('user', ["a'b", 'a;b', '-x', 'a\\', 'a b'])
def test_strange_user_names_are_refused(lab, which, user):
    r = lab.ssh('id', which=which, options=['-l', user])
    assert r.returncode == 255 and r.stdout == ''


@both
@pytest.mark.parametrize('host', ['a;b', 'a$(x)', "a'b", 'a`b', 'a|b', 'a b'])
def test_strange_host_names_are_refused(lab, which, host):
    r = lab.ssh('id', which=which, host=host, options=['-o', 'ProxyCommand=echo reached %h >&2'])
    assert r.returncode == 255 and 'reached a' not in r.stderr


# Flags.

def test_version(lab):
    for args in (['-V'], ['-vV']):
        r = subprocess.run([lab.program(), *args], capture_output=True, text=True)
        assert r.returncode == 0 and r.stdout == '' and re.match(r'OpenSSH_\d+\.\d+p1 Hawser_\S+, \S', r.stderr)


def test_no_arguments_show_the_usage(lab):
    r = subprocess.run([lab.program()], capture_output=True, text=True)
    assert r.returncode == 255 and r.stderr.startswith('usage: ssh [-')


@both
@pytest.mark.parametrize('args', [['-!'], ['-p'], ['-p', 'x', 'h'], ['-p', '0', 'h'], ['-p', '70000', 'h'], ['-o', 'Nonsense=1', 'h'], ['-o', 'Port=x', 'h'],
                                  ['-c', 'no-such-cipher', 'h'], ['-m', 'no-such-mac', 'h'], ['-e', 'xy', 'h'], ['-Q', 'nonsense'],
                                  ['-F', '/no/such/file', 'h'], ['-o', 'BatchMode=maybe', 'h']])
def test_wrong_arguments(lab, which, args):
    r = subprocess.run([lab.program(which), *args], capture_output=True, text=True)
    assert r.returncode == 255 and r.stdout == '' and r.stderr.strip()


@pytest.mark.parametrize('query', ['cipher', 'cipher-auth', 'mac', 'kex', 'key', 'key-cert', 'key-plain', 'key-sig', 'sig', 'compression', 'protocol-version', 'help',
                                   'KexAlgorithms', 'HostKeyAlgorithms', 'ciphers'])
def test_query(lab, query):
    ours = subprocess.run([lab.program(), '-Q', query], capture_output=True, text=True)
    assert ours.returncode == 0 and ours.stdout.split() and ours.stderr == ''
    theirs = subprocess.run(['/usr/bin/ssh', '-Q', query], capture_output=True, text=True).stdout.split()
    # Debian's list without what this version leaves out on purpose or has not built yet.
    missing = [n for n in theirs if n not in ours.stdout.split() and not n.startswith('ssh-dss')]
    assert [n for n in missing if n not in ('rijndael-cbc@lysator.liu.se', 'kex-gss')] == []
    if 'key' in query or query == 'sig':                # the order too
        assert [n for n in ours.stdout.split() if n in theirs] == [n for n in theirs if n in ours.stdout.split()]


def test_tag(lab):
    lab.config.write_text('Match tagged blue\n User joe\nHost *\n User other\n')
    for flags, user in (('-P', 'blue'), 'joe'), (('-P', 'red'), 'other'), ((), 'other'):
        r = subprocess.run([lab.program('ours'), '-F', lab.config, '-G', *flags, 'example'], capture_output=True, text=True)
        assert f'user {user}' in r.stdout.splitlines(), r.stderr


@both
def test_show_configuration(lab, which):
    lab.config.write_text('Host example\n User joe\n Hostname real.example\n Port 77\n SendEnv A B\n IdentityFile /x/y\n')
    r = subprocess.run([lab.program(which), '-F', lab.config, '-G', 'example'], capture_output=True, text=True)
    lines = r.stdout.splitlines()
    assert r.returncode == 0, r.stderr
    for line in ('host example', 'user joe', 'hostname real.example', 'port 77', 'identityfile /x/y'):
        assert line in lines
    assert 'sendenv A' in lines and 'sendenv B' in lines


def test_show_configuration_has_every_line_of_debian(lab):
    run = lambda which: subprocess.run([lab.program(which), '-F', lab.config, '-G', 'example'], capture_output=True, text=True).stdout.splitlines()
    ours, theirs = ({l.split()[0].lower() for l in run(which)} for which in ('ours', 'debian'))
    assert {w for w in theirs - ours if not w.startswith('gssapi')} == set()


@both
def test_subsystem(lab, which):
    r = lab.ssh('count', which=which, options=['-s'], input='12345')
    assert r.stdout.strip() == '5', r.stderr
    r = lab.ssh('nothing', which=which, options=['-s'])
    assert r.returncode == 255 and 'subsystem request failed on channel 0' in r.stderr
    assert lab.ssh(which=which, options=['-s']).returncode == 255


@both
def test_no_command(lab, which):
    p = lab.start(options=['-N', '-v'], which=which)
    seen = b''
    while b'Entering interactive session' not in seen:
        line = p.stderr.readline()
        assert line, seen
        seen += line
    assert p.poll() is None
    p.send_signal(signal.SIGTERM)
    assert p.wait(10) in ((255,) if which == 'ours' else (255, 0, -15))


@both
@pytest.mark.parametrize('option', [['-n'], ['-o', 'StdinNull=yes']])
def test_stdin_null(lab, which, option):
    r = lab.ssh('wc -c', options=option, which=which, input='not read')
    assert r.stdout.strip() == '0', r.stderr


@both
def test_background(lab, which):
    """-f returns when the login is done, the command goes on."""
    mark = lab.dir / 'mark'
    os.mkfifo(lab.dir / 'gate')
    r = subprocess.run([*lab.args('-f', which=which), f'cat {lab.dir}/gate > {mark}'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=20)
    assert r.returncode == 0 and (not mark.exists() or mark.read_text() == '')
    (lab.dir / 'gate').write_text('opened')
    wait_for(lambda: mark.exists() and mark.read_text() == 'opened')


@both
def test_background_wants_a_command(lab, which):
    r = lab.ssh(options=['-f'], which=which)
    assert r.returncode == 255 and 'without a command' in r.stderr


@both
def test_background_without_command_lets_go_of_the_descriptors(lab, which):
    r = lab.ssh(options=['-f', '-N'], which=which, timeout=20)
    assert r.returncode == 0 and r.stdout == '', r.stderr
    found = [p for p in os.listdir('/proc') if p.isdigit() and str(lab.config).encode() in read_cmdline(p)]
    assert found
    for p in found:
        os.kill(int(p), signal.SIGTERM)


def read_cmdline(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return f.read()
    except OSError:
        return b''


@both
def test_log_file(lab, which):
    log = lab.dir / 'log'
    r = lab.ssh('true', options=['-v', '-E', str(log)], which=which)
    assert r.returncode == 0 and r.stderr == ''
    assert 'debug1: Authentication succeeded' in log.read_text() or 'Authenticated to 127.0.0.1' in log.read_text()


@both
def test_quiet(lab, which):
    lab.remember('')
    r = lab.ssh('true', options=['-q', '-o', 'BatchMode=yes'], which=which)
    assert r.returncode == 255 and r.stderr == ''


@both
def test_trace(lab, which):
    r = lab.ssh('true', options=['-v'], which=which)
    for text in ('debug1: Connecting to 127.0.0.1 [127.0.0.1] port', 'debug1: Connection established.', 'debug1: Local version string SSH-2.0-',
                 'debug1: Remote protocol version 2.0, remote software version', 'debug1: SSH2_MSG_KEXINIT sent', 'debug1: SSH2_MSG_KEXINIT received',
                 'debug1: kex: algorithm: ', 'debug1: kex: host key algorithm: ', 'debug1: kex: server->client cipher: ', 'debug1: SSH2_MSG_NEWKEYS sent',
                 'debug1: SSH2_MSG_NEWKEYS received', 'debug1: Server host key: ssh-ed25519 SHA256:', f'is known and matches the ED25519 host key.',
                 'debug1: Offering public key: ', 'Authenticated to 127.0.0.1 ([127.0.0.1]:', 'using "publickey".', 'debug1: Sending command: true',
                 'debug1: Exit status 0', 'Transferred: sent '):
        assert text in r.stderr, (text, r.stderr)
    assert f'debug1: Authenticating to 127.0.0.1:{lab.server.port} as \'{ME}\'' in r.stderr


def test_trace_of_packets(lab):
    one, two, three = (lab.ssh('true', options=[v]).stderr for v in ('-v', '-vv', '-vvv'))
    assert len(one) < len(two) < len(three)
    assert 'debug3: ' in three and 'debug3: ' not in two and 'debug2: ' in two and 'debug2: ' not in one


@both
@pytest.mark.parametrize('option', [['-C'], ['-c', 'aes256-ctr'], ['-c', 'chacha20-poly1305@openssh.com'], ['-m', 'hmac-sha2-512', '-c', 'aes128-ctr'],
                                    ['-4'], ['-b', '127.0.0.1'], ['-x'], ['-a'], ['-T'], ['-e', 'none'], ['-2'], ['-k'], ['-y']])
def test_flag_that_changes_nothing_to_see(lab, which, option):
    r = lab.ssh('echo yes', options=option, which=which)
    assert (r.stdout, r.returncode) == ('yes\n', 0), r.stderr


def test_flags_choose_algorithms(lab):
    r = lab.ssh('true', options=['-v', '-C', '-c', 'aes192-ctr', '-m', 'hmac-sha2-512'])
    assert 'cipher: aes192-ctr MAC: hmac-sha2-512 compression: zlib@openssh.com' in r.stderr


@both
def test_bind_address(lab, which):
    r = lab.ssh('echo $SSH_CLIENT', options=['-b', '127.0.0.9'], which=which)
    assert r.stdout.startswith('127.0.0.9 '), r.stderr
    r = lab.ssh('echo', options=['-b', '192.0.2.77'], which=which)
    assert r.returncode == 255


def test_bind_interface(lab):
    assert lab.ssh('echo $SSH_CLIENT', options=['-B', 'lo']).stdout.startswith('127.0.0.1 ')
    r = lab.ssh('echo', options=['-B', 'nonsense0'])
    assert r.returncode == 255 and 'nonsense0' in r.stderr


# ProxyCommand.

@both
def test_proxy_command(lab, which):
    r = lab.ssh('echo yes; exit 3', options=['-o', 'ProxyCommand=nc %h %p'], which=which)
    assert (r.stdout, r.returncode) == ('yes\n', 3), r.stderr


@both
def test_proxy_command_tokens(lab, which):
    out = lab.dir / 'tokens'
    # The inner shell keeps the connection's pipe open until the line is written: with its end ssh may kill the command.
    proxy = f'ProxyCommand=sh -c "echo %n %h %p %r %% > {out}"'
    lab.ssh('true', options=['-o', proxy, '-o', 'Hostname=real.%h', '-l', 'joe'], host='typed', which=which)
    wait_for(lambda: out.exists() and out.read_text())
    assert out.read_text() == f'typed real.typed {lab.server.port} joe %\n'


@both
def test_proxy_command_that_fails(lab, which):
    r = lab.ssh('true', options=['-o', 'ProxyCommand=exit 1'], which=which)
    assert r.returncode == 255 and r.stderr.strip()


# Exit codes.

@both
@pytest.mark.parametrize('command,code', [('true', 0), ('exit 1', 1), ('exit 77', 77), ('exit 254', 254), ('exit 255', 255), ('kill -9 $$', 255), ('kill -TERM $$', 255)])
def test_exit_code(lab, which, command, code):
    assert lab.ssh(command, which=which).returncode == code


@both
def test_exit_code_when_the_connection_dies(lab, which):
    r = lab.ssh('kill -9 $(ps -o ppid= -p $PPID) $PPID; sleep 20', which=which)
    assert r.returncode == 255 and r.stderr.strip()


# Standard descriptors.

@both
def test_every_byte_passes(lab, which):
    data = bytes(range(256)) * 1000
    r = lab.ssh('cat', which=which, input=data, text=False)
    assert r.stdout == data
    r = lab.ssh('cat >&2', which=which, input=data, text=False)
    assert r.stderr == data


@both
def test_input_from_a_file(lab, which):
    path = lab.dir / 'input'
    path.write_bytes(os.urandom(300_000))
    with open(path, 'rb') as f, open(lab.dir / 'output', 'wb') as out:
        subprocess.run([*lab.args(which=which), 'cat'], stdin=f, stdout=out, timeout=30, check=True)
    assert (lab.dir / 'output').read_bytes() == path.read_bytes()


@both
def test_reader_that_goes_away(lab, which):
    """ssh host yes | head -1 ends promptly."""
    r = subprocess.run(['/bin/sh', '-c', '"$@" | head -n 1', 'sh', *lab.args(which=which), 'yes'], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    assert r.stdout == 'y\n'


@both
@pytest.mark.parametrize('closed', ['<&-', '>&-', '2>&-', '<&- >&- 2>&-'])
def test_closed_descriptors(lab, which, closed):
    mark = lab.dir / 'mark'
    r = subprocess.run(['/bin/sh', '-c', f'"$@" {closed}', 'sh', *lab.args(which=which), f'cat; echo out; echo err >&2; echo $? > {mark}'], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=20)
    assert r.returncode == 0, r.stderr
    assert mark.read_text() == '0\n'
    assert r.stdout == ('' if '>&-' in closed.replace('2>&-', '') else 'out\n')


@both
def test_input_goes_on_after_output_is_closed(lab, which):
    r = lab.ssh('exec >&-; wc -c >&2', which=which, input='12345')
    assert r.stderr.strip() == '5'


@both
def test_background_jobs_that_hold_no_descriptor_do_not_keep_ssh(lab, which):
    r = lab.ssh('sleep 300 </dev/null >/dev/null 2>&1 & echo $!', which=which, timeout=20)
    os.kill(int(r.stdout), signal.SIGKILL)


@both
def test_nonblocking_mode_is_given_back(lab, which):
    """Others share our descriptors."""
    import fcntl
    r, w = os.pipe()
    subprocess.run([*lab.args(which=which), 'cat'], stdin=subprocess.DEVNULL, stdout=w, timeout=20, check=True)
    assert fcntl.fcntl(w, fcntl.F_GETFL) & os.O_NONBLOCK == 0
    os.close(r), os.close(w)


# Signals.

def test_interrupt_without_a_terminal_reaches_the_command(lab):
    p = lab.start('trap "echo caught; exit 7" INT; echo ready; while :; do sleep 0.05; done')
    assert p.stdout.readline() == b'ready\n'
    p.send_signal(signal.SIGINT)
    assert p.stdout.readline() == b'caught\n' and p.wait(10) == 7


@both
@pytest.mark.parametrize('signo', [signal.SIGTERM, signal.SIGHUP])
def test_end_by_signal(lab, which, signo):
    p = lab.start('echo ready; sleep 100', which=which)
    assert p.stdout.readline() == b'ready\n'
    p.send_signal(signo)
    assert p.wait(10) == 255


# Environment and session.

@both
def test_send_and_set_env(lab, which):
    r = lab.ssh('env', which=which, options=['-o', 'SendEnv=T_* -T_SECRET', '-o', 'SetEnv=T_SET=a=b T_TWO="x y"'],
                env={'T_ONE': '1', 'T_SECRET': 'no', 'OTHER': 'no'})
    env = dict(l.split('=', 1) for l in r.stdout.splitlines() if '=' in l)
    assert env['T_ONE'] == '1' and env['T_SET'] == 'a=b' and env['T_TWO'] == 'x y' and 'OTHER' not in env, r.stderr


@both
def test_remote_command(lab, which):
    r = lab.ssh(which=which, options=['-o', 'RemoteCommand=echo %r@%n %%'])
    assert r.stdout == f'{ME}@127.0.0.1 %\n', r.stderr
    r = lab.ssh('echo other', which=which, options=['-o', 'RemoteCommand=echo one'])
    assert r.returncode == 255 and 'Cannot execute command-line and remote command.' in r.stderr


@both
def test_session_type(lab, which):
    assert lab.ssh('count', which=which, options=['-o', 'SessionType=subsystem'], input='abc').stdout.strip() == '3'


@both
def test_local_command(lab, which):
    r = lab.ssh('echo remote', which=which, options=['-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=echo local %n %p'])
    assert r.stdout == f'local 127.0.0.1 {lab.server.port}\nremote\n', r.stderr
    r = lab.ssh('echo remote', which=which, options=['-o', 'LocalCommand=echo local'])
    assert r.stdout == 'remote\n'


# ssh_config.

@both
def test_host_and_include(lab, which):
    more = lab.dir / 'more'
    more.write_text(f'Host short\n  Hostname 127.0.0.1\n  Port {lab.server.port}\n  SetEnv T_X=included\n')
    lab.config.write_text(f'Include {more}\nHost *\n  SetEnv T_X=later\n  Port 1\n')
    r = lab.ssh('echo $T_X', which=which, host='short', port=False, options=['-o', 'HostKeyAlias=' + '127.0.0.1'], strict='no')
    assert r.stdout == 'included\n', r.stderr


@both
def test_match(lab, which):
    lab.config.write_text('Match exec "test %n = 127.0.0.1"\n SetEnv T_A=exec\nMatch exec false\n SetEnv T_A=never\n'
                          f'Match originalhost 127.0.0.1 user {ME}\n Port {lab.server.port}\nMatch all\n Port 1\n')
    r = lab.ssh('echo $T_A', which=which, port=False)
    assert r.stdout == 'exec\n', r.stderr


@both
def test_match_final(lab, which):
    lab.config.write_text(f'Host short\n Hostname 127.0.0.1\nMatch final host 127.0.0.1\n SetEnv T_A=final\n')
    r = lab.ssh('echo $T_A', which=which, host='short')
    assert r.stdout == 'final\n', r.stderr


@both
def test_unknown_keyword_is_an_error(lab, which):
    lab.config.write_text('Nonsense yes\n')
    r = lab.ssh('true', which=which)
    assert r.returncode == 255 and f'{lab.config}' in r.stderr and 'line 1' in r.stderr
    lab.config.write_text('IgnoreUnknown Non*\nNonsense yes\n')
    assert lab.ssh('true', which=which).returncode == 0


def test_refuse_connection(lab):
    r = lab.ssh('true', options=['-o', 'RefuseConnection="use the other one"'])
    assert r.returncode == 255 and 'use the other one' in r.stderr
