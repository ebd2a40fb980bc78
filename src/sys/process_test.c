#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/pty.h"

static const char *const sh_env[] = {"A=b", NULL};

/* Runs a shell script whose output comes back by a pipe. */
static void run(const char *script, unsigned flags, const char *cwd, struct buf *out, struct proc_exit *x)
{
	int p[2];
	const char *argv[] = {"sh", "-c", script, NULL};
	assert_true(fd_pipe(p, NULL));
	struct fd_map map[] = {{p[1], 1}, {p[1], 7}};
	struct proc_spawn s = {.path = "/bin/sh", .argv = argv, .envp = sh_env, .cwd = cwd, .fds = map, .nfds = 2, .flags = flags};
	int pidfd;
	struct err e;
	pid_t pid = proc_spawn(&s, &pidfd, &e);
	assert_true(pid > 0);
	assert_true(pidfd >= 0);
	fd_close(&p[1]);
	assert_true(fd_read_to_end(p[0], out, 10000, &e));
	struct pollfd watch = {.fd = pidfd, .events = POLLIN};
	assert_int_equal(poll(&watch, 1, 10000), 1);
	assert_int_equal(proc_wait(pid, true, x), PROC_ENDED);
	assert_int_equal(x->pid, pid);
	fd_close(&pidfd);
	fd_close(&p[0]);
}

static void a_child_gets_what_it_was_given_and_no_more(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(65536);
	struct proc_exit x;
	int stray = open("/dev/null", O_RDONLY);       /* not close-on-exec: closed nevertheless */
	run("echo $A-$HOME; pwd; ls /proc/self/fd | tr '\\n' ' '; echo hi >&7; exit 7", 0, "/", &out, &x);
	assert_false(x.by_signal);
	assert_int_equal(x.code, 7);
	/* ls itself opens the directory as 3. */
	assert_string_equal(buf_cstr(&out), "b-\n/\n0 1 2 3 7 hi\n");
	buf_clear(&out);
	close(stray);
}

static void signals_start_from_default(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(65536);
	struct proc_exit x;
	sigset_t all, old;
	sigfillset(&all);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &all, &old);
	run("grep -E 'Sig(Blk|Ign)' /proc/self/status | tr -d ' \\t\\n'", 0, NULL, &out, &x);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	/* Signals 32 and 33 are the C library's own: whoever started us may have left them ignored, and sigaction refuses them. */
	static const char shown[] = "SigBlk:0000000000000000SigIgn:";
	assert_memory_equal(buf_cstr(&out), shown, sizeof shown - 1);
	assert_int_equal(strtoull(buf_cstr(&out) + sizeof shown - 1, NULL, 16) & ~0x180000000ull, 0);
	buf_clear(&out);
}

static void a_program_that_is_not_there_is_told_at_once(void **state)
{
	(void)state;
	const char *argv[] = {"x", NULL};
	struct proc_spawn s = {.path = "/nonexistent/x", .argv = argv};
	struct err e;
	assert_int_equal(proc_spawn(&s, NULL, &e), -1);
	assert_int_equal(e.code, ERR_MISSING);
	s.path = "/bin/sh";
	s.cwd = "/nonexistent";
	assert_int_equal(proc_spawn(&s, NULL, &e), -1);
	assert_int_equal(e.code, ERR_MISSING);
	assert_int_equal(proc_reap(NULL), PROC_NO_CHILD);       /* no zombie is left */
}

static void a_session_has_its_terminal(void **state)
{
	(void)state;
	struct pty p;
	char line[64] = "";
	const char *argv[] = {"sh", "-c", "exec 3</dev/tty && [ -t 3 ] && echo yes", NULL};
	assert_true(pty_open(&p, NULL));
	struct fd_map map[] = {{p.slave, 0}, {p.slave, 1}, {p.slave, 2}};
	struct proc_spawn s = {.path = "/bin/sh", .argv = argv, .fds = map, .nfds = 3, .flags = PROC_TTY};
	pid_t pid = proc_spawn(&s, NULL, NULL);
	assert_true(pid > 0);
	struct proc_exit x;
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	assert_int_equal(x.code, 0);
	assert_int_equal(read(p.master, line, sizeof line - 1), 1);    /* a report of flow control (sys/pty.h) */
	assert_int_equal(read(p.master, line, sizeof line - 1), 6);
	assert_memory_equal(line, "\0yes\r\n", 6);
	pty_close(&p);
}

/* A middle process starts a child that waits for ever, tells its pid, and dies: the child must go too. */
static void a_child_dies_with_its_parent(void **state)
{
	(void)state;
	int tell[2], life[2];
	uint8_t byte;
	assert_true(fd_pipe(tell, NULL) && fd_pipe(life, NULL));
	pid_t middle = proc_fork(0, NULL, NULL);
	if (middle == 0) {
		pid_t leaf = proc_fork(PROC_DIE_WITH_PARENT, NULL, NULL);
		if (leaf == 0) {
			ssize_t n = write(tell[1], "x", 1);
			(void)n;
			for (;;)
				pause();
		}
		bool ok = fd_read_exact(tell[0], (struct room){&byte, 1}, 10000, NULL);
		_exit(ok ? 0 : 1);
	}
	fd_close(&life[1]);
	struct proc_exit x;
	assert_int_equal(proc_wait(middle, true, &x), PROC_ENDED);
	assert_int_equal(x.code, 0);
	struct buf rest = BUF_INIT(16);
	assert_true(fd_read_to_end(life[0], &rest, 10000, NULL));      /* ends when the last holder of life[1], the leaf, is gone */
	fd_close(&life[0]), fd_close(&tell[0]), fd_close(&tell[1]);
}

