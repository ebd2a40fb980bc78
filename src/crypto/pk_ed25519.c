/* Ed25519 (RFC 8032, RFC 8709). Implementations differ in the odd cases; ours:
 *
 *   S must be below the group order (RFC 8032, 5.1.7), A and R must be canonical encodings
 *   (5.1.3), A must not be of small order (one such key verifies signatures over many texts), and
 *   the equation is the one without cofactor: R is compared byte by byte.
 *
 * Honest signers meet none of these, and everything that we take is taken by OpenSSH too. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/pk_impl.h"

enum { KEY_LEN = 32, SIG_LEN = 64 };

/* Little-endian: p = 2^255 - 19; the order of the base point, RFC 8032, 5.1. */
static const uint8_t field[32] = {
	0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
};
static const uint8_t order[32] = {
	0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
};
/* y of the points whose order divides 8: order 4; 1; 2; and the two of order 8. */
static const uint8_t small[5][32] = {
	{0},
	{1},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
	 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
	 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* Public values only: nothing here need take constant time. */
static bool below(const uint8_t *v, const uint8_t *limit)
{
	for (size_t i = 32; i-- > 0;)
		if (v[i] != limit[i])
			return v[i] < limit[i];
	return false;
}

static void y_of(const uint8_t *point, uint8_t y[32])
{
	memcpy(y, point, 32);
	y[31] &= 0x7f;
}

static bool canonical(const uint8_t *point)
{
	uint8_t y[32];
	y_of(point, y);
	if (!below(y, field))
		return false;
	/* x is 0 for y = 1 and y = -1, and zero has no sign. */
	return !(point[31] & 0x80) || (memcmp(y, small[1], 32) != 0 && memcmp(y, small[2], 32) != 0);
}

static bool small_order(const uint8_t *point)
{
	uint8_t y[32];
	y_of(point, y);
	for (size_t i = 0; i < ARRAY_LEN(small); i++)
		if (memcmp(y, small[i], 32) == 0)
			return true;
	return false;
}

static EVP_PKEY *make(enum pk_kind kind, const struct pk_parts *p, struct err *err)
{
	(void)kind;
	if (p->pub.n != KEY_LEN || (p->priv.n != 0 && p->priv.n != KEY_LEN)) {
		err_set(err, ERR_FORMAT, "an Ed25519 key has %d bytes", KEY_LEN);
		return NULL;
	}
	if (!canonical(p->pub.p) || small_order(p->pub.p)) {
		err_set(err, ERR_FORMAT, "the Ed25519 public key is no point that a key can have");
		return NULL;
	}
	if (p->priv.n == 0) {
		EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, p->pub.p, KEY_LEN);
		crypto_must(key != NULL, "Ed25519");
		return key;
	}
	uint8_t pub[KEY_LEN];
	size_t n = sizeof pub;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, p->priv.p, KEY_LEN);
	crypto_must(key && EVP_PKEY_get_raw_public_key(key, pub, &n) == 1, "Ed25519");
	if (memcmp(pub, p->pub.p, sizeof pub) == 0)
		return key;
	EVP_PKEY_free(key);
	err_set(err, ERR_FORMAT, "private and public part of the Ed25519 key do not belong together");
	return NULL;
}

static bool has_private(EVP_PKEY *key)
{
	uint8_t priv[KEY_LEN];
	size_t n = sizeof priv;
	bool ok = EVP_PKEY_get_raw_private_key(key, priv, &n) == 1;
	mem_wipe(priv, sizeof priv);
	return ok;
}

static void parts(const struct pk *pk, struct pk_store *s)
{
	size_t n = KEY_LEN;
	crypto_must(EVP_PKEY_get_raw_public_key(pk->key, pk_store_part(s, PART_PUB, KEY_LEN), &n) == 1, "Ed25519");
	if (pk->has_private)
		crypto_must(EVP_PKEY_get_raw_private_key(pk->key, pk_store_part(s, PART_PRIV, KEY_LEN), &n) == 1, "Ed25519");
}

static bool sign(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct buf *sig)
{
	uint8_t out[SIG_LEN];
	size_t n = sizeof out;
	if (!pk_evp_sign(pk->key, hash, data, out, &n) || n != SIG_LEN)
		return false;
	put_bytes(sig, slice_of(out, n));
	return !sig->bad;
}

static bool verify(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct slice sig)
{
	return sig.n == SIG_LEN && below(sig.p + 32, order) && canonical(sig.p) && pk_evp_verify(pk->key, hash, data, sig);
}

const struct pk_ops pk_ed25519 = {make, has_private, parts, sign, verify};
