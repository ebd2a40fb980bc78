"""The client's terminal: when it asks for one, raw mode and back, escapes, window changes."""
import os, re, signal, subprocess, termios

import pytest

from client_lab import add_fixtures, both
from conftest import wait_for

server, lab = add_fixtures()


def mode(fd):
    """Of the terminal, without speed and size."""
    return termios.tcgetattr(fd)[:4]


def shell(lab, which='ours', *options):
    t = lab.terminal(which=which, options=options)
    t.type('stty -echo; PS1="<pro""mpt>"\n')
    t.expect('<prompt>')
    return t


@both
@pytest.mark.parametrize('options,command,tty', [((), True, False), (('-t',), True, True), (('-T',), False, False), ((), False, True), (('-o', 'RequestTTY=yes'), True, True),
                                                 (('-o', 'RequestTTY=force'), True, True), (('-o', 'RequestTTY=no'), False, False), (('-o', 'RequestTTY=auto'), True, False),
                                                 (('-tt', '-n'), True, True)])
def test_terminal_is_asked_for(lab, which, options, command, tty):
    t = lab.terminal(*(['test -t 1; echo result=$?'] if command else []), which=which, options=options)
    if not command:
        t.type('test -t 1; echo result=$?; exit\n')
    assert t.rest() and re.findall(r'result=(\d)', t.all.decode()) == ['0' if tty else '1']


@both
def test_without_a_local_terminal(lab, which):
    for options, tty, note in (((), False, True), (('-t',), False, True), (('-tt',), True, False)):
        r = lab.ssh(options=options, which=which, input='test -t 1; echo result=$?; exit\n')
        assert re.findall(r'result=(\d)', r.stdout) == ['0' if tty else '1'], r.stderr
        assert ('Pseudo-terminal will not be allocated because stdin is not a terminal.' in r.stderr) == note


@both
def test_shell_exit_status_and_last_line(lab, which):
    t = shell(lab, which)
    t.type('exit 7\n')
    out = t.rest()
    assert 'Connection to 127.0.0.1 closed.' in out and t.end() == 7


