/* Private keys at rest: encrypted under a key that is derived from 16 KiB of random bytes.
 *
 * Who reads parts of this memory through a side channel needs all of those pages without an
 * error. They are locked and left out of core dumps where the system allows it.
 */
#ifndef AGENT_SHIELD_H
#define AGENT_SHIELD_H

#include "key/key.h"

struct shield;
struct shielded { uint8_t nonce[16]; struct buf sealed; };

struct shield *shield_new(void);
void shield_free(struct shield *);
bool shield_close(const struct shield *, const struct key *, struct shielded *out) MUST_CHECK;
struct key *shield_open(const struct shield *, const struct shielded *, struct err *);
void shielded_clear(struct shielded *);

#endif
