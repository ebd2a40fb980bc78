/* Channels: opening, the two halves, closing (RFC 4254, section 5). */
#include "core/mux.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/handlers.h"

static const char *const in_names[] = {[IN_OPEN] = "open", [IN_EOF] = "eof", [IN_CLOSED] = "closed"};
static const char *const out_names[] = {[OUT_OPEN] = "open", [OUT_STOPPED] = "stopped", [OUT_EOF] = "eof", [OUT_CLOSED] = "closed"};

void chan_in(struct ssh *ssh, struct chan *c, enum in_half to)
{
	trace(ssh, LOG_LEVEL_DEBUG2, "channel %u: input %s -> %s", c->id, in_names[c->in], in_names[to]);
	c->in = to;
}

void chan_out(struct ssh *ssh, struct chan *c, enum out_half to)
{
	trace(ssh, LOG_LEVEL_DEBUG2, "channel %u: output %s -> %s", c->id, out_names[c->out], out_names[to]);
	c->out = to;
}

/* The recipient is the first field of every message that comes here. */
void chan_emit(struct ssh *ssh, struct chan *c, const struct msg_desc *d, const void *msg)
{
	if (c->stage != CHAN_OPENING || c->guessed) {
		mux_send(ssh, d, msg);
		return;
	}
	struct buf payload = BUF_INIT(CHAN_QUEUE_MAX);
	msg_encode(d, msg, &payload);
	put_string(&c->queue, buf_slice(&payload));
	if (payload.bad || c->queue.bad)
		ssh_die(ssh, REASON_BY_APPLICATION, "more than %d bytes of requests wait for channel %u to open", CHAN_QUEUE_MAX, c->id);
	buf_clear(&payload);
}

static void name_type(struct chan *c, struct slice type)
{
	size_t n = type.n < sizeof c->type - 1 ? type.n : sizeof c->type - 1;
	memcpy(c->type, type.p, n);
	c->type[n] = '\0';
}

/* RFC 4254, section 5.1. Servers with this quirk number channels from 0, so what belongs to the first one can go out
 * with CHANNEL_OPEN. */
uint32_t chan_open(struct ssh *ssh, const char *type, struct slice data)
{
	struct mux *m = ssh->mux;
	struct chan *c = m && ssh->phase != PHASE_OVER ? mux_add(ssh) : NULL;
	if (!c)
		return UINT32_MAX;
	name_type(c, slice_str(type));
	c->guessed = !m->we_opened && !m->peer_opened && (ssh->quirks & QUIRK_FIRST_CHANNEL_ZERO) && !ssh->setup.no_pipeline;
	m->we_opened = true;
	struct msg_channel_open msg = {slice_str(type), c->id, c->win.size, packet_in_max(ssh), data};
	mux_send(ssh, &desc_channel_open, &msg);
	return c->id;
}

static bool malformed(struct ssh *ssh, const char *what)
{
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed %s", what);
	return false;
}

static void refuse_open(struct ssh *ssh, uint32_t peer, uint32_t reason, const char *text)
{
	struct msg_channel_open_failure msg = {peer, reason, slice_str(text), {0}};
	mux_send(ssh, &desc_channel_open_failure, &msg);
}

bool on_channel_open(struct ssh *ssh, struct slice payload)
{
	struct msg_channel_open msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(&desc_channel_open, payload, &msg) || msg.max_packet == 0)
		return malformed(ssh, "CHANNEL_OPEN");
	struct mux *m = ssh->mux;
	if (m->no_more_sessions && slice_eq_str(msg.type, "session"))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "session opened after no-more-sessions@openssh.com"), false;
	m->peer_opened = true;
	struct chan *c = mux_add(ssh);
	if (!c) {
		refuse_open(ssh, msg.sender, OPEN_RESOURCE_SHORTAGE, "too many channels");
		return true;
	}
	name_type(c, msg.type);
	c->stage = CHAN_ASKED;
	c->peer = msg.sender;
	c->window_out = msg.window;
	c->packet_out = msg.max_packet < CHAN_PACKET ? msg.max_packet : CHAN_PACKET;
	struct ssh_event *ev = event_push(ssh, EV_OPEN);
	ev->chan = c->id;
	ev->name = msg.type;
	ev->data = msg.data;
	return true;
}

