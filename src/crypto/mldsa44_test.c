#include "crypto/mldsa44.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "crypto/keccak.h"
#include "crypto/mldsa44_ring.h"
#include "test/vectors.h"

static uint8_t pk[MLDSA44_PUBLIC], sk[MLDSA44_SECRET], sig[MLDSA44_SIGNATURE];
static const uint8_t zero[MLDSA44_RANDOM];

/* FIPS 204, algorithms 35 and 36 as they are written there, for every value. */
static void rounding_is_right_for_every_value(void **state)
{
	(void)state;
	for (int32_t r = 0; r < MLDSA_Q; r++) {
		int32_t low, want = r % (2 * MLDSA_GAMMA2), high = mldsa_decompose(r, &low);
		want -= want > MLDSA_GAMMA2 ? 2 * MLDSA_GAMMA2 : 0;
		int32_t want_high = r - want == MLDSA_Q - 1 ? 0 : (r - want) / (2 * MLDSA_GAMMA2);
		want -= r - want == MLDSA_Q - 1;
		if (low != want || high != want_high)
			fail_msg("decompose of %d", r);
		high = mldsa_power2round(r, &low);
		if (high * (1 << MLDSA_D) + low != r || low <= -(1 << (MLDSA_D - 1)) || low > 1 << (MLDSA_D - 1))
			fail_msg("power2round of %d", r);
	}
}

static void every_part_of_a_signature_counts(void **state)
{
	const uint8_t seed[MLDSA44_SEED] = {1};
	struct slice message = SLICE_LIT("message"), context = SLICE_LIT("context");
	(void)state;
	mldsa44_keypair(pk, sk, seed);
	assert_true(mldsa44_sign(sig, message, context, sk, zero));
	assert_true(mldsa44_verify(pk, message, context, sig));
	assert_false(mldsa44_verify(pk, SLICE_LIT("messagf"), context, sig));
	assert_false(mldsa44_verify(pk, message, SLICE_LIT("contex"), sig));
	assert_false(mldsa44_verify(pk, SLICE_LIT("tmessage"), SLICE_LIT("contex"), sig));
	for (size_t i = 0; i < sizeof(sig); i += 11) {
		sig[i] ^= 1;
		assert_false(mldsa44_verify(pk, message, context, sig));
		sig[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof(pk); i += 53) {
		pk[i] ^= 1;
		assert_false(mldsa44_verify(pk, message, context, sig));
		pk[i] ^= 1;
	}
	assert_true(mldsa44_verify(pk, message, context, sig));
}

static void a_context_has_at_most_255_bytes(void **state)
{
	const uint8_t seed[MLDSA44_SEED] = {2};
	uint8_t context[MLDSA44_CONTEXT_MAX + 1] = {0};
	struct slice message = SLICE_LIT("m"), fits = slice_of(context, sizeof(context) - 1), over = slice_of(context, sizeof(context));
	(void)state;
	mldsa44_keypair(pk, sk, seed);
	assert_true(mldsa44_sign(sig, message, fits, sk, zero));
	assert_true(mldsa44_verify(pk, message, fits, sig));
	assert_false(mldsa44_sign(sig, message, over, sk, zero));
	assert_false(mldsa44_verify(pk, message, over, sig));
}

/* C2SP/CCTV's accumulated form: keys of SHAKE128 of nothing, public keys and deterministic signatures of the empty
 * message hashed. The figure for 100 keys is that of Go's ML-DSA tests. */
static void a_hundred_keys_give_the_accumulated_hash(void **state)
{
	struct buf want = BUF_INIT(32);
	struct keccak in, out;
	uint8_t seed[MLDSA44_SEED], sum[32];
	struct slice none = slice_of(NULL, 0);
	(void)state;
	keccak_init(&in, SHAKE128_RATE);
	keccak_finish(&in, KECCAK_PAD_SHAKE);
	keccak_init(&out, SHAKE128_RATE);
	for (unsigned i = 0; i < 100; i++) {
		keccak_squeeze(&in, seed, sizeof(seed));
		mldsa44_keypair(pk, sk, seed);
		keccak_absorb(&out, pk, sizeof(pk));
		assert_true(mldsa44_sign(sig, none, none, sk, zero));
		keccak_absorb(&out, sig, sizeof(sig));
		assert_true(mldsa44_verify(pk, none, none, sig));
	}
	keccak_finish(&out, KECCAK_PAD_SHAKE);
	keccak_squeeze(&out, sum, sizeof(sum));
	assert_true(vectors_unhex(SLICE_LIT("d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4"), &want));
	assert_memory_equal(sum, want.p, sizeof(sum));
	buf_clear(&want);
}

/* The key is in sk. False where the vector says that it cannot be signed with. */
static bool sign_vector(struct vectors *v)
{
	struct slice random = vectors_hex(v, "rnd"), mu = vectors_hex(v, "mu");
	const uint8_t *rnd = random.n ? random.p : zero;
	if (vectors_has(v, "msg"))
		return mldsa44_sign(sig, vectors_hex(v, "msg"), vectors_hex(v, "ctx"), sk, rnd);
	assert_int_equal(mu.n, MLDSA44_MU);
	return mldsa44_sign_mu(sig, mu.p, sk, rnd);
}

static void wycheproof_signing(const char *path, const char *key, size_t key_size)
{
	struct vectors *v = vectors_open(path);
	while (vectors_next(v)) {
		struct slice secret = vectors_hex(v, key), want = vectors_hex(v, "sig"), public = vectors_hex(v, "publicKey");
		bool valid = vectors_is(v, "result", "valid");
		if (secret.n != key_size) {
			assert_false(valid);
			continue;
		}
		if (key_size == MLDSA44_SEED) {
			mldsa44_keypair(pk, sk, secret.p);
			assert_memory_equal(pk, public.p, sizeof(pk));
		} else {
			memcpy(sk, secret.p, sizeof(sk));
		}
		assert_int_equal(sign_vector(v), valid);
		if (valid) {
			assert_int_equal(want.n, sizeof(sig));
			assert_memory_equal(sig, want.p, sizeof(sig));
		}
	}
	vectors_close(v);
}

static void wycheproof_signatures(void **state)
{
	(void)state;
	wycheproof_signing("wycheproof/mldsa_44_sign_seed_test.json", "privateSeed", MLDSA44_SEED);
	wycheproof_signing("wycheproof/mldsa_44_sign_noseed_test.json", "privateKey", MLDSA44_SECRET);
}

static void wycheproof_verification(void **state)
{
	struct vectors *v = vectors_open("wycheproof/mldsa_44_verify_test.json");
	(void)state;
	while (vectors_next(v)) {
		struct slice public = vectors_hex(v, "publicKey"), s = vectors_hex(v, "sig");
		bool valid = vectors_is(v, "result", "valid");
		if (public.n != MLDSA44_PUBLIC || s.n != MLDSA44_SIGNATURE) {
			assert_false(valid);
			continue;
		}
		if (mldsa44_verify(public.p, vectors_hex(v, "msg"), vectors_hex(v, "ctx"), s.p) != valid)
			fail_msg("test %ld", vectors_int(v, "tcId"));
	}
	vectors_close(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rounding_is_right_for_every_value),
		cmocka_unit_test(every_part_of_a_signature_counts),
		cmocka_unit_test(a_context_has_at_most_255_bytes),
		cmocka_unit_test(a_hundred_keys_give_the_accumulated_hash),
		cmocka_unit_test(wycheproof_signatures),
		cmocka_unit_test(wycheproof_verification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
