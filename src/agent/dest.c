#include "agent/dest.h"

#include "base/mem.h"
#include "base/text.h"

enum { USERAUTH_REQUEST = 50, USER_MAX = 256, ID_BUF = 256, HOST_KEY_MAX = 64 << 10 };
#define CA_ALGS SLICE_LIT("ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256")

struct hop { struct slice user, host, keys; };
struct constraint { struct hop from, to; };

static bool get_hop(struct reader *list, struct hop *h)
{
	struct reader r = reader_of(get_string(list));
	h->user = get_string(&r);
	h->host = get_string(&r);
	struct slice reserved = get_string(&r);
	h->keys = get_rest(&r);
	if (list->bad || r.bad || reserved.n || h->user.n > USER_MAX || slice_has_nul(h->user) || slice_has_nul(h->host))
		return false;
	for (r = reader_of(h->keys); reader_left(&r);) {
		struct slice key = get_string(&r);
		get_bool(&r);
		if (r.bad || key.n == 0)
			return false;
	}
	return true;
}

static bool get_constraint(struct reader *list, struct constraint *c)
{
	struct reader r = reader_of(get_string(list));
	bool hops = get_hop(&r, &c->from) && get_hop(&r, &c->to);
	struct slice reserved = get_string(&r);
	if (list->bad || !hops || reserved.n || !get_end(&r))
		return false;
	return c->from.user.n == 0 && (c->from.host.n == 0) == (c->from.keys.n == 0) && c->to.host.n && c->to.keys.n;
}

bool dest_valid(struct slice list, struct err *err)
{
	struct reader r = reader_of(list);
	struct constraint c;
	size_t n = 0;
	while (reader_left(&r)) {
		if (++n > DEST_MAX)
			return err_set(err, ERR_LIMIT, "more than %d destination constraints", DEST_MAX);
		if (!get_constraint(&r, &c))
			return err_set(err, ERR_FORMAT, "destination constraint %zu is malformed", n);
	}
	return n > 0 || err_set(err, ERR_FORMAT, "no destination in a destination constraint");
}

/* A host certificate counts by its CA and only for the hop's name; a plain key by itself. */
static bool is_host(const struct hop *h, struct slice host_key, int64_t wall)
{
	struct reader r = reader_of(h->keys), type = reader_of(host_key);
	struct cert *cert = cert_kind_find(get_string(&type)) ? cert_from_blob(host_key, NULL) : NULL;
	bool found = false;
	while (reader_left(&r) && !found) {
		struct slice key = get_string(&r);
		bool ca = get_bool(&r);
		if (!ca) {
			found = cert == NULL && slice_eq(key, host_key);
		} else if (cert) {
			struct buf blob = BUF_INIT(HOST_KEY_MAX);
			key_blob(cert->ca, &blob);
			found = slice_eq(key, buf_slice(&blob)) && cert_check(cert, CERT_HOST, h->host, wall, CA_ALGS, NULL);
			buf_clear(&blob);
		}
	}
	cert_free(cert);
	return found;
}

/* from.p == NULL: this machine; to.p == NULL: anywhere. */
static bool allows_step(struct slice list, struct slice from, struct slice to, struct slice user, int64_t wall)
{
	struct reader r = reader_of(list);
	struct constraint c;
	while (reader_left(&r) && get_constraint(&r, &c)) {
		if (from.p ? !is_host(&c.from, from, wall) : c.from.host.n > 0)
			continue;
		if (to.p && !is_host(&c.to, to, wall))
			continue;
		if (user.p && c.to.user.n && !match_wild(user, c.to.user, false))
			continue;
		return true;
	}
	return false;
}

bool dest_permits(struct slice list, const struct sessions *s, struct slice user, int64_t wall)
{
	struct slice none = {NULL, 0}, from = none;
	if (list.n == 0)
		return true;
	if (s->failed)
		return false;
	for (size_t i = 0; i < s->n; i++) {
		const struct bound *b = &s->at[i];
		bool last = i + 1 == s->n;
		if (last ? b->forwarding && user.p : !b->forwarding)
			return false;
		if (!allows_step(list, from, buf_slice(&b->host_key), last ? user : none, wall))
			return false;
		from = buf_slice(&b->host_key);
	}
	/* Behind a forwarding a key is only shown if it may go on from there. */
	if (s->n && s->at[s->n - 1].forwarding && !user.p)
		return allows_step(list, from, none, none, wall);
	return true;
}

