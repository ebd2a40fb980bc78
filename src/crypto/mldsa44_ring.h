/* ML-DSA's ring Z[x]/(x^256 + 1) modulo 8380417: transforms, sampling, rounding, bits. Internal to mldsa44.
 *
 * Coefficients are int32_t, signed representatives; "reduced" is within (-q, q). Constant time, but for what rejection
 * sampling passes over. */
#ifndef CRYPTO_MLDSA44_RING_H
#define CRYPTO_MLDSA44_RING_H

#include "base/bytes.h"

enum {
	MLDSA_N = 256, MLDSA_Q = 8380417, MLDSA_D = 13, MLDSA_ETA = 2, MLDSA_TAU = 39,
	MLDSA_GAMMA1 = 1 << 17, MLDSA_GAMMA2 = (MLDSA_Q - 1) / 88, MLDSA_RHO = 32, MLDSA_SIGMA = 64, MLDSA_C = 32,
};

struct mldsa_poly { int32_t c[MLDSA_N]; };

void mldsa_ntt(struct mldsa_poly *);                           /* from reduced to reduced */
void mldsa_ntt_inverse(struct mldsa_poly *);                   /* from reduced to reduced; times R = 2^32 */
/* sum of `count` products / R in the transformed domain, reduced. a: count polynomials; b likewise. */
void mldsa_dot(struct mldsa_poly *out, const struct mldsa_poly *a, const struct mldsa_poly *b, unsigned count);
void mldsa_canonical(struct mldsa_poly *);                     /* any value below 2^31 - 2^22 to [0, q) */
void mldsa_centre(struct mldsa_poly *);                        /* likewise, to [-q/2, q/2] */
/* All ones if no coefficient of a centred polynomial reaches the bound in magnitude, else zero. */
uint32_t mldsa_norm_below(const struct mldsa_poly *, int32_t bound);

/* FIPS 204, algorithms 30, 31, 34 (one polynomial) and 29. */
void mldsa_sample_uniform(struct mldsa_poly *, const uint8_t rho[MLDSA_RHO], uint8_t column, uint8_t row);
void mldsa_sample_secret(struct mldsa_poly *, const uint8_t seed[MLDSA_SIGMA], uint16_t number);
void mldsa_sample_mask(struct mldsa_poly *, const uint8_t seed[MLDSA_SIGMA], uint16_t number);
void mldsa_sample_challenge(struct mldsa_poly *, const uint8_t seed[MLDSA_C]);

/* Algorithms 35 and 36 on canonical values: returns the high part. */
int32_t mldsa_power2round(int32_t r, int32_t *low);
int32_t mldsa_decompose(int32_t r, int32_t *low);

/* Algorithms 16 to 19: `bits` of (offset - coefficient), or of the coefficient itself where offset is 0. */
void mldsa_pack(uint8_t *out, const struct mldsa_poly *, unsigned bits, int32_t offset);
void mldsa_unpack(struct mldsa_poly *, const uint8_t *in, unsigned bits, int32_t offset);

#endif
