#include "crypto/sntrup761.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include "base/mem.h"
#include "crypto/sntrup761_code.h"
#include "test/vectors.h"

static uint8_t pk[SNTRUP761_PUBLIC], sk[SNTRUP761_SECRET], ct[SNTRUP761_CIPHERTEXT];
static uint8_t shared[SNTRUP761_SHARED], other[SNTRUP761_SHARED];

static void make_random(uint8_t *out, size_t n, uint8_t key)
{
	static const uint8_t iv[16], zero[SNTRUP761_KEYPAIR_RANDOM];
	uint8_t k[32] = {key};
	int done;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	assert_true(n <= sizeof(zero) && EVP_EncryptInit_ex(c, EVP_chacha20(), NULL, k, iv));
	assert_true(EVP_EncryptUpdate(c, out, &done, zero, (int)n));
	EVP_CIPHER_CTX_free(c);
}

static void make_key(uint8_t number)
{
	uint8_t random[SNTRUP761_KEYPAIR_RANDOM];
	do
		make_random(random, sizeof(random), number += 100);
	while (!sntrup761_keypair(pk, sk, random));
}

/* The test frame of SUPERCOP's crypto_kem (try.c), for its published checksums: outputs go through Salsa20's core,
 * randomness comes from ChaCha20 with a key that replaces itself. */
struct frame { uint8_t sum[64], key[32], pool[736]; size_t at; uint64_t nonce; };

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void salsa_round(uint32_t x[16], const uint8_t q[4])
{
	x[q[1]] ^= rotate(x[q[0]] + x[q[3]], 7);
	x[q[2]] ^= rotate(x[q[1]] + x[q[0]], 9);
	x[q[3]] ^= rotate(x[q[2]] + x[q[1]], 13);
	x[q[0]] ^= rotate(x[q[3]] + x[q[2]], 18);
}

static void salsa_core(uint8_t out[64], const uint8_t in[16], const uint8_t key[32])
{
	static const uint8_t quads[8][4] = {
		{0, 4, 8, 12}, {5, 9, 13, 1}, {10, 14, 2, 6}, {15, 3, 7, 11}, {0, 1, 2, 3}, {5, 6, 7, 4}, {10, 11, 8, 9}, {15, 12, 13, 14},
	};
	uint8_t all[64];
	uint32_t x[16], y[16];
	memcpy(all, "expa", 4), memcpy(all + 4, key, 16), memcpy(all + 20, "nd 3", 4), memcpy(all + 24, in, 16);
	memcpy(all + 40, "2-by", 4), memcpy(all + 44, key + 16, 16), memcpy(all + 60, "te k", 4);
	for (unsigned i = 0; i < 16; i++)
		x[i] = y[i] = (uint32_t)all[4 * i] | (uint32_t)all[4 * i + 1] << 8 | (uint32_t)all[4 * i + 2] << 16 | (uint32_t)all[4 * i + 3] << 24;
	for (unsigned round = 0; round < 20; round++)
		for (unsigned i = 0; i < 4; i++)
			salsa_round(x, quads[round % 2 * 4 + i]);
	for (unsigned i = 0; i < 64; i++)
		out[i] = (uint8_t)((x[i / 4] + y[i / 4]) >> 8 * (i % 4));
}

static void checksum(struct frame *f, const uint8_t *p, size_t n)
{
	uint8_t block[16] = {0};
	for (; n >= 16; p += 16, n -= 16)
		salsa_core(f->sum, p, f->sum);
	memcpy(block, p, n);
	block[n] = 1;
	f->sum[0] ^= 1;
	salsa_core(f->sum, block, f->sum);
}

static void known_random(struct frame *f, uint8_t *out, size_t n)
{
	for (; n; n--) {
		if (f->at == sizeof(f->pool)) {
			static const uint8_t iv[16], zero[32 + sizeof(f->pool)];
			uint8_t stream[sizeof(zero)];
			int done;
			EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
			assert_true(EVP_EncryptInit_ex(c, EVP_chacha20(), NULL, f->key, iv));
			assert_true(EVP_EncryptUpdate(c, stream, &done, zero, sizeof(zero)));
			EVP_CIPHER_CTX_free(c);
			memcpy(f->key, stream, 32), memcpy(f->pool, stream + 32, sizeof(f->pool));
			f->at = 0;
		}
		*out++ = f->pool[f->at++];
	}
}

static uint64_t my_random(struct frame *f)
{
	uint8_t in[16] = {0}, out[64];
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		in[i] = (uint8_t)(f->nonce >> 8 * i);
	salsa_core(out, in, (const uint8_t *)"generate inputs for test vectors");
	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)out[i] << 8 * i;
	f->nonce++;
	return v;
}

/* Fresh words for g until it has an inverse, then those for f and rho. */
static void frame_keypair(struct frame *f)
{
	uint8_t random[SNTRUP761_KEYPAIR_RANDOM] = {0};
	do
		known_random(f, random, SNTRUP761_SHORT_RANDOM);
	while (!sntrup761_keypair(pk, sk, random));
	known_random(f, random + SNTRUP761_SHORT_RANDOM, SNTRUP761_SHORT_RANDOM + SNTRUP761_SMALL_BYTES);
	assert_true(sntrup761_keypair(pk, sk, random));
}

