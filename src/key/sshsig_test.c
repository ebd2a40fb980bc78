#include "key/signers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/keyfile.h"

/* Made with Debian's ssh-keygen -Y sign -n file, over "hello\n", with the key ED_A. */
static const char by_openssh[] =
    "-----BEGIN SSH SIGNATURE-----\n"
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgU0A8pxjcTjJYja3W/5W1L5nbIL\n"
    "ewFwfyQEgum41MI60AAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx\n"
    "OQAAAECnUSs3iLrVBV1UtCH9fn8uGObpkOWxwpPXIllhb3SLiMNnBYF9tqJ5F8THhwuDeq\n"
    "sNahci33T498qTxIRYscIF\n"
    "-----END SSH SIGNATURE-----\n";

#define ED_A "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt"
#define ED_B "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6JHMEwsIEq8ySzNKLSlPS9sxoceekMw/AoEnHsWLMY"
#define NOW 1700000000                                        /* 2023-11-14 */

static struct slice digest_of(const struct hash_alg *h, const char *text)
{
	static uint8_t out[HASH_MAX];
	hash_once(h, slice_str(text), out);
	return slice_of(out, h->len);
}

static void a_signature_of_openssh_is_right(void **state)
{
	(void)state;
	struct err err = {0};
	struct sshsig *s = sshsig_read(SLICE_LIT(by_openssh), &err);
	if (s == NULL)
		fail_msg("%s", err.text);
	assert_ptr_equal(s->hash, &hash_sha512);
	assert_true(slice_eq_str(s->space, "file"));
	assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(s->hash, "hello\n"), &err), VERDICT_VERIFIED);
	assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(s->hash, "hellO\n"), &err), VERDICT_REFUSED);
	assert_int_equal(sshsig_verify(s, SLICE_LIT("git"), digest_of(s->hash, "hello\n"), &err), VERDICT_REFUSED);
	assert_int_equal(sshsig_verify(s, SLICE_LIT(""), digest_of(s->hash, "hello\n"), &err), VERDICT_REFUSED);
	struct key *k = keyfile_line(SLICE_LIT(ED_A), NULL, NULL);
	assert_true(key_equal(k, s->key));
	key_free(k);
	sshsig_free(s);
}

static struct sshsig *make(const struct key *k, struct slice signer, const struct hash_alg *h, struct buf *text)
{
	struct err err = {0};
	*text = BUF_INIT(SSHSIG_MAX);
	if (!sshsig_make(k, signer, h, SLICE_LIT("file"), digest_of(h, "x"), text, &err))
		fail_msg("%s", err.text);
	return sshsig_read(buf_slice(text), &err);
}

static void every_type_signs(void **state)
{
	(void)state;
	size_t n;
	const struct key_kind *kinds = key_kind_list(&n);
	for (size_t i = 0; i < n; i++) {
		if (kinds[i].sk)
			continue;
		struct key *k = key_generate(slice_str(kinds[i].name), 1024, NULL);
		const struct hash_alg *h = i % 2 ? &hash_sha256 : &hash_sha512;
		struct buf signer = BUF_INIT(8192), text;
		key_blob(k, &signer);
		struct sshsig *s = make(k, buf_slice(&signer), h, &text);
		assert_non_null(s);
		assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(h, "x"), NULL), VERDICT_VERIFIED);
		sshsig_free(s);
		/* The same signature under another key's name. */
		struct key *other = key_generate(slice_str(kinds[i].name), 1024, NULL);
		buf_clear(&text);
		buf_reset(&signer);
		key_blob(other, &signer);
		s = make(k, buf_slice(&signer), h, &text);
		assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(h, "x"), NULL), VERDICT_REFUSED);
		sshsig_free(s);
		key_free(k);
		key_free(other);
		buf_clear(&text);
		buf_clear(&signer);
	}
}

