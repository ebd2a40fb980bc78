#include "key/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/keyfile.h"

/* Made with OpenSSH's ssh-keygen: -I "the id" -n a,b -z 7 -V 20200101:20300101 -O clear -O force-command="ls -l"
 * -O source-address=10.0.0.0/8,::1/128 -O permit-pty -O critical:foo@bar=baz -O extension:zip@x */
static const char made_by_openssh[] = "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgdjurWxwJXUmbxzvMurEsa5Z0kr5fi598N3BbeR4ATmgAAAAIbmlzdHAyNTYAAABBBINyxT4aw0D1eO7K1qeWJh3BqL2dhzO88NoeoEY5YMyRRoaQzXO5DjCqsO0BoaP6QSJ/lSH66aJa9UAlnT+KfiEAAAAAAAAABwAAAAEAAAAGdGhlIGlkAAAACgAAAAFhAAAAAWIAAAAAXgvhAAAAAABw29iAAAAAYAAAAAdmb29AYmFyAAAABwAAAANiYXoAAAANZm9yY2UtY29tbWFuZAAAAAkAAAAFbHMgLWwAAAAOc291cmNlLWFkZHJlc3MAAAAWAAAAEjEwLjAuMC4wLzgsOjoxLzEyOAAAAB8AAAAKcGVybWl0LXB0eQAAAAAAAAAFemlwQHgAAAAAAAAAAAAAADMAAAALc3NoLWVkMjU1MTkAAAAgnyBRZh1l2t0+MidsnwL/4CtYC1nad2nX+2NscH70BwsAAABTAAAAC3NzaC1lZDI1NTE5AAAAQKtmcndCEq4N/p+OgE2VGhbJU7CaH+jm+cWy2r0D7ROPM+Nyf95f28gkkMKgrZ6nV93qZc4cYqeYZ2UlJ3qdwQY= user";

#define CA_ALGS SLICE_LIT("ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512")
static const struct authkeys_context from_ten = {.host = "h", .addr = "10.1.2.3", .now = 1700000000};
static struct key *user, *ca;

static int make_keys(void **state)
{
	(void)state;
	user = key_generate(SLICE_LIT("ecdsa-sha2-nistp256"), 0, NULL);
	ca = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	return user && ca ? 0 : -1;
}

static int free_keys(void **state)
{
	(void)state;
	key_free(user);
	key_free(ca);
	return 0;
}

static void fields_of_openssh_s_are_read(void **state)
{
	(void)state;
	struct slice comment;
	struct err err = {0};
	struct cert *c = cert_from_line(SLICE_LIT(made_by_openssh), &comment, &err);
	if (c == NULL)
		fail_msg("%s", err.text);
	assert_true(slice_eq_str(comment, "user"));
	assert_int_equal(c->role, CERT_USER);
	assert_int_equal(c->serial, 7);
	assert_int_equal(c->after, 1577836800);
	assert_int_equal(c->before, 1893456000);
	assert_true(slice_eq_str(c->key_id, "the id"));
	assert_string_equal(key_type(c->key), "ecdsa-sha2-nistp256");
	assert_string_equal(c->ca_alg->name, "ssh-ed25519");
	assert_true(cert_check(c, CERT_USER, SLICE_LIT("b"), 1700000000, CA_ALGS, &err));
	struct grant g;
	assert_false(cert_grant(c, &from_ten, &g, &err));
	assert_non_null(strstr(err.text, "foo@bar"));
	cert_free(c);
}

static void a_file_may_hold_more_than_the_certificate(void **state)
{
	(void)state;
	struct err err = {0};
	char *text = mem_fmt("# mine\n\nssh-ed25519 AAAA\n  %s\n", made_by_openssh);
	struct cert *c = cert_from_text(slice_str(text), &err);
	assert_non_null(c);
	assert_int_equal(c->serial, 7);
	cert_free(c);
	mem_free(text);
	assert_null(cert_from_text(SLICE_LIT("ssh-ed25519 AAAA\n"), &err));
	assert_int_equal(err.code, ERR_MISSING);
	assert_null(cert_from_text(SLICE_LIT("ssh-ed25519-cert-v01@openssh.com AAAA\n"), &err));
	assert_int_equal(err.code, ERR_FORMAT);
}

static struct cert *make(struct cert_request q, struct buf *blob)
{
	struct err err = {0};
	*blob = BUF_INIT(CERT_MAX);
	if (q.key == NULL)
		q.key = user;
	if (q.role == 0)
		q.role = CERT_USER;
	if (q.before == 0)
		q.before = CERT_FOREVER;
	if (!cert_sign(&q, ca, key_alg_find(SLICE_LIT("ssh-ed25519")), blob, &err))
		fail_msg("%s", err.text);
	return cert_from_blob(buf_slice(blob), &err);
}

