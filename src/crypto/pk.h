/* Public-key primitives: Ed25519, ECDSA over the NIST curves, RSA, ML-DSA-44 with Ed25519. No SSH names or blobs here
 * (key/ has those), but the signature bodies are SSH's: 64 bytes for Ed25519 (RFC 8709), mpint r
 * and mpint s for ECDSA (RFC 5656, 3.1.2), the bare number for RSA (RFC 8332).
 *
 * Private parts live in libcrypto's secure or ordinary heap and are wiped by pk_free.
 * Rules: Ed25519 S must be below the group order, A and R canonical, A not of small order
 * (pk_ed25519.c says more); an own RSA signature is verified before it leaves; RSA public
 * exponents are odd, > 1 and below 2^256, moduli have 1024 to 16384 bits.
 */
#ifndef CRYPTO_PK_H
#define CRYPTO_PK_H

#include "base/err.h"
#include "crypto/hash.h"

enum { PK_RSA_BITS_MIN = 1024, PK_RSA_BITS_MAX = 16384 };
enum pk_kind { PK_NONE, PK_ED25519, PK_P256, PK_P384, PK_P521, PK_RSA, PK_MLDSA44_ED25519 };

/* Success is one constant and everything else failure, so that no return convention can be misread. */
enum verdict { VERDICT_REFUSED = 0, VERDICT_VERIFIED = 0x5a17c0de };

struct pk;
struct pk_parts {                                           /* magnitudes; what a kind lacks is empty */
	struct slice pub;                                   /* Ed25519: 32 bytes; EC: uncompressed point; composite: both keys */
	struct slice priv;                                  /* Ed25519: seed of 32 bytes; EC: scalar; composite: both seeds */
	struct slice n, e, d, p, q, iqmp;                   /* RSA */
};

struct pk *pk_generate(enum pk_kind, unsigned bits, struct err *);            /* bits: RSA only */
struct pk *pk_from_parts(enum pk_kind, const struct pk_parts *, struct err *);/* public only where priv and d are empty; a private part that does not fit the public one is refused */
/* Appends the parts to `store` (secret, max of 16 KiB or more) and lets the slices point there. */
void pk_parts(const struct pk *, struct buf *store, struct pk_parts *);
struct pk *pk_copy(const struct pk *);                     /* shares by reference count */
void pk_free(struct pk *);

enum pk_kind pk_kind(const struct pk *);
unsigned pk_bits(const struct pk *);
bool pk_has_private(const struct pk *);

/* hash: SHA-2 of the algorithm for RSA and ECDSA; NULL for Ed25519 and the composite. */
bool pk_sign(const struct pk *, const struct hash_alg *, struct slice data, struct buf *sig, struct err *) MUST_CHECK;
enum verdict pk_verify(const struct pk *, const struct hash_alg *, struct slice data, struct slice sig) MUST_CHECK;

/* PEM and PKCS#8 texts, encrypted or not. Errors: ERR_PASSPHRASE where one is missing (pass.p == NULL) or wrong. */
/* The public key of an X.509 certificate (DER); nothing of it is checked. */
struct pk *pk_from_x509(struct slice der, struct err *);
struct pk *pk_from_pem(struct slice text, struct slice pass, struct err *);
enum pk_pem { PK_PEM, PK_PKCS8, PK_PKCS8_PUBLIC, PK_PEM_PUBLIC };
bool pk_to_pem(const struct pk *, enum pk_pem, struct slice pass, struct buf *text, struct err *) MUST_CHECK;

#endif
