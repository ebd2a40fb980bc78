/* Channel requests and their replies, in order both ways (RFC 4254, section 5.4). */
#include "core/mux.h"

#include <string.h>

#include "core/handlers.h"

void chan_request(struct ssh *ssh, uint32_t id, const char *name, bool want_reply, struct slice data)
{
	struct chan *c = mux_find(ssh, id);
	if (!c || c->out == OUT_CLOSED || c->close_wanted || c->stage == CHAN_ASKED)
		return;
	if (want_reply) {
		put_cstring(&c->sent, name);
		if (++c->sent_count > REPLIES_MAX || c->sent.bad) {
			ssh_die(ssh, REASON_BY_APPLICATION, "the peer answers no requests on channel %u", id);
			return;
		}
	}
	struct msg_channel_request msg = {c->peer, slice_str(name), want_reply, data};
	chan_emit(ssh, c, &desc_channel_request, &msg);
}

static bool take_reply(struct ssh *ssh, struct slice payload, const struct msg_desc *d, bool ok)
{
	struct msg_channel_id msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(d, payload, &msg))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed %s", d->name), false;
	struct chan *c = mux_find(ssh, msg.recipient);
	if (!c || c->sent_count == 0 || c->stage != CHAN_LIVE)
		return mux_stray(ssh, d->name);
	struct slice name = names_pop(ssh, &c->sent, &c->sent_count);
	if (c->out == OUT_CLOSED)
		return true;
	struct ssh_event *ev = event_push(ssh, EV_REPLY);
	ev->chan = c->id;
	ev->ok = ok;
	ev->name = name;
	return true;
}

bool on_channel_success(struct ssh *ssh, struct slice payload)
{
	return take_reply(ssh, payload, &desc_channel_success, true);
}

bool on_channel_failure(struct ssh *ssh, struct slice payload)
{
	return take_reply(ssh, payload, &desc_channel_failure, false);
}

/* Replies that are ready leave in order; those to requests that came ahead of our confirmation wait for it. */
void chan_flush_replies(struct ssh *ssh, struct chan *c)
{
	size_t n = 0;
	if (c->stage != CHAN_LIVE || c->out == OUT_CLOSED)
		return;
	while (n < c->owed.len && c->owed.p[n] != REPLY_WAITS) {
		const struct msg_desc *d = c->owed.p[n++] == REPLY_OK ? &desc_channel_success : &desc_channel_failure;
		mux_send(ssh, d, &(struct msg_channel_id){c->peer});
	}
	buf_drop(&c->owed, n);
}

void chan_reply(struct ssh *ssh, uint32_t id, bool ok)
{
	struct chan *c = mux_find(ssh, id);
	uint8_t *first = c && c->owed.len ? memchr(c->owed.p, REPLY_WAITS, c->owed.len) : NULL;
	if (!first)
		return;
	*first = ok ? REPLY_OK : REPLY_FAIL;
	chan_flush_replies(ssh, c);
}

/* eow@openssh.com: the peer's reader is gone. What we still had for it has no use. */
static void on_eow(struct ssh *ssh, struct chan *c)
{
	if (c->out == OUT_OPEN)
		chan_out(ssh, c, OUT_STOPPED);
}

static bool push_request(struct ssh *ssh, struct chan *c, const struct msg_channel_request *msg)
{
	bool keepalive = slice_eq_str(msg->name, "keepalive@openssh.com");
	if (msg->want_reply) {
		put_u8(&c->owed, keepalive ? REPLY_FAIL : REPLY_WAITS);
		if (c->owed.len > REPLIES_MAX)
			return ssh_die(ssh, REASON_PROTOCOL_ERROR, "more than %d requests on channel %u wait for a reply", REPLIES_MAX, c->id), false;
	}
	if (keepalive) {
		chan_flush_replies(ssh, c);
		return true;
	}
	if (slice_eq_str(msg->name, "eow@openssh.com"))
		on_eow(ssh, c);
	struct ssh_event *ev = event_push(ssh, EV_REQUEST);
	ev->chan = c->id;
	ev->name = msg->name;
	ev->want_reply = msg->want_reply;
	ev->data = msg->data;
	return true;
}

/* A request may come ahead of our confirmation, from a client that guessed the number. */
bool on_channel_request(struct ssh *ssh, struct slice payload)
{
	struct msg_channel_request msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(&desc_channel_request, payload, &msg))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed CHANNEL_REQUEST"), false;
	struct chan *c = mux_peer_find(ssh, msg.recipient);
	if (!c)
		return false;
	if (c->stage == CHAN_OPENING)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "request on channel %u before it was confirmed", c->id), false;
	if (c->out == OUT_CLOSED)
		return true;                                /* crossed with our CLOSE: no reply can follow that */
	return push_request(ssh, c, &msg);
}
