#include "crypto/sntrup761.h"

#include <string.h>
#include "base/mem.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "crypto/sntrup761_code.h"
#include "crypto/sntrup761_ring.h"

enum { WEIGHT = 286, HASH = 32, CONFIRM = 32 };

/* A secret key is: f, 1/g, the public key, rho, the public key's hash. */
enum {
	AT_G = NTRU_SMALL_BYTES, AT_PUBLIC = 2 * NTRU_SMALL_BYTES, AT_RHO = AT_PUBLIC + SNTRUP761_PUBLIC,
	AT_HASH = AT_RHO + NTRU_SMALL_BYTES,
};
_Static_assert(AT_HASH + HASH == SNTRUP761_SECRET, "parts of the secret key");
_Static_assert(NTRU_ROUNDED_BYTES + CONFIRM == SNTRUP761_CIPHERTEXT, "parts of the ciphertext");

static uint32_t load_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Half of SHA-512 over a prefix byte and up to two parts. */
static void hash_parts(uint8_t out[HASH], uint8_t prefix, struct slice a, struct slice b)
{
	uint8_t digest[64];
	struct hash *h = hash_new(&hash_sha512);
	hash_add(h, slice_of(&prefix, 1));
	hash_add(h, a);
	hash_add(h, b);
	hash_end(h, digest);
	hash_free(h);
	memcpy(out, digest, HASH);
	mem_wipe(digest, sizeof(digest));
}

static void order(int32_t *restrict a, int32_t *restrict b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int32_t x = a[i], y = b[i], swap = (x ^ y) & -(int32_t)(y < x);
		a[i] = x ^ swap;
		b[i] = y ^ swap;
	}
}

/* Batcher's merge exchange (Knuth 5.2.2, algorithm M): which places are compared does not depend on what is there. */
static void sort(int32_t *a, unsigned n)
{
	unsigned top = 1;
	while (2 * top < n)
		top *= 2;
	for (unsigned p = top; p; p /= 2) {
		unsigned r = 0, d = p;
		for (unsigned q = top;; q /= 2) {
			for (unsigned i = r; i + d < n; i += 2 * p)
				order(a + i, a + i + d, n - d - i < p ? n - d - i : p);
			if (q == p)
				break;
			d = q - p, r = p;
		}
	}
}

/* Coefficients -1, 0, 1, each from 30 bits. */
static void small_from_random(struct ntru_poly *a, const uint8_t random[SNTRUP761_SHORT_RANDOM])
{
	*a = (struct ntru_poly){0};
	for (unsigned i = 0; i < NTRU_P; i++)
		a->c[i] = (int16_t)(((load_le32(random + 4 * i) & 0x3fffffff) * 3 >> 30) - 1);
}

/* Exactly WEIGHT coefficients are not zero: they are put first, then sorting by the other bits scatters them. */
static void short_from_random(struct ntru_poly *a, const uint8_t random[SNTRUP761_SHORT_RANDOM])
{
	int32_t list[NTRU_P];
	*a = (struct ntru_poly){0};
	for (unsigned i = 0; i < NTRU_P; i++) {
		uint32_t word = load_le32(random + 4 * i);
		word = i < WEIGHT ? word & ~1u : (word & ~2u) | 1;
		list[i] = (int32_t)(word ^ 0x80000000);
	}
	sort(list, NTRU_P);
	for (unsigned i = 0; i < NTRU_P; i++)
		a->c[i] = (int16_t)((list[i] & 3) - 1);
	mem_wipe(list, sizeof(list));
}

bool sntrup761_keypair(uint8_t pk[SNTRUP761_PUBLIC], uint8_t sk[SNTRUP761_SECRET],
	const uint8_t random[SNTRUP761_KEYPAIR_RANDOM])
{
	struct ntru_poly f, g, inverse;
	small_from_random(&g, random);
	uint32_t good = ntru_invert_3(&inverse, &g);
	ct_declassify(&good, sizeof(good));
	if (good) {
		short_from_random(&f, random + SNTRUP761_SHORT_RANDOM);
		ntru_encode_small(sk, &f);
		ntru_encode_small(sk + AT_G, &inverse);
		ntru_invert_3q(&inverse, &f);
		ntru_multiply(&inverse, &inverse, &g);
		ntru_encode_rq(pk, &inverse);
		memcpy(sk + AT_PUBLIC, pk, SNTRUP761_PUBLIC);
		memcpy(sk + AT_RHO, random + 2 * SNTRUP761_SHORT_RANDOM, NTRU_SMALL_BYTES);
		hash_parts(sk + AT_HASH, 4, slice_of(pk, SNTRUP761_PUBLIC), slice_of(NULL, 0));
		mem_wipe(&f, sizeof(f));
	}
	mem_wipe(&g, sizeof(g));
	mem_wipe(&inverse, sizeof(inverse));
	return good;
}

