#include "crypto/filecipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/evp.h"

enum { TEXT_MAX = 1 << 24 };

static const struct filecipher ciphers[] = {
	{"aes256-ctr", 32, 16, 16, 0, "AES-256-CTR"},
	{"aes192-ctr", 24, 16, 16, 0, "AES-192-CTR"},
	{"aes128-ctr", 16, 16, 16, 0, "AES-128-CTR"},
	{"aes256-gcm@openssh.com", 32, 12, 16, 16, "AES-256-GCM"},
	{"aes128-gcm@openssh.com", 16, 12, 16, 16, "AES-128-GCM"},
	{"chacha20-poly1305@openssh.com", 64, 0, 8, 16, "ChaCha20"},
	{"aes256-cbc", 32, 16, 16, 0, "AES-256-CBC"},
	{"aes192-cbc", 24, 16, 16, 0, "AES-192-CBC"},
	{"aes128-cbc", 16, 16, 16, 0, "AES-128-CBC"},
	{"3des-cbc", 24, 8, 8, 0, "DES-EDE3-CBC"},
};

const struct filecipher *filecipher_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		if (slice_eq_str(name, ciphers[i].name))
			return crypto_cipher(ciphers[i].cipher) ? &ciphers[i] : NULL;
	return NULL;
}

static EVP_CIPHER_CTX *start(const struct filecipher *c, const uint8_t *key, const uint8_t *iv, bool seal)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	crypto_must(ctx && EVP_CipherInit_ex2(ctx, crypto_cipher(c->cipher), key, iv, seal, NULL) == 1 &&
	            EVP_CIPHER_CTX_set_padding(ctx, 0) == 1, c->name);
	return ctx;
}

static void update(EVP_CIPHER_CTX *ctx, uint8_t *to, const uint8_t *from, size_t n)
{
	int done;
	crypto_must(EVP_CipherUpdate(ctx, to, &done, from, (int)n) == 1 && (size_t)done == n, "cipher of a key file");
}

/* CTR and CBC have no tag, GCM has its own. */
static bool run_aes(const struct filecipher *c, const uint8_t *key_iv, struct slice in, uint8_t *out, uint8_t tag[16], bool seal)
{
	uint8_t none[16];
	int done;
	EVP_CIPHER_CTX *ctx = start(c, key_iv, key_iv + c->key_len, seal);
	bool ok = seal || c->auth_len == 0 || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1;
	update(ctx, out, in.p, in.n);
	if (c->auth_len > 0)
		ok = ok && EVP_CipherFinal_ex(ctx, none, &done) == 1;
	if (c->auth_len > 0 && seal)
		crypto_must(ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1, c->name);
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/* As a packet with number 0 that has no length (PROTOCOL.chacha20poly1305 of OpenSSH): the first half of the key alone. */
static bool run_chacha(const struct filecipher *c, const uint8_t *key, struct slice in, uint8_t *out, uint8_t tag[16], bool seal)
{
	static const uint8_t zero[64];
	uint8_t block[64], made[16];
	size_t len;
	EVP_CIPHER_CTX *ctx = start(c, key, zero, true);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(crypto_mac("POLY1305"));
	update(ctx, block, zero, sizeof block);
	update(ctx, out, in.p, in.n);
	crypto_must(mac && EVP_MAC_init(mac, block, 32, NULL) == 1 && EVP_MAC_update(mac, seal ? out : in.p, in.n) == 1 &&
	            EVP_MAC_final(mac, made, &len, sizeof made) == 1, c->name);
	EVP_MAC_CTX_free(mac);
	EVP_CIPHER_CTX_free(ctx);
	mem_wipe(block, sizeof block);
	if (seal)
		memcpy(tag, made, sizeof made);
	return CRYPTO_memcmp(made, tag, sizeof made) == 0;
}

static bool run(const struct filecipher *c, const uint8_t *key_iv, struct slice in, uint8_t *out, uint8_t tag[16], bool seal)
{
	return (c->iv_len ? run_aes : run_chacha)(c, key_iv, in, out, tag, seal);
}

static bool size_fits(const struct filecipher *c, struct slice text)
{
	return text.n > 0 && text.n <= TEXT_MAX && text.n % c->block == 0;
}

bool filecipher_seal(const struct filecipher *c, const uint8_t *key_iv, struct slice plain, struct buf *out)
{
	uint8_t tag[16];
	if (!size_fits(c, plain))
		return false;
	struct room room = buf_room(out, plain.n + c->auth_len);
	if (room.n < plain.n + c->auth_len)
		return false;
	crypto_must(run(c, key_iv, plain, room.p, tag, true), c->name);
	memcpy(room.p + plain.n, tag, c->auth_len);
	buf_add(out, plain.n + c->auth_len);
	return true;
}

bool filecipher_open(const struct filecipher *c, const uint8_t *key_iv, struct slice sealed, struct slice tag, struct buf *out)
{
	uint8_t want[16] = {0};
	if (!size_fits(c, sealed) || tag.n != c->auth_len)
		return false;
	struct room room = buf_room(out, sealed.n);
	if (room.n < sealed.n)
		return false;
	if (tag.n > 0)
		memcpy(want, tag.p, tag.n);
	if (!run(c, key_iv, sealed, room.p, want, false)) {
		mem_wipe(room.p, sealed.n);             /* what nobody vouched for */
		return false;
	}
	buf_add(out, sealed.n);
	return true;
}
