#include "key/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

static const char public_a[] = "AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt";

static void every_algorithm_signs(void **state)
{
	(void)state;
	size_t n;
	const struct key_alg *algs = key_alg_list(&n);
	assert_int_equal(n, 22);
	for (size_t i = 0; i < n; i++) {
		if (algs[i].plain || algs[i].form != KEY_FORM_PLAIN)
			continue;
		struct key *k = key_generate(slice_str(algs[i].type), 2048, NULL);
		assert_non_null(k);
		assert_string_equal(key_type(k), algs[i].type);
		assert_string_equal(key_word(k), algs[i].word);
		assert_ptr_equal(key_alg_find(slice_str(algs[i].name)), &algs[i]);
		struct buf sig = BUF_INIT(8192), blob = BUF_INIT(8192);
		assert_true(key_sign(k, &algs[i], SLICE_LIT("text"), &sig, NULL));
		key_blob(k, &blob);
		struct key *public = key_from_blob(buf_slice(&blob), NULL);
		assert_non_null(public);
		assert_false(key_has_private(public));
		assert_true(key_equal(k, public));
		for (size_t j = 0; j < n; j++)
			assert_int_equal(key_verify(public, &algs[j], SLICE_LIT("text"), buf_slice(&sig)), key_alg_plain(&algs[j]) == &algs[i] ? VERDICT_VERIFIED : VERDICT_REFUSED);
		assert_int_equal(key_verify(public, &algs[i], SLICE_LIT("texT"), buf_slice(&sig)), VERDICT_REFUSED);
		for (size_t cut = 0; cut < sig.len; cut++)
			assert_int_equal(key_verify(public, &algs[i], SLICE_LIT("text"), slice_of(sig.p, cut)), VERDICT_REFUSED);
		put_u8(&sig, 0);
		assert_int_equal(key_verify(public, &algs[i], SLICE_LIT("text"), buf_slice(&sig)), VERDICT_REFUSED);
		assert_false(key_sign(public, &algs[i], SLICE_LIT("text"), &sig, NULL));
		for (size_t j = 0; j < n; j++)
			assert_int_equal(key_sign(k, &algs[j], SLICE_LIT("text"), &sig, NULL), strcmp(key_alg_plain(&algs[j])->type, algs[i].type) == 0);
		struct key *copy = key_copy(k);
		key_free(k);
		assert_true(key_has_private(copy) && key_equal(copy, public));
		key_free(copy);
		key_free(public);
		buf_clear(&sig);
		buf_clear(&blob);
	}
}

/* A certificate's algorithm is negotiated, the signature bears the plain name (PROTOCOL.certkeys of OpenSSH). */
static void algorithms_of_certificates_sign_under_the_plain_name(void **state)
{
	(void)state;
	size_t n;
	const struct key_alg *algs = key_alg_list(&n);
	for (size_t i = 0; i < n; i++) {
		const struct key_alg *plain = key_alg_plain(&algs[i]);
		if (plain == &algs[i] || plain->form != KEY_FORM_PLAIN)
			continue;
		assert_null(plain->plain);
		assert_int_equal(plain->off, algs[i].off);
		assert_ptr_equal(plain->hash, algs[i].hash);
		assert_string_equal(key_kind_find(slice_str(plain->type))->cert, algs[i].type);
		struct key *k = key_generate(slice_str(plain->type), 2048, NULL);
		struct buf sig = BUF_INIT(8192);
		assert_true(key_sign(k, &algs[i], SLICE_LIT("text"), &sig, NULL));
		struct reader r = reader_of(buf_slice(&sig));
		assert_true(slice_eq_str(get_string(&r), plain->name));
		struct sk_flags flags = {true, true, true, 1};
		assert_int_equal(key_verify_sk(k, &algs[i], SLICE_LIT("text"), buf_slice(&sig), &flags), VERDICT_VERIFIED);
		assert_false(flags.sk || flags.touched || flags.verified || flags.counter);
		buf_clear(&sig);
		key_free(k);
	}
}

static void broken_blobs_are_refused(void **state)
{
	(void)state;
	size_t n;
	const struct key_kind *kinds = key_kind_list(&n);
	for (size_t i = 0; i < n; i++) {
		if (kinds[i].sk)
			continue;
		struct key *k = key_generate(slice_str(kinds[i].name), 1024, NULL);
		struct buf blob = BUF_INIT(8192);
		struct err err = {0};
		key_blob(k, &blob);
		for (size_t cut = 0; cut < blob.len; cut++) {
			uint8_t *exact = mem_new(cut);
			memcpy(exact, blob.p, cut);
			assert_null(key_from_blob(slice_of(exact, cut), &err));
			assert_int_not_equal(err.code, ERR_NONE);
			mem_free(exact);
		}
		put_u8(&blob, 0);
		assert_null(key_from_blob(buf_slice(&blob), &err));
		assert_int_equal(err.code, ERR_FORMAT);
		buf_clear(&blob);
		key_free(k);
	}
}

/* A name inside that is not the name outside, a curve of another type, a point of another curve. */
static void mixed_blobs_are_refused(void **state)
{
	(void)state;
	struct key *k = key_generate(SLICE_LIT("ecdsa-sha2-nistp256"), 0, NULL);
	struct buf blob = BUF_INIT(500), other = BUF_INIT(500);
	key_blob(k, &blob);
	struct reader r = reader_of(buf_slice(&blob));
	get_string(&r);
	get_string(&r);
	struct slice point = get_string(&r);
	static const char *const names[][2] = {
		{"ecdsa-sha2-nistp256", "nistp384"}, {"ecdsa-sha2-nistp384", "nistp256"}, {"ecdsa-sha2-nistp384", "nistp384"},
		{"ecdsa-sha2-nistp256", ""}, {"ecdsa-sha2-nistp256", "nistp256x"}, {"ssh-ed25519", "nistp256"}, {"ssh-dss", "x"}, {"rsa-sha2-512", "x"}, {"", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		buf_reset(&other);
		put_cstring(&other, names[i][0]);
		put_cstring(&other, names[i][1]);
		put_string(&other, point);
		assert_null(key_from_blob(buf_slice(&other), NULL));
	}
	key_free(k);
	buf_clear(&blob);
	buf_clear(&other);
}

static void fingerprints_are_openssh_s(void **state)
{
	(void)state;                                    /* ssh-keygen -l of Debian, for the key above */
	struct buf blob = BUF_INIT(200), text = BUF_INIT(200);
	assert_true(get_base64(SLICE_LIT(public_a), &blob));
	key_fingerprint(buf_slice(&blob), &hash_sha256, &text);
	assert_string_equal(buf_cstr(&text), "SHA256:Loyqv75PBRlz9ZAeq4NPMTQn41QfN3enffHqdEIUYAs");
	buf_reset(&text);
	key_fingerprint(buf_slice(&blob), &hash_md5, &text);
	assert_string_equal(buf_cstr(&text), "MD5:b4:c8:3f:31:43:c9:8c:4d:ea:01:bf:8d:20:b9:5d:31");
	buf_clear(&blob);
	buf_clear(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_algorithm_signs),
		cmocka_unit_test(algorithms_of_certificates_sign_under_the_plain_name),
		cmocka_unit_test(broken_blobs_are_refused),
		cmocka_unit_test(mixed_blobs_are_refused),
		cmocka_unit_test(fingerprints_are_openssh_s),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