static void broken_signatures_are_refused(void **state)
{
	(void)state;
	struct buf raw = BUF_INIT(4096), text = BUF_INIT(8192);
	struct slice body = SLICE_LIT(by_openssh);
	for (size_t n = 0; n < body.n - 1; n++)
		assert_null(sshsig_read(slice_of(body.p, n), NULL));
	slice_line(&body);
	body.n -= sizeof "-----END SSH SIGNATURE-----\n" - 1;
	assert_true(get_base64(body, &raw));
	for (size_t i = 0; i <= raw.len; i++) {
		if (i < raw.len)
			raw.p[i] ^= 1;
		else
			put_u8(&raw, 0);
		buf_reset(&text);
		put_str(&text, "-----BEGIN SSH SIGNATURE-----\n");
		put_base64_lines(&text, buf_slice(&raw), 70);
		put_str(&text, "-----END SSH SIGNATURE-----\n");
		struct sshsig *s = sshsig_read(buf_slice(&text), NULL);
		if (s)
			assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(s->hash, "hello\n"), NULL), VERDICT_REFUSED);
		sshsig_free(s);
		if (i + 1 < raw.len)
			raw.p[i] ^= 1;
		else
			break;
	}
	buf_clear(&raw);
	buf_clear(&text);
}

static size_t find(const char *signers, const struct sshsig *s, const char *name, const char *space, struct buf *names)
{
	struct buf why = BUF_INIT(10000);
	struct signers_query q = {s, slice_str(name), slice_str(space), NOW, 3600};
	*names = BUF_INIT(10000);
	size_t line = signers_find(slice_str(signers), &q, names, &why);
	buf_clear(&why);
	return line;
}

static void lines_of_signers_are_judged(void **state)
{
	(void)state;
	static const struct { const char *text, *name, *space; size_t want; } rows[] = {
		{"a@x " ED_A "\n", "a@x", "file", 1},
		{"# c\n\na@x,*@y " ED_A " comment\n", "b@y", "file", 3},
		{"a@x " ED_A, "A@x", "file", 0},
		{"a@x " ED_B, "a@x", "file", 0},
		{"*,!a@x " ED_A, "a@x", "file", 0},
		{"a@x " ED_B "\na@x " ED_A, "a@x", "file", 2},
		{"\"a@x,b c@x\" " ED_A, "b c@x", "file", 1},
		{"a@x namespaces=\"git,fi*\" " ED_A, "a@x", "file", 1},
		{"a@x namespaces=\"git\" " ED_A, "a@x", "file", 0},
		{"a@x namespaces=\"\" " ED_A, "a@x", "file", 0},
		{"a@x NAMESPACES=\"file\",Valid-After=\"20230101\" " ED_A, "a@x", "file", 1},
		{"a@x valid-after=\"20240101\" " ED_A, "a@x", "file", 0},
		{"a@x valid-before=\"20231114231319\" " ED_A, "a@x", "file", 0},
		{"a@x valid-before=\"20231114231320\" " ED_A, "a@x", "file", 1},
		{"a@x valid-before=\"20231114221319Z\" " ED_A, "a@x", "file", 0},
		{"a@x valid-after=\"20230101\",valid-before=\"20220101\" " ED_A, "a@x", "file", 0},
		{"a@x valid-after=\"x\" " ED_A, "a@x", "file", 0},
		{"a@x cert-authority " ED_A, "a@x", "file", 0},
		{"a@x unknown " ED_A, "a@x", "file", 0},
		{"a@x namespaces " ED_A, "a@x", "file", 0},
		{"a@x namespaces=file " ED_A, "a@x", "file", 0},
		{"a@x namespaces=\"file\", " ED_A, "a@x", "file", 0},
		{"a@x namespaces=\"git\",namespaces=\"file\" " ED_A, "a@x", "file", 0},
		{"a@x", "a@x", "file", 0},
		{ED_A, "ssh-ed25519", "file", 0},
		{"a@x \"namespaces=\"file\" " ED_A, "a@x", "file", 0},
	};
	struct sshsig *s = sshsig_read(SLICE_LIT(by_openssh), NULL);
	struct buf names;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (find(rows[i].text, s, rows[i].name, rows[i].space, &names) != rows[i].want)
			fail_msg("row %zu: %s", i, rows[i].text);
		assert_int_equal(rows[i].want > 0, names.len > 0);
		buf_clear(&names);
	}
	assert_int_equal(find("a@x,b@* namespaces=\"git\" " ED_A, s, NULL, NULL, &names), 1);
	assert_string_equal(buf_cstr(&names), "a@x,b@*");
	buf_clear(&names);
	sshsig_free(s);
}

