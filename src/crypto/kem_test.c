#include "crypto/kem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "crypto/kem_impl.h"
#include "crypto/mlkem768.h"
#include "crypto/sntrup761.h"
#include "test/vectors.h"

/* One side's view of an exchange. */
struct bufs { struct buf init, reply, client, server; };

static void bufs_init(struct bufs *b)
{
	*b = (struct bufs){BUF_INIT(4096), BUF_INIT(4096), BUF_INIT_SECRET(4096), BUF_INIT_SECRET(4096)};
}

static void bufs_clear(struct bufs *b)
{
	buf_clear(&b->init), buf_clear(&b->reply), buf_clear(&b->client), buf_clear(&b->server);
}

static const struct kem_group *group_for(const struct kem_alg *alg, struct kem_group *g)
{
	if (!alg->group_exchange)
		return NULL;
	*g = kem_fallback_group(2048, 2048, 8192);
	return g;
}

/* What goes into the exchange hash: an mpint without excess, or a string as long as the hash. */
static void check_encoding(const struct kem_alg *alg, struct slice shared)
{
	struct reader r = reader_of(shared);
	if (alg->post_quantum)
		assert_int_equal(get_string(&r).n, alg->hash->len);
	else
		assert_true(get_mpint(&r).n > 0);
	assert_true(get_end(&r));
}

static void both_ends_agree(void **state)
{
	(void)state;
	size_t count;
	const struct kem_alg *algs = kem_list(&count);
	for (size_t i = 0; i < count; i++) {
		struct kem_group g;
		const struct kem_group *group = group_for(&algs[i], &g);
		for (int run = 0; run < (algs[i].ops == &kem_dh ? 1 : 4); run++) {
			struct bufs b;
			bufs_init(&b);
			struct kem *k = kem_client_start(&algs[i], group, &b.init);
			assert_non_null(k);
			assert_true(kem_server_reply(&algs[i], group, buf_slice(&b.init), &b.reply, &b.server));
			assert_true(kem_client_finish(k, buf_slice(&b.reply), &b.client));
			assert_true(slice_eq(buf_slice(&b.client), buf_slice(&b.server)));
			check_encoding(&algs[i], buf_slice(&b.client));
			kem_free(k);
			bufs_clear(&b);
		}
	}
}

/* Sizes on the wire: draft-ietf-sshm-mlkem-hybrid-kex, 2.2 and 2.3; draft-ietf-sshm-ntruprime-ssh, 3; RFC 8731; RFC 5656. */
static void public_values_have_their_sizes(void **state)
{
	(void)state;
	static const struct { const char *name; size_t init, reply; } sizes[] = {
		{"mlkem768x25519-sha256", 1216, 1120}, {"mlkem768nistp256-sha256", 1249, 1153},
		{"sntrup761x25519-sha512", 1190, 1071}, {"sntrup761x25519-sha512@openssh.com", 1190, 1071},
		{"curve25519-sha256", 32, 32}, {"curve25519-sha256@libssh.org", 32, 32},
		{"ecdh-sha2-nistp256", 65, 65}, {"ecdh-sha2-nistp384", 97, 97}, {"ecdh-sha2-nistp521", 133, 133},
	};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct kem_alg *alg = kem_find(slice_str(sizes[i].name));
		struct bufs b;
		bufs_init(&b);
		assert_non_null(alg);
		struct kem *k = kem_client_start(alg, NULL, &b.init);
		assert_true(kem_server_reply(alg, NULL, buf_slice(&b.init), &b.reply, &b.server));
		assert_int_equal(b.init.len, sizes[i].init);
		assert_int_equal(b.reply.len, sizes[i].reply);
		kem_free(k);
		bufs_clear(&b);
	}
}

/* Neither side may take this value from the other, and nothing may come out. */
static void refuse(const struct kem_alg *alg, const struct kem_group *group, struct slice value)
{
	struct bufs b;
	bufs_init(&b);
	assert_false(kem_server_reply(alg, group, value, &b.reply, &b.server));
	assert_int_equal(b.server.len, 0);
	struct kem *k = kem_client_start(alg, group, &b.init);
	assert_non_null(k);
	assert_false(kem_client_finish(k, value, &b.client));
	assert_int_equal(b.client.len, 0);
	kem_free(k);
	bufs_clear(&b);
}

