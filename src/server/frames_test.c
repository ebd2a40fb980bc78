#include "server/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

enum { LAST = FRAME_PROVE + 8 };

/* A struct in which every field has a value of its own. */
static void fill(const struct msg_desc *d, void *msg)
{
	unsigned n = 1;
	for (const struct field *f = d->fields; f->name; f++, n++) {
		void *at = (uint8_t *)msg + f->offset;
		struct slice text = slice_of("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", n % 50);
		switch (f->type) {
		case FIELD_U8: *(uint8_t *)at = (uint8_t)n; break;
		case FIELD_BOOL: *(bool *)at = n % 2; break;
		case FIELD_U32: *(uint32_t *)at = n * 1000; break;
		case FIELD_U64: *(uint64_t *)at = (uint64_t)n << 40; break;
		default: *(struct slice *)at = text; break;
		}
	}
}

static void every_frame_comes_back_as_it_went(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < LAST; i++) {
		const struct msg_desc *d = frame_desc(i);
		if (d == NULL)
			continue;
		struct buf b = BUF_INIT(1 << 16), again = BUF_INIT(1 << 16);
		void *msg = mem_new(d->size), *got = mem_new(d->size);
		fill(d, msg);
		msg_encode_body(d, msg, &b);
		struct reader r = reader_of(buf_slice(&b));
		assert_true(msg_decode_body(d, &r, got) && get_end(&r));
		msg_encode_body(d, got, &again);
		assert_true(slice_eq(buf_slice(&b), buf_slice(&again)));
		for (size_t cut = 0; cut < b.len; cut++) {
			struct reader part = reader_of(slice_of(b.p, cut));
			assert_false(msg_decode_body(d, &part, got) && get_end(&part));
		}
		mem_free(msg);
		mem_free(got);
		buf_clear(&b);
		buf_clear(&again);
	}
}

static void every_frame_has_a_name(void **state)
{
	(void)state;
	for (uint16_t i = FRAME_INIT; i <= FRAME_EXIT; i++) {
		bool bodyless = i == FRAME_FORK || i == FRAME_USER;
		assert_int_equal(frame_desc(i) == NULL, bodyless);
	}
	assert_string_equal(frame_name(ASK_HOSTSIGN), "HOSTSIGN");
	assert_string_equal(frame_name(FRAME_EXIT), "EXIT");
	assert_string_equal(frame_name(9999), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_comes_back_as_it_went),
		cmocka_unit_test(every_frame_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
