/* Inside of the key exchanges: what a family provides to kem.c, and the curves that two families
 * share. Nobody outside crypto/ includes this. */
#ifndef CRYPTO_KEM_IMPL_H
#define CRYPTO_KEM_IMPL_H

#include <openssl/evp.h>

#include "crypto/kem.h"

enum { POINT_MAX = 133, SECRET_MAX = 66 };                 /* those of P-521 */

/* A family's own struct begins with struct kem; kem.c allocates `size` zeroed bytes for it and wipes them after clear(). */
struct kem { const struct kem_alg *alg; };
struct kem_ops {
	size_t size;
	bool (*start)(struct kem *, const struct kem_group *, struct buf *init);
	bool (*finish)(struct kem *, struct slice reply, struct buf *shared);
	bool (*reply)(const struct kem_alg *, const struct kem_group *, struct slice init, struct buf *reply, struct buf *shared);
	void (*clear)(struct kem *);
};
extern const struct kem_ops kem_ecdh, kem_dh, kem_hybrid;

enum kem_curve { CURVE_X25519, CURVE_P256, CURVE_P384, CURVE_P521 };
size_t curve_public_len(enum kem_curve);
EVP_PKEY *curve_generate(enum kem_curve);
void curve_public(enum kem_curve, EVP_PKEY *, uint8_t out[POINT_MAX]);
/* The bare secret of curve-dependent but fixed length; 0 if the peer's value is none (wrong length, off the curve, low order). */
size_t curve_secret(enum kem_curve, EVP_PKEY *own, struct slice peer, uint8_t out[SECRET_MAX]);

enum kem_dh { DH_1 = 1, DH_14 = 14, DH_16 = 16, DH_18 = 18, DH_EXCHANGE = 0 };    /* numbers of RFC 2409, RFC 3526 */
enum kem_hybrid { MLKEM_X25519, MLKEM_P256, SNTRUP_X25519 };

/* The post-quantum halves, over fixed-size arrays. */
struct pq {
	size_t public_len, secret_len, ciphertext_len, shared_len;
	void (*keypair)(uint8_t *pk, uint8_t *sk);
	bool (*encaps)(uint8_t *ct, uint8_t *shared, const uint8_t *pk);
	bool (*decaps)(uint8_t *shared, const uint8_t *ct, const uint8_t *sk);
};
enum { PQ_SECRET_MAX = 2400 };
extern const struct pq pq_mlkem768, pq_sntrup761;

#endif
