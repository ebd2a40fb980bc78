#include "crypto/bcrypt_pbkdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "base/mem.h"
#include "crypto/hash.h"
#include "test/vectors.h"

struct row { struct slice pass, salt; uint32_t rounds; const char *out; };

/* The first three: OpenBSD's regression test of bcrypt_pbkdf. The others: python3-bcrypt 3.2.2, bcrypt.kdf. */
static const struct row rows[] = {
	{{(const uint8_t *)"password", 8}, {(const uint8_t *)"salt", 4}, 4,
		"5bbf0cc293587f1c3635555c27796598d47e579071bf427e9d8fbe842aba34d9"},
	{{(const uint8_t *)"password", 8}, {(const uint8_t *)"", 1}, 4, "c12b566235eee04c212598970a579a67"},
	{{(const uint8_t *)"", 1}, {(const uint8_t *)"salt", 4}, 4, "6051be18c2f4f82cbf0efee5471b4bb9"},
	{{(const uint8_t *)"pass", 4}, {(const uint8_t *)"salt", 4}, 2,
		"a19e307026cb5324a5df33a7f5c4cab18eeb99f95074ae9b8e48f519807e89acfe8fc268ca11ab645573020b917aa3f5"},
};

static void keys_are_the_published_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf want = BUF_INIT(512);
		uint8_t got[BCRYPT_PBKDF_OUT_MAX];
		assert_true(vectors_unhex(slice_str(rows[i].out), &want));
		assert_true(bcrypt_pbkdf(rows[i].pass, rows[i].salt, rows[i].rounds, got, want.len));
		assert_memory_equal(got, want.p, want.len);
		buf_clear(&want);
	}
}

/* python3-bcrypt: SHA-256 of the longest key that we give. */
static void the_longest_key_is_right(void **state)
{
	uint8_t out[BCRYPT_PBKDF_OUT_MAX], sum[32];
	struct buf want = BUF_INIT(32);
	(void)state;
	assert_true(bcrypt_pbkdf(SLICE_LIT("x"), SLICE_LIT("0123456789abcdef"), 1, out, sizeof(out)));
	hash_once(&hash_sha256, slice_of(out, sizeof(out)), sum);
	assert_true(vectors_unhex(SLICE_LIT("d916712e1e60000ad7ae5f7f635e4ecd1502a389293330ef4e6df9277a1f611b"), &want));
	assert_memory_equal(sum, want.p, sizeof(sum));
	buf_clear(&want);
}

static void work_is_bounded(void **state)
{
	uint8_t out[BCRYPT_PBKDF_OUT_MAX + 1] = {0};
	struct slice pass = SLICE_LIT("p"), salt = SLICE_LIT("s"), none = slice_of(NULL, 0);
	(void)state;
	assert_false(bcrypt_pbkdf(pass, salt, 0, out, 32));
	assert_false(bcrypt_pbkdf(pass, salt, BCRYPT_PBKDF_ROUNDS_MAX + 1, out, 32));
	assert_false(bcrypt_pbkdf(pass, salt, 1, out, 0));
	assert_false(bcrypt_pbkdf(pass, salt, 1, out, sizeof(out)));
	assert_false(bcrypt_pbkdf(none, salt, 1, out, 32));
	assert_false(bcrypt_pbkdf(pass, none, 1, out, 32));
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_the_published_ones),
		cmocka_unit_test(the_longest_key_is_right),
		cmocka_unit_test(work_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