static void wrong_lengths_are_refused(void **state)
{
	(void)state;
	static const uint8_t zeros[5000];
	size_t count;
	const struct kem_alg *algs = kem_list(&count);
	for (size_t i = 0; i < count; i++) {
		struct kem_group g;
		const struct kem_group *group = group_for(&algs[i], &g);
		struct bufs b;
		bufs_init(&b);
		struct kem *k = kem_client_start(&algs[i], group, &b.init);
		assert_true(kem_server_reply(&algs[i], group, buf_slice(&b.init), &b.reply, &b.server));
		put_u8(&b.init, 1);
		put_u8(&b.reply, 1);
		buf_reset(&b.server);
		if (algs[i].ops != &kem_dh) {           /* a DH value may be shorter */
			assert_false(kem_server_reply(&algs[i], group, buf_slice(&b.init), &b.client, &b.server));
			assert_false(kem_server_reply(&algs[i], group, slice_of(b.init.p, b.init.len - 2), &b.client, &b.server));
			assert_false(kem_client_finish(k, buf_slice(&b.reply), &b.server));
			assert_false(kem_client_finish(k, slice_of(b.reply.p, b.reply.len - 2), &b.server));
		}
		assert_int_equal(b.server.len, 0);
		kem_free(k);
		bufs_clear(&b);
		refuse(&algs[i], group, (struct slice){NULL, 0});
		refuse(&algs[i], group, slice_of(zeros, sizeof zeros));
	}
}

/* RFC 7748's curve: points whose multiples by any clamped scalar are zero (0, 1, two of order 8, p - 1, p, p + 1). */
static void low_order_points_are_refused(void **state)
{
	(void)state;
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct buf point = BUF_INIT(64), init = BUF_INIT(4096), out = BUF_INIT(4096);
		assert_true(vectors_unhex(slice_str(points[i]), &point));
		refuse(kem_find(SLICE_LIT("curve25519-sha256")), NULL, buf_slice(&point));
		/* The same behind a good KEM key. */
		struct kem *k = kem_client_start(kem_find(SLICE_LIT("mlkem768x25519-sha256")), NULL, &init);
		buf_truncate(&init, MLKEM768_PUBLIC);
		put_bytes(&init, buf_slice(&point));
		assert_false(kem_server_reply(kem_find(SLICE_LIT("mlkem768x25519-sha256")), NULL, buf_slice(&init), &out, &out));
		assert_int_equal(out.len, 0);
		kem_free(k);
		buf_clear(&point), buf_clear(&init), buf_clear(&out);
	}
}

static void points_off_the_curve_are_refused(void **state)
{
	(void)state;
	static const char *const names[] = {"ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct kem_alg *alg = kem_find(slice_str(names[i]));
		struct buf init = BUF_INIT(200);
		struct kem *k = kem_client_start(alg, NULL, &init);
		init.p[init.len - 1] ^= 1;
		refuse(alg, NULL, buf_slice(&init));
		init.p[init.len - 1] ^= 1;
		init.p[0] = 6;                          /* the hybrid form, of the right length */
		refuse(alg, NULL, buf_slice(&init));
		init.p[0] = 2;
		refuse(alg, NULL, slice_of(init.p, (init.len + 1) / 2));
		init.p[0] = 0;
		refuse(alg, NULL, slice_of(init.p, 1));
		memset(init.p + 1, 0xff, init.len - 1);
		init.p[0] = 4;
		refuse(alg, NULL, buf_slice(&init));
		kem_free(k);
		buf_clear(&init);
	}
}

/* FIPS 203, 7.2: coefficients of q or more are no key. */
static void mlkem_keys_out_of_range_are_refused(void **state)
{
	(void)state;
	const struct kem_alg *alg = kem_find(SLICE_LIT("mlkem768x25519-sha256"));
	struct buf init = BUF_INIT(4096), out = BUF_INIT(4096);
	struct kem *k = kem_client_start(alg, NULL, &init);
	init.p[0] = 0x01, init.p[1] = (uint8_t)((init.p[1] & 0xf0) | 0x0d);    /* the first is 3329 */
	assert_false(kem_server_reply(alg, NULL, buf_slice(&init), &out, &out));
	assert_int_equal(out.len, 0);
	kem_free(k);
	buf_clear(&init), buf_clear(&out);
}

