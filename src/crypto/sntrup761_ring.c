#include "crypto/sntrup761_ring.h"

#include <string.h>
#include "base/mem.h"
#include "crypto/constant_time.h"

/* Once inlined, restrict is forgotten by some compilers, and the loop is not vectorised. */
#define NOINLINE __attribute__((noinline))

enum {
	ROWS = 12,                                     /* products of one pass: 2900 + 12 * 2295 < 2^15 */
	WIDTH = NTRU_PAD + 16,
	Q_INVERSE = 15631,                             /* q^-1 mod 2^16 */
	THIRD = -1530,                                 /* 1/3 mod q */
	R_1 = 1262, R_2 = -433,                     /* R and R^2 mod q */
	STEPS = 2 * NTRU_P - 1,
	LANES = 16,                                    /* lengths of loops are multiples of this */
	WORDS = NTRU_PAD / 64,
};

/* acc += rows * a, a standing with zeros around it; the sums come back within 2900. */
static void multiply_rows(int16_t *restrict acc, const int16_t *restrict a, const int16_t rows[ROWS])
{
	for (unsigned j = 0; j < WIDTH; j++) {
		int16_t sum = acc[j];
		for (unsigned t = 0; t < ROWS; t++)
			sum = (int16_t)(sum + rows[t] * a[ROWS + j - t]);
		acc[j] = (int16_t)(sum - NTRU_Q * ((sum * 14 + (1 << 15)) >> 16));
	}
}

void ntru_multiply(struct ntru_poly *out, const struct ntru_poly *a, const struct ntru_poly *small)
{
	int16_t padded[ROWS + WIDTH] = {0}, acc[NTRU_PAD + WIDTH] = {0};
	struct ntru_poly result = {0};
	memcpy(padded + ROWS, a->c, sizeof(a->c));
	for (unsigned i = 0; i < NTRU_PAD; i += ROWS)
		multiply_rows(acc + i, padded, small->c + i);
	/* x^761 = x + 1 */
	for (unsigned i = 0; i < NTRU_P; i++)
		result.c[i] = ntru_mod_q(acc[i] + acc[i + NTRU_P] + (i ? acc[i + NTRU_P - 1] : 0));
	*out = result;
	mem_wipe(padded, sizeof(padded));
	mem_wipe(acc, sizeof(acc));
	mem_wipe(&result, sizeof(result));
}

/* The inverses: division steps of Bernstein and Yang (2019, section 8) on reversed polynomials, f that of the ring's
 * modulus, g the input; v and r collect what was multiplied to them. Rows (f, v) and (g, r) may each be scaled by any
 * unit, which saves the second of two exchanges: g's new value is the same up to sign. */

/* All ones if a swap is due; steps delta. */
static uint32_t swap_mask(int32_t *delta, uint32_t g_nonzero)
{
	uint32_t positive = (uint32_t)-*delta >> 31, mask = ct_mask(0 - (positive & g_nonzero));
	*delta = (int32_t)(((uint32_t)*delta ^ mask) - mask) + 1;
	return mask;
}

/* Modulo 3, 64 coefficients a word: a bit in `plus` for 1, in `minus` for -1. */
struct trits { uint64_t plus[WORDS], minus[WORDS]; };

static void trit_set(struct trits *t, unsigned i, int value)
{
	uint64_t odd = (uint64_t)value & 1, negative = (uint64_t)value >> 63;
	t->plus[i / 64] |= (odd ^ negative) << i % 64;
	t->minus[i / 64] |= negative << i % 64;
}

static int trit_get(const struct trits *t, unsigned i)
{
	return (int)(t->plus[i / 64] >> i % 64 & 1) - (int)(t->minus[i / 64] >> i % 64 & 1);
}

/* b += s a with s given as masks; a becomes the old b where swap is set. */
static NOINLINE void trits_step(struct trits *restrict a, struct trits *restrict b, uint64_t s_plus, uint64_t s_minus, uint64_t swap)
{
	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t ap = a->plus[i], am = a->minus[i], bp = b->plus[i], bm = b->minus[i];
		uint64_t p = (ap & s_plus) | (am & s_minus), m = (am & s_plus) | (ap & s_minus), t = (bp | m) ^ (bm | p);
		b->plus[i] = (bm | m) ^ t;
		b->minus[i] = (bp | p) ^ t;
		a->plus[i] = ap ^ (swap & (ap ^ bp));
		a->minus[i] = am ^ (swap & (am ^ bm));
	}
}

static void shift_up(uint64_t w[WORDS])
{
	for (unsigned i = WORDS - 1; i > 0; i--)
		w[i] = w[i] << 1 | w[i - 1] >> 63;
	w[0] <<= 1;
}

static void shift_down(uint64_t w[WORDS])
{
	for (unsigned i = 0; i + 1 < WORDS; i++)
		w[i] = w[i] >> 1 | w[i + 1] << 63;
	w[WORDS - 1] >>= 1;
}

