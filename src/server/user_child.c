#include "server/user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"

enum { MOTD_MAX = 64 << 10, NOLOGIN_STATUS = 254 };

static void say(int fd, struct slice text)
{
	if (text.n && !fd_write_all(fd, text, -1, NULL))
		_exit(1);
}

static void complain(const char *what, const char *about)
{
	char *line = mem_fmt("%s%s: %s\n", what, about, strerror(errno));
	say(2, slice_str(line));
	mem_free(line);
}

/* /etc/nologin keeps everybody out but root; its text says why. So do words of PAM modules that open no session. */
static void check_nologin(const struct user *u)
{
	if (u->rights.refused) {
		say(2, u->rights.message);
		_exit(NOLOGIN_STATUS);
	}
	if (!u->rights.is_nologin)
		return;
	say(2, u->rights.nologin);
	_exit(NOLOGIN_STATUS);
}

/* An expired password: nothing else is run before it was changed, and that needs a terminal. */
static void check_password(const struct user *u, const struct user_session *s)
{
	if (!u->rights.change_password)
		return;
	say(2, SLICE_LIT("WARNING: Your password has expired.\n"));
	if (!s->has_pty) {
		say(2, SLICE_LIT("Password change required but no TTY available.\n"));
		_exit(1);
	}
	say(2, SLICE_LIT("You must change your password now and login again!\n"));
	execl("/usr/bin/passwd", "passwd", (char *)NULL);
	complain("", "passwd");
	_exit(1);
}

static void show_file(const char *path)
{
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = MOTD_MAX};
	struct buf text = BUF_INIT(MOTD_MAX);
	if (file_read(path, &policy, &text, NULL))
		say(1, buf_slice(&text));
	buf_clear(&text);
}

/* login(1)'s words: not for commands, nor for who has a ~/.hushlogin. */
static void greet(const struct user *u, const struct user_session *s, const char *home)
{
	char *hush = file_join(home, ".hushlogin");
	bool quiet = s->command != NULL || !s->has_pty || file_exists(hush);
	mem_free(hush);
	if (quiet)
		return;
	say(1, u->rights.message);
	if (u->rights.print_motd)
		show_file("/etc/motd");
}

static void run_and_wait(const char *const argv[], char *const envp[])
{
	pid_t pid = fork();
	if (pid == 0) {
		execve(argv[0], (char *const *)(uintptr_t)argv, envp);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* sshd(8), SSHRC: ~/.ssh/rc by the user's shell, else /etc/ssh/sshrc. Standard input is empty: there is no X11 cookie. */
static void run_rc(const struct user *u, const struct user_session *s, const char *shell, const char *home, char *const envp[])
{
	char *rc = file_join(home, ".ssh/rc");
	bool own = !s->subsystem && u->rights.permit_rc && file_exists(rc);
	bool system = !own && file_exists(PATH_ETC "/sshrc");
	if (own || system) {
		int keep = dup(0), empty[2];
		struct err err;
		if (keep >= 0 && fd_pipe(empty, &err)) {
			close(empty[1]);
			dup2(empty[0], 0);
			close(empty[0]);
			const char *const mine[] = {shell, "-c", "/bin/sh .ssh/rc", NULL};
			const char *const theirs[] = {"/bin/sh", PATH_ETC "/sshrc", NULL};
			run_and_wait(own ? mine : theirs, envp);
			dup2(keep, 0);
			close(keep);
		}
	}
	mem_free(rc);
}

static void go_home(const struct user *u, const char *home)
{
	(void)u;
	if (chdir(home) < 0)
		complain("Could not chdir to home directory ", home);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static _Noreturn void run(const struct user_session *s, const char *shell, char *const envp[])
{
	char *login = mem_fmt("-%s", base_name(shell));
	const char *const shell_argv[] = {login, NULL};
	const char *const command_argv[] = {base_name(shell), "-c", s->command, NULL};
	execve(shell, (char *const *)(uintptr_t)(s->command ? command_argv : shell_argv), envp);
	complain("", shell);
	_exit(1);
}

_Noreturn void user_child(const struct user *u, const struct user_session *s)
{
	struct user_env env = {0};
	char *home = slice_dup(u->rights.home), *shell = slice_dup(u->rights.shell);
	user_env_build(u, s, &env);
	check_nologin(u);
	check_password(u, s);
	greet(u, s, home);
	go_home(u, home);
	if (s->command && strcmp(s->command, "internal-sftp") == 0) {
		say(2, SLICE_LIT("internal-sftp is not built yet; configure the path of sftp-server instead\n"));
		_exit(1);
	}
	run_rc(u, s, shell, home, env.v);
	run(s, shell, env.v);
}
