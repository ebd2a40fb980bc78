#include "crypto/pk.h"

#include <assert.h>
#include <openssl/err.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/pk_impl.h"

static const struct family { const char *type, *curve; unsigned bits; const struct pk_ops *ops; } families[] = {
	[PK_ED25519] = {"ED25519", NULL, 256, &pk_ed25519},
	[PK_P256] = {"EC", "P-256", 256, &pk_ec},
	[PK_P384] = {"EC", "P-384", 384, &pk_ec},
	[PK_P521] = {"EC", "P-521", 521, &pk_ec},
	[PK_RSA] = {"RSA", NULL, 0, &pk_rsa},
	[PK_MLDSA44_ED25519] = {NULL, NULL, 256, &pk_mldsa},
};

const char *pk_curve(enum pk_kind kind)
{
	return families[kind].curve;
}

struct pk *pk_take(enum pk_kind kind, EVP_PKEY *key, bool has_private)
{
	struct pk *pk = mem_new(sizeof *pk);
	*pk = (struct pk){kind, families[kind].ops, key, has_private, 1, NULL};
	return pk;
}

struct pk *pk_generate(enum pk_kind kind, unsigned bits, struct err *err)
{
	const struct family *f = &families[kind];
	EVP_PKEY *key;
	assert(kind != PK_NONE);
	crypto_ready();
	if (kind == PK_RSA && (bits < PK_RSA_BITS_MIN || bits > PK_RSA_BITS_MAX)) {
		err_set(err, ERR_LIMIT, "an RSA key has %d to %d bits, not %u", PK_RSA_BITS_MIN, PK_RSA_BITS_MAX, bits);
		return NULL;
	}
	if (kind == PK_MLDSA44_ED25519)
		return pk_mldsa_generate(err);
	if (kind == PK_RSA)
		key = EVP_PKEY_Q_keygen(NULL, NULL, f->type, (size_t)bits);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, f->type, f->curve);
	crypto_must(key != NULL, "generate a key");
	return pk_take(kind, key, true);
}

struct pk *pk_from_parts(enum pk_kind kind, const struct pk_parts *parts, struct err *err)
{
	assert(kind != PK_NONE);
	crypto_ready();
	ERR_set_mark();                                 /* what libcrypto notes about a bad key is no error of later calls */
	EVP_PKEY *key = families[kind].ops->make(kind, parts, err);
	ERR_pop_to_mark();
	struct pk *pk = key ? pk_take(kind, key, parts->priv.n > 0 || parts->d.n > 0) : NULL;
	if (pk && kind == PK_MLDSA44_ED25519)
		pk->mldsa = pk_mldsa_new(parts);
	return pk;
}

uint8_t *pk_store_part(struct pk_store *s, int part, size_t n)
{
	struct room room = buf_room(s->buf, n);
	crypto_must(room.n >= n, "room for the parts of a key");
	s->part[part].at = s->buf->len;
	s->part[part].n = n;
	buf_add(s->buf, n);
	return room.p;
}

void pk_parts(const struct pk *pk, struct buf *store, struct pk_parts *parts)
{
	struct slice *const to[] = {
		[PART_PUB] = &parts->pub, [PART_PRIV] = &parts->priv, [PART_N] = &parts->n, [PART_E] = &parts->e,
		[PART_D] = &parts->d, [PART_P] = &parts->p, [PART_Q] = &parts->q, [PART_IQMP] = &parts->iqmp,
	};
	struct pk_store s = {.buf = store};
	pk->ops->parts(pk, &s);
	for (int i = 0; i < PART_COUNT; i++)
		*to[i] = s.part[i].n ? slice_of(store->p + s.part[i].at, s.part[i].n) : (struct slice){NULL, 0};
}

struct pk *pk_copy(const struct pk *pk)
{
	struct pk *same = (struct pk *)(uintptr_t)pk;   /* only the count changes */
	same->refs++;
	return same;
}

void pk_free(struct pk *pk)
{
	if (pk == NULL || --pk->refs > 0)
		return;
	EVP_PKEY_free(pk->key);
	pk_mldsa_free(pk->mldsa);
	mem_free(pk);
}

enum pk_kind pk_kind(const struct pk *pk)
{
	return pk->kind;
}

unsigned pk_bits(const struct pk *pk)
{
	return pk->kind == PK_RSA ? (unsigned)EVP_PKEY_get_bits(pk->key) : families[pk->kind].bits;
}

bool pk_has_private(const struct pk *pk)
{
	return pk->has_private;
}

bool pk_sign(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct buf *sig, struct err *err)
{
	assert((hash == NULL) == (pk->kind == PK_ED25519 || pk->kind == PK_MLDSA44_ED25519));
	if (!pk->has_private)
		return err_set(err, ERR_MISSING, "there is no private key to sign with");
	if (pk->ops->sign(pk, hash, data, sig))
		return true;
	return err_set(err, ERR_SYSTEM, "the key made no valid signature: it, or this machine, is damaged");
}

enum verdict pk_verify(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct slice sig)
{
	assert((hash == NULL) == (pk->kind == PK_ED25519 || pk->kind == PK_MLDSA44_ED25519));
	ERR_set_mark();
	bool ok = pk->ops->verify(pk, hash, data, sig);
	ERR_pop_to_mark();
	return ok ? VERDICT_VERIFIED : VERDICT_REFUSED;
}

EVP_PKEY *pk_make_key(const char *type, int selection, OSSL_PARAM *params)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	crypto_must(ctx && EVP_PKEY_fromdata_init(ctx) == 1, type);
	if (EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

bool pk_evp_sign(EVP_PKEY *key, const struct hash_alg *hash, struct slice data, uint8_t *sig, size_t *n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestSignInit_ex(ctx, NULL, hash ? hash->name : NULL, NULL, NULL, key, NULL) == 1 &&
	          EVP_DigestSign(ctx, sig, n, data.p, data.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool pk_evp_verify(EVP_PKEY *key, const struct hash_alg *hash, struct slice data, struct slice sig)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx && EVP_DigestVerifyInit_ex(ctx, NULL, hash ? hash->name : NULL, NULL, NULL, key, NULL) == 1 &&
	          EVP_DigestVerify(ctx, sig.p, sig.n, data.p, data.n) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}
