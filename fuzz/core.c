/* The whole core behind decryption: a real peer brings one side to a phase, then the input is messages.
 *
 * First byte: side, phase, strict kex. Then records: uint16 length, payload; length 0xffff: the owner
 * does something (next byte says what) in place of the peer.
 */
#include "test/order/order.h"

#include "base/mem.h"
#include "core/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum phase phases[] = {
	PHASE_FIRST_KEXINIT, PHASE_KEX, PHASE_NEWKEYS, PHASE_SERVICE, PHASE_AUTH, PHASE_OPEN, PHASE_OPEN, PHASE_OPEN,
};

static void send_rooms(struct ssh *ssh, uint32_t chan)
{
	struct room rooms[8];
	size_t n = chan_space(ssh, chan, STREAM_OUT, rooms, ARRAY_LEN(rooms)), total = 0;
	for (size_t i = 0; i < n; i++)
		total += rooms[i].n;
	if (n)
		chan_commit(ssh, total / 2);
}

static void owner(struct ssh *ssh, uint8_t what, uint64_t *now)
{
	uint32_t chan = what >> 4 & 3;
	switch (what & 15) {
	case 0: chan_open(ssh, "session", slice_of(NULL, 0)); break;
	case 1: chan_request(ssh, chan, "exec", true, SLICE_LIT("\0\0\0\1x")); break;
	case 2: send_rooms(ssh, chan); break;
	case 3: chan_write(ssh, chan, STREAM_ERR, SLICE_LIT("some words")); break;
	case 4: chan_eof(ssh, chan); break;
	case 5: chan_close(ssh, chan); break;
	case 6: chan_reply(ssh, chan, what & 0x80); break;
	case 7: ssh_global_request(ssh, "tcpip-forward", true, slice_of(NULL, 0)); break;
	case 8: ssh_global_reply(ssh, what & 0x80, slice_of(NULL, 0)); break;
	case 9: ssh_rekey(ssh); break;
	case 10: ssh_ping(ssh, *now); break;
	case 11: ssh_tick(ssh, *now += 20000); break;
	case 12: ssh_sent(ssh, ssh_output(ssh).n); break;
	case 13: ssh_trim(ssh); break;
	case 14: chan_refuse(ssh, chan, OPEN_PROHIBITED, "no"); break;
	default: ssh_ended(ssh, "gone"); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(slice_of(data, size));
	uint8_t how = get_u8(&r);
	bool strict = how & 16;
	enum phase phase = phases[how & 7];
	uint64_t now = 1000;
	if (!strict && (phase == PHASE_KEX || phase == PHASE_NEWKEYS))
		phase = phase == PHASE_KEX ? PHASE_KEX_LOOSE : PHASE_NEWKEYS_LOOSE;
	static bool started;
	if (!started)
		crypto_start();
	started = true;
	struct order o = {0};
	if (!order_begin(&o, how & 8 ? PAIR_SERVER : PAIR_CLIENT, phase, strict))
		__builtin_trap();
	while (reader_left(&r) > 2 && !r.bad) {
		uint16_t n = get_u16(&r);
		if (n == 0xffff) {
			owner(o.ssh, get_u8(&r), &now);
			pair_events(o.pair, o.side);
			continue;
		}
		struct slice payload = get_bytes(&r, n < reader_left(&r) ? n : reader_left(&r));
		if (payload.n)
			order_put(&o, payload);
	}
	order_end(&o);
	return 0;
}