bool dest_login_request(struct slice data, struct slice blob, struct slice *id, struct slice *user, struct slice *host_key)
{
	struct reader r = reader_of(data);
	*id = get_string(&r);
	uint8_t number = get_u8(&r);
	*user = get_string(&r);
	struct slice service = get_string(&r), method = get_string(&r);
	bool has_sig = get_bool(&r), bound = slice_eq_str(method, "publickey-hostbound-v00@openssh.com");
	get_string(&r);
	struct slice key = get_string(&r);
	*host_key = bound ? get_string(&r) : slice_of(NULL, 0);
	return get_end(&r) && number == USERAUTH_REQUEST && has_sig && slice_eq_str(service, "ssh-connection")
	    && (bound ? host_key->p != NULL : slice_eq_str(method, "publickey")) && slice_eq(key, blob);
}

bool dest_signs(const struct sessions *s, struct slice blob, struct slice data, struct slice *user, struct err *err)
{
	struct slice id, host_key;
	if (s->failed || s->n == 0)
		return err_set(err, ERR_DENIED, "a key with destinations is not used on a socket that ssh did not bind to a session");
	if (!dest_login_request(data, blob, &id, user, &host_key))
		return err_set(err, ERR_DENIED, "a key with destinations signs only login requests");
	const struct bound *last = &s->at[s->n - 1];
	if (!slice_eq(id, buf_slice(&last->id)))
		return err_set(err, ERR_DENIED, "the login request is of another session than the socket");
	if (host_key.p ? !slice_eq(host_key, buf_slice(&last->host_key)) : s->n > 1)
		return err_set(err, ERR_DENIED, "the login request names another host key than the socket's session, or none");
	if (user->p == NULL)
		*user = SLICE_LIT("");
	return true;
}

static bool verify(const struct agent_bind *b, struct err *err)
{
	struct reader type = reader_of(b->host_key), sig = reader_of(b->signature);
	struct cert *cert = cert_kind_find(get_string(&type)) ? cert_from_blob(b->host_key, err) : NULL;
	struct key *key = cert ? key_copy(cert->key) : key_from_blob(b->host_key, err);
	const struct key_alg *alg = key_alg_find(get_string(&sig));
	struct sk_flags flags;
	bool ok = key && alg && key_verify_sk(key, alg, b->session_id, b->signature, &flags) == VERDICT_VERIFIED;
	key_free(key);
	cert_free(cert);
	return ok || err_set(err, ERR_PEER, "the signature of a session is wrong");
}

static bool may_bind(const struct sessions *s, const struct agent_bind *b, bool *known, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		if (!s->at[i].forwarding)
			return err_set(err, ERR_DENIED, "the socket is bound to a login already");
		if (slice_eq(buf_slice(&s->at[i].id), b->session_id)) {
			*known = slice_eq(buf_slice(&s->at[i].host_key), b->host_key);
			return *known || err_set(err, ERR_DENIED, "the same session with another host key");
		}
	}
	return s->n < SESSIONS_MAX || err_set(err, ERR_LIMIT, "more than %d sessions on one socket", SESSIONS_MAX);
}

bool sessions_bind(struct sessions *s, const struct agent_bind *b, struct err *err)
{
	bool known = false;
	if (b->session_id.n == 0 || b->session_id.n > SESSION_ID_MAX || b->host_key.n > HOST_KEY_MAX)
		err_set(err, ERR_LIMIT, "a session id of %zu bytes", b->session_id.n);
	else if (verify(b, err) && may_bind(s, b, &known, err)) {
		if (known)
			return true;
		struct bound *n = &s->at[s->n++];
		*n = (struct bound){BUF_INIT(HOST_KEY_MAX), BUF_INIT(ID_BUF), b->forwarding};
		put_bytes(&n->host_key, b->host_key);
		put_bytes(&n->id, b->session_id);
		return true;
	}
	s->failed = true;
	return false;
}

void sessions_clear(struct sessions *s)
{
	for (size_t i = 0; i < s->n; i++) {
		buf_clear(&s->at[i].host_key);
		buf_clear(&s->at[i].id);
	}
	*s = (struct sessions){.n = 0};
}