void chan_accept(struct ssh *ssh, uint32_t id, struct slice data)
{
	struct chan *c = mux_find(ssh, id);
	if (!c || c->stage != CHAN_ASKED)
		return;
	struct msg_channel_confirm msg = {c->peer, c->id, c->win.left, packet_in_max(ssh), data};
	mux_send(ssh, &desc_channel_confirm, &msg);
	c->stage = CHAN_LIVE;
	chan_flush_replies(ssh, c);
	mux_ready(ssh, c);
}

void chan_refuse(struct ssh *ssh, uint32_t id, uint32_t reason, const char *text)
{
	struct chan *c = mux_find(ssh, id);
	if (!c || c->stage != CHAN_ASKED)
		return;
	refuse_open(ssh, c->peer, reason, text);
	mux_gone(ssh, c);
}

static void send_close(struct ssh *ssh, struct chan *c)
{
	chan_out(ssh, c, OUT_CLOSED);
	mux_send(ssh, &desc_channel_close, &(struct msg_channel_id){c->peer});
}

/* What was asked for before the number was known. */
static void flush_queue(struct ssh *ssh, struct chan *c)
{
	struct reader r = reader_of(buf_slice(&c->queue));
	while (reader_left(&r)) {
		struct slice payload = get_string(&r);
		assert(payload.n >= 5);
		store_u32(c->queue.p + (payload.p - c->queue.p) + 1, c->peer);
		mux_send_raw(ssh, payload);
	}
	buf_clear(&c->queue);
}

bool on_channel_confirm(struct ssh *ssh, struct slice payload)
{
	struct msg_channel_confirm msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(&desc_channel_confirm, payload, &msg) || msg.max_packet == 0)
		return malformed(ssh, "CHANNEL_OPEN_CONFIRMATION");
	struct chan *c = mux_peer_find(ssh, msg.recipient);
	if (!c)
		return false;
	if (c->stage != CHAN_OPENING)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "channel %u confirmed but not opened", c->id), false;
	if (c->guessed && msg.sender != 0) {
		ssh->kex.guess_failed = true;
		return ssh_die(ssh, REASON_BY_APPLICATION, "the peer's first channel is %u, not 0: connect again without sending ahead", msg.sender), false;
	}
	c->stage = CHAN_LIVE;
	c->peer = msg.sender;
	c->window_out = msg.window;
	c->packet_out = msg.max_packet < CHAN_PACKET ? msg.max_packet : CHAN_PACKET;
	flush_queue(ssh, c);
	if (c->close_wanted)
		send_close(ssh, c);
	struct ssh_event *ev = event_push(ssh, EV_OPENED);
	ev->chan = c->id;
	ev->data = msg.data;
	mux_ready(ssh, c);
	return true;
}

bool on_channel_open_failure(struct ssh *ssh, struct slice payload)
{
	struct msg_channel_open_failure msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(&desc_channel_open_failure, payload, &msg))
		return malformed(ssh, "CHANNEL_OPEN_FAILURE");
	struct chan *c = mux_peer_find(ssh, msg.recipient);
	if (!c)
		return false;
	if (c->stage != CHAN_OPENING)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "channel %u refused but not being opened", c->id), false;
	struct ssh_event *ev = event_push(ssh, EV_REFUSED);
	ev->chan = c->id;
	ev->number = msg.reason;
	ev->text = msg.text;
	mux_gone(ssh, c);
	return true;
}

/* RFC 4254, section 5.3. */
void chan_eof(struct ssh *ssh, uint32_t id)
{
	struct chan *c = mux_find(ssh, id);
	if (!c || c->out >= OUT_EOF)
		return;
	chan_out(ssh, c, OUT_EOF);
	chan_emit(ssh, c, &desc_channel_eof, &(struct msg_channel_id){c->peer});
}