static void only_one_process_is_ever_signalled(void **state)
{
	(void)state;
	int pidfd;
	struct proc_exit x;
	assert_false(proc_kill(-1, 0));
	assert_false(proc_kill(0, 0));
	assert_false(proc_kill(1, 0));
	assert_false(proc_kill_group(1, 0));
	assert_false(proc_signal(-1, SIGTERM));
	pid_t pid = proc_fork(0, &pidfd, NULL);
	if (pid == 0)
		for (;;)
			pause();
	assert_int_equal(proc_wait(pid, false, &x), PROC_RUNNING);
	assert_true(proc_signal(pidfd, SIGTERM));
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	assert_true(x.by_signal);
	assert_int_equal(x.code, SIGTERM);
	assert_false(proc_signal(pidfd, SIGTERM));      /* the number may be somebody else's by now; the pidfd is not */
	assert_int_equal(proc_wait(pid, false, &x), PROC_NO_CHILD);
	fd_close(&pidfd);
}

static void a_hostile_start_is_cleaned(void **state)
{
	(void)state;
	struct proc_exit x;
	pid_t pid = proc_fork(0, NULL, NULL);
	if (pid == 0) {
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		signal(SIGCHLD, SIG_IGN);
		alarm(1000);
		close(0), close(1), close(2);
		if (!proc_clean_start(NULL) || alarm(0) != 0 || fcntl(0, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
			_exit(1);
		struct sigaction now;
		sigset_t blocked;
		sigaction(SIGCHLD, NULL, &now);
		sigprocmask(SIG_BLOCK, NULL, &blocked);
		if (now.sa_handler != SIG_DFL || sigismember(&blocked, SIGTERM))
			_exit(2);
		pid_t inner = proc_fork(0, NULL, NULL);
		if (inner == 0)
			_exit(9);
		_exit(proc_wait(inner, true, &x) == PROC_ENDED && x.code == 9 ? 0 : 3);
	}
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	assert_int_equal(x.code, 0);
}

static void signal_names_are_those_of_the_rfc(void **state)
{
	(void)state;
	assert_string_equal(proc_signal_name(SIGTERM), "TERM");
	assert_null(proc_signal_name(SIGCHLD));
	assert_int_equal(proc_signal_number(SLICE_LIT("USR1")), SIGUSR1);
	assert_int_equal(proc_signal_number(SLICE_LIT("SIGTERM")), 0);
	assert_int_equal(proc_signal_number(SLICE_LIT("")), 0);
}

static char **saved_argv;
static int saved_argc;

static void the_title_is_what_ps_shows(void **state)
{
	(void)state;
	struct proc_exit x;
	pid_t pid = proc_fork(0, NULL, NULL);
	if (pid == 0) {
		char text[256] = "";
		setenv("HAWSER_TITLE_TEST", "kept", 1);
		proc_title_init(saved_argc, saved_argv);
		proc_title("sshd-session: %s [net]", "ann");
		int fd = open("/proc/self/cmdline", O_RDONLY);
		ssize_t n = read(fd, text, sizeof text - 1);
		bool ok = n > 0 && strcmp(text, "sshd-session: ann [net]") == 0;
		ok = ok && getenv("HAWSER_TITLE_TEST") && strcmp(getenv("HAWSER_TITLE_TEST"), "kept") == 0;
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	assert_int_equal(x.code, 0);
}

static void limits_and_privacy(void **state)
{
	(void)state;
	struct proc_exit x;
	pid_t pid = proc_fork(0, NULL, NULL);
	if (pid == 0) {
		struct rlimit r = {16, 64};
		if (setrlimit(RLIMIT_NOFILE, &r) < 0 || proc_raise_nofile(32) != 32 || proc_raise_nofile(1000) != 64 || proc_raise_nofile(8) != 64)
			_exit(1);
		if (!proc_not_dumpable() || prctl(PR_GET_DUMPABLE) != 0 || !proc_no_core())
			_exit(2);
		_exit(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0 ? 0 : 3);
	}
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	assert_int_equal(x.code, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_gets_what_it_was_given_and_no_more),
		cmocka_unit_test(signals_start_from_default),
		cmocka_unit_test(a_program_that_is_not_there_is_told_at_once),
		cmocka_unit_test(a_session_has_its_terminal),
		cmocka_unit_test(a_child_dies_with_its_parent),
		cmocka_unit_test(only_one_process_is_ever_signalled),
		cmocka_unit_test(a_hostile_start_is_cleaned),
		cmocka_unit_test(signal_names_are_those_of_the_rfc),
		cmocka_unit_test(the_title_is_what_ps_shows),
		cmocka_unit_test(limits_and_privacy),
	};
	saved_argc = argc, saved_argv = argv;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
