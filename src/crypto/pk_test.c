#include "crypto/pk.h"

#include <openssl/ec.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "test/vectors.h"

static const struct { enum pk_kind kind; const struct hash_alg *hash; unsigned bits; } kinds[] = {
	{PK_ED25519, NULL, 256}, {PK_P256, &hash_sha256, 256}, {PK_P384, &hash_sha384, 384}, {PK_P521, &hash_sha512, 521},
	{PK_RSA, &hash_sha256, 1024}, {PK_RSA, &hash_sha512, 2048}, {PK_RSA, &hash_sha1, 1024},
};

static void what_is_signed_is_verified(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct pk *k = pk_generate(kinds[i].kind, kinds[i].bits, NULL);
		struct buf sig = BUF_INIT(4096);
		assert_int_equal(pk_kind(k), kinds[i].kind);
		assert_int_equal(pk_bits(k), kinds[i].bits);
		assert_true(pk_has_private(k));
		for (int run = 0; run < 3; run++) {
			buf_reset(&sig);
			assert_true(pk_sign(k, kinds[i].hash, SLICE_LIT("a text"), &sig, NULL));
			assert_int_equal(pk_verify(k, kinds[i].hash, SLICE_LIT("a text"), buf_slice(&sig)), VERDICT_VERIFIED);
		}
		assert_int_equal(pk_verify(k, kinds[i].hash, SLICE_LIT("a texT"), buf_slice(&sig)), VERDICT_REFUSED);
		assert_int_equal(pk_verify(k, kinds[i].hash, SLICE_LIT("a text"), (struct slice){NULL, 0}), VERDICT_REFUSED);
		for (size_t at = 0; at < sig.len; at++) {
			sig.p[at] ^= 4;
			assert_int_equal(pk_verify(k, kinds[i].hash, SLICE_LIT("a text"), buf_slice(&sig)), VERDICT_REFUSED);
			sig.p[at] ^= 4;
			assert_int_equal(pk_verify(k, kinds[i].hash, SLICE_LIT("a text"), slice_of(sig.p, at)), VERDICT_REFUSED);
		}
		put_u8(&sig, 0);
		assert_int_equal(pk_verify(k, kinds[i].hash, SLICE_LIT("a text"), buf_slice(&sig)), VERDICT_REFUSED);
		buf_clear(&sig);
		pk_free(k);
	}
}

static void parts_make_the_same_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct buf store = BUF_INIT_SECRET(20000), again = BUF_INIT_SECRET(20000), sig = BUF_INIT(4096);
		struct pk_parts parts, other;
		struct pk *k = pk_generate(kinds[i].kind, kinds[i].bits, NULL);
		pk_parts(k, &store, &parts);
		struct pk *same = pk_from_parts(kinds[i].kind, &parts, NULL);
		assert_non_null(same);
		pk_parts(same, &again, &other);
		assert_true(slice_eq(buf_slice(&store), buf_slice(&again)));
		struct pk_parts public = {.pub = parts.pub, .n = parts.n, .e = parts.e};
		struct pk *half = pk_from_parts(kinds[i].kind, &public, NULL);
		assert_non_null(half);
		assert_true(pk_has_private(same));
		assert_false(pk_has_private(half));
		assert_true(pk_sign(same, kinds[i].hash, SLICE_LIT("x"), &sig, NULL));
		assert_int_equal(pk_verify(half, kinds[i].hash, SLICE_LIT("x"), buf_slice(&sig)), VERDICT_VERIFIED);
		struct err err = {0};
		assert_false(pk_sign(half, kinds[i].hash, SLICE_LIT("x"), &sig, &err));
		assert_int_equal(err.code, ERR_MISSING);
		buf_reset(&store);
		pk_parts(half, &store, &other);
		assert_int_equal(other.priv.n + other.d.n + other.p.n + other.q.n + other.iqmp.n, 0);
		struct pk *shared = pk_copy(k);
		pk_free(k), pk_free(same), pk_free(half);
		assert_int_equal(pk_bits(shared), kinds[i].bits);
		pk_free(shared);
		buf_clear(&store), buf_clear(&again), buf_clear(&sig);
	}
	pk_free(NULL);
}

static void refused(enum pk_kind kind, const struct pk_parts *parts)
{
	struct err err = {0};
	assert_null(pk_from_parts(kind, parts, &err));
	assert_true(err.code == ERR_FORMAT || err.code == ERR_LIMIT);
	assert_true(strlen(err.text) > 10);
}

