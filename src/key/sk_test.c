/* Keys of security keys: blobs, private halves, signatures, webauthn, certificates. */
#include "key/sk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/cert.h"
#include "key/keyfile.h"
#include "key/sshsig.h"

/* Public keys and signatures of OpenSSH 10.5's unit tests (regress/unittests/sshsig/testdata), made by real tokens, the last by
 * a browser. What is signed is "This is a test, this is only a test" in the namespace "unittest". */
static const char ed25519_sk_line[] = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIJsaDYXQYruc6bilCYDIK4YSOeG+zmrRO2M9t03//7LHAAAABHNzaDo= ED25519-SK test key";
static const char ed25519_sk_sig[] = "U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAgmxoNhdBiu5zpuKUJgMgrhhI54b7OatE7Yz23Tf//sscAAAAEc3NoOgAAAAh1bml0dGVzdAAAAAAAAAAGc2hhNTEyAAAAZwAAABpzay1zc2gtZWQyNTUxOUBvcGVuc3NoLmNvbQAAAEAi+7eTjW/+LQ2M+sCD+KFtH1n7VFFJon/SZFsxODyV8cWTlFKj617Ys1Ur5TV6uaEXQhck8rBA2oQIHTPANLIPARI0Vng=";
static const char ecdsa_sk_line[] = "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBKDVa5jRcT5V7E6ysmwVi7HJWh7p5D+hebLPakQcpnD2ajJZ6G/4WzuhlYWnclWY63JspDp299Rlhq5AT86/g8AAAAAEc3NoOg== ECDSA-SK test key";
static const char ecdsa_sk_sig[] = "U1NIU0lHAAAAAQAAAH8AAAAic2stZWNkc2Etc2hhMi1uaXN0cDI1NkBvcGVuc3NoLmNvbQAAAAhuaXN0cDI1NgAAAEEEoNVrmNFxPlXsTrKybBWLsclaHunkP6F5ss9qRBymcPZqMlnob/hbO6GVhadyVZjrcmykOnb31GWGrkBPzr+DwAAAAARzc2g6AAAACHVuaXR0ZXN0AAAAAAAAAAZzaGE1MTIAAAB3AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAABIAAAAIHohGwyy8iKT3zwd1TYA9V/Ioo7h/3zCJUtyq/Qigt/HAAAAIGzidTwq7D/kFa7Xjcp/KkdbIs4MfQpfAW/0OciajlpzARI0Vng=";
static const char ecdsa_sk_webauthn_line[] = "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBBRGwDjs4HhJFcn4tJ5Gr72KcmRmCS1OirETxaXvnsNApgoOLF1a/7rxldfSMHm73eT1nhHe97W8qicPPEAKDJQAAAALbWluZHJvdC5vcmc=";
static const char ecdsa_sk_webauthn_sig[] = "U1NIU0lHAAAAAQAAAIYAAAAic2stZWNkc2Etc2hhMi1uaXN0cDI1NkBvcGVuc3NoLmNvbQAAAAhuaXN0cDI1NgAAAEEEFEbAOOzgeEkVyfi0nkavvYpyZGYJLU6KsRPFpe+ew0CmCg4sXVr/uvGV19Iwebvd5PWeEd73tbyqJw88QAoMlAAAAAttaW5kcm90Lm9yZwAAAAh1bml0dGVzdAAAAAAAAAAGc2hhNTEyAAABhwAAACt3ZWJhdXRobi1zay1lY2RzYS1zaGEyLW5pc3RwMjU2QG9wZW5zc2guY29tAAAASQAAACBj2oMT9tb5wRXe6mdmf4/lgAO8wrgr95ouozwNg4itnQAAACEAtU9g5wz3HchUiLfLD6plr9T4TiJ32lVCrATSjpiy0SMBAAADHwAAABdodHRwczovL3d3dy5taW5kcm90Lm9yZwAAAON7InR5cGUiOiJ3ZWJhdXRobi5nZXQiLCJjaGFsbGVuZ2UiOiJVMU5JVTBsSEFBQUFDSFZ1YVhSMFpYTjBBQUFBQUFBQUFBWnphR0UxTVRJQUFBQkFMTHU4WmdjU3h0Nk1zRlV6dWlaZ0c2R3dNZEo5ZDd4ZUU3WW9SSXcwZzlpSEpfd3NGRDcxbzRXbHllenZGV0VqYnFRMHFDN0Z3R3Bqa2pVUVAtTmQ2dyIsIm9yaWdpbiI6Imh0dHBzOi8vd3d3Lm1pbmRyb3Qub3JnIiwiY3Jvc3NPcmlnaW4iOmZhbHNlfQAAAAA=";

