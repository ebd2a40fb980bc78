/* What the files of crypto/ share to speak to libcrypto. Nobody else includes this.
 *
 * Algorithms are fetched when they are first used and kept for the life of the process, so a
 * short-lived client pays only for what it needs. openssl.cnf is never read and no exit handler is
 * registered: the process ends without tidying up libcrypto.
 */
#ifndef CRYPTO_EVP_H
#define CRYPTO_EVP_H

#include <openssl/evp.h>

#include "crypto/hash.h"

void crypto_ready(void);                                   /* before any other call into libcrypto; the first one counts */
void crypto_ready_for_all(void);                           /* the same, fit for foreign code in this process */
const EVP_MD *crypto_md(const struct hash_alg *);          /* NULL: the library refuses it (FIPS, legacy) */
EVP_CIPHER *crypto_cipher(const char *name);               /* as crypto_md */
EVP_MAC *crypto_mac(const char *name);
bool crypto_restricted(void);                              /* FIPS rules: names may be known and yet refused */
void *crypto_aligned(size_t n);                            /* zeroed, on a cache line; freed with mem_free */
/* A call that can only fail for lack of memory or through our own fault. */
void crypto_must(bool ok, const char *what);

#endif