/* The hybrids by hand: which half comes first, and what is hashed. */
static void hybrids_combine_as_their_drafts_say(void **state)
{
	(void)state;
	static const struct { const char *name; bool ntru; enum kem_curve curve; } rows[] = {
		{"mlkem768x25519-sha256", false, CURVE_X25519}, {"mlkem768nistp256-sha256", false, CURVE_P256},
		{"sntrup761x25519-sha512", true, CURVE_X25519},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct kem_alg *alg = kem_find(slice_str(rows[i].name));
		const struct pq *pq = rows[i].ntru ? &pq_sntrup761 : &pq_mlkem768;
		uint8_t pk[1200], sk[PQ_SECRET_MAX], point[POINT_MAX], input[32 + SECRET_MAX], digest[HASH_MAX];
		struct buf init = BUF_INIT(4096), reply = BUF_INIT(4096), shared = BUF_INIT(100);
		EVP_PKEY *key = curve_generate(rows[i].curve);
		pq->keypair(pk, sk);
		curve_public(rows[i].curve, key, point);
		put_bytes(&init, slice_of(pk, pq->public_len));
		put_bytes(&init, slice_of(point, curve_public_len(rows[i].curve)));
		assert_true(kem_server_reply(alg, NULL, buf_slice(&init), &reply, &shared));
		assert_true(pq->decaps(input, reply.p, sk));
		assert_int_equal(curve_secret(rows[i].curve, key, slice_from(buf_slice(&reply), pq->ciphertext_len), input + 32), 32);
		hash_once(alg->hash, slice_of(input, 64), digest);
		assert_int_equal(shared.len, 4 + alg->hash->len);
		assert_int_equal(load_u32(shared.p), alg->hash->len);
		assert_memory_equal(shared.p + 4, digest, alg->hash->len);
		EVP_PKEY_free(key);
		buf_clear(&init), buf_clear(&reply), buf_clear(&shared);
	}
}

static void refuse_number(const struct kem_alg *alg, const BIGNUM *v, size_t leading_zeros)
{
	uint8_t bytes[300] = {0};
	int n = BN_num_bytes(v);
	BN_bn2bin(v, bytes + leading_zeros);
	refuse(alg, NULL, slice_of(bytes, (size_t)n + leading_zeros));
}

/* RFC 4253, 8: values outside of [2, p - 2]; and mpints that are negative or not minimal. */
static void dh_values_out_of_range_are_refused(void **state)
{
	(void)state;
	const struct kem_alg *alg = kem_find(SLICE_LIT("diffie-hellman-group14-sha256"));
	BIGNUM *p = BN_get_rfc3526_prime_2048(NULL), *v = BN_new();
	BN_zero(v);
	refuse_number(alg, v, 0);
	refuse_number(alg, v, 1);
	BN_one(v);
	refuse_number(alg, v, 0);
	BN_set_word(v, 5);
	refuse_number(alg, v, 1);                       /* not minimal */
	BN_copy(v, p);
	BN_sub_word(v, 1);
	refuse_number(alg, v, 1);
	refuse_number(alg, p, 1);
	BN_sub_word(v, 1);
	refuse_number(alg, v, 0);                       /* p - 2 without its sign byte is negative */
	BN_copy(v, p);
	BN_add_word(v, 5);
	refuse_number(alg, v, 1);
	BN_free(p);
	BN_free(v);
}

/* 2 and p - 2 are the ends of what is allowed. */
static void dh_values_at_the_ends_are_taken(void **state)
{
	(void)state;
	const struct kem_alg *alg = kem_find(SLICE_LIT("diffie-hellman-group14-sha256"));
	uint8_t bytes[257] = {0}, two = 2;
	BIGNUM *p = BN_get_rfc3526_prime_2048(NULL);
	BN_sub_word(p, 2);
	BN_bn2bin(p, bytes + 1);
	struct bufs b;
	bufs_init(&b);
	assert_true(kem_server_reply(alg, NULL, slice_of(bytes, sizeof bytes), &b.reply, &b.server));
	assert_true(kem_server_reply(alg, NULL, slice_of(&two, 1), &b.reply, &b.server));
	bufs_clear(&b);
	BN_free(p);
}

