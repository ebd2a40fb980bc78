/* Resume: the connection layer goes on over another transport (doc/PROTOCOL-resume.md).
 *
 * Every payload that the connection layer sends is kept until the peer says that it has it. The
 * log is a list of segments, each holding entries of a length and a payload; data is read straight
 * into it and sealed out of place. What was not handed to a transport yet waits in the same log, so
 * order never depends on how far a transport got.
 */
#include "core/resume.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "core/handlers.h"

enum {
	SEGMENT = 8 * (4 + EXTENDED_HEADER + CHAN_PACKET),
	MESSAGES_BEYOND = 4 * 1024 * 1024,                  /* messages may pass the bound by this much */
	ACK_BYTES = 64 * 1024, ACK_MS = 100,
};

struct segment {
	struct segment *next;
	size_t start, used, cap;
	uint8_t p[];
};

struct resume {
	bool carried;                                       /* a transport is there and both counts are known */
	bool said;                                          /* our RESUME is out on it, the peer's awaited */
	struct segment *first, *last, *at;                  /* at, at_off: the next entry to hand over */
	size_t at_off, bytes;
	uint64_t base, next, end;                           /* numbers of the first kept, next to hand over, next to be made */
	uint64_t received, told, unsaid_bytes, ack_at;
	struct buf scratch;
	size_t fill, slot;                                  /* rooms that are open: end of what is committed, stride */
};

static const char ext_name[] = "resume-v1@hawser";

static struct resume *resume_new(void)
{
	struct resume *r = mem_new(sizeof *r);
	r->scratch = BUF_INIT(PACKET_MAX);
	r->ack_at = UINT64_MAX;
	r->carried = true;
	return r;
}

static void free_segments(struct resume *r)
{
	for (struct segment *s = r->first, *next; s; s = next) {
		next = s->next;
		mem_free(s);
	}
	r->first = r->last = r->at = NULL;
}

void resume_free(struct resume *r)
{
	if (!r)
		return;
	free_segments(r);
	buf_clear(&r->scratch);
	mem_free(r);
}

/* After login. The counts go both ways before anything else where channels were taken over. */
void resume_begin(struct ssh *ssh)
{
	struct mux *m = ssh->mux;
	bool agreed = ssh->setup.resume && ssh_peer_has(ssh, ext_name);
	if (!m->resume) {
		if (agreed)
			m->resume = resume_new();
		return;
	}
	if (!agreed) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "the peer cannot take up the channels of the former connection");
		return;
	}
	m->resume->said = true;
	packet_send(ssh, &desc_resume, &(struct msg_resume){m->resume->received});
}

struct mux *ssh_take_mux(struct ssh *ssh)
{
	struct mux *m = ssh->mux;
	if (!m || !m->resume)
		return NULL;
	ssh->mux = NULL;
	m->room_chan = NULL;
	m->resume->carried = m->resume->said = false;
	m->resume->ack_at = UINT64_MAX;
	return m;
}

/* Segments. */

static struct segment *room_for(struct resume *r, size_t n)
{
	struct segment *s = r->last;
	if (s && s->cap - s->used >= n)
		return s;
	size_t cap = n > SEGMENT ? n : SEGMENT;
	s = mem_new(sizeof *s + cap);
	s->cap = cap;
	*(r->last ? &r->last->next : &r->first) = s;
	r->last = s;
	return s;
}

static void drop_until(struct resume *r, uint64_t count)
{
	while (r->base < count) {
		struct segment *s = r->first;
		if (s->start == s->used) {
			r->first = s->next;
			mem_free(s);
			continue;
		}
		size_t n = 4 + (size_t)load_u32(s->p + s->start);
		s->start += n;
		r->bytes -= n;
		r->base++;
	}
	struct segment *s = r->first;
	if (s && s == r->last && s->start == s->used && r->next == r->end) {
		s->start = s->used = 0;                     /* nothing kept: its memory serves again */
		r->at = NULL;
	}
}

void resume_trim(struct resume *r)
{
	buf_clear(&r->scratch);
	if (r->base != r->end)
		return;
	free_segments(r);
}

/* at == NULL: before the first entry of `first`. */
static struct slice next_entry(struct resume *r)
{
	if (!r->at) {
		r->at = r->first;
		r->at_off = r->first->start;
	}
	while (r->at_off == r->at->used) {
		r->at = r->at->next;
		r->at_off = r->at->start;
	}
	struct slice entry = slice_of(r->at->p + r->at_off + 4, load_u32(r->at->p + r->at_off));
	r->at_off += 4 + entry.n;
	return entry;
}

void resume_pump(struct ssh *ssh)
{
	struct resume *r = ssh->mux->resume;
	while (r->carried && r->next < r->end && packet_may_send_data(ssh)) {
		packet_send_raw(ssh, next_entry(r));
		r->next++;
	}
}

static size_t bound(const struct ssh *ssh)
{
	return ssh->setup.window_max ? ssh->setup.window_max : WINDOW_MAX;
}

