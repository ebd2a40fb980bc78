#include "core/mux.h"

#include <assert.h>

#include "base/mem.h"
#include "core/resume.h"

struct mux *mux_new(const struct ssh_setup *setup)
{
	(void)setup;                                        /* limits are read from the ssh that carries it: they may change */
	struct mux *m = mem_new(sizeof *m);
	m->owed = BUF_INIT(REPLIES_MAX + 1);
	m->sent = BUF_INIT(REPLIES_MAX * 128);
	return m;
}

static void chan_free(struct chan *c)
{
	buf_clear(&c->owed);
	buf_clear(&c->sent);
	buf_clear(&c->queue);
	mem_free(c);
}

void mux_free(struct mux *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->slot_count; i++)
		if (m->slots[i])
			chan_free(m->slots[i]);
	mem_free(m->slots);
	buf_clear(&m->owed);
	buf_clear(&m->sent);
	resume_free(m->resume);
	mem_free(m);
}

static struct chan *slot(struct mux *m, uint32_t id)
{
	struct chan *c = m && id < m->slot_count ? m->slots[id] : NULL;
	return c && c->stage != CHAN_GONE ? c : NULL;
}

struct chan *mux_find(struct ssh *ssh, uint32_t id)
{
	return slot(ssh->mux, id);
}

struct chan *mux_peer_find(struct ssh *ssh, uint32_t id)
{
	struct chan *c = slot(ssh->mux, id);
	if (!c)
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "message for channel %u, which does not exist", id);
	else if (c->in == IN_CLOSED) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "message for channel %u, which the peer has closed", id);
		return NULL;
	}
	return c;
}

struct chan *mux_add(struct ssh *ssh)
{
	struct mux *m = ssh->mux;
	size_t max = ssh->setup.channel_max ? ssh->setup.channel_max : CHAN_MAX_DEFAULT;
	if (m->open >= max)
		return NULL;
	while (m->low < m->slot_count && m->slots[m->low])
		m->low++;
	if (m->low == m->slot_count) {
		size_t count = m->slot_count ? 2 * m->slot_count : 4;
		m->slots = mem_resize(m->slots, count * sizeof *m->slots);
		while (m->slot_count < count)
			m->slots[m->slot_count++] = NULL;
	}
	struct chan *c = mem_new(sizeof *c);
	c->id = (uint32_t)m->low;
	c->owed = BUF_INIT(REPLIES_MAX + 1);
	c->sent = BUF_INIT(REPLIES_MAX * 128);
	c->queue = BUF_INIT(CHAN_QUEUE_MAX);
	window_init(&c->win, window_first(ssh));
	m->granted += c->win.size;
	m->slots[m->low++] = c;
	m->open++;
	return c;
}

static void ready_remove(struct mux *m, struct chan *c)
{
	struct chan *before = NULL;
	for (struct chan *at = m->ready_first; at != c; at = at->ready_next)
		before = at;
	*(before ? &before->ready_next : &m->ready_first) = c->ready_next;
	if (m->ready_last == c)
		m->ready_last = before;
	c->ready = false;
}

void mux_gone(struct ssh *ssh, struct chan *c)
{
	struct mux *m = ssh->mux;
	if (c->ready)
		ready_remove(m, c);
	if (m->room_chan == c)
		m->room_chan = NULL;
	c->stage = CHAN_GONE;
	m->granted -= c->win.size;
	m->open--;
	m->gone++;
}

/* Events are all delivered when the next packet is opened, so what is gone was seen by then. */
static void reap(struct mux *m)
{
	for (size_t i = 0; i < m->slot_count && m->gone; i++) {
		struct chan *c = m->slots[i];
		if (!c || c->stage != CHAN_GONE)
			continue;
		chan_free(c);
		m->slots[i] = NULL;
		m->gone--;
		if (i < m->low)
			m->low = i;
	}
}

bool mux_enter(struct ssh *ssh, struct slice payload)
{
	struct mux *m = ssh->mux;
	assert(m);
	if (m->gone)
		reap(m);
	return !m->resume || resume_count(ssh, payload.n);
}

bool mux_stray(struct ssh *ssh, const char *what)
{
	if (++ssh->mux->stray <= STRAY_MAX)
		return true;
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "too many messages that belong to nothing, last %s", what);
	return false;
}

