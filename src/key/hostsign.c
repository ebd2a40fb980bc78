#include "key/hostsign.h"

#include <string.h>

#include "key/cert.h"
#include "wire/ssh_msg.h"

struct request { struct slice session_id; uint8_t number; struct slice user, service, method, algorithm, blob, host, client_user; };

#define F(type, name) {#name, FIELD_##type, offsetof(struct request, name)}
static const struct field fields[] = {
	F(STRING, session_id), F(U8, number), F(TEXT, user), F(TEXT, service), F(TEXT, method), F(TEXT, algorithm), F(STRING, blob),
	F(TEXT, host), F(TEXT, client_user), {0},
};
static const struct msg_desc desc = {"hostbased request", 0, sizeof(struct request), fields};

/* As long as the hash of some key exchange. */
static bool is_session_id(struct slice s)
{
	return s.n == 20 || s.n == 32 || s.n == 48 || s.n == 64;
}

static bool is_this_host(struct slice name, const char *host)
{
	return name.n == strlen(host) + 1 && name.p[name.n - 1] == '.' && slice_eq_fold(slice_of(name.p, name.n - 1), slice_str(host));
}

static bool blob_is_of(const struct key_alg *alg, struct slice blob)
{
	struct reader r = reader_of(blob);
	return slice_eq_str(get_string(&r), alg->type);
}

const struct key_alg *hostsign_check(struct slice data, const char *host, const char *user, struct slice *blob, struct err *e)
{
	struct request q;
	struct reader r = reader_of(data);
	const char *wrong = NULL;
	if (!msg_decode_body(&desc, &r, &q) || !get_end(&r)) {
		err_set(e, ERR_FORMAT, "what is to be signed is no request for hostbased login");
		return NULL;
	}
	const struct key_alg *alg = key_alg_find(q.algorithm);
	if (!is_session_id(q.session_id))
		wrong = "session id";
	else if (q.number != MSG_USERAUTH_REQUEST)
		wrong = "message number";
	else if (!slice_eq_str(q.service, "ssh-connection"))
		wrong = "service";
	else if (!slice_eq_str(q.method, "hostbased"))
		wrong = "method";
	else if (alg == NULL || !blob_is_of(alg, q.blob))
		wrong = "algorithm";
	else if (host[0] == 0 || !is_this_host(q.host, host))
		wrong = "host name";
	else if (user[0] == 0 || !slice_eq_str(q.client_user, user))
		wrong = "user";
	*blob = q.blob;
	if (wrong)
		err_set(e, ERR_DENIED, "what is to be signed has a wrong %s", wrong);
	return wrong ? NULL : alg;
}
