/* Every description: what decodes must encode to the same bytes, and print. First byte: which row. */
#include <assert.h>

#include "base/bytes.h"
#include "wire/ask.h"
#include "wire/sk_msg.h"
#include "wire/ssh_msg.h"

static void one(const struct msg_desc *d, struct slice in, bool number)
{
	uint64_t msg[64];
	struct reader r = reader_of(in);
	bool ok = number ? msg_decode(d, in, msg) : msg_decode_body(d, &r, msg) && get_end(&r);
	if (!ok)
		return;
	struct buf back = BUF_INIT(1 << 20), text = BUF_INIT(1 << 21);
	if (number)
		msg_encode(d, msg, &back);
	else
		msg_encode_body(d, msg, &back);
	assert(back.len == in.n);
	msg_print(d, msg, &text);
	buf_clear(&back);
	buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	if (in.n < 1)
		return 0;
	const struct msg_desc *d = ssh_msg_row(in.p[0] % 40);
	const struct msg_desc *sk = sk_msg_row(in.p[0]);
	const struct ask_row *row = ask_row((enum ask_kind)(in.p[0] % ASK_KINDS));
	in = slice_from(in, 1);
	if (d)
		one(d, in, true);
	if (sk)
		one(sk, in, true);
	if (row) {
		one(row->ask, in, false);
		one(row->answer, in, false);
	}
	struct auth_password p;
	if (auth_password_decode(in, &p))
		assert(p.password.n <= in.n);
	return 0;
}