void mux_ready(struct ssh *ssh, struct chan *c)
{
	struct mux *m = ssh->mux;
	if (!c->blocked || c->ready || !c->window_out || c->stage != CHAN_LIVE || c->out > OUT_STOPPED)
		return;
	c->ready = true;
	c->ready_next = NULL;
	*(m->ready_last ? &m->ready_last->ready_next : &m->ready_first) = c;
	m->ready_last = c;
}

/* EV_WRITABLE in the order in which channels got stuck. */
bool mux_next(struct ssh *ssh, struct ssh_event *ev)
{
	struct mux *m = ssh->mux;
	if (m && m->resume)
		resume_pump(ssh);
	if (!m || !m->ready_first || !mux_may_send(ssh))
		return false;
	struct chan *c = m->ready_first;
	ready_remove(m, c);
	c->blocked = false;
	*ev = (struct ssh_event){.kind = EV_WRITABLE, .chan = c->id};
	return true;
}

void mux_keys_changed(struct ssh *ssh)
{
	if (ssh->mux && ssh->mux->resume)
		resume_pump(ssh);                           /* channels that are ready stay in their list; mux_next finds them */
}

void mux_attach(struct ssh *ssh, struct mux *m)
{
	ssh->mux = m;
	m->ping_out = false;
	m->rtt = RTT_UNKNOWN;
	m->rtt_asked = ssh->rtt > 0;
	if (m->rtt_asked)
		mux_rtt(m, ssh->rtt);
	resume_begin(ssh);
}

uint64_t mux_wake(const struct ssh *ssh)
{
	return ssh->mux && ssh->mux->resume ? resume_wake(ssh) : UINT64_MAX;
}

void mux_tick(struct ssh *ssh, uint64_t now)
{
	(void)now;
	if (ssh->mux && ssh->mux->resume)
		resume_tick(ssh);
}

void mux_trim(struct ssh *ssh)
{
	if (ssh->mux && ssh->mux->resume && !ssh->mux->room_chan)
		resume_trim(ssh->mux->resume);
}

void mux_send(struct ssh *ssh, const struct msg_desc *d, const void *msg)
{
	if (ssh->mux->resume)
		resume_send(ssh, d, msg);
	else
		packet_send(ssh, d, msg);
}

void mux_send_raw(struct ssh *ssh, struct slice payload)
{
	if (ssh->mux->resume)
		resume_send_raw(ssh, payload);
	else
		packet_send_raw(ssh, payload);
}

bool mux_may_send(const struct ssh *ssh)
{
	return packet_may_send_data(ssh) && (!ssh->mux->resume || resume_may_add(ssh));
}

struct slice names_pop(struct ssh *ssh, struct buf *names, uint32_t *count)
{
	struct reader r = reader_of(buf_slice(names));
	struct slice name = event_copy(ssh, get_string(&r));
	buf_drop(names, names->len - reader_left(&r));
	--*count;
	return name;
}

static const char ping_mark[] = "hawser window";

bool mux_pong(struct ssh *ssh, struct slice data)
{
	struct mux *m = ssh->mux;
	if (!m || !m->ping_out || !slice_eq_str(data, ping_mark))
		return false;
	m->ping_out = false;
	m->rtt_asked = true;
	mux_rtt(m, ssh->now - m->ping_at);
	return true;
}

/* One when the first 64 KiB are in, then one in five seconds of traffic. */
void mux_ping_if_due(struct ssh *ssh, size_t n)
{
	enum { FIRST_AFTER = 64 * 1024, AGAIN_AFTER_MS = 5000 };
	struct mux *m = ssh->mux;
	m->flow += n;
	if (m->ping_out || m->flow < FIRST_AFTER || (m->rtt != RTT_UNKNOWN && ssh->now - m->ping_at < AGAIN_AFTER_MS))
		return;
	m->flow = 0;
	if (!ssh_peer_has(ssh, "ping@openssh.com"))
		return;
	m->ping_out = true;
	m->ping_at = ssh->now;
	packet_send(ssh, &desc_ping, &(struct msg_ping){slice_str(ping_mark)});
}
