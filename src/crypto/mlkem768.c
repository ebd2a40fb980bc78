#include "crypto/mlkem768.h"

#include <string.h>
#include "base/mem.h"
#include "crypto/constant_time.h"
#include "crypto/keccak.h"

/* Coefficients are int16_t, signed representatives modulo q. Products are Montgomery's with R = 2^16: the
 * high half of a 16-bit product is an instruction of every vector unit, so plain loops vectorise.
 * Bounds stand where they are relied on. */
enum {
	K = 3, N = 256, Q = 3329,
	Q_INVERSE = -3327,              /* q^-1 mod R */
	R_SQUARED = 1353,               /* R^2 mod q */
	R_SQUARED_BY_128 = 1441,        /* R^2 / 128 mod q */
	POLY_BYTES = 384, U_BYTES = 320, V_BYTES = 128,
	SEED = 32,
};

/* Places in a secret key, behind the transformed s. */
enum { AT_PUBLIC = K * POLY_BYTES, AT_HASH = AT_PUBLIC + MLKEM768_PUBLIC, AT_Z = AT_HASH + SEED };
_Static_assert(AT_Z + SEED == MLKEM768_SECRET, "parts of the secret key");

struct poly { int16_t c[N]; };
struct vec { struct poly p[K]; };

/* FIPS 203, appendix A: 17^BitRev7(i), times R. */
static const int16_t zeta[128] = {
	-1044, -758, -359, -1517, 1493, 1422, 287, 202, -171, 622, 1577, 182,
	962, -1202, -1474, 1468, 573, -1325, 264, 383, -829, 1458, -1602, -130,
	-681, 1017, 732, 608, -1542, 411, -205, -1571, 1223, 652, -552, 1015,
	-1293, 1491, -282, -1544, 516, -8, -320, -666, -1618, -1162, 126, 1469,
	-853, -90, -271, 830, 107, -1421, -247, -951, -398, 961, -1508, -725,
	448, -1065, 677, -1275, -1103, 430, 555, 843, -1251, 871, 1550, 105,
	422, 587, 177, -235, -291, -460, 1574, 1653, -246, 778, 1159, -147,
	-777, 1483, -602, 1119, -1590, 644, -872, 349, 418, 329, -156, -75,
	817, 1097, 603, 610, 1322, -1285, -1465, 384, -1215, -136, 1218, -1335,
	-874, 220, -1187, -1659, -1185, -1530, -1278, 794, -1510, -854, -870, 478,
	-108, -308, 996, 991, 958, -1460, 1522, 1628,
};

/* a b / R mod q, within (-q, q) for |a b| < 2^15 q. */
static inline int16_t mul(int16_t a, int16_t b)
{
	int16_t t = (int16_t)((int16_t)(a * b) * Q_INVERSE);
	return (int16_t)((a * b >> 16) - (t * Q >> 16));
}

/* Within [-q/2, q/2]. 20159 = round(2^26 / q). */
static inline int16_t reduce(int16_t a)
{
	int16_t t = (int16_t)((20159 * a + (1 << 25)) >> 26);
	return (int16_t)(a - t * Q);
}

/* In [0, q), from a reduced value. */
static inline uint16_t positive(int16_t a)
{
	return (uint16_t)(a + (a >> 15 & Q));
}

static void poly_reduce(struct poly *a)
{
	for (unsigned i = 0; i < N; i++)
		a->c[i] = reduce(a->c[i]);
}

static void poly_add(struct poly *a, const struct poly *b)
{
	for (unsigned i = 0; i < N; i++)
		a->c[i] = (int16_t)(a->c[i] + b->c[i]);
}

/* Algorithm 9. Each of 7 layers adds less than q: reduced input stays within 8q < 2^15. */
static void ntt(struct poly *a)
{
	for (unsigned len = N / 2, k = 1; len >= 2; len /= 2)
		for (unsigned start = 0; start < N; start += 2 * len, k++) {
			int16_t *low = a->c + start, *high = low + len;
			for (unsigned j = 0; j < len; j++) {
				int16_t t = mul(high[j], zeta[k]);
				high[j] = (int16_t)(low[j] - t);
				low[j] = (int16_t)(low[j] + t);
			}
		}
	poly_reduce(a);
}

/* Algorithm 10, times R (which takes out the 1/R of a product). Input reduced. */
static void ntt_inverse(struct poly *a)
{
	for (unsigned len = 2, k = 127; len <= N / 2; len *= 2)
		for (unsigned start = 0; start < N; start += 2 * len, k--) {
			int16_t *low = a->c + start, *high = low + len;
			for (unsigned j = 0; j < len; j++) {
				int16_t t = low[j];
				low[j] = reduce((int16_t)(t + high[j]));
				high[j] = mul((int16_t)(high[j] - t), zeta[k]);
			}
		}
	for (unsigned i = 0; i < N; i++)
		a->c[i] = mul(a->c[i], R_SQUARED_BY_128);
}

