#include "key/randart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"

/* Made with Debian's ssh-keygen -lv from the key whose SHA-256 this is. */
static void a_picture_is_the_one_openssh_draws(void **state)
{
	(void)state;
	static const char digest[] = "4uqAte4lSm1dbuRLhGFZ+/h0pyS4tmiGwzUZ2hp5bVQ=";
	static const char want[] =
	    "+--[ED25519 256]--+\n"
	    "|       .         |\n"
	    "|      o .E       |\n"
	    "|     + ..        |\n"
	    "|    ..o.+        |\n"
	    "|  . +.**S+ o .   |\n"
	    "| o.=.B*++ + o    |\n"
	    "|..=oB.+B . .     |\n"
	    "|.o.O += o        |\n"
	    "|..o.*. o         |\n"
	    "+----[SHA256]-----+\n";
	struct buf b = BUF_INIT(1000), raw = BUF_INIT(100);
	assert_true(get_base64(slice_str(digest), &raw));
	put_randart(&b, buf_slice(&raw), "ED25519 256", "SHA256");
	assert_string_equal(buf_cstr(&b), want);
	buf_clear(&b);
	buf_clear(&raw);
}

static void frames_keep_their_width(void **state)
{
	(void)state;
	static const char *const titles[] = {"", "X", "RSA 3072", "ECDSA-SK-CERT 256", "a-word-that-is-far-too-long-for-it"};
	uint8_t many[64];
	memset(many, 0, sizeof many);
	for (size_t i = 0; i < 5; i++) {
		struct buf b = BUF_INIT(1000);
		put_randart(&b, slice_of(many, sizeof many), titles[i], "MD5");
		struct slice text = buf_slice(&b);
		unsigned lines = 0;
		while (text.n) {
			assert_int_equal(slice_line(&text).n, 19);
			lines++;
		}
		assert_int_equal(lines, 11);
		buf_clear(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_is_the_one_openssh_draws),
		cmocka_unit_test(frames_keep_their_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
