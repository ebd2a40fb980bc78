/* Inside of the boxes: what a family of ciphers provides to box.c. Nobody outside crypto/ includes this.
 *
 * A family's own struct begins with struct box; box.c allocates `size` zeroed bytes for it,
 * aligned to 64, and wipes them after clear().
 */
#ifndef CRYPTO_BOX_IMPL_H
#define CRYPTO_BOX_IMPL_H

#include "crypto/box.h"

enum { PACKET_MAX = 1 << 24 };                             /* far above what core/ lets through; keeps int sizes safe */

struct box { const struct box_family *family; uint16_t block, tag, first; bool length_clear; };

struct box_setup {
	const struct box_alg *alg;
	const struct mac_alg *mac;
	const uint8_t *key, *iv, *mac_key;
	bool seal;
};
struct box_family {
	size_t size;
	void (*init)(struct box *, const struct box_setup *);
	uint32_t (*length)(struct box *, uint32_t seq, uint8_t *p);
	bool (*open)(struct box *, uint32_t seq, uint8_t *p, size_t n);
	void (*seal)(struct box *, uint32_t seq, uint8_t *p, size_t n);
	void (*clear)(struct box *);
};
extern const struct box_family box_gcm, box_chacha, box_stream;

uint32_t box_length_plain(struct box *, uint32_t seq, uint8_t *p);

/* MACs of their own (RFC 4253, 6.4; RFC 4418 and 6668). */
struct mac;
struct mac *mac_new(const struct mac_alg *, const uint8_t *key);
void mac_free(struct mac *);
void mac_tag(struct mac *, uint32_t seq, const uint8_t *p, size_t n, uint8_t *tag);   /* tag_len bytes */
bool mac_right(struct mac *, uint32_t seq, const uint8_t *p, size_t n, const uint8_t *tag) MUST_CHECK;

/* AES-GCM with VAES and AVX-512; gcm_none.c stands in where the build has no such code. */
struct gcm_fast;
size_t gcm_fast_size(void);                                /* 0: not on this machine */
void gcm_fast_init(struct gcm_fast *, const uint8_t *key, size_t key_len);
void gcm_fast_seal(struct gcm_fast *, const uint8_t iv[12], uint8_t *p, size_t n);    /* packet at p, as box_seal */
void gcm_fast_open(struct gcm_fast *, const uint8_t iv[12], uint8_t *p, size_t n, uint8_t tag[16]);    /* the tag that should be */
bool poly1305_fast(const uint8_t key[32], const uint8_t *p, size_t n, uint8_t tag[16]);    /* false: not on this machine */

#endif