static void certificates_need_their_authority(void **state)
{
	(void)state;
	struct key *k = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL), *ca = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	struct buf blob = BUF_INIT(CERT_MAX), list = BUF_INIT(100), line = BUF_INIT(1000), plain = BUF_INIT(1000), text, names;
	put_cstring(&list, "a@x");
	put_cstring(&list, "c@z");
	struct cert_request q = {.key = k, .role = CERT_USER, .before = CERT_FOREVER, .key_id = SLICE_LIT("i"), .principals = buf_slice(&list)};
	assert_true(cert_sign(&q, ca, key_alg_find(SLICE_LIT("ssh-ed25519")), &blob, NULL));
	struct sshsig *s = make(k, buf_slice(&blob), &hash_sha512, &text);
	assert_non_null(s);
	assert_non_null(s->cert);
	assert_int_equal(sshsig_verify(s, SLICE_LIT("file"), digest_of(&hash_sha512, "x"), NULL), VERDICT_VERIFIED);
	put_str(&line, "*@x,b@* cert-authority ");
	keyfile_write_line(ca, slice_of(NULL, 0), &line);
	assert_int_equal(find(buf_cstr(&line), s, "a@x", "file", &names), 1);
	buf_clear(&names);
	assert_int_equal(find(buf_cstr(&line), s, "b@x", "file", &names), 0);      /* not in the certificate */
	buf_clear(&names);
	assert_int_equal(find(buf_cstr(&line), s, "c@z", "file", &names), 0);      /* not in the line */
	buf_clear(&names);
	assert_int_equal(find(buf_cstr(&line), s, NULL, "file", &names), 1);
	assert_string_equal(buf_cstr(&names), "a@x");
	buf_clear(&names);
	put_str(&plain, "a@x ");
	keyfile_write_line(k, slice_of(NULL, 0), &plain);
	assert_int_equal(find(buf_cstr(&plain), s, "a@x", "file", &names), 0);     /* a plain line is for the plain key */
	buf_clear(&names);
	buf_reset(&plain);
	put_str(&plain, "a@x ");
	keyfile_write_line(ca, slice_of(NULL, 0), &plain);
	assert_int_equal(find(buf_cstr(&plain), s, "a@x", "file", &names), 0);     /* a CA only where it is called one */
	buf_clear(&names);
	sshsig_free(s);
	key_free(k);
	key_free(ca);
	buf_clear(&blob);
	buf_clear(&list);
	buf_clear(&line);
	buf_clear(&plain);
	buf_clear(&text);
}

static void names_match_lines(void **state)
{
	(void)state;
	struct buf lines = BUF_INIT(1000);
	assert_true(signers_match(SLICE_LIT("a@x,b@x " ED_A "\n*@x namespaces=\"g\" " ED_B "\nc@x " ED_A "\n"), SLICE_LIT("a@x"), &lines));
	assert_string_equal(buf_cstr(&lines), "a@x,b@x\n*@x\n");
	assert_false(signers_match(SLICE_LIT("a@x " ED_A "\n"), SLICE_LIT("b@x"), &lines));
	buf_clear(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_of_openssh_is_right),
		cmocka_unit_test(every_type_signs),
		cmocka_unit_test(broken_signatures_are_refused),
		cmocka_unit_test(lines_of_signers_are_judged),
		cmocka_unit_test(certificates_need_their_authority),
		cmocka_unit_test(names_match_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
