/* MACs over sequence number and packet. HMAC takes the number as 4 bytes before the packet (RFC 4253,
 * 6.4); UMAC takes it as a nonce of 8 bytes (PROTOCOL 1.4 of OpenSSH, RFC 4418). */
#include <assert.h>
#include <nettle/umac.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/box_impl.h"
#include "crypto/evp.h"

struct mac {
	const struct mac_alg *alg;
	EVP_MAC_CTX *hmac;
	struct umac64_ctx *umac64;
	struct umac128_ctx *umac128;
};

static EVP_MAC_CTX *hmac_new(const struct mac_alg *alg, const uint8_t *key)
{
	char name[16];
	snprintf(name, sizeof name, "%s", alg->hash->name);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(crypto_mac("HMAC"));
	crypto_must(ctx && EVP_MAC_init(ctx, key, alg->key_len, params) == 1, alg->name);
	return ctx;
}

struct mac *mac_new(const struct mac_alg *alg, const uint8_t *key)
{
	struct mac *m = mem_new(sizeof *m);
	m->alg = alg;
	if (alg->hash)
		m->hmac = hmac_new(alg, key);
	else if (alg->tag_len == UMAC64_DIGEST_SIZE)
		umac64_set_key(m->umac64 = mem_new(sizeof *m->umac64), key);
	else
		umac128_set_key(m->umac128 = mem_new(sizeof *m->umac128), key);
	return m;
}

void mac_free(struct mac *m)
{
	if (m == NULL)
		return;
	EVP_MAC_CTX_free(m->hmac);
	mem_free_secret(m->umac64, sizeof *m->umac64);
	mem_free_secret(m->umac128, sizeof *m->umac128);
	mem_free(m);
}

/* Without a key, init goes back to the state behind the key's block. */
static void hmac_tag(struct mac *m, const uint8_t seq[4], const uint8_t *p, size_t n, uint8_t *tag)
{
	uint8_t full[HASH_MAX];
	size_t len;
	crypto_must(EVP_MAC_init(m->hmac, NULL, 0, NULL) == 1 && EVP_MAC_update(m->hmac, seq, 4) == 1 &&
	            EVP_MAC_update(m->hmac, p, n) == 1 && EVP_MAC_final(m->hmac, full, &len, sizeof full) == 1, m->alg->name);
	memcpy(tag, full, m->alg->tag_len);
}

void mac_tag(struct mac *m, uint32_t seq, const uint8_t *p, size_t n, uint8_t *tag)
{
	uint8_t number[8];
	store_u64(number, seq);
	if (m->hmac) {
		hmac_tag(m, number + 4, p, n, tag);
	} else if (m->umac64) {
		umac64_set_nonce(m->umac64, sizeof number, number);
		umac64_update(m->umac64, n, p);
		umac64_digest(m->umac64, m->alg->tag_len, tag);
	} else {
		umac128_set_nonce(m->umac128, sizeof number, number);
		umac128_update(m->umac128, n, p);
		umac128_digest(m->umac128, m->alg->tag_len, tag);
	}
}

bool mac_right(struct mac *m, uint32_t seq, const uint8_t *p, size_t n, const uint8_t *tag)
{
	uint8_t want[HASH_MAX];
	mac_tag(m, seq, p, n, want);
	return CRYPTO_memcmp(want, tag, m->alg->tag_len) == 0;
}
