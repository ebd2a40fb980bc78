#include "crypto/safeprime.h"

#include <openssl/bn.h>

#include "base/mem.h"
#include "crypto/evp.h"

/* How far the sieve goes: over an interval in which some dozen safe primes are to be expected (their density falls with the
 * square of the bits), by primes up to a few times its length, where striking out becomes dearer than testing. */
enum { BITS_PER_BIT = 8, PRIMES_PER_NUMBER = 8, PRIMES_TOP = 1 << 28, STEP = 1 << 16 };

struct safeprime_sieve {
	BIGNUM *base;                                       /* q of index 0; the next is base + 2 */
	uint8_t *struck, *composite;                        /* bit i: base + 2i has a factor; bit i: 2i + 1 is no prime */
	uint32_t count, top, at, next;
};

static bool bit(const uint8_t *map, uint32_t i)
{
	return map[i / 8] >> (i % 8) & 1;
}

static void strike(uint8_t *map, uint32_t i)
{
	map[i / 8] = (uint8_t)(map[i / 8] | 1u << (i % 8));
}

/* Eratosthenes over the odd numbers up to top. */
static uint8_t *small_primes(uint32_t top)
{
	uint8_t *map = mem_new(top / 16 + 1);
	for (uint64_t n = 3; n * n <= top; n += 2)
		if (!bit(map, (uint32_t)(n / 2)))
			for (uint64_t m = n * n; m <= top; m += 2 * n)
				strike(map, (uint32_t)(m / 2));
	return map;
}

