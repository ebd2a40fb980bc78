#include "sys/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/account.h"
#include "sys/fd.h"
#include "sys/fdpass.h"
#include "sys/process.h"
#include "sys/pty.h"
#include "sys/sandbox_filter.h"
#include "sys/sandbox_landlock.h"
#include "sys/sock.h"

enum { CHILD_DONE = 40, CHILD_REFUSED = 41, CHILD_NO_JAIL = 42, NOFILE = 64 };

static char empty[64];
static struct pty terminal;
static int pipe_fds[2], unix_pair[2], tcp = -1;
static bool have_seccomp;
static char *page;

static struct sandbox_setup setup_of(void)
{
	return (struct sandbox_setup){.nofile = NOFILE, .memory = 0, .empty_root = empty, .uid = 65534, .gid = 65534};
}

/* System calls that a jailed process must not make. Each returns as syscall(2) does. */
static long call_fork(void) { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }
static long call_execve(void) { return syscall(SYS_execve, "/bin/true", NULL, NULL); }
static long call_openat(void) { return syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY); }
static long call_openat2(void) { return syscall(437, AT_FDCWD, "/", NULL, 0); }
static long call_socket(void) { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }
static long call_socketpair(void) { return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pipe_fds); }
static long call_connect(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
	return syscall(SYS_connect, tcp, &a, sizeof a);
}
static long call_bind(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return syscall(SYS_bind, tcp, &a, sizeof a);
}
static long call_listen(void) { return syscall(SYS_listen, tcp, 1); }
static long call_accept(void) { return syscall(SYS_accept4, tcp, NULL, NULL, 0); }
static long call_sendto_address(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	return syscall(SYS_sendto, unix_pair[0], "x", 1, 0, &a, sizeof a);
}
static long call_ptrace(void) { return syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), 0, 0); }
static long call_kill(void) { return syscall(SYS_kill, 1, 0); }
static long call_kill_own_group(void) { return syscall(SYS_kill, 0, 0); }
static long call_tgkill_other(void) { return syscall(SYS_tgkill, 1, 1, SIGABRT); }
static long call_tgkill_stop(void) { return syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGTERM); }
static long call_process_vm_readv(void)
{
	char byte;
	struct iovec v = {&byte, 1}, far = {&empty, 1};
	return syscall(SYS_process_vm_readv, 1, &v, 1, &far, 1, 0);
}
static long call_mmap_code(void) { return (long)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1 ? -1 : 0; }
static long call_mmap_file(void) { return (long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, pipe_fds[0], 0) == -1 ? -1 : 0; }
static long call_mprotect_code(void) { return mprotect(page, 4096, PROT_READ | PROT_EXEC); }
static long call_setuid(void) { return syscall(SYS_setuid, 0); }
static long call_setresgid(void) { return syscall(SYS_setresgid, 0, 0, 0); }
static long call_chroot(void) { return syscall(SYS_chroot, "."); }
static long call_mount(void) { return syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL); }
static long call_prctl_dumpable(void) { return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }
static long call_prctl_pdeathsig(void) { return syscall(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0); }
static long call_seccomp(void) { return syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL); }
static long call_bpf(void) { return syscall(SYS_bpf, 0, NULL, 0); }
static long call_io_uring(void) { return syscall(425, 8, NULL); }
static long call_userfaultfd(void) { return syscall(SYS_userfaultfd, 0); }
static long call_keyctl(void) { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }
static long call_unshare(void) { return syscall(SYS_unshare, CLONE_NEWUSER); }
static long call_memfd(void) { return syscall(SYS_memfd_create, "x", 0); }
static long call_pidfd_open(void) { return syscall(SYS_pidfd_open, 1, 0); }
static long call_setrlimit(void)
{
	struct rlimit r = {8, 8};
	return syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, &r, NULL);
}
static long call_unlink(void) { return syscall(SYS_unlinkat, AT_FDCWD, "x", 0); }
static long call_dup_by_fcntl(void) { return syscall(SYS_fcntl, pipe_fds[0], F_DUPFD, 0); }
static long call_set_owner(void) { return syscall(SYS_fcntl, pipe_fds[0], F_SETOWN, 1); }
static long call_tiocsti(void) { return syscall(SYS_ioctl, terminal.master, TIOCSTI, "x"); }
static long call_tiocsctty(void) { return syscall(SYS_ioctl, terminal.slave, TIOCSCTTY, 0); }
static long call_setsockopt_other(void)
{
	int one = 1;
	return syscall(SYS_setsockopt, tcp, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
}
static long call_getsockopt_other(void)
{
	struct fd_peer p;
	socklen_t n = sizeof p;
	return syscall(SYS_getsockopt, unix_pair[0], SOL_SOCKET, SO_PEERCRED, &p, &n);
}

struct call { const char *name; long (*make)(void); };

static const struct call forbidden[] = {
	{"fork", call_fork}, {"execve", call_execve}, {"openat", call_openat}, {"openat2", call_openat2}, {"socket", call_socket},
	{"socketpair", call_socketpair}, {"connect", call_connect}, {"bind", call_bind}, {"listen", call_listen}, {"accept4", call_accept},
	{"sendto with an address", call_sendto_address}, {"ptrace", call_ptrace}, {"kill", call_kill}, {"kill own group", call_kill_own_group},
	{"tgkill of another", call_tgkill_other}, {"tgkill with SIGTERM", call_tgkill_stop}, {"process_vm_readv", call_process_vm_readv},
	{"mmap of code", call_mmap_code}, {"mmap of a file", call_mmap_file}, {"mprotect to code", call_mprotect_code}, {"setuid", call_setuid},
	{"setresgid", call_setresgid}, {"chroot", call_chroot}, {"mount", call_mount}, {"prctl dumpable", call_prctl_dumpable},
	{"prctl pdeathsig", call_prctl_pdeathsig}, {"seccomp", call_seccomp}, {"bpf", call_bpf}, {"io_uring_setup", call_io_uring},
	{"userfaultfd", call_userfaultfd}, {"keyctl", call_keyctl}, {"unshare", call_unshare}, {"memfd_create", call_memfd},
	{"pidfd_open", call_pidfd_open}, {"prlimit of another", call_setrlimit}, {"unlinkat", call_unlink}, {"fcntl F_DUPFD", call_dup_by_fcntl},
	{"fcntl F_SETOWN", call_set_owner}, {"ioctl TIOCSTI", call_tiocsti}, {"ioctl TIOCSCTTY", call_tiocsctty},
	{"setsockopt SO_REUSEPORT", call_setsockopt_other}, {"getsockopt SO_PEERCRED", call_getsockopt_other},
};

/* And those that it needs. */
static long call_pipe(void)
{
	char c = 0;
	return write(pipe_fds[1], "x", 1) == 1 && read(pipe_fds[0], &c, 1) == 1 && c == 'x' ? 0 : -1;
}
static long call_vectors(void)
{
	char c[2] = "";
	struct iovec out = {page, 1}, in = {c, 1};
	return writev(pipe_fds[1], &out, 1) == 1 && readv(pipe_fds[0], &in, 1) == 1 ? 0 : -1;
}
static long call_poll(void)
{
	struct pollfd p = {.fd = pipe_fds[1], .events = POLLOUT};
	return poll(&p, 1, 0) == 1 ? 0 : -1;
}
static long call_memory(void)
{
	for (size_t n = 16; n < 64u << 20; n *= 4) {
		volatile char *p = malloc(n);
		if (p == NULL)
			return -1;
		p[0] = p[n - 1] = 1;
		p = realloc((void *)(uintptr_t)p, n * 2);
		free((void *)(uintptr_t)p);
	}
	char *s = secret_new(100);
	s[0] = 1;
	secret_free(s, 100);
	return 0;
}
static long call_flags(void) { return fd_nonblock(pipe_fds[0], true) && fd_cloexec(pipe_fds[0], true) && fd_grow_pipe(pipe_fds[0]) > 0 ? 0 : -1; }
static long call_options(void)
{
	return sock_nodelay(tcp) && sock_notsent_lowat(tcp, 1 << 17) && sock_tos(tcp, 0x10) && sock_keepalive(tcp, true)
		&& shutdown(unix_pair[1], SHUT_WR) == 0 && sock_connect_finish(tcp, NULL) ? 0 : -1;
}
static long call_passing(void)
{
	struct fdpass_list out = {.fd = {pipe_fds[0]}, .n = 1}, in;
	size_t n;
	uint8_t byte;
	if (fdpass_send(unix_pair[0], SLICE_LIT("x"), &out, &n, NULL) != FDPASS_OK)
		return -1;
	return fdpass_recv(unix_pair[1], (struct room){&byte, 1}, &n, &in, NULL) == FDPASS_OK && in.n == 1 ? 0 : -1;
}
static long call_size(void)
{
	int waiting;
	return pty_set_size(terminal.master, &(struct pty_size){.columns = 80, .rows = 24}) && ioctl(pipe_fds[0], FIONREAD, &waiting) == 0 ? 0 : -1;
}
static long call_random(void)
{
	char c[32];
	return proc_random(c, sizeof c) ? 0 : -1;
}

static const struct call allowed[] = {
	{"read, write", call_pipe}, {"readv, writev", call_vectors}, {"poll", call_poll}, {"memory", call_memory}, {"fcntl", call_flags},
	{"socket options", call_options}, {"descriptor passing", call_passing}, {"TIOCSWINSZ, FIONREAD", call_size}, {"getrandom", call_random},
};

/* What becomes of a jailed child that makes this call. */
static struct proc_exit in_jail(bool oneshot, long (*make)(void))
{
	struct proc_exit x = {0};
	pid_t pid = proc_fork(0, NULL, NULL);
	assert_true(pid >= 0);
	if (pid == 0) {
		struct sandbox_report r;
		struct sandbox_setup s = setup_of();
		proc_no_core();
		s.without_seccomp = false;
		bool in = oneshot ? sandbox_enter_oneshot(0, NULL) : sandbox_enter(&s, &r, NULL);
		if (!in)
			_exit(CHILD_NO_JAIL);
		_exit(make() == -1 ? CHILD_REFUSED : CHILD_DONE);
	}
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	return x;
}

static bool stopped(struct proc_exit x)
{
	return x.by_signal ? x.code == SIGSYS : sandbox_sanitized && x.code == CHILD_REFUSED;
}

static void every_forbidden_call_is_killed(void **state)
{
	(void)state;
	if (!have_seccomp) {
		print_message("no seccomp here: skipped\n");
		skip();
	}
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		struct proc_exit x = in_jail(false, forbidden[i].make);
		if (!stopped(x))
			fail_msg("%s: %s %d", forbidden[i].name, x.by_signal ? "signal" : "exit", x.code);
	}
}

