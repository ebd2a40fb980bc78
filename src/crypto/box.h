/* Packet protection: one face for AEAD, chacha20-poly1305, encrypt-then-MAC and encrypt-and-MAC.
 *
 * A box protects one direction of one connection. A packet is the 4 bytes of length, padding
 * length, payload and padding (RFC 4253, section 6); the tag stands behind it. Everything is done
 * in place. Sources: RFC 4253, 4344 (ctr), 5647 and the @openssh.com GCM rule (MAC is implied),
 * PROTOCOL of OpenSSH (etm, umac, chacha20-poly1305@openssh.com).
 *
 * Sequence numbers come in as arguments, so strict kex can reset them.
 */
#ifndef CRYPTO_BOX_H
#define CRYPTO_BOX_H

#include "crypto/hash.h"

struct box_alg {
	const char *name;
	uint16_t key_len, iv_len, block, tag_len;           /* tag_len > 0: AEAD, no MAC is negotiated */
	uint64_t rekey_blocks;                              /* rekey after that many blocks unless the configuration says less */
	bool off;                                           /* never offered unless the configuration names it */
	const struct box_family *family;                    /* for crypto/ only, as what follows */
	const char *cipher;
};
struct mac_alg {
	const char *name;
	uint16_t key_len, tag_len;
	bool etm, off;
	const struct hash_alg *hash;                        /* NULL: UMAC */
};

const struct box_alg *box_find(struct slice name);         /* NULL: unknown, or this library does not offer it */
const struct mac_alg *mac_find(struct slice name);
const struct box_alg *box_list(size_t *count);             /* every row, in OpenSSH's default order, off ones last */
const struct mac_alg *mac_list(size_t *count);

struct box;
/* mac is NULL for AEAD. key, iv and mac_key hold the lengths of the rows. */
struct box *box_new(const struct box_alg *, const struct mac_alg *mac, const uint8_t *key, const uint8_t *iv,
                    const uint8_t *mac_key, bool seal);
struct box *box_new_none(void);                            /* before the first NEWKEYS: no cipher, no MAC */
void box_free(struct box *);                               /* wipes; NULL is fine */

size_t box_block(const struct box *);                      /* padding goes to a multiple of this; 8 at least */
size_t box_tag(const struct box *);
bool box_length_clear(const struct box *);                 /* the length field stands outside what is padded (AEAD, etm) */
size_t box_first(const struct box *);                      /* bytes that must be there before box_length: 4 or one block */

/* Length field of the packet at p. May decrypt the first block in place (E&M): call it once a packet. */
uint32_t box_length(struct box *, uint32_t seq, uint8_t *p);
/* n = 4 + length; the tag stands at p + n. False: the tag or the size is wrong, nothing of the packet may be used, and the
 * box is of no more use. The length field itself may stay enciphered. */
bool box_open(struct box *, uint32_t seq, uint8_t *p, size_t n) MUST_CHECK;
/* Writes the tag to p + n. What is padded must be a multiple of box_block(). */
void box_seal(struct box *, uint32_t seq, uint8_t *p, size_t n);

#endif