static BIGNUM *first_q(unsigned bits, struct slice start)
{
	BIGNUM *q = start.n ? BN_bin2bn(start.p, (int)start.n, NULL) : BN_new();
	crypto_must(q != NULL, "safe primes");
	if (start.n == 0)
		crypto_must(BN_rand(q, (int)bits - 1, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1, "safe primes");
	crypto_must(BN_set_bit(q, 0) == 1, "safe primes");
	return q;
}

struct safeprime_sieve *safeprime_sieve_new(unsigned bits, struct slice start)
{
	crypto_ready();
	if (bits < SAFEPRIME_BITS_MIN || bits > SAFEPRIME_BITS_MAX || start.n > SAFEPRIME_BITS_MAX / 8)
		return NULL;
	BIGNUM *base = first_q(bits, start);
	if (BN_num_bits(base) != (int)bits - 1) {
		BN_free(base);
		return NULL;
	}
	struct safeprime_sieve *s = mem_new(sizeof *s);
	s->base = base;
	s->count = bits * bits * BITS_PER_BIT;
	s->top = s->count >= PRIMES_TOP / PRIMES_PER_NUMBER ? PRIMES_TOP : s->count * PRIMES_PER_NUMBER;
	s->struck = mem_new(s->count / 8 + 1);
	s->composite = small_primes(s->top);
	s->at = 3;
	return s;
}

/* The first index i from which every r-th has base + 2i = rest (mod r). */
static uint32_t first_index(uint64_t base_mod, uint64_t rest, uint64_t r)
{
	uint64_t d = (rest + r - base_mod) % r;
	return (uint32_t)(d % 2 ? (d + r) / 2 : d / 2);
}

/* r divides q where q = 0, and 2q + 1 where q = (r - 1) / 2 (mod r). */
static void strike_multiples(struct safeprime_sieve *s, uint32_t r)
{
	uint64_t mod = BN_mod_word(s->base, r);
	for (uint64_t i = first_index(mod, 0, r); i < s->count; i += r)
		strike(s->struck, (uint32_t)i);
	for (uint64_t i = first_index(mod, (r - 1) / 2, r); i < s->count; i += r)
		strike(s->struck, (uint32_t)i);
}

bool safeprime_sieve_step(struct safeprime_sieve *s, unsigned *percent)
{
	uint32_t end = s->top - s->at > STEP ? s->at + STEP : s->top;
	for (; s->at < end; s->at += 2)
		if (!bit(s->composite, s->at / 2))
			strike_multiples(s, s->at);
	*percent = (unsigned)((uint64_t)s->at * 100 / s->top);
	return s->at < s->top;
}

static void put_number(struct buf *out, const BIGNUM *n)
{
	struct room room = buf_room(out, (size_t)BN_num_bytes(n));
	if (room.n)
		buf_add(out, (size_t)BN_bn2bin(n, room.p));
}

bool safeprime_sieve_next(struct safeprime_sieve *s, struct buf *out)
{
	while (s->next < s->count && bit(s->struck, s->next))
		s->next++;
	if (s->next == s->count)
		return false;
	BIGNUM *q = BN_dup(s->base);
	crypto_must(q && BN_add_word(q, 2 * (BN_ULONG)s->next++) == 1, "safe primes");
	put_number(out, q);
	BN_free(q);
	return true;
}

void safeprime_sieve_free(struct safeprime_sieve *s)
{
	if (!s)
		return;
	BN_free(s->base);
	mem_free(s->struck);
	mem_free(s->composite);
	mem_free(s);
}

/* One round of Miller-Rabin: n - 1 = odd * 2^twos. */
static bool passes(const BIGNUM *n, const BIGNUM *top, const BIGNUM *odd, int twos, const BIGNUM *a, BN_CTX *ctx, BN_MONT_CTX *mont)
{
	BIGNUM *x = BN_new();
	crypto_must(x && BN_mod_exp_mont(x, a, odd, n, ctx, mont) == 1, "safe primes");
	bool pass = BN_is_one(x) || BN_cmp(x, top) == 0;
	for (int i = 1; i < twos && !pass; i++) {
		crypto_must(BN_mod_sqr(x, x, n, ctx) == 1, "safe primes");
		pass = BN_cmp(x, top) == 0;
	}
	BN_free(x);
	return pass;
}

static bool is_prime(const BIGNUM *n, unsigned rounds, BN_CTX *ctx)
{
	BIGNUM *top = BN_dup(n), *odd = BN_new(), *a = BN_new(), *range = BN_dup(n);
	BN_MONT_CTX *mont = BN_MONT_CTX_new();
	int twos = 0;
	bool prime = BN_is_odd(n) && BN_num_bits(n) > 8;
	crypto_must(top && odd && a && range && mont && BN_sub_word(top, 1) == 1 && BN_sub_word(range, 3) == 1, "safe primes");
	if (prime) {
		while (!BN_is_bit_set(top, twos))
			twos++;
		crypto_must(BN_rshift(odd, top, twos) == 1 && BN_MONT_CTX_set(mont, n, ctx) == 1, "safe primes");
	}
	for (unsigned i = 0; i < rounds && prime; i++) {
		/* 2 is the cheapest base for the many that fail at once; then random ones from 2 to n - 2. */
		crypto_must(i ? BN_rand_range(a, range) == 1 && BN_add_word(a, 2) == 1 : BN_set_word(a, 2) == 1, "safe primes");
		prime = passes(n, top, odd, twos, a, ctx, mont);
	}
	BN_free(top);
	BN_free(odd);
	BN_free(a);
	BN_free(range);
	BN_MONT_CTX_free(mont);
	return prime;
}

static BIGNUM *number_of(struct slice s)
{
	BIGNUM *n = s.n <= SAFEPRIME_BITS_MAX / 8 ? BN_bin2bn(s.p, (int)s.n, NULL) : BN_new();
	crypto_must(n != NULL, "safe primes");
	return n;
}

/* First one round each, since nearly all fail there. */
bool safeprime_test(struct slice magnitude, unsigned rounds)
{
	crypto_ready();
	BIGNUM *p = number_of(magnitude), *q = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	crypto_must(q && ctx && BN_rshift1(q, p) == 1, "safe primes");
	bool safe = is_prime(q, 1, ctx) && is_prime(p, 1, ctx) && is_prime(p, rounds + 1, ctx) && is_prime(q, rounds + 1, ctx);
	BN_free(p);
	BN_free(q);
	BN_CTX_free(ctx);
	return safe;
}

void safeprime_from_q(struct slice magnitude, struct buf *out)
{
	BIGNUM *q = number_of(magnitude);
	crypto_must(BN_lshift1(q, q) == 1 && BN_add_word(q, 1) == 1, "safe primes");
	put_number(out, q);
	BN_free(q);
}

size_t safeprime_bits(struct slice magnitude)
{
	BIGNUM *n = number_of(magnitude);
	size_t bits = (size_t)BN_num_bits(n);
	BN_free(n);
	return bits;
}

/* 2 makes a group of all residues' half where p = 11 (mod 24), 5 where p = 3 or 7 (mod 10): RFC 2412, appendix E. */
unsigned safeprime_generator(struct slice magnitude)
{
	BIGNUM *p = number_of(magnitude);
	BN_ULONG of_24 = BN_mod_word(p, 24), of_10 = BN_mod_word(p, 10);
	BN_free(p);
	return of_24 == 11 ? 2 : of_10 == 3 || of_10 == 7 ? 5 : 0;
}