/* Algorithms 11 and 12, summed over the vector: a . b / R, reduced. Inputs within (-q, q). */
static void dot(struct poly *out, const struct vec *a, const struct vec *b)
{
	struct poly sum = {0};
	for (unsigned k = 0; k < K; k++)
		for (unsigned i = 0; i < N; i += 2) {
			const int16_t *x = a->p[k].c + i, *y = b->p[k].c + i;
			int16_t z = zeta[64 + i / 4], high = mul(x[1], y[1]);
			int16_t signed_high = mul(high, i % 4 ? (int16_t)-z : z);
			sum.c[i] = (int16_t)(sum.c[i] + mul(x[0], y[0]) + signed_high);
			sum.c[i + 1] = (int16_t)(sum.c[i + 1] + mul(x[0], y[1]) + mul(x[1], y[0]));
		}
	poly_reduce(&sum);
	*out = sum;
	mem_wipe(&sum, sizeof(sum));
}

/* Algorithm 5 with d = 12. */
static void poly_encode(uint8_t out[POLY_BYTES], const struct poly *a)
{
	for (unsigned i = 0; i < N / 2; i++) {
		unsigned x = positive(a->c[2 * i]), y = positive(a->c[2 * i + 1]);
		out[3 * i] = (uint8_t)x;
		out[3 * i + 1] = (uint8_t)(x >> 8 | y << 4);
		out[3 * i + 2] = (uint8_t)(y >> 4);
	}
}

/* Algorithm 6 with d = 12; false if a coefficient is not below q. */
static bool poly_decode(struct poly *out, const uint8_t in[POLY_BYTES])
{
	unsigned over = 0;
	for (unsigned i = 0; i < N / 2; i++) {
		unsigned x = in[3 * i] | (in[3 * i + 1] & 15u) << 8, y = in[3 * i + 1] >> 4 | (unsigned)in[3 * i + 2] << 4;
		over |= (Q - 1 - x) | (Q - 1 - y);
		out->c[2 * i] = (int16_t)x;
		out->c[2 * i + 1] = (int16_t)y;
	}
	return over >> 31 == 0;
}

/* round(2^bits x / q) mod 2^bits by a product with 1/q; equal to the division for every x below q (checked by
 * trying them all). */
static inline uint32_t compress(int16_t a, unsigned bits)
{
	uint64_t x = ((uint64_t)positive(a) << bits) + Q / 2 + 1;
	return (uint32_t)(x * 1290167 >> 32) & ((1u << bits) - 1);
}

static inline int16_t decompress(uint32_t x, unsigned bits)
{
	return (int16_t)((x * Q + (1u << (bits - 1))) >> bits);
}

static void compress_u(uint8_t out[U_BYTES], const struct poly *a)
{
	for (unsigned i = 0; i < N; i += 4, out += 5) {
		uint64_t v = 0;
		for (unsigned j = 0; j < 4; j++)
			v |= (uint64_t)compress(a->c[i + j], 10) << 10 * j;
		for (unsigned j = 0; j < 5; j++)
			out[j] = (uint8_t)(v >> 8 * j);
	}
}

static void decompress_u(struct poly *a, const uint8_t in[U_BYTES])
{
	for (unsigned i = 0; i < N; i += 4, in += 5) {
		uint64_t v = 0;
		for (unsigned j = 0; j < 5; j++)
			v |= (uint64_t)in[j] << 8 * j;
		for (unsigned j = 0; j < 4; j++)
			a->c[i + j] = decompress((uint32_t)(v >> 10 * j) & 1023, 10);
	}
}

static void compress_v(uint8_t out[V_BYTES], const struct poly *a)
{
	for (unsigned i = 0; i < V_BYTES; i++)
		out[i] = (uint8_t)(compress(a->c[2 * i], 4) | compress(a->c[2 * i + 1], 4) << 4);
}

static void decompress_v(struct poly *a, const uint8_t in[V_BYTES])
{
	for (unsigned i = 0; i < V_BYTES; i++) {
		a->c[2 * i] = decompress(in[i] & 15, 4);
		a->c[2 * i + 1] = decompress(in[i] >> 4, 4);
	}
}

static void message_to_poly(struct poly *a, const uint8_t m[MLKEM768_MESSAGE])
{
	for (unsigned i = 0; i < N; i++)
		a->c[i] = (int16_t)(-(m[i / 8] >> i % 8 & 1) & ((Q + 1) / 2));
}

