#include "crypto/mlkem768.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "crypto/keccak.h"
#include "test/vectors.h"

static uint8_t pk[MLKEM768_PUBLIC], sk[MLKEM768_SECRET], ct[MLKEM768_CIPHERTEXT];
static uint8_t shared[MLKEM768_SHARED], other[MLKEM768_SHARED];

static void assert_bytes(const uint8_t *got, size_t n, struct slice want)
{
	assert_int_equal(n, want.n);
	assert_memory_equal(got, want.p, n);
}

/* The accumulated vectors of C2SP/CCTV, ML-KEM: inputs from SHAKE128 of nothing, outputs hashed. The figure for 100
 * runs is that of Go's crypto/mlkem tests. */
static void a_hundred_runs_give_the_accumulated_hash(void **state)
{
	static const uint8_t want[32] = {
		0x11, 0x14, 0xb1, 0xb6, 0x69, 0x9e, 0xd1, 0x91, 0x73, 0x4f, 0xa3, 0x39, 0x37, 0x6a, 0xfa, 0x7e,
		0x28, 0x5c, 0x9e, 0x6a, 0xcf, 0x6f, 0xf0, 0x17, 0x7d, 0x34, 0x66, 0x96, 0xce, 0x56, 0x44, 0x15,
	};
	struct keccak in, out;
	uint8_t seed[MLKEM768_SEED], m[MLKEM768_MESSAGE], bad[MLKEM768_CIPHERTEXT], sum[32];
	(void)state;
	keccak_init(&in, SHAKE128_RATE);
	keccak_finish(&in, KECCAK_PAD_SHAKE);
	keccak_init(&out, SHAKE128_RATE);
	for (unsigned i = 0; i < 100; i++) {
		keccak_squeeze(&in, seed, sizeof(seed));
		mlkem768_keypair(pk, sk, seed);
		keccak_absorb(&out, pk, sizeof(pk));
		keccak_squeeze(&in, m, sizeof(m));
		assert_true(mlkem768_encaps(ct, shared, pk, m));
		keccak_absorb(&out, ct, sizeof(ct));
		keccak_absorb(&out, shared, sizeof(shared));
		mlkem768_decaps(other, ct, sk);
		assert_memory_equal(other, shared, sizeof(shared));
		keccak_squeeze(&in, bad, sizeof(bad));
		mlkem768_decaps(other, bad, sk);
		keccak_absorb(&out, other, sizeof(other));
	}
	keccak_finish(&out, KECCAK_PAD_SHAKE);
	keccak_squeeze(&out, sum, sizeof(sum));
	assert_memory_equal(sum, want, sizeof(want));
}