/* Each single byte of each private part matters, and no stranger's part fits. */
static void mismatched_halves_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct buf a = BUF_INIT_SECRET(20000), b = BUF_INIT_SECRET(20000);
		struct pk_parts x, y;
		struct pk *k = pk_generate(kinds[i].kind, kinds[i].bits, NULL), *l = pk_generate(kinds[i].kind, kinds[i].bits, NULL);
		pk_parts(k, &a, &x);
		pk_parts(l, &b, &y);
		struct pk_parts mixed = x;
		mixed.priv = y.priv, mixed.d = y.d;
		refused(kinds[i].kind, &mixed);
		if (kinds[i].kind == PK_RSA) {
			mixed = x, mixed.p = y.p;
			refused(PK_RSA, &mixed);
			mixed = x, mixed.iqmp = y.iqmp;
			refused(PK_RSA, &mixed);
			mixed = x, mixed.p = x.n, mixed.q = slice_of("\1", 1);
			refused(PK_RSA, &mixed);
			mixed = x, mixed.q = (struct slice){NULL, 0};
			refused(PK_RSA, &mixed);
		}
		pk_free(k), pk_free(l);
		buf_clear(&a), buf_clear(&b);
	}
}

static void malformed_public_keys_are_refused(void **state)
{
	(void)state;
	static uint8_t big[2049], even[128], good[128], point[133];
	memset(big, 0xff, sizeof big);
	memset(even, 0xfe, sizeof even);
	memset(good, 0xff, sizeof good);
	memset(point, 4, sizeof point);
	struct slice e = slice_of("\1\0\1", 3);
	refused(PK_RSA, &(struct pk_parts){.n = slice_of(big, sizeof big), .e = e});
	refused(PK_RSA, &(struct pk_parts){.n = slice_of(even, sizeof even), .e = e});
	refused(PK_RSA, &(struct pk_parts){.n = slice_of(good, 127), .e = e});
	refused(PK_RSA, &(struct pk_parts){.n = slice_of(good, sizeof good), .e = slice_of("\1", 1)});
	refused(PK_RSA, &(struct pk_parts){.n = slice_of(good, sizeof good), .e = slice_of("\4", 1)});
	refused(PK_RSA, &(struct pk_parts){.n = slice_of(good, sizeof good), .e = slice_of(good, 33)});
	refused(PK_RSA, &(struct pk_parts){.n = slice_of(good, sizeof good)});
	refused(PK_RSA, &(struct pk_parts){.e = e});
	for (int kind = PK_P256; kind <= PK_P521; kind++) {
		refused((enum pk_kind)kind, &(struct pk_parts){.pub = slice_of(point, kind == PK_P256 ? 65 : kind == PK_P384 ? 97 : 133)});
		refused((enum pk_kind)kind, &(struct pk_parts){.pub = slice_of(point, 33)});
		refused((enum pk_kind)kind, &(struct pk_parts){.pub = slice_of("\0", 1)});
		refused((enum pk_kind)kind, &(struct pk_parts){0});
	}
	refused(PK_ED25519, &(struct pk_parts){.pub = slice_of(good, 31)});
	refused(PK_ED25519, &(struct pk_parts){.pub = slice_of(good, 33)});
	refused(PK_ED25519, &(struct pk_parts){.pub = slice_of(good, 32)});            /* y above the field */
	struct err err = {0};
	assert_null(pk_generate(PK_RSA, 1023, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_null(pk_generate(PK_RSA, 16385, NULL));
}

static struct pk *ed25519_from(struct slice pub)
{
	return pk_from_parts(PK_ED25519, &(struct pk_parts){.pub = pub}, NULL);
}

/* RFC 8032, 7.1, test 2. */
static void ed25519_of_the_rfc(void **state)
{
	(void)state;
	struct buf seed = BUF_INIT(32), pub = BUF_INIT(32), want = BUF_INIT(64), sig = BUF_INIT(64);
	assert_true(vectors_unhex(SLICE_LIT("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"), &seed));
	assert_true(vectors_unhex(SLICE_LIT("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"), &pub));
	assert_true(vectors_unhex(SLICE_LIT("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	                                    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"), &want));
	struct pk *k = pk_from_parts(PK_ED25519, &(struct pk_parts){.pub = buf_slice(&pub), .priv = buf_slice(&seed)}, NULL);
	assert_non_null(k);
	assert_true(pk_sign(k, NULL, slice_of("\x72", 1), &sig, NULL));
	assert_true(slice_eq(buf_slice(&sig), buf_slice(&want)));
	/* S + order is the same number for the curve, and refused: RFC 8032, 5.1.7. */
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	                                  [31] = 0x10};
	unsigned carry = 0;
	for (size_t i = 0; i < 32; i++, carry >>= 8)
		sig.p[32 + i] = (uint8_t)(carry += sig.p[32 + i] + (unsigned)order[i]);
	assert_int_equal(pk_verify(k, NULL, slice_of("\x72", 1), buf_slice(&sig)), VERDICT_REFUSED);
	pk_free(k);
	buf_clear(&seed), buf_clear(&pub), buf_clear(&want), buf_clear(&sig);
}

static void small_and_odd_points_are_no_keys(void **state)
{
	(void)state;
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	};
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct buf pub = BUF_INIT(32);
		assert_true(vectors_unhex(slice_str(points[i]), &pub));
		assert_null(ed25519_from(buf_slice(&pub)));
		buf_clear(&pub);
	}
}

