#include "key/rotation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "key/cert.h"
#include "key/keyfile.h"

enum { MAX = 1 << 16, KEYS = 3 };
#define ALGS SLICE_LIT("ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256")
static const struct slice session = {(const uint8_t *)"session id", 10};

static struct key *keys[KEYS];
static char *line[KEYS];                                   /* "type base64" */

static int make_keys(void **state)
{
	(void)state;
	static const char *const types[KEYS] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"};
	for (size_t i = 0; i < KEYS; i++) {
		struct buf text = BUF_INIT(MAX);
		keys[i] = key_generate(slice_str(types[i]), i == 2 ? 2048 : 0, NULL);
		keyfile_write_line(keys[i], slice_of(NULL, 0), &text);
		line[i] = slice_dup(slice_trim(buf_slice(&text)));
		buf_clear(&text);
	}
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		key_free(keys[i]);
		mem_free(line[i]);
	}
	return 0;
}

static void put_blob(struct buf *out, const struct key *k)
{
	struct buf blob = BUF_INIT(MAX);
	key_blob(k, &blob);
	put_string(out, buf_slice(&blob));
	buf_clear(&blob);
}

/* The server says `mask` of our keys; known_hosts is text with %0 %1 %2 for the keys. */
static char *fill(const char *text)
{
	struct buf out = BUF_INIT(MAX);
	for (; *text; text++) {
		if (*text == '%')
			put_str(&out, line[*++text - '0']);
		else
			put_u8(&out, (uint8_t)*text);
	}
	char *s = mem_str(buf_cstr(&out));
	buf_clear(&out);
	return s;
}

static enum rotation_verdict begin(struct rotation *r, unsigned mask, const char *text, const char *address, const char **why)
{
	struct buf data = BUF_INIT(MAX);
	char *known = fill(text);
	for (unsigned i = 0; i < KEYS; i++)
		if (mask & 1u << i)
			put_blob(&data, keys[i]);
	rotation_init(r, SLICE_LIT("host"), slice_str(address));
	assert_true(rotation_announced(r, buf_slice(&data), ALGS, NULL));
	rotation_survey(r, slice_str(known));
	rotation_survey_old(r, slice_str(known));
	enum rotation_verdict v = rotation_verdict(r, why);
	mem_free(known);
	buf_clear(&data);
	return v;
}

static void verdicts(void **state)
{
	(void)state;
	static const struct { unsigned mask; const char *text, *address; enum rotation_verdict want; } rows[] = {
		{1, "host %0\n", "", ROTATION_NOTHING},
		{0, "host %0\n", "", ROTATION_NOTHING},
		{3, "host %0\nhost %1\n", "", ROTATION_NOTHING},
		{3, "host %0\n", "", ROTATION_PROVE},
		{1, "host %0\nhost %1\n", "", ROTATION_WRITE},
		{1, "host %0\nhost %1\nother %1\n", "", ROTATION_REFUSED},       /* the old key is somebody else's too */
		{3, "host %0\nother %1\n", "", ROTATION_REFUSED},                /* and so is the new one */
		{3, "host %0\nh* %2\n", "", ROTATION_REFUSED},
		{3, "host,a,b %0\n", "", ROTATION_REFUSED},
		{3, "host,a %0\n", "", ROTATION_PROVE},
		{3, "host %0\n@revoked host %2\n", "", ROTATION_REFUSED},
		{3, "host %0\n@cert-authority * %2\n", "", ROTATION_REFUSED},
		{3, "host %0\n@cert-authority elsewhere %2\n", "", ROTATION_PROVE},
		{3, "host,1.2.3.4 %0\n", "1.2.3.4", ROTATION_PROVE},
		{3, "host,1.2.3.5 %0\n", "1.2.3.4", ROTATION_REFUSED},
		{3, "other,1.2.3.4 %0\n", "1.2.3.4", ROTATION_REFUSED},
		{1, "broken\nhost ssh-ed25519 AAAA\nhost %0\n", "", ROTATION_NOTHING},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rotation r;
		const char *why;
		enum rotation_verdict got = begin(&r, rows[i].mask, rows[i].text, rows[i].address, &why);
		if (got != rows[i].want)
			fail_msg("row %zu: %d, not %d (%s)", i, got, rows[i].want, why ? why : "");
		rotation_clear(&r);
	}
}

