#include "test/pair/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

uint8_t owner_pattern(uint32_t tag, enum chan_stream stream, enum ssh_role from, uint64_t at)
{
	uint64_t x = at * 2654435761u + tag * 97u + (stream == STREAM_ERR ? 31u : 0u) + (from == SSH_SERVER ? 7u : 0u);
	return (uint8_t)(x >> 13 ^ x);
}

void owner_push(struct link *l, enum ssh_role side, uint32_t chan, enum chan_stream stream)
{
	struct world *w = l->arg;
	struct flow *f = &w->flow[side][chan];
	struct room rooms[4];
	while (f->to_send) {
		size_t n = chan_space(l->end[side], chan, stream, rooms, 4), filled = 0;
		for (size_t i = 0; i < n && f->to_send; i++)
			for (size_t k = 0; k < rooms[i].n && f->to_send; k++, filled++, f->to_send--)
				rooms[i].p[k] = owner_pattern(f->tag, stream, side, f->sent[stream]++);
		if (!n)
			return;
		chan_commit(l->end[side], filled);
	}
}

static void take_data(struct link *l, enum ssh_role side, const struct ssh_event *ev)
{
	struct world *w = l->arg;
	struct flow *f = &w->flow[side][ev->chan];
	for (size_t i = 0; i < ev->data.n && !w->any_bytes; i++)
		assert_int_equal(ev->data.p[i], owner_pattern(f->tag, ev->stream, !side, f->got[ev->stream]++));
	if (w->hold_data)
		f->unconsumed += ev->data.n;
	else
		chan_consumed(l->end[side], ev->chan, ev->data.n);
}

static void on_open(struct link *l, enum ssh_role side, const struct ssh_event *ev)
{
	struct world *w = l->arg;
	w->flow[side][ev->chan] = (struct flow){.here = true, .tag = ev->data.n == 4 ? load_u32(ev->data.p) : 0};
	if (w->hold_open)
		return;
	if (w->accept_limit && chan_count(l->end[side]) > w->accept_limit) {
		chan_refuse(l->end[side], ev->chan, OPEN_PROHIBITED, "no more");
		return;
	}
	chan_accept(l->end[side], ev->chan, SLICE_LIT("welcome"));
	w->flow[side][ev->chan].to_send = w->wants;
	owner_push(l, side, ev->chan, STREAM_OUT);
}

void owner_event(struct link *l, enum ssh_role side, struct ssh_event *ev)
{
	struct world *w = l->arg;
	struct flow *f = &w->flow[side][ev->chan];
	w->events[side][ev->kind]++;
	switch (ev->kind) {
	case EV_OPEN: on_open(l, side, ev); break;
	case EV_OPENED: f->opened = true; owner_push(l, side, ev->chan, STREAM_OUT); break;
	case EV_REFUSED: f->refused = true; break;
	case EV_DATA: take_data(l, side, ev); break;
	case EV_WRITABLE: owner_push(l, side, ev->chan, STREAM_OUT); break;
	case EV_REQUEST:
		f->requests++;
		snprintf(f->last_request, sizeof f->last_request, "%.*s", (int)ev->name.n, (const char *)ev->name.p);
		if (ev->want_reply && !w->hold_replies)
			chan_reply(l->end[side], ev->chan, !slice_eq_str(ev->name, "bad"));
		break;
	case EV_REPLY: f->replies++, f->ok_replies += ev->ok; break;
	case EV_EOF: f->eof = true; break;
	case EV_CLOSE: f->closed = true; break;
	case EV_GLOBAL:
		snprintf(w->last_global, sizeof w->last_global, "%.*s", (int)ev->name.n, (const char *)ev->name.p);
		if (ev->want_reply && !w->hold_replies)
			ssh_global_reply(l->end[side], true, SLICE_LIT("port"));
		break;
	case EV_GLOBAL_REPLY:
		snprintf(w->last_global, sizeof w->last_global, "%.*s", (int)ev->name.n, (const char *)ev->name.p);
		w->last_ok = ev->ok;
		break;
	default: break;
	}
}

uint32_t owner_open(struct link *l, enum ssh_role side, const char *type, uint64_t to_send)
{
	struct world *w = l->arg;
	uint8_t tag[4];
	store_u32(tag, 1 + link_random(l, 1u << 30));
	uint32_t c = chan_open(l->end[side], type, slice_of(tag, 4));
	if (c < FLOWS)
		w->flow[side][c] = (struct flow){.here = true, .tag = load_u32(tag), .to_send = to_send};
	return c;
}
