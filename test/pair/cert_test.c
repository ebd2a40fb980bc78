/* Certificates of hosts and of users through both cores: the blob goes over whole, the key inside signs. */
#include "test/pair/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "key/cert.h"

struct user { struct key *key, *other; struct buf blob, sig; const struct key_alg *alg; unsigned verified, refused; bool lie; };

static void check_host(struct pair *p, const struct ask_hostkey *q)
{
	struct cert *c = NULL;
	struct key *k = key_from_any(q->blob, &c, NULL);
	assert_true(slice_eq(q->blob, buf_slice(&p->blobs[0])));
	assert_true(slice_eq_str(q->algorithm, ssh_names(p->side[0].ssh)->host_key));
	assert_non_null(k);
	assert_non_null(c);
	assert_true(key_equal(k, p->keys[0]));
	assert_int_equal(c->role, CERT_HOST);
	key_free(k);
	cert_free(c);
}

static bool on_ask(struct pair *p, int side, const struct ask *q, struct answer *a)
{
	struct user *u = p->setup.arg;
	(void)side;
	if (q->kind == ASK_HOSTKEY)
		check_host(p, &q->hostkey);
	if (u == NULL)
		return false;
	switch (q->kind) {
	case ASK_CREDENTIAL:
		a->credential = (struct answer_credential){.kind = u->refused ? CREDENTIAL_GIVE_UP : CREDENTIAL_SIGN,
			.algorithm = slice_str(u->alg->name), .blob = buf_slice(&u->blob)};
		return true;
	case ASK_SIGN:
		buf_reset(&u->sig);
		a->sign.ok = key_sign(u->lie ? u->other : u->key, key_alg_find(q->sign.algorithm), q->sign.data, &u->sig, NULL);
		a->sign.signature = buf_slice(&u->sig);
		return true;
	case ASK_VERIFY: {
		struct cert *c = NULL;
		struct key *k = key_from_any(q->verify.blob, &c, NULL);
		struct buf data = BUF_INIT(1 << 16);
		assert_non_null(c);
		/* What the signature covers is tested elsewhere: here, that algorithm and blob come as they were sent. */
		assert_true(slice_eq_str(q->verify.algorithm, u->alg->name));
		assert_true(slice_eq(q->verify.blob, buf_slice(&u->blob)));
		put_string(&data, ssh_session_id(p->side[1].ssh));
		put_u8(&data, 50);
		put_cstring(&data, "ann");
		put_cstring(&data, "ssh-connection");
		put_cstring(&data, "publickey");
		put_bool(&data, true);
		put_string(&data, q->verify.algorithm);
		put_string(&data, q->verify.blob);
		bool good = key_verify(k, key_alg_find(q->verify.algorithm), buf_slice(&data), q->verify.signature) == VERDICT_VERIFIED;
		a->auth.verdict = good ? AUTH_SUCCESS : AUTH_FAILURE;
		u->verified += good, u->refused += !good;
		buf_clear(&data);
		key_free(k);
		cert_free(c);
		return true;
	}
	default: return false;
	}
}

static void every_host_certificate_proves_its_host(void **state)
{
	(void)state;
	size_t n, tried = 0;
	const struct key_alg *algs = key_alg_list(&n);
	for (size_t i = 0; i < n; i++) {
		if (algs[i].plain == NULL || algs[i].form != KEY_FORM_PLAIN)
			continue;
		for (int feed = FEED_WHOLE; feed <= FEED_RANDOM; feed++) {
			char *types = mem_fmt("%s,%s", algs[i].type, algs[i].plain->type);
			struct pair_setup setup = {.key_types = types, .answer = on_ask, .feed = (enum pair_feed)feed};
			setup.ssh[0].algs.host_key = setup.ssh[1].algs.host_key = algs[i].name;
			struct pair *p = pair_new(&setup);
			assert_true(pair_login(p));
			assert_string_equal(ssh_names(p->side[0].ssh)->host_key, algs[i].name);
			assert_string_equal(ssh_names(p->side[1].ssh)->host_key, algs[i].name);
			assert_int_equal(p->side[0].hostkey_asks, 1);
			ssh_rekey(p->side[0].ssh);                /* the same certificate again needs no second look */
			assert_true(pair_run(p));
			assert_int_equal(p->side[0].kexed, 2);
			assert_int_equal(p->side[0].hostkey_asks, 1);
			pair_free(p);
			mem_free(types);
			tried++;
		}
	}
	assert_true(tried >= 14);
}