static void every_needed_call_works(void **state)
{
	(void)state;
	if (!have_seccomp)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		struct proc_exit x = in_jail(false, allowed[i].make);
		if (x.by_signal || x.code != CHILD_DONE)
			fail_msg("%s: %s %d", allowed[i].name, x.by_signal ? "signal" : "exit", x.code);
	}
}

static long call_abort(void) { abort(); }

static void an_assertion_ends_with_abort(void **state)
{
	(void)state;
	struct proc_exit x = in_jail(false, call_abort);
	assert_true(x.by_signal);
	assert_int_equal(x.code, SIGABRT);
}

static void the_small_jail_computes_and_nothing_else(void **state)
{
	(void)state;
	static const struct call more[] = {
		{"poll", call_poll}, {"passing", call_passing}, {"fcntl", call_flags}, {"ioctl", call_size}, {"options", call_options},
	};
	static const struct call fine[] = {{"read, write", call_pipe}, {"getrandom", call_random}};
	if (!have_seccomp)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(fine); i++)
		assert_int_equal(in_jail(true, fine[i].make).code, CHILD_DONE);
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++)
		if (!stopped(in_jail(true, forbidden[i].make)))
			fail_msg("%s", forbidden[i].name);
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		if (!stopped(in_jail(true, more[i].make)))
			fail_msg("%s", more[i].name);
}

