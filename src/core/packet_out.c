#include "core/packet.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

enum {
	OUT_FIRST = 32 * 1024,
	OUT_BULK = OUTPUT_CAP + 128 * 1024,
	ROOM_DATA_MAX = 60 * 1024,                          /* of one slot, whatever the peer would take */
	PLAIN_MAX = 256 * 1024,                             /* rooms of one set where compression copies anyway */
};

size_t packet_pending(const struct ssh *ssh)
{
	const struct packet_out *out = &ssh->packet.out;
	return out->wrap ? out->wrap - out->start + out->end : out->end - out->start;
}

struct slice packet_output(struct ssh *ssh)
{
	const struct packet_out *out = &ssh->packet.out;
	return slice_of(out->p + out->start, (out->wrap ? out->wrap : out->end) - out->start);
}

void packet_sent(struct ssh *ssh, size_t n)
{
	struct packet_out *out = &ssh->packet.out;
	assert(n <= packet_output(ssh).n);
	assert(!out->rooms_open);
	out->start += n;
	if (out->wrap && out->start == out->wrap)
		out->start = out->wrap = 0;
	if (!out->wrap && out->start == out->end)
		out->start = out->end = 0;
}

static void grow(struct packet_out *out, size_t cap)
{
	size_t first = (out->wrap ? out->wrap : out->end) - out->start, second = out->wrap ? out->end : 0;
	uint8_t *p = mem_new(cap);
	if (first)
		memcpy(p, out->p + out->start, first);
	if (second)
		memcpy(p + first, out->p, second);
	mem_free(out->p);
	out->p = p, out->cap = cap;
	out->start = out->wrap = 0, out->end = first + second;
}

/* Bytes in one piece behind what waits, after wrapping round where that gives more. */
static size_t tail(struct packet_out *out, size_t wanted)
{
	if (out->wrap)
		return out->start - out->end;
	if (out->cap - out->end < wanted && out->start >= wanted) {
		out->wrap = out->end;
		out->end = 0;
		return out->start;
	}
	return out->cap - out->end;
}

uint8_t *packet_out_space(struct ssh *ssh, size_t n)
{
	struct packet_out *out = &ssh->packet.out;
	assert(!out->rooms_open);
	if (tail(out, n) < n) {
		size_t cap = out->cap ? out->cap : OUT_FIRST;
		while (cap < packet_pending(ssh) + n)
			cap *= 2;
		grow(out, cap > out->cap ? cap : out->cap);
	}
	return out->p + out->end;
}

/* RFC 4253, section 6: at least 4 bytes, up to the next multiple of the block. */
static size_t padding_of(const struct box *box, size_t payload)
{
	size_t block = box_block(box), n = (box_length_clear(box) ? 1 : 5) + payload;
	size_t pad = block - n % block;
	return pad < 4 ? pad + block : pad;
}

size_t packet_size(const struct box *box, size_t payload)
{
	return 5 + payload + padding_of(box, payload) + box_tag(box);
}

/* p: room for length and padding length, then the payload. The padding is zero: RFC 4253 asks for
 * random bytes so that known plaintext is scarce, which no cipher here depends on, and the length
 * of the padding is minimal anyway. That saves a call of the generator for each packet. */
static size_t seal(struct packet_out *out, uint8_t *p, size_t payload)
{
	size_t pad = padding_of(out->box, payload), whole = 5 + payload + pad, tag = box_tag(out->box);
	store_u32(p, (uint32_t)(whole - 4));
	p[4] = (uint8_t)pad;
	memset(p + 5 + payload, 0, pad);
	box_seal(out->box, out->seq, p, whole);
	out->seq++, out->packets++;
	out->bytes += whole + tag, out->total += whole + tag;
	out->blocks += whole / box_block(out->box) + 1;
	out->end += whole + tag;
	return whole + tag;
}

void packet_raw(struct ssh *ssh, struct slice bytes)
{
	memcpy(packet_out_space(ssh, bytes.n), bytes.p, bytes.n);
	ssh->packet.out.end += bytes.n;
	ssh->packet.out.total += bytes.n;
}

