/* Blowfish's state and its key schedules, as bcrypt uses them (Schneier 1993; Provos and Mazieres 1999).
 *
 * Always two states in step: each encryption waits for the one before, so that a second one beside it costs little.
 * Nothing here is for protecting packets. Table look-ups depend on the key, as in every Blowfish. */
#ifndef CRYPTO_BLOWFISH_H
#define CRYPTO_BLOWFISH_H

#include "base/bytes.h"

enum { BLOWFISH_LANES = 2, BLOWFISH_KEY = 64 };            /* keys and salts: 64 bytes, taken cyclically as big-endian words */

struct blowfish { uint32_t p[18], s[4][256]; };
struct blowfish_block { uint32_t left, right; };

extern const struct blowfish blowfish_start;               /* the digits of pi */

void blowfish_expand(struct blowfish[BLOWFISH_LANES], const uint8_t *const key[BLOWFISH_LANES],
	const uint8_t *const salt[BLOWFISH_LANES]);
void blowfish_expand_key(struct blowfish[BLOWFISH_LANES], const uint8_t *const key[BLOWFISH_LANES]);
void blowfish_encrypt(const struct blowfish[BLOWFISH_LANES], struct blowfish_block[BLOWFISH_LANES]);

#endif
