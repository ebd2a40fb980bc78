#include "server/net.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/sandbox.h"
#include "sys/sock.h"

enum { WAITING_MAX = 1 << 20, FLUSH_MS = 1000, KEYS_MAX = 16 };

static void log_to_monitor(void *arg, enum log_level level, const char *line)
{
	struct net *n = arg;
	struct frame_log l = {level, slice_str(line)};
	if (!priv_send_msg(&n->monitor, FRAME_LOG, &frame_log_desc, &l, NULL, 0))
		_exit(1);
}

/* Frames for sshd-user keep their order, also from before it is there. */
bool net_to_user(struct net *n, uint16_t number, const void *msg)
{
	const struct msg_desc *d = frame_desc(number);
	if (n->user.fd >= 0)
		return priv_send_msg(&n->user, number, d, msg, NULL, 0);
	struct buf body = BUF_INIT(WAITING_MAX);
	msg_encode_body(d, msg, &body);
	put_u16(&n->waiting, number);
	put_string(&n->waiting, buf_slice(&body));
	buf_clear(&body);
	return !n->waiting.bad;
}

static void want_user(struct net *n)
{
	loop_fd_want(n->user_watch, LOOP_READ | (priv_pending(&n->user) ? LOOP_WRITE : 0u));
}

static void lost_user(struct net *n)
{
	ssh_disconnect(n->ssh, REASON_BY_APPLICATION, "the session process has ended");
	loop_fd_remove(n->user_watch);
	n->user_watch = NULL;
	drive_kick(n->drive);
}

static void on_user(void *arg, unsigned ready)
{
	struct net *n = arg;
	struct frame f;
	enum priv_status got = PRIV_AGAIN;
	(void)ready;
	bool ok = priv_flush(&n->user);
	while (ok && (got = priv_recv(&n->user, &f)) == PRIV_FRAME) {
		ok = net_session_frame(n, &f);
		frame_close(&f);
	}
	if (!ok || got != PRIV_AGAIN) {
		lost_user(n);
		return;
	}
	want_user(n);
	drive_kick(n->drive);
}

static bool take_user(struct net *n, int fd)
{
	if (fd < 0 || n->user.fd >= 0)
		return false;
	priv_init(&n->user, fd);
	fd_nonblock(fd, true);
	n->user_watch = loop_fd_add(n->loop, fd, LOOP_READ, on_user, n);
	struct reader r = reader_of(buf_slice(&n->waiting));
	bool ok = true;
	while (ok && reader_left(&r)) {
		uint16_t number = get_u16(&r);
		struct slice body = get_string(&r);
		ok = !r.bad && priv_send(&n->user, number, body, NULL, 0);
	}
	buf_clear(&n->waiting);
	want_user(n);
	net_idle_look(n);
	return ok;
}

/* The profile's strings live as long as the process: there are few and the core keeps pointers to none. */
static bool read_profile(struct net *n, struct slice body)
{
	static struct slice keys[KEYS_MAX];
	struct frame_profile p;
	struct reader r = reader_of(body);
	if (!msg_decode_body(&frame_profile_desc, &r, &p) || !get_end(&r))
		return false;
	struct ssh_setup *s = &n->setup;
	*s = (struct ssh_setup){.role = SSH_SERVER, .software = slice_dup(p.software), .sig_algs = slice_dup(p.sig_algs), .host_keys = keys,
		.algs = {slice_dup(p.kex), slice_dup(p.host_key), slice_dup(p.cipher_cs), slice_dup(p.cipher_sc), slice_dup(p.mac_cs),
			slice_dup(p.mac_sc), slice_dup(p.comp), slice_dup(p.comp)},
		.rekey_bytes = p.rekey_bytes, .rekey_ms = p.rekey_ms, .keepalive_ms = p.keepalive_ms, .keepalive_count = p.keepalive_count,
		.channel_max = p.channel_max, .window_max = (uint32_t)(p.window_max > UINT32_MAX ? UINT32_MAX : p.window_max),
		.trace = (enum log_level)p.trace, .now = loop_now(n->loop)};
	n->tos_interactive = p.tos_interactive == UINT32_MAX ? -1 : (int)p.tos_interactive;
	n->tos_bulk = p.tos_bulk == UINT32_MAX ? -1 : (int)p.tos_bulk;
	log_set_level((enum log_level)p.trace);
	net_idle_set(n, p.unused_ms, p.timeouts);
	struct reader k = reader_of(p.host_keys);
	while (reader_left(&k) && s->host_key_count < KEYS_MAX) {
		struct slice blob = get_string(&k);
		uint8_t *copy = mem_new(blob.n);
		memcpy(copy, blob.p, blob.n);
		keys[s->host_key_count++] = slice_of(copy, blob.n);
	}
	return !k.bad;
}

