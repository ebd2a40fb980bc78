#include "server/monitor.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "key/authdata.h"
#include "server/keyfind.h"

/* What both asks have in common. */
struct attempt {
	const struct key_alg *alg;
	struct judgement j;
	struct keyfind found;
};

static void attempt_clear(struct attempt *a)
{
	keyfind_clear(&a->found);
	judgement_clear(&a->j);
}

static const char *info_of(struct attempt *a)
{
	return a->j.parsed ? buf_cstr(&a->j.info) : NULL;
}

/* The algorithm is allowed, and the blob says that it is of its type. */
static bool may_try(struct monitor *m, struct slice algorithm, struct slice blob, struct attempt *a)
{
	struct reader r = reader_of(blob);
	struct slice type = get_string(&r);
	*a = (struct attempt){.alg = key_alg_find(algorithm)};
	if (a->alg == NULL || !slice_eq_str(type, a->alg->type)) {
		log_debug("userauth_pubkey: unsupported public key algorithm: %s", text_show(algorithm));
		return false;
	}
	if (match_list(algorithm, slice_str(m->conf.pubkey_accepted_algorithms), false) != 1) {
		log_info("userauth_pubkey: signature algorithm %s not in PubkeyAcceptedAlgorithms", text_show(algorithm));
		return false;
	}
	return m->login.allowed && mon_method_allowed(m, METHOD_PUBLICKEY);
}

/* A certificate of a key that served already is that key again. */
static bool used_before(const struct monitor *m, struct attempt *a)
{
	if (!conf_list_has(&m->login.used_keys, buf_cstr(&a->j.fp)))
		return false;
	log_info("refusing previously-used %s key", a->alg->word);
	return true;
}

static void log_found(const struct attempt *a)
{
	const struct judgement *j = &a->j;
	const struct keyfind *f = &a->found;
	const char *fp = (const char *)j->fp.p, *ca_fp = (const char *)j->ca_fp.p, *ca = keyjudge_word(j->ca_blob);
	unsigned long long serial = j->cert.serial;
	int n = (int)j->cert.key_id.n;
	const char *id = (const char *)j->cert.key_id.p;
	if (j->ca_blob.n == 0)
		log_verbose("Accepted key %s %s found at %s", a->alg->word, fp, f->place);
	else if (f->by_ca)
		log_verbose("Accepted certificate ID \"%.*s\" (serial %llu) signed by %s CA %s via %s", n, id, serial, ca, ca_fp, f->place);
	else
		log_verbose("Accepted certificate ID \"%.*s\" (serial %llu) signed by CA %s %s found at %s", n, id, serial, ca, ca_fp, f->place);
}

static bool authorized(struct monitor *m, struct attempt *a)
{
	if (used_before(m, a) || !keyfind(m, &a->j, &a->found))
		return false;
	log_found(a);
	return true;
}

/* RFC 4252, section 7: would a signature by this key be of use? */
bool mon_on_key_ok(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_key ask;
	struct reader r = reader_of(f->body);
	struct attempt a = {0};
	(void)msg;
	if (!msg_decode_body(ask_row(ASK_KEY_OK)->ask, &r, &ask) || !get_end(&r) || !mon_begin(m, ask.user))
		return false;
	bool ok, yes = may_try(m, ask.algorithm, ask.blob, &a);
	if (yes) {
		struct judge_ask q = {.alg = a.alg, .blob = ask.blob, .what = "userauth_pubkey"};
		yes = keyjudge(m, &q, &a.j) && authorized(m, &a);
	}
	if (yes) {
		struct answer_auth v = {.verdict = AUTH_KEY_OK};
		mon_log_auth(m, "Postponed", METHOD_PUBLICKEY, NULL, NULL);
		ok = monitor_answer(m, ASK_KEY_OK, &v);
	} else {
		struct mon_result result = {.asked = ASK_KEY_OK, .method = METHOD_PUBLICKEY, .info = info_of(&a)};
		ok = mon_conclude(m, &result);
	}
	attempt_clear(&a);
	return ok;
}

/* The signed data is built here, with the session id that was computed here (RFC 4252, section 7; PROTOCOL of OpenSSH
 * for the host-bound form). */
static bool signature_good(struct monitor *m, const struct ask_verify *ask, struct attempt *a)
{
	struct buf data = BUF_INIT(1 << 18);
	struct slice host_key = ask->hostbound ? buf_slice(&m->host_key) : (struct slice){0};
	/* Host-bound requests carry another method name; core and authdata agree on that by the host key's presence. */
	auth_signed_data(&data, buf_slice(&m->session_id), ask->user, ask->algorithm, ask->blob, host_key);
	struct judge_ask q = {.alg = a->alg, .blob = ask->blob, .with_signature = true, .data = buf_slice(&data), .signature = ask->signature,
		.what = "userauth_pubkey"};
	bool good = !data.bad && keyjudge(m, &q, &a->j);
	buf_clear(&data);
	return good;
}

/* sshd_config(5), PubkeyAuthOptions; touch and verify of the key's line and certificate. */
static bool proves_enough(const struct monitor *m, struct attempt *a)
{
	const struct sk_flags *sk = &a->j.sk;
	const struct grant *g = &a->found.match.grant;
	const char *lacks = NULL;
	if (!sk->sk)
		return true;
	put_fmt(&a->j.info, ", signature count = %u", sk->counter);
	if (((m->conf.pubkey_auth_options & CONF_TOUCH_REQUIRED) || !g->no_touch) && !sk->touched)
		lacks = "presence (authenticator touch) requirement not met ";
	else if (((m->conf.pubkey_auth_options & CONF_VERIFY_REQUIRED) || g->verify) && !sk->verified)
		lacks = "verification requirement not met ";
	if (lacks)
		log_error("public key %s %s signature for %s from %s port %u rejected: user %s", a->alg->word, buf_cstr(&a->j.fp),
			text_show(slice_str(m->login.user)), m->peer.addr, m->peer.port, lacks);
	return lacks == NULL;
}

static void keep_grant(struct monitor *m, struct attempt *a)
{
	struct mon_login *l = &m->login;
	LIST_PUSH(l->used_keys.v, l->used_keys.n, mem_str(buf_cstr(&a->j.fp)));
	authkeys_match_clear(&l->key);
	l->key = a->found.match;
	l->has_key_grant = true;
	a->found.match = (struct authkeys_match){.store = BUF_INIT(0), .why = BUF_INIT(0), .refused = BUF_INIT(0)};
}

bool mon_on_verify(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_verify ask;
	struct reader r = reader_of(f->body);
	struct attempt a = {0};
	(void)msg;
	if (!msg_decode_body(ask_row(ASK_VERIFY)->ask, &r, &ask) || !get_end(&r) || !mon_begin(m, ask.user))
		return false;
	struct mon_result result = {.asked = ASK_VERIFY, .method = METHOD_PUBLICKEY, .blob = ask.blob};
	result.ok = may_try(m, ask.algorithm, ask.blob, &a) && signature_good(m, &ask, &a) && authorized(m, &a) && proves_enough(m, &a);
	result.info = info_of(&a);
	if (result.ok)
		keep_grant(m, &a);
	bool ok = mon_conclude(m, &result);
	attempt_clear(&a);
	return ok;
}