static const uint8_t nothing[HASH_MAX];

/* A token in software: it holds the secret that key_sk's handle stands for. */
struct token { struct pk *secret; struct key *key; const struct key_alg *alg; };

static struct token make_token(enum pk_kind kind, const char *application, uint8_t flags)
{
	struct buf store = BUF_INIT_SECRET(16 << 10);
	struct pk_parts p;
	struct token t = {.secret = pk_generate(kind, 0, NULL)};
	pk_parts(t.secret, &store, &p);
	p.priv = slice_of(NULL, 0);
	struct sk_part part = {slice_str(application), SLICE_LIT("handle"), SLICE_LIT("reserved"), flags};
	t.key = key_take_sk(pk_from_parts(kind, &p, NULL), &part);
	assert_non_null(t.key);
	t.alg = key_alg_find(slice_str(key_type(t.key)));
	assert_non_null(t.alg);
	buf_clear(&store);
	return t;
}

static void drop_token(struct token *t)
{
	pk_free(t->secret);
	key_free(t->key);
}

static void token_sign(const struct token *t, struct slice data, uint8_t flags, uint32_t counter, struct buf *sig)
{
	struct buf signed_data = BUF_INIT(1000), body = BUF_INIT(1000);
	uint8_t digest[HASH_MAX];
	hash_once(&hash_sha256, data, digest);
	sk_put_signed(&signed_data, key_sk(t->key)->application, flags, counter, slice_of(NULL, 0), slice_of(digest, hash_sha256.len));
	assert_true(pk_sign(t->secret, t->alg->hash, buf_slice(&signed_data), &body, NULL));
	buf_reset(sig);
	sk_put_signature(sig, t->alg, buf_slice(&body), flags, counter);
	buf_clear(&signed_data);
	buf_clear(&body);
}

static const enum pk_kind token_kinds[] = {PK_ED25519, PK_P256};

static void signatures_tell_touch_and_verification(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(token_kinds); i++) {
		struct token t = make_token(token_kinds[i], "ssh:", SK_TOUCH_REQUIRED);
		struct buf sig = BUF_INIT(1000);
		for (unsigned said = 0; said < 8; said++) {
			struct sk_flags f;
			token_sign(&t, SLICE_LIT("text"), (uint8_t)said, 77 + said, &sig);
			assert_int_equal(key_verify_sk(t.key, t.alg, SLICE_LIT("text"), buf_slice(&sig), &f), VERDICT_VERIFIED);
			assert_true(f.sk);
			assert_int_equal(f.touched, (said & 1) != 0);
			assert_int_equal(f.verified, (said & 4) != 0);
			assert_int_equal(f.counter, 77 + said);
			assert_int_equal(key_verify(t.key, t.alg, SLICE_LIT("text"), buf_slice(&sig)), said & 1 ? VERDICT_VERIFIED : VERDICT_REFUSED);
			assert_int_equal(key_verify_sk(t.key, t.alg, SLICE_LIT("texT"), buf_slice(&sig), &f), VERDICT_REFUSED);
		}
		for (size_t at = 0; at < sig.len; at++) {
			struct sk_flags f;
			assert_int_equal(key_verify_sk(t.key, t.alg, SLICE_LIT("text"), slice_of(sig.p, at), &f), VERDICT_REFUSED);
			sig.p[at] ^= 1;                         /* flags and counter are signed too */
			assert_int_equal(key_verify_sk(t.key, t.alg, SLICE_LIT("text"), buf_slice(&sig), &f), VERDICT_REFUSED);
			sig.p[at] ^= 1;
		}
		put_u8(&sig, 0);
		struct sk_flags f;
		assert_int_equal(key_verify_sk(t.key, t.alg, SLICE_LIT("text"), buf_slice(&sig), &f), VERDICT_REFUSED);
		drop_token(&t);
		buf_clear(&sig);
	}
}

