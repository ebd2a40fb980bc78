#include "base/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void reads(const char *in, const char *want)
{
	struct addr a;
	struct buf b = BUF_INIT(100);
	if (!addr_parse(slice_str(in), &a)) {
		assert_null(want);
		assert_int_equal(a.family, 0);
		return;
	}
	assert_non_null(want);
	put_addr(&b, &a);
	assert_string_equal(buf_cstr(&b), want);
	buf_clear(&b);
}

static void text_of_addresses(void **state)
{
	(void)state;
	reads("1.2.3.4", "1.2.3.4");
	reads("255.255.255.255", "255.255.255.255");
	reads("01.2.3.4", NULL);
	reads("1.2.3", NULL);
	reads("1.2.3.", NULL);
	reads("1.2.3.4.", NULL);
	reads("1.2.3.4.5", NULL);
	reads("1.2.3.256", NULL);
	reads("1.2..4", NULL);
	reads("", NULL);
	reads("::", "::");
	reads("::1", "::1");
	reads("1::", "1::");
	/* RFC 5952, sections 1 and 4 */
	reads("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
	reads("2001:DB8::0:1", "2001:db8::1");
	reads("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
	reads("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
	reads("fe80::1%eth0", "fe80::1");
	reads("fe80::1%", NULL);
	reads("::ffff:1.2.3.4", "::ffff:1.2.3.4");
	reads("64:ff9b::1.2.3.4", "64:ff9b::102:304");
	reads("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
	reads("1:2:3:4:5:6:7", NULL);
	reads("1:2:3:4:5:6:7:8:9", NULL);
	reads("1:2:3:4:5:6:7::8", NULL);
	reads("1::2::3", NULL);
	reads(":1::2", NULL);
	reads("1:", NULL);
	reads(":::", NULL);
	reads("12345::", NULL);
	reads("g::", NULL);
	reads("::1.2.3", NULL);
	reads("1:2:3:4:5:6:7:1.2.3.4", NULL);
}

static void matches(const char *addr, const char *list, int want)
{
	assert_int_equal(addr_match_list(slice_str(addr), slice_str(list)), want);
}

static void lists_of_networks(void **state)
{
	(void)state;
	matches("10.1.2.3", "10.0.0.0/8", 1);
	matches("11.1.2.3", "10.0.0.0/8", 0);
	matches("10.1.2.3", "10.0.0.0/8,!10.1.0.0/16", -1);
	matches("10.1.2.3", "!10.1.0.0/16,10.0.0.0/8", -1);
	matches("10.1.2.3", "10.1.2.1/8", -2);
	matches("10.1.2.3", "10.1.2.3,", 1);
	matches("10.1.2.3", "10.1.2.3,,10.0.0.0/8", -2);
	matches("10.1.2.3", "10.1.*", 1);
	matches("10.1.2.3", "0.0.0.0/0", 1);
	matches("::1", "0.0.0.0/0", 0);
	matches("::ffff:10.1.2.3", "10.0.0.0/8", 1);
	matches("2001:db8::5", "2001:db8::/32", 1);
	matches("2001:db9::5", "2001:db8::/31", 1);
	matches("2001:dba::5", "2001:db8::/31", 0);
	matches("FE80::1", "fe80::1", 1);
	matches("1.2.3.4", "1.2.3.0/33", 0);
	matches("UNKNOWN", "*", 1);
	matches("UNKNOWN", "0.0.0.0/0", 0);
	assert_true(addr_list_valid(SLICE_LIT("10.0.0.0/8,::1")));
	assert_false(addr_list_valid(SLICE_LIT("10.0.0.1/8")));
	assert_false(addr_list_valid(SLICE_LIT("10.*")));
	assert_false(addr_list_valid(SLICE_LIT("")));
}

static void host_or_address(void **state)
{
	(void)state;
	assert_int_equal(host_match_list("a.example.com", "10.0.0.1", SLICE_LIT("*.Example.com")), 1);
	assert_int_equal(host_match_list("a.example.com", "10.0.0.1", SLICE_LIT("10.0.0.0/24")), 1);
	assert_int_equal(host_match_list("a.example.com", "10.0.0.1", SLICE_LIT("*,!10.0.0.0/24")), -1);
	assert_int_equal(host_match_list("a.example.com", "10.0.0.1", SLICE_LIT("10.0.0.1,!*.com")), -1);
	assert_int_equal(host_match_list("b", "10.0.0.1", SLICE_LIT("c,d")), 0);
	assert_int_equal(host_match_list(NULL, NULL, SLICE_LIT("c")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_addresses),
		cmocka_unit_test(lists_of_networks),
		cmocka_unit_test(host_or_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
