/* RSA with PKCS#1 v1.5 (RFC 8017, 8.2; RFC 8332). */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/pk_impl.h"

enum { BYTES_MAX = PK_RSA_BITS_MAX / 8, EXPONENT_BITS_MAX = 256 };    /* FIPS 186-5, A.1.1: e < 2^256 */

/* All numbers of a private key; dp and dq are not in SSH's formats. */
struct numbers { BIGNUM *n, *e, *d, *p, *q, *iqmp, *dp, *dq; };

static BIGNUM *number(struct slice magnitude)
{
	BIGNUM *v = BN_secure_new();
	crypto_must(v != NULL, "RSA");
	if (magnitude.n > 0 && magnitude.n <= BYTES_MAX + 1)
		crypto_must(BN_bin2bn(magnitude.p, (int)magnitude.n, v) != NULL, "RSA");
	BN_set_flags(v, BN_FLG_CONSTTIME);
	return v;
}

static void numbers_clear(struct numbers *k)
{
	BIGNUM *const all[] = {k->n, k->e, k->d, k->p, k->q, k->iqmp, k->dp, k->dq};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		BN_clear_free(all[i]);
}

static bool public_is_right(const BIGNUM *n, const BIGNUM *e, struct err *err)
{
	int bits = BN_num_bits(n);
	if (bits < PK_RSA_BITS_MIN || bits > PK_RSA_BITS_MAX)
		return err_set(err, ERR_LIMIT, "RSA keys of %d bits are refused: %d to %d are taken", bits, PK_RSA_BITS_MIN, PK_RSA_BITS_MAX);
	if (!BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > EXPONENT_BITS_MAX)
		return err_set(err, ERR_FORMAT, "the RSA public key is malformed");
	return true;
}

/* r = a * b mod (m - 1) is one? */
static bool inverse_below(const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, BN_CTX *ctx)
{
	BIGNUM *top = BN_dup(m), *r = BN_secure_new();
	crypto_must(top && r && BN_sub_word(top, 1) == 1, "RSA");
	bool ok = !BN_is_zero(top) && BN_mod_mul(r, a, b, top, ctx) == 1 && BN_is_one(r);
	BN_clear_free(top);
	BN_clear_free(r);
	return ok;
}

/* n = pq, ed = 1 mod (p - 1) and (q - 1), iqmp * q = 1 mod p. Without this a crafted file makes us sign with a key that leaks. */
static bool private_fits(const struct numbers *k, BN_CTX *ctx)
{
	if (!BN_is_odd(k->p) || !BN_is_odd(k->q) || BN_is_one(k->p) || BN_is_one(k->q))
		return false;
	BIGNUM *r = BN_secure_new();
	crypto_must(r != NULL, "RSA");
	bool ok = BN_mul(r, k->p, k->q, ctx) == 1 && BN_cmp(r, k->n) == 0 && inverse_below(k->e, k->d, k->p, ctx) &&
	          inverse_below(k->e, k->d, k->q, ctx) && BN_mod_mul(r, k->iqmp, k->q, k->p, ctx) == 1 && BN_is_one(r);
	BN_clear_free(r);
	return ok;
}

static BIGNUM *reduced(const BIGNUM *d, const BIGNUM *prime, BN_CTX *ctx)
{
	BIGNUM *top = BN_dup(prime), *r = BN_secure_new();
	crypto_must(top && r && BN_sub_word(top, 1) == 1, "RSA");
	BN_set_flags(top, BN_FLG_CONSTTIME);
	crypto_must(BN_mod(r, d, top, ctx) == 1, "RSA");
	BN_clear_free(top);
	return r;
}