static void the_application_is_part_of_the_key(void **state)
{
	(void)state;
	struct token a = make_token(PK_ED25519, "ssh:", 1), b = a;
	struct sk_part part = *key_sk(a.key);
	part.application = SLICE_LIT("ssh:other");
	b.key = key_take_sk(pk_copy(key_pk(a.key)), &part);
	struct buf sig = BUF_INIT(1000);
	token_sign(&a, SLICE_LIT("x"), 1, 1, &sig);
	assert_false(key_equal(a.key, b.key));
	assert_int_equal(key_verify(a.key, a.alg, SLICE_LIT("x"), buf_slice(&sig)), VERDICT_VERIFIED);
	assert_int_equal(key_verify(b.key, a.alg, SLICE_LIT("x"), buf_slice(&sig)), VERDICT_REFUSED);
	key_free(b.key);
	drop_token(&a);
	buf_clear(&sig);
}

static void other_algorithms_and_plain_keys_do_not_mix(void **state)
{
	(void)state;
	struct token t = make_token(PK_P256, "ssh:", 1);
	struct buf sig = BUF_INIT(1000), store = BUF_INIT_SECRET(16 << 10);
	struct sk_flags f;
	struct pk_parts p;
	size_t n;
	const struct key_alg *algs = key_alg_list(&n);
	token_sign(&t, SLICE_LIT("x"), 1, 1, &sig);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(key_verify_sk(t.key, &algs[i], SLICE_LIT("x"), buf_slice(&sig), &f),
			key_alg_plain(&algs[i]) == t.alg ? VERDICT_VERIFIED : VERDICT_REFUSED);
	pk_parts(t.secret, &store, &p);
	p.priv = slice_of(NULL, 0);
	struct key *plain = key_take_pk(pk_from_parts(PK_P256, &p, NULL));
	assert_int_equal(key_verify_sk(plain, t.alg, SLICE_LIT("x"), buf_slice(&sig), &f), VERDICT_REFUSED);
	struct err err;
	assert_false(key_sign(t.key, t.alg, SLICE_LIT("x"), &sig, &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_null(key_generate(slice_str(key_type(t.key)), 0, &err));
	key_free(plain);
	drop_token(&t);
	buf_clear(&sig);
	buf_clear(&store);
}

static void files_and_blobs_come_back_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(token_kinds); i++)
		for (unsigned sealed = 0; sealed < 2; sealed++) {
			struct token t = make_token(token_kinds[i], "ssh:app", SK_TOUCH_REQUIRED | SK_RESIDENT);
			struct keyfile_style style = {.format = KEYFILE_PKCS8, .pass = slice_str(sealed ? "pass" : ""), .rounds = 1, .comment = SLICE_LIT("me")};
			struct buf text = BUF_INIT_SECRET(KEYFILE_MAX), line = BUF_INIT(KEYFILE_MAX), comment = BUF_INIT(100);
			struct err err = {0};
			assert_true(keyfile_write(t.key, &style, &text, &err));
			assert_int_equal(keyfile_detect(buf_slice(&text)), KEYFILE_OPENSSH);
			struct key *back = keyfile_read(buf_slice(&text), style.pass, &comment, &err);
			if (back == NULL)
				fail_msg("%s", err.text);
			const struct sk_part *part = key_sk(back);
			assert_true(slice_eq_str(part->application, "ssh:app") && slice_eq_str(part->handle, "handle") && slice_eq_str(part->reserved, "reserved"));
			assert_int_equal(part->flags, SK_TOUCH_REQUIRED | SK_RESIDENT);
			assert_true(key_has_private(back) && key_equal(back, t.key));
			keyfile_write_line(t.key, SLICE_LIT("c"), &line);
			struct key *public = keyfile_line(buf_slice(&line), NULL, &err);
			assert_true(public && key_equal(public, t.key) && !key_has_private(public));
			assert_false(keyfile_write_public(public, KEYFILE_PKCS8_PUBLIC, slice_of(NULL, 0), &line, &err));
			struct key *copy = key_copy(back);
			assert_true(slice_eq_str(key_sk(copy)->handle, "handle"));
			key_free(copy);
			key_free(back);
			key_free(public);
			drop_token(&t);
			buf_clear(&text);
			buf_clear(&line);
			buf_clear(&comment);
		}
}