static void free_profile(struct net *n)
{
	const struct ssh_setup *s = &n->setup;
	const char *const strings[] = {s->software, s->sig_algs, s->algs.kex, s->algs.host_key, s->algs.cipher_cs, s->algs.cipher_sc,
		s->algs.mac_cs, s->algs.mac_sc, s->algs.comp_cs, s->algs.comp_sc};
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		mem_free((void *)(uintptr_t)strings[i]);
	for (size_t i = 0; i < s->host_key_count; i++)
		mem_free((void *)(uintptr_t)s->host_keys[i].p);
	n->setup = (struct ssh_setup){0};
}

/* What Match blocks decided for the user. */
static bool new_profile(struct net *n, struct slice body)
{
	if (!read_profile(n, body))
		return false;
	ssh_set_profile(n->ssh, &n->setup);
	free_profile(n);
	return true;
}

static bool answered(struct net *n, struct frame *f)
{
	const struct ask_row *row = ask_row((enum ask_kind)f->number);
	struct answer a = {.kind = (enum ask_kind)f->number};
	struct reader r = reader_of(f->body);
	if (row == NULL || n->open_ask != a.kind || !msg_decode_body(row->answer, &r, &a.sign) || !get_end(&r))
		return false;
	n->open_ask = ASK_NONE;
	ssh_answer(n->ssh, &a);
	return true;
}

static bool monitor_frame(struct net *n, struct frame *f)
{
	switch (f->number) {
	case FRAME_PROFILE:
		return new_profile(n, f->body);
	case FRAME_USER:
		return take_user(n, frame_take_fd(f));
	case FRAME_PROVE:
		return net_proof(n, f->body);
	default:
		return answered(n, f);
	}
}

/* Without the monitor there is nothing to do here. */
static void on_monitor(void *arg, unsigned ready)
{
	struct net *n = arg;
	struct frame f;
	enum priv_status got = PRIV_AGAIN;
	(void)ready;
	bool ok = priv_flush(&n->monitor);
	while (ok && !n->over && (got = priv_recv(&n->monitor, &f)) == PRIV_FRAME) {
		ok = monitor_frame(n, &f);
		frame_close(&f);
	}
	if (!ok || (got != PRIV_AGAIN && !n->over)) {
		loop_stop(n->loop);
		return;
	}
	loop_fd_want(n->monitor_watch, LOOP_READ | (priv_pending(&n->monitor) ? LOOP_WRITE : 0u));
	drive_pump(n->drive);
}

/* A long transcript may be more than the socket holds; the monitor reads it now, and nothing else can happen before its answer. */
static bool send_rest(struct net *n)
{
	if (n->monitor.out.len == 0)
		return true;
	return fd_nonblock(n->monitor.fd, false) && priv_flush(&n->monitor) && fd_nonblock(n->monitor.fd, true);
}

static void send_ask(struct net *n, const struct ask *ask)
{
	n->open_ask = ask->kind;
	if (!priv_send_msg(&n->monitor, (uint16_t)ask->kind, ask_row(ask->kind)->ask, &ask->hostsign, NULL, 0) || !send_rest(n))
		loop_stop(n->loop);
}

static void say_over(struct net *n, const struct ssh_event *ev)
{
	struct frame_over o = {.reason = ev->number, .by_peer = ev->by_peer, .text = ev->text};
	if (n->over)
		return;
	n->over = true;
	drive_flush(n->drive, FLUSH_MS);
	fd_nonblock(n->monitor.fd, false);
	if (priv_send_msg(&n->monitor, FRAME_OVER, &frame_over_desc, &o, NULL, 0))
		loop_stop(n->loop);
	loop_stop(n->loop);
}