/* The keys and signatures of C2SP/CCTV that implementations judge differently: our policy, case by case. */
static void cctv_by_our_policy(void **state)
{
	(void)state;
	size_t taken = 0, all = 0;
	struct vectors *v = vectors_open("cctv/ed25519vectors.json");
	while (vectors_next(v)) {
		bool good = !vectors_flag(v, "low_order_A") && !vectors_flag(v, "non_canonical_A") && !vectors_flag(v, "non_canonical_R") &&
		            !vectors_flag(v, "low_order_residue");
		struct pk *k = ed25519_from(vectors_hex(v, "key"));
		bool ok = k && pk_verify(k, NULL, vectors_str(v, "msg"), vectors_hex(v, "sig")) == VERDICT_VERIFIED;
		if (ok != good)
			fail_msg("number %ld", vectors_int(v, "number"));
		pk_free(k);
		all++, taken += ok;
	}
	if (v)
		assert_true(all > 500 && taken > 0);
	vectors_close(v);
}

static void ed25519_of_wycheproof(void **state)
{
	(void)state;
	struct vectors *v = vectors_open("wycheproof/ed25519_test.json");
	while (vectors_next(v)) {
		struct pk *k = ed25519_from(vectors_hex(v, "publicKey.pk"));
		assert_non_null(k);
		bool ok = pk_verify(k, NULL, vectors_hex(v, "msg"), vectors_hex(v, "sig")) == VERDICT_VERIFIED;
		if (ok != vectors_is(v, "result", "valid"))
			fail_msg("test %ld", vectors_int(v, "tcId"));
		pk_free(k);
	}
	vectors_close(v);
}

static void put_bn(struct buf *out, const BIGNUM *n)
{
	uint8_t bytes[200];
	put_mpint(out, slice_of(bytes, (size_t)BN_bn2bin(n, bytes)));
}

/* Those signatures are DER: what is no DER of two positive numbers that fit has no form in SSH. */
static bool ssh_form(struct slice der, struct buf *out)
{
	const unsigned char *p = der.p;
	uint8_t again[500], *q = again;
	ECDSA_SIG *rs = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	if (rs == NULL)
		return false;
	int n = i2d_ECDSA_SIG(rs, NULL);
	bool ok = (size_t)n == der.n && der.n <= sizeof again && i2d_ECDSA_SIG(rs, &q) == n && memcmp(again, der.p, der.n) == 0 &&
	          !BN_is_negative(ECDSA_SIG_get0_r(rs)) && !BN_is_negative(ECDSA_SIG_get0_s(rs)) && BN_num_bytes(ECDSA_SIG_get0_r(rs)) < 200 &&
	          BN_num_bytes(ECDSA_SIG_get0_s(rs)) < 200;
	if (ok) {
		put_bn(out, ECDSA_SIG_get0_r(rs));
		put_bn(out, ECDSA_SIG_get0_s(rs));
	}
	ECDSA_SIG_free(rs);
	return ok;
}

