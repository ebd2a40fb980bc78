#include "client/readpass.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

static bool run_askpass(const char *path, const char *prompt, unsigned flags, struct buf *out, struct err *err)
{
	int pipe[2];
	if (!fd_pipe(pipe, err))
		return false;
	if (flags & READPASS_CONFIRM)
		setenv("SSH_ASKPASS_PROMPT", "confirm", 1);
	struct proc_spawn how = {
		.path = path, .argv = (const char *const[]){path, prompt, NULL},
		.fds = &(struct fd_map){pipe[1], STDOUT_FILENO}, .nfds = 1,
	};
	pid_t pid = proc_spawn(&how, NULL, err);
	unsetenv("SSH_ASKPASS_PROMPT");
	fd_close(&pipe[1]);
	bool ok = pid > 0 && fd_read_to_end(pipe[0], out, -1, err);
	fd_close(&pipe[0]);
	struct proc_exit end = {0};
	if (pid > 0 && (proc_wait(pid, true, &end) != PROC_ENDED || end.by_signal || end.code != 0))
		ok = err_set(err, ERR_DENIED, "%s gave no answer", path);
	keep_first_line(out);
	return ok;
}

static bool from_askpass(const char *prompt, unsigned flags, struct buf *out, struct err *err)
{
	const char *name = is_set("SSH_ASKPASS") ? getenv("SSH_ASKPASS") : ASKPASS_DEFAULT;
	char *path = find_program(name);
	bool ok = path ? run_askpass(path, prompt, flags, out, err) : err_set(err, ERR_MISSING, "SSH_ASKPASS names %s, which is not in PATH", text_show(slice_str(name)));
	mem_free(path);
	return ok;
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