#ifdef __x86_64__
static long call_x32(void) { return syscall(0x40000000 | SYS_getpid); }
static long call_i386(void)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");   /* 20: getpid of i386 */
	return r;
}

static void other_call_tables_are_shut(void **state)
{
	(void)state;
	if (!have_seccomp)
		skip();
	struct proc_exit x = in_jail(false, call_x32);
	assert_true(x.by_signal);
	assert_int_equal(x.code, SIGSYS);
	x = in_jail(false, call_i386);
	assert_true(x.by_signal);               /* SIGSYS, or SIGSEGV from a kernel without i386 */
}
#endif

/* The line of /proc/PID/status that begins with word. */
static void status_line(pid_t pid, const char *word, char out[128])
{
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	out[0] = 0;
	while (fgets(line, sizeof line, f))
		if (strncmp(line, word, strlen(word)) == 0)
			snprintf(out, 128, "%.100s", line + strlen(word));
	fclose(f);
}

static void the_kernel_confirms_each_layer(void **state)
{
	(void)state;
	int ready[2], stay[2];
	char line[128];
	uint8_t byte;
	struct sandbox_report r;
	assert_true(fd_pipe(ready, NULL) && fd_pipe(stay, NULL));
	pid_t pid = proc_fork(0, NULL, NULL);
	if (pid == 0) {
		struct sandbox_setup s = setup_of();
		close(stay[1]);
		s.without_seccomp = true;
		s.parent = getppid();
		bool ok = sandbox_enter(&s, &r, NULL);
		ssize_t n = write(ready[1], ok ? "y" : "n", 1);
		n = read(stay[0], &byte, 1);
		_exit(n == 0 ? 0 : 1);
	}
	close(stay[0]);
	assert_true(fd_read_exact(ready[0], (struct room){&byte, 1}, 10000, NULL));
	assert_int_equal(byte, 'y');
	status_line(pid, "NoNewPrivs:", line);
	assert_string_equal(line, "\t1\n");
	status_line(pid, "CapEff:", line);
	assert_string_equal(line, "\t0000000000000000\n");
	status_line(pid, "CapPrm:", line);
	assert_string_equal(line, "\t0000000000000000\n");
	if (have_seccomp) {
		status_line(pid, "Seccomp:", line);
		assert_string_equal(line, "\t2\n");
	}
	if (geteuid() == 0) {
		status_line(pid, "CapBnd:", line);
		assert_string_equal(line, "\t0000000000000000\n");
		status_line(pid, "Uid:", line);
		assert_string_equal(line, "\t65534\t65534\t65534\t65534\n");
		status_line(pid, "Gid:", line);
		assert_string_equal(line, "\t65534\t65534\t65534\t65534\n");
		status_line(pid, "Groups:", line);
		assert_null(strpbrk(line, "0123456789"));
	}
	close(stay[1]);
	struct proc_exit x;
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	assert_int_equal(x.code, 0);
	close(ready[0]), close(ready[1]);
}

