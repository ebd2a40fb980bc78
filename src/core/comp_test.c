#include "core/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "test/pair/pair.h"

static void each_message_comes_out_at_once(void **state)
{
	(void)state;
	struct pair dice = {.random = 3};
	struct zstate *in = zip_new(true), *out = zip_new(false);
	static uint8_t text[100000];
	for (int i = 0; i < 300; i++) {
		size_t n = 1 + pair_random(&dice, i % 10 ? 200 : sizeof text);
		for (size_t j = 0; j < n; j++)
			text[j] = (uint8_t)pair_random(&dice, i % 3 ? 4 : 256);
		struct slice packed, plain;
		assert_true(zip_run(in, slice_of(text, n), &packed));
		assert_true(zip_run(out, packed, &plain));
		assert_true(slice_eq(plain, slice_of(text, n)));
	}
	zip_free(in);
	zip_free(out);
}

static void a_bomb_is_stopped(void **state)
{
	(void)state;
	struct zstate *in = zip_new(true), *out = zip_new(false);
	static uint8_t zeros[PACKET_MAX - 64];
	struct slice packed, plain;
	assert_true(zip_run(in, slice_of(zeros, sizeof zeros), &packed));
	struct buf two = BUF_INIT(64 * 1024);
	put_bytes(&two, packed);
	assert_true(zip_run(in, slice_of(zeros, sizeof zeros), &packed));
	put_bytes(&two, packed);
	assert_true(two.len < 4000);
	assert_false(zip_run(out, buf_slice(&two), &plain));
	buf_clear(&two);
	zip_free(in);
	zip_free(out);
}

static void what_is_no_stream_is_refused(void **state)
{
	(void)state;
	struct slice plain;
	struct zstate *out = zip_new(false);
	assert_false(zip_run(out, SLICE_LIT("this is no zlib stream"), &plain));
	zip_free(out);
	out = zip_new(false);
	assert_false(zip_run(out, SLICE_LIT("\x78\x9c\x03\x00\x00\x00\x00\x01"), &plain));   /* a stream that ends */
	zip_free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_comes_out_at_once),
		cmocka_unit_test(a_bomb_is_stopped),
		cmocka_unit_test(what_is_no_stream_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
