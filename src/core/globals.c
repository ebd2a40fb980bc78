/* Global requests and their replies, in order both ways (RFC 4254, section 4). */
#include "core/mux.h"

#include <string.h>

#include "core/handlers.h"

static void send_global(struct ssh *ssh, const char *name, const char *reply_name, bool want_reply, struct slice data)
{
	struct mux *m = ssh->mux;
	if (want_reply) {
		put_cstring(&m->sent, reply_name);
		if (++m->sent_count > REPLIES_MAX || m->sent.bad) {
			ssh_die(ssh, REASON_BY_APPLICATION, "the peer answers no global requests");
			return;
		}
	}
	mux_send(ssh, &desc_global_request, &(struct msg_global_request){slice_str(name), want_reply, data});
}

void ssh_global_request(struct ssh *ssh, const char *name, bool want_reply, struct slice data)
{
	bool spare = (ssh->quirks & QUIRK_NO_HOSTKEYS) && strcmp(name, "hostkeys-00@openssh.com") == 0;
	if (ssh->mux && !spare)
		send_global(ssh, name, name, want_reply, data);
}

/* Whoever wants to wait for ever for a dead path may: but a few unanswered ones are enough. */
void mux_keepalive(struct ssh *ssh)
{
	enum { UNANSWERED_MAX = 32 };
	if (ssh->mux && ssh->mux->sent_count < UNANSWERED_MAX)
		send_global(ssh, "keepalive@openssh.com", "", true, (struct slice){0});
}

static bool push_reply(struct ssh *ssh, bool ok, struct slice data)
{
	struct mux *m = ssh->mux;
	if (m->sent_count == 0)
		return mux_stray(ssh, ok ? "REQUEST_SUCCESS" : "REQUEST_FAILURE");
	struct slice name = names_pop(ssh, &m->sent, &m->sent_count);
	if (name.n == 0)
		return true;                                /* our keepalive: any answer will do */
	struct ssh_event *ev = event_push(ssh, EV_GLOBAL_REPLY);
	ev->ok = ok;
	ev->name = name;
	ev->data = data;
	return true;
}

bool on_request_success(struct ssh *ssh, struct slice payload)
{
	return mux_enter(ssh, payload) && push_reply(ssh, true, slice_from(payload, 1));
}

bool on_request_failure(struct ssh *ssh, struct slice payload)
{
	if (!mux_enter(ssh, payload))
		return false;
	if (payload.n != 1)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed REQUEST_FAILURE"), false;
	return push_reply(ssh, false, (struct slice){0});
}

static void send_reply(struct ssh *ssh, bool ok, struct slice data)
{
	if (ok)
		mux_send(ssh, &desc_request_success, &(struct msg_data){data});
	else
		mux_send(ssh, &desc_request_failure, &(struct msg_empty){0});
}

/* Those that need nobody's decision follow as soon as all before them were answered. */
static void flush_owed(struct ssh *ssh)
{
	struct mux *m = ssh->mux;
	size_t n = 0;
	while (n < m->owed.len && m->owed.p[n] != REPLY_WAITS)
		send_reply(ssh, m->owed.p[n++] == REPLY_OK, (struct slice){0});
	buf_drop(&m->owed, n);
}

void ssh_global_reply(struct ssh *ssh, bool ok, struct slice data)
{
	struct mux *m = ssh->mux;
	if (!m || m->owed.len == 0)
		return;
	send_reply(ssh, ok, data);                          /* the front one always waits for this: flush_owed took the others */
	buf_drop(&m->owed, 1);
	flush_owed(ssh);
}

/* What the connection itself answers. */
static const struct known { const char *name; bool server_only, ok; } known[] = {
	{"keepalive@openssh.com", false, false},
	{"no-more-sessions@openssh.com", true, true},
};

static const struct known *find_known(const struct ssh *ssh, struct slice name)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_eq_str(name, known[i].name) && (ssh->role == SSH_SERVER || !known[i].server_only))
			return &known[i];
	return NULL;
}

bool on_global_request(struct ssh *ssh, struct slice payload)
{
	struct mux *m = ssh->mux;
	struct msg_global_request msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(&desc_global_request, payload, &msg))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed GLOBAL_REQUEST"), false;
	const struct known *k = find_known(ssh, msg.name);
	if (msg.want_reply) {
		put_u8(&m->owed, !k ? REPLY_WAITS : k->ok ? REPLY_OK : REPLY_FAIL);
		if (m->owed.len > REPLIES_MAX)
			return ssh_die(ssh, REASON_PROTOCOL_ERROR, "more than %d global requests wait for a reply", REPLIES_MAX), false;
	}
	if (k) {
		m->no_more_sessions = m->no_more_sessions || k->server_only;
		flush_owed(ssh);
		return true;
	}
	struct ssh_event *ev = event_push(ssh, EV_GLOBAL);
	ev->name = msg.name;
	ev->want_reply = msg.want_reply;
	ev->data = msg.data;
	return true;
}