static void poly_to_message(uint8_t m[MLKEM768_MESSAGE], const struct poly *a)
{
	for (unsigned i = 0; i < MLKEM768_MESSAGE; i++) {
		unsigned byte = 0;
		for (unsigned j = 0; j < 8; j++)
			byte |= compress(a->c[8 * i + j], 1) << j;
		m[i] = (uint8_t)byte;
	}
}

/* Algorithm 7. The seed is public, so rejection may show in time. */
static void sample_uniform(struct poly *a, const uint8_t rho[SEED], uint8_t column, uint8_t row)
{
	const uint8_t place[2] = {column, row};
	uint8_t block[SHAKE128_RATE];
	struct keccak k;
	keccak_init(&k, SHAKE128_RATE);
	keccak_absorb(&k, rho, SEED);
	keccak_absorb(&k, place, sizeof(place));
	keccak_finish(&k, KECCAK_PAD_SHAKE);
	for (unsigned n = 0; n < N;) {
		keccak_squeeze(&k, block, sizeof(block));
		for (unsigned i = 0; i < sizeof(block) && n < N; i += 3) {
			int x = block[i] | (block[i + 1] & 15) << 8, y = block[i + 1] >> 4 | block[i + 2] << 4;
			if (x < Q)
				a->c[n++] = (int16_t)x;
			if (y < Q && n < N)
				a->c[n++] = (int16_t)y;
		}
	}
}

/* One row of the matrix, or with turned set one column: what a product needs at a time. */
static void matrix_row(struct vec *out, const uint8_t rho[SEED], uint8_t row, bool turned)
{
	for (uint8_t j = 0; j < K; j++)
		sample_uniform(&out->p[j], rho, turned ? row : j, turned ? j : row);
}

/* Algorithm 8 with eta = 2: differences of two sums of two bits. */
static void sample_noise(struct poly *a, const uint8_t seed[SEED], uint8_t nonce)
{
	uint8_t bytes[N / 2];
	shake256(bytes, sizeof(bytes), slice_of(seed, SEED), slice_of(&nonce, 1));
	for (unsigned i = 0; i < N / 2; i++) {
		unsigned sums = (bytes[i] & 0x55u) + (bytes[i] >> 1 & 0x55u);
		a->c[2 * i] = (int16_t)((int)(sums & 3) - (int)(sums >> 2 & 3));
		a->c[2 * i + 1] = (int16_t)((int)(sums >> 4 & 3) - (int)(sums >> 6 & 3));
	}
	mem_wipe(bytes, sizeof(bytes));
}

/* Algorithms 13 and 16. */
void mlkem768_keypair(uint8_t pk[MLKEM768_PUBLIC], uint8_t sk[MLKEM768_SECRET], const uint8_t seed[MLKEM768_SEED])
{
	static const uint8_t rank = K;
	uint8_t rho_sigma[2 * SEED];
	struct vec s, row;
	struct poly e, t;
	sha3_512(rho_sigma, slice_of(seed, SEED), slice_of(&rank, 1));
	const uint8_t *sigma = rho_sigma + SEED;
	uint8_t *rho = pk + K * POLY_BYTES;
	memcpy(rho, rho_sigma, SEED);
	ct_declassify(rho, SEED);
	for (uint8_t i = 0; i < K; i++) {
		sample_noise(&s.p[i], sigma, i);
		ntt(&s.p[i]);
		poly_encode(sk + i * POLY_BYTES, &s.p[i]);
	}
	for (uint8_t i = 0; i < K; i++) {
		sample_noise(&e, sigma, (uint8_t)(K + i));
		ntt(&e);
		matrix_row(&row, rho, i, false);
		dot(&t, &row, &s);
		for (unsigned j = 0; j < N; j++)
			t.c[j] = reduce((int16_t)(mul(t.c[j], R_SQUARED) + e.c[j]));
		poly_encode(pk + i * POLY_BYTES, &t);
	}
	memcpy(sk + AT_PUBLIC, pk, MLKEM768_PUBLIC);
	sha3_256(sk + AT_HASH, slice_of(pk, MLKEM768_PUBLIC), slice_of(NULL, 0));
	memcpy(sk + AT_Z, seed + SEED, SEED);
	mem_wipe(rho_sigma, sizeof(rho_sigma));
	mem_wipe(&s, sizeof(s));
	mem_wipe(&e, sizeof(e));
	mem_wipe(&t, sizeof(t));
}

