#include "server/net.h"

#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/fd.h"
#include "sys/sock.h"

enum { EARLY_MAX = 64 << 20 };                             /* the window is the real bound */

static struct net_session *find(struct net *n, uint32_t chan)
{
	for (struct net_session *s = n->sessions; s; s = s->next)
		if (s->chan == chan && !s->closed)
			return s;
	return NULL;
}

/* Whom sshd-user means. */
static struct net_session *find_id(struct net *n, uint32_t id)
{
	for (struct net_session *s = n->sessions; s; s = s->next)
		if (s->id == id)
			return s;
	return NULL;
}

/* RFC 4254, sections 5.1 and 6.1. Whether there may be one more session is sshd-user's business. */
void net_session_open(struct net *n, const struct ssh_event *ev)
{
	if (!slice_eq_str(ev->name, "session")) {
		chan_refuse(n->ssh, ev->chan, OPEN_UNKNOWN_TYPE, "unknown channel type");
		return;
	}
	if (n->no_more_sessions) {
		chan_refuse(n->ssh, ev->chan, OPEN_PROHIBITED, "no more sessions");
		return;
	}
	struct net_session *s = mem_new(sizeof *s);
	*s = (struct net_session){.next = n->sessions, .id = ++n->opened, .chan = ev->chan, .early = BUF_INIT(EARLY_MAX)};
	n->sessions = s;
	net_idle_type(n, s, NULL, (struct slice){0});
	if (!net_to_user(n, FRAME_OPEN, &(struct frame_open){s->id, s->chan}))
		loop_stop(n->loop);
}

/* eow@openssh.com: the client reads no more of our output (PROTOCOL of OpenSSH). */
static void end_of_writes(struct net_session *s)
{
	if (s->endpoint == NULL)
		return;
	endpoint_end_source(s->endpoint, STREAM_OUT);
	endpoint_end_source(s->endpoint, STREAM_ERR);       /* the core takes nothing of either now, so its end would never be seen */
}

/* RFC 4254, section 6.5: what will run, for ChannelTimeout. */
static void note_type(struct net *n, struct net_session *s, const struct ssh_event *ev)
{
	struct req_subsystem q;
	struct reader r = reader_of(ev->data);
	if (s->endpoint)
		return;
	if (slice_eq_str(ev->name, "shell"))
		net_idle_type(n, s, "shell", (struct slice){0});
	else if (slice_eq_str(ev->name, "exec"))
		net_idle_type(n, s, "command", (struct slice){0});
	else if (slice_eq_str(ev->name, "subsystem") && msg_decode_body(&req_desc_subsystem, &r, &q) && !slice_has_nul(q.name))
		net_idle_type(n, s, "subsystem", q.name);
}

void net_session_request(struct net *n, const struct ssh_event *ev)
{
	struct net_session *s = find(n, ev->chan);
	bool eow = slice_eq_str(ev->name, "eow@openssh.com");
	if (s && eow)
		end_of_writes(s);
	if (s == NULL || eow) {
		if (ev->want_reply)
			chan_reply(n->ssh, ev->chan, eow);
		return;
	}
	note_type(n, s, ev);
	struct frame_request q = {.session = s->id, .name = ev->name, .want_reply = ev->want_reply, .data = ev->data};
	if (!net_to_user(n, FRAME_REQUEST, &q))
		loop_stop(n->loop);
}

void net_session_data(struct net *n, const struct ssh_event *ev)
{
	struct net_session *s = find(n, ev->chan);
	if (s && s->endpoint == NULL && ev->stream == STREAM_OUT && !s->exited)
		put_bytes(&s->early, ev->data);
	else
		chan_consumed(n->ssh, ev->chan, ev->data.n);
}

void net_session_eof(struct net *n, const struct ssh_event *ev)
{
	struct net_session *s = find(n, ev->chan);
	if (s && s->endpoint == NULL)
		s->early_eof = true;
}

static void forget(struct net *n, struct net_session *s)
{
	struct net_session **at = &n->sessions;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	buf_clear(&s->early);
	mem_free(s->type);
	mem_free(s);
	net_idle_look(n);
}

void net_session_drop(struct net *n, struct net_session *s)
{
	struct endpoint *e = s->endpoint;
	uint32_t chan = s->chan;
	if (!net_to_user(n, FRAME_CLOSED, &(struct frame_closed){s->id, false}))
		loop_stop(n->loop);
	forget(n, s);
	endpoint_abandon(e);
	chan_close(n->ssh, chan);
	drive_kick(n->drive);
}

static void finish(struct net *n, struct net_session *s)
{
	chan_close(n->ssh, s->chan);
	forget(n, s);
}

/* Clients may close at the end of the output and still want to hear how the command ended (OpenSSH's master does). */
void net_session_closed(struct net *n, uint32_t chan)
{
	struct net_session *s = find(n, chan);
	if (s == NULL)
		return;
	bool waits = s->endpoint && !s->exited;
	if (!net_to_user(n, FRAME_CLOSED, &(struct frame_closed){s->id, waits}))
		loop_stop(n->loop);
	s->endpoint = NULL;                                 /* its drive ends it */
	s->closed = true;
	if (!waits)
		finish(n, s);
}

