/* ML-KEM-768, a key encapsulation that quantum computers do not break (FIPS 203).
 *
 * Pure functions over the caller's fixed-size arrays: no allocation, no randomness of their own
 * (the internal algorithms 16 to 18 of FIPS 203; the caller brings 64 or 32 fresh random bytes and
 * wipes them), nothing kept. Time and memory access depend on public data only: the public key's
 * seed rho and the outcome of the key check. What lay on the stack is wiped.
 */
#ifndef CRYPTO_MLKEM768_H
#define CRYPTO_MLKEM768_H

#include "base/bytes.h"

enum {
	MLKEM768_PUBLIC = 1184,
	MLKEM768_SECRET = 2400,
	MLKEM768_CIPHERTEXT = 1088,
	MLKEM768_SHARED = 32,
	MLKEM768_SEED = 64,
	MLKEM768_MESSAGE = 32,
};

/* seed is d || z. sk is the expanded decapsulation key (it holds pk, H(pk) and z). */
void mlkem768_keypair(uint8_t pk[MLKEM768_PUBLIC], uint8_t sk[MLKEM768_SECRET], const uint8_t seed[MLKEM768_SEED]);

/* False (and nothing usable in ct and shared) if pk fails the modulus check of section 7.2. m: random, secret. */
bool mlkem768_encaps(uint8_t ct[MLKEM768_CIPHERTEXT], uint8_t shared[MLKEM768_SHARED],
	const uint8_t pk[MLKEM768_PUBLIC], const uint8_t m[MLKEM768_MESSAGE]) MUST_CHECK;

/* Implicit rejection: a bad ciphertext gives a secret that only looks random, in the same time. sk must come
 * from mlkem768_keypair (the hash check of section 7.3 is not repeated). */
void mlkem768_decaps(uint8_t shared[MLKEM768_SHARED], const uint8_t ct[MLKEM768_CIPHERTEXT],
	const uint8_t sk[MLKEM768_SECRET]);

#endif
