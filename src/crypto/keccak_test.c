#include "crypto/keccak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <openssl/evp.h>

static const size_t lengths[] = {0, 1, 7, 8, 9, 71, 72, 73, 135, 136, 137, 167, 168, 169, 336, 1000};

static void digest(const char *name, struct slice in, uint8_t *out, size_t n)
{
	EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	assert_true(EVP_DigestInit_ex(c, md, NULL) && EVP_DigestUpdate(c, in.p, in.n));
	if (EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF)
		assert_true(EVP_DigestFinalXOF(c, out, n));
	else
		assert_true(EVP_DigestFinal_ex(c, out, NULL));
	EVP_MD_CTX_free(c);
	EVP_MD_free(md);
}

/* libcrypto is the oracle, over lengths around each rate and every way to cut the input in two. */
static void digests_are_those_of_libcrypto(void **state)
{
	uint8_t in[1000], want[500], got[500];
	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = lengths[i];
		for (size_t cut = 0; cut <= n; cut += 1 + n / 20) {
			struct slice a = slice_of(in, cut), b = slice_of(in + cut, n - cut);
			digest("SHA3-256", slice_of(in, n), want, 32);
			sha3_256(got, a, b);
			assert_memory_equal(got, want, 32);
			digest("SHA3-512", slice_of(in, n), want, 64);
			sha3_512(got, a, b);
			assert_memory_equal(got, want, 64);
			digest("SHAKE256", slice_of(in, n), want, sizeof(want));
			shake256(got, sizeof(got), a, b);
			assert_memory_equal(got, want, sizeof(want));
		}
	}
}

static void output_may_be_taken_in_pieces(void **state)
{
	uint8_t want[1000], got[1000];
	(void)state;
	digest("SHAKE128", SLICE_LIT("pieces"), want, sizeof(want));
	for (size_t step = 1; step < 400; step += 13) {
		struct keccak k;
		keccak_init(&k, SHAKE128_RATE);
		keccak_absorb(&k, (const uint8_t *)"pieces", 6);
		keccak_finish(&k, KECCAK_PAD_SHAKE);
		for (size_t at = 0; at < sizeof(got); at += step)
			keccak_squeeze(&k, got + at, sizeof(got) - at < step ? sizeof(got) - at : step);
		assert_memory_equal(got, want, sizeof(want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_libcrypto),
		cmocka_unit_test(output_may_be_taken_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
