#include "crypto/mldsa44.h"

#include <string.h>
#include "base/mem.h"
#include "crypto/constant_time.h"
#include "crypto/keccak.h"
#include "crypto/mldsa44_ring.h"

enum {
	K = 4, L = 4, N = MLDSA_N, BETA = MLDSA_TAU * MLDSA_ETA, OMEGA = 80, KEY = 32, TR = 64,
	T1_BYTES = 320, T0_BYTES = 416, S_BYTES = 96, Z_BYTES = 576, W1_BYTES = 192,
	T0_HALF = 1 << (MLDSA_D - 1),
};

/* Places in a secret key (algorithm 24) and a signature (algorithm 26). */
enum {
	AT_KEY = MLDSA_RHO, AT_TR = AT_KEY + KEY, AT_S1 = AT_TR + TR, AT_S2 = AT_S1 + L * S_BYTES, AT_T0 = AT_S2 + K * S_BYTES,
	AT_Z = MLDSA_C, AT_HINT = AT_Z + L * Z_BYTES,
};
_Static_assert(AT_T0 + K * T0_BYTES == MLDSA44_SECRET, "parts of the secret key");
_Static_assert(AT_HINT + OMEGA + K == MLDSA44_SIGNATURE, "parts of the signature");
_Static_assert(MLDSA_RHO + K * T1_BYTES == MLDSA44_PUBLIC, "parts of the public key");
_Static_assert(K == L, "one vector type serves both lengths");

struct vec { struct mldsa_poly p[K]; };

/* A secret key taken apart, its polynomials transformed. */
struct key { struct vec matrix[K], s1, s2, t0; };

/* What an attempt to sign works on. */
struct attempt { struct vec y, w, z; struct mldsa_poly c, high[K]; };

static void vec_ntt(struct vec *a)
{
	for (unsigned i = 0; i < K; i++)
		mldsa_ntt(&a->p[i]);
}

/* Algorithm 32. */
static void expand_matrix(struct vec matrix[K], const uint8_t rho[MLDSA_RHO])
{
	for (uint8_t row = 0; row < K; row++)
		for (uint8_t column = 0; column < L; column++)
			mldsa_sample_uniform(&matrix[row].p[column], rho, column, row);
}

/* out = NTT^-1(a . b) for one row; R comes and goes. */
static void product(struct mldsa_poly *out, const struct mldsa_poly *a, const struct mldsa_poly *b, unsigned count)
{
	mldsa_dot(out, a, b, count);
	mldsa_ntt_inverse(out);
}

void mldsa44_keypair(uint8_t pk[MLDSA44_PUBLIC], uint8_t sk[MLDSA44_SECRET], const uint8_t seed[MLDSA44_SEED])
{
	static const uint8_t dimensions[2] = {K, L};
	uint8_t expanded[MLDSA_RHO + MLDSA_SIGMA + KEY];
	struct vec row, s1;
	struct mldsa_poly s2, t, low;
	shake256(expanded, sizeof(expanded), slice_of(seed, MLDSA44_SEED), slice_of(dimensions, sizeof(dimensions)));
	const uint8_t *sigma = expanded + MLDSA_RHO;
	memcpy(pk, expanded, MLDSA_RHO);
	ct_declassify(pk, MLDSA_RHO);
	memcpy(sk, pk, MLDSA_RHO);
	memcpy(sk + AT_KEY, sigma + MLDSA_SIGMA, KEY);
	for (unsigned i = 0; i < L; i++) {
		mldsa_sample_secret(&s1.p[i], sigma, (uint16_t)i);
		mldsa_pack(sk + AT_S1 + i * S_BYTES, &s1.p[i], 3, MLDSA_ETA);
	}
	vec_ntt(&s1);
	for (unsigned i = 0; i < K; i++) {
		mldsa_sample_secret(&s2, sigma, (uint16_t)(L + i));
		mldsa_pack(sk + AT_S2 + i * S_BYTES, &s2, 3, MLDSA_ETA);
		for (uint8_t j = 0; j < L; j++)
			mldsa_sample_uniform(&row.p[j], pk, j, (uint8_t)i);
		product(&t, row.p, s1.p, L);
		for (unsigned j = 0; j < N; j++)
			t.c[j] += s2.c[j];
		mldsa_canonical(&t);
		for (unsigned j = 0; j < N; j++)
			t.c[j] = mldsa_power2round(t.c[j], &low.c[j]);
		mldsa_pack(pk + MLDSA_RHO + i * T1_BYTES, &t, 10, 0);
		mldsa_pack(sk + AT_T0 + i * T0_BYTES, &low, 13, T0_HALF);
	}
	shake256(sk + AT_TR, TR, slice_of(pk, MLDSA44_PUBLIC), slice_of(NULL, 0));
	mem_wipe(expanded, sizeof(expanded));
	mem_wipe(&s1, sizeof(s1));
	mem_wipe(&s2, sizeof(s2));
	mem_wipe(&t, sizeof(t));
	mem_wipe(&low, sizeof(low));
}

