#include "key/key.h"

#include "base/text.h"

static void put_upper(struct buf *b, const char *s)
{
	for (; *s; s++)
		put_u8(b, (uint8_t)(*s >= 'a' && *s <= 'z' ? *s - 32 : *s));
}

void key_fingerprint(struct slice blob, const struct hash_alg *hash, struct buf *text)
{
	uint8_t digest[HASH_MAX];
	hash_once(hash, blob, digest);
	put_upper(text, hash->name);
	if (hash == &hash_md5) {
		for (size_t i = 0; i < hash->len; i++)
			put_fmt(text, ":%02x", digest[i]);
		return;
	}
	put_u8(text, ':');
	put_base64(text, slice_of(digest, hash->len));
	while (text->len && text->p[text->len - 1] == '=')
		buf_truncate(text, text->len - 1);
}
