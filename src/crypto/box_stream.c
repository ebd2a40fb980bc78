/* The ciphers without a tag, with a MAC of their own: CTR (RFC 4344) and CBC (RFC 4253, 6.3), in
 * both orders. Encrypt-and-MAC: the MAC covers the clear packet, and the length is inside the first
 * block. Encrypt-then-MAC (the -etm names, PROTOCOL 1.5 of OpenSSH): the length is clear and the
 * MAC covers what is on the wire. */
#include <assert.h>
#include <openssl/evp.h>
#include "base/mem.h"
#include "crypto/box_impl.h"
#include "crypto/evp.h"

struct stream { struct box box; EVP_CIPHER_CTX *ctx; struct mac *mac; };

static void init(struct box *b, const struct box_setup *s)
{
	struct stream *c = (struct stream *)b;
	b->length_clear = s->mac->etm;
	b->first = s->mac->etm ? 4 : b->block;
	b->tag = s->mac->tag_len;
	c->mac = mac_new(s->mac, s->mac_key);
	c->ctx = EVP_CIPHER_CTX_new();
	crypto_must(c->ctx && EVP_CipherInit_ex2(c->ctx, crypto_cipher(s->alg->cipher), s->key, s->iv, s->seal, NULL) == 1 &&
	            EVP_CIPHER_CTX_set_padding(c->ctx, 0) == 1, s->alg->name);
}

static void clear(struct box *b)
{
	struct stream *c = (struct stream *)b;
	EVP_CIPHER_CTX_free(c->ctx);
	mac_free(c->mac);
}

static void crypt(struct stream *c, uint8_t *p, size_t n)
{
	int done;
	crypto_must(EVP_CipherUpdate(c->ctx, p, &done, p, (int)n) == 1 && (size_t)done == n, "cipher");
}

static uint32_t length(struct box *b, uint32_t seq, uint8_t *p)
{
	(void)seq;
	if (!b->length_clear)
		crypt((struct stream *)b, p, b->block);
	return load_u32(p);
}

static bool open(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	struct stream *c = (struct stream *)b;
	if (b->length_clear) {
		if (!mac_right(c->mac, seq, p, n, p + n))
			return false;
		crypt(c, p + 4, n - 4);
		return true;
	}
	if (n > b->block)                               /* box_length() has done the first block */
		crypt(c, p + b->block, n - b->block);
	return mac_right(c->mac, seq, p, n, p + n);
}

static void seal(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	struct stream *c = (struct stream *)b;
	if (!b->length_clear)
		mac_tag(c->mac, seq, p, n, p + n);
	size_t from = b->length_clear ? 4 : 0;
	crypt(c, p + from, n - from);
	if (b->length_clear)
		mac_tag(c->mac, seq, p, n, p + n);
}

const struct box_family box_stream = {sizeof(struct stream), init, length, open, seal, clear};
