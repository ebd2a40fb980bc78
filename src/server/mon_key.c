#include "server/monitor.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "key/authdata.h"
#include "server/keycheck.h"

/* What both asks have in common, once it is clear that this key may be tried. */
struct attempt { const struct key_alg *alg; struct slice blob; struct buf info; };

/* "ED25519 SHA256:..." */
static void describe(struct attempt *a)
{
	a->info = BUF_INIT(256);
	put_fmt(&a->info, "%s ", a->alg->word);
	key_fingerprint(a->blob, &hash_sha256, &a->info);
}

/* The algorithm is allowed, the blob is of its type, and the key did not serve in an earlier step. */
static bool may_try(struct monitor *m, struct slice algorithm, struct slice blob, struct attempt *a)
{
	struct reader r = reader_of(blob);
	struct slice type = get_string(&r);
	*a = (struct attempt){.alg = key_alg_find(algorithm), .blob = blob};
	if (a->alg == NULL || !slice_eq_str(type, a->alg->type)) {
		log_debug("userauth_pubkey: unsupported public key algorithm: %s", text_show(algorithm));
		return false;
	}
	describe(a);
	if (match_list(algorithm, slice_str(m->conf.pubkey_accepted_algorithms), false) != 1) {
		log_info("userauth_pubkey: signature algorithm %s not in PubkeyAcceptedAlgorithms", text_show(algorithm));
		return false;
	}
	if (conf_list_has(&m->login.used_keys, buf_cstr(&a->info))) {
		log_info("refusing previously-used %s key", a->alg->word);
		return false;
	}
	return m->login.allowed && mon_method_allowed(m, METHOD_PUBLICKEY);
}

static struct keycheck_signature signature_of(const struct monitor *m, const struct attempt *a)
{
	return (struct keycheck_signature){.alg = a->alg, .blob = a->blob, .least_rsa_bits = (unsigned)m->conf.required_rsa_size};
}

static bool size_fits(const struct monitor *m, const struct attempt *a)
{
	struct keycheck_signature s = signature_of(m, a);
	return a->alg->kind != PK_RSA || keycheck_key(&s) == VERDICT_VERIFIED;
}

static bool authorized(struct monitor *m, struct attempt *a, struct keycheck_grant *grant)
{
	if (!keycheck_authorized(m, a->blob, grant))
		return false;
	log_verbose("Accepted key %s found at %s", buf_cstr(&a->info), grant->file);
	return true;
}

/* RFC 4252, section 7: would a signature by this key be of use? */
bool mon_on_key_ok(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_key ask;
	struct reader r = reader_of(f->body);
	struct attempt a = {0};
	struct keycheck_grant grant = {0};
	(void)msg;
	if (!msg_decode_body(ask_row(ASK_KEY_OK)->ask, &r, &ask) || !get_end(&r) || !mon_begin(m, ask.user))
		return false;
	bool yes = may_try(m, ask.algorithm, ask.blob, &a) && authorized(m, &a, &grant) && size_fits(m, &a);
	keycheck_grant_clear(&grant);
	bool ok;
	if (yes) {
		struct answer_auth v = {.verdict = AUTH_KEY_OK};
		mon_log_auth(m, "Postponed", METHOD_PUBLICKEY, NULL, NULL);
		ok = monitor_answer(m, ASK_KEY_OK, &v);
	} else {
		struct mon_result result = {.asked = ASK_KEY_OK, .method = METHOD_PUBLICKEY, .info = a.info.len ? buf_cstr(&a.info) : NULL};
		ok = mon_conclude(m, &result);
	}
	buf_clear(&a.info);
	return ok;
}

/* The signed data is built here, with the session id that was computed here (RFC 4252, section 7; PROTOCOL of OpenSSH
 * for the host-bound form). */
static bool signature_good(struct monitor *m, const struct ask_verify *ask, const struct attempt *a)
{
	struct buf data = BUF_INIT(1 << 18);
	struct slice host_key = ask->hostbound ? buf_slice(&m->host_key) : (struct slice){0};
	/* Host-bound requests carry another method name; core and authdata agree on that by the host key's presence. */
	auth_signed_data(&data, buf_slice(&m->session_id), ask->user, ask->algorithm, ask->blob, host_key);
	struct keycheck_signature s = signature_of(m, a);
	s.data = buf_slice(&data);
	s.signature = ask->signature;
	enum verdict v = data.bad ? VERDICT_REFUSED : keycheck_verify(&s);
	buf_clear(&data);
	return v == VERDICT_VERIFIED;
}

static void keep_grant(struct monitor *m, struct keycheck_grant *g, const char *info)
{
	struct mon_login *l = &m->login;
	LIST_PUSH(l->used_keys.v, l->used_keys.n, mem_str(info));
	authkeys_match_clear(&l->key);
	l->key = g->match;
	l->has_key_grant = true;
	g->match = (struct authkeys_match){.store = BUF_INIT(0), .why = BUF_INIT(0)};
}

bool mon_on_verify(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_verify ask;
	struct reader r = reader_of(f->body);
	struct attempt a = {0};
	struct keycheck_grant grant = {0};
	(void)msg;
	if (!msg_decode_body(ask_row(ASK_VERIFY)->ask, &r, &ask) || !get_end(&r) || !mon_begin(m, ask.user))
		return false;
	struct mon_result result = {.asked = ASK_VERIFY, .method = METHOD_PUBLICKEY, .blob = ask.blob};
	result.ok = may_try(m, ask.algorithm, ask.blob, &a) && authorized(m, &a, &grant) && signature_good(m, &ask, &a);
	if (a.info.len)
		result.info = buf_cstr(&a.info);
	if (result.ok)
		keep_grant(m, &grant, result.info);
	bool ok = mon_conclude(m, &result);
	keycheck_grant_clear(&grant);
	buf_clear(&a.info);
	return ok;
}