/* A server with plain keys only offers no algorithm of certificates, and the other way round. */
static void only_what_is_there_is_offered(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"ssh-ed25519", "ssh-ed25519"}, {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519-cert-v01@openssh.com"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pair_setup setup = {.key_types = rows[i][0]};
		setup.ssh[0].algs.host_key = setup.ssh[1].algs.host_key = "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519";
		struct pair *p = pair_new(&setup);
		assert_true(pair_login(p));
		assert_string_equal(ssh_names(p->side[0].ssh)->host_key, rows[i][1]);
		pair_free(p);
	}
}

static bool other_key_signs(struct pair *p, int side, const struct ask *q, struct answer *a)
{
	(void)side;
	if (q->kind != ASK_HOSTSIGN)
		return false;
	struct key *mine = p->keys[0];
	p->keys[0] = p->keys[1];
	pair_default_answer(p, side, q, a);
	p->keys[0] = mine;
	return true;
}

static void a_copied_certificate_without_its_key_is_of_no_use(void **state)
{
	(void)state;
	struct pair_setup setup = {.key_types = "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519", .answer = other_key_signs};
	setup.ssh[0].algs.host_key = setup.ssh[1].algs.host_key = "ssh-ed25519-cert-v01@openssh.com";
	struct pair *p = pair_new(&setup);
	assert_true(pair_run(p));
	assert_non_null(strstr(p->side[0].over_text, "signature over the key exchange is wrong"));
	assert_int_equal(p->side[0].hostkey_asks, 0);
	pair_free(p);
}

/* One bit of the certificate is turned on its way: the CA's signature does not hold. */
static bool spoil(struct pair *p, int from, uint8_t *bytes, size_t n)
{
	static const char id[] = "\0\0\0\4host";
	uint8_t *at = from == PAIR_SERVER ? memmem(bytes, n, id, sizeof id - 1) : NULL;
	(void)p;
	if (at)
		at[4] ^= 1;
	return true;
}

static void a_certificate_that_was_changed_is_refused(void **state)
{
	(void)state;
	struct pair_setup setup = {.key_types = "ecdsa-sha2-nistp256-cert-v01@openssh.com", .wire = spoil};
	setup.ssh[0].algs.host_key = setup.ssh[1].algs.host_key = "ecdsa-sha2-nistp256-cert-v01@openssh.com";
	struct pair *p = pair_new(&setup);
	assert_true(pair_run(p));
	assert_true(p->side[0].over);
	assert_int_equal(p->side[0].hostkey_asks, 0);
	pair_free(p);
}

static void make_user(struct user *u, const struct key_alg *alg)
{
	struct key *ca = key_generate(SLICE_LIT("ecdsa-sha2-nistp256"), 0, NULL);
	*u = (struct user){.alg = alg, .blob = BUF_INIT(CERT_MAX), .sig = BUF_INIT(CERT_MAX)};
	u->key = key_generate(slice_str(key_alg_plain(alg)->type), 2048, NULL);
	u->other = key_generate(slice_str(key_alg_plain(alg)->type), 2048, NULL);
	struct cert_request q = {.key = u->key, .role = CERT_USER, .before = CERT_FOREVER, .key_id = SLICE_LIT("ann")};
	assert_true(cert_sign(&q, ca, key_alg_find(SLICE_LIT("ecdsa-sha2-nistp256")), &u->blob, NULL));
	key_free(ca);
}

static void users_log_in_with_certificates(void **state)
{
	(void)state;
	size_t n;
	const struct key_alg *algs = key_alg_list(&n);
	for (size_t i = 0; i < n; i++) {
		if (algs[i].plain == NULL || algs[i].form != KEY_FORM_PLAIN)
			continue;
		for (int lie = 0; lie < 2; lie++) {
			struct user u;
			make_user(&u, &algs[i]);
			u.lie = lie;
			struct pair_setup setup = {.key_types = "ssh-ed25519-cert-v01@openssh.com", .answer = on_ask, .arg = &u};
			setup.ssh[0].algs.host_key = setup.ssh[1].algs.host_key = "ssh-ed25519-cert-v01@openssh.com";
			struct pair *p = pair_new(&setup);
			assert_true(pair_run(p));
			assert_int_equal(p->side[0].authed, !lie);
			assert_int_equal(p->side[1].authed, !lie);
			assert_int_equal(u.verified, !lie);
			assert_int_equal(u.refused, lie);
			pair_free(p);
			key_free(u.key);
			key_free(u.other);
			buf_clear(&u.blob);
			buf_clear(&u.sig);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_host_certificate_proves_its_host),
		cmocka_unit_test(only_what_is_there_is_offered),
		cmocka_unit_test(a_copied_certificate_without_its_key_is_of_no_use),
		cmocka_unit_test(a_certificate_that_was_changed_is_refused),
		cmocka_unit_test(users_log_in_with_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
