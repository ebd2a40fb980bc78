/* Key exchange methods of two messages: one row each, one face for ECDH, DH and the hybrids.
 *
 * The client starts and gets its public value; the server replies with its own and has the
 * shared secret; the client finishes. `shared` is written encoded as the exchange hash wants it
 * (mpint for DH and ECDH, string for the hybrids): it goes into the hash and the key derivation
 * unchanged. Public values are the contents of the length-prefixed field on the wire, so an mpint
 * of DH stands here with its sign byte.
 * Sources: RFC 4253 (8), 4419, 5656, 8268, 8731, draft-ietf-sshm-mlkem-hybrid-kex,
 * draft-ietf-sshm-ntruprime-ssh.
 */
#ifndef CRYPTO_KEM_H
#define CRYPTO_KEM_H

#include "crypto/hash.h"

struct kem;
struct kem_group { struct slice p, g; };                   /* magnitudes; only for the group exchange */
struct kem_alg {
	const char *name;
	const struct hash_alg *hash;
	bool post_quantum, group_exchange;
	const struct kem_ops *ops;
	int param;                                          /* curve or group, for ops */
};

const struct kem_alg *kem_find(struct slice name);         /* NULL: unknown or not usable here */
const struct kem_alg *kem_list(size_t *count);

/* group is NULL unless group_exchange. NULL: the group is refused (too small, too large, even, g out of range). */
struct kem *kem_client_start(const struct kem_alg *, const struct kem_group *group, struct buf *init);
bool kem_client_finish(struct kem *, struct slice reply, struct buf *shared) MUST_CHECK;
bool kem_server_reply(const struct kem_alg *, const struct kem_group *group, struct slice init,
                      struct buf *reply, struct buf *shared) MUST_CHECK;
void kem_free(struct kem *);                               /* wipes; NULL is fine */

/* A fixed group that fits, for a group exchange without a moduli file: 14, 16 or 18 (RFC 3526). */
struct kem_group kem_fallback_group(uint32_t min, uint32_t preferred, uint32_t max);   /* p.n == 0: none fits */

#endif
