/* server/: the moduli file, frames between its processes, terminal modes that sshd-user applies. The first byte chooses. */
#include <assert.h>

#include "base/mem.h"
#include "server/frames.h"
#include "server/moduli.h"
#include "sys/tty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_frame(uint16_t number, struct slice body)
{
	const struct ask_row *ask = ask_row((enum ask_kind)number);
	const struct msg_desc *descs[] = {frame_desc(number), ask ? ask->ask : NULL, ask ? ask->answer : NULL};
	for (size_t i = 0; i < ARRAY_LEN(descs); i++) {
		if (descs[i] == NULL)
			continue;
		struct reader r = reader_of(body);
		void *msg = mem_new(descs[i]->size);
		struct buf again = BUF_INIT(1 << 21);
		if (msg_decode_body(descs[i], &r, msg) && get_end(&r)) {
			msg_encode_body(descs[i], msg, &again);
			assert(again.bad || again.len == body.n);
		}
		mem_free(msg);
		buf_clear(&again);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 100000)
		return 0;
	struct slice rest = slice_of(data + 1, size - 1);
	struct buf p = BUF_INIT(1 << 16), g = BUF_INIT(1 << 16);
	struct termios t = {0};
	bool ok = true;
	switch (data[0]) {
	case 'm':
		ok = moduli_choose(rest, &(struct ask_group){1024, 2048, 8192}, &p, &g);
		assert(!ok || (p.len > 0 && g.len > 0));
		break;
	case 't':
		ok = tty_modes_decode(rest, &t);
		break;
	default:
		one_frame(data[0], rest);
		break;
	}
	(void)ok;
	buf_clear(&p);
	buf_clear(&g);
	return 0;
}