static void broken_blobs_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(token_kinds); i++) {
		struct token t = make_token(token_kinds[i], "ssh:", 1);
		struct buf blob = BUF_INIT(1000);
		key_blob(t.key, &blob);
		for (size_t cut = 0; cut < blob.len; cut++)
			assert_null(key_from_blob(slice_of(blob.p, cut), NULL));
		blob.p[blob.len - 1] = 0;                       /* a NUL in the application */
		assert_null(key_from_blob(buf_slice(&blob), NULL));
		drop_token(&t);
		buf_clear(&blob);
	}
}

static void certificates_of_security_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(token_kinds); i++) {
		struct token t = make_token(token_kinds[i], "ssh:", 1);
		struct key *ca = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
		struct buf blob = BUF_INIT(CERT_MAX), sig = BUF_INIT(1000);
		struct cert_request q = {.key = t.key, .role = CERT_USER, .before = CERT_FOREVER, .key_id = SLICE_LIT("id")};
		assert_true(cert_sign(&q, ca, key_alg_find(SLICE_LIT("ssh-ed25519")), &blob, NULL));
		struct reader r = reader_of(buf_slice(&blob));
		const struct key_alg *alg = key_alg_find(get_string(&r));
		assert_ptr_equal(key_alg_plain(alg), t.alg);
		struct cert *c = NULL;
		struct key *inner = key_from_any(buf_slice(&blob), &c, NULL);
		assert_true(inner && c && key_equal(inner, t.key));
		token_sign(&t, SLICE_LIT("x"), 1, 1, &sig);
		assert_int_equal(key_verify(inner, alg, SLICE_LIT("x"), buf_slice(&sig)), VERDICT_VERIFIED);
		key_free(inner);
		cert_free(c);
		key_free(ca);
		drop_token(&t);
		buf_clear(&blob);
		buf_clear(&sig);
	}
}

static struct sshsig *known_signature(const char *base64)
{
	struct err err = {0};
	char *text = mem_fmt("-----BEGIN SSH SIGNATURE-----\n%s\n-----END SSH SIGNATURE-----\n", base64);
	struct sshsig *s = sshsig_read(slice_str(text), &err);
	if (s == NULL)
		fail_msg("%s", err.text);
	mem_free(text);
	return s;
}

static void signatures_of_real_tokens(void **state)
{
	(void)state;
	static const struct { const char *line, *sig; } rows[] = {
		{ed25519_sk_line, ed25519_sk_sig}, {ecdsa_sk_line, ecdsa_sk_sig}, {ecdsa_sk_webauthn_line, ecdsa_sk_webauthn_sig},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sshsig *s = known_signature(rows[i].sig);
		struct key *k = keyfile_line(slice_str(rows[i].line), NULL, NULL);
		uint8_t digest[HASH_MAX];
		assert_true(k && key_equal(k, s->key));
		hash_once(s->hash, SLICE_LIT("This is a test, this is only a test"), digest);
		assert_int_equal(sshsig_verify(s, SLICE_LIT("unittest"), slice_of(digest, s->hash->len), NULL), VERDICT_VERIFIED);
		assert_int_equal(sshsig_verify(s, SLICE_LIT("unittest"), slice_of(nothing, s->hash->len), NULL), VERDICT_REFUSED);
		key_free(k);
		sshsig_free(s);
	}
}

