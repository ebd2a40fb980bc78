#include "client/readpass.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"
#include "sys/tty.h"

#define ASKPASS_DEFAULT "/usr/bin/ssh-askpass"

enum askpass { ASKPASS_NEVER, ASKPASS_WITHOUT_TTY, ASKPASS_ALWAYS };

static bool is_set(const char *name)
{
	const char *v = getenv(name);
	return v && *v;
}

static enum askpass askpass_policy(unsigned flags)
{
	const char *require = getenv("SSH_ASKPASS_REQUIRE");
	bool display = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
	if (flags & READPASS_NO_ASKPASS)
		return ASKPASS_NEVER;
	if (require && strcasecmp(require, "force") == 0)
		return ASKPASS_ALWAYS;
	if (require && strcasecmp(require, "prefer") == 0)
		return display ? ASKPASS_ALWAYS : ASKPASS_WITHOUT_TTY;
	if (!display || (require && strcasecmp(require, "never") == 0))
		return ASKPASS_NEVER;
	return ASKPASS_WITHOUT_TTY;
}

/* The program as named, or where PATH has it. Owned; NULL: not found. */
static char *find_program(const char *name)
{
	struct slice dirs = slice_str(getenv("PATH"));
	if (strchr(name, '/'))
		return mem_str(name);
	while (dirs.n) {
		struct slice dir = slice_cut(&dirs, ':');
		char *d = slice_dup(dir), *path = file_join(d, name);
		mem_free(d);
		if (dir.n && access(path, X_OK) == 0)
			return path;
		mem_free(path);
	}
	return NULL;
}

static void keep_first_line(struct buf *out)
{
	for (size_t i = 0; i < out->len; i++) {
		if (out->p[i] == '\n' || out->p[i] == '\r') {
			mem_wipe(out->p + i, out->len - i);
			buf_truncate(out, i);
		}
	}
}

static char *askpass_program(struct err *err)
{
	const char *name = is_set("SSH_ASKPASS") ? getenv("SSH_ASKPASS") : ASKPASS_DEFAULT;
	char *path = find_program(name);
	if (path == NULL)
		err_set(err, ERR_MISSING, "SSH_ASKPASS names %s, which is not in PATH", text_show(slice_str(name)));
	return path;
}

/* *fd: its standard output. */
static pid_t start(const char *prompt, const char *kind, int *fd, struct err *err)
{
	int pipe[2];
	char *path = askpass_program(err);
	*fd = -1;
	if (path == NULL || !fd_pipe(pipe, err)) {
		mem_free(path);
		return -1;
	}
	if (kind)
		setenv("SSH_ASKPASS_PROMPT", kind, 1);
	struct proc_spawn how = {
		.path = path, .argv = (const char *const[]){path, prompt, NULL},
		.fds = &(struct fd_map){pipe[1], STDOUT_FILENO}, .nfds = 1,
	};
	pid_t pid = proc_spawn(&how, NULL, err);
	unsetenv("SSH_ASKPASS_PROMPT");
	fd_close(&pipe[1]);
	if (pid > 0)
		*fd = pipe[0];
	else
		fd_close(&pipe[0]);
	mem_free(path);
	return pid;
}

static bool from_askpass(const char *prompt, unsigned flags, struct buf *out, struct err *err)
{
	int fd;
	pid_t pid = start(prompt, flags & READPASS_CONFIRM ? "confirm" : NULL, &fd, err);
	bool ok = pid > 0 && fd_read_to_end(fd, out, -1, err);
	fd_close(&fd);
	struct proc_exit end = {0};
	if (pid > 0 && (proc_wait(pid, true, &end) != PROC_ENDED || end.by_signal || end.code != 0))
		ok = err_set(err, ERR_DENIED, "SSH_ASKPASS gave no answer");
	keep_first_line(out);
	return ok;
}

pid_t askpass_start(const char *prompt, const char *kind, int *fd, struct err *err)
{
	const char *require = getenv("SSH_ASKPASS_REQUIRE");
	pid_t pid = -1;
	*fd = -1;
	if (require && strcasecmp(require, "never") == 0)
		err_set(err, ERR_DENIED, "SSH_ASKPASS_REQUIRE says never");
	else
		pid = start(prompt, kind, fd, err);
	if (pid > 0)
		fd_nonblock(*fd, true);
	return pid;
}

bool askpass_end(int *fd, int status, struct buf *out)
{
	enum { ANSWER = 1024 };
	buf_reset(out);
	struct room room = buf_room(out, out->max < ANSWER ? out->max : ANSWER);
	ssize_t n = *fd >= 0 ? read(*fd, room.p, room.n) : 0;
	buf_add(out, n > 0 ? (size_t)n : 0);
	keep_first_line(out);
	fd_close(fd);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool askpass_is_yes(const struct buf *out)
{
	return out->len == 0 || slice_eq_fold(buf_slice(out), SLICE_LIT("yes"));
}

static bool has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	bool there = fd >= 0;
	fd_close(&fd);
	return there;
}

/* One byte a call: what follows the line belongs to the next question. */
static bool from_stdin(const char *prompt, struct buf *out, struct err *err)
{
	uint8_t c = 0;
	ssize_t n;
	bool any = false;
	if (!fd_write_all(STDERR_FILENO, slice_str(prompt), -1, err))
		return false;
	while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
		any = true;
		put_u8(out, c);
	}
	if (out->bad)
		return err_set(err, ERR_LIMIT, "the answer is longer than %zu bytes", out->max);
	return n == 1 || any || err_set(err, ERR_MISSING, "end of input at the prompt");
}

bool read_passphrase(const char *prompt, unsigned flags, struct buf *out, struct err *err)
{
	enum askpass policy = askpass_policy(flags);
	buf_reset(out);
	if (policy == ASKPASS_ALWAYS)
		return from_askpass(prompt, flags, out, err);
	bool terminal = has_terminal();
	if (terminal && !((flags & READPASS_STDIN) && policy != ASKPASS_NEVER && !isatty(STDIN_FILENO)))
		return tty_read_line(prompt, flags & READPASS_ECHO, out, err);
	if (policy != ASKPASS_NEVER)
		return from_askpass(prompt, flags, out, err);
	if (flags & READPASS_STDIN)
		return from_stdin(prompt, out, err);
	return err_set(err, ERR_MISSING, "no terminal to ask on; run in a terminal or set SSH_ASKPASS and SSH_ASKPASS_REQUIRE=force");
}
