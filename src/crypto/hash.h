/* Hashes, HMAC and randomness. libcrypto does the work; rows of algorithms are const.
 *
 * Nothing here can fail but for lack of memory, which ends the process. Not for threads.
 */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include "base/bytes.h"

enum { HASH_MAX = 64 };

struct hash_alg { const char *name; size_t len, block; };  /* lengths in bytes */
extern const struct hash_alg hash_md5, hash_sha1, hash_sha256, hash_sha384, hash_sha512;
const struct hash_alg *hash_find(struct slice name);       /* "sha256"; NULL if there is none */

struct hash;
struct hash *hash_new(const struct hash_alg *);
struct hash *hash_copy(const struct hash *);               /* a second one that goes on from the same state */
void hash_add(struct hash *, struct slice);
void hash_end(struct hash *, uint8_t out[]);               /* len bytes; the hash can only be freed then */
void hash_free(struct hash *);                             /* wipes; NULL is fine */
void hash_once(const struct hash_alg *, struct slice data, uint8_t out[]);
void hmac_once(const struct hash_alg *, struct slice key, struct slice data, uint8_t out[]);

void random_bytes(void *p, size_t n);                      /* libcrypto's generator; ends the process if it fails */
uint32_t random_below(uint32_t limit);                     /* uniform in [0, limit) */

/* Everything here and in the other headers fetches what it needs when it is first used, and never reads openssl.cnf: a client
 * has nothing to call. A process that will be jailed or forked from calls crypto_start() once before: it fetches every
 * algorithm, seeds the generator, and nothing opens a file or maps code later. So does, first of
 * all, a process into which others' code is loaded that may use libcrypto too (PAM modules). */
void crypto_start(void);
/* Private numbers of keys made from now on lie in pages that are locked and left out of core dumps, as far as the system allows.
 * Once in a process that handles private keys, behind its last fork: a child does not inherit the locks. */
void crypto_lock_keys(void);
const char *crypto_version(void);                          /* of libcrypto, for -V */

#endif