void packet_put(struct ssh *ssh, struct slice payload)
{
	struct packet_out *out = &ssh->packet.out;
	if (out->zip && !zip_run(out->zip, payload, &payload)) {
		ssh_die(ssh, REASON_COMPRESSION_ERROR, "a message grew too long when it was compressed");
		return;
	}
	uint8_t *p = packet_out_space(ssh, packet_size(out->box, payload.n));
	memcpy(p + 5, payload.p, payload.n);
	seal(out, p, payload.n);
}

void packet_use_out(struct ssh *ssh, struct box *box, struct zstate *zip)
{
	struct packet_out *out = &ssh->packet.out;
	if (box) {
		box_free(out->box);
		out->box = box;
		out->bytes = out->packets = out->blocks = 0;
	}
	zip_free(out->zip);
	out->zip = zip;
	mem_free(out->room_plain);
	out->room_plain = NULL;
}

bool packet_may_send_data(const struct ssh *ssh)
{
	bool keys_change = ssh->kex.sent && !ssh->kex.newkeys_sent;
	return ssh->after_kex == PHASE_OPEN && ssh->phase != PHASE_OVER && !keys_change && packet_pending(ssh) < OUTPUT_CAP;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Rooms in memory of their own, since the compressor cannot work in place. */
static size_t plain_rooms(struct packet_out *out, size_t slot, size_t count)
{
	if (!out->room_plain)
		out->room_plain = mem_new(PLAIN_MAX);
	return smaller(count, PLAIN_MAX / slot);
}

static size_t sealed_rooms(struct ssh *ssh, size_t slot, size_t count)
{
	struct packet_out *out = &ssh->packet.out;
	if (out->cap < OUT_BULK)
		grow(out, OUT_BULK);
	/* One slot may pass the cap. Wrapping only where not even one fits keeps the lost tail so short that
	 * "below the cap" always means that there is a room: a writer that is woken finds one. */
	size_t below_cap = OUTPUT_CAP - packet_pending(ssh);
	count = smaller(count, below_cap / slot ? below_cap / slot : 1);
	return smaller(count, tail(out, slot) / slot);
}

size_t packet_rooms(struct ssh *ssh, size_t header, size_t data_max, size_t total, struct room *rooms, size_t max)
{
	struct packet_out *out = &ssh->packet.out;
	assert(!out->rooms_open);
	if (!packet_may_send_data(ssh) || total == 0 || data_max == 0 || max == 0)
		return 0;
	data_max = smaller(data_max, smaller(ROOM_DATA_MAX, total));
	size_t count = smaller(smaller(max, ROOMS_MAX), (total + data_max - 1) / data_max);
	size_t slot = out->zip ? header + data_max : packet_size(out->box, header + data_max);
	count = out->zip ? plain_rooms(out, slot, count) : sealed_rooms(ssh, slot, count);
	uint8_t *first = out->zip ? out->room_plain + header : out->p + out->end + 5 + header;
	for (size_t i = 0; i < count; i++)
		rooms[i] = (struct room){first + i * slot, smaller(data_max, total - i * data_max)};
	out->rooms_open = count > 0;
	out->room_count = count, out->room_next = 0;
	out->room_header = header, out->room_max = data_max, out->room_slot = slot;
	return count;
}

/* Only the last room that is committed may be partly filled: the next slot begins where this packet ends. */
void packet_commit(struct ssh *ssh, size_t i, struct slice header, size_t n)
{
	struct packet_out *out = &ssh->packet.out;
	assert(out->rooms_open && i == out->room_next && i < out->room_count);
	assert(header.n == out->room_header && n > 0 && n <= out->room_max);
	out->room_next = n == out->room_max ? i + 1 : out->room_count;
	if (out->zip) {
		uint8_t *p = out->room_plain + i * out->room_slot;
		memcpy(p, header.p, header.n);
		out->rooms_open = false;
		packet_put(ssh, slice_of(p, header.n + n));
		out->rooms_open = true;
		return;
	}
	uint8_t *p = out->p + out->end;
	memcpy(p + 5, header.p, header.n);
	seal(out, p, header.n + n);
}

void packet_commit_end(struct ssh *ssh)
{
	assert(ssh->packet.out.rooms_open);
	ssh->packet.out.rooms_open = false;
	rekey_if_due(ssh);
}
