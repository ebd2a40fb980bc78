#include "crypto/hash.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include "base/mem.h"
#include "crypto/evp.h"

const struct hash_alg hash_md5 = {"md5", 16, 64};
const struct hash_alg hash_sha1 = {"sha1", 20, 64};
const struct hash_alg hash_sha256 = {"sha256", 32, 64};
const struct hash_alg hash_sha384 = {"sha384", 48, 128};
const struct hash_alg hash_sha512 = {"sha512", 64, 128};

static const struct hash_alg *const all[] = {&hash_md5, &hash_sha1, &hash_sha256, &hash_sha384, &hash_sha512};

struct hash { const struct hash_alg *alg; EVP_MD_CTX *ctx; };

const struct hash_alg *hash_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (slice_eq_str(name, all[i]->name))
			return crypto_md(all[i]) ? all[i] : NULL;
	return NULL;
}

struct hash *hash_new(const struct hash_alg *alg)
{
	struct hash *h = mem_new(sizeof *h);
	h->alg = alg;
	h->ctx = EVP_MD_CTX_new();
	crypto_must(h->ctx && EVP_DigestInit_ex2(h->ctx, crypto_md(alg), NULL) == 1, alg->name);
	return h;
}

struct hash *hash_copy(const struct hash *from)
{
	struct hash *h = mem_new(sizeof *h);
	h->alg = from->alg;
	h->ctx = EVP_MD_CTX_new();
	crypto_must(h->ctx && EVP_MD_CTX_copy_ex(h->ctx, from->ctx) == 1, "copy of a hash");
	return h;
}

void hash_add(struct hash *h, struct slice s)
{
	crypto_must(s.n == 0 || EVP_DigestUpdate(h->ctx, s.p, s.n) == 1, h->alg->name);
}

void hash_end(struct hash *h, uint8_t out[])
{
	crypto_must(EVP_DigestFinal_ex(h->ctx, out, NULL) == 1, h->alg->name);
}

void hash_free(struct hash *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	mem_free(h);
}

void hash_once(const struct hash_alg *alg, struct slice data, uint8_t out[])
{
	crypto_must(EVP_Digest(data.p, data.n, out, NULL, crypto_md(alg), NULL) == 1, alg->name);
}

void hmac_once(const struct hash_alg *alg, struct slice key, struct slice data, uint8_t out[])
{
	static const uint8_t none;
	char name[16];
	assert(crypto_md(alg));
	snprintf(name, sizeof name, "%s", alg->name);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(crypto_mac("HMAC"));
	bool ok = ctx && EVP_MAC_init(ctx, key.n ? key.p : &none, key.n, params) == 1;
	ok = ok && (data.n == 0 || EVP_MAC_update(ctx, data.p, data.n) == 1);
	crypto_must(ok && EVP_MAC_final(ctx, out, NULL, alg->len) == 1, "hmac");
	EVP_MAC_CTX_free(ctx);
}

void random_bytes(void *p, size_t n)
{
	crypto_ready();
	crypto_must(RAND_bytes_ex(NULL, p, n, 0) == 1, "random bytes");
}

/* Values at the upper end that would favour the small remainders are thrown away. */
uint32_t random_below(uint32_t limit)
{
	assert(limit > 0);
	uint32_t whole = UINT32_MAX - UINT32_MAX % limit, v;
	do
		random_bytes(&v, sizeof v);
	while (v >= whole);
	return v % limit;
}
