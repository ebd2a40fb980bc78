#include "crypto/mldsa44_ring.h"

#include "base/mem.h"
#include "crypto/constant_time.h"
#include "crypto/keccak.h"

enum {
	Q_INVERSE = 58728449,           /* q^-1 mod 2^32 */
	R_SQUARED_BY_256 = 41978,       /* R^2 / 256 mod q */
	MASK_BYTES = 576,
};

/* FIPS 204, appendix B: 1753^BitRev8(i), times R. */
static const int32_t zeta[MLDSA_N] = {
	-4186625, 25847, -2608894, -518909, 237124, -777960, -876248, 466468, 1826347, 2353451,
	-359251, -2091905, 3119733, -2884855, 3111497, 2680103, 2725464, 1024112, -1079900, 3585928,
	-549488, -1119584, 2619752, -2108549, -2118186, -3859737, -1399561, -3277672, 1757237, -19422,
	4010497, 280005, 2706023, 95776, 3077325, 3530437, -1661693, -3592148, -2537516, 3915439,
	-3861115, -3043716, 3574422, -2867647, 3539968, -300467, 2348700, -539299, -1699267, -1643818,
	3505694, -3821735, 3507263, -2140649, -1600420, 3699596, 811944, 531354, 954230, 3881043,
	3900724, -2556880, 2071892, -2797779, -3930395, -1528703, -3677745, -3041255, -1452451, 3475950,
	2176455, -1585221, -1257611, 1939314, -4083598, -1000202, -3190144, -3157330, -3632928, 126922,
	3412210, -983419, 2147896, 2715295, -2967645, -3693493, -411027, -2477047, -671102, -1228525,
	-22981, -1308169, -381987, 1349076, 1852771, -1430430, -3343383, 264944, 508951, 3097992,
	44288, -1100098, 904516, 3958618, -3724342, -8578, 1653064, -3249728, 2389356, -210977,
	759969, -1316856, 189548, -3553272, 3159746, -1851402, -2409325, -177440, 1315589, 1341330,
	1285669, -1584928, -812732, -1439742, -3019102, -3881060, -3628969, 3839961, 2091667, 3407706,
	2316500, 3817976, -3342478, 2244091, -2446433, -3562462, 266997, 2434439, -1235728, 3513181,
	-3520352, -3759364, -1197226, -3193378, 900702, 1859098, 909542, 819034, 495491, -1613174,
	-43260, -522500, -655327, -3122442, 2031748, 3207046, -3556995, -525098, -768622, -3595838,
	342297, 286988, -2437823, 4108315, 3437287, -3342277, 1735879, 203044, 2842341, 2691481,
	-2590150, 1265009, 4055324, 1247620, 2486353, 1595974, -3767016, 1250494, 2635921, -3548272,
	-2994039, 1869119, 1903435, -1050970, -1333058, 1237275, -3318210, -1430225, -451100, 1312455,
	3306115, -1962642, -1279661, 1917081, -2546312, -1374803, 1500165, 777191, 2235880, 3406031,
	-542412, -2831860, -1671176, -1846953, -2584293, -3724270, 594136, -3776993, -2013608, 2432395,
	2454455, -164721, 1957272, 3369112, 185531, -1207385, -3183426, 162844, 1616392, 3014001,
	810149, 1652634, -3694233, -1799107, -3038916, 3523897, 3866901, 269760, 2213111, -975884,
	1717735, 472078, -426683, 1723600, -1803090, 1910376, -1667432, -1104333, -260646, -3833893,
	-2939036, -2235985, -420899, -2286327, 183443, -976891, 1612842, -3545687, -554416, 3919660,
	-48306, -1362209, 3937738, 1400424, -846154, 1976782,
};

/* a b / R, reduced, for |a b| < 2^31 q. */
static inline int32_t mul(int32_t a, int32_t b)
{
	int64_t product = (int64_t)a * b;
	int32_t t = (int32_t)((uint32_t)product * (uint32_t)Q_INVERSE);
	return (int32_t)((product - (int64_t)t * MLDSA_Q) >> 32);
}

/* Within 6283009, for a <= 2^31 - 2^22 - 1. */
static inline int32_t reduce(int32_t a)
{
	return a - ((a + (1 << 22)) >> 23) * MLDSA_Q;
}

