#include "crypto/bcrypt_pbkdf.h"

#include <string.h>
#include "base/mem.h"
#include "crypto/blowfish.h"
#include "crypto/hash.h"

enum { BLOCK = 32, DIGEST = 64, SALT_MAX = 1 << 20 };

/* One bcrypt with cost 6 over digests of password and salt; its words come out little-endian. */
static void bcrypt_hash(uint8_t out[BLOCK], const uint8_t pass[DIGEST], const uint8_t salt[DIGEST])
{
	static const uint8_t text[] = "OxychromaticBlowfishSwatDynamite";
	struct blowfish state = blowfish_start;
	blowfish_expand(&state, pass, salt);
	for (unsigned i = 0; i < 64; i++) {
		blowfish_expand_key(&state, salt);
		blowfish_expand_key(&state, pass);
	}
	for (unsigned i = 0; i < BLOCK; i += 8) {
		uint32_t half[2] = {load_u32(text + i), load_u32(text + i + 4)};
		for (unsigned j = 0; j < 64; j++)
			blowfish_encrypt(&state, half);
		for (unsigned j = 0; j < 8; j++)
			out[i + j] = (uint8_t)(half[j / 4] >> 8 * (j % 4));
	}
	mem_wipe(&state, sizeof(state));
}

/* The block of that number: rounds bcrypts, each salted with the one before, added up. */
static void one_block(uint8_t out[BLOCK], const uint8_t pass[DIGEST], struct slice salt, uint32_t number, uint32_t rounds)
{
	uint8_t digest[DIGEST], last[BLOCK], count[4];
	struct hash *h = hash_new(&hash_sha512);
	store_u32(count, number);
	hash_add(h, salt);
	hash_add(h, slice_of(count, sizeof(count)));
	hash_end(h, digest);
	hash_free(h);
	bcrypt_hash(last, pass, digest);
	memcpy(out, last, BLOCK);
	for (uint32_t i = 1; i < rounds; i++) {
		hash_once(&hash_sha512, slice_of(last, BLOCK), digest);
		bcrypt_hash(last, pass, digest);
		for (unsigned j = 0; j < BLOCK; j++)
			out[j] ^= last[j];
	}
	mem_wipe(digest, sizeof(digest));
	mem_wipe(last, sizeof(last));
}

bool bcrypt_pbkdf(struct slice pass, struct slice salt, uint32_t rounds, uint8_t *out, size_t n)
{
	if (!pass.n || !salt.n || salt.n > SALT_MAX || !rounds || rounds > BCRYPT_PBKDF_ROUNDS_MAX || !n || n > BCRYPT_PBKDF_OUT_MAX)
		return false;
	uint8_t digest[DIGEST], block[BLOCK];
	size_t blocks = (n + BLOCK - 1) / BLOCK;
	hash_once(&hash_sha512, pass, digest);
	/* Block i gives bytes i, i + blocks, i + 2 blocks ...: whoever wants one part of the key must pay for all. */
	for (size_t i = 0; i < blocks; i++) {
		one_block(block, digest, salt, (uint32_t)i + 1, rounds);
		for (size_t j = 0; i + j * blocks < n; j++)
			out[i + j * blocks] = block[j];
	}
	mem_wipe(digest, sizeof(digest));
	mem_wipe(block, sizeof(block));
	return true;
}
