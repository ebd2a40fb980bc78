/* base/: escaping, base64, wildcards, addresses, times, terminal-free text work. */
#include <assert.h>

#include "base/addr.h"
#include "base/names.h"
#include "base/text.h"
#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	struct buf out = BUF_INIT(1 << 23), raw = BUF_INIT(1 << 23);
	struct slice rest = in, head = slice_cut(&rest, '\n'), name;
	struct addr a;
	unsigned bits;
	uint64_t n;
	put_text(&out, in, 1 << 20, 0);
	for (size_t i = 0; i < out.len; i++)
		assert(out.p[i] >= 0x20 && out.p[i] != 0x7f);
	buf_reset(&out);
	put_base64(&out, in);
	assert(get_base64(buf_slice(&out), &raw) && slice_eq(buf_slice(&raw), in));
	buf_reset(&raw);
	if (get_base64(in, &raw))
		assert(raw.len <= in.n);
	if (rest.n < 2000 && head.n < 2000) {
		bool wild = match_wild(rest, head, false);
		(void)wild;
		(void)match_list(rest, head, true);
		(void)addr_match_list(rest, head);
	}
	if (addr_parse(in, &a)) {
		struct addr b;
		buf_reset(&out);
		put_addr(&out, &a);
		assert(addr_parse(buf_slice(&out), &b) && addr_eq(&a, &b));
	}
	(void)!addr_parse_net(in, &a, &bits);
	(void)!text_to_seconds(in, &n);
	(void)!text_to_size(in, &n);
	while (names_next(&rest, &name))
		assert(name.n > 0);
	buf_clear(&out);
	buf_clear(&raw);
	return 0;
}