uint32_t ntru_invert_3(struct ntru_poly *out, const struct ntru_poly *a)
{
	struct trits f = {0}, g = {0}, v = {0}, r = {0};
	int32_t delta = 1;
	trit_set(&f, 0, 1), trit_set(&f, NTRU_P - 1, -1), trit_set(&f, NTRU_P, -1);
	trit_set(&r, 0, 1);
	for (unsigned i = 0; i < NTRU_P; i++)
		trit_set(&g, NTRU_P - 1 - i, a->c[i]);
	for (unsigned step = 0; step < STEPS; step++) {
		uint64_t fp = 0 - (f.plus[0] & 1), fm = 0 - (f.minus[0] & 1), gp = 0 - (g.plus[0] & 1), gm = 0 - (g.minus[0] & 1);
		uint64_t s_minus = (fp & gp) | (fm & gm), s_plus = (fp & gm) | (fm & gp);
		uint64_t swap = 0 - (uint64_t)(swap_mask(&delta, (uint32_t)((gp | gm) & 1)) & 1);
		shift_up(v.plus), shift_up(v.minus);
		trits_step(&f, &g, s_plus, s_minus, swap);
		trits_step(&v, &r, s_plus, s_minus, swap);
		shift_down(g.plus), shift_down(g.minus);
	}
	struct ntru_poly result = {0};
	int sign = trit_get(&f, 0);
	for (unsigned i = 0; i < NTRU_P; i++)
		result.c[i] = (int16_t)(sign * trit_get(&v, NTRU_P - 1 - i));
	*out = result;
	mem_wipe(&f, sizeof(f)), mem_wipe(&g, sizeof(g)), mem_wipe(&v, sizeof(v)), mem_wipe(&r, sizeof(r));
	mem_wipe(&result, sizeof(result));
	return (((uint32_t)delta | (0 - (uint32_t)delta)) >> 31) - 1;
}

/* Modulo q. Products are Montgomery's with R = 2^16. */
static inline int16_t high(int16_t a, int16_t b)
{
	return (int16_t)(a * b >> 16);
}

static inline int16_t mul(int16_t a, int16_t b)
{
	int16_t t = (int16_t)((int16_t)(a * b) * Q_INVERSE);
	return (int16_t)(high(a, b) - high(t, NTRU_Q));
}

/* b = (f0 b - g0 a) / R within 5000; a becomes the old b where swap is set. The scalars stand in arrays because clang
 * knows a 16-bit product's high half only where it sees both factors loaded. */
static NOINLINE void row_step(int16_t *restrict a, int16_t *restrict b, unsigned n, int16_t f0, int16_t g0, int16_t swap)
{
	int16_t f[LANES], f_low[LANES], g[LANES], g_low[LANES];
	for (unsigned j = 0; j < LANES; j++) {
		f[j] = f0, f_low[j] = (int16_t)(f0 * Q_INVERSE);
		g[j] = g0, g_low[j] = (int16_t)(g0 * Q_INVERSE);
	}
	for (unsigned i = 0; i < n; i += LANES)
		for (unsigned j = 0; j < LANES; j++) {
			int16_t x = a[i + j], y = b[i + j], s = (int16_t)(x * g_low[j]), t = (int16_t)(y * f_low[j]);
			int16_t with_x = (int16_t)(high(x, g[j]) - high(s, NTRU_Q));
			int16_t with_y = (int16_t)(high(y, f[j]) - high(t, NTRU_Q));
			b[i + j] = (int16_t)(with_y - with_x);
			a[i + j] = (int16_t)(x ^ (swap & (x ^ y)));
		}
}

/* R / a, by Fermat. */
static int16_t invert_scalar(int16_t a)
{
	int16_t result = R_1, power = mul(a, R_2);
	for (unsigned e = NTRU_Q - 2; e; e >>= 1) {
		if (e & 1)
			result = mul(result, power);
		power = mul(power, power);
	}
	return result;
}

/* g moves down and v up by one coefficient a step: their starts move instead. Only so many coefficients of f and g can
 * still reach the lowest one, and only so many of v and r can have been reached. */
struct steps_q { int16_t f[NTRU_PAD], r[NTRU_PAD], g[STEPS + NTRU_PAD], v[STEPS + NTRU_PAD]; };

void ntru_invert_3q(struct ntru_poly *out, const struct ntru_poly *a)
{
	struct steps_q w = {0};
	int32_t delta = 1;
	w.f[0] = 1, w.f[NTRU_P - 1] = -1, w.f[NTRU_P] = -1;
	w.r[0] = THIRD;
	for (unsigned i = 0; i < NTRU_P; i++)
		w.g[NTRU_P - 1 - i] = a->c[i];
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned left = STEPS - step, done = step + 1;
		int16_t *g = w.g + step, *v = w.v + STEPS - 1 - step;
		int16_t f0 = ntru_mod_q(w.f[0]), g0 = ntru_mod_q(g[0]);
		uint32_t nonzero = ((uint32_t)g0 | (0 - (uint32_t)g0)) >> 31;
		int16_t swap = (int16_t)swap_mask(&delta, nonzero);
		row_step(w.f, g, left < NTRU_P + 1 ? left : NTRU_P + 1, f0, g0, swap);
		row_step(v, w.r, done < NTRU_P + 1 ? done : NTRU_P + 1, f0, g0, swap);
	}
	struct ntru_poly result = {0};
	int16_t scale = invert_scalar(ntru_mod_q(w.f[0]));
	for (unsigned i = 0; i < NTRU_P; i++)
		result.c[i] = ntru_mod_q(mul(w.v[NTRU_P - 1 - i], scale));
	*out = result;
	mem_wipe(&w, sizeof(w));
	mem_wipe(&result, sizeof(result));
}
