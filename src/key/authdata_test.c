#include "key/authdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct slice lit(const char *s)
{
	return slice_str(s);
}

/* RFC 4252, section 7 spells the order out; the bytes were put together by hand. */
static void signed_data_is_what_rfc_4252_says(void **state)
{
	(void)state;
	static const char plain[] = "\0\0\0\3SID\62\0\0\0\1u\0\0\0\016ssh-connection\0\0\0\011publickey\1\0\0\0\1a\0\0\0\2BB";
	struct buf b = BUF_INIT(4096);
	auth_signed_data(&b, lit("SID"), lit("u"), lit("a"), lit("BB"), (struct slice){0});
	assert_int_equal(b.len, sizeof plain - 1);
	assert_memory_equal(b.p, plain, b.len);
	buf_clear(&b);
}

static void hostbound_adds_name_and_host_key(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(4096);
	auth_publickey_request(&b, lit("u"), lit("a"), lit("BB"), lit("HOST"), false);
	static const char bound[] = "\62\0\0\0\1u\0\0\0\016ssh-connection\0\0\0\043publickey-hostbound-v00@openssh.com\0\0\0\0\1a\0\0\0\2BB\0\0\0\4HOST";
	assert_int_equal(b.len, sizeof bound - 1);
	assert_memory_equal(b.p, bound, b.len);
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_data_is_what_rfc_4252_says),
		cmocka_unit_test(hostbound_adds_name_and_host_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