static void every_bit_of_a_ciphertext_counts(void **state)
{
	uint8_t seed[MLKEM768_SEED] = {1}, m[MLKEM768_MESSAGE] = {2};
	(void)state;
	mlkem768_keypair(pk, sk, seed);
	assert_true(mlkem768_encaps(ct, shared, pk, m));
	for (size_t i = 0; i < sizeof(ct) * 8; i += 37) {
		ct[i / 8] ^= (uint8_t)(1 << i % 8);
		mlkem768_decaps(other, ct, sk);
		assert_memory_not_equal(other, shared, sizeof(shared));
		ct[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	mlkem768_decaps(other, ct, sk);
	assert_memory_equal(other, shared, sizeof(shared));
}

static void coefficients_of_a_key_are_below_q(void **state)
{
	uint8_t seed[MLKEM768_SEED] = {3}, m[MLKEM768_MESSAGE] = {4};
	(void)state;
	mlkem768_keypair(pk, sk, seed);
	for (size_t i = 0; i < 768; i++) {
		size_t at = i / 2 * 3 + i % 2;
		uint8_t low = pk[at], high = pk[at + 1];
		unsigned q = 3329;
		for (unsigned v = q - 1; v <= q; v++) {
			pk[at] = (uint8_t)(i % 2 ? (low & 15) | v << 4 : v);
			pk[at + 1] = (uint8_t)(i % 2 ? v >> 4 : (high & 0xf0) | v >> 8);
			assert_int_equal(mlkem768_encaps(ct, shared, pk, m), v < q);
		}
		pk[at] = low, pk[at + 1] = high;
	}
}

static void wycheproof_keys_and_secrets(void **state)
{
	unsigned done = 0, passed_over = 0;
	struct vectors *v = vectors_open("wycheproof/mlkem_768_test.json");
	(void)state;
	while (vectors_next(v)) {
		struct slice seed = vectors_hex(v, "seed"), c = vectors_hex(v, "c"), want = vectors_hex(v, "K");
		bool valid = vectors_is(v, "result", "valid");
		if (seed.n != MLKEM768_SEED || c.n != MLKEM768_CIPHERTEXT) {
			assert_false(valid);   /* sizes are the caller's to check: our arguments are arrays */
			passed_over++;
			continue;
		}
		mlkem768_keypair(pk, sk, seed.p);
		if (vectors_has(v, "ek"))
			assert_bytes(pk, sizeof(pk), vectors_hex(v, "ek"));
		mlkem768_decaps(shared, c.p, sk);
		assert_int_equal(slice_eq(slice_of(shared, sizeof(shared)), want), valid);
		done++;
	}
	vectors_close(v);
	printf("%u vectors, %u of a wrong size\n", done, passed_over);
}

static void wycheproof_key_generation(void **state)
{
	struct vectors *v = vectors_open("wycheproof/mlkem_768_keygen_seed_test.json");
	(void)state;
	while (vectors_next(v)) {
		struct slice seed = vectors_hex(v, "seed");
		assert_true(vectors_is(v, "result", "valid") && seed.n == MLKEM768_SEED);
		mlkem768_keypair(pk, sk, seed.p);
		assert_bytes(pk, sizeof(pk), vectors_hex(v, "ek"));
		assert_bytes(sk, sizeof(sk), vectors_hex(v, "dk"));
	}
	vectors_close(v);
}

static void wycheproof_encapsulation(void **state)
{
	struct vectors *v = vectors_open("wycheproof/mlkem_768_encaps_test.json");
	(void)state;
	while (vectors_next(v)) {
		struct slice ek = vectors_hex(v, "ek"), m = vectors_hex(v, "m");
		bool valid = vectors_is(v, "result", "valid");
		if (ek.n != MLKEM768_PUBLIC) {
			assert_false(valid);
			continue;
		}
		assert_int_equal(m.n, MLKEM768_MESSAGE);
		assert_int_equal(mlkem768_encaps(ct, shared, ek.p, m.p), valid);
		if (!valid)
			continue;
		assert_bytes(ct, sizeof(ct), vectors_hex(v, "c"));
		assert_bytes(shared, sizeof(shared), vectors_hex(v, "K"));
	}
	vectors_close(v);
}

static void wycheproof_decapsulation(void **state)
{
	struct vectors *v = vectors_open("wycheproof/mlkem_768_semi_expanded_decaps_test.json");
	(void)state;
	while (vectors_next(v)) {
		struct slice dk = vectors_hex(v, "dk"), c = vectors_hex(v, "c");
		if (!vectors_is(v, "result", "valid"))
			continue;   /* wrong sizes, and keys whose hash does not fit, which only our own keypair makes */
		mlkem768_decaps(shared, c.p, dk.p);
		assert_int_equal(dk.n, MLKEM768_SECRET);
		assert_int_equal(c.n, MLKEM768_CIPHERTEXT);
		assert_bytes(shared, sizeof(shared), vectors_hex(v, "K"));
	}
	vectors_close(v);
}

/* C2SP/CCTV has "name = hex" lines. */
static struct buf line_of(struct slice text, const char *name)
{
	struct buf out = BUF_INIT(4096);
	size_t n = strlen(name);
	while (text.n) {
		struct slice line = slice_cut(&text, '\n');
		if (slice_has_prefix(line, name) && slice_has_prefix(slice_from(line, n), " = "))
			assert_true(vectors_unhex(slice_trim(slice_from(line, n + 3)), &out));
	}
	return out;
}

/* The files are of the draft, whose keys came from another seed expansion; keys as they are in the file do. */
static void cctv_file(const char *path, bool encaps)
{
	struct buf text = BUF_INIT(1 << 20);
	if (!vectors_read(path, &text))
		return;
	struct slice t = buf_slice(&text);
	struct buf ek = line_of(t, "ek"), dk = line_of(t, "dk"), m = line_of(t, "m"), c = line_of(t, "c"), k = line_of(t, "K");
	assert_true(dk.len == MLKEM768_SECRET && c.len == MLKEM768_CIPHERTEXT);
	mlkem768_decaps(shared, c.p, dk.p);
	assert_bytes(shared, sizeof(shared), buf_slice(&k));
	if (encaps) {
		assert_true(ek.len == MLKEM768_PUBLIC && m.len == MLKEM768_MESSAGE);
		assert_true(mlkem768_encaps(ct, shared, ek.p, m.p));
		assert_bytes(ct, sizeof(ct), buf_slice(&c));
		assert_bytes(shared, sizeof(shared), buf_slice(&k));
	}
	buf_clear(&text), buf_clear(&ek), buf_clear(&dk), buf_clear(&m), buf_clear(&c), buf_clear(&k);
}

static void cctv_unlucky_samples_and_zero_bytes(void **state)
{
	(void)state;
	cctv_file("cctv/unluckysample-ML-KEM-768.txt", true);
	cctv_file("cctv/strcmp-ML-KEM-768.txt", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_runs_give_the_accumulated_hash),
		cmocka_unit_test(every_bit_of_a_ciphertext_counts),
		cmocka_unit_test(coefficients_of_a_key_are_below_q),
		cmocka_unit_test(wycheproof_keys_and_secrets),
		cmocka_unit_test(wycheproof_key_generation),
		cmocka_unit_test(wycheproof_encapsulation),
		cmocka_unit_test(wycheproof_decapsulation),
		cmocka_unit_test(cctv_unlucky_samples_and_zero_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