/* A browser's part of a signature: origin and clientData come with it, so both must be held against what was asked. */
struct browser { const char *origin, *data; uint8_t flags; const char *extensions; };

static enum verdict webauthn(const struct token *t, const struct browser *b)
{
	const struct key_alg *alg = key_alg_find(SLICE_LIT("webauthn-sk-ecdsa-sha2-nistp256@openssh.com"));
	struct buf signed_data = BUF_INIT(1000), body = BUF_INIT(1000), sig = BUF_INIT(2000);
	uint8_t digest[HASH_MAX];
	struct sk_flags f;
	hash_once(&hash_sha256, slice_str(b->data), digest);
	sk_put_signed(&signed_data, key_sk(t->key)->application, b->flags, 5, slice_str(b->extensions), slice_of(digest, hash_sha256.len));
	assert_true(pk_sign(t->secret, &hash_sha256, buf_slice(&signed_data), &body, NULL));
	sk_put_signature(&sig, alg, buf_slice(&body), b->flags, 5);
	put_cstring(&sig, b->origin);
	put_cstring(&sig, b->data);
	put_cstring(&sig, b->extensions);
	enum verdict v = key_verify_sk(t->key, alg, SLICE_LIT("\xfb\xff\xfe!"), buf_slice(&sig), &f);
	buf_clear(&signed_data);
	buf_clear(&body);
	buf_clear(&sig);
	return v;
}

#define GET "{\"type\":\"webauthn.get\",\"challenge\":\"-__-IQ\""
static void what_a_browser_says_is_checked(void **state)
{
	(void)state;
	static const struct { struct browser b; bool good; } rows[] = {
		{{"https://a", GET ",\"origin\":\"https://a\"}", 1, ""}, true},
		{{"https://a", GET ",\"origin\":\"https://a\",\"crossOrigin\":false}", 5, ""}, true},
		{{"https://a", GET ",\"origin\":\"https://a\"}", 0x81, "ext"}, true},
		{{"https://a", GET ",\"origin\":\"https://a\"}", 1, "ext"}, false},       /* extensions that the flags do not tell */
		{{"https://a", GET ",\"origin\":\"https://a\"}", 0x81, ""}, false},
		{{"https://a", GET ",\"origin\":\"https://a\"}", 0x41, ""}, false},       /* attested data belongs to enrolment */
		{{"https://b", GET ",\"origin\":\"https://a\"}", 1, ""}, false},
		{{"https://a", GET ",\"origin\":\"https://ab\"}", 1, ""}, false},
		{{"https://a\",\"x\":\"", GET ",\"origin\":\"https://a\",\"x\":\"\"}", 1, ""}, false},
		{{"https://a", "{\"type\":\"webauthn.get\",\"challenge\":\"-__-IR\",\"origin\":\"https://a\"}", 1, ""}, false},
		{{"https://a", "{\"type\":\"webauthn.create\",\"challenge\":\"-__-IQ\",\"origin\":\"https://a\"}", 1, ""}, false},
		{{"https://a", "{\"challenge\":\"-__-IQ\",\"type\":\"webauthn.get\",\"origin\":\"https://a\"}", 1, ""}, false},
		{{"https://a", "", 1, ""}, false},
	};
	struct token t = make_token(PK_P256, "a.example", 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("%s %s\n", rows[i].b.origin, rows[i].b.data);
		assert_int_equal(webauthn(&t, &rows[i].b), rows[i].good ? VERDICT_VERIFIED : VERDICT_REFUSED);
	}
	drop_token(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_tell_touch_and_verification),
		cmocka_unit_test(the_application_is_part_of_the_key),
		cmocka_unit_test(other_algorithms_and_plain_keys_do_not_mix),
		cmocka_unit_test(files_and_blobs_come_back_whole),
		cmocka_unit_test(broken_blobs_are_refused),
		cmocka_unit_test(certificates_of_security_keys),
		cmocka_unit_test(signatures_of_real_tokens),
		cmocka_unit_test(what_a_browser_says_is_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