@both
def test_raw_mode(lab, which):
    t = lab.terminal(options=['-t'], which=which)
    t.type('PS1="<pro""mpt>"\n')
    t.expect('<prompt>')
    raw = mode(t.fd)
    assert not raw[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    t.type('exit\n')
    t.rest()


@both
def test_mode_is_given_back_to_the_shell(lab, which):
    """The same terminal before and after ssh."""
    from client_lab import Terminal
    t = Terminal(['/bin/sh', '-c', 'stty -g; "$@"; stty -g', 'sh', *lab.args('-t', which=which), 'exit 0'], env={'SSH_AUTH_SOCK': ''})
    lab.terminals.append(t)
    states = re.findall(r'^[0-9a-f]+(?::[0-9a-f]+)+', t.rest(), re.M)
    assert len(states) == 2 and states[0] == states[1]


@both
def test_window_change(lab, which):
    t = shell(lab, which)
    t.type('stty size\n')
    t.expect('24 80')
    t.resize(41, 133)
    t.type('while [ "$(stty size)" != "41 133" ]; do sleep 0.05; done; echo cha""nged\n')
    t.expect('changed')


@both
def test_interrupt_goes_to_the_far_terminal(lab, which):
    t = shell(lab, which)
    t.type('echo slee""ping; sleep 100\n')
    t.expect('sleeping')
    wait_for(lambda: t.type(b'\x03') or t.sees('<prompt>'), every=0.2)
    t.type('exit 4\n')
    assert t.wait() == 4


@both
def test_modes_are_sent(lab, which):
    """What the local terminal has set holds for the far one."""
    from client_lab import Terminal
    t = Terminal(['/bin/sh', '-c', 'stty intr ^G -ixon; "$@"', 'sh', *lab.args('-t', which=which), 'stty -a'], env={'SSH_AUTH_SOCK': ''})
    lab.terminals.append(t)
    out = t.rest()
    assert 'intr = ^G' in out and '-ixon' in out


# Escapes.

@both
def test_escape_disconnect(lab, which):
    t = shell(lab, which)
    t.type('\n')
    t.expect('<prompt>')
    t.type('~.')
    out = t.rest()
    assert 'Connection to 127.0.0.1 closed.' in out and t.end() == 255


@both
def test_escape_help(lab, which):
    t = shell(lab, which)
    t.type('\n~?')
    text = t.expect('Note that escapes are only recognized immediately after newline')
    for key in ('~.', '~B', '~R', '~V', '~^Z', '~#', '~&', '~?', '~~'):
        assert f'\n {key}' in text, (key, text)


@both
def test_escape_itself(lab, which):
    t = shell(lab, which)
    t.type('\n')
    t.expect('<prompt>')
    t.type('~~\x15echo "<~>"a~b"~."\n')
    t.expect('<~>a~b~.')


@both
def test_escape_list(lab, which):
    t = shell(lab, which)
    t.type('\n~#')
    t.expect('The following connections are open:')
    t.expect('#0 ')
    t.expect('session')


@both
def test_escape_rekey(lab, which):
    t = shell(lab, which, '-v')
    t.seen = b''
    t.type('\n~R')
    t.expect('SSH2_MSG_KEXINIT sent')
    t.expect('SSH2_MSG_NEWKEYS received')
    t.type('echo al""ive\n')
    t.expect('alive')


@both
def test_escape_loudness(lab, which):
    t = shell(lab, which)
    t.type('\n~v')
    t.expect('[LogLevel VERBOSE]')
    t.type('~v')
    t.expect('[LogLevel DEBUG')
    t.type('~V')
    t.expect('[LogLevel VERBOSE]')


@both
def test_escape_break(lab, which):
    t = shell(lab, which)
    t.type('\n~B')
    t.expect('~B')
    wait_for(lambda: t.type('echo al""ive\n') or t.sees('alive', 1))


def test_escape_break_reaches_the_server(lab):
    t = shell(lab, 'ours', '-vvv')
    t.type('\n~B')
    t.expect('name="break"')


def test_escape_command_line(lab):
    t = shell(lab, 'ours', '-o', 'EnableEscapeCommandline=yes', '-o', 'PermitLocalCommand=yes')
    t.type('\n~C')
    t.expect('ssh> ')
    t.type('!echo lo""cal-$((6*7))\r')
    t.expect('local-42')
    t.type('\necho al""ive\n')
    t.expect('alive')


def test_escape_command_line_is_off_unless_configured(lab):
    t = shell(lab)
    t.type('\n~C')
    t.expect('commandline disabled')


@both
def test_escape_suspend(lab, which):
    """~^Z stops ssh and gives the terminal back; fg goes on."""
    from client_lab import Terminal
    t = Terminal(['/bin/bash', '--norc', '-i'], env={'SSH_AUTH_SOCK': '', 'PS1': '<local>'})
    lab.terminals.append(t)
    t.expect('<local>')
    t.type(' '.join(f"'{a}'" for a in lab.args(which=which)) + '\n')
    wait_for(lambda: t.type('echo "far=""$SSH_TTY"\n') or t.sees('far=/dev/pts', 1))
    t.type('\n~\x1a')
    t.expect('<local>')
    t.type('echo he""re=$?\n')
    t.expect('here=')
    t.type('fg\n')
    wait_for(lambda: t.type('echo "again=""$SSH_TTY"\n') or t.sees('again=/dev/pts', 1))
    t.type('exit\n')
    t.expect('<local>')


@both
def test_other_escape_character(lab, which):
    t = shell(lab, which, '-e', '^]')
    t.type('\n')
    t.expect('<prompt>')
    t.type('\x1d.')
    assert t.wait() == 255


@both
def test_no_escape_character(lab, which):
    t = shell(lab, which, '-e', 'none')
    t.type('echo x\\\n~.\n')
    t.expect('x~.')


@both
def test_no_escapes_without_a_far_terminal(lab, which):
    assert lab.ssh('cat', which=which, input='\n~.\n').stdout == '\n~.\n'


@both
def test_server_that_vanishes(lab, which):
    t = shell(lab, which)
    t.type('kill -9 $(ps -o ppid= -p $PPID) $PPID\n')
    assert t.wait() == 255


@both
def test_flow_keys_are_the_programs_own(lab, which):
    """Where the far terminal does no flow control the keys arrive."""
    t = shell(lab, which)
    t.type('stty raw -ixon; echo rea""dy; dd bs=1 count=3 2>/dev/null | od -An -tx1; stty sane -echo\n')
    t.expect('ready')
    t.type('\x13\x11x')
    t.expect('13 11 78')
    t.type('exit\n')
    t.rest()