/* Algorithm 41. Each of 8 layers adds less than q: within 9q, then reduced. */
void mldsa_ntt(struct mldsa_poly *a)
{
	for (unsigned len = MLDSA_N / 2, k = 1; len; len /= 2)
		for (unsigned start = 0; start < MLDSA_N; start += 2 * len, k++) {
			int32_t *low = a->c + start, *high = low + len;
			for (unsigned j = 0; j < len; j++) {
				int32_t t = mul(high[j], zeta[k]);
				high[j] = low[j] - t;
				low[j] = low[j] + t;
			}
		}
	for (unsigned i = 0; i < MLDSA_N; i++)
		a->c[i] = reduce(a->c[i]);
}

/* Algorithm 42. Sums double in each of 8 layers: 256 q is below 2^31. */
void mldsa_ntt_inverse(struct mldsa_poly *a)
{
	for (unsigned len = 1, k = MLDSA_N - 1; len < MLDSA_N; len *= 2)
		for (unsigned start = 0; start < MLDSA_N; start += 2 * len, k--) {
			int32_t *low = a->c + start, *high = low + len;
			for (unsigned j = 0; j < len; j++) {
				int32_t t = low[j];
				low[j] = t + high[j];
				high[j] = mul(high[j] - t, zeta[k]);
			}
		}
	for (unsigned i = 0; i < MLDSA_N; i++)
		a->c[i] = mul(a->c[i], R_SQUARED_BY_256);
}

void mldsa_dot(struct mldsa_poly *out, const struct mldsa_poly *a, const struct mldsa_poly *b, unsigned count)
{
	for (unsigned i = 0; i < MLDSA_N; i++) {
		int32_t sum = 0;
		for (unsigned k = 0; k < count; k++)
			sum += mul(a[k].c[i], b[k].c[i]);
		out->c[i] = reduce(sum);
	}
}

void mldsa_canonical(struct mldsa_poly *a)
{
	for (unsigned i = 0; i < MLDSA_N; i++) {
		int32_t r = reduce(a->c[i]);
		a->c[i] = r + (r >> 31 & MLDSA_Q);
	}
}

void mldsa_centre(struct mldsa_poly *a)
{
	mldsa_canonical(a);
	for (unsigned i = 0; i < MLDSA_N; i++)
		a->c[i] -= (MLDSA_Q / 2 - a->c[i]) >> 31 & MLDSA_Q;
}

uint32_t mldsa_norm_below(const struct mldsa_poly *a, int32_t bound)
{
	uint32_t below = UINT32_MAX;
	for (unsigned i = 0; i < MLDSA_N; i++) {
		int32_t sign = a->c[i] >> 31, magnitude = (a->c[i] ^ sign) - sign;
		below &= (uint32_t)((magnitude - bound) >> 31);
	}
	return below;
}

static void start(struct keccak *k, size_t rate, struct slice seed, uint8_t low, uint8_t high)
{
	const uint8_t number[2] = {low, high};
	keccak_init(k, rate);
	keccak_absorb(k, seed.p, seed.n);
	keccak_absorb(k, number, sizeof(number));
	keccak_finish(k, KECCAK_PAD_SHAKE);
}

/* Algorithm 30; the seed is public. */
void mldsa_sample_uniform(struct mldsa_poly *a, const uint8_t rho[MLDSA_RHO], uint8_t column, uint8_t row)
{
	uint8_t block[SHAKE128_RATE];
	struct keccak k;
	start(&k, SHAKE128_RATE, slice_of(rho, MLDSA_RHO), column, row);
	for (unsigned n = 0; n < MLDSA_N;) {
		keccak_squeeze(&k, block, sizeof(block));
		for (unsigned i = 0; i < sizeof(block) && n < MLDSA_N; i += 3) {
			int32_t v = block[i] | block[i + 1] << 8 | (block[i + 2] & 0x7f) << 16;
			if (v < MLDSA_Q)
				a->c[n++] = v;
		}
	}
}