static void check_ecdsa(const char *file, enum pk_kind kind, const struct hash_alg *hash)
{
	size_t refusals = 0, taken = 0;
	struct vectors *v = vectors_open(file);
	while (vectors_next(v)) {
		struct buf sig = BUF_INIT(1000);
		if (ssh_form(vectors_hex(v, "sig"), &sig)) {
			struct pk *k = pk_from_parts(kind, &(struct pk_parts){.pub = vectors_hex(v, "publicKey.uncompressed")}, NULL);
			assert_non_null(k);
			bool ok = pk_verify(k, hash, vectors_hex(v, "msg"), buf_slice(&sig)) == VERDICT_VERIFIED;
			if (ok != vectors_is(v, "result", "valid"))
				fail_msg("%s, test %ld", file, vectors_int(v, "tcId"));
			pk_free(k);
			taken += ok, refusals += !ok;
		}
		buf_clear(&sig);
	}
	if (v)
		assert_true(taken > 50 && refusals > 50);
	vectors_close(v);
}

static void ecdsa_of_wycheproof(void **state)
{
	(void)state;
	check_ecdsa("wycheproof/ecdsa_secp256r1_sha256_test.json", PK_P256, &hash_sha256);
	check_ecdsa("wycheproof/ecdsa_secp384r1_sha384_test.json", PK_P384, &hash_sha384);
	check_ecdsa("wycheproof/ecdsa_secp521r1_sha512_test.json", PK_P521, &hash_sha512);
}

/* r and s as SSH has them: negative, not minimal, zero, too long, with something behind. */
static void malformed_ecdsa_signatures_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "00000001", "0000000101", "00000001010000000100", "0000000000000001", "00000001010000000", "0000000181000000017f",
		"000000020001000000017f", "000000017f000000020001", "00000001010000000101ff",
	};
	struct pk *k = pk_generate(PK_P256, 0, NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf sig = BUF_INIT(100);
		(void)!vectors_unhex(slice_str(bad[i]), &sig);
		assert_int_equal(pk_verify(k, &hash_sha256, SLICE_LIT("x"), buf_slice(&sig)), VERDICT_REFUSED);
		buf_clear(&sig);
	}
	static uint8_t large[5000];
	memset(large, 0x11, sizeof large);
	struct buf sig = BUF_INIT(20000);
	put_mpint(&sig, slice_of(large, sizeof large));
	put_mpint(&sig, slice_of(large, sizeof large));
	assert_int_equal(pk_verify(k, &hash_sha256, SLICE_LIT("x"), buf_slice(&sig)), VERDICT_REFUSED);
	buf_clear(&sig);
	pk_free(k);
}

static void check_rsa(const char *file, const struct hash_alg *hash)
{
	struct vectors *v = vectors_open(file);
	while (vectors_next(v)) {
		struct slice n = vectors_hex(v, "publicKey.modulus");
		if (n.n > 0 && n.p[0] == 0)
			n = slice_from(n, 1);
		struct pk *k = pk_from_parts(PK_RSA, &(struct pk_parts){.n = n, .e = vectors_hex(v, "publicKey.publicExponent")}, NULL);
		bool ok = k && pk_verify(k, hash, vectors_hex(v, "msg"), vectors_hex(v, "sig")) == VERDICT_VERIFIED;
		if (!vectors_is(v, "result", "acceptable") && ok != vectors_is(v, "result", "valid"))
			fail_msg("%s, test %ld", file, vectors_int(v, "tcId"));
		pk_free(k);
	}
	vectors_close(v);
}

static void rsa_of_wycheproof(void **state)
{
	(void)state;
	check_rsa("wycheproof/rsa_signature_2048_sha256_test.json", &hash_sha256);
	check_rsa("wycheproof/rsa_signature_2048_sha512_test.json", &hash_sha512);
	check_rsa("wycheproof/rsa_signature_3072_sha256_test.json", &hash_sha256);
	check_rsa("wycheproof/rsa_signature_3072_sha512_test.json", &hash_sha512);
	check_rsa("wycheproof/rsa_signature_4096_sha256_test.json", &hash_sha256);
	check_rsa("wycheproof/rsa_signature_4096_sha512_test.json", &hash_sha512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_is_verified),
		cmocka_unit_test(parts_make_the_same_key),
		cmocka_unit_test(mismatched_halves_are_refused),
		cmocka_unit_test(malformed_public_keys_are_refused),
		cmocka_unit_test(ed25519_of_the_rfc),
		cmocka_unit_test(small_and_odd_points_are_no_keys),
		cmocka_unit_test(cctv_by_our_policy),
		cmocka_unit_test(ed25519_of_wycheproof),
		cmocka_unit_test(ecdsa_of_wycheproof),
		cmocka_unit_test(malformed_ecdsa_signatures_are_refused),
		cmocka_unit_test(rsa_of_wycheproof),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
