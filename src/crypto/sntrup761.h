/* Streamlined NTRU Prime sntrup761, the key encapsulation of sntrup761x25519-sha512.
 *
 * Source: the NTRU Prime submission to NIST's third round, and draft-ietf-sshm-ntruprime-ssh for
 * its use. Pure functions over the caller's fixed-size arrays: no allocation, nothing kept. All
 * randomness is an argument, to be fresh and wiped by the caller. Time and memory access do not
 * depend on secrets, except that a key whose g has no inverse (3^-19 of all) is given up
 * and says so. What lay on the stack is wiped.
 */
#ifndef CRYPTO_SNTRUP761_H
#define CRYPTO_SNTRUP761_H

#include "base/bytes.h"

enum {
	SNTRUP761_PUBLIC = 1158,
	SNTRUP761_SECRET = 1763,
	SNTRUP761_CIPHERTEXT = 1039,
	SNTRUP761_SHARED = 32,
	SNTRUP761_SHORT_RANDOM = 761 * 4,                   /* little-endian words */
	SNTRUP761_SMALL_BYTES = 191,
	SNTRUP761_KEYPAIR_RANDOM = 2 * SNTRUP761_SHORT_RANDOM + SNTRUP761_SMALL_BYTES,   /* for g, f, rho */
	SNTRUP761_ENCAPS_RANDOM = SNTRUP761_SHORT_RANDOM,
};

/* False if these random bytes give no key: try again with fresh ones. */
bool sntrup761_keypair(uint8_t pk[SNTRUP761_PUBLIC], uint8_t sk[SNTRUP761_SECRET],
	const uint8_t random[SNTRUP761_KEYPAIR_RANDOM]) MUST_CHECK;

/* Any pk of the right size is taken: there is no invalid one. */
void sntrup761_encaps(uint8_t ct[SNTRUP761_CIPHERTEXT], uint8_t shared[SNTRUP761_SHARED],
	const uint8_t pk[SNTRUP761_PUBLIC], const uint8_t random[SNTRUP761_ENCAPS_RANDOM]);

/* Implicit rejection: a bad ciphertext gives a secret that only looks random, in the same time. */
void sntrup761_decaps(uint8_t shared[SNTRUP761_SHARED], const uint8_t ct[SNTRUP761_CIPHERTEXT],
	const uint8_t sk[SNTRUP761_SECRET]);

#endif