void chan_close(struct ssh *ssh, uint32_t id)
{
	struct chan *c = mux_find(ssh, id);
	if (!c || c->out == OUT_CLOSED)
		return;
	if (c->stage == CHAN_ASKED)
		chan_refuse(ssh, id, OPEN_CONNECT_FAILED, "closed");
	else if (c->stage == CHAN_OPENING)
		c->close_wanted = true;
	else
		send_close(ssh, c);
	if (c->in == IN_CLOSED)
		mux_gone(ssh, c);
}

void chan_last_word(struct ssh *ssh, uint32_t id)
{
	struct chan *c = mux_find(ssh, id);
	if (c)
		c->last_word = true;
}

bool on_channel_eof(struct ssh *ssh, struct slice payload)
{
	struct msg_channel_id msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(&desc_channel_eof, payload, &msg))
		return malformed(ssh, "CHANNEL_EOF");
	struct chan *c = mux_peer_find(ssh, msg.recipient);
	if (!c)
		return false;
	if (c->stage == CHAN_OPENING)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "CHANNEL_EOF before channel %u was confirmed", c->id), false;
	if (c->in != IN_OPEN)
		return mux_stray(ssh, "a second CHANNEL_EOF");
	chan_in(ssh, c, IN_EOF);
	if (c->out != OUT_CLOSED)
		event_push(ssh, EV_EOF)->chan = c->id;
	return true;
}

/* The peer hears and says nothing more: our CLOSE follows at once, unless the owner has still something to tell. */
bool on_channel_close(struct ssh *ssh, struct slice payload)
{
	struct msg_channel_id msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(&desc_channel_close, payload, &msg))
		return malformed(ssh, "CHANNEL_CLOSE");
	struct chan *c = mux_peer_find(ssh, msg.recipient);
	if (!c)
		return false;
	if (c->stage != CHAN_LIVE)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "CHANNEL_CLOSE before channel %u was confirmed", c->id), false;
	chan_in(ssh, c, IN_CLOSED);
	event_push(ssh, EV_CLOSE)->chan = c->id;
	if (c->last_word && c->out != OUT_CLOSED) {
		if (c->out != OUT_EOF)
			chan_out(ssh, c, OUT_EOF);
		return true;
	}
	if (c->out != OUT_CLOSED)
		send_close(ssh, c);
	mux_gone(ssh, c);
	return true;
}

void chan_stop(struct ssh *ssh, uint32_t id)
{
	struct chan *c = mux_find(ssh, id);
	if (!c || c->dropping)
		return;
	c->dropping = true;
	if (c->in == IN_OPEN && c->out != OUT_CLOSED && (ssh->quirks & QUIRK_EOW)) {
		struct msg_channel_request msg = {c->peer, SLICE_LIT("eow@openssh.com"), false, {0}};
		chan_emit(ssh, c, &desc_channel_request, &msg);
	}
}

/* Slots of channels that are gone count here, so that the owner can clean up when it sees the event. */
static struct chan *any_slot(const struct ssh *ssh, uint32_t id)
{
	return ssh->mux && id < ssh->mux->slot_count ? ssh->mux->slots[id] : NULL;
}

void chan_set_arg(struct ssh *ssh, uint32_t id, void *arg)
{
	struct chan *c = any_slot(ssh, id);
	if (c)
		c->arg = arg;
}

void *chan_arg(struct ssh *ssh, uint32_t id)
{
	struct chan *c = any_slot(ssh, id);
	return c ? c->arg : NULL;
}

bool chan_info(struct ssh *ssh, uint32_t id, struct chan_info *info)
{
	struct chan *c = any_slot(ssh, id);
	if (!c)
		return false;
	*info = (struct chan_info){
		.peer = c->peer, .bytes_in = c->bytes_in, .bytes_out = c->bytes_out,
		.window_in = c->win.left, .window_out = c->window_out, .open = c->stage == CHAN_LIVE,
	};
	snprintf(info->type, sizeof info->type, "%s", c->type);
	return true;
}

uint32_t chan_count(const struct ssh *ssh)
{
	return ssh->mux ? (uint32_t)ssh->mux->open : 0;
}
