#include "agent/shield.h"

#include "base/mem.h"
#include "crypto/filecipher.h"
#include "key/openssh_key.h"

enum { PREKEY = 16 << 10, SEALED_MAX = 64 << 10 };

struct shield { uint8_t *prekey; const struct filecipher *cipher; };

struct shield *shield_new(void)
{
	struct shield *s = mem_new(sizeof *s);
	s->prekey = secret_new(PREKEY);
	s->cipher = filecipher_find(SLICE_LIT("aes256-ctr"));
	random_bytes(s->prekey, PREKEY);
	return s;
}

void shield_free(struct shield *s)
{
	if (s)
		secret_free(s->prekey, PREKEY);
	mem_free(s);
}

/* A nonce is used once, so that key and initial counter are too. */
static void derive(const struct shield *s, const uint8_t nonce[16], uint8_t key_iv[HASH_MAX])
{
	struct hash *h = hash_new(&hash_sha512);
	hash_add(h, slice_of(s->prekey, PREKEY));
	hash_add(h, slice_of(nonce, 16));
	hash_end(h, key_iv);
	hash_free(h);
}

bool shield_close(const struct shield *s, const struct key *k, struct shielded *out)
{
	struct buf plain = BUF_INIT_SECRET(SEALED_MAX);
	uint8_t key_iv[HASH_MAX];
	out->sealed = BUF_INIT_SECRET(SEALED_MAX);
	random_bytes(out->nonce, sizeof out->nonce);
	key_put_private(k, &plain);
	while (!plain.bad && plain.len % s->cipher->block)
		put_u8(&plain, 0);
	derive(s, out->nonce, key_iv);
	bool ok = !plain.bad && filecipher_seal(s->cipher, key_iv, buf_slice(&plain), &out->sealed);
	mem_wipe(key_iv, sizeof key_iv);
	buf_clear(&plain);
	return ok;
}

struct key *shield_open(const struct shield *s, const struct shielded *in, struct err *err)
{
	struct buf plain = BUF_INIT_SECRET(SEALED_MAX);
	uint8_t key_iv[HASH_MAX];
	struct key *k = NULL;
	derive(s, in->nonce, key_iv);
	if (filecipher_open(s->cipher, key_iv, buf_slice(&in->sealed), slice_of(NULL, 0), &plain)) {
		struct reader r = reader_of(buf_slice(&plain));
		k = key_get_private(&r, err);
	} else {
		err_set(err, ERR_SYSTEM, "the key cannot be decrypted");
	}
	mem_wipe(key_iv, sizeof key_iv);
	buf_clear(&plain);
	return k;
}

void shielded_clear(struct shielded *s)
{
	buf_clear(&s->sealed);
}
