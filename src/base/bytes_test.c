#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void a_failed_get_sticks(void **state)
{
	(void)state;
	static const uint8_t bytes[] = {0, 0, 0, 9, 'a', 'b'};
	struct reader r = reader_of(slice_of(bytes, sizeof bytes));
	assert_int_equal(get_string(&r).n, 0);
	assert_int_equal(get_u8(&r), 0);
	assert_false(get_end(&r));
}

static void integers_and_strings_come_back(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1000);
	put_u8(&b, 7);
	put_u16(&b, 0x1234);
	put_u32(&b, 0xdeadbeef);
	put_u64(&b, 0x0102030405060708);
	put_bool(&b, true);
	put_cstring(&b, "hello");
	struct reader r = reader_of(buf_slice(&b));
	assert_int_equal(get_u8(&r), 7);
	assert_int_equal(get_u16(&r), 0x1234);
	assert_int_equal(get_u32(&r), 0xdeadbeef);
	assert_int_equal(get_u64(&r), 0x0102030405060708);
	assert_true(get_bool(&r));
	assert_true(slice_eq_str(get_string(&r), "hello"));
	assert_true(get_end(&r));
	buf_clear(&b);
}

/* RFC 4251, section 5 gives these values. */
static void mpints_are_minimal(void **state)
{
	(void)state;
	static const uint8_t value[] = {0, 0, 0x80};
	static const uint8_t want[] = {0, 0, 0, 2, 0, 0x80};
	struct buf b = BUF_INIT(100);
	put_mpint(&b, slice_of(value, 3));
	assert_int_equal(b.len, sizeof want);
	assert_memory_equal(b.p, want, sizeof want);
	struct reader r = reader_of(buf_slice(&b));
	struct slice m = get_mpint(&r);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.p[0], 0x80);
	static const uint8_t padded[] = {0, 0, 0, 2, 0, 1}, negative[] = {0, 0, 0, 1, 0x80};
	r = reader_of(slice_of(padded, sizeof padded));
	get_mpint(&r);
	assert_true(r.bad);
	r = reader_of(slice_of(negative, sizeof negative));
	get_mpint(&r);
	assert_true(r.bad);
	buf_clear(&b);
}

static void a_buf_stops_at_its_max(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(8);
	put_str(&b, "12345678");
	assert_false(b.bad);
	put_u8(&b, 1);
	assert_true(b.bad);
	assert_int_equal(b.len, 8);
	assert_string_equal(buf_cstr(&b), "12345678");
	buf_clear(&b);
	put_string(&b, slice_of("123456", 6));
	assert_true(b.bad);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
}

static void a_secret_buf_is_wiped_when_reset(void **state)
{
	(void)state;
	struct buf b = BUF_INIT_SECRET(1000);
	put_str(&b, "passphrase");
	buf_reset(&b);
	for (size_t i = 0; i < b.cap; i++)
		assert_int_equal(b.p[i], 0);
	buf_clear(&b);
}

static void slices_cut_and_trim(void **state)
{
	(void)state;
	struct slice s = SLICE_LIT(" a=b=c \r\n");
	s = slice_trim(s);
	assert_true(slice_eq_str(slice_cut(&s, '='), "a"));
	assert_true(slice_eq_str(s, "b=c"));
	assert_true(slice_eq_str(slice_cut(&s, ';'), "b=c"));
	assert_int_equal(s.n, 0);
	uint64_t v;
	assert_true(slice_to_u64(SLICE_LIT("18446744073709551615"), &v));
	assert_false(slice_to_u64(SLICE_LIT("18446744073709551616"), &v));
	assert_false(slice_to_u64(SLICE_LIT("1x"), &v));
	assert_true(slice_eq_secret(SLICE_LIT("abc"), SLICE_LIT("abc")));
	assert_false(slice_eq_secret(SLICE_LIT("abc"), SLICE_LIT("abd")));
}

static void words_and_lines_part(void **state)
{
	(void)state;
	struct slice s = SLICE_LIT(" one \ttwo\r\n\nthree");
	struct slice line = slice_line(&s);
	assert_true(slice_eq_str(line, " one \ttwo"));
	assert_true(slice_eq_str(slice_word(&line), "one"));
	assert_true(slice_eq_str(slice_word(&line), "two"));
	assert_int_equal(slice_word(&line).n, 0);
	assert_int_equal(slice_line(&s).n, 0);
	assert_true(slice_eq_str(slice_line(&s), "three"));
	assert_int_equal(s.n, 0);
	assert_true(slice_eq_fold(SLICE_LIT("No-PTY"), SLICE_LIT("no-pty")));
	assert_false(slice_eq_fold(SLICE_LIT("pty"), SLICE_LIT("ptyx")));
	assert_false(slice_eq_fold(SLICE_LIT("@"), SLICE_LIT("`")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_get_sticks),
		cmocka_unit_test(integers_and_strings_come_back),
		cmocka_unit_test(mpints_are_minimal),
		cmocka_unit_test(a_buf_stops_at_its_max),
		cmocka_unit_test(a_secret_buf_is_wiped_when_reset),
		cmocka_unit_test(slices_cut_and_trim),
		cmocka_unit_test(words_and_lines_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
