#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/mem.h"
#include "crypto/safeprime.h"

static void put_hex_text(struct buf *out, const char *hex)
{
	for (; *hex; hex += 2) {
		char two[] = {hex[0], hex[1], 0};
		put_u8(out, (uint8_t)strtoul(two, NULL, 16));
	}
}

/* RFC 2409, 6.2: the 1024 bit group, generator 2. */
static const char group2[] =
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B"
	"302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6"
	"49286651ECE65381FFFFFFFFFFFFFFFF";

static void knows_a_published_group(void **state)
{
	(void)state;
	struct buf p = BUF_INIT(4096);
	put_hex_text(&p, group2);
	assert_int_equal(safeprime_bits(buf_slice(&p)), 1024);
	assert_true(safeprime_test(buf_slice(&p), 8));
	for (size_t at = 0; at < p.len; at += 9) {
		p.p[at] ^= 4;
		assert_false(safeprime_test(buf_slice(&p), 8));
		p.p[at] ^= 4;
	}
	buf_clear(&p);
}

/* 2^521 - 1 is prime but not safe; q of Carmichael's kind fails by its random bases. */
static void a_prime_alone_is_not_enough(void **state)
{
	(void)state;
	struct buf p = BUF_INIT(4096);
	put_hex_text(&p, "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
		"FFFFFF");
	assert_false(safeprime_test(buf_slice(&p), 8));
	buf_clear(&p);
}

static uint64_t mod_small(struct slice n, uint64_t r)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n.n; i++)
		v = (v * 256 + n.p[i]) % r;
	return v;
}

static void what_the_sieve_leaves_has_no_small_factor(void **state)
{
	(void)state;
	uint8_t start[64] = {0x4d, 1, 2, 3};
	struct safeprime_sieve *s = safeprime_sieve_new(512, slice_of(start, sizeof start));
	unsigned percent = 0, before = 0;
	assert_non_null(s);
	while (safeprime_sieve_step(s, &percent)) {
		assert_true(percent >= before && percent <= 100);
		before = percent;
	}
	struct buf q = BUF_INIT(4096), p = BUF_INIT(4096);
	size_t n = 0, safe = 0;
	for (; n < 2000 && safeprime_sieve_next(s, &q); n++) {
		assert_int_equal(safeprime_bits(buf_slice(&q)), 511);
		safeprime_from_q(buf_slice(&q), &p);
		assert_int_equal(safeprime_bits(buf_slice(&p)), 512);
		for (uint64_t r = 3; r < 2000; r += 2)
			if (mod_small(buf_slice(&q), r) == 0 || mod_small(buf_slice(&p), r) == 0)
				fail_msg("candidate %zu has the factor %u", n, (unsigned)r);
		safe += safeprime_test(buf_slice(&p), 4);
		buf_reset(&q);
		buf_reset(&p);
	}
	assert_int_equal(n, 2000);
	assert_true(safe > 0 && safe < 50);                 /* one in a few hundred is expected */
	safeprime_sieve_free(s);
	buf_clear(&q);
	buf_clear(&p);
}

/* Every number of the interval that is struck has a factor: nothing good is lost. Tried over the first stretch. */
static void the_sieve_loses_nothing(void **state)
{
	(void)state;
	uint8_t start[64] = {0x4d, 1, 2, 3};
	struct safeprime_sieve *s = safeprime_sieve_new(512, slice_of(start, sizeof start));
	unsigned percent;
	while (safeprime_sieve_step(s, &percent))
		;
	struct buf q = BUF_INIT(4096), p = BUF_INIT(4096), at = BUF_INIT(4096);
	assert_true(safeprime_sieve_next(s, &q));
	put_bytes(&at, slice_of(start, sizeof start));
	at.p[63] |= 1;
	for (unsigned i = 0; i < 3000; i++) {
		safeprime_from_q(buf_slice(&at), &p);
		bool left = slice_eq(buf_slice(&at), buf_slice(&q));
		if (!left && safeprime_test(buf_slice(&p), 1))
			fail_msg("number %u is safe and was struck", i);
		if (left) {
			buf_reset(&q);
			assert_true(safeprime_sieve_next(s, &q));
		}
		buf_reset(&p);
		for (size_t k = 64, carry = 2; k-- > 0 && carry; carry >>= 8) {
			carry += at.p[k];
			at.p[k] = (uint8_t)carry;
		}
	}
	safeprime_sieve_free(s);
	buf_clear(&q);
	buf_clear(&p);
	buf_clear(&at);
}

static void limits_and_generators(void **state)
{
	(void)state;
	uint8_t tiny[] = {7}, p[64] = {0};
	assert_null(safeprime_sieve_new(510, slice_of(NULL, 0)));
	assert_null(safeprime_sieve_new(16385, slice_of(NULL, 0)));
	assert_null(safeprime_sieve_new(512, slice_of(tiny, 1)));
	p[63] = 35;                                         /* 35 = 11 (mod 24); 23 = 3 (mod 10); 29: neither */
	assert_int_equal(safeprime_generator(slice_of(p, 64)), 2);
	p[63] = 23;
	assert_int_equal(safeprime_generator(slice_of(p, 64)), 5);
	p[63] = 29;
	assert_int_equal(safeprime_generator(slice_of(p, 64)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_a_published_group),
		cmocka_unit_test(a_prime_alone_is_not_enough),
		cmocka_unit_test(what_the_sieve_leaves_has_no_small_factor),
		cmocka_unit_test(the_sieve_loses_nothing),
		cmocka_unit_test(limits_and_generators),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