/* tr, then the message with its prefix of algorithms 2 and 3. */
static void make_mu(uint8_t mu[MLDSA44_MU], const uint8_t tr[TR], struct slice message, struct slice context)
{
	const uint8_t prefix[2] = {0, (uint8_t)context.n};
	struct keccak k;
	keccak_init(&k, SHAKE256_RATE);
	keccak_absorb(&k, tr, TR);
	keccak_absorb(&k, prefix, sizeof(prefix));
	keccak_absorb(&k, context.p, context.n);
	keccak_absorb(&k, message.p, message.n);
	keccak_finish(&k, KECCAK_PAD_SHAKE);
	keccak_squeeze(&k, mu, MLDSA44_MU);
	keccak_wipe(&k);
}

void mldsa44_mu(uint8_t mu[MLDSA44_MU], const uint8_t pk[MLDSA44_PUBLIC], struct slice message, struct slice context)
{
	uint8_t tr[TR];
	shake256(tr, sizeof(tr), slice_of(pk, MLDSA44_PUBLIC), slice_of(NULL, 0));
	make_mu(mu, tr, message, context);
}

/* Algorithm 25; false if a coefficient of s1 or s2 is out of range. */
static bool open_key(struct key *key, const uint8_t sk[MLDSA44_SECRET])
{
	uint32_t good = UINT32_MAX;
	for (unsigned i = 0; i < K; i++) {
		mldsa_unpack(&key->s1.p[i], sk + AT_S1 + i * S_BYTES, 3, MLDSA_ETA);
		mldsa_unpack(&key->s2.p[i], sk + AT_S2 + i * S_BYTES, 3, MLDSA_ETA);
		mldsa_unpack(&key->t0.p[i], sk + AT_T0 + i * T0_BYTES, 13, T0_HALF);
		good &= mldsa_norm_below(&key->s1.p[i], MLDSA_ETA + 1) & mldsa_norm_below(&key->s2.p[i], MLDSA_ETA + 1);
	}
	ct_declassify(&good, sizeof(good));
	if (!good)
		return false;
	expand_matrix(key->matrix, sk);
	vec_ntt(&key->s1), vec_ntt(&key->s2), vec_ntt(&key->t0);
	return true;
}

/* c~ of algorithms 7 and 8: over mu and the high parts of w, which are left in `high`. */
static void commit(uint8_t out[MLDSA_C], const uint8_t mu[MLDSA44_MU], const struct mldsa_poly high[K])
{
	uint8_t bytes[K * W1_BYTES];
	for (unsigned i = 0; i < K; i++)
		mldsa_pack(bytes + i * W1_BYTES, &high[i], 6, 0);
	shake256(out, MLDSA_C, slice_of(mu, MLDSA44_MU), slice_of(bytes, sizeof(bytes)));
	mem_wipe(bytes, sizeof(bytes));
}

/* Hints of one row (algorithms 39 and 20): 1 where adding c t0 changes the high part. Returns their number. */
static uint32_t make_hints(struct mldsa_poly *hint, const struct mldsa_poly *r, const struct mldsa_poly *ct0)
{
	uint32_t count = 0;
	struct mldsa_poly sum;
	for (unsigned j = 0; j < N; j++)
		sum.c[j] = r->c[j] + ct0->c[j];
	mldsa_canonical(&sum);
	for (unsigned j = 0; j < N; j++) {
		int32_t low;
		uint32_t change = (uint32_t)(mldsa_decompose(r->c[j], &low) ^ mldsa_decompose(sum.c[j], &low));
		uint32_t one = (change | (0 - change)) >> 31;
		hint->c[j] = (int32_t)one;
		count += one;
	}
	mem_wipe(&sum, sizeof(sum));
	return count;
}

