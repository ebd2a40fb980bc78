/* Keys in PKCS#11 tokens (draft-ietf-sshm-ssh-agent, 3.2.5; PROTOCOL.agent of OpenSSH for certificates of such keys).
 * The caller loads the library, in a helper process; here are only the public keys and what they may be used for. */
#include "agent/internal.h"
#include "base/mem.h"
#include "base/text.h"
#include "key/cert.h"

static bool keep(struct request *q, const struct agent_token_key *k, struct slice blob, const struct constraints *c)
{
	struct slice comment = k->label.n && k->label.n <= AGENT_COMMENT_MAX && !slice_has_nul(k->label) ? k->label : q->t->done->provider;
	struct key *key = key_from_any(k->blob, NULL, q->t->why);
	if (key == NULL)
		return false;
	struct entry e = {.word = key_word(key), .provider = slice_dup(q->t->done->provider), .plain = BUF_INIT(CERT_MAX)};
	put_bytes(&e.plain, k->blob);
	key_free(key);
	return agent_keep(q, &e, blob, comment, c);
}

static bool certifies(struct slice blob, struct slice key)
{
	struct cert *cert = cert_from_blob(blob, NULL);
	struct buf inside = BUF_INIT(CERT_MAX);
	if (cert)
		key_blob(cert->key, &inside);
	bool same = cert && slice_eq(buf_slice(&inside), key);
	buf_clear(&inside);
	cert_free(cert);
	return same;
}

/* How many were kept: the key, and each certificate that is for it. */
static size_t keep_with_certs(struct request *q, const struct agent_token_key *k, const struct constraints *c)
{
	size_t kept = !c->certs_only && keep(q, k, k->blob, c);
	struct reader r = reader_of(c->certs);
	while (reader_left(&r) && !r.bad) {
		struct slice blob = get_string(&r);
		if (!r.bad && certifies(blob, k->blob))
			kept += keep(q, k, blob, c);
	}
	return kept;
}

bool agent_add_card(struct request *q, bool constrained, enum agent_outcome *outcome)
{
	struct agent_card m;
	struct constraints c;
	if (!msg_decode(agent_msg_row(constrained ? AGENT_ADD_CARD_CONSTRAINED : AGENT_ADD_CARD), q->message, &m) || (!constrained && m.constraints.n)
	    || m.provider.n == 0 || slice_has_nul(m.provider))
		return err_set(q->t->why, ERR_FORMAT, "a malformed request for a token");
	struct reader r = reader_of(m.constraints);
	if (!agent_get_constraints(&r, q, true, &c))
		return false;
	if (q->t->done == NULL) {
		*q->t->work = (struct agent_work){.provider = m.provider, .pin = m.pin};
		*outcome = AGENT_TOKEN_LOAD;
		return true;
	}
	size_t kept = 0;
	for (size_t i = 0; i < q->t->done->n; i++)
		kept += keep_with_certs(q, &q->t->done->keys[i], &c);
	return kept || err_set(q->t->why, ERR_MISSING, "no key in the tokens of %s", text_show(m.provider));
}

bool agent_remove_card(struct request *q, enum agent_outcome *outcome)
{
	struct agent_card m;
	bool any = false;
	if (!msg_decode(agent_msg_row(AGENT_REMOVE_CARD), q->message, &m) || m.constraints.n || m.provider.n == 0 || slice_has_nul(m.provider))
		return err_set(q->t->why, ERR_FORMAT, "a malformed request for a token");
	if (q->t->done == NULL) {
		*q->t->work = (struct agent_work){.provider = m.provider};
		*outcome = AGENT_TOKEN_DROP;
		return true;
	}
	for (size_t i = q->a->n; i-- > 0;) {
		const struct entry *e = &q->a->at[i];
		if (e->provider && slice_eq_str(q->t->done->provider, e->provider) && agent_visible(q, e)) {
			agent_drop(q->a, i);
			any = true;
		}
	}
	return any || err_set(q->t->why, ERR_MISSING, "no keys of %s", text_show(m.provider));
}
