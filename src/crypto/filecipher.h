/* Ciphers over a whole text, for key files: the names of openssh-key-v1 (aes256-ctr by default).
 *
 * key holds key_len + iv_len bytes as bcrypt_pbkdf gave them. With auth_len > 0 (GCM, chacha) the
 * tag of auth_len bytes stands behind the text.
 */
#ifndef CRYPTO_FILECIPHER_H
#define CRYPTO_FILECIPHER_H

#include "base/bytes.h"

struct filecipher {
	const char *name;
	uint16_t key_len, iv_len, block, auth_len;
	const char *cipher;                                 /* for crypto/ only */
};
const struct filecipher *filecipher_find(struct slice name);    /* NULL: unknown; "none" is unknown too */
/* The text must be a multiple of block. Both append to out; false leaves its contents as they were. */
bool filecipher_seal(const struct filecipher *, const uint8_t *key_iv, struct slice plain, struct buf *out) MUST_CHECK;    /* adds the tag */
bool filecipher_open(const struct filecipher *, const uint8_t *key_iv, struct slice sealed, struct slice tag, struct buf *out) MUST_CHECK;

#endif
