#include "server/monitor.h"

#include "base/log.h"
#include "base/mem.h"
#include "key/authdata.h"
#include "server/hostbased.h"

static const struct key_alg *algorithm_of(const struct monitor *m, const struct ask_hostbased *ask)
{
	struct reader r = reader_of(ask->blob);
	const struct key_alg *alg = key_alg_find(ask->algorithm);
	if (alg == NULL || !slice_eq_str(get_string(&r), alg->type)) {
		log_info("userauth_hostbased: unsupported public key algorithm: %s", text_show(ask->algorithm));
		return NULL;
	}
	if (match_list(ask->algorithm, slice_str(m->conf.hostbased_accepted_algorithms), false) != 1) {
		log_info("userauth_hostbased: signature algorithm %s not in HostbasedAcceptedAlgorithms", text_show(ask->algorithm));
		return NULL;
	}
	return m->login.allowed && mon_method_allowed(m, METHOD_HOSTBASED) ? alg : NULL;
}

static bool signature_good(struct monitor *m, const struct ask_hostbased *ask, const struct key_alg *alg, struct judgement *j)
{
	const struct auth_host signed_by = {ask->user, ask->algorithm, ask->blob, ask->host, ask->client_user};
	struct buf data = BUF_INIT(1 << 18);
	auth_hostbased_data(&data, buf_slice(&m->session_id), &signed_by);
	struct judge_ask q = {.alg = alg, .blob = ask->blob, .with_signature = true, .data = buf_slice(&data), .signature = ask->signature,
		.what = "userauth_hostbased"};
	bool good = !data.bad && keyjudge(m, &q, j);
	buf_clear(&data);
	return good;
}

/* "host.example." is how a client calls itself. Both names were freed of NUL by the core, and are checked here again. */
static bool host_allowed(struct monitor *m, const struct ask_hostbased *ask, struct judgement *j)
{
	struct slice name = ask->host;
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	if (slice_has_nul(ask->host) || slice_has_nul(ask->client_user) || name.n == 0)
		return false;
	char *host = slice_dup(name), *user = slice_dup(ask->client_user);
	struct hostbased h = {.j = j, .host = host, .client_user = user};
	bool ok = hostbased_allowed(m, &h);
	mem_free(host);
	mem_free(user);
	put_fmt(&j->info, ", client user \"%.100s\", client host \"%.100s\"", text_show(ask->client_user), text_show(ask->host));
	return ok;
}

/* RFC 4252, section 9. */
bool mon_on_hostbased(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_hostbased ask;
	struct reader r = reader_of(f->body);
	struct judgement j = {0};
	(void)msg;
	if (!msg_decode_body(ask_row(ASK_HOSTBASED)->ask, &r, &ask) || !get_end(&r) || !mon_begin(m, ask.user))
		return false;
	struct mon_result result = {.asked = ASK_HOSTBASED, .method = METHOD_HOSTBASED, .blob = ask.blob};
	const struct key_alg *alg = algorithm_of(m, &ask);
	result.ok = alg && signature_good(m, &ask, alg, &j) && host_allowed(m, &ask, &j);
	if (j.parsed)
		result.info = buf_cstr(&j.info);
	bool ok = mon_conclude(m, &result);
	judgement_clear(&j);
	return ok;
}