static long landlock_only(void)
{
	int abi, fd;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	int error = sandbox_landlock(&abi);
	if (error == ENOSYS || error == EOPNOTSUPP)
		_exit(CHILD_NO_JAIL);
	if (error)
		return 0;
	fd = open("/", O_RDONLY | O_DIRECTORY);
	bool shut = fd < 0 && errno == EACCES;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (abi >= 4)
		shut = shut && bind(tcp, (struct sockaddr *)&a, sizeof a) < 0 && errno == EACCES;
	return shut ? -1 : 0;
}

static void landlock_alone_shuts_files_and_tcp(void **state)
{
	(void)state;
	pid_t pid = proc_fork(0, NULL, NULL);
	struct proc_exit x;
	if (pid == 0)
		_exit(landlock_only() == -1 ? CHILD_REFUSED : CHILD_DONE);
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	assert_false(x.by_signal);
	if (x.code == CHILD_NO_JAIL) {
		print_message("no Landlock here: skipped\n");
		skip();
	}
	assert_int_equal(x.code, CHILD_REFUSED);
}

static void a_probe_reports_every_layer(void **state)
{
	(void)state;
	struct sandbox_report r;
	struct sandbox_setup s = setup_of();
	struct buf text = BUF_INIT(4096);
	struct err e;
	s.without_seccomp = true;
	assert_true(sandbox_probe(&s, &r, &e));
	for (int i = 0; i < SANDBOX_LAYERS; i++)
		assert_int_not_equal(r.layer[i].state, SANDBOX_UNTRIED);
	assert_int_equal(r.layer[SANDBOX_NO_NEW_PRIVS].state, SANDBOX_OK);
	assert_int_equal(r.layer[SANDBOX_RLIMITS].state, SANDBOX_OK);
	sandbox_report_text(&r, &text);
	print_message("%s\n", buf_cstr(&text));
	assert_non_null(strstr(buf_cstr(&text), "rlimits ok, "));
	buf_clear(&text);
}

static void a_root_that_others_may_write_is_refused(void **state)
{
	(void)state;
	struct sandbox_report r;
	struct sandbox_setup s = setup_of();
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(empty, 0777), 0);
	s.without_seccomp = true;
	assert_true(sandbox_probe(&s, &r, NULL));
	assert_int_equal(r.layer[SANDBOX_ROOT].state, SANDBOX_REFUSED);
	assert_int_equal(chmod(empty, 0755), 0);
	assert_true(sandbox_probe(&s, &r, NULL));
	assert_int_equal(r.layer[SANDBOX_ROOT].state, SANDBOX_OK);
}

static int set_up(void **state)
{
	(void)state;
	struct sandbox_report r;
	struct sandbox_setup s;
	snprintf(empty, sizeof empty, "%s/hawser-jail-XXXXXX", P_tmpdir);
	if (mkdtemp(empty) == NULL || chmod(empty, 0755) < 0)
		return -1;
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (tcp < 0 || page == MAP_FAILED || !pty_open(&terminal, NULL) || !fd_pipe(pipe_fds, NULL) || !fd_pair(FD_PAIR_STREAM, unix_pair, NULL))
		return -1;
	s = setup_of();
	s.without_seccomp = true;
	if (!sandbox_probe(&s, &r, NULL))
		return -1;
	have_seccomp = r.layer[SANDBOX_SECCOMP].state == SANDBOX_OK;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pty_close(&terminal);
	return rmdir(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_forbidden_call_is_killed),
		cmocka_unit_test(every_needed_call_works),
		cmocka_unit_test(an_assertion_ends_with_abort),
		cmocka_unit_test(the_small_jail_computes_and_nothing_else),
#ifdef __x86_64__
		cmocka_unit_test(other_call_tables_are_shut),
#endif
		cmocka_unit_test(the_kernel_confirms_each_layer),
		cmocka_unit_test(landlock_alone_shuts_files_and_tcp),
		cmocka_unit_test(a_probe_reports_every_layer),
		cmocka_unit_test(a_root_that_others_may_write_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
