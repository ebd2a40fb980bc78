/* ECDH: curve25519-sha256 (RFC 8731) and the NIST curves (RFC 5656, 4). */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/kem_impl.h"

static const struct { const char *type, *group; size_t public_len, secret_len; } curves[] = {
	[CURVE_X25519] = {"X25519", NULL, 32, 32},
	[CURVE_P256] = {"EC", "P-256", 65, 32},
	[CURVE_P384] = {"EC", "P-384", 97, 48},
	[CURVE_P521] = {"EC", "P-521", 133, 66},
};

size_t curve_public_len(enum kem_curve curve)
{
	return curves[curve].public_len;
}

EVP_PKEY *curve_generate(enum kem_curve curve)
{
	crypto_ready();
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, curves[curve].type, curves[curve].group);
	crypto_must(key != NULL, "generate a key for ECDH");
	return key;
}

void curve_public(enum kem_curve curve, EVP_PKEY *key, uint8_t out[POINT_MAX])
{
	size_t n = 0;
	int ok = EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, out, POINT_MAX, &n);
	crypto_must(ok == 1 && n == curves[curve].public_len, "public value of ECDH");
}

/* Points come uncompressed (RFC 5656, 4: compression is optional, and nobody does it). libcrypto checks that they are on the curve. */
static EVP_PKEY *peer_key(enum kem_curve curve, EVP_PKEY *own, struct slice peer)
{
	if (peer.n != curves[curve].public_len || (curve != CURVE_X25519 && peer.p[0] != 4))
		return NULL;
	if (curve == CURVE_X25519)
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer.p, peer.n);
	EVP_PKEY *key = EVP_PKEY_new();
	crypto_must(key && EVP_PKEY_copy_parameters(key, own) == 1, "ECDH");
	if (EVP_PKEY_set1_encoded_public_key(key, peer.p, peer.n) == 1)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

size_t curve_secret(enum kem_curve curve, EVP_PKEY *own, struct slice peer, uint8_t out[SECRET_MAX])
{
	static const uint8_t zero[32];
	size_t n = SECRET_MAX, want = curves[curve].secret_len;
	EVP_PKEY *key = peer_key(curve, own, peer);
	if (key == NULL)
		return 0;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	crypto_must(ctx && EVP_PKEY_derive_init(ctx) == 1, "ECDH");
	bool ok = EVP_PKEY_derive_set_peer(ctx, key) == 1 && EVP_PKEY_derive(ctx, out, &n) == 1 && n == want;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	/* RFC 8731, 3: the all-zero secret of a low-order point ends the exchange. On the NIST curves zero is a point like others. */
	if (curve == CURVE_X25519 && CRYPTO_memcmp(out, zero, sizeof zero) == 0)
		return 0;
	return ok ? want : 0;
}

struct ecdh { struct kem kem; EVP_PKEY *key; };

static bool secret_as_mpint(enum kem_curve curve, EVP_PKEY *own, struct slice peer, struct buf *shared)
{
	uint8_t secret[SECRET_MAX];
	size_t n = curve_secret(curve, own, peer, secret);
	if (n > 0)
		put_mpint(shared, slice_of(secret, n));
	mem_wipe(secret, sizeof secret);
	return n > 0 && !shared->bad;
}

static void put_public(enum kem_curve curve, EVP_PKEY *key, struct buf *out)
{
	uint8_t point[POINT_MAX];
	curve_public(curve, key, point);
	put_bytes(out, slice_of(point, curves[curve].public_len));
}

static bool start(struct kem *k, const struct kem_group *group, struct buf *init)
{
	struct ecdh *e = (struct ecdh *)k;
	(void)group;
	e->key = curve_generate((enum kem_curve)k->alg->param);
	put_public((enum kem_curve)k->alg->param, e->key, init);
	return !init->bad;
}

static bool finish(struct kem *k, struct slice reply, struct buf *shared)
{
	return secret_as_mpint((enum kem_curve)k->alg->param, ((struct ecdh *)k)->key, reply, shared);
}

static bool answer(const struct kem_alg *alg, const struct kem_group *group, struct slice init, struct buf *reply, struct buf *shared)
{
	enum kem_curve curve = (enum kem_curve)alg->param;
	(void)group;
	if (init.n != curves[curve].public_len)
		return false;
	EVP_PKEY *key = curve_generate(curve);
	bool ok = secret_as_mpint(curve, key, init, shared);
	if (ok)
		put_public(curve, key, reply);
	EVP_PKEY_free(key);
	return ok && !reply->bad;
}

static void clear(struct kem *k)
{
	EVP_PKEY_free(((struct ecdh *)k)->key);
}

const struct kem_ops kem_ecdh = {sizeof(struct ecdh), start, finish, answer, clear};
