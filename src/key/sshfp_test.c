#include "key/sshfp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "key/keyfile.h"

enum { MAX = 1 << 16, AD = 0x8020, PLAIN = 0x8000 };
#define ED "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt"

static void put_name(struct buf *b, bool pointer)
{
	if (pointer) {
		put_u16(b, 0xc00c);
		return;
	}
	put_u8(b, 4), put_str(b, "host"), put_u8(b, 4), put_str(b, "test"), put_u8(b, 0);
}

static void put_head(struct buf *b, uint16_t flags, uint16_t answers)
{
	put_u16(b, 77), put_u16(b, flags), put_u16(b, 1), put_u16(b, answers), put_u32(b, 0);
	put_name(b, false);
	put_u16(b, SSHFP_TYPE), put_u16(b, 1);
}

static void put_record(struct buf *b, uint16_t type, uint16_t class, int algorithm, int hash, struct slice data)
{
	put_name(b, true);
	put_u16(b, type), put_u16(b, class), put_u32(b, 60), put_u16(b, (uint16_t)(data.n + 2));
	put_u8(b, (uint8_t)algorithm), put_u8(b, (uint8_t)hash), put_bytes(b, data);
}

static struct key *make(uint8_t digest[HASH_MAX], const struct hash_alg *h)
{
	struct key *k = keyfile_line(SLICE_LIT(ED), NULL, NULL);
	struct buf blob = BUF_INIT(MAX);
	key_blob(k, &blob);
	hash_once(h, buf_slice(&blob), digest);
	buf_clear(&blob);
	return k;
}

static void records_are_judged(void **state)
{
	(void)state;
	uint8_t right[HASH_MAX], wrong[HASH_MAX] = {0}, sha1[HASH_MAX];
	key_free(make(sha1, &hash_sha1));
	struct key *k = make(right, &hash_sha256);
	const struct slice r = {right, 32}, w = {wrong, 32}, s = {sha1, 20}, cut = {right, 31};
	const struct { int n, alg[2], hash[2]; struct slice data[2]; uint16_t type, class; enum sshfp_verdict want; } rows[] = {
		{1, {4}, {2}, {r}, SSHFP_TYPE, 1, SSHFP_MATCH},
		{1, {4}, {1}, {s}, SSHFP_TYPE, 1, SSHFP_MATCH},
		{1, {4}, {2}, {w}, SSHFP_TYPE, 1, SSHFP_MISMATCH},
		{1, {4}, {2}, {cut}, SSHFP_TYPE, 1, SSHFP_MISMATCH},
		{1, {1}, {2}, {r}, SSHFP_TYPE, 1, SSHFP_MISMATCH},
		{1, {0}, {2}, {r}, SSHFP_TYPE, 1, SSHFP_MISMATCH},
		{1, {4}, {3}, {r}, SSHFP_TYPE, 1, SSHFP_NONE},
		{2, {4, 4}, {2, 2}, {r, w}, SSHFP_TYPE, 1, SSHFP_MISMATCH},   /* one that says otherwise spoils it */
		{2, {4, 4}, {1, 2}, {s, r}, SSHFP_TYPE, 1, SSHFP_MATCH},
		{2, {1, 4}, {2, 2}, {w, r}, SSHFP_TYPE, 1, SSHFP_MATCH},
		{1, {4}, {2}, {r}, 46, 1, SSHFP_NONE},                        /* RRSIG */
		{1, {4}, {2}, {r}, SSHFP_TYPE, 3, SSHFP_NONE},
		{0, {0}, {0}, {{0}}, 0, 0, SSHFP_NONE},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b = BUF_INIT(MAX);
		struct err e = {0};
		bool authentic;
		put_head(&b, i % 2 ? AD : PLAIN, (uint16_t)rows[i].n);
		for (int j = 0; j < rows[i].n; j++)
			put_record(&b, rows[i].type, rows[i].class, rows[i].alg[j], rows[i].hash[j], rows[i].data[j]);
		if (sshfp_check(buf_slice(&b), k, &authentic, &e) != rows[i].want || authentic != (i % 2 == 1))
			fail_msg("row %zu: %s", i, e.text);
		buf_clear(&b);
	}
	key_free(k);
}

static void broken_answers_say_nothing(void **state)
{
	(void)state;
	uint8_t right[HASH_MAX];
	struct key *k = make(right, &hash_sha256);
	struct buf b = BUF_INIT(MAX);
	struct err e;
	bool authentic;
	put_head(&b, AD, 1);
	put_record(&b, SSHFP_TYPE, 1, 4, 2, slice_of(right, 32));
	assert_int_equal(sshfp_check(buf_slice(&b), k, &authentic, &e), SSHFP_MATCH);
	for (size_t n = 0; n < b.len; n++) {
		assert_int_equal(sshfp_check(slice_of(b.p, n), k, &authentic, &e), SSHFP_NONE);
		assert_false(authentic);
	}
	b.p[3] |= 2;                                        /* SERVFAIL */
	assert_int_equal(sshfp_check(buf_slice(&b), k, &authentic, &e), SSHFP_NONE);
	b.p[3] &= 0xf0;
	b.p[2] = 0;                                         /* a question, not an answer */
	assert_int_equal(sshfp_check(buf_slice(&b), k, &authentic, &e), SSHFP_NONE);
	buf_clear(&b);
	key_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(records_are_judged), cmocka_unit_test(broken_answers_say_nothing)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
