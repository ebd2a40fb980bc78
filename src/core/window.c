/* Receive windows: what the peer may send, when it is given back, and how it grows.
 *
 * The size follows what the reader consumed within one round trip: a sender that is held up by the
 * window opens it wide, a slow reader or a short path leaves it alone. The round trip is the
 * smallest seen: in the handshake, by ping@openssh.com, or by the time until bytes come that only a
 * WINDOW_ADJUST of ours has allowed.
 */
#include "core/mux.h"

static uint32_t window_limit(const struct ssh *ssh)
{
	uint32_t max = ssh->setup.window_max ? ssh->setup.window_max : WINDOW_MAX, least = ssh->setup.window_first ? ssh->setup.window_first : WINDOW_FIRST;
	return max > least ? max : least;
}

/* What all channels of a connection may have outstanding: two streams at full size, or many that share. */
static uint64_t window_budget(const struct ssh *ssh)
{
	return 2 * (uint64_t)window_limit(ssh);
}

/* Where the login has shown a long path, what 200 MB/s need to fill it, within limits: each round trip of growing costs a stream that time. */
uint32_t window_first(const struct ssh *ssh)
{
	enum { FOR_ONE_MS = 200 * 1024, LONG_PATH_MAX = 16 * 1024 * 1024, SCARCE = 4 * CHAN_PACKET };
	const struct mux *m = ssh->mux;
	if (m && m->granted + WINDOW_FIRST > window_budget(ssh) && m->open)
		return SCARCE;
	if (ssh->setup.window_first)
		return ssh->setup.window_first;
	if (!m || !m->rtt_asked || m->rtt == RTT_UNKNOWN)
		return WINDOW_FIRST;
	uint64_t want = (uint64_t)(m->rtt - 1) * FOR_ONE_MS;
	if (want > LONG_PATH_MAX)
		want = LONG_PATH_MAX;
	if (want > window_limit(ssh))
		want = window_limit(ssh);
	return want > WINDOW_FIRST ? (uint32_t)want : WINDOW_FIRST;
}

uint32_t packet_in_max(const struct ssh *ssh)
{
	(void)ssh;
	return CHAN_PACKET;
}

void window_init(struct window *w, uint32_t size)
{
	*w = (struct window){.size = size, .left = size};
}

void mux_rtt(struct mux *m, uint64_t ms)
{
	uint32_t rtt = ms < 60000 ? (uint32_t)ms + 1 : 60001;
	if (m->rtt == RTT_UNKNOWN || rtt < m->rtt)
		m->rtt = rtt;
}

bool window_take(struct ssh *ssh, struct chan *c, size_t n)
{
	struct window *w = &c->win;
	if (n > w->left)
		return false;
	w->left -= (uint32_t)n;
	c->bytes_in += n;
	if (w->edge && c->bytes_in > w->edge) {
		mux_rtt(ssh->mux, ssh->now - w->edge_at);
		w->edge = 0;
	}
	mux_ping_if_due(ssh, n);
	return true;
}

/* The reader took nearly all of the window in less than a round trip: the window is what holds the sender up. */
static bool held_up(const struct mux *m, const struct window *w, uint64_t rtt, uint64_t elapsed)
{
	return m->rtt_asked && w->epoch_bytes >= w->size / 4 * 3 && elapsed < rtt + rtt / 2;
}

/* What went through in a round trip says how much more is worth a try. A sender that was held up by the window gets
 * eight times as much, since it takes a round trip more until that shows, and at once, since every round trip of the
 * start counts; one that was not, twice what it used. */
static void measure(struct ssh *ssh, struct window *w, size_t n)
{
	enum { SHORT_MS = 2 };                              /* the first window covers anything below */
	uint32_t rtt = ssh->mux->rtt - 1;                   /* RTT_UNKNOWN becomes a very long one */
	w->epoch_bytes += n;
	if (w->epoch_start == 0) {
		w->epoch_start = ssh->now + 1;
		w->epoch_bytes = 0;
		return;
	}
	uint64_t elapsed = ssh->now + 1 - w->epoch_start;
	bool grow = held_up(ssh->mux, w, rtt, elapsed);
	if (rtt < SHORT_MS || (elapsed < rtt && !grow))
		return;
	uint64_t want = grow ? (uint64_t)w->size * 8 : 2 * w->epoch_bytes * rtt / elapsed;
	w->epoch_start = ssh->now + 1;
	w->epoch_bytes = 0;
	if (want > window_limit(ssh))
		want = window_limit(ssh);
	uint64_t granted = ssh->mux->granted, free = window_budget(ssh) > granted ? window_budget(ssh) - granted : 0;
	if (want > w->size + free)
		want = w->size + free;
	if (want > w->want)
		w->want = (uint32_t)want;
}

/* By half a MiB (each adjust costs both ends a system call), by quarters or three packets of a small window, at half in
 * any case, and at once where it grows much; never for single bytes while a slow reader still has much to take. */
static bool adjust_due(const struct window *w)
{
	enum { STEP_MAX = 512 * 1024 };
	uint32_t step = w->size / 4 > 3 * CHAN_PACKET ? w->size / 4 : 3 * CHAN_PACKET;
	if (step > STEP_MAX)
		step = STEP_MAX;
	if (w->consumed >= step || w->want / 2 >= w->size)
		return true;
	return w->consumed > 0 && w->left <= w->size / 2 && (w->consumed >= CHAN_PACKET || w->left + w->consumed == w->size);
}

/* RFC 4254, section 5.2. */
void window_give(struct ssh *ssh, struct chan *c, size_t n)
{
	struct window *w = &c->win;
	if (n > w->size - w->left - w->consumed)
		n = w->size - w->left - w->consumed;        /* left over from a channel that had this number before */
	w->consumed += (uint32_t)n;
	measure(ssh, w, n);
	if (c->stage != CHAN_LIVE || c->in != IN_OPEN || c->out == OUT_CLOSED || !adjust_due(w))
		return;
	if (!w->edge) {
		w->edge = c->bytes_in + w->left;
		w->edge_at = ssh->now;
	}
	uint32_t more = w->want > w->size ? w->want - w->size : 0, add = w->consumed + more;
	w->size += more;
	ssh->mux->granted += more;
	w->left += add;
	w->consumed = 0;
	mux_send(ssh, &desc_channel_adjust, &(struct msg_channel_adjust){c->peer, add});
}
