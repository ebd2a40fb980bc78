#include "crypto/keccak.h"

#include "base/mem.h"

enum { ROUNDS = 24, LANES = 25 };

/* FIPS 202, 3.2.5: the constants of iota. */
static const uint64_t round_constant[ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
	0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
	0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
	0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
	0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline uint64_t load_le64(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24
		| (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* One plane of rho, pi and chi: five lanes that pi brings together, already with theta's column sums. */
static inline void plane(uint64_t *out, uint64_t b0, uint64_t b1, uint64_t b2, uint64_t b3, uint64_t b4)
{
	out[0] = b0 ^ (~b1 & b2);
	out[1] = b1 ^ (~b2 & b3);
	out[2] = b2 ^ (~b3 & b4);
	out[3] = b3 ^ (~b4 & b0);
	out[4] = b4 ^ (~b0 & b1);
}

/* FIPS 202, 3.2: theta, rho, pi, chi and iota, from a into b; lane (x, y) is number x + 5y. */
static inline void one_round(uint64_t *b, const uint64_t *a, uint64_t constant)
{
	uint64_t c[5], d[5];
	for (unsigned x = 0; x < 5; x++)
		c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (unsigned x = 0; x < 5; x++)
		d[x] = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1);
	plane(b, a[0] ^ d[0], rotate(a[6] ^ d[1], 44), rotate(a[12] ^ d[2], 43), rotate(a[18] ^ d[3], 21),
		rotate(a[24] ^ d[4], 14));
	plane(b + 5, rotate(a[3] ^ d[3], 28), rotate(a[9] ^ d[4], 20), rotate(a[10] ^ d[0], 3),
		rotate(a[16] ^ d[1], 45), rotate(a[22] ^ d[2], 61));
	plane(b + 10, rotate(a[1] ^ d[1], 1), rotate(a[7] ^ d[2], 6), rotate(a[13] ^ d[3], 25),
		rotate(a[19] ^ d[4], 8), rotate(a[20] ^ d[0], 18));
	plane(b + 15, rotate(a[4] ^ d[4], 27), rotate(a[5] ^ d[0], 36), rotate(a[11] ^ d[1], 10),
		rotate(a[17] ^ d[2], 15), rotate(a[23] ^ d[3], 56));
	plane(b + 20, rotate(a[2] ^ d[2], 62), rotate(a[8] ^ d[3], 55), rotate(a[14] ^ d[4], 39),
		rotate(a[15] ^ d[0], 41), rotate(a[21] ^ d[1], 2));
	b[0] ^= constant;
}

static void permute(uint64_t *lane)
{
	uint64_t other[LANES];
	for (unsigned i = 0; i < ROUNDS; i += 2) {
		one_round(other, lane, round_constant[i]);
		one_round(lane, other, round_constant[i + 1]);
	}
	mem_wipe(other, sizeof(other));
}

void keccak_init(struct keccak *k, size_t rate)
{
	*k = (struct keccak){.rate = rate};
}

static void xor_byte(struct keccak *k, size_t at, uint8_t b)
{
	k->lane[at / 8] ^= (uint64_t)b << at % 8 * 8;
}

void keccak_absorb(struct keccak *k, const uint8_t *p, size_t n)
{
	while (n) {
		if (k->at % 8 == 0 && n >= 8) {
			k->lane[k->at / 8] ^= load_le64(p);
			k->at += 8, p += 8, n -= 8;
		} else {
			xor_byte(k, k->at++, *p++);
			n--;
		}
		if (k->at == k->rate) {
			permute(k->lane);
			k->at = 0;
		}
	}
}

void keccak_finish(struct keccak *k, uint8_t pad)
{
	xor_byte(k, k->at, pad);
	xor_byte(k, k->rate - 1, 0x80);
	k->at = k->rate;
}

void keccak_squeeze(struct keccak *k, uint8_t *out, size_t n)
{
	while (n) {
		if (k->at == k->rate) {
			permute(k->lane);
			k->at = 0;
		}
		uint64_t lane = k->lane[k->at / 8] >> k->at % 8 * 8;
		size_t take = 8 - k->at % 8;
		take = take < n ? take : n;
		for (size_t i = 0; i < take; i++)
			out[i] = (uint8_t)(lane >> 8 * i);
		out += take, n -= take, k->at += take;
	}
}

void keccak_wipe(struct keccak *k)
{
	mem_wipe(k, sizeof(*k));
}

static void whole(size_t rate, uint8_t pad, uint8_t *out, size_t n, struct slice a, struct slice b)
{
	struct keccak k;
	keccak_init(&k, rate);
	keccak_absorb(&k, a.p, a.n);
	keccak_absorb(&k, b.p, b.n);
	keccak_finish(&k, pad);
	keccak_squeeze(&k, out, n);
	keccak_wipe(&k);
}

void sha3_256(uint8_t out[32], struct slice a, struct slice b)
{
	whole(SHA3_256_RATE, KECCAK_PAD_SHA3, out, 32, a, b);
}

void sha3_512(uint8_t out[64], struct slice a, struct slice b)
{
	whole(SHA3_512_RATE, KECCAK_PAD_SHA3, out, 64, a, b);
}

void shake256(uint8_t *out, size_t n, struct slice a, struct slice b)
{
	whole(SHAKE256_RATE, KECCAK_PAD_SHAKE, out, n, a, b);
}
