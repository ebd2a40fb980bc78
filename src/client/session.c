/* The client's session channel: terminal, environment, command, signals, exit status (RFC 4254, 6). */
#include "client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/escape.h"
#include "client/session.h"
#include "client/update.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/pty.h"
#include "sys/tty.h"

enum { BODY_MAX = 1 << 16, ENV_MAX = 1024 };

static void request(struct session *s, const char *name, bool want_reply, const struct msg_desc *d, const void *msg)
{
	struct buf body = BUF_INIT(1 << 22);
	if (d)
		msg_encode_body(d, msg, &body);
	chan_request(s->c->ssh, s->chan, name, want_reply, buf_slice(&body));
	buf_clear(&body);
}

static void window_size(struct req_window *w)
{
	struct winsize ws = {0};
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) != 0)
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
	*w = (struct req_window){ws.ws_col, ws.ws_row, ws.ws_xpixel, ws.ws_ypixel};
}

static void request_pty(struct session *s)
{
	struct req_window w;
	struct buf modes = BUF_INIT(BODY_MAX);
	const char *term = getenv("TERM");
	window_size(&w);
	tty_modes_of(STDIN_FILENO, &modes);
	struct req_pty pty = {slice_str(term ? term : "vt100"), w.columns, w.rows, w.width, w.height, buf_slice(&modes)};
	request(s, "pty-req", true, &req_desc_pty, &pty);
	buf_clear(&modes);
	s->pty_asked = true;
}

static void send_env(struct session *s, struct slice name, struct slice value)
{
	struct req_env env = {name, value};
	if (s->envs++ < ENV_MAX)
		request(s, "env", false, &req_desc_env, &env);
}

static bool env_wanted(const struct conf_list *patterns, struct slice name)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (patterns->v[i][0] != '-' && match_wild(name, slice_str(patterns->v[i]), false))
			return true;
	return false;
}

static void request_environment(struct session *s)
{
	for (char **at = environ; at && *at; at++) {
		struct slice value = slice_str(*at), name = slice_cut(&value, '=');
		if (name.n && env_wanted(&s->c->conf.send_env, name))
			send_env(s, name, value);
	}
	for (size_t i = 0; i < s->c->conf.set_env.n; i++) {
		struct slice value = slice_str(s->c->conf.set_env.v[i]), name = slice_cut(&value, '=');
		send_env(s, name, value);
	}
}

static void request_program(struct session *s)
{
	struct client *c = s->c;
	struct req_exec exec = {slice_str(c->command)};
	struct req_subsystem subsystem = {slice_str(c->command)};
	if (c->conf.session_type == CONF_SESSION_SUBSYSTEM) {
		log_debug("Sending subsystem: %s", c->command);
		request(s, "subsystem", true, &req_desc_subsystem, &subsystem);
	} else if (c->command) {
		log_debug("Sending command: %s", c->command);
		request(s, "exec", true, &req_desc_exec, &exec);
	} else {
		request(s, "shell", true, NULL, NULL);
	}
}

/* A descriptor that others share gets its mode back at the end (session_free). */
static int own_mode(struct session *s, int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -1;
	if (isatty(fd))
		return fd;
	s->saved[fd] = flags;
	fd_nonblock(fd, true);
	fd_grow_pipe(fd);
	return fd;
}

static void attach(struct session *s)
{
	struct client *c = s->c;
	int in = STDIN_FILENO;
	if (c->conf.stdin_null) {
		in = open("/dev/null", O_RDONLY | O_CLOEXEC);
		s->null = in;
	} else {
		in = own_mode(s, in);
	}
	struct endpoint_setup e = {.source = {in, -1}, .sink = {own_mode(s, STDOUT_FILENO), own_mode(s, STDERR_FILENO)}, .borrowed = true, .arg = s};
	e.blocking[STREAM_OUT] = isatty(STDOUT_FILENO);
	e.blocking[STREAM_ERR] = isatty(STDERR_FILENO);
	if (c->tty)
		e.filter = escape_filter;
	s->endpoint = endpoint_attach(c->drive, s->chan, &e);
}

static void on_winch(void *arg, int signo)
{
	struct session *s = arg;
	struct req_window w;
	(void)signo;
	if (!s->open || !s->pty_asked)
		return;
	window_size(&w);
	request(s, "window-change", false, &req_desc_window, &w);
	drive_kick(s->c->drive);
}

static void forward_signal(struct session *s, int signo)
{
	const char *name = proc_signal_name(signo);
	struct req_signal sig = {slice_str(name)};
	if (name && s->open)
		request(s, "signal", false, &req_desc_signal, &sig);
	drive_kick(s->c->drive);
}

/* Without a terminal of ours at the far end Ctrl-C is the remote command's business first; asked a
 * second time, or when nothing runs yet, ssh itself ends. */
static void on_signal(void *arg, int signo)
{
	struct session *s = arg;
	if (s->open && !s->pty_asked && signo == SIGINT && s->interrupts++ == 0) {
		forward_signal(s, signo);
		return;
	}
	if (s->open && !s->pty_asked)
		forward_signal(s, signo);
	client_over(s->c, 255, "Killed by signal %d.", signo);
}

static void watch_signals(struct session *s)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct sigaction old;
		if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;                           /* nohup and shells' background jobs mean it */
		loop_signal(s->c->loop, ends[i], on_signal, s);
	}
	loop_signal(s->c->loop, SIGWINCH, on_winch, s);
}

struct session *session_new(struct client *c)
{
	struct session *s = mem_new(sizeof *s);
	*s = (struct session){.c = c, .chan = UINT32_MAX, .saved = {-1, -1, -1}, .null = -1, .line_start = true, .status = -1};
	watch_signals(s);
	return s;
}