static void every_type_is_signed_by_every_type(void **state)
{
	(void)state;
	size_t kinds_n, algs_n;
	const struct key_kind *kinds = key_kind_list(&kinds_n);
	const struct key_alg *algs = key_alg_list(&algs_n);
	for (size_t i = 0; i < kinds_n; i++) {
		if (kinds[i].sk)
			continue;
		struct key *k = key_generate(slice_str(kinds[i].name), 1024, NULL);
		for (size_t j = 0; j < algs_n; j++) {
			if (algs[j].plain || algs[j].form != KEY_FORM_PLAIN)
				continue;
			struct key *signer = key_generate(slice_str(algs[j].type), 1024, NULL);
			struct buf blob = BUF_INIT(CERT_MAX);
			struct cert_request q = {.key = k, .role = CERT_HOST, .serial = 1 + i, .before = CERT_FOREVER, .key_id = SLICE_LIT("id")};
			assert_true(cert_sign(&q, signer, &algs[j], &blob, NULL));
			struct cert *c = cert_from_blob(buf_slice(&blob), NULL);
			assert_non_null(c);
			assert_true(key_equal(c->key, k) && key_equal(c->ca, signer));
			assert_ptr_equal(c->ca_alg, &algs[j]);
			assert_int_equal(c->serial, 1 + i);
			assert_null(key_from_blob(buf_slice(&blob), NULL));      /* a cert is not a key */
			struct cert *again = NULL;
			struct key *inner = key_from_any(buf_slice(&blob), &again, NULL);
			assert_true(inner && again && key_equal(inner, k) && again->serial == c->serial);
			key_free(inner);
			cert_free(again);
			cert_free(c);
			buf_clear(&blob);
			key_free(signer);
		}
		key_free(k);
	}
}

static void role_time_and_name_are_checked(void **state)
{
	(void)state;
	struct buf blob, names = BUF_INIT(1000);
	struct err err;
	put_cstring(&names, "alice");
	put_cstring(&names, "*.example");
	put_cstring(&names, "a,b");
	struct cert *c = make((struct cert_request){.after = 100, .before = 200, .principals = buf_slice(&names)}, &blob);
	assert_true(cert_check(c, CERT_USER, SLICE_LIT("alice"), 100, CA_ALGS, &err));
	assert_true(cert_check(c, CERT_USER, SLICE_LIT("alice"), 199, CA_ALGS, &err));
	assert_false(cert_check(c, CERT_USER, SLICE_LIT("alice"), 99, CA_ALGS, &err));
	assert_false(cert_check(c, CERT_USER, SLICE_LIT("alice"), 200, CA_ALGS, &err));
	assert_false(cert_check(c, CERT_USER, SLICE_LIT("alice"), -1, CA_ALGS, &err));
	assert_false(cert_check(c, CERT_HOST, SLICE_LIT("alice"), 100, CA_ALGS, &err));
	assert_false(cert_check(c, CERT_USER, SLICE_LIT("Alice"), 100, CA_ALGS, &err));
	assert_false(cert_check(c, CERT_USER, SLICE_LIT("x.example"), 100, CA_ALGS, &err));      /* no wildcards for users */
	assert_false(cert_check(c, CERT_USER, SLICE_LIT("a"), 100, CA_ALGS, &err));              /* a comma in a principal is no separator */
	assert_false(cert_check(c, CERT_USER, SLICE_LIT(""), 100, CA_ALGS, &err));
	assert_false(cert_check(c, CERT_USER, SLICE_LIT("alice"), 100, SLICE_LIT("rsa-sha2-512"), &err));
	assert_true(cert_check(c, CERT_USER, slice_of(NULL, 0), 100, CA_ALGS, &err));
	cert_free(c);
	buf_clear(&blob);
	c = make((struct cert_request){.role = CERT_HOST, .principals = buf_slice(&names)}, &blob);
	assert_true(cert_check(c, CERT_HOST, SLICE_LIT("X.Example"), 100, CA_ALGS, &err));
	assert_false(cert_check(c, CERT_HOST, SLICE_LIT("example"), 100, CA_ALGS, &err));
	cert_free(c);
	buf_clear(&blob);
	c = make((struct cert_request){0}, &blob);
	assert_false(cert_check(c, CERT_USER, SLICE_LIT("alice"), 100, CA_ALGS, &err));          /* no principals: nobody */
	cert_free(c);
	buf_clear(&blob);
	buf_clear(&names);
}