bool resume_may_add(const struct ssh *ssh)
{
	const struct resume *r = ssh->mux->resume;
	return r->carried && r->next == r->end && r->bytes < bound(ssh);
}

void resume_send_raw(struct ssh *ssh, struct slice payload)
{
	struct resume *r = ssh->mux->resume;
	if (r->bytes + payload.n > bound(ssh) + MESSAGES_BEYOND) {
		ssh_die(ssh, REASON_BY_APPLICATION, "the peer acknowledges nothing");
		return;
	}
	struct segment *s = room_for(r, 4 + payload.n);
	store_u32(s->p + s->used, (uint32_t)payload.n);
	memcpy(s->p + s->used + 4, payload.p, payload.n);
	s->used += 4 + payload.n;
	r->bytes += 4 + payload.n;
	r->end++;
	resume_pump(ssh);
}

void resume_send(struct ssh *ssh, const struct msg_desc *d, const void *msg)
{
	struct resume *r = ssh->mux->resume;
	buf_reset(&r->scratch);
	msg_encode(d, msg, &r->scratch);
	assert(!r->scratch.bad);
	resume_send_raw(ssh, buf_slice(&r->scratch));
}

/* As packet_rooms, in the log. Only the last room committed may be filled in part. */
size_t resume_rooms(struct ssh *ssh, size_t header, size_t data_max, size_t total, struct room *rooms, size_t max)
{
	struct resume *r = ssh->mux->resume;
	size_t first = total < data_max ? total : data_max, n = 0;
	struct segment *s = room_for(r, 4 + header + first);
	r->slot = 4 + header + data_max;
	r->fill = s->used;
	for (size_t at = s->used; n < max && total; at += r->slot, n++) {
		size_t want = total < data_max ? total : data_max;
		if (s->cap - at < 4 + header + want)
			break;
		rooms[n] = (struct room){s->p + at + 4 + header, want};
		total -= want;
		if (want < data_max) {
			n++;
			break;
		}
	}
	return n;
}

void resume_commit(struct ssh *ssh, size_t i, struct slice header, size_t n)
{
	struct resume *r = ssh->mux->resume;
	uint8_t *at = r->last->p + r->last->used + i * r->slot;
	store_u32(at, (uint32_t)(header.n + n));
	memcpy(at + 4, header.p, header.n);
	r->fill = (size_t)(at - r->last->p) + 4 + header.n + n;
	r->end++;
}

void resume_commit_end(struct ssh *ssh)
{
	struct resume *r = ssh->mux->resume;
	r->bytes += r->fill - r->last->used;
	r->last->used = r->fill;
	resume_pump(ssh);
}

/* What came in. */

static void say_received(struct ssh *ssh)
{
	struct resume *r = ssh->mux->resume;
	packet_send(ssh, &desc_resume_ack, &(struct msg_resume){r->received});
	r->told = r->received;
	r->unsaid_bytes = 0;
	r->ack_at = UINT64_MAX;
}

bool resume_count(struct ssh *ssh, size_t n)
{
	struct resume *r = ssh->mux->resume;
	if (!r->carried)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "message of the connection layer before RESUME"), false;
	r->received++;
	r->unsaid_bytes += n;
	if (r->unsaid_bytes >= ACK_BYTES)
		say_received(ssh);
	else if (r->ack_at == UINT64_MAX)
		r->ack_at = ssh->now + ACK_MS;
	return true;
}

uint64_t resume_wake(const struct ssh *ssh)
{
	return ssh->mux->resume->ack_at;
}

void resume_tick(struct ssh *ssh)
{
	struct resume *r = ssh->mux->resume;
	if (r->carried && ssh->now >= r->ack_at)
		say_received(ssh);
}

static bool take_count(struct ssh *ssh, uint64_t count, uint64_t limit)
{
	struct resume *r = ssh->mux->resume;
	if (count < r->base || count > limit) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "the peer has %llu messages, we kept %llu to %llu", (unsigned long long)count,
			(unsigned long long)r->base, (unsigned long long)limit);
		return false;
	}
	drop_until(r, count);
	return true;
}

bool on_resume_ack(struct ssh *ssh, struct slice payload)
{
	struct msg_resume msg;
	struct resume *r = ssh->mux->resume;
	if (!r || !r->carried)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "RESUME_ACK without resume"), false;
	if (!msg_decode(&desc_resume_ack, payload, &msg))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed RESUME_ACK"), false;
	return take_count(ssh, msg.received, r->next);
}

bool on_resume(struct ssh *ssh, struct slice payload)
{
	struct msg_resume msg;
	struct resume *r = ssh->mux->resume;
	if (!r || !r->said || r->carried)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "there is nothing to resume here"), false;
	if (!msg_decode(&desc_resume, payload, &msg))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed RESUME"), false;
	if (!take_count(ssh, msg.received, r->next))
		return false;
	r->carried = true;
	r->at = NULL;
	r->next = r->base;
	resume_pump(ssh);
	return true;
}
