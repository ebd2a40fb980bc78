#include "sys/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"

static struct { int fd; bool on; struct termios before; } raw;

bool tty_modes_of(int fd, struct buf *out)
{
	struct termios t;
	if (tcgetattr(fd, &t) < 0) {
		put_u8(out, 0);
		return false;
	}
	tty_modes_encode(&t, out);
	return true;
}

bool tty_modes_apply(int fd, struct slice s)
{
	struct termios t;
	if (tcgetattr(fd, &t) < 0)
		return false;
	bool whole = tty_modes_decode(s, &t);
	return tcsetattr(fd, TCSANOW, &t) == 0 && whole;
}

bool tty_enter_raw(int fd, bool keep_signals)
{
	struct termios t;
	if (raw.on)
		return true;
	if (tcgetattr(fd, &t) < 0)
		return false;
	raw.before = t;
	raw.fd = fd;
	t.c_iflag |= IGNPAR;
	t.c_iflag &= ~(tcflag_t)(ISTRIP | INLCR | IGNCR | ICRNL | IXON | IXANY | IXOFF | IUCLC);
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHOE | ECHOK | ECHONL | IEXTEN);
	if (!keep_signals)
		t.c_lflag &= ~(tcflag_t)ISIG;
	t.c_oflag &= ~(tcflag_t)OPOST;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	raw.on = tcsetattr(fd, TCSADRAIN, &t) == 0;
	return raw.on;
}

void tty_leave_raw(void)
{
	if (raw.on)
		tcsetattr(raw.fd, TCSADRAIN, &raw.before);
	raw.on = false;
}

bool tty_is_raw(void)
{
	return raw.on;
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

/* The first ones are held back but while we wait: one that came just before the wait would else be noticed only after the next
 * key. TTIN and TTOU come out of the calls themselves. */
static const struct { int sig; bool hold; } watched[] = {
	{SIGINT, true}, {SIGTERM, true}, {SIGHUP, true}, {SIGQUIT, true}, {SIGTSTP, true}, {SIGTTIN, false}, {SIGTTOU, false},
};
static sigset_t held, waiting;

/* Reads to the end of the line, one byte a call: what follows belongs to the next reader. */
static bool read_line(int fd, struct buf *out, struct err *e)
{
	bool too_long = false;
	for (;;) {
		char c;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n = ppoll(&p, 1, NULL, &waiting);
		if (n > 0)
			n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR && !caught)
			continue;
		if (n < 0 && caught)
			return err_set(e, ERR_DENIED, "interrupted at the prompt");
		if (n < 0)
			return err_errno(e, "cannot read from /dev/tty");
		if (n == 0)
			return err_set(e, ERR_MISSING, "end of file at the prompt");
		if (c == '\n' || c == '\r')
			break;
		if (out->len < out->max)
			put_u8(out, (uint8_t)c);
		else
			too_long = true;
	}
	return !too_long || err_set(e, ERR_LIMIT, "the answer is longer than %zu bytes", out->max);
}

static bool ask(int fd, const char *prompt, bool echo, struct buf *out, struct err *e)
{
	struct termios before, t;
	if (tcgetattr(fd, &before) < 0)
		return err_errno(e, "cannot read the modes of /dev/tty");
	t = before;
	t.c_lflag |= ICANON | ISIG;
	t.c_iflag |= ICRNL;
	if (echo)
		t.c_lflag |= ECHO;
	else
		t.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	/* Flush: what was typed before the prompt was not meant as an answer to it. */
	if (tcsetattr(fd, echo ? TCSADRAIN : TCSAFLUSH, &t) < 0)
		return err_errno(e, "cannot set the modes of /dev/tty");
	bool ok = fd_write_all(fd, slice_str(prompt), -1, e) && read_line(fd, out, e);
	bool shown = echo || fd_write_all(fd, SLICE_LIT("\n"), -1, NULL);
	return tcsetattr(fd, TCSAFLUSH, &before) == 0 && ok && shown;
}

static bool is_stop(int sig)
{
	return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/* One attempt with the signals watched. No SA_RESTART: the read ends, modes are put back, and only then the signal gets its due. */
static bool ask_watched(int fd, const char *prompt, bool echo, struct buf *out, struct err *e)
{
	struct sigaction act = {.sa_handler = on_signal}, old[ARRAY_LEN(watched)];
	caught = 0;
	sigset_t before;
	sigemptyset(&held);
	for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
		if (watched[i].hold)
			sigaddset(&held, watched[i].sig);
		sigaction(watched[i].sig, &act, &old[i]);
	}
	sigprocmask(SIG_BLOCK, &held, &before);
	waiting = before;
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		sigdelset(&waiting, watched[i].sig);
	bool ok = ask(fd, prompt, echo, out, e);
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		sigaction(watched[i].sig, &old[i], NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (caught)
		kill(getpid(), caught);
	return ok;
}

bool tty_read_line(const char *prompt, bool echo, struct buf *out, struct err *e)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_errno(e, "no terminal to ask on (/dev/tty); run in a terminal or set SSH_ASKPASS");
	bool was_raw = raw.on, ok;
	tty_leave_raw();
	do {
		buf_reset(out);
		ok = ask_watched(fd, prompt, echo, out, e);
	} while (!ok && is_stop(caught));       /* stopped and continued: ask once more */
	if (was_raw)
		tty_enter_raw(raw.fd, false);
	close(fd);
	return ok;
}
