/* aes128-gcm@openssh.com and aes256-gcm@openssh.com: RFC 5647, with the MAC implied by the cipher.
 * The length is authenticated but clear. The nonce is 4 fixed bytes and a counter of 8 that starts
 * with the derived IV and rises by one a packet (RFC 5647, 7.1). */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/box_impl.h"
#include "crypto/evp.h"

struct gcm {
	struct box box;
	uint8_t iv[12];
	struct gcm_fast *fast;                              /* or the library's */
	EVP_CIPHER_CTX *ctx;
};

static void init(struct box *b, const struct box_setup *s)
{
	struct gcm *g = (struct gcm *)b;
	b->length_clear = true;
	memcpy(g->iv, s->iv, sizeof g->iv);
	if (gcm_fast_size() > 0) {
		g->fast = crypto_aligned(gcm_fast_size());
		gcm_fast_init(g->fast, s->key, s->alg->key_len);
		return;
	}
	g->ctx = EVP_CIPHER_CTX_new();
	crypto_must(g->ctx && EVP_CipherInit_ex2(g->ctx, crypto_cipher(s->alg->cipher), s->key, NULL, s->seal, NULL) == 1, s->alg->name);
}

static void clear(struct box *b)
{
	struct gcm *g = (struct gcm *)b;
	EVP_CIPHER_CTX_free(g->ctx);
	mem_free_secret(g->fast, gcm_fast_size());
}

static void next_iv(struct gcm *g)
{
	for (size_t i = sizeof g->iv; i-- > 4;)
		if (++g->iv[i] != 0)
			return;
}

/* What sealing and opening share: nonce, the length as associated data, the text. */
static bool run(struct gcm *g, uint8_t *p, size_t n)
{
	int done;
	return EVP_CipherInit_ex2(g->ctx, NULL, NULL, g->iv, -1, NULL) == 1 &&
	       EVP_CipherUpdate(g->ctx, NULL, &done, p, 4) == 1 && EVP_CipherUpdate(g->ctx, p + 4, &done, p + 4, (int)(n - 4)) == 1;
}

static bool open(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	struct gcm *g = (struct gcm *)b;
	uint8_t tag[16];
	int done;
	bool ok;
	(void)seq;
	if (g->fast) {
		gcm_fast_open(g->fast, g->iv, p, n, tag);
		ok = CRYPTO_memcmp(tag, p + n, sizeof tag) == 0;
	} else {
		crypto_must(run(g, p, n) && EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_SET_TAG, 16, p + n) == 1, "AES-GCM");
		ok = EVP_CipherFinal_ex(g->ctx, tag, &done) == 1;
	}
	next_iv(g);
	return ok;
}

static void seal(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	struct gcm *g = (struct gcm *)b;
	uint8_t none[16];
	int done;
	(void)seq;
	if (g->fast)
		gcm_fast_seal(g->fast, g->iv, p, n);
	else
		crypto_must(run(g, p, n) && EVP_CipherFinal_ex(g->ctx, none, &done) == 1 &&
		            EVP_CIPHER_CTX_ctrl(g->ctx, EVP_CTRL_AEAD_GET_TAG, 16, p + n) == 1, "AES-GCM");
	next_iv(g);
}

const struct box_family box_gcm = {sizeof(struct gcm), init, box_length_plain, open, seal, clear};
