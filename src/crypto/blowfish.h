/* Blowfish's state and its key schedules, as bcrypt uses them (Schneier 1993; Provos and Mazieres 1999).
 * Nothing here is for protecting packets. Table look-ups depend on the key, as in every Blowfish. */
#ifndef CRYPTO_BLOWFISH_H
#define CRYPTO_BLOWFISH_H

#include "base/bytes.h"

struct blowfish { uint32_t p[18], s[4][256]; };

extern const struct blowfish blowfish_start;               /* the digits of pi */

/* key and salt: 64 bytes each, taken cyclically as big-endian words. */
enum { BLOWFISH_KEY = 64 };
void blowfish_expand(struct blowfish *, const uint8_t key[BLOWFISH_KEY], const uint8_t salt[BLOWFISH_KEY]);
void blowfish_expand_key(struct blowfish *, const uint8_t key[BLOWFISH_KEY]);
void blowfish_encrypt(const struct blowfish *, uint32_t half[2]);

#endif
