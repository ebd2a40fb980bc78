#include "crypto/sntrup761_code.h"

#include "base/mem.h"

enum { RQ_RADIX = NTRU_Q, ROUNDED_RADIX = (NTRU_Q + 2) / 3, LIMIT = 1 << 14, LEVELS = 11 };

/* A list of digits is made shorter by pairs: two digits become one of the product's radix, which gives low bytes away
 * until it is below LIMIT. All digits of a list have one radix but the last, so a level is known by two of them. */
struct level { unsigned n; uint32_t radix, last; };

static uint32_t shrink(uint32_t radix, unsigned *bytes)
{
	for (*bytes = 0; radix >= LIMIT; ++*bytes)
		radix = (radix + 255) >> 8;
	return radix;
}

static struct level next_level(struct level a)
{
	unsigned bytes;
	struct level b = {(a.n + 1) / 2, shrink(a.radix * a.radix, &bytes), a.last};
	if (a.n % 2 == 0)
		b.last = shrink(a.radix * a.last, &bytes);
	return b;
}

/* Bytes that the pair number i of a level gives away. */
static unsigned pair_bytes(struct level a, unsigned i)
{
	unsigned bytes;
	shrink(a.radix * (2 * i + 2 == a.n ? a.last : a.radix), &bytes);
	return bytes;
}

static void encode(uint8_t *out, uint16_t *digit, unsigned n, uint32_t radix)
{
	struct level a;
	for (a = (struct level){n, radix, radix}; a.n > 1; a = next_level(a)) {
		for (unsigned i = 0; i < a.n / 2; i++) {
			uint32_t pair = digit[2 * i] + digit[2 * i + 1] * a.radix;
			for (unsigned j = pair_bytes(a, i); j; j--, pair >>= 8)
				*out++ = (uint8_t)pair;
			digit[i] = (uint16_t)pair;
		}
		if (a.n % 2)
			digit[a.n / 2] = digit[a.n - 1];
	}
	for (uint32_t left = a.last, value = digit[0]; left > 1; left = (left + 255) >> 8, value >>= 8)
		*out++ = (uint8_t)value;
}

static void decode(uint16_t *digit, const uint8_t *in, unsigned n, uint32_t radix)
{
	struct level level[LEVELS] = {{n, radix, radix}};
	uint16_t low[NTRU_PAD];                         /* bytes given away, of all pairs of all levels */
	unsigned depth = 0, used = 0;
	for (; level[depth].n > 1; depth++) {
		for (unsigned i = 0; i < level[depth].n / 2; i++, used++) {
			low[used] = 0;
			for (unsigned j = 0; j < pair_bytes(level[depth], i); j++)
				low[used] |= (uint16_t)(*in++ << 8 * j);
		}
		level[depth + 1] = next_level(level[depth]);
	}
	uint32_t top = 0, left = level[depth].last;
	for (unsigned j = 0; left > 1; left = (left + 255) >> 8, j++)
		top |= (uint32_t)*in++ << 8 * j;
	digit[0] = (uint16_t)(top % level[depth].last);
	while (depth--) {
		struct level a = level[depth];
		if (a.n % 2)
			digit[a.n - 1] = digit[a.n / 2];
		for (unsigned i = a.n / 2; i--;) {
			uint32_t pair = (uint32_t)digit[i] << 8 * pair_bytes(a, i) | low[--used];
			digit[2 * i] = (uint16_t)(pair % a.radix);
			digit[2 * i + 1] = (uint16_t)(pair / a.radix % (2 * i + 2 == a.n ? a.last : a.radix));
		}
	}
}

void ntru_encode_rq(uint8_t out[NTRU_RQ_BYTES], const struct ntru_poly *a)
{
	uint16_t digit[NTRU_P];
	for (unsigned i = 0; i < NTRU_P; i++)
		digit[i] = (uint16_t)(a->c[i] + NTRU_Q_HALF);
	encode(out, digit, NTRU_P, RQ_RADIX);
	mem_wipe(digit, sizeof(digit));
}

void ntru_decode_rq(struct ntru_poly *a, const uint8_t in[NTRU_RQ_BYTES])
{
	uint16_t digit[NTRU_P];
	decode(digit, in, NTRU_P, RQ_RADIX);
	*a = (struct ntru_poly){0};
	for (unsigned i = 0; i < NTRU_P; i++)
		a->c[i] = (int16_t)(digit[i] - NTRU_Q_HALF);
}

/* 10923 / 2^15 is a third, exactly for multiples of 3 in this range. */
void ntru_encode_rounded(uint8_t out[NTRU_ROUNDED_BYTES], const struct ntru_poly *a)
{
	uint16_t digit[NTRU_P];
	for (unsigned i = 0; i < NTRU_P; i++)
		digit[i] = (uint16_t)((a->c[i] + NTRU_Q_HALF) * 10923 >> 15);
	encode(out, digit, NTRU_P, ROUNDED_RADIX);
	mem_wipe(digit, sizeof(digit));
}

void ntru_decode_rounded(struct ntru_poly *a, const uint8_t in[NTRU_ROUNDED_BYTES])
{
	uint16_t digit[NTRU_P];
	decode(digit, in, NTRU_P, ROUNDED_RADIX);
	*a = (struct ntru_poly){0};
	for (unsigned i = 0; i < NTRU_P; i++)
		a->c[i] = (int16_t)(digit[i] * 3 - NTRU_Q_HALF);
}

void ntru_encode_small(uint8_t out[NTRU_SMALL_BYTES], const struct ntru_poly *a)
{
	for (unsigned i = 0; i < NTRU_SMALL_BYTES; i++) {
		unsigned byte = 0;
		for (unsigned j = 0; j < 4 && 4 * i + j < NTRU_P; j++)
			byte |= (unsigned)(a->c[4 * i + j] + 1) << 2 * j;
		out[i] = (uint8_t)byte;
	}
}

void ntru_decode_small(struct ntru_poly *a, const uint8_t in[NTRU_SMALL_BYTES])
{
	*a = (struct ntru_poly){0};
	for (unsigned i = 0; i < NTRU_P; i++)
		a->c[i] = (int16_t)((in[i / 4] >> i % 4 * 2 & 3) - 1);
}