/* Algorithm 14; t is the decoded public key. */
static void encrypt(uint8_t ct[MLKEM768_CIPHERTEXT], const struct vec *t, const uint8_t rho[SEED],
	const uint8_t m[MLKEM768_MESSAGE], const uint8_t coins[SEED])
{
	struct vec y, column;
	struct poly e, sum;
	for (uint8_t i = 0; i < K; i++) {
		sample_noise(&y.p[i], coins, i);
		ntt(&y.p[i]);
	}
	for (uint8_t i = 0; i < K; i++) {
		matrix_row(&column, rho, i, true);
		dot(&sum, &column, &y);
		ntt_inverse(&sum);
		sample_noise(&e, coins, (uint8_t)(K + i));
		poly_add(&sum, &e);
		poly_reduce(&sum);
		compress_u(ct + i * U_BYTES, &sum);
	}
	dot(&sum, t, &y);
	ntt_inverse(&sum);
	sample_noise(&e, coins, 2 * K);
	poly_add(&sum, &e);
	message_to_poly(&e, m);
	poly_add(&sum, &e);
	poly_reduce(&sum);
	compress_v(ct + K * U_BYTES, &sum);
	mem_wipe(&y, sizeof(y));
	mem_wipe(&e, sizeof(e));
	mem_wipe(&sum, sizeof(sum));
}

/* Algorithm 15. */
static void decrypt(uint8_t m[MLKEM768_MESSAGE], const uint8_t ct[MLKEM768_CIPHERTEXT], const uint8_t sk[MLKEM768_SECRET])
{
	struct vec u, s;
	struct poly v, w;
	for (unsigned i = 0; i < K; i++) {
		decompress_u(&u.p[i], ct + i * U_BYTES);
		ntt(&u.p[i]);
		(void)poly_decode(&s.p[i], sk + i * POLY_BYTES);
	}
	decompress_v(&v, ct + K * U_BYTES);
	dot(&w, &s, &u);
	ntt_inverse(&w);
	for (unsigned i = 0; i < N; i++)
		w.c[i] = reduce((int16_t)(v.c[i] - w.c[i]));
	poly_to_message(m, &w);
	mem_wipe(&s, sizeof(s));
	mem_wipe(&w, sizeof(w));
}

/* Algorithm 17, with the check of section 7.2. */
bool mlkem768_encaps(uint8_t ct[MLKEM768_CIPHERTEXT], uint8_t shared[MLKEM768_SHARED],
	const uint8_t pk[MLKEM768_PUBLIC], const uint8_t m[MLKEM768_MESSAGE])
{
	uint8_t hash[32], key_coins[64];
	struct vec t;
	bool good = true;
	for (unsigned i = 0; i < K; i++)
		good &= poly_decode(&t.p[i], pk + i * POLY_BYTES);
	if (!good)
		return false;
	sha3_256(hash, slice_of(pk, MLKEM768_PUBLIC), slice_of(NULL, 0));
	sha3_512(key_coins, slice_of(m, MLKEM768_MESSAGE), slice_of(hash, sizeof(hash)));
	encrypt(ct, &t, pk + K * POLY_BYTES, m, key_coins + 32);
	memcpy(shared, key_coins, MLKEM768_SHARED);
	mem_wipe(key_coins, sizeof(key_coins));
	return true;
}

/* Algorithm 18. */
void mlkem768_decaps(uint8_t shared[MLKEM768_SHARED], const uint8_t ct[MLKEM768_CIPHERTEXT],
	const uint8_t sk[MLKEM768_SECRET])
{
	const uint8_t *pk = sk + AT_PUBLIC;
	uint8_t m[MLKEM768_MESSAGE], key_coins[64], rejected[32], again[MLKEM768_CIPHERTEXT];
	struct vec t;
	decrypt(m, ct, sk);
	sha3_512(key_coins, slice_of(m, sizeof(m)), slice_of(sk + AT_HASH, 32));
	shake256(rejected, sizeof(rejected), slice_of(sk + AT_Z, SEED), slice_of(ct, MLKEM768_CIPHERTEXT));
	for (unsigned i = 0; i < K; i++)
		(void)poly_decode(&t.p[i], pk + i * POLY_BYTES);
	encrypt(again, &t, pk + K * POLY_BYTES, m, key_coins + 32);
	uint32_t difference = 0;
	for (unsigned i = 0; i < MLKEM768_CIPHERTEXT; i++)
		difference |= (uint32_t)(ct[i] ^ again[i]);
	uint8_t mask = (uint8_t)ct_mask((difference - 1) >> 24);   /* all ones where nothing differed */
	for (unsigned i = 0; i < MLKEM768_SHARED; i++)
		shared[i] = (uint8_t)((key_coins[i] & mask) | (rejected[i] & ~mask));
	mem_wipe(m, sizeof(m));
	mem_wipe(key_coins, sizeof(key_coins));
	mem_wipe(rejected, sizeof(rejected));
	mem_wipe(again, sizeof(again));
}