/* The server's part. bad: key whose signature is over something else; alg: for RSA. */
static void prove(const struct rotation *r, size_t bad, const char *rsa, struct buf *reply)
{
	struct buf asked = BUF_INIT(MAX), data = BUF_INIT(MAX), sig = BUF_INIT(MAX);
	rotation_ask(r, &asked);
	struct reader in = reader_of(buf_slice(&asked));
	for (size_t n = 0; reader_left(&in); n++) {
		struct slice blob = get_string(&in);
		struct key *pub = key_from_blob(blob, NULL);
		size_t i = 0;
		while (!key_equal(keys[i], pub))
			i++;
		buf_reset(&data);
		buf_reset(&sig);
		put_cstring(&data, "hostkeys-prove-00@openssh.com");
		put_string(&data, n == bad ? SLICE_LIT("another") : session);
		put_string(&data, blob);
		const char *name = i == 2 ? rsa : key_type(pub);
		assert_true(key_sign(keys[i], key_alg_find(slice_str(name)), buf_slice(&data), &sig, NULL));
		put_string(reply, buf_slice(&sig));
		key_free(pub);
	}
	buf_clear(&asked);
	buf_clear(&data);
	buf_clear(&sig);
}

static void check_written(struct rotation *r, const char *before, bool first, bool hashed, const char *want)
{
	struct buf out = BUF_INIT(MAX);
	char *known = fill(before), *right = want ? fill(want) : NULL;
	assert_int_equal(rotation_write(r, slice_str(known), first, hashed, &out), want != NULL);
	if (want)
		assert_string_equal(buf_cstr(&out), right);
	mem_free(known);
	mem_free(right);
	buf_clear(&out);
}

static void proven_keys_are_learned(void **state)
{
	(void)state;
	struct rotation r;
	const char *why;
	struct buf reply = BUF_INIT(MAX);
	assert_int_equal(begin(&r, 7, "# mine\nhost %0\nother x\n", "", &why), ROTATION_PROVE);
	assert_int_equal(r.new_n, 2);
	prove(&r, 99, "rsa-sha2-512", &reply);
	assert_true(rotation_proven(&r, session, buf_slice(&reply), ALGS, NULL));
	check_written(&r, "# mine\nhost %0\nother x\n", true, false, "# mine\nhost %0\nother x\nhost %1\nhost %2\n");
	check_written(&r, "host %0\nelse %2", false, false, "else %2\n");
	check_written(&r, "nobody %2\n", false, false, NULL);
	rotation_clear(&r);
	buf_clear(&reply);
}

static void old_keys_go(void **state)
{
	(void)state;
	struct rotation r;
	const char *why;
	assert_int_equal(begin(&r, 1, "host %0\nhost %1\nhost sk-unknown@x AAAA\n", "", &why), ROTATION_WRITE);
	check_written(&r, "host %0\nhost %1\nhost sk-unknown@x AAAA\n", true, false, "host %0\nhost sk-unknown@x AAAA\n");
	rotation_clear(&r);
}