/* Algorithm 20; the hints of an accepted signature are public. */
static void pack_hints(uint8_t *out, const struct mldsa_poly hint[K])
{
	unsigned n = 0;
	memset(out, 0, OMEGA + K);
	for (unsigned i = 0; i < K; i++) {
		for (unsigned j = 0; j < N; j++)
			if (hint[i].c[j])
				out[n++] = (uint8_t)j;
		out[OMEGA + i] = (uint8_t)n;
	}
}

/* y, w and the commitment. */
static void choose(struct attempt *a, uint8_t sig[MLDSA_C], const uint8_t mu[MLDSA44_MU], const struct key *key,
	const uint8_t seed[MLDSA_SIGMA], uint16_t kappa)
{
	struct mldsa_poly low;
	for (uint16_t i = 0; i < L; i++)
		mldsa_sample_mask(&a->y.p[i], seed, (uint16_t)(kappa + i));
	a->z = a->y;
	vec_ntt(&a->z);
	for (unsigned i = 0; i < K; i++) {
		product(&a->w.p[i], key->matrix[i].p, a->z.p, L);
		mldsa_canonical(&a->w.p[i]);
		for (unsigned j = 0; j < N; j++)
			a->high[i].c[j] = mldsa_decompose(a->w.p[i].c[j], &low.c[j]);
	}
	commit(sig, mu, a->high);
	ct_declassify(sig, MLDSA_C);
	mldsa_sample_challenge(&a->c, sig);
	mldsa_ntt(&a->c);
	mem_wipe(&low, sizeof(low));
}

/* The answer to the challenge, if it tells nothing about the key. Whether it does is known to whoever counts attempts. */
static bool answer(struct attempt *a, uint8_t *sig, const struct key *key)
{
	uint32_t good = UINT32_MAX, hints = 0;
	struct mldsa_poly part, low;
	for (unsigned i = 0; i < L; i++) {
		product(&part, &a->c, &key->s1.p[i], 1);
		for (unsigned j = 0; j < N; j++)
			a->z.p[i].c[j] = a->y.p[i].c[j] + part.c[j];
		mldsa_centre(&a->z.p[i]);
		good &= mldsa_norm_below(&a->z.p[i], MLDSA_GAMMA1 - BETA);
	}
	for (unsigned i = 0; i < K; i++) {
		struct mldsa_poly *w = &a->w.p[i];
		product(&part, &a->c, &key->s2.p[i], 1);
		for (unsigned j = 0; j < N; j++)
			w->c[j] -= part.c[j];
		mldsa_canonical(w);
		for (unsigned j = 0; j < N; j++)
			(void)mldsa_decompose(w->c[j], &low.c[j]);
		good &= mldsa_norm_below(&low, MLDSA_GAMMA2 - BETA);
		product(&part, &a->c, &key->t0.p[i], 1);
		mldsa_centre(&part);
		good &= mldsa_norm_below(&part, MLDSA_GAMMA2);
		hints += make_hints(&a->high[i], w, &part);
	}
	good &= 0 - ((hints - OMEGA - 1) >> 31);
	mem_wipe(&part, sizeof(part));
	mem_wipe(&low, sizeof(low));
	ct_declassify(&good, sizeof(good));
	if (!good)
		return false;
	for (unsigned i = 0; i < L; i++)
		mldsa_pack(sig + AT_Z + i * Z_BYTES, &a->z.p[i], 18, MLDSA_GAMMA1);
	ct_declassify(a->high, sizeof(a->high));
	pack_hints(sig + AT_HINT, a->high);
	return true;
}

/* Algorithm 7. */
bool mldsa44_sign_mu(uint8_t sig[MLDSA44_SIGNATURE], const uint8_t mu[MLDSA44_MU], const uint8_t sk[MLDSA44_SECRET],
	const uint8_t random[MLDSA44_RANDOM])
{
	struct key key;
	struct attempt attempt;
	uint8_t seed[MLDSA_SIGMA];
	bool good = open_key(&key, sk);
	if (good) {
		struct keccak k;
		keccak_init(&k, SHAKE256_RATE);
		keccak_absorb(&k, sk + AT_KEY, KEY);
		keccak_absorb(&k, random, MLDSA44_RANDOM);
		keccak_absorb(&k, mu, MLDSA44_MU);
		keccak_finish(&k, KECCAK_PAD_SHAKE);
		keccak_squeeze(&k, seed, sizeof(seed));
		keccak_wipe(&k);
		uint16_t kappa = 0;
		do {
			choose(&attempt, sig, mu, &key, seed, kappa);
			kappa = (uint16_t)(kappa + L);
		} while (!answer(&attempt, sig, &key));
		mem_wipe(seed, sizeof(seed));
		mem_wipe(&attempt, sizeof(attempt));
	}
	mem_wipe(&key, sizeof(key));
	return good;
}

