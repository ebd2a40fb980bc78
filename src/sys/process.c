#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

extern char **environ;
enum { REALTIME = 32 };                                    /* signal(7): the first of the real-time signals */

/* Real-time signals are nobody's in our processes, once they have begun cleanly. */
static void signals_default(int end)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;
	for (int sig = 1; sig < end; sig++)
		sigaction(sig, &dfl, NULL);     /* KILL, STOP and the C library's own say no: fine */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void proc_signals_default(void)
{
	signals_default(NSIG);
}

bool proc_die_with_parent(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

int proc_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);   /* close-on-exec by its nature */
}

static void block_all(sigset_t *old)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, old);
}

/* Everything above the placed descriptors goes; between them, what was not named. */
static void close_others(const struct fd_map *map, size_t n)
{
	int highest = 2;
	for (size_t i = 0; i < n; i++)
		if (map[i].to > highest)
			highest = map[i].to;
	for (int fd = 3; fd < highest; fd++) {
		bool named = false;
		for (size_t i = 0; i < n; i++)
			named = named || map[i].to == fd;
		if (!named)
			close(fd);
	}
	fd_close_from(highest + 1);
}

/* Runs in the child with the parent's memory (vfork): touches nothing but its own process state. Returns errno. */
static int become_program(const struct proc_spawn *s, pid_t parent)
{
	signals_default(REALTIME);
	if ((s->flags & PROC_DIE_WITH_PARENT) && !proc_die_with_parent(parent))
		return errno ? errno : ESRCH;
	if ((s->flags & (PROC_SETSID | PROC_TTY)) && setsid() < 0)
		return errno;
	if ((s->flags & PROC_NEW_GROUP) && setpgid(0, 0) < 0)
		return errno;
	if (!fd_place(s->fds, s->nfds))
		return errno;
	if ((s->flags & PROC_TTY) && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		return errno;
	if (!(s->flags & PROC_KEEP_FDS))
		close_others(s->fds, s->nfds);
	if (s->cwd && chdir(s->cwd) < 0)
		return errno;
	execve(s->path, (char *const *)(uintptr_t)s->argv, s->envp ? (char *const *)(uintptr_t)s->envp : environ);
	return errno;
}

/* Not inlined: the child must not return through a frame that the parent will use. */
static __attribute__((noinline)) pid_t start(const struct proc_spawn *s, volatile int *error)
{
	pid_t parent = getpid(), pid = vfork();
	if (pid == 0) {
		errno = 0;
		*error = become_program(s, parent);
		_exit(127);
	}
	return pid;
}

pid_t proc_spawn(const struct proc_spawn *s, int *pidfd, struct err *e)
{
	volatile int error = 0;
	sigset_t old;
	if (pidfd)
		*pidfd = -1;
	block_all(&old);                        /* a handler of ours must not run in the child while it shares our memory */
	pid_t pid = start(s, &error);
	int fork_error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0) {
		errno = fork_error;
		err_errno(e, "cannot start %s", s->path);
		return -1;
	}
	if (error) {
		proc_wait(pid, true, NULL);
		errno = error;
		err_errno(e, "cannot start %s", s->path);
		return -1;
	}
	if (pidfd)
		*pidfd = proc_pidfd(pid);
	return pid;
}

/* fork(), but the new process is a child of whoever started us. Single-threaded processes only: nothing of the C library
 * has to be told. */
static pid_t fork_sibling(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
}

pid_t proc_fork(unsigned flags, int *pidfd, struct err *e)
{
	sigset_t old;
	pid_t parent = getpid();
	if (pidfd)
		*pidfd = -1;
	block_all(&old);
	pid_t pid = flags & PROC_SIBLING ? fork_sibling() : fork();
	if (pid == 0) {
		signals_default(REALTIME);
		if ((flags & PROC_DIE_WITH_PARENT) && !proc_die_with_parent(parent))
			_exit(127);
		if ((flags & PROC_SETSID) && setsid() < 0)
			_exit(127);
		return 0;
	}
	int error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = error;
	if (pid < 0)
		err_errno(e, "cannot fork");
	else if (pidfd)
		*pidfd = proc_pidfd(pid);
	return pid;
}

bool proc_signal(int pidfd, int sig)
{
	return pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0;
}

bool proc_kill(pid_t pid, int sig)
{
	errno = EINVAL;
	return pid > 1 && kill(pid, sig) == 0;
}

bool proc_kill_group(pid_t group, int sig)
{
	errno = EINVAL;
	return group > 1 && kill(-group, sig) == 0;
}

static enum proc_wait wait_for(pid_t pid, int flags, struct proc_exit *out)
{
	int status;
	pid_t got;
	do
		got = waitpid(pid, &status, flags);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return PROC_NO_CHILD;
	if (got == 0)
		return PROC_RUNNING;
	if (out)
		*out = (struct proc_exit){
			.pid = got,
			.by_signal = WIFSIGNALED(status),
			.core = WIFSIGNALED(status) && WCOREDUMP(status),
			.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		};
	return PROC_ENDED;
}

enum proc_wait proc_wait(pid_t pid, bool block, struct proc_exit *out)
{
	if (pid <= 0)
		return PROC_NO_CHILD;
	return wait_for(pid, block ? 0 : WNOHANG, out);
}

enum proc_wait proc_reap(struct proc_exit *out)
{
	return wait_for(-1, WNOHANG, out);
}

/* RFC 4254, 6.10, and what else has the same number everywhere we look. */
static const struct { const char *name; int number; } signals[] = {
	{"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"FPE", SIGFPE}, {"HUP", SIGHUP}, {"ILL", SIGILL}, {"INT", SIGINT}, {"KILL", SIGKILL},
	{"PIPE", SIGPIPE}, {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV}, {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
};

const char *proc_signal_name(int sig)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (signals[i].number == sig)
			return signals[i].name;
	return NULL;
}

int proc_signal_number(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (slice_eq_str(name, signals[i].name))
			return signals[i].number;
	return 0;
}