static void address_and_hash(void **state)
{
	(void)state;
	struct rotation r;
	const char *why;
	struct buf reply = BUF_INIT(MAX), out = BUF_INIT(MAX);
	assert_int_equal(begin(&r, 3, "host %0\n1.2.3.4 %0\n", "1.2.3.4", &why), ROTATION_PROVE);
	prove(&r, 99, "", &reply);
	assert_true(rotation_proven(&r, session, buf_slice(&reply), ALGS, NULL));
	check_written(&r, "host %0\n1.2.3.4 %0\n", true, false, "host %0\n1.2.3.4 %0\nhost,1.2.3.4 %1\n");
	assert_true(rotation_write(&r, SLICE_LIT(""), true, true, &out));
	struct known_reader in = known_reader_of(buf_slice(&out));
	struct known_line l;
	for (size_t i = 0; i < 4; i++) {
		assert_true(known_next(&in, &l));
		assert_true(known_line_is_hashed(&l) && known_line_matches(&l, i % 2 ? SLICE_LIT("1.2.3.4") : SLICE_LIT("host")));
	}
	assert_false(known_next(&in, &l));
	rotation_clear(&r);
	buf_clear(&reply);
	buf_clear(&out);
}

static void wrong_proofs_teach_nothing(void **state)
{
	(void)state;
	for (size_t bad = 0; bad < 5; bad++) {
		struct rotation r;
		const char *why;
		struct err e;
		struct buf reply = BUF_INIT(MAX);
		assert_int_equal(begin(&r, 7, "host %0\n", "", &why), ROTATION_PROVE);
		prove(&r, bad, "rsa-sha2-512", &reply);
		if (bad == 2)
			buf_truncate(&reply, reply.len - 1);
		if (bad == 3)
			put_u8(&reply, 0);
		bool ok = rotation_proven(&r, session, buf_slice(&reply), ALGS, &e);
		assert_int_equal(ok, bad == 4);
		rotation_clear(&r);
		buf_clear(&reply);
	}
}

static void sha1_is_no_proof(void **state)
{
	(void)state;
	struct rotation r;
	const char *why;
	struct buf reply = BUF_INIT(MAX);
	assert_int_equal(begin(&r, 7, "host %0\n", "", &why), ROTATION_PROVE);
	prove(&r, 99, "ssh-rsa", &reply);
	assert_true(rotation_proven(&r, session, buf_slice(&reply), ALGS, NULL));
	check_written(&r, "host %0\n", true, false, "host %0\nhost %1\n");
	rotation_clear(&r);
	buf_clear(&reply);
}

/* A type that our list does not accept is neither learned nor forgotten. */
static void foreign_types_stay(void **state)
{
	(void)state;
	struct rotation r;
	const char *why;
	struct buf data = BUF_INIT(MAX);
	char *known = fill("host %0\nhost %2\n");
	for (size_t i = 0; i < KEYS; i++)
		put_blob(&data, keys[i]);
	rotation_init(&r, SLICE_LIT("host"), slice_of(NULL, 0));
	assert_true(rotation_announced(&r, buf_slice(&data), SLICE_LIT("ssh-ed25519"), NULL));
	rotation_survey(&r, slice_str(known));
	assert_int_equal(rotation_verdict(&r, &why), ROTATION_NOTHING);
	rotation_clear(&r);
	mem_free(known);
	buf_clear(&data);
}

static void hostile_lists(void **state)
{
	(void)state;
	struct buf data = BUF_INIT(MAX);
	struct rotation r;
	put_blob(&data, keys[0]);
	for (size_t cut = 1; cut < data.len; cut++) {
		rotation_init(&r, SLICE_LIT("host"), slice_of(NULL, 0));
		assert_false(rotation_announced(&r, slice_of(data.p, cut), ALGS, NULL));
		rotation_clear(&r);
	}
	put_blob(&data, keys[0]);
	rotation_init(&r, SLICE_LIT("host"), slice_of(NULL, 0));
	assert_false(rotation_announced(&r, buf_slice(&data), ALGS, NULL));
	rotation_clear(&r);
	buf_clear(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts), cmocka_unit_test(proven_keys_are_learned), cmocka_unit_test(old_keys_go),
		cmocka_unit_test(address_and_hash), cmocka_unit_test(wrong_proofs_teach_nothing), cmocka_unit_test(sha1_is_no_proof),
		cmocka_unit_test(foreign_types_stay), cmocka_unit_test(hostile_lists),
	};
	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
