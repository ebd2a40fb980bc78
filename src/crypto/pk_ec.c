/* ECDSA over the NIST curves (RFC 5656). Nonces are libcrypto's, drawn from the key, the digest and
 * fresh randomness together. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/pk_impl.h"

enum { FIELD_MAX = 66, DER_MAX = 2 * (FIELD_MAX + 3) + 3 };

static size_t field_len(enum pk_kind kind)
{
	return kind == PK_P256 ? 32 : kind == PK_P384 ? 48 : FIELD_MAX;
}

static bool shape_is_right(enum pk_kind kind, const struct pk_parts *p)
{
	size_t n = field_len(kind);
	return p->pub.n == 1 + 2 * n && p->pub.p[0] == 4 && p->priv.n <= n;
}

static EVP_PKEY *make(enum pk_kind kind, const struct pk_parts *p, struct err *err)
{
	EVP_PKEY *key = NULL;
	int selection = p->priv.n ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
	if (shape_is_right(kind, p)) {
		BIGNUM *d = p->priv.n ? BN_bin2bn(p->priv.p, (int)p->priv.n, BN_secure_new()) : NULL;
		OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
		bool ok = b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, pk_curve(kind), 0) == 1 &&
		          OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, p->pub.p, p->pub.n) == 1 &&
		          (d == NULL || OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1);
		OSSL_PARAM *params = ok ? OSSL_PARAM_BLD_to_param(b) : NULL;
		crypto_must(params != NULL, "parts of an EC key");
		key = pk_make_key("EC", selection, params);
		OSSL_PARAM_free(params);
		OSSL_PARAM_BLD_free(b);
		BN_clear_free(d);
	}
	if (key == NULL)
		err_set(err, ERR_FORMAT, "the key is no point of curve %s", pk_curve(kind));
	if (key == NULL || p->priv.n == 0)
		return key;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	crypto_must(ctx != NULL, "EC");
	bool ok = EVP_PKEY_private_check(ctx) == 1 && EVP_PKEY_pairwise_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	if (ok)
		return key;
	EVP_PKEY_free(key);
	err_set(err, ERR_FORMAT, "private and public part of the ECDSA key do not belong together");
	return NULL;
}

static bool has_private(EVP_PKEY *key)
{
	BIGNUM *d = NULL;
	bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1;
	BN_clear_free(d);
	return ok;
}

static void write_number(const struct pk *pk, const char *name, uint8_t *to, size_t n)
{
	BIGNUM *v = NULL;
	if (EVP_PKEY_get_bn_param(pk->key, name, &v) != 1 || BN_bn2binpad(v, to, (int)n) != (int)n)
		memset(to, 0, n);                       /* a crafted PEM text: what is made of these parts will be refused */
	BN_clear_free(v);
}

static void parts(const struct pk *pk, struct pk_store *s)
{
	size_t n = field_len(pk->kind);
	uint8_t *point = pk_store_part(s, PART_PUB, 1 + 2 * n);
	point[0] = 4;
	write_number(pk, OSSL_PKEY_PARAM_EC_PUB_X, point + 1, n);
	write_number(pk, OSSL_PKEY_PARAM_EC_PUB_Y, point + 1 + n, n);
	if (pk->has_private)
		write_number(pk, OSSL_PKEY_PARAM_PRIV_KEY, pk_store_part(s, PART_PRIV, n), n);
}

static void put_number(struct buf *out, const BIGNUM *v)
{
	uint8_t bytes[FIELD_MAX];
	put_mpint(out, slice_of(bytes, (size_t)BN_bn2bin(v, bytes)));
}

static bool sign(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct buf *sig)
{
	uint8_t der[DER_MAX];
	size_t n = sizeof der;
	if (!pk_evp_sign(pk->key, hash, data, der, &n))
		return false;
	const uint8_t *p = der;
	ECDSA_SIG *rs = d2i_ECDSA_SIG(NULL, &p, (long)n);
	crypto_must(rs != NULL, "ECDSA");
	put_number(sig, ECDSA_SIG_get0_r(rs));
	put_number(sig, ECDSA_SIG_get0_s(rs));
	ECDSA_SIG_free(rs);
	return !sig->bad;
}

/* libcrypto checks that both numbers are within [1, order). */
static bool verify(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct slice sig)
{
	struct reader in = reader_of(sig);
	struct slice r = get_mpint(&in), s = get_mpint(&in);
	if (!get_end(&in) || r.n == 0 || s.n == 0 || r.n > FIELD_MAX || s.n > FIELD_MAX)
		return false;
	uint8_t der[DER_MAX], *p = der;
	ECDSA_SIG *rs = ECDSA_SIG_new();
	BIGNUM *a = BN_bin2bn(r.p, (int)r.n, NULL), *b = BN_bin2bn(s.p, (int)s.n, NULL);
	crypto_must(rs && a && b && ECDSA_SIG_set0(rs, a, b) == 1, "ECDSA");
	int n = i2d_ECDSA_SIG(rs, &p);
	crypto_must(n > 0 && n <= DER_MAX, "ECDSA");
	ECDSA_SIG_free(rs);
	return pk_evp_verify(pk->key, hash, data, slice_of(der, (size_t)n));
}

const struct pk_ops pk_ec = {make, has_private, parts, sign, verify};
