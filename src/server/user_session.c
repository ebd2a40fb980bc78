#include "server/user.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/tty.h"
#include "wire/ssh_msg.h"

static struct user_session *find(struct user *u, uint32_t id)
{
	for (struct user_session *s = u->sessions; s; s = s->next)
		if (s->id == id && s->open)
			return s;
	return NULL;
}

static bool reply(struct user_session *s, enum frame_reply_kind kind, bool ok, bool want, const int *fds, size_t n)
{
	struct frame_reply r = {.session = s->id, .kind = (uint8_t)kind, .ok = ok, .want_reply = want};
	return priv_send_msg(&s->user->net, FRAME_REPLY, &frame_reply_desc, &r, fds, n);
}

static void drop_pty(struct user_session *s)
{
	struct frame_pty_done done = {slice_str(s->pty.name)};
	if (!s->has_pty)
		return;
	s->has_pty = false;
	pty_close(&s->pty);
	if (!priv_send_msg(&s->user->monitor, FRAME_PTY_DONE, &frame_pty_done_desc, &done, NULL, 0))
		log_debug("the monitor is gone");
}

static void forget(struct user_session *s)
{
	struct user_session **at = &s->user->sessions;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	drop_pty(s);
	user_env_clear(&s->env);
	mem_free(s->term);
	mem_free(s->command);
	mem_free(s->original);
	mem_free(s);
}

static bool on_open(struct user *u, struct frame *f)
{
	struct frame_open q;
	struct reader r = reader_of(f->body);
	uint32_t count = 0;
	if (!msg_decode_body(&frame_open_desc, &r, &q) || !get_end(&r) || find(u, q.session))
		return false;
	for (struct user_session *s = u->sessions; s; s = s->next)
		count += s->open;
	struct user_session *s = mem_new(sizeof *s);
	*s = (struct user_session){.next = u->sessions, .user = u, .id = q.session, .chan = q.chan, .open = true, .pty = {-1, -1, ""}};
	u->sessions = s;
	bool ok = count < u->rights.max_sessions;
	if (!ok)
		log_error("no more sessions: MaxSessions is %u", u->rights.max_sessions);
	bool sent = reply(s, REPLY_OPEN, ok, true, NULL, 0);
	if (!ok)
		forget(s);
	return sent;
}

/* RFC 4254, section 6.2. The monitor opens the pty, gives it to the user and writes the login record. */
static bool on_pty(struct user_session *s, struct slice data)
{
	struct req_pty q;
	struct reader r = reader_of(data);
	struct frame f;
	struct frame_pty answer;
	if (s->started || s->has_pty || !s->user->rights.permit_tty || !msg_decode_body(&req_desc_pty, &r, &q) || !get_end(&r))
		return false;
	if (slice_has_nul(q.term) || !priv_send(&s->user->monitor, FRAME_PTY, (struct slice){0}, NULL, 0) ||
	    !priv_expect(&s->user->monitor, FRAME_PTY, &f))
		return false;
	struct reader a = reader_of(f.body);
	if (!msg_decode_body(&frame_pty_desc, &a, &answer) || !answer.ok || f.fds.n != 2 || answer.name.n >= sizeof s->pty.name) {
		frame_close(&f);
		return false;
	}
	s->pty.master = frame_take_fd(&f);
	s->pty.slave = frame_take_fd(&f);
	memcpy(s->pty.name, answer.name.p, answer.name.n);
	s->has_pty = true;
	s->term = slice_dup(q.term);
	struct pty_size size = {q.columns, q.rows, q.width, q.height};
	pty_set_size(s->pty.master, &size);
	if (!tty_modes_apply(s->pty.slave, q.modes))
		log_debug("the terminal modes of the client are cut short");
	return true;
}

/* RFC 4254, section 6.4. */
static bool on_env(struct user_session *s, struct slice data)
{
	struct req_env q;
	struct reader r = reader_of(data), patterns = reader_of(s->user->rights.accept_env);
	if (!msg_decode_body(&req_desc_env, &r, &q) || !get_end(&r) || slice_has_nul(q.name) || slice_has_nul(q.value))
		return false;
	if (s->env.n >= USER_ENV_MAX || q.name.n + q.value.n > USER_ENV_BYTES || q.name.n == 0 || memchr(q.name.p, '=', q.name.n))
		return false;
	while (reader_left(&patterns)) {
		if (match_wild(q.name, get_string(&patterns), false) && !patterns.bad) {
			user_env_set(&s->env, q.name, q.value);
			return true;
		}
	}
	log_debug2("Ignoring env request %s: disallowed name", text_show(q.name));
	return false;
}

/* RFC 4254, section 6.7. */
static bool on_window(struct user_session *s, struct slice data)
{
	struct req_window q;
	struct reader r = reader_of(data);
	if (!msg_decode_body(&req_desc_window, &r, &q) || !get_end(&r) || !s->has_pty)
		return false;
	struct pty_size size = {q.columns, q.rows, q.width, q.height};
	return pty_set_size(s->pty.master, &size);
}

