/* sshd_config(5), ChannelTimeout and UnusedConnectionTimeout: what nobody uses is ended. */
#include "server/net.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

enum { TICK_LEAST_MS = 100, TICK_MOST_MS = 30000, TICKS = 10 };

static void on_timer(void *arg)
{
	net_idle_look(arg);
}

/* Milliseconds for a channel of that type; 0: it may idle. "session" also stands for what runs in one, as the manual of OpenSSH says. */
static uint64_t limit_of(const struct net_idle *idle, const char *type, bool global)
{
	struct slice rest = slice_str(idle->timeouts);
	uint64_t seconds;
	while (rest.n) {
		struct slice time = slice_cut(&rest, ' '), pattern = slice_cut(&time, '=');
		bool is_global = slice_eq_str(pattern, "global");
		bool hit = global ? is_global : !is_global && (match_wild(slice_str(type), pattern, false) || match_wild(SLICE_LIT("session"), pattern, false));
		if (hit && text_to_seconds(time, &seconds))
			return seconds * 1000;
	}
	return 0;
}

void net_idle_set(struct net *n, uint64_t unused_ms, struct slice timeouts)
{
	struct net_idle *idle = &n->idle;
	mem_free(idle->timeouts);
	idle->timeouts = slice_dup(timeouts);
	idle->unused_ms = unused_ms;
	idle->global_ms = limit_of(idle, "", true);
	if (idle->timer.loop == NULL)
		loop_timer_init(&idle->timer, n->loop, on_timer, n);
	for (struct net_session *s = n->sessions; s; s = s->next)
		net_idle_type(n, s, NULL, (struct slice){0});
	net_idle_look(n);
}

void net_idle_type(struct net *n, struct net_session *s, const char *kind, struct slice name)
{
	if (kind || s->type == NULL) {
		mem_free(s->type);
		s->type = kind ? mem_fmt("session:%s%s%.*s", kind, name.n ? ":" : "", (int)(name.n < 256 ? name.n : 256), (const char *)name.p) : mem_str("session");
	}
	s->idle_ms = limit_of(&n->idle, s->type, false);
	net_idle_look(n);
}

static uint64_t moved(struct net *n, const struct net_session *s)
{
	struct chan_info info;
	return chan_info(n->ssh, s->chan, &info) ? info.bytes_in + info.bytes_out : 0;
}

static bool expired(struct net *n, struct net_session *s, uint64_t now)
{
	uint64_t bytes = moved(n, s);
	if (s->moved_at == 0 || bytes != s->moved) {
		s->moved = bytes;
		s->moved_at = n->idle.moved_at = now;
	}
	if (s->idle_ms == 0 || now - s->moved_at < s->idle_ms)
		return false;
	log_info("channel %u: closing after %llu seconds of inactivity", s->chan, (unsigned long long)(now - s->moved_at) / 1000);
	return true;
}

static void least(uint64_t *tick, uint64_t ms)
{
	uint64_t part = ms / TICKS;
	part = part < TICK_LEAST_MS ? TICK_LEAST_MS : part;
	if (ms && part < *tick)
		*tick = part;
}

/* Everything together was silent for too long. */
static bool all_expired(const struct net *n, uint64_t now)
{
	if (n->idle.global_ms == 0 || n->sessions == NULL || now - n->idle.moved_at < n->idle.global_ms)
		return false;
	log_info("closing all channels after %llu seconds of inactivity", (unsigned long long)(now - n->idle.moved_at) / 1000);
	return true;
}

static void look_at_channels(struct net *n, uint64_t now, uint64_t *tick)
{
	struct net_session *next;
	for (struct net_session *s = n->sessions; s; s = next) {
		next = s->next;
		if (expired(n, s, now))
			net_session_drop(n, s);
		else
			least(tick, s->idle_ms);
	}
	if (all_expired(n, now))
		while (n->sessions)
			net_session_drop(n, n->sessions);
	if (n->sessions)
		least(tick, n->idle.global_ms);
}

void net_idle_look(struct net *n)
{
	struct net_idle *idle = &n->idle;
	uint64_t now = loop_now(n->loop), tick = TICK_MOST_MS + 1;
	if (n->over || n->user.fd < 0 || idle->timer.loop == NULL || idle->looking)
		return;
	idle->looking = true;                               /* what is dropped calls us */
	look_at_channels(n, now, &tick);
	idle->looking = false;
	if (!idle->empty && n->sessions == NULL)
		idle->empty_since = now;
	idle->empty = n->sessions == NULL;
	if (idle->empty)
		least(&tick, idle->unused_ms);
	if (idle->empty && idle->unused_ms && now - idle->empty_since >= idle->unused_ms) {
		ssh_disconnect(n->ssh, REASON_BY_APPLICATION, "inactive connection");
		drive_kick(n->drive);
		return;
	}
	if (tick <= TICK_MOST_MS)
		loop_timer_at(&idle->timer, now + tick);
	else
		loop_timer_stop(&idle->timer);
}
