/* chacha20-poly1305@openssh.com: PROTOCOL.chacha20poly1305 of OpenSSH. The first half of the key
 * enciphers the packet, the second half the length. The nonce is the sequence number; block 0 of
 * the first half's stream is the Poly1305 key, the text begins with block 1. The tag covers the
 * enciphered length too. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/box_impl.h"
#include "crypto/evp.h"

struct chacha { struct box box; EVP_CIPHER_CTX *text, *length; EVP_MAC_CTX *poly; };

static EVP_CIPHER_CTX *cipher(const uint8_t *key)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	crypto_must(ctx && EVP_EncryptInit_ex2(ctx, crypto_cipher("ChaCha20"), key, NULL, NULL) == 1, "ChaCha20");
	return ctx;
}

static void init(struct box *b, const struct box_setup *s)
{
	struct chacha *c = (struct chacha *)b;
	b->length_clear = true;                         /* enciphered, but not part of what is padded */
	c->text = cipher(s->key);
	c->length = cipher(s->key + 32);
	c->poly = EVP_MAC_CTX_new(crypto_mac("POLY1305"));
	crypto_must(c->poly != NULL, "Poly1305");
}

static void clear(struct box *b)
{
	struct chacha *c = (struct chacha *)b;
	EVP_CIPHER_CTX_free(c->text);
	EVP_CIPHER_CTX_free(c->length);
	EVP_MAC_CTX_free(c->poly);
}

/* libcrypto's IV is the block counter, least significant byte first, and behind it the nonce. */
static void start(EVP_CIPHER_CTX *ctx, uint32_t seq)
{
	uint8_t iv[16] = {0};
	store_u32(iv + 12, seq);
	crypto_must(EVP_EncryptInit_ex2(ctx, NULL, NULL, iv, NULL) == 1, "ChaCha20");
}

static void stream(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t n)
{
	int done;
	crypto_must(EVP_EncryptUpdate(ctx, out, &done, in, (int)n) == 1, "ChaCha20");
}

static void poly(struct chacha *c, const uint8_t key[32], const uint8_t *p, size_t n, uint8_t tag[16])
{
	if (poly1305_fast(key, p, n, tag))
		return;
	size_t len;
	crypto_must(EVP_MAC_init(c->poly, key, 32, NULL) == 1 && EVP_MAC_update(c->poly, p, n) == 1 &&
	            EVP_MAC_final(c->poly, tag, &len, 16) == 1, "Poly1305");
}

static uint32_t length(struct box *b, uint32_t seq, uint8_t *p)
{
	struct chacha *c = (struct chacha *)b;
	uint8_t clear_text[4];
	start(c->length, seq);
	stream(c->length, clear_text, p, sizeof clear_text);
	return load_u32(clear_text);
}

static bool open(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	struct chacha *c = (struct chacha *)b;
	static const uint8_t zero[64];
	uint8_t block[64], tag[16];
	start(c->text, seq);
	stream(c->text, block, zero, sizeof block);
	poly(c, block, p, n, tag);
	mem_wipe(block, sizeof block);
	if (CRYPTO_memcmp(tag, p + n, sizeof tag) != 0)
		return false;
	stream(c->text, p + 4, p + 4, n - 4);
	return true;
}

static void seal(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	struct chacha *c = (struct chacha *)b;
	static const uint8_t zero[64];
	uint8_t block[64];
	start(c->length, seq);
	stream(c->length, p, p, 4);
	start(c->text, seq);
	stream(c->text, block, zero, sizeof block);
	stream(c->text, p + 4, p + 4, n - 4);
	poly(c, block, p, n, p + n);
	mem_wipe(block, sizeof block);
}

const struct box_family box_chacha = {sizeof(struct chacha), init, length, open, seal, clear};