/* RFC 4254, section 6.9; INFO@openssh.com has no signal here. Not for forced commands, whose authors did not expect it. */
static bool on_signal(struct user_session *s, struct slice data)
{
	struct req_signal q;
	struct reader r = reader_of(data);
	if (!msg_decode_body(&req_desc_signal, &r, &q) || !get_end(&r) || s->pid <= 0)
		return false;
	int signo = proc_signal_number(q.name);
	if (signo == 0)
		return false;
	if (s->forced || s->subsystem) {
		log_info("refusing to send signal %s to %s session", text_show(q.name), s->forced ? "forced-command" : "subsystem");
		return false;
	}
	return proc_kill_group(s->pid, signo);
}

/* RFC 4335. */
static bool on_break(struct user_session *s, struct slice data)
{
	struct req_break q;
	struct reader r = reader_of(data);
	if (!msg_decode_body(&req_desc_break, &r, &q) || !get_end(&r) || !s->has_pty)
		return false;
	return tcsendbreak(s->pty.master, 0) == 0;
}

static void on_exit_child(void *arg, pid_t pid, int status)
{
	struct user_session *s = arg;
	struct frame_exit e = {.session = s->id};
	(void)pid;
	s->pid = 0;
	if (WIFSIGNALED(status)) {
		const char *name = proc_signal_name(WTERMSIG(status));
		e.by_signal = true;
		e.core = WCOREDUMP(status);
		e.signal = slice_str(name ? name : "SIG@openssh.com");
	} else {
		e.code = (uint32_t)WEXITSTATUS(status);
	}
	if ((s->open || s->tell_exit) && !priv_send_msg(&s->user->net, FRAME_EXIT, &frame_exit_desc, &e, NULL, 0))
		log_debug("the network process is gone");
	drop_pty(s);
	if (!s->open)
		forget(s);
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fd_close(&fds[i]);
}

/* Standard input, output and error of the child: pairs of the child's end and ours. */
static bool make_pipes(int child[3], int ours[3])
{
	struct err err;
	for (int i = 0; i < 3; i++) {
		int p[2];
		if (!fd_pipe(p, &err)) {
			log_error("%s", err.text);
			return false;
		}
		child[i] = p[i == 0 ? 0 : 1];
		ours[i] = p[i == 0 ? 1 : 0];
		if (i < 2)
			fd_grow_pipe(ours[i]);
	}
	return true;
}

static _Noreturn void become_child(struct user_session *s, const int fds[3])
{
	struct fd_map map[] = {{fds[0], 0}, {fds[1], 1}, {fds[2], 2}};
	if (s->has_pty && !pty_make_controlling(s->pty.slave))
		_exit(255);
	if (!fd_place(map, ARRAY_LEN(map)))
		_exit(255);
	fd_close_from(3);
	log_init(LOG_LEVEL_QUIET, NULL, NULL);
	user_child(s->user, s);
}

static void log_start(const struct user_session *s)
{
	const struct frame_rights *r = &s->user->rights;
	const char *what = s->subsystem ? "subsystem" : s->forced ? "forced-command" : s->command ? "command" : "shell";
	log_verbose("Starting session: %s%s%s for %s from %s port %u id %u", what, s->has_pty ? " on " : "", s->has_pty ? s->pty.name + 5 : "",
		text_show(r->user), text_show(r->client_ip), r->client_port, s->chan);
}

/* Runs what the session is for. The reply carries our ends of its descriptors. */
static bool start(struct user_session *s, bool want)
{
	int child[3] = {-1, -1, -1}, ours[3] = {-1, -1, -1};
	struct err err;
	bool tty = s->has_pty;
	if (tty)
		child[0] = child[1] = child[2] = s->pty.slave;
	else if (!make_pipes(child, ours)) {
		close_all(child, 3);
		close_all(ours, 3);
		return reply(s, REPLY_REQUEST, false, want, NULL, 0);
	}
	log_start(s);
	s->pid = proc_fork(PROC_SETSID, NULL, &err);
	if (s->pid == 0)
		become_child(s, child);
	if (tty)
		fd_close(&s->pty.slave);
	else
		close_all(child, 3);
	if (s->pid < 0) {
		log_error("%s", err.text);
		close_all(ours, 3);
		s->pid = 0;
		return reply(s, REPLY_REQUEST, false, want, NULL, 0);
	}
	s->started = true;
	bool ok = tty ? reply(s, REPLY_STARTED_TTY, true, want, &s->pty.master, 1) : reply(s, REPLY_STARTED, true, want, ours, 3);
	if (!tty)
		close_all(ours, 3);
	return ok && loop_child(s->user->loop, s->pid, on_exit_child, s);
}

