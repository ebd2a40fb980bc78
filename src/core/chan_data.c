/* The hot path: CHANNEL_DATA both ways, by hand, without a copy or an allocation (RFC 4254, section 5.2).
 *
 * Out: rooms in the transport's output buffer, behind reserved headers. In: slices of its input buffer.
 */
#include "core/mux.h"

#include <assert.h>
#include <string.h>

#include "core/handlers.h"
#include "core/resume.h"

/* eow@openssh.com speaks of standard output; what the command says on standard error is still read. */
static bool can_send(const struct chan *c, enum chan_stream stream)
{
	return (c->out == OUT_OPEN || (c->out == OUT_STOPPED && stream == STREAM_ERR)) && !c->close_wanted;
}

size_t chan_space(struct ssh *ssh, uint32_t id, enum chan_stream stream, struct room *rooms, size_t max)
{
	struct chan *c = mux_find(ssh, id);
	if (!c || !can_send(c, stream))
		return 0;
	struct mux *m = ssh->mux;
	size_t header = stream == STREAM_OUT ? DATA_HEADER : EXTENDED_HEADER, n = 0;
	assert(!m->room_chan);
	if (c->stage == CHAN_LIVE && c->window_out && mux_may_send(ssh))
		n = (m->resume ? resume_rooms : packet_rooms)(ssh, header, c->packet_out, c->window_out, rooms, max < ROOMS_MAX ? max : ROOMS_MAX);
	if (n == 0) {
		c->blocked = true;
		mux_ready(ssh, c);
		return 0;
	}
	m->room_chan = c;
	m->room_stream = stream;
	m->room_count = n;
	for (size_t i = 0; i < n; i++)
		m->room_sizes[i] = rooms[i].n;
	return n;
}

static struct slice data_header(uint8_t at[EXTENDED_HEADER], const struct mux *m, uint32_t n)
{
	bool plain = m->room_stream == STREAM_OUT;
	at[0] = plain ? MSG_CHANNEL_DATA : MSG_CHANNEL_EXTENDED_DATA;
	store_u32(at + 1, m->room_chan->peer);
	if (!plain)
		store_u32(at + 5, 1);
	store_u32(at + (plain ? 5 : 9), n);
	return slice_of(at, plain ? DATA_HEADER : EXTENDED_HEADER);
}

void chan_commit(struct ssh *ssh, size_t n)
{
	struct mux *m = ssh->mux;
	struct chan *c = m ? m->room_chan : NULL;
	uint8_t header[EXTENDED_HEADER];
	if (!c)
		return;
	assert(n <= c->window_out);
	c->window_out -= (uint32_t)n;
	c->bytes_out += n;
	for (size_t i = 0; i < m->room_count && n; i++) {
		size_t part = n < m->room_sizes[i] ? n : m->room_sizes[i];
		(m->resume ? resume_commit : packet_commit)(ssh, i, data_header(header, m, (uint32_t)part), part);
		n -= part;
	}
	assert(n == 0);
	(m->resume ? resume_commit_end : packet_commit_end)(ssh);
	m->room_chan = NULL;
}

size_t chan_write(struct ssh *ssh, uint32_t id, enum chan_stream stream, struct slice data)
{
	enum { AT_ONCE = 8 };
	struct room rooms[AT_ONCE];
	size_t taken = 0;
	while (taken < data.n) {
		size_t count = chan_space(ssh, id, stream, rooms, AT_ONCE), filled = 0;
		if (count == 0)
			break;
		for (size_t i = 0; i < count && taken + filled < data.n; i++) {
			size_t left = data.n - taken - filled, part = left < rooms[i].n ? left : rooms[i].n;
			memcpy(rooms[i].p, data.p + taken + filled, part);
			filled += part;
		}
		chan_commit(ssh, filled);
		taken += filled;
	}
	return taken;
}

void chan_consumed(struct ssh *ssh, uint32_t id, size_t n)
{
	struct chan *c = mux_find(ssh, id);
	if (c)
		window_give(ssh, c, n);
}

static bool take_data(struct ssh *ssh, uint32_t id, enum chan_stream stream, struct slice data)
{
	struct chan *c = mux_peer_find(ssh, id);
	if (!c)
		return false;
	if (c->stage != CHAN_LIVE)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "data on channel %u before it was confirmed", id), false;
	if (c->in != IN_OPEN)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "data on channel %u after its end", id), false;
	if (data.n > packet_in_max(ssh))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "packet of %zu bytes on channel %u, at most %u were allowed", data.n, id, packet_in_max(ssh)), false;
	if (!window_take(ssh, c, data.n))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "%zu bytes on channel %u, its window has %u", data.n, id, c->win.left), false;
	if (c->out == OUT_CLOSED || c->dropping || data.n == 0) {
		window_give(ssh, c, data.n);
		return true;
	}
	struct ssh_event *ev = event_push(ssh, EV_DATA);
	ev->chan = id;
	ev->stream = stream;
	ev->data = data;
	ev->stable = packet_stable(ssh);
	return true;
}

bool on_channel_data(struct ssh *ssh, struct slice payload)
{
	if (!mux_enter(ssh, payload))
		return false;
	if (payload.n < DATA_HEADER || load_u32(payload.p + 5) != payload.n - DATA_HEADER)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed CHANNEL_DATA"), false;
	return take_data(ssh, load_u32(payload.p + 1), STREAM_OUT, slice_from(payload, DATA_HEADER));
}

bool on_channel_extended(struct ssh *ssh, struct slice payload)
{
	if (!mux_enter(ssh, payload))
		return false;
	if (payload.n < EXTENDED_HEADER || load_u32(payload.p + 9) != payload.n - EXTENDED_HEADER)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed CHANNEL_EXTENDED_DATA"), false;
	if (load_u32(payload.p + 5) != 1)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "extended data of type %u does not exist", load_u32(payload.p + 5)), false;
	return take_data(ssh, load_u32(payload.p + 1), STREAM_ERR, slice_from(payload, EXTENDED_HEADER));
}

bool on_channel_adjust(struct ssh *ssh, struct slice payload)
{
	struct msg_channel_adjust msg;
	if (!mux_enter(ssh, payload))
		return false;
	if (!msg_decode(&desc_channel_adjust, payload, &msg))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed CHANNEL_WINDOW_ADJUST"), false;
	struct chan *c = mux_find(ssh, msg.recipient);
	if (!c)                                             /* some peers cross it with their own CLOSE */
		return mux_stray(ssh, "CHANNEL_WINDOW_ADJUST");
	if (c->stage == CHAN_OPENING)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "window of channel %u moved before it was confirmed", c->id), false;
	if (__builtin_add_overflow(c->window_out, msg.bytes, &c->window_out))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "window of channel %u passes 2^32 - 1", c->id), false;
	mux_ready(ssh, c);
	return true;
}
