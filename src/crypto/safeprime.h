/* Finding safe primes for Diffie-Hellman groups: p = 2q + 1 with p and q prime (RFC 4419, appendix A).
 *
 * A sieve takes an interval of odd q and leaves those for which neither q nor p has a small factor; what is left is
 * tested one by one. Nothing here is secret: groups are public. Numbers are magnitudes, most significant byte first.
 */
#ifndef CRYPTO_SAFEPRIME_H
#define CRYPTO_SAFEPRIME_H

#include "base/bytes.h"

enum { SAFEPRIME_BITS_MIN = 511, SAFEPRIME_BITS_MAX = 16384 };

struct safeprime_sieve;
/* For p of so many bits. start: the first q; empty: a random one. NULL: start has not the bits that q must have. */
struct safeprime_sieve *safeprime_sieve_new(unsigned bits, struct slice start);
/* Sieves with some more primes. False: done. *percent of the work, for whoever watches. */
bool safeprime_sieve_step(struct safeprime_sieve *, unsigned *percent);
bool safeprime_sieve_next(struct safeprime_sieve *, struct buf *q);   /* appends the next q; false behind the last */
void safeprime_sieve_free(struct safeprime_sieve *);

/* Is p a safe prime? Miller-Rabin with so many random bases; a composite is found out by the first ones. */
bool safeprime_test(struct slice p, unsigned rounds);
void safeprime_from_q(struct slice q, struct buf *p);      /* 2q + 1 */
size_t safeprime_bits(struct slice);
/* The generator that p is good for: 2 or 5; 0: neither. */
unsigned safeprime_generator(struct slice p);

#endif
