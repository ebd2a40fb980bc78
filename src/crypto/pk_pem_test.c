#include "crypto/pk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "crypto/filecipher.h"

static const struct { enum pk_kind kind; unsigned bits; } kinds[] = {{PK_ED25519, 0}, {PK_P256, 0}, {PK_P384, 0}, {PK_P521, 0}, {PK_RSA, 1024}};
static const struct { enum pk_pem form; bool private; } forms[] = {
	{PK_PEM, true}, {PK_PKCS8, true}, {PK_PKCS8_PUBLIC, false}, {PK_PEM_PUBLIC, false},
};

static void assert_same(const struct pk *a, const struct pk *b, bool private)
{
	struct buf x = BUF_INIT_SECRET(20000), y = BUF_INIT_SECRET(20000);
	struct pk_parts p, q;
	pk_parts(a, &x, &p);
	pk_parts(b, &y, &q);
	assert_int_equal(pk_kind(a), pk_kind(b));
	assert_int_equal(pk_has_private(b), private);
	assert_true(slice_eq(p.pub, q.pub) && slice_eq(p.n, q.n) && slice_eq(p.e, q.e));
	if (private)
		assert_true(slice_eq(buf_slice(&x), buf_slice(&y)));
	buf_clear(&x), buf_clear(&y);
}

static void check_text(const struct pk *k, enum pk_pem form, bool private, struct slice pass)
{
	struct buf text = BUF_INIT_SECRET(20000);
	struct err err = {0};
	if (!pk_to_pem(k, form, pass, &text, &err)) {
		assert_true(pk_kind(k) == PK_ED25519 && form == PK_PEM);
		assert_int_equal(err.code, ERR_UNSUPPORTED);
		return;
	}
	assert_non_null(memmem(text.p, text.len, "-----BEGIN ", 11));
	struct pk *same = pk_from_pem(buf_slice(&text), pass, &err);
	assert_non_null(same);
	assert_same(k, same, private);
	pk_free(same);
	assert_int_equal(memmem(text.p, text.len, "ENCRYPTED", 9) != NULL, private && pass.n > 0);
	if (private && pass.n > 0) {
		assert_null(pk_from_pem(buf_slice(&text), (struct slice){NULL, 0}, &err));
		assert_int_equal(err.code, ERR_PASSPHRASE);
		assert_null(pk_from_pem(buf_slice(&text), SLICE_LIT("wrong one"), &err));
		assert_int_equal(err.code, ERR_PASSPHRASE);
		assert_null(pk_from_pem(buf_slice(&text), SLICE_LIT(""), &err));
		assert_int_equal(err.code, ERR_PASSPHRASE);
	}
	buf_clear(&text);
}

static void every_form_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct pk *k = pk_generate(kinds[i].kind, kinds[i].bits, NULL);
		for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
			check_text(k, forms[f].form, forms[f].private, (struct slice){NULL, 0});
			check_text(k, forms[f].form, forms[f].private, SLICE_LIT("a passphrase"));
		}
		pk_free(k);
	}
}

static void heads_are_the_expected_ones(void **state)
{
	(void)state;
	static const struct { enum pk_kind kind; enum pk_pem form; const char *head; } heads[] = {
		{PK_RSA, PK_PEM, "-----BEGIN RSA PRIVATE KEY-----\n"}, {PK_P256, PK_PEM, "-----BEGIN EC PRIVATE KEY-----\n"},
		{PK_RSA, PK_PKCS8, "-----BEGIN PRIVATE KEY-----\n"}, {PK_RSA, PK_PEM_PUBLIC, "-----BEGIN RSA PUBLIC KEY-----\n"},
		{PK_P256, PK_PEM_PUBLIC, "-----BEGIN PUBLIC KEY-----\n"}, {PK_RSA, PK_PKCS8_PUBLIC, "-----BEGIN PUBLIC KEY-----\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		struct buf text = BUF_INIT_SECRET(20000);
		struct pk *k = pk_generate(heads[i].kind, 1024, NULL);
		assert_true(pk_to_pem(k, heads[i].form, (struct slice){NULL, 0}, &text, NULL));
		assert_true(slice_has_prefix(buf_slice(&text), heads[i].head));
		pk_free(k);
		buf_clear(&text);
	}
}

/* A well-formed key of a kind that SSH has no name for. */
static const char x25519_text[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MC4CAQAwBQYDK2VuBCIEIHAHhlB0Nnl0OnbJ7YaC7yJ2gXvYfY2nU4S4V0pzPn1o\n"
	"-----END PRIVATE KEY-----\n";

static void other_keys_are_unsupported(void **state)
{
	(void)state;
	struct err err = {0};
	assert_null(pk_from_pem(SLICE_LIT(x25519_text), (struct slice){NULL, 0}, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
}

static void damaged_texts_are_errors(void **state)
{
	(void)state;
	struct buf text = BUF_INIT_SECRET(20000);
	struct err err = {0};
	struct pk *k = pk_generate(PK_P256, 0, NULL);
	assert_true(pk_to_pem(k, PK_PKCS8, (struct slice){NULL, 0}, &text, NULL));
	for (size_t n = 0; n < text.len - 30; n += 7) {
		assert_null(pk_from_pem(slice_of(text.p, n), (struct slice){NULL, 0}, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
	assert_null(pk_from_pem((struct slice){NULL, 0}, (struct slice){NULL, 0}, &err));
	assert_null(pk_from_pem(SLICE_LIT("ssh-ed25519 AAAA"), (struct slice){NULL, 0}, NULL));
	pk_free(k);
	buf_clear(&text);
}

static void a_public_key_has_no_private_text(void **state)
{
	(void)state;
	struct buf text = BUF_INIT_SECRET(20000), store = BUF_INIT_SECRET(20000);
	struct pk_parts parts;
	struct err err = {0};
	struct pk *k = pk_generate(PK_ED25519, 0, NULL);
	pk_parts(k, &store, &parts);
	parts.priv = (struct slice){NULL, 0};
	struct pk *half = pk_from_parts(PK_ED25519, &parts, NULL);
	assert_false(pk_to_pem(half, PK_PKCS8, (struct slice){NULL, 0}, &text, &err));
	assert_int_equal(err.code, ERR_MISSING);
	assert_int_equal(text.len, 0);
	pk_free(k), pk_free(half);
	buf_clear(&store);
}

/* Texts must not depend on what the process did before: every algorithm is fetched already. */
static void late_is_as_good_as_early(void **state)
{
	assert_non_null(filecipher_find(SLICE_LIT("aes256-cbc")));
	assert_non_null(filecipher_find(SLICE_LIT("3des-cbc")));
	every_form_comes_back(state);
	crypto_start();
	every_form_comes_back(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_is_as_good_as_early),       /* first: the ciphers are fetched before any PEM code runs */
		cmocka_unit_test(every_form_comes_back),
		cmocka_unit_test(heads_are_the_expected_ones),
		cmocka_unit_test(other_keys_are_unsupported),
		cmocka_unit_test(damaged_texts_are_errors),
		cmocka_unit_test(a_public_key_has_no_private_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
