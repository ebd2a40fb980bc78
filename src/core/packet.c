#include "core/packet.h"

#include <string.h>

#include "base/mem.h"

void packet_init(struct ssh *ssh)
{
	struct packet *p = &ssh->packet;
	p->max = PACKET_MAX_BEFORE_AUTH;
	p->in.box = box_new_none();
	p->out.box = box_new_none();
	p->out.scratch = BUF_INIT(PACKET_MAX - 64);
	p->out.queue = BUF_INIT(QUEUE_MAX);
}

void packet_clear(struct ssh *ssh)
{
	struct packet *p = &ssh->packet;
	box_free(p->in.box);
	box_free(p->out.box);
	zip_free(p->in.zip);
	zip_free(p->out.zip);
	mem_free_secret(p->in.p, p->in.p ? p->in.end : 0);
	mem_free(p->out.p);
	mem_free(p->out.room_plain);
	buf_clear(&p->out.scratch);
	buf_clear(&p->out.queue);
}

/* What waits in the buffers is kept, so only empty ones go. */
void packet_trim(struct ssh *ssh)
{
	struct packet_in *in = &ssh->packet.in;
	struct packet_out *out = &ssh->packet.out;
	if (in->p && in->start == in->end) {
		mem_free(in->p);
		in->p = NULL;
		in->cap = in->start = in->end = 0;
	}
	if (out->p && !out->rooms_open && packet_pending(ssh) == 0) {
		mem_free(out->p);
		out->p = NULL;
		out->cap = out->start = out->end = out->wrap = 0;
	}
	if (!out->rooms_open) {
		mem_free(out->room_plain);
		out->room_plain = NULL;
	}
	buf_clear(&out->scratch);
	if (out->queue.len == 0)
		buf_clear(&out->queue);
}

static void trace_out(struct ssh *ssh, struct slice payload)
{
	trace_message(ssh, "send", payload);
}

/* RFC 4253, section 7.1: from our KEXINIT to our NEWKEYS only messages of the transport's own go out. */
static bool must_wait(const struct ssh *ssh, uint8_t number)
{
	return ssh->kex.sent && !ssh->kex.newkeys_sent &&
		(number >= MSG_USERAUTH_REQUEST || (number >= MSG_SERVICE_REQUEST && number <= MSG_NEWCOMPRESS));
}

static void wait_for_keys(struct ssh *ssh, struct slice payload)
{
	struct buf *q = &ssh->packet.out.queue;
	put_string(q, payload);
	if (q->bad) {
		ssh->kex.sent = false;                      /* it is over: DISCONNECT may pass */
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "key exchange did not end while %zu bytes of messages waited for it", q->len);
	}
}

void packet_send_raw(struct ssh *ssh, struct slice payload)
{
	if (ssh->phase == PHASE_OVER || payload.n == 0)
		return;
	if (must_wait(ssh, payload.p[0])) {
		wait_for_keys(ssh, payload);
		return;
	}
	trace_out(ssh, payload);
	packet_put(ssh, payload);
	rekey_if_due(ssh);
}

void packet_send(struct ssh *ssh, const struct msg_desc *desc, const void *msg)
{
	struct buf *b = &ssh->packet.out.scratch;
	buf_reset(b);
	msg_encode(desc, msg, b);
	if (b->bad) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "%s is longer than a packet may be", desc->name);
		return;
	}
	/* The scratch is reused by what packet_send_raw may start (a rekey), but only after it was sealed. */
	packet_send_raw(ssh, buf_slice(b));
	if (desc->number == MSG_USERAUTH_REQUEST || desc->number == MSG_USERAUTH_INFO_RESPONSE)
		mem_wipe(b->p, b->cap);                     /* passwords */
}

void packet_flush_queue(struct ssh *ssh)
{
	struct buf *q = &ssh->packet.out.queue;
	struct reader r = reader_of(buf_slice(q));
	while (reader_left(&r) > 0 && ssh->phase != PHASE_OVER) {
		struct slice payload = get_string(&r);
		trace_out(ssh, payload);
		packet_put(ssh, payload);
	}
	buf_clear(q);
}
