#include "crypto/bcrypt_pbkdf.h"

#include <string.h>
#include "base/mem.h"
#include "crypto/blowfish.h"
#include "crypto/hash.h"

enum { BLOCK = 32, DIGEST = 64, SALT_MAX = 1 << 20, LANES = BLOWFISH_LANES };

/* Two bcrypts with cost 6 over digests of password and salts; their words come out little-endian. */
static void bcrypt_hash(uint8_t out[LANES][BLOCK], const uint8_t pass[DIGEST], uint8_t salt[LANES][DIGEST])
{
	static const uint8_t text[] = "OxychromaticBlowfishSwatDynamite";
	struct blowfish state[LANES] = {blowfish_start, blowfish_start};
	const uint8_t *const keys[LANES] = {pass, pass}, *const salts[LANES] = {salt[0], salt[1]};
	blowfish_expand(state, keys, salts);
	for (unsigned i = 0; i < 64; i++) {
		blowfish_expand_key(state, salts);
		blowfish_expand_key(state, keys);
	}
	for (unsigned i = 0; i < BLOCK; i += 8) {
		struct blowfish_block start = {load_u32(text + i), load_u32(text + i + 4)}, block[LANES] = {start, start};
		for (unsigned j = 0; j < 64; j++)
			blowfish_encrypt(state, block);
		for (unsigned lane = 0; lane < LANES; lane++)
			for (unsigned j = 0; j < 4; j++) {
				out[lane][i + j] = (uint8_t)(block[lane].left >> 8 * j);
				out[lane][i + 4 + j] = (uint8_t)(block[lane].right >> 8 * j);
			}
	}
	mem_wipe(state, sizeof(state));
}

/* The salt that starts the block of that number. */
static void first_salt(uint8_t out[DIGEST], struct slice salt, uint32_t number)
{
	uint8_t count[4];
	struct hash *h = hash_new(&hash_sha512);
	store_u32(count, number);
	hash_add(h, salt);
	hash_add(h, slice_of(count, sizeof(count)));
	hash_end(h, out);
	hash_free(h);
}

/* The blocks of that number and the next: rounds bcrypts, each salted with the one before, added up. */
static void two_blocks(uint8_t out[LANES][BLOCK], const uint8_t pass[DIGEST], struct slice salt, uint32_t number, uint32_t rounds)
{
	uint8_t digest[LANES][DIGEST], last[LANES][BLOCK];
	for (uint32_t lane = 0; lane < LANES; lane++)
		first_salt(digest[lane], salt, number + lane);
	bcrypt_hash(last, pass, digest);
	memcpy(out, last, sizeof(last));
	for (uint32_t i = 1; i < rounds; i++) {
		for (unsigned lane = 0; lane < LANES; lane++)
			hash_once(&hash_sha512, slice_of(last[lane], BLOCK), digest[lane]);
		bcrypt_hash(last, pass, digest);
		for (unsigned j = 0; j < LANES * BLOCK; j++)
			out[j / BLOCK][j % BLOCK] ^= last[j / BLOCK][j % BLOCK];
	}
	mem_wipe(digest, sizeof(digest));
	mem_wipe(last, sizeof(last));
}

bool bcrypt_pbkdf(struct slice pass, struct slice salt, uint32_t rounds, uint8_t *out, size_t n)
{
	if (!pass.n || !salt.n || salt.n > SALT_MAX || !rounds || rounds > BCRYPT_PBKDF_ROUNDS_MAX || !n || n > BCRYPT_PBKDF_OUT_MAX)
		return false;
	uint8_t digest[DIGEST], block[LANES][BLOCK];
	size_t blocks = (n + BLOCK - 1) / BLOCK;
	hash_once(&hash_sha512, pass, digest);
	/* Block i gives bytes i, i + blocks, i + 2 blocks ...: whoever wants one part of the key must pay for all. */
	for (size_t i = 0; i < blocks; i++) {
		if (i % LANES == 0)
			two_blocks(block, digest, salt, (uint32_t)i + 1, rounds);
		for (size_t j = 0; i + j * blocks < n; j++)
			out[i + j * blocks] = block[i % LANES][j];
	}
	mem_wipe(digest, sizeof(digest));
	mem_wipe(block, sizeof(block));
	return true;
}