static bool takes_group(struct slice p, struct slice g)
{
	struct buf init = BUF_INIT(4096);
	struct kem_group group = {p, g};
	struct kem *k = kem_client_start(kem_find(SLICE_LIT("diffie-hellman-group-exchange-sha256")), &group, &init);
	kem_free(k);
	buf_clear(&init);
	return k != NULL;
}

static void bad_groups_are_refused(void **state)
{
	(void)state;
	struct kem_group good = kem_fallback_group(2048, 2048, 2048);
	static uint8_t p[1100], last[256];
	uint8_t one = 1;
	assert_true(takes_group(good.p, good.g));
	assert_false(takes_group(slice_of(good.p.p, 128), good.g));                     /* 1024 bits */
	assert_false(takes_group((struct slice){NULL, 0}, good.g));
	assert_false(takes_group(good.p, (struct slice){NULL, 0}));
	assert_false(takes_group(good.p, slice_of(&one, 1)));
	assert_false(takes_group(good.p, good.p));
	memcpy(last, good.p.p, 256);
	last[255] = (uint8_t)(last[255] - 1);
	assert_false(takes_group(good.p, slice_of(last, 256)));                         /* g = p - 1 */
	assert_false(takes_group(slice_of(last, 256), good.g));                         /* even */
	memset(p, 0xff, sizeof p);
	assert_false(takes_group(slice_of(p, 1025), good.g));                           /* 8200 bits */
	assert_false(takes_group(slice_of(p, sizeof p), good.g));
	assert_null(kem_client_start(kem_find(SLICE_LIT("diffie-hellman-group-exchange-sha256")), NULL, &(struct buf){.max = 10}));
}

/* SHA-256 of the primes, computed apart from libcrypto from pi by the formulas of RFC 2409, 6.2 and RFC 3526. */
static void fixed_primes_are_those_of_their_rfcs(void **state)
{
	(void)state;
	static const struct { const char *name, *digest; } rows[] = {
		{"diffie-hellman-group1-sha1", "3f35a3f5f6c4376a744acad409bb22f8d897f949d2311d885adaa890981b67a0"},
		{"diffie-hellman-group14-sha256", "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e"},
		{"diffie-hellman-group16-sha512", "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33"},
		{"diffie-hellman-group18-sha512", "39ab4feab950a3128fb71accb9fc3965d857012e081998a85996e3ea8b3c3bcf"},
	};
	BIGNUM *primes[] = {BN_get_rfc2409_prime_1024(NULL), BN_get_rfc3526_prime_2048(NULL), BN_get_rfc3526_prime_4096(NULL),
	                    BN_get_rfc3526_prime_8192(NULL)};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t bytes[1024], digest[HASH_MAX];
		struct buf want = BUF_INIT(64);
		int n = BN_bn2bin(primes[i], bytes);
		hash_once(&hash_sha256, slice_of(bytes, (size_t)n), digest);
		assert_true(vectors_unhex(slice_str(rows[i].digest), &want));
		assert_memory_equal(digest, want.p, 32);
		/* and the method works in that group: p - 2 is taken, p - 1 is not */
		const struct kem_alg *alg = kem_find(slice_str(rows[i].name));
		uint8_t value[1025] = {0};
		memcpy(value + 1, bytes, (size_t)n);
		value[n] = (uint8_t)(value[n] - 1);
		refuse(alg, NULL, slice_of(value, (size_t)n + 1));
		value[n] = (uint8_t)(value[n] - 1);
		struct buf reply = BUF_INIT(1100), shared = BUF_INIT(1100);
		assert_true(kem_server_reply(alg, NULL, slice_of(value, (size_t)n + 1), &reply, &shared));
		buf_clear(&reply), buf_clear(&shared), buf_clear(&want);
		BN_free(primes[i]);
	}
}