bool mldsa44_sign(uint8_t sig[MLDSA44_SIGNATURE], struct slice message, struct slice context,
	const uint8_t sk[MLDSA44_SECRET], const uint8_t random[MLDSA44_RANDOM])
{
	uint8_t mu[MLDSA44_MU];
	if (context.n > MLDSA44_CONTEXT_MAX)
		return false;
	make_mu(mu, sk + AT_TR, message, context);
	return mldsa44_sign_mu(sig, mu, sk, random);
}

/* Algorithm 21: positions rise within a row, what is unused is zero. */
static bool unpack_hints(struct mldsa_poly hint[K], const uint8_t *in)
{
	unsigned n = 0;
	memset(hint, 0, K * sizeof(*hint));
	for (unsigned i = 0; i < K; i++) {
		unsigned first = n, end = in[OMEGA + i];
		if (end < n || end > OMEGA)
			return false;
		for (; n < end; n++) {
			if (n > first && in[n] <= in[n - 1])
				return false;
			hint[i].c[in[n]] = 1;
		}
	}
	for (; n < OMEGA; n++)
		if (in[n])
			return false;
	return true;
}

/* Algorithm 40. */
static int32_t use_hint(int32_t r, int32_t hint)
{
	int32_t low, high = mldsa_decompose(r, &low);
	if (!hint)
		return high;
	return low > 0 ? (high == 43 ? 0 : high + 1) : (high == 0 ? 43 : high - 1);
}

/* Algorithm 8. Everything here is public. */
bool mldsa44_verify_mu(const uint8_t pk[MLDSA44_PUBLIC], const uint8_t mu[MLDSA44_MU], const uint8_t sig[MLDSA44_SIGNATURE])
{
	uint8_t again[MLDSA_C];
	struct vec z, row;
	struct mldsa_poly c, t1, w, hint[K], high[K];
	bool good = unpack_hints(hint, sig + AT_HINT);
	for (unsigned i = 0; i < L; i++) {
		mldsa_unpack(&z.p[i], sig + AT_Z + i * Z_BYTES, 18, MLDSA_GAMMA1);
		good = good && mldsa_norm_below(&z.p[i], MLDSA_GAMMA1 - BETA);
	}
	if (!good)
		return false;
	vec_ntt(&z);
	mldsa_sample_challenge(&c, sig);
	mldsa_ntt(&c);
	for (unsigned i = 0; i < K; i++) {
		mldsa_unpack(&t1, pk + MLDSA_RHO + i * T1_BYTES, 10, 0);
		for (unsigned j = 0; j < N; j++)
			t1.c[j] <<= MLDSA_D;
		mldsa_ntt(&t1);
		mldsa_dot(&t1, &c, &t1, 1);
		for (uint8_t j = 0; j < L; j++)
			mldsa_sample_uniform(&row.p[j], pk, j, (uint8_t)i);
		mldsa_dot(&w, row.p, z.p, L);
		for (unsigned j = 0; j < N; j++)
			w.c[j] -= t1.c[j];
		mldsa_canonical(&w);
		mldsa_ntt_inverse(&w);
		mldsa_canonical(&w);
		for (unsigned j = 0; j < N; j++)
			high[i].c[j] = use_hint(w.c[j], hint[i].c[j]);
	}
	commit(again, mu, high);
	return !memcmp(again, sig, MLDSA_C);
}

bool mldsa44_verify(const uint8_t pk[MLDSA44_PUBLIC], struct slice message, struct slice context,
	const uint8_t sig[MLDSA44_SIGNATURE])
{
	uint8_t mu[MLDSA44_MU];
	if (context.n > MLDSA44_CONTEXT_MAX)
		return false;
	mldsa44_mu(mu, pk, message, context);
	return mldsa44_verify_mu(pk, mu, sig);
}
