/* ML-DSA-44, signatures that quantum computers do not forge (FIPS 204), pure, with context.
 *
 * Functions over the caller's fixed-size arrays: nothing allocated, no randomness of their own, nothing kept. Time
 * depends on what is public, and on how often signing had to start over, which tells nothing about the key. What lay
 * on the stack is wiped.
 */
#ifndef CRYPTO_MLDSA44_H
#define CRYPTO_MLDSA44_H

#include "base/bytes.h"

enum {
	MLDSA44_PUBLIC = 1312,
	MLDSA44_SECRET = 2560,
	MLDSA44_SIGNATURE = 2420,
	MLDSA44_SEED = 32,
	MLDSA44_RANDOM = 32,
	MLDSA44_CONTEXT_MAX = 255,
	MLDSA44_MU = 64,
};

/* Algorithm 6: the seed (xi) is the whole key; sk is what it expands to. */
void mldsa44_keypair(uint8_t pk[MLDSA44_PUBLIC], uint8_t sk[MLDSA44_SECRET], const uint8_t seed[MLDSA44_SEED]);

/* Algorithm 2. random: fresh bytes (hedged), or all zero (deterministic). False where the context is longer than 255
 * bytes or sk is not a key. */
bool mldsa44_sign(uint8_t sig[MLDSA44_SIGNATURE], struct slice message, struct slice context,
	const uint8_t sk[MLDSA44_SECRET], const uint8_t random[MLDSA44_RANDOM]) MUST_CHECK;

/* Algorithm 3. */
bool mldsa44_verify(const uint8_t pk[MLDSA44_PUBLIC], struct slice message, struct slice context,
	const uint8_t sig[MLDSA44_SIGNATURE]) MUST_CHECK;

/* The same with the message's digest mu computed elsewhere (algorithms 7 and 8 from mu on). */
void mldsa44_mu(uint8_t mu[MLDSA44_MU], const uint8_t pk[MLDSA44_PUBLIC], struct slice message, struct slice context);
bool mldsa44_sign_mu(uint8_t sig[MLDSA44_SIGNATURE], const uint8_t mu[MLDSA44_MU], const uint8_t sk[MLDSA44_SECRET],
	const uint8_t random[MLDSA44_RANDOM]) MUST_CHECK;
bool mldsa44_verify_mu(const uint8_t pk[MLDSA44_PUBLIC], const uint8_t mu[MLDSA44_MU],
	const uint8_t sig[MLDSA44_SIGNATURE]) MUST_CHECK;

#endif
