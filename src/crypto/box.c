#include "crypto/box.h"

#include <assert.h>
#include <stdlib.h>
#include "base/mem.h"
#include "crypto/box_impl.h"
#include "crypto/evp.h"

#define LARGE (UINT64_C(1) << 32)                       /* RFC 4344, 3.2, for blocks of 16 bytes */
#define SMALL (UINT64_C(1) << 27)                       /* 1 GiB in blocks of 8 */

static const struct box_alg boxes[] = {
	{"chacha20-poly1305@openssh.com", 64, 0, 8, 16, SMALL, false, &box_chacha, "ChaCha20"},
	{"aes128-gcm@openssh.com", 16, 12, 16, 16, LARGE, false, &box_gcm, "AES-128-GCM"},
	{"aes256-gcm@openssh.com", 32, 12, 16, 16, LARGE, false, &box_gcm, "AES-256-GCM"},
	{"aes128-ctr", 16, 16, 16, 0, LARGE, false, &box_stream, "AES-128-CTR"},
	{"aes192-ctr", 24, 16, 16, 0, LARGE, false, &box_stream, "AES-192-CTR"},
	{"aes256-ctr", 32, 16, 16, 0, LARGE, false, &box_stream, "AES-256-CTR"},
	{"3des-cbc", 24, 8, 8, 0, SMALL, true, &box_stream, "DES-EDE3-CBC"},
	{"aes128-cbc", 16, 16, 16, 0, LARGE, true, &box_stream, "AES-128-CBC"},
	{"aes192-cbc", 24, 16, 16, 0, LARGE, true, &box_stream, "AES-192-CBC"},
	{"aes256-cbc", 32, 16, 16, 0, LARGE, true, &box_stream, "AES-256-CBC"},
};

static const struct mac_alg macs[] = {
	{"umac-64-etm@openssh.com", 16, 8, true, false, NULL},
	{"umac-128-etm@openssh.com", 16, 16, true, false, NULL},
	{"hmac-sha2-256-etm@openssh.com", 32, 32, true, false, &hash_sha256},
	{"hmac-sha2-512-etm@openssh.com", 64, 64, true, false, &hash_sha512},
	{"hmac-sha1-etm@openssh.com", 20, 20, true, false, &hash_sha1},
	{"umac-64@openssh.com", 16, 8, false, false, NULL},
	{"umac-128@openssh.com", 16, 16, false, false, NULL},
	{"hmac-sha2-256", 32, 32, false, false, &hash_sha256},
	{"hmac-sha2-512", 64, 64, false, false, &hash_sha512},
	{"hmac-sha1", 20, 20, false, false, &hash_sha1},
	{"hmac-sha1-96", 20, 12, false, true, &hash_sha1},
	{"hmac-md5", 16, 16, false, true, &hash_md5},
	{"hmac-md5-96", 16, 12, false, true, &hash_md5},
	{"hmac-sha1-96-etm@openssh.com", 20, 12, true, true, &hash_sha1},
	{"hmac-md5-etm@openssh.com", 16, 16, true, true, &hash_md5},
	{"hmac-md5-96-etm@openssh.com", 16, 12, true, true, &hash_md5},
};

const struct box_alg *box_list(size_t *count)
{
	*count = ARRAY_LEN(boxes);
	return boxes;
}

const struct mac_alg *mac_list(size_t *count)
{
	*count = ARRAY_LEN(macs);
	return macs;
}

/* Asking libcrypto costs a third of a millisecond the first time, so it is asked only where it may say no. */
const struct box_alg *box_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(boxes); i++)
		if (slice_eq_str(name, boxes[i].name))
			return !crypto_restricted() || crypto_cipher(boxes[i].cipher) ? &boxes[i] : NULL;
	return NULL;
}

const struct mac_alg *mac_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(macs); i++)
		if (slice_eq_str(name, macs[i].name))
			return !crypto_restricted() || !macs[i].hash || crypto_md(macs[i].hash) ? &macs[i] : NULL;
	return NULL;
}

struct box *box_new(const struct box_alg *alg, const struct mac_alg *mac, const uint8_t *key, const uint8_t *iv,
                    const uint8_t *mac_key, bool seal)
{
	assert((alg->tag_len > 0) == (mac == NULL));
	struct box *b = crypto_aligned(alg->family->size);
	*b = (struct box){.family = alg->family, .block = alg->block, .tag = alg->tag_len, .first = 4};
	struct box_setup setup = {alg, mac, key, iv, mac_key, seal};
	alg->family->init(b, &setup);
	return b;
}

void box_free(struct box *b)
{
	if (b == NULL)
		return;
	size_t size = b->family->size;
	b->family->clear(b);
	mem_free_secret(b, size);
}

size_t box_block(const struct box *b)
{
	return b->block;
}

size_t box_tag(const struct box *b)
{
	return b->tag;
}

bool box_length_clear(const struct box *b)
{
	return b->length_clear;
}

size_t box_first(const struct box *b)
{
	return b->first;
}

uint32_t box_length(struct box *b, uint32_t seq, uint8_t *p)
{
	return b->family->length(b, seq, p);
}

bool box_open(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	size_t padded = n - (b->length_clear ? 4 : 0);
	if (n < 4 || n > PACKET_MAX || padded == 0 || padded % b->block != 0)
		return false;
	return b->family->open(b, seq, p, n);
}

void box_seal(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	assert(n > 4 && n <= PACKET_MAX && (n - (b->length_clear ? 4 : 0)) % b->block == 0);
	b->family->seal(b, seq, p, n);
}

uint32_t box_length_plain(struct box *b, uint32_t seq, uint8_t *p)
{
	(void)b, (void)seq;
	return load_u32(p);
}

/* Before the first NEWKEYS: no cipher, no MAC. */
static bool open_none(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	(void)b, (void)seq, (void)p, (void)n;
	return true;
}

static void seal_none(struct box *b, uint32_t seq, uint8_t *p, size_t n)
{
	(void)b, (void)seq, (void)p, (void)n;
}

static void clear_none(struct box *b)
{
	(void)b;
}

static const struct box_family box_none = {sizeof(struct box), NULL, box_length_plain, open_none, seal_none, clear_none};

struct box *box_new_none(void)
{
	struct box *b = crypto_aligned(sizeof *b);
	*b = (struct box){.family = &box_none, .block = 8, .first = 4};
	return b;
}