static void options_become_a_grant(void **state)
{
	(void)state;
	struct buf blob, critical = BUF_INIT(1000), extensions = BUF_INIT(1000);
	struct err err = {0};
	struct grant g;
	cert_put_option(&critical, "force-command", SLICE_LIT("run"));
	cert_put_option(&critical, "source-address", SLICE_LIT("10.0.0.0/8"));
	cert_put_option(&extensions, "permit-pty", slice_of(NULL, 0));
	cert_put_option(&extensions, "unknown@x", SLICE_LIT("data"));
	struct cert *c = make((struct cert_request){.before = 5000000000, .critical = buf_slice(&critical), .extensions = buf_slice(&extensions)}, &blob);
	assert_true(cert_grant(c, &from_ten, &g, &err));
	assert_true(g.has_command && slice_eq_str(g.command, "run") && slice_eq_str(g.from, "10.0.0.0/8"));
	assert_true(g.pty && !g.x11_forwarding && !g.agent_forwarding && !g.port_forwarding && !g.user_rc);
	assert_int_equal(g.expires, 5000000000);
	struct authkeys_context elsewhere = from_ten;
	elsewhere.addr = "192.0.2.1";
	assert_false(cert_grant(c, &elsewhere, &g, &err));
	cert_free(c);
	buf_clear(&blob);
	static const char *const bad[][2] = {{"verify-required", "x"}, {"x", ""}, {"source-address", "foo"}, {"source-address", "10.0.0.1/8"}, {"source-address", ""}, {"Force-Command", "x"}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		buf_reset(&critical);
		cert_put_option(&critical, bad[i][0], slice_str(bad[i][1]));
		c = make((struct cert_request){.critical = buf_slice(&critical)}, &blob);
		assert_non_null(c);
		assert_false(cert_grant(c, &from_ten, &g, &err));
		cert_free(c);
		buf_clear(&blob);
	}
	buf_clear(&critical);
	buf_clear(&extensions);
}

static void no_change_of_a_byte_passes(void **state)
{
	(void)state;
	struct buf blob;
	struct cert *c = make((struct cert_request){.key_id = SLICE_LIT("id")}, &blob);
	assert_non_null(c);
	cert_free(c);
	for (size_t i = 0; i < blob.len; i++) {
		blob.p[i] ^= 1;
		assert_null(cert_from_blob(buf_slice(&blob), NULL));
		blob.p[i] ^= 1;
		uint8_t *exact = mem_new(i);
		memcpy(exact, blob.p, i);
		assert_null(cert_from_blob(slice_of(exact, i), NULL));
		mem_free(exact);
	}
	put_u8(&blob, 0);
	assert_null(cert_from_blob(buf_slice(&blob), NULL));
	buf_clear(&blob);
}

static void hostile_lists_are_refused(void **state)
{
	(void)state;
	struct buf blob, many = BUF_INIT(CERT_MAX);
	static const char nul[] = "\0\0\0\3a\0b", cut[] = "\0\0\0\5ab", one[] = "\0\0\0\1a", none[] = "\0\0\0\0\0\0\0\0";
	assert_null(make((struct cert_request){.principals = SLICE_LIT(nul)}, &blob));
	buf_clear(&blob);
	assert_null(make((struct cert_request){.principals = SLICE_LIT(cut)}, &blob));
	buf_clear(&blob);
	assert_null(make((struct cert_request){.key_id = SLICE_LIT("a\0b")}, &blob));
	buf_clear(&blob);
	assert_null(make((struct cert_request){.critical = SLICE_LIT(one)}, &blob));
	buf_clear(&blob);
	assert_null(make((struct cert_request){.extensions = SLICE_LIT(none)}, &blob));
	buf_clear(&blob);
	assert_null(make((struct cert_request){.role = 3}, &blob));
	buf_clear(&blob);
	for (int i = 0; i < CERT_PRINCIPALS_MAX + 1; i++)
		put_cstring(&many, "p");
	assert_null(make((struct cert_request){.principals = buf_slice(&many)}, &blob));
	buf_clear(&blob);
	buf_clear(&many);
}

/* A cert in place of the CA's key: never parsed into, whatever stands there. */
static void a_cert_cannot_sign(void **state)
{
	(void)state;
	struct buf inner, blob = BUF_INIT(CERT_MAX), sig = BUF_INIT(1000), type = BUF_INIT(100);
	struct err err = {0};
	struct cert *c = make((struct cert_request){0}, &inner);
	cert_type_name(key_kind_find(SLICE_LIT("ecdsa-sha2-nistp256")), &type);
	put_string(&blob, buf_slice(&type));
	put_cstring(&blob, "nonce");
	key_put_public(user, &blob);
	put_u64(&blob, 0);
	put_u32(&blob, CERT_USER);
	for (int i = 0; i < 2; i++)
		put_cstring(&blob, "");
	put_u64(&blob, 0);
	put_u64(&blob, CERT_FOREVER);
	for (int i = 0; i < 3; i++)
		put_cstring(&blob, "");
	put_string(&blob, buf_slice(&inner));
	assert_true(key_sign(user, key_alg_find(SLICE_LIT("ecdsa-sha2-nistp256")), buf_slice(&blob), &sig, NULL));
	put_string(&blob, buf_slice(&sig));
	assert_null(cert_from_blob(buf_slice(&blob), &err));
	assert_non_null(strstr(err.text, "another certificate"));
	cert_free(c);
	buf_clear(&inner);
	buf_clear(&blob);
	buf_clear(&sig);
	buf_clear(&type);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_of_openssh_s_are_read),
		cmocka_unit_test(a_file_may_hold_more_than_the_certificate),
		cmocka_unit_test(every_type_is_signed_by_every_type),
		cmocka_unit_test(role_time_and_name_are_checked),
		cmocka_unit_test(options_become_a_grant),
		cmocka_unit_test(no_change_of_a_byte_passes),
		cmocka_unit_test(hostile_lists_are_refused),
		cmocka_unit_test(a_cert_cannot_sign),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