static void a_fallback_group_fits(void **state)
{
	(void)state;
	assert_int_equal(kem_fallback_group(2048, 2048, 8192).p.n, 256);
	assert_int_equal(kem_fallback_group(2048, 3072, 8192).p.n, 512);
	assert_int_equal(kem_fallback_group(2048, 7680, 8192).p.n, 1024);
	assert_int_equal(kem_fallback_group(2048, 9000, 8192).p.n, 1024);
	assert_int_equal(kem_fallback_group(2048, 8192, 4096).p.n, 512);
	assert_int_equal(kem_fallback_group(1024, 1024, 8192).p.n, 256);
	assert_int_equal(kem_fallback_group(2049, 2100, 4095).p.n, 0);
}

static EVP_PKEY *private_key(enum kem_curve curve, struct slice priv)
{
	if (curve == CURVE_X25519)
		return EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv.p, priv.n);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *d = BN_bin2bn(priv.p, (int)priv.n, NULL);
	const char *group = curve == CURVE_P256 ? "P-256" : curve == CURVE_P384 ? "P-384" : "P-521";
	OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	EVP_PKEY_fromdata_init(ctx);
	EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	BN_free(d);
	return key;
}

/* Valid and acceptable ones give the secret, but the zero secret and the compressed form are refused. */
static void check_wycheproof(const char *file, enum kem_curve curve)
{
	struct vectors *v = vectors_open(file);
	while (vectors_next(v)) {
		uint8_t secret[SECRET_MAX];
		bool good = !vectors_is(v, "result", "invalid") && !vectors_flag(v, "ZeroSharedSecret") && !vectors_flag(v, "CompressedPublic");
		EVP_PKEY *key = private_key(curve, vectors_hex(v, "private"));
		assert_non_null(key);
		size_t n = curve_secret(curve, key, vectors_hex(v, "public"), secret);
		if (n != (good ? vectors_hex(v, "shared").n : 0))
			fail_msg("%s, test %ld", file, vectors_int(v, "tcId"));
		assert_memory_equal(secret, vectors_hex(v, "shared").p, n);
		EVP_PKEY_free(key);
	}
	vectors_close(v);
}

static void secrets_of_wycheproof(void **state)
{
	(void)state;
	check_wycheproof("wycheproof/x25519_test.json", CURVE_X25519);
	check_wycheproof("wycheproof/ecdh_secp256r1_ecpoint_test.json", CURVE_P256);
	check_wycheproof("wycheproof/ecdh_secp384r1_ecpoint_test.json", CURVE_P384);
	check_wycheproof("wycheproof/ecdh_secp521r1_ecpoint_test.json", CURVE_P521);
}

/* RFC 7748, 6.1: Alice's secret, Bob's public value, what they share. */
static void x25519_of_the_rfc(void **state)
{
	(void)state;
	struct buf a = BUF_INIT(32), b = BUF_INIT(32), want = BUF_INIT(32);
	uint8_t secret[SECRET_MAX];
	assert_true(vectors_unhex(SLICE_LIT("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"), &a));
	assert_true(vectors_unhex(SLICE_LIT("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"), &b));
	assert_true(vectors_unhex(SLICE_LIT("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"), &want));
	EVP_PKEY *key = private_key(CURVE_X25519, buf_slice(&a));
	assert_int_equal(curve_secret(CURVE_X25519, key, buf_slice(&b), secret), 32);
	assert_memory_equal(secret, want.p, 32);
	EVP_PKEY_free(key);
	buf_clear(&a), buf_clear(&b), buf_clear(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_agree),
		cmocka_unit_test(public_values_have_their_sizes),
		cmocka_unit_test(wrong_lengths_are_refused),
		cmocka_unit_test(low_order_points_are_refused),
		cmocka_unit_test(points_off_the_curve_are_refused),
		cmocka_unit_test(mlkem_keys_out_of_range_are_refused),
		cmocka_unit_test(hybrids_combine_as_their_drafts_say),
		cmocka_unit_test(dh_values_out_of_range_are_refused),
		cmocka_unit_test(dh_values_at_the_ends_are_taken),
		cmocka_unit_test(bad_groups_are_refused),
		cmocka_unit_test(fixed_primes_are_those_of_their_rfcs),
		cmocka_unit_test(a_fallback_group_fits),
		cmocka_unit_test(x25519_of_the_rfc),
		cmocka_unit_test(secrets_of_wycheproof),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
