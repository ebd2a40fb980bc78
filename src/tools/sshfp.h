/* SSHFP records of host keys: RFC 4255, RFC 6594 (ECDSA, SHA-256), RFC 7479 (Ed25519). */
#ifndef TOOLS_SSHFP_H
#define TOOLS_SSHFP_H

#include "crypto/hash.h"
#include "key/key.h"

/* Lines of a zone file, one for each hash or for `only` that one. generic: RFC 3597's form for old servers. False: keys
 * of this type have no number there. */
bool sshfp_put(struct buf *, const char *zone, const struct key *, const struct hash_alg *only, bool generic);
/* "hashalg=sha1" or "hashalg=sha256" of -O; NULL: neither. */
const struct hash_alg *sshfp_hash_option(const char *text);

#endif