void session_start(struct session *s)
{
	struct client *c = s->c;
	s->chan = chan_open(c->ssh, "session", slice_of(NULL, 0));
	s->open = true;
	if (c->tty)
		request_pty(s);
	request_environment(s);
	request_program(s);
	attach(s);
	drive_kick(c->drive);
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	tty_leave_raw();
	for (int fd = 0; fd < 3; fd++)
		if (s->saved[fd] >= 0)
			fcntl(fd, F_SETFL, s->saved[fd]);
	fd_close(&s->null);
	mem_free(s);
}

void session_raw(struct session *s, bool on)
{
	if (s == NULL || !s->raw)
		return;
	if (on)
		tty_enter_raw(STDIN_FILENO, false);
	else
		tty_leave_raw();
}

static void enter_raw(struct session *s)
{
	s->raw = s->pty_asked && isatty(STDIN_FILENO) && !s->c->conf.stdin_null;
	session_raw(s, true);
}

static void on_reply(struct session *s, const struct ssh_event *ev)
{
	if (slice_eq_str(ev->name, "pty-req")) {
		if (ev->ok)
			enter_raw(s);
		else
			log_info("PTY allocation request failed on channel %u", s->chan);
		s->pty_asked = ev->ok;
		return;
	}
	if (ev->ok)
		return;
	const char *what = slice_eq_str(ev->name, "subsystem") ? "subsystem" : slice_eq_str(ev->name, "exec") ? "exec" : "shell";
	client_over(s->c, 255, "%s request failed on channel %u: the server refuses it", what, s->chan);
}

/* RFC 4254, 6.10. */
static void on_exit_signal(struct session *s, struct slice data)
{
	struct req_exit_signal sig;
	struct reader r = reader_of(data);
	s->status = 255;
	if (msg_decode_body(&req_desc_exit_signal, &r, &sig))
		log_verbose("the remote command was ended by signal %s%s", text_show(sig.name), sig.core_dumped ? " (core dumped)" : "");
}

/* RFC 4254, 6.8. */
static void on_xon_xoff(struct session *s, struct slice data)
{
	struct req_xon_xoff q;
	struct reader r = reader_of(data);
	if (msg_decode_body(&req_desc_xon_xoff, &r, &q))
		escape_flow(s, q.client_can_do);
}

static void on_request(struct session *s, const struct ssh_event *ev)
{
	struct reader r = reader_of(ev->data);
	struct req_exit_status exit_status;
	bool known = true;
	if (slice_eq_str(ev->name, "exit-status")) {
		if (msg_decode_body(&req_desc_exit_status, &r, &exit_status))
			s->status = (int)(exit_status.status & 0xff);
	} else if (slice_eq_str(ev->name, "exit-signal")) {
		on_exit_signal(s, ev->data);
	} else if (slice_eq_str(ev->name, "xon-xoff")) {
		on_xon_xoff(s, ev->data);
	} else if (slice_eq_str(ev->name, "eow@openssh.com")) {
		endpoint_end_source(s->endpoint, STREAM_OUT);
	} else {
		known = false;
	}
	if (ev->want_reply)
		chan_reply(s->c->ssh, s->chan, known);
}

bool session_event(struct session *s, const struct ssh_event *ev)
{
	if (s == NULL || ev->chan != s->chan)
		return false;
	switch (ev->kind) {
	case EV_OPENED: return true;
	case EV_REFUSED:
		client_over(s->c, 255, "channel %u: open failed: reason %u: %s", s->chan, ev->number, text_show(ev->text));
		return true;
	case EV_REPLY: on_reply(s, ev); return true;
	case EV_REQUEST: on_request(s, ev); return true;
	case EV_EOF: return true;
	case EV_CLOSE: s->open = false; return true;
	default: return false;
	}
}

bool session_leave_terminal(struct session *s)
{
	tty_leave_raw();
	return s && s->c->tty && s->pty_asked;
}

void session_closed(struct session *s)
{
	s->endpoint = NULL;
	if (session_leave_terminal(s))
		log_info("Connection to %s closed.", text_show(slice_str(s->c->host)));
	int status = s->status < 0 || s->lost ? 255 : s->status;
	if (!update_holds(s->c->update, status))
		client_over(s->c, status, "%s", "");
}

bool session_draining(const struct session *s)
{
	return s && !s->open && s->endpoint;
}

/* A reader that left (EPIPE) wanted no more; anything else is a loss, and never status 0. */
static void note_loss(struct session *s, enum chan_stream stream, const char *name)
{
	int error = endpoint_sink_error(s->endpoint, stream);
	if (error == 0 || error == EPIPE || s->lost)
		return;
	s->lost = true;
	log_error("cannot write what comes from %s to %s: %s; output is lost: make room there and run the command again",
		text_show(slice_str(s->c->host)), name, strerror(error));
}

void session_ended(struct session *s, bool sink)
{
	if (sink) {
		note_loss(s, STREAM_OUT, "standard output");
		note_loss(s, STREAM_ERR, "standard error");
	}
	if (!sink || !s->open)
		return;
	/* Nobody reads our standard output any more: tell the far end to stop (eow), as ssh in a pipe to head(1) must. */
	request(s, "eow@openssh.com", false, NULL, NULL);
	chan_eof(s->c->ssh, s->chan);
	if (endpoint_sink_fd(s->endpoint, STREAM_OUT) < 0)
		chan_close(s->c->ssh, s->chan);
	drive_kick(s->c->drive);
}

void session_break(struct session *s)
{
	struct req_break b = {1000};                        /* RFC 4335: milliseconds, the server may choose */
	request(s, "break", true, &req_desc_break, &b);
	drive_kick(s->c->drive);
}
