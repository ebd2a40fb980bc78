"""What becomes of a user's jobs when a connection ends badly: the same as with Debian's sshd, side by side.

Every job writes down which signals reach it. Debian's network process and the parent of its shells are one process; where ours
are two, the end of either is compared with the end of that one.
"""
import os, pathlib, shutil, signal, subprocess, sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'e2e'))

from conftest import ROOT, Server, wait_for
from test_login import Terminal
from test_processes import alive, status, tree

pytestmark = [pytest.mark.skipif(not ROOT, reason='needs root'), pytest.mark.skipif(not os.path.exists('/usr/sbin/sshd'), reason='openssh-server is not installed'),
              pytest.mark.skipif(not shutil.which('tmux'), reason='tmux is not installed')]

# A job: its pid, then a line for each signal and for the first write that fails.
JOB = r'''
my ($name, $writes) = @ARGV;
open(my $log, '>', "$ENV{JOBS}/$name.new") or die;
$log->autoflush(1);
for my $s ('HUP', 'TERM', 'INT', 'PIPE') {
    next if defined $SIG{$s} && $SIG{$s} eq 'IGNORE';
    $SIG{$s} = sub { print $log "$s\n"; exit 1 unless $s eq 'PIPE' };
}
print $log "$$\n";
rename "$ENV{JOBS}/$name.new", "$ENV{JOBS}/$name";
while (1) {
    if ($writes && !syswrite(STDOUT, '.')) { print $log "write fails\n"; exit 1 }
    select undef, undef, undef, 0.05;
}
'''
# What is typed at an interactive bash. The last one stays in the foreground.
TYPED = ['nohup perl $JOBS/job nohup > /dev/null 2>&1 &', 'perl $JOBS/job disowned & disown', 'perl $JOBS/job disowned_quiet < /dev/null > /dev/null 2>&1 & disown',
         'perl $JOBS/job plain &', 'perl $JOBS/job writer 1 &', 'perl $JOBS/job quiet < /dev/null > /dev/null 2>&1 &',
         'setsid perl $JOBS/job setsid &', 'setsid perl $JOBS/job setsid_quiet < /dev/null > /dev/null 2>&1 &',
         'tmux -S $JOBS/socket -f /dev/null new -d perl $JOBS/job tmux', 'perl $JOBS/job foreground']
NAMES = ['nohup', 'disowned', 'disowned_quiet', 'plain', 'writer', 'quiet', 'setsid', 'setsid_quiet', 'tmux', 'foreground']
# The same without a terminal: a shell that is no job control, and one command.
PIPED = ['perl $JOBS/job plain &', 'perl $JOBS/job writer 1 &', 'perl $JOBS/job quiet < /dev/null > /dev/null 2>&1 &', 'perl $JOBS/job foreground']
PIPED_NAMES = ['plain', 'writer', 'quiet', 'foreground']

LIVES, HUNG_UP = ('lives', []), ('ended', ['HUP'])
ALL_LIVE = dict.fromkeys(NAMES, LIVES) | {'shell': LIVES}
# bash passes the SIGHUP that the terminal's end brings it on to its jobs, but for what was disowned.
TERMINAL_GONE = ALL_LIVE | dict.fromkeys(['plain', 'writer', 'quiet', 'foreground'], HUNG_UP) | {'shell': ('ended', [])}
SHELL_GONE = ALL_LIVE | {'writer': ('ended', ['write fails']), 'foreground': HUNG_UP, 'shell': ('ended', [])}
PIPES_GONE = dict.fromkeys(PIPED_NAMES, LIVES) | {'shell': LIVES, 'writer': ('ended', ['PIPE', 'write fails'])}
PIPES_STAY = dict.fromkeys(PIPED_NAMES, LIVES) | {'shell': LIVES}


