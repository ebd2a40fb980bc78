/* moduli(5): groups for the Diffie-Hellman group exchange (RFC 4419). */
#ifndef SERVER_MODULI_H
#define SERVER_MODULI_H

#include "wire/ask.h"

enum { MODULI_MAX = 4 << 20 };

/* The smallest size that is at least the preferred one, else the largest; one of its groups by chance. Lines that are
 * malformed or not tested safe primes are passed over. False: none between min and max. */
bool moduli_choose(struct slice text, const struct ask_group *, struct buf *p, struct buf *g) MUST_CHECK;

#endif
