#include "core/packet.h"

#include <string.h>

#include "base/mem.h"

enum {
	IN_CAP = PACKET_MAX + 64 * 1024,                    /* the longest packet and its tag fit */
	IN_MOVE = 64 * 1024,                                /* less free than this: the partial packet moves to the front */
};

struct room packet_space(struct ssh *ssh)
{
	struct packet_in *in = &ssh->packet.in;
	if (!in->p) {
		in->cap = IN_CAP;                           /* the kernel gives pages only as they are written */
		in->p = mem_new(in->cap);
	}
	if (in->start == in->end) {
		in->start = in->end = 0;
	} else if (in->start > 0 && in->cap - in->end < IN_MOVE) {
		memmove(in->p, in->p + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
	}
	return (struct room){in->p + in->end, in->cap - in->end};
}

void packet_use_in(struct ssh *ssh, struct box *box, struct zstate *zip)
{
	struct packet_in *in = &ssh->packet.in;
	if (box) {
		box_free(in->box);
		in->box = box;
		in->bytes = in->packets = in->blocks = 0;
	}
	zip_free(in->zip);
	in->zip = zip;
}

bool packet_stable(const struct ssh *ssh)
{
	return ssh->packet.in.stable;
}

/* A length that cannot be. Where the length is encrypted together with the rest and only the MAC
 * behind it tells forgery from truth, saying so at once would tell an attacker what he decrypted
 * to: go on reading as if it were the longest packet, then fail as a wrong MAC does. */
static enum packet_result bad_length(struct ssh *ssh, uint32_t length)
{
	struct packet_in *in = &ssh->packet.in;
	if (!box_length_clear(in->box) && box_tag(in->box) > 0 && in->blocks > 0) {
		in->discard = PACKET_MAX_BEFORE_AUTH;
		return PACKET_NONE;
	}
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "Bad packet length %u.", length);
	return PACKET_BAD;
}

static enum packet_result read_length(struct ssh *ssh)
{
	struct packet_in *in = &ssh->packet.in;
	if (in->end - in->start < box_first(in->box))
		return PACKET_NONE;
	in->length = box_length(in->box, in->seq, in->p + in->start);
	size_t padded = (size_t)in->length + (box_length_clear(in->box) ? 0 : 4);
	if (in->length < 6 || in->length > ssh->packet.max - 4 || padded % box_block(in->box) != 0)
		return bad_length(ssh, in->length);
	in->length_known = true;
	return PACKET_GOT;
}

static enum packet_result wrong_mac(struct ssh *ssh)
{
	ssh_die(ssh, REASON_MAC_ERROR, "Corrupted MAC on input.");
	return PACKET_BAD;
}

static enum packet_result discard(struct ssh *ssh)
{
	struct packet_in *in = &ssh->packet.in;
	size_t have = in->end - in->start;
	in->start = in->end;
	if (have >= in->discard)
		return wrong_mac(ssh);
	in->discard -= have;
	return PACKET_NONE;
}

/* What a stranger may send before he has logged in. */
static bool within_budget(struct ssh *ssh)
{
	const struct packet_in *in = &ssh->packet.in;
	if (ssh->phase & (PHASE_OPEN | PHASE_OVER) || ssh->after_kex == PHASE_OPEN)
		return true;
	if (in->total <= PREAUTH_BYTES && in->seen <= PREAUTH_PACKETS)
		return true;
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "too much before authentication: %llu packets, %llu bytes",
		(unsigned long long)in->seen, (unsigned long long)in->total);
	return false;
}

static bool inflate_payload(struct ssh *ssh, struct slice *payload)
{
	if (zip_run(ssh->packet.in.zip, *payload, payload) && payload->n > 0)
		return true;
	ssh_die(ssh, REASON_COMPRESSION_ERROR, "compressed data is damaged or too long");
	return false;
}

/* RFC 4253, section 6. */
enum packet_result packet_next(struct ssh *ssh, struct slice *payload)
{
	struct packet_in *in = &ssh->packet.in;
	if (in->discard)
		return discard(ssh);
	if (!in->length_known) {
		enum packet_result r = read_length(ssh);
		if (r != PACKET_GOT)
			return r;
	}
	size_t whole = 4 + (size_t)in->length, tag = box_tag(in->box);
	if (in->end - in->start < whole + tag)
		return PACKET_NONE;
	uint8_t *p = in->p + in->start;
	if (!box_open(in->box, in->seq, p, whole))
		return wrong_mac(ssh);
	in->length_known = false;
	in->start += whole + tag;
	in->seq++, in->packets++, in->seen++;
	in->bytes += whole + tag, in->total += whole + tag;
	in->blocks += whole / box_block(in->box) + 1;
	uint8_t padding = p[4];
	if (padding < 4 || padding + 1u >= in->length) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "Corrupted padlen %u on input.", padding);
		return PACKET_BAD;
	}
	*payload = slice_of(p + 5, in->length - 1 - padding);
	in->stable = !in->zip;
	if (!within_budget(ssh) || (in->zip && !inflate_payload(ssh, payload)))
		return PACKET_BAD;
	return PACKET_GOT;
}
