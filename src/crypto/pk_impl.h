/* Inside of the public keys: what a family provides to pk.c. Nobody outside crypto/ includes this. */
#ifndef CRYPTO_PK_IMPL_H
#define CRYPTO_PK_IMPL_H

#include <openssl/evp.h>

#include "crypto/pk.h"

struct pk_mldsa;
struct pk { enum pk_kind kind; const struct pk_ops *ops; EVP_PKEY *key; bool has_private; unsigned refs; struct pk_mldsa *mldsa; };

/* Parts are appended to one buf, which may move while it grows: so first places, slices at the end. */
enum { PART_PUB, PART_PRIV, PART_N, PART_E, PART_D, PART_P, PART_Q, PART_IQMP, PART_COUNT };
struct pk_store { struct buf *buf; struct { size_t at, n; } part[PART_COUNT]; };
/* Reserves n bytes for a part, which the caller fills. */
uint8_t *pk_store_part(struct pk_store *, int part, size_t n);

struct pk_ops {
	EVP_PKEY *(*make)(enum pk_kind, const struct pk_parts *, struct err *);   /* NULL: err says why */
	bool (*has_private)(EVP_PKEY *);
	void (*parts)(const struct pk *, struct pk_store *);
	bool (*sign)(const struct pk *, const struct hash_alg *, struct slice data, struct buf *sig);
	bool (*verify)(const struct pk *, const struct hash_alg *, struct slice data, struct slice sig);
};
extern const struct pk_ops pk_ed25519, pk_ec, pk_rsa, pk_mldsa;
/* The half of a composite key that libcrypto does not have; the other half is pk.key. */
struct pk_mldsa *pk_mldsa_new(const struct pk_parts *);
void pk_mldsa_free(struct pk_mldsa *);
struct pk *pk_mldsa_generate(struct err *);

const char *pk_curve(enum pk_kind);                        /* libcrypto's name; NULL: no curve */
struct pk *pk_take(enum pk_kind, EVP_PKEY *, bool has_private);    /* consumes the EVP_PKEY */
EVP_PKEY *pk_make_key(const char *type, int selection, OSSL_PARAM *params);       /* NULL: libcrypto refuses the parts */
/* One-shot EVP signature; the md of Ed25519 is NULL. */
bool pk_evp_sign(EVP_PKEY *, const struct hash_alg *, struct slice data, uint8_t *sig, size_t *n);
bool pk_evp_verify(EVP_PKEY *, const struct hash_alg *, struct slice data, struct slice sig);

#endif