/* The ciphertext of r; r_bytes is r encoded, which the shared secret is made from. */
static void hide(uint8_t ct[SNTRUP761_CIPHERTEXT], uint8_t r_bytes[NTRU_SMALL_BYTES], const struct ntru_poly *r,
	const uint8_t pk[SNTRUP761_PUBLIC], const uint8_t pk_hash[HASH])
{
	uint8_t r_hash[HASH];
	struct ntru_poly h, c;
	ntru_encode_small(r_bytes, r);
	ntru_decode_rq(&h, pk);
	ntru_multiply(&c, &h, r);
	for (unsigned i = 0; i < NTRU_P; i++)
		c.c[i] = (int16_t)(c.c[i] - ntru_mod_3(c.c[i]));
	ntru_encode_rounded(ct, &c);
	hash_parts(r_hash, 3, slice_of(r_bytes, NTRU_SMALL_BYTES), slice_of(NULL, 0));
	hash_parts(ct + NTRU_ROUNDED_BYTES, 2, slice_of(r_hash, HASH), slice_of(pk_hash, HASH));
	mem_wipe(r_hash, sizeof(r_hash));
	mem_wipe(&c, sizeof(c));
}

/* What both ends share; prefix 1, or 0 where the ciphertext was bad. */
static void session(uint8_t shared[SNTRUP761_SHARED], uint8_t prefix, const uint8_t r_bytes[NTRU_SMALL_BYTES],
	const uint8_t ct[SNTRUP761_CIPHERTEXT])
{
	uint8_t r_hash[HASH];
	hash_parts(r_hash, 3, slice_of(r_bytes, NTRU_SMALL_BYTES), slice_of(NULL, 0));
	hash_parts(shared, prefix, slice_of(r_hash, HASH), slice_of(ct, SNTRUP761_CIPHERTEXT));
	mem_wipe(r_hash, sizeof(r_hash));
}

void sntrup761_encaps(uint8_t ct[SNTRUP761_CIPHERTEXT], uint8_t shared[SNTRUP761_SHARED],
	const uint8_t pk[SNTRUP761_PUBLIC], const uint8_t random[SNTRUP761_ENCAPS_RANDOM])
{
	uint8_t pk_hash[HASH], r_bytes[NTRU_SMALL_BYTES];
	struct ntru_poly r;
	hash_parts(pk_hash, 4, slice_of(pk, SNTRUP761_PUBLIC), slice_of(NULL, 0));
	short_from_random(&r, random);
	hide(ct, r_bytes, &r, pk, pk_hash);
	session(shared, 1, r_bytes, ct);
	mem_wipe(&r, sizeof(r));
	mem_wipe(r_bytes, sizeof(r_bytes));
}

/* r from the ciphertext; where that is not of the right weight, some r that is. */
static void reveal(struct ntru_poly *r, const uint8_t ct[SNTRUP761_CIPHERTEXT], const uint8_t sk[SNTRUP761_SECRET])
{
	struct ntru_poly small, c;
	int32_t weight = -WEIGHT;
	ntru_decode_rounded(&c, ct);
	ntru_decode_small(&small, sk);
	ntru_multiply(&c, &c, &small);
	for (unsigned i = 0; i < NTRU_P; i++)
		c.c[i] = ntru_mod_3(ntru_mod_q(3 * c.c[i]));
	ntru_decode_small(&small, sk + AT_G);
	ntru_multiply(&c, &c, &small);
	for (unsigned i = 0; i < NTRU_P; i++) {
		c.c[i] = ntru_mod_3(c.c[i]);
		weight += c.c[i] & 1;
	}
	int16_t wrong = (int16_t)ct_mask((uint32_t)((weight | -weight) >> 31));
	*r = (struct ntru_poly){0};
	for (unsigned i = 0; i < NTRU_P; i++)
		r->c[i] = (int16_t)((c.c[i] & ~wrong) | (wrong & (i < WEIGHT)));
	mem_wipe(&small, sizeof(small));
	mem_wipe(&c, sizeof(c));
}

void sntrup761_decaps(uint8_t shared[SNTRUP761_SHARED], const uint8_t ct[SNTRUP761_CIPHERTEXT],
	const uint8_t sk[SNTRUP761_SECRET])
{
	uint8_t again[SNTRUP761_CIPHERTEXT], r_bytes[NTRU_SMALL_BYTES];
	struct ntru_poly r;
	uint32_t difference = 0;
	reveal(&r, ct, sk);
	hide(again, r_bytes, &r, sk + AT_PUBLIC, sk + AT_HASH);
	for (unsigned i = 0; i < SNTRUP761_CIPHERTEXT; i++)
		difference |= (uint32_t)(ct[i] ^ again[i]);
	uint8_t same = (uint8_t)ct_mask((difference - 1) >> 24);   /* all ones where nothing differed */
	for (unsigned i = 0; i < NTRU_SMALL_BYTES; i++)
		r_bytes[i] = (uint8_t)((r_bytes[i] & same) | (sk[AT_RHO + i] & ~same));
	session(shared, same & 1, r_bytes, ct);
	mem_wipe(again, sizeof(again));
	mem_wipe(r_bytes, sizeof(r_bytes));
	mem_wipe(&r, sizeof(r));
}
