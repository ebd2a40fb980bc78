#include "crypto/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "test/vectors.h"

static void assert_hex(const uint8_t *p, size_t n, const char *want)
{
	char text[2 * HASH_MAX + 1];
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", p[i]);
	assert_string_equal(text, want);
}

/* "abc" from FIPS 180-4 (examples of NIST) and RFC 1321, A.5. */
static const struct { const char *name, *digest; } abc[] = {
	{"md5", "900150983cd24fb0d6963f7d28e17f72"},
	{"sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	{"sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"sha384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
	{"sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	           "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
};

static void digests_of_abc(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(abc); i++) {
		const struct hash_alg *alg = hash_find(slice_str(abc[i].name));
		uint8_t out[HASH_MAX];
		assert_non_null(alg);
		hash_once(alg, SLICE_LIT("abc"), out);
		assert_hex(out, alg->len, abc[i].digest);
	}
	assert_null(hash_find(SLICE_LIT("sha224")));
	assert_null(hash_find(SLICE_LIT("")));
}

static void a_copy_goes_its_own_way(void **state)
{
	(void)state;
	uint8_t a[HASH_MAX], b[HASH_MAX], want[HASH_MAX];
	struct hash *h = hash_new(&hash_sha256);
	hash_add(h, SLICE_LIT("a"));
	struct hash *copy = hash_copy(h);
	hash_add(h, SLICE_LIT("x"));
	hash_add(copy, SLICE_LIT("b"));
	hash_add(copy, SLICE_LIT("c"));
	hash_add(copy, (struct slice){NULL, 0});
	hash_end(h, a);
	hash_end(copy, b);
	hash_once(&hash_sha256, SLICE_LIT("ax"), want);
	assert_memory_equal(a, want, 32);
	hash_once(&hash_sha256, SLICE_LIT("abc"), want);
	assert_memory_equal(b, want, 32);
	hash_free(h);
	hash_free(copy);
	hash_free(NULL);
}

/* RFC 4231, test case 2; RFC 2202, 3, test case 2; and HMAC-SHA-256 of nothing under no key. */
static void hmacs(void **state)
{
	(void)state;
	uint8_t out[HASH_MAX];
	hmac_once(&hash_sha256, SLICE_LIT("Jefe"), SLICE_LIT("what do ya want for nothing?"), out);
	assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	hmac_once(&hash_sha1, SLICE_LIT("Jefe"), SLICE_LIT("what do ya want for nothing?"), out);
	assert_hex(out, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	hmac_once(&hash_sha256, (struct slice){NULL, 0}, (struct slice){NULL, 0}, out);
	assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void check_wycheproof(const char *file, const struct hash_alg *alg)
{
	struct vectors *v = vectors_open(file);
	while (vectors_next(v)) {
		uint8_t out[HASH_MAX];
		struct slice tag = vectors_hex(v, "tag");
		assert_true(tag.n > 0 && tag.n <= alg->len);
		hmac_once(alg, vectors_hex(v, "key"), vectors_hex(v, "msg"), out);
		if (slice_eq(slice_of(out, tag.n), tag) != vectors_is(v, "result", "valid"))
			fail_msg("%s, test %ld", file, vectors_int(v, "tcId"));
	}
	vectors_close(v);
}

static void hmacs_of_wycheproof(void **state)
{
	(void)state;
	check_wycheproof("wycheproof/hmac_sha1_test.json", &hash_sha1);
	check_wycheproof("wycheproof/hmac_sha256_test.json", &hash_sha256);
	check_wycheproof("wycheproof/hmac_sha512_test.json", &hash_sha512);
}

static void random_numbers_keep_below(void **state)
{
	(void)state;
	uint8_t a[32] = {0}, b[32] = {0};
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	unsigned seen = 0;
	for (int i = 0; i < 400; i++) {
		uint32_t v = random_below(5);
		assert_true(v < 5);
		seen |= 1u << v;
	}
	assert_int_equal(seen, 31);
	assert_int_equal(random_below(1), 0);
}

static void starting_early_changes_nothing(void **state)
{
	(void)state;
	crypto_start();
	crypto_start();
	digests_of_abc(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_of_abc),
		cmocka_unit_test(a_copy_goes_its_own_way),
		cmocka_unit_test(hmacs),
		cmocka_unit_test(hmacs_of_wycheproof),
		cmocka_unit_test(random_numbers_keep_below),
		cmocka_unit_test(starting_early_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
