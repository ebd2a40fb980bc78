#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void shows(const char *in, const char *want)
{
	assert_string_equal(text_show(slice_str(in)), want);
}

static void control_characters_never_pass(void **state)
{
	(void)state;
	shows("plain", "plain");
	shows("a\nb\r\t", "a\\nb\\r\\t");
	shows("\x1b[31m", "\\x1b[31m");
	shows("\xc2\x9b" "1m", "\\xc2\\x9b1m");
	shows("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	shows("\xff\xc0\xaf", "\\xff\\xc0\\xaf");
	shows("\xe2\x80\xae" "x", "\\xe2\\x80\\xaex");
	shows("back\\slash", "back\\\\slash");
}

static void long_text_is_cut(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(100);
	put_text(&b, SLICE_LIT("abcdefghij"), 4, 0);
	assert_string_equal(buf_cstr(&b), "abcd...");
	buf_clear(&b);
}

static void base64_comes_back(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};   /* RFC 4648, section 10 */
	for (size_t i = 0; i < 5; i++) {
		struct buf b = BUF_INIT(100), back = BUF_INIT(100);
		put_base64(&b, slice_str(pairs[i][0]));
		assert_string_equal(buf_cstr(&b), pairs[i][1]);
		assert_true(get_base64(buf_slice(&b), &back));
		assert_string_equal(buf_cstr(&back), pairs[i][0]);
		buf_clear(&b);
		buf_clear(&back);
	}
	static const char *const wrong[] = {"Zg=", "Zg", "Z===", "Zm9v=", "Zm9v!", "Zg==Zg=="};
	for (size_t i = 0; i < 6; i++) {
		struct buf back = BUF_INIT(100);
		assert_false(get_base64(slice_str(wrong[i]), &back));
		buf_clear(&back);
	}
}

static void wildcards_match(void **state)
{
	(void)state;
	assert_true(match_wild(SLICE_LIT("host.example"), SLICE_LIT("*.ex?mple"), false));
	assert_false(match_wild(SLICE_LIT("host"), SLICE_LIT("h?t"), false));
	assert_true(match_wild(SLICE_LIT("HOST"), SLICE_LIT("h*"), true));
	assert_true(match_wild(SLICE_LIT(""), SLICE_LIT("*"), false));
	assert_int_equal(match_list(SLICE_LIT("a.b"), SLICE_LIT("*,!a.*"), false), -1);
	assert_int_equal(match_list(SLICE_LIT("c.b"), SLICE_LIT("x,c*"), false), 1);
	assert_int_equal(match_list(SLICE_LIT("c.b"), SLICE_LIT("x,!y"), false), 0);
	char many[2000];
	memset(many, 'a', sizeof many);
	struct buf pattern = BUF_INIT(10000);
	for (int i = 0; i < 500; i++)
		put_str(&pattern, "*a");
	put_str(&pattern, "b");
	assert_false(match_wild(slice_of(many, sizeof many), buf_slice(&pattern), false));
	buf_clear(&pattern);
}

static void times_and_sizes_parse(void **state)
{
	(void)state;
	uint64_t v;
	assert_true(text_to_seconds(SLICE_LIT("1h30m10"), &v));
	assert_int_equal(v, 5410);
	assert_true(text_to_seconds(SLICE_LIT("2w"), &v));
	assert_int_equal(v, 1209600);
	assert_false(text_to_seconds(SLICE_LIT("m"), &v));
	assert_false(text_to_seconds(SLICE_LIT("99999999999"), &v));
	assert_true(text_to_size(SLICE_LIT("2G"), &v));
	assert_int_equal(v, 2147483648u);
	assert_false(text_to_size(SLICE_LIT("K"), &v));
	assert_true(text_to_size(SLICE_LIT("1.5G"), &v));
	assert_true(v == 1610612736u);
	assert_true(text_to_size(SLICE_LIT("0.25K"), &v));
	assert_true(v == 256);
	assert_false(text_to_size(SLICE_LIT("1.5"), &v));
	assert_false(text_to_size(SLICE_LIT("1.xG"), &v));
	assert_false(text_to_size(SLICE_LIT(".5G"), &v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_characters_never_pass),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(base64_comes_back),
		cmocka_unit_test(wildcards_match),
		cmocka_unit_test(times_and_sizes_parse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
