/* bcrypt_pbkdf, OpenBSD's password hash for keys: the kdf "bcrypt" of openssh-key-v1 files.
 *
 * Not the bcrypt of password databases: PBKDF2's outer form, bcrypt with 64 expensive key
 * schedules inside, output bytes interleaved. About 3 ms a round for 48 bytes; the time depends
 * on rounds and n only, the memory accesses on the secret, as Blowfish's do.
 */
#ifndef CRYPTO_BCRYPT_PBKDF_H
#define CRYPTO_BCRYPT_PBKDF_H

#include "base/bytes.h"

enum { BCRYPT_PBKDF_ROUNDS_MAX = 1024, BCRYPT_PBKDF_OUT_MAX = 512 };

/* False, and out untouched, where pass or salt is empty or salt longer than 1 MiB, rounds is not 1 to 1024 or n not 1 to 512. */
bool bcrypt_pbkdf(struct slice pass, struct slice salt, uint32_t rounds, uint8_t *out, size_t n) MUST_CHECK;

#endif
