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

void key_bubblebabble(struct slice blob, struct buf *text)
{
	static const char vowels[] = "aeiouy", consonants[] = "bcdfghklmnprstvzx";
	uint8_t d[HASH_MAX];
	unsigned sum = 1;
	size_t pairs = hash_sha1.len / 2;
	hash_once(&hash_sha1, blob, d);
	put_u8(text, 'x');
	for (size_t i = 0; i < pairs; i++) {
		unsigned a = d[2 * i], b = d[2 * i + 1];
		const uint8_t word[6] = {
			(uint8_t)vowels[((a >> 6) + sum) % 6], (uint8_t)consonants[a >> 2 & 15], (uint8_t)vowels[((a & 3) + sum / 6) % 6],
			(uint8_t)consonants[b >> 4], '-', (uint8_t)consonants[b & 15],
		};
		put_bytes(text, slice_of(word, sizeof word));
		sum = (sum * 5 + a * 7 + b) % 36;
	}
	const uint8_t end[4] = {(uint8_t)vowels[sum % 6], 'x', (uint8_t)vowels[sum / 6], 'x'};
	put_bytes(text, slice_of(end, sizeof end));
}