static EVP_PKEY *build(const struct numbers *k, bool private)
{
	const struct { const char *name; const BIGNUM *value; } all[] = {
		{OSSL_PKEY_PARAM_RSA_N, k->n}, {OSSL_PKEY_PARAM_RSA_E, k->e}, {OSSL_PKEY_PARAM_RSA_D, k->d},
		{OSSL_PKEY_PARAM_RSA_FACTOR1, k->p}, {OSSL_PKEY_PARAM_RSA_FACTOR2, k->q},
		{OSSL_PKEY_PARAM_RSA_EXPONENT1, k->dp}, {OSSL_PKEY_PARAM_RSA_EXPONENT2, k->dq},
		{OSSL_PKEY_PARAM_RSA_COEFFICIENT1, k->iqmp},
	};
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	bool ok = b != NULL;
	for (size_t i = 0; ok && i < (private ? ARRAY_LEN(all) : 2); i++)
		ok = OSSL_PARAM_BLD_push_BN(b, all[i].name, all[i].value) == 1;
	OSSL_PARAM *params = ok ? OSSL_PARAM_BLD_to_param(b) : NULL;
	crypto_must(params != NULL, "parts of an RSA key");
	EVP_PKEY *key = pk_make_key("RSA", private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	return key;
}

static EVP_PKEY *make(enum pk_kind kind, const struct pk_parts *p, struct err *err)
{
	bool private = p->d.n > 0;
	EVP_PKEY *key = NULL;
	(void)kind;
	if (p->n.n > BYTES_MAX || p->d.n > BYTES_MAX) {
		err_set(err, ERR_LIMIT, "RSA keys of more than %d bits are refused", PK_RSA_BITS_MAX);
		return NULL;
	}
	struct numbers k = {number(p->n), number(p->e), number(p->d), number(p->p), number(p->q), number(p->iqmp), NULL, NULL};
	BN_CTX *ctx = BN_CTX_secure_new();
	crypto_must(ctx != NULL, "RSA");
	bool ok = public_is_right(k.n, k.e, err);
	if (ok && private) {
		ok = private_fits(&k, ctx) || err_set(err, ERR_FORMAT, "private and public part of the RSA key do not belong together");
		if (ok)
			k.dp = reduced(k.d, k.p, ctx), k.dq = reduced(k.d, k.q, ctx);
	}
	if (ok && (key = build(&k, private)) == NULL)
		err_set(err, ERR_FORMAT, "the RSA key is malformed");
	numbers_clear(&k);
	BN_CTX_free(ctx);
	return key;
}

static bool has_private(EVP_PKEY *key)
{
	BIGNUM *d = NULL;
	bool ok = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &d) == 1;
	BN_clear_free(d);
	return ok;
}

static void parts(const struct pk *pk, struct pk_store *s)
{
	static const struct { const char *name; int part; } all[] = {
		{OSSL_PKEY_PARAM_RSA_N, PART_N}, {OSSL_PKEY_PARAM_RSA_E, PART_E}, {OSSL_PKEY_PARAM_RSA_D, PART_D},
		{OSSL_PKEY_PARAM_RSA_FACTOR1, PART_P}, {OSSL_PKEY_PARAM_RSA_FACTOR2, PART_Q},
		{OSSL_PKEY_PARAM_RSA_COEFFICIENT1, PART_IQMP},
	};
	for (size_t i = 0; i < (pk->has_private ? ARRAY_LEN(all) : 2); i++) {
		BIGNUM *v = NULL;
		if (EVP_PKEY_get_bn_param(pk->key, all[i].name, &v) != 1)
			continue;                       /* a PEM text without primes: what is made of these parts will be refused */
		BN_bn2bin(v, pk_store_part(s, all[i].part, (size_t)BN_num_bytes(v)));
		BN_clear_free(v);
	}
}

/* One wrong bit in a signature made with the Chinese remainder theorem gives the key away, so it is looked at before it leaves. */
static bool sign(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct buf *sig)
{
	uint8_t out[BYTES_MAX];
	size_t n = sizeof out;
	if (!pk_evp_sign(pk->key, hash, data, out, &n) || !pk_evp_verify(pk->key, hash, data, slice_of(out, n)))
		return false;
	put_bytes(sig, slice_of(out, n));
	return !sig->bad;
}

/* RFC 8332, 3 wants as many bytes as the modulus has; some signers drop leading zeros, and OpenSSH gives them back. */
static bool verify(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct slice sig)
{
	uint8_t whole[BYTES_MAX] = {0};
	size_t n = (size_t)EVP_PKEY_get_size(pk->key);
	if (sig.n == 0 || sig.n > n || n > sizeof whole)
		return false;
	memcpy(whole + n - sig.n, sig.p, sig.n);
	return pk_evp_verify(pk->key, hash, data, slice_of(whole, n));
}

const struct pk_ops pk_rsa = {make, has_private, parts, sign, verify};