/* A forced command takes the place of whatever was asked for; that is left in SSH_ORIGINAL_COMMAND. */
static void set_command(struct user_session *s, struct slice asked, bool has)
{
	const struct frame_rights *r = &s->user->rights;
	if (r->has_forced) {
		s->original = has ? slice_dup(asked) : NULL;
		s->command = slice_dup(r->forced);
		s->forced = true;
	} else {
		s->command = has ? slice_dup(asked) : NULL;
	}
}

/* RFC 4254, section 6.5. */
static bool on_shell(struct user_session *s, struct slice data, bool want)
{
	if (s->started || data.n)
		return reply(s, REPLY_REQUEST, false, want, NULL, 0);
	set_command(s, (struct slice){0}, false);
	return start(s, want);
}

static bool on_exec(struct user_session *s, struct slice data, bool want)
{
	struct req_exec q;
	struct reader r = reader_of(data);
	if (s->started || !msg_decode_body(&req_desc_exec, &r, &q) || !get_end(&r) || slice_has_nul(q.command))
		return reply(s, REPLY_REQUEST, false, want, NULL, 0);
	set_command(s, q.command, true);
	return start(s, want);
}

static bool on_subsystem(struct user_session *s, struct slice data, bool want)
{
	struct req_subsystem q;
	struct reader r = reader_of(data), list = reader_of(s->user->rights.subsystems);
	if (s->started || !msg_decode_body(&req_desc_subsystem, &r, &q) || !get_end(&r))
		return reply(s, REPLY_REQUEST, false, want, NULL, 0);
	while (reader_left(&list)) {
		struct slice name = get_string(&list), command = get_string(&list);
		if (list.bad || !slice_eq(name, q.name))
			continue;
		s->subsystem = true;
		set_command(s, command, true);
		log_info("subsystem request for %s by user %s", text_show(q.name), text_show(s->user->rights.user));
		return start(s, want);
	}
	log_info("subsystem request for %s by user %s failed, subsystem not found", text_show(q.name), text_show(s->user->rights.user));
	return reply(s, REPLY_REQUEST, false, want, NULL, 0);
}

static const struct request {
	const char *name;
	bool (*plain)(struct user_session *, struct slice data);
	bool (*starts)(struct user_session *, struct slice data, bool want);   /* answers itself; false: the socket is gone */
} requests[] = {
	{"pty-req", on_pty, NULL},
	{"env", on_env, NULL},
	{"shell", NULL, on_shell},
	{"exec", NULL, on_exec},
	{"subsystem", NULL, on_subsystem},
	{"window-change", on_window, NULL},
	{"signal", on_signal, NULL},
	{"break", on_break, NULL},
};

static bool on_request(struct user *u, struct frame *f)
{
	struct frame_request q;
	struct reader r = reader_of(f->body);
	if (!msg_decode_body(&frame_request_desc, &r, &q) || !get_end(&r))
		return false;
	struct user_session *s = find(u, q.session);
	if (s == NULL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const struct request *row = &requests[i];
		if (!slice_eq_str(q.name, row->name))
			continue;
		if (row->starts)
			return row->starts(s, q.data, q.want_reply);
		return reply(s, REPLY_REQUEST, row->plain(s, q.data), q.want_reply, NULL, 0);
	}
	log_debug("channel request %s is unknown here", text_show(q.name));
	return reply(s, REPLY_REQUEST, false, q.want_reply, NULL, 0);
}

static void close_session(struct user_session *s)
{
	const struct frame_rights *r = &s->user->rights;
	if (s->open)
		log_verbose("Close session: user %s from %s port %u id %u", text_show(r->user), text_show(r->client_ip), r->client_port, s->chan);
	s->open = false;
	drop_pty(s);
}

/* The channel is gone. A pty is hung up by that; other commands lose their pipes and go on until they notice, as
 * with OpenSSH. */
static bool on_closed(struct user *u, struct frame *f)
{
	struct frame_closed q;
	struct reader r = reader_of(f->body);
	if (!msg_decode_body(&frame_closed_desc, &r, &q) || !get_end(&r))
		return false;
	struct user_session *s = find(u, q.session);
	if (s == NULL)
		return true;
	log_verbose("Close session: user %s from %s port %u id %u", text_show(u->rights.user), text_show(u->rights.client_ip),
		u->rights.client_port, s->chan);
	s->open = false;
	s->tell_exit = q.tell_exit;
	drop_pty(s);
	if (s->pid == 0)
		forget(s);
	return true;
}

bool user_frame(struct user *u, struct frame *f)
{
	switch (f->number) {
	case FRAME_OPEN:
		return on_open(u, f);
	case FRAME_REQUEST:
		return on_request(u, f);
	case FRAME_CLOSED:
		return on_closed(u, f);
	default:
		return false;
	}
}

void user_hang_up(struct user *u)
{
	for (struct user_session *s = u->sessions; s; s = s->next)
		close_session(s);
}
