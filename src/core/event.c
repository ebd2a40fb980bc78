/* Events wait in a list; what they point to lies in the input buffer or in chunks here, which are
 * wiped and reused once everything was delivered and no ask is open. */
#include "core/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "wire/ask.h"

enum { CHUNK_SIZE = 4096 };
struct chunk { struct chunk *next; size_t cap, used; };

static uint8_t *chunk_bytes(struct chunk *c)
{
	return (uint8_t *)(c + 1);
}

static void *keep(struct events *e, size_t n)
{
	struct chunk *c = e->chunks;
	if (!c || c->cap - c->used < n) {
		size_t cap = n > CHUNK_SIZE ? n : CHUNK_SIZE;
		c = mem_new(sizeof *c + cap);
		*c = (struct chunk){.next = e->chunks, .cap = cap};
		e->chunks = c;
	}
	c->used += n;
	return chunk_bytes(c) + c->used - n;
}

struct slice event_copy(struct ssh *ssh, struct slice s)
{
	if (s.n == 0)
		return slice_of(NULL, 0);
	uint8_t *p = keep(&ssh->events, s.n);
	memcpy(p, s.p, s.n);
	return slice_of(p, s.n);
}

struct ssh_event *event_push(struct ssh *ssh, enum ssh_event_kind kind)
{
	struct events *e = &ssh->events;
	if (e->count == e->cap) {
		e->cap = e->cap ? e->cap * 2 : 16;
		e->list = mem_resize(e->list, e->cap * sizeof *e->list);
	}
	struct ssh_event *ev = &e->list[e->count++];
	*ev = (struct ssh_event){.kind = kind};
	return ev;
}

bool event_take(struct ssh *ssh, struct ssh_event *ev)
{
	struct events *e = &ssh->events;
	if (e->next == e->count) {
		e->next = e->count = 0;
		return false;
	}
	*ev = e->list[e->next++];
	return true;
}

/* One chunk of the usual size stays, wiped: asks carry passwords. */
void event_reset(struct ssh *ssh)
{
	struct events *e = &ssh->events;
	assert(e->next == e->count);
	for (struct chunk *c = e->chunks; c && (c->next || c->cap > CHUNK_SIZE); c = e->chunks) {
		e->chunks = c->next;
		mem_free_secret(c, sizeof *c + c->used);
	}
	if (e->chunks && e->chunks->used) {
		mem_wipe(chunk_bytes(e->chunks), e->chunks->used);
		e->chunks->used = 0;
	}
}

void event_clear(struct ssh *ssh)
{
	struct events *e = &ssh->events;
	e->next = e->count = 0;
	event_reset(ssh);
	mem_free(e->chunks);
	mem_free(e->list);
	*e = (struct events){0};
}

static bool is_slice(enum field_type type)
{
	return type != FIELD_U8 && type != FIELD_BOOL && type != FIELD_U32 && type != FIELD_U64;
}

/* The members of the union begin at one place, so the description of the kind's own fits. */
void ask_open(struct ssh *ssh, const struct ask *ask)
{
	assert(ssh->ask.kind == ASK_NONE);
	if (ssh->phase == PHASE_OVER)
		return;
	ssh->ask = *ask;
	uint8_t *body = (uint8_t *)&ssh->ask.hostsign;
	for (const struct field *f = ask_row(ask->kind)->ask->fields; f->type != FIELD_END; f++) {
		if (!is_slice(f->type))
			continue;
		struct slice *s = (struct slice *)(void *)(body + f->offset);
		*s = event_copy(ssh, *s);
	}
	event_push(ssh, EV_ASK)->ask = ssh->ask;
}

void trace(struct ssh *ssh, enum log_level level, const char *fmt, ...)
{
	enum log_level max = ssh->setup.trace > LOG_LEVEL_VERBOSE ? ssh->setup.trace : LOG_LEVEL_VERBOSE;
	if (level > max)
		return;
	char line[2048];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	size_t len = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
	struct slice text = event_copy(ssh, slice_of(line, len));
	struct ssh_event *ev = event_push(ssh, EV_TRACE);
	ev->level = level, ev->text = text;
}

static void print_payload(struct ssh *ssh, struct slice payload, struct buf *line)
{
	uint64_t decoded[32];
	uint8_t number = payload.p[0];
	enum msg_context context = number >= 30 && number <= 49 ? ssh->kex_context : ssh->auth_context;
	const struct msg_desc *d = ssh_msg_find(number, context);
	if (d && d->size <= sizeof decoded && msg_decode(d, payload, decoded))
		msg_print(d, decoded, line);
	else
		put_fmt(line, "%s message %u, %zu bytes", d ? d->name : "unknown", number, payload.n);
}

void trace_message(struct ssh *ssh, const char *verb, struct slice payload)
{
	const char *step = payload.p[0] == MSG_KEXINIT ? "KEXINIT" : payload.p[0] == MSG_NEWKEYS ? "NEWKEYS" : NULL;
	if (step)
		trace(ssh, LOG_LEVEL_DEBUG1, "SSH2_MSG_%s %s", step, verb[0] == 's' ? "sent" : "received");
	if (ssh->setup.trace < LOG_LEVEL_DEBUG3)
		return;
	struct buf line = BUF_INIT_SECRET(32 * 1024);
	put_fmt(&line, "%s packet: ", verb);
	print_payload(ssh, payload, &line);
	struct slice text = event_copy(ssh, buf_slice(&line));
	struct ssh_event *ev = event_push(ssh, EV_TRACE);
	ev->level = LOG_LEVEL_DEBUG3, ev->text = text;
	buf_clear(&line);
}