/* Algorithm 31: which half-bytes are passed over says nothing about those that are taken. */
void mldsa_sample_secret(struct mldsa_poly *a, const uint8_t seed[MLDSA_SIGMA], uint16_t number)
{
	uint8_t block[SHAKE256_RATE];
	struct keccak k;
	start(&k, SHAKE256_RATE, slice_of(seed, MLDSA_SIGMA), (uint8_t)number, (uint8_t)(number >> 8));
	for (unsigned n = 0; n < MLDSA_N;) {
		keccak_squeeze(&k, block, sizeof(block));
		for (unsigned i = 0; i < 2 * sizeof(block) && n < MLDSA_N; i++) {
			int32_t half = block[i / 2] >> i % 2 * 4 & 15;
			uint32_t taken = (uint32_t)(half - 15) >> 31;
			ct_declassify(&taken, sizeof(taken));
			if (taken)
				a->c[n++] = MLDSA_ETA - (half - (205 * half >> 10) * 5);
		}
	}
	mem_wipe(block, sizeof(block));
	keccak_wipe(&k);
}

void mldsa_sample_mask(struct mldsa_poly *a, const uint8_t seed[MLDSA_SIGMA], uint16_t number)
{
	uint8_t bytes[MASK_BYTES];
	struct keccak k;
	start(&k, SHAKE256_RATE, slice_of(seed, MLDSA_SIGMA), (uint8_t)number, (uint8_t)(number >> 8));
	keccak_squeeze(&k, bytes, sizeof(bytes));
	mldsa_unpack(a, bytes, 18, MLDSA_GAMMA1);
	mem_wipe(bytes, sizeof(bytes));
	keccak_wipe(&k);
}

/* Algorithm 29; the challenge is part of the signature. */
void mldsa_sample_challenge(struct mldsa_poly *a, const uint8_t seed[MLDSA_C])
{
	uint8_t signs[8], j;
	struct keccak k;
	keccak_init(&k, SHAKE256_RATE);
	keccak_absorb(&k, seed, MLDSA_C);
	keccak_finish(&k, KECCAK_PAD_SHAKE);
	keccak_squeeze(&k, signs, sizeof(signs));
	*a = (struct mldsa_poly){0};
	for (unsigned n = 0, i = MLDSA_N - MLDSA_TAU; i < MLDSA_N; i++, n++) {
		do
			keccak_squeeze(&k, &j, 1);
		while (j > i);
		a->c[i] = a->c[j];
		a->c[j] = 1 - 2 * (signs[n / 8] >> n % 8 & 1);
	}
}

int32_t mldsa_power2round(int32_t r, int32_t *low)
{
	int32_t high = (r + (1 << (MLDSA_D - 1)) - 1) >> MLDSA_D;
	*low = r - (high << MLDSA_D);
	return high;
}

/* The division by 2 gamma2 as a product; equal to it for every r below q (checked by trying them all). */
int32_t mldsa_decompose(int32_t r, int32_t *low)
{
	int32_t high = (((r + 127) >> 7) * 11275 + (1 << 23)) >> 24;
	high ^= (43 - high) >> 31 & high;
	*low = r - high * 2 * MLDSA_GAMMA2;
	*low -= (MLDSA_Q / 2 - *low) >> 31 & MLDSA_Q;
	return high;
}

void mldsa_pack(uint8_t *out, const struct mldsa_poly *a, unsigned bits, int32_t offset)
{
	uint64_t waiting = 0;
	unsigned have = 0;
	for (unsigned i = 0; i < MLDSA_N; i++) {
		waiting |= (uint64_t)(uint32_t)(offset ? offset - a->c[i] : a->c[i]) << have;
		for (have += bits; have >= 8; have -= 8, waiting >>= 8)
			*out++ = (uint8_t)waiting;
	}
}

void mldsa_unpack(struct mldsa_poly *a, const uint8_t *in, unsigned bits, int32_t offset)
{
	uint64_t waiting = 0;
	unsigned have = 0;
	for (unsigned i = 0; i < MLDSA_N; i++) {
		for (; have < bits; have += 8)
			waiting |= (uint64_t)*in++ << have;
		int32_t value = (int32_t)(waiting & ((1u << bits) - 1));
		a->c[i] = offset ? offset - value : value;
		waiting >>= bits;
		have -= bits;
	}
}