class Jobs:
    """One login with all jobs running. account: not root, for whom Debian's sshd has one process less."""

    def __init__(self, server, place, account, tty):
        self.server, self.place, self.listener, self.names = server, place, server.process.pid, NAMES if tty else PIPED_NAMES
        place.mkdir()
        (place / 'job').write_text(JOB)
        os.chown(place, account.pw.pw_uid, account.pw.pw_gid)
        command = f'JOBS={place}; export JOBS; PS1="ready>" exec bash --norc --noprofile'
        if tty:
            self.terminal = Terminal(server.arguments('-tt', login=account.name) + [command + ' -i'])
            for line in TYPED:
                self.terminal.type(line.encode() + b'\n')
        else:
            self.terminal = Terminal(server.arguments('-T', login=account.name) + [command + " -c '" + '\n'.join(PIPED) + "\n:'"])
        self.pids = wait_for(self.started)
        self.shell = int(status(self.pids['foreground'])['PPid'])
        self.serving = int(status(self.shell)['PPid'])
        self.monitor = int(status(self.serving)['PPid'])
        nets = [p for p, n in tree(self.listener).items() if n == 'sshd-net' and serves(p)]
        self.net = nets[0] if nets else self.serving

    def started(self):
        paths = [self.place / n for n in self.names]
        return all(p.exists() for p in paths) and {n: int((self.place / n).read_text().split()[0]) for n in self.names}

    def fates(self):
        told = {n: (self.place / n).read_text().split('\n')[1:-1] for n in self.names}
        return {n: ('lives' if alive(self.pids[n]) else 'ended', told[n]) for n in self.names} | {'shell': ('lives' if alive(self.shell) else 'ended', [])}

    def clear(self):
        subprocess.run(['tmux', '-S', str(self.place / 'socket'), 'kill-server'], capture_output=True)
        for p in [*self.pids.values(), self.shell]:
            if alive(p):
                os.kill(p, signal.SIGKILL)
        try:
            os.kill(self.terminal.pid, signal.SIGKILL)
            self.terminal.wait()
        except (ChildProcessError, ProcessLookupError):
            pass


def serves(pid):
    """A network process that has a connection (not one that stands ready)."""
    try:
        return len(os.listdir(f'/proc/{pid}/fd')) >= 7 and status(pid)['Seccomp'] == '2'
    except OSError:
        return False


EVENTS = {
    'client killed': lambda j: os.kill(j.terminal.pid, signal.SIGKILL),
    'client terminated': lambda j: os.kill(j.terminal.pid, signal.SIGTERM),
    'client hung up': lambda j: os.kill(j.terminal.pid, signal.SIGHUP),
    'network process killed': lambda j: os.kill(j.net, signal.SIGKILL),
    'process of the user killed': lambda j: os.kill(j.serving, signal.SIGKILL),
    'process of the user terminated': lambda j: os.kill(j.serving, signal.SIGTERM),
    'monitor terminated': lambda j: os.kill(j.monitor, signal.SIGTERM),
    'listener terminated': lambda j: (os.kill(j.listener, signal.SIGTERM), j.server.process.wait(10)),
    'listener killed': lambda j: (os.kill(j.listener, signal.SIGKILL), j.server.process.wait(10)),
    'shell killed': lambda j: os.kill(j.shell, signal.SIGKILL),
}


def debian(folder):
    place = folder / 'debian'
    place.mkdir()
    os.makedirs('/run/sshd', exist_ok=True)
    return Server(pathlib.Path('/usr/sbin'), place, f'AuthorizedKeysFile {place}/authorized_keys\nStrictModes no\nUsePAM no\nLogLevel VERBOSE', defaults=False)


def reaches(server, place, account, event, expected, tty):
    jobs = Jobs(server, place, account, tty)
    try:
        EVENTS[event](jobs)
        if not event.startswith('listener'):
            wait_for(lambda: not any(alive(p) for p in (jobs.monitor, jobs.serving, jobs.net)))      # no signal comes after that
        try:
            wait_for(lambda: jobs.fates() == expected, seconds=10)
        except AssertionError:
            pass
        assert jobs.fates() == expected
    finally:
        jobs.clear()


@pytest.mark.parametrize('event', EVENTS)
def test_jobs_on_a_terminal(sshd, folder, account, event):
    expected = ALL_LIVE if event.startswith('listener') else SHELL_GONE if event == 'shell killed' else TERMINAL_GONE
    theirs = debian(folder)
    try:
        reaches(theirs, folder / 'theirs', account, event, expected, True)
    finally:
        theirs.stop()
    reaches(sshd(), folder / 'ours', account, event, expected, True)


@pytest.mark.parametrize('event', [e for e in EVENTS if e != 'shell killed'])
def test_commands_without_a_terminal(sshd, folder, account, event):
    """They lose their pipes only."""
    expected = PIPES_STAY if event.startswith('listener') else PIPES_GONE
    theirs = debian(folder)
    try:
        reaches(theirs, folder / 'theirs', account, event, expected, False)
    finally:
        theirs.stop()
    reaches(sshd(), folder / 'ours', account, event, expected, False)