static void one_loop(struct frame *f)
{
	uint8_t random[SNTRUP761_ENCAPS_RANDOM];
	frame_keypair(f);
	checksum(f, pk, sizeof(pk)), checksum(f, sk, sizeof(sk));
	known_random(f, random, sizeof(random));
	sntrup761_encaps(ct, shared, pk, random);
	checksum(f, ct, sizeof(ct)), checksum(f, shared, sizeof(shared));
	sntrup761_decaps(other, ct, sk);
	assert_memory_equal(other, shared, sizeof(shared));
	checksum(f, other, sizeof(other));
	for (unsigned i = 0; i < 3; i++) {
		uint64_t add = 1 + my_random(f) % 255;
		size_t at = my_random(f) % sizeof(ct);
		ct[at] = (uint8_t)(ct[at] + add);
		sntrup761_decaps(other, ct, sk);
		checksum(f, other, sizeof(other));
	}
}

static void checksums_are_those_of_supercop(void **state)
{
	struct frame f = {.at = sizeof(f.pool)};
	struct buf want = BUF_INIT(64);
	(void)state;
	for (unsigned i = 0; i < 8; i++)
		one_loop(&f);
	assert_true(vectors_unhex(SLICE_LIT("4081ab3f61bac9aae91bff7f9b212855177591ec4427dff2a501be124c5bb97d"), &want));
	assert_memory_equal(f.sum, want.p, 32);
	buf_clear(&want);
	f = (struct frame){.at = sizeof(f.pool)};
	for (unsigned i = 0; i < 64; i++)
		one_loop(&f);
	assert_true(vectors_unhex(SLICE_LIT("730a572b64fa05a42bce7b1573edc04b70ef75909db309c012aa27f53f1f2f41"), &want));
	assert_memory_equal(f.sum, want.p, 32);
	buf_clear(&want);
}

static void every_byte_of_a_ciphertext_counts(void **state)
{
	uint8_t random[SNTRUP761_ENCAPS_RANDOM];
	(void)state;
	make_key(1);
	make_random(random, sizeof(random), 2);
	sntrup761_encaps(ct, shared, pk, random);
	for (size_t i = 0; i < sizeof(ct); i += 7) {
		ct[i] ^= 1;
		sntrup761_decaps(other, ct, sk);
		assert_memory_not_equal(other, shared, sizeof(shared));
		ct[i] ^= 1;
	}
	sntrup761_decaps(other, ct, sk);
	assert_memory_equal(other, shared, sizeof(shared));
}

static void a_rejected_ciphertext_gives_one_secret_that_the_key_decides(void **state)
{
	uint8_t again[SNTRUP761_SHARED];
	(void)state;
	make_random(ct, sizeof(ct), 3);
	make_key(4);
	sntrup761_decaps(shared, ct, sk);
	sntrup761_decaps(again, ct, sk);
	assert_memory_equal(again, shared, sizeof(shared));
	make_key(5);
	sntrup761_decaps(other, ct, sk);
	assert_memory_not_equal(other, shared, sizeof(shared));
}

static void a_g_without_inverse_gives_no_key(void **state)
{
	uint8_t random[SNTRUP761_KEYPAIR_RANDOM];
	(void)state;
	for (size_t i = 0; i < sizeof(random); i += 4)
		memcpy(random + i, (const uint8_t[]){0, 0, 0, 0x18}, sizeof(random) - i < 4 ? sizeof(random) - i : 4);
	assert_false(sntrup761_keypair(pk, sk, random));   /* all coefficients are 0 */
}

static void any_bytes_are_a_public_key(void **state)
{
	uint8_t random[SNTRUP761_ENCAPS_RANDOM];
	(void)state;
	make_random(random, sizeof(random), 6);
	memset(pk, 0xff, sizeof(pk));
	sntrup761_encaps(ct, shared, pk, random);
	memset(ct, 0xff, sizeof(ct));
	make_key(7);
	sntrup761_decaps(shared, ct, sk);
}

static void polynomials_survive_their_bytes(void **state)
{
	uint8_t bytes[NTRU_RQ_BYTES + 1] = {0};
	struct ntru_poly a = {0}, b;
	(void)state;
	for (int start = -NTRU_Q_HALF; start <= NTRU_Q_HALF; start += 91) {
		for (int i = 0; i < NTRU_P; i++)
			a.c[i] = (int16_t)((start + NTRU_Q_HALF + i * (start & 7)) % NTRU_Q - NTRU_Q_HALF);
		bytes[NTRU_RQ_BYTES] = 0x5a;
		ntru_encode_rq(bytes, &a);
		assert_int_equal(bytes[NTRU_RQ_BYTES], 0x5a);
		ntru_decode_rq(&b, bytes);
		assert_memory_equal(&a, &b, sizeof(a));
		for (int i = 0; i < NTRU_P; i++)
			a.c[i] = (int16_t)(a.c[i] - ntru_mod_3(a.c[i]));
		bytes[NTRU_ROUNDED_BYTES] = 0x5a;
		ntru_encode_rounded(bytes, &a);
		assert_int_equal(bytes[NTRU_ROUNDED_BYTES], 0x5a);
		ntru_decode_rounded(&b, bytes);
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(polynomials_survive_their_bytes),
		cmocka_unit_test(checksums_are_those_of_supercop),
		cmocka_unit_test(every_byte_of_a_ciphertext_counts),
		cmocka_unit_test(a_rejected_ciphertext_gives_one_secret_that_the_key_decides),
		cmocka_unit_test(a_g_without_inverse_gives_no_key),
		cmocka_unit_test(any_bytes_are_a_public_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