/* RFC 4254, section 6.8. */
void net_session_flow(struct net *n, struct net_session *s, bool on)
{
	struct buf b = BUF_INIT(16);
	msg_encode_body(&req_desc_xon_xoff, &(struct req_xon_xoff){on}, &b);
	chan_request(n->ssh, s->chan, "xon-xoff", false, buf_slice(&b));
	buf_clear(&b);
}

/* The channel ends when the command has ended and its output is sent (as OpenSSH: either may come first). */
static void close_if_done(struct net *n, struct net_session *s)
{
	if (s->closed)
		finish(n, s);
	else if (s->exited && (s->endpoint == NULL || endpoint_sources_ended(s->endpoint)))
		chan_close(n->ssh, s->chan);
}

void net_session_ended(struct net *n, struct net_session *s, bool sink)
{
	if (!sink)
		close_if_done(n, s);
}

/* Interactive sessions and bulk ones may be marked differently on their way (IPQoS). */
static void tune(struct net *n, bool tty)
{
	int tos = tty ? n->tos_interactive : n->tos_bulk;
	if (!n->tuned && tos >= 0)
		sock_tos(n->out, tos);
	n->tuned = true;
}

static bool attach(struct net *n, struct net_session *s, struct frame *f, bool tty)
{
	struct endpoint_setup setup = {.source = {-1, -1}, .sink = {-1, -1}, .tty = tty, .arg = s};
	if (f->fds.n != (tty ? 1u : 3u) || s->endpoint)
		return false;
	for (size_t i = 0; i < f->fds.n; i++)
		fd_nonblock(f->fds.fd[i], true);
	if (tty) {
		setup.source[STREAM_OUT] = setup.sink[STREAM_OUT] = frame_take_fd(f);
	} else {
		setup.sink[STREAM_OUT] = frame_take_fd(f);
		setup.source[STREAM_OUT] = frame_take_fd(f);
		setup.source[STREAM_ERR] = frame_take_fd(f);
	}
	tune(n, tty);
	s->endpoint = endpoint_attach(n->drive, s->chan, &setup);
	s->tty = tty;
	chan_last_word(n->ssh, s->chan);
	if (s->early.len) {
		endpoint_say(s->endpoint, STREAM_OUT, buf_slice(&s->early));
		chan_consumed(n->ssh, s->chan, s->early.len);
		buf_clear(&s->early);
	}
	if (s->early_eof)
		endpoint_eof(s->endpoint);
	return true;
}

static bool on_reply(struct net *n, struct frame *f)
{
	struct frame_reply a;
	struct reader r = reader_of(f->body);
	if (!msg_decode_body(&frame_reply_desc, &r, &a) || !get_end(&r))
		return false;
	struct net_session *s = find_id(n, a.session);
	if (s == NULL)
		return true;                                /* closed meanwhile */
	bool ok = true;
	switch ((enum frame_reply_kind)a.kind) {
	case REPLY_OPEN:
		if (a.ok) {
			chan_accept(n->ssh, s->chan, (struct slice){0});
			return true;
		}
		chan_refuse(n->ssh, s->chan, OPEN_PROHIBITED, "open failed");
		forget(n, s);
		return true;
	case REPLY_STARTED_TTY:
	case REPLY_STARTED:
		ok = attach(n, s, f, a.kind == REPLY_STARTED_TTY);
		break;
	case REPLY_REQUEST:
		break;
	}
	if (a.want_reply)
		chan_reply(n->ssh, s->chan, a.ok);
	return ok;
}

/* RFC 4254, section 6.10. */
static bool on_exit_frame(struct net *n, struct frame *f)
{
	struct frame_exit e;
	struct reader r = reader_of(f->body);
	struct buf b = BUF_INIT(1024);
	if (!msg_decode_body(&frame_exit_desc, &r, &e) || !get_end(&r))
		return false;
	struct net_session *s = find_id(n, e.session);
	if (s == NULL || s->exited)
		return true;
	if (e.by_signal)
		msg_encode_body(&req_desc_exit_signal, &(struct req_exit_signal){.name = e.signal, .core_dumped = e.core}, &b);
	else
		msg_encode_body(&req_desc_exit_status, &(struct req_exit_status){e.code}, &b);
	chan_request(n->ssh, s->chan, e.by_signal ? "exit-signal" : "exit-status", false, buf_slice(&b));
	buf_clear(&b);
	s->exited = true;
	/* Background jobs may hold the terminal for ever; they lose it, as with OpenSSH. The call may end the session by ended(). */
	if (s->endpoint && s->tty && !endpoint_sources_ended(s->endpoint))
		endpoint_last_of_source(s->endpoint, STREAM_OUT);
	else
		close_if_done(n, s);
	return true;
}

bool net_session_frame(struct net *n, struct frame *f)
{
	switch (f->number) {
	case FRAME_REPLY:
		return on_reply(n, f);
	case FRAME_EXIT:
		return on_exit_frame(n, f);
	default:
		return false;
	}
}

void net_sessions_free(struct net *n)
{
	while (n->sessions)
		forget(n, n->sessions);
}
