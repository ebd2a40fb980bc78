/* The rings of sntrup761: Z[x]/(x^761 - x - 1) modulo 4591 and modulo 3. Internal to sntrup761.
 *
 * Coefficients are int16_t: in [-2295, 2295] modulo q, in {-1, 0, 1} modulo 3. Everything runs in constant
 * time and wipes what it leaves on the stack.
 */
#ifndef CRYPTO_SNTRUP761_RING_H
#define CRYPTO_SNTRUP761_RING_H

#include "base/bytes.h"

enum { NTRU_P = 761, NTRU_Q = 4591, NTRU_Q_HALF = 2295, NTRU_PAD = 768 };

struct ntru_poly { int16_t c[NTRU_PAD]; };                 /* from 761 on: zero */

/* The representative nearest to zero, for |x| <= 14000 (and for mod 3, 2400). Exact, as trying all of them shows. */
static inline int16_t ntru_mod_q(int32_t x)
{
	return (int16_t)(x - NTRU_Q * ((x * 14617 + (1 << 25)) >> 26));
}
static inline int16_t ntru_mod_3(int32_t x)
{
	return (int16_t)(x - 3 * ((x * 10923 + (1 << 14)) >> 15));
}

/* a * small modulo q. small: coefficients -1, 0, 1. With a small too, the result is that over the integers. */
void ntru_multiply(struct ntru_poly *out, const struct ntru_poly *a, const struct ntru_poly *small);
/* 1/a modulo 3; all ones if there is one, else zero: a mask, still secret. */
uint32_t ntru_invert_3(struct ntru_poly *out, const struct ntru_poly *a);
/* 1/(3a) modulo q, where a has coefficients -1, 0, 1 and is not zero (that ring is a field). */
void ntru_invert_3q(struct ntru_poly *out, const struct ntru_poly *a);

#endif