static void on_event(void *owner, const struct ssh_event *ev)
{
	struct net *n = owner;
	switch (ev->kind) {
	case EV_TRACE:
		log_at(ev->level, "%.*s", (int)ev->text.n, (const char *)ev->text.p);
		break;
	case EV_VERSION:
		if (!priv_send_msg(&n->monitor, FRAME_VERSION, &frame_version_desc, &(struct frame_version){ev->text}, NULL, 0))
			loop_stop(n->loop);
		break;
	case EV_ASK:
		send_ask(n, &ev->ask);
		break;
	case EV_AUTHED:
		net_announce(n);
		break;
	case EV_OPEN:
		net_session_open(n, ev);
		break;
	case EV_REQUEST:
		net_session_request(n, ev);
		break;
	case EV_DATA:
		net_session_data(n, ev);
		break;
	case EV_EOF:
		net_session_eof(n, ev);
		break;
	case EV_CLOSE:
		net_session_closed(n, ev->chan);
		break;
	case EV_GLOBAL:
		net_global(n, ev);
		break;
	case EV_OVER:
		say_over(n, ev);
		break;
	default:
		break;
	}
}

static void on_ended(void *owner, struct endpoint *e, void *arg, bool sink)
{
	(void)e;
	net_session_ended(owner, arg, sink);
}

static void on_flow(void *owner, struct endpoint *e, void *arg, bool on)
{
	(void)e;
	net_session_flow(owner, arg, on);
}

static bool start(struct net *n)
{
	static const struct drive_ops ops = {.event = on_event, .ended = on_ended, .flow = on_flow};
	struct frame f;
	if (!priv_expect(&n->monitor, FRAME_START, &f) || !read_profile(n, f.body))
		return false;
	n->in = frame_take_fd(&f);
	n->out = f.fds.n ? frame_take_fd(&f) : n->in;
	if (n->in < 0 || !fd_nonblock(n->in, true) || !fd_nonblock(n->out, true))
		return false;
	n->ssh = ssh_new(&n->setup);
	for (size_t i = 0; i < n->setup.host_key_count; i++)
		net_keep_key(n, n->setup.host_keys[i]);
	free_profile(n);
	n->drive = drive_new(n->loop, n->ssh, n->in, n->out, &ops, n);
	n->monitor_watch = loop_fd_add(n->loop, n->monitor.fd, LOOP_READ, on_monitor, n);
	return fd_nonblock(n->monitor.fd, true);
}

static bool enter_jail(const struct net_jail *j, struct sandbox_report *report, struct err *err)
{
	struct sandbox_setup setup = {.nofile = j->fds, .empty_root = j->empty_root, .uid = j->uid, .gid = j->gid, .without_seccomp = j->fallback};
	return sandbox_enter(&setup, report, err);
}

static void log_jail(const struct sandbox_report *r)
{
	struct buf text = BUF_INIT(1024);
	sandbox_report_text(r, &text);
	log_debug("jail: %s", buf_cstr(&text));
	for (int i = 0; i < SANDBOX_LAYERS; i++)
		if (r->layer[i].state == SANDBOX_REFUSED || r->layer[i].state == SANDBOX_ABSENT)
			log_verbose("jail: %s is %s here", sandbox_layer_name((enum sandbox_layer)i), sandbox_state_name(r->layer[i].state));
	buf_clear(&text);
}

int net_run(const struct net_jail *jail, int take_monitor)
{
	static struct net n;
	struct sandbox_report report;
	struct err err = {0};
	n = (struct net){.in = -1, .out = -1, .waiting = BUF_INIT(WAITING_MAX), .announce = BUF_INIT(1 << 18), .replies = BUF_INIT(4096)};
	priv_init(&n.monitor, take_monitor);
	priv_init(&n.user, -1);
	n.loop = loop_new();
	signal(SIGPIPE, SIG_IGN);                           /* a peer that resets is told by write() */
	proc_title("sshd-net: [net]");
	log_init(LOG_LEVEL_INFO, log_to_monitor, &n);
	if (!enter_jail(jail, &report, &err)) {
		log_error("%s", err.text);
		return 255;
	}
	if (!start(&n))
		return 1;
	log_jail(&report);
	loop_run(n.loop);
	return n.over ? 0 : 1;
}
