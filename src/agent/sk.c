/* Keys of security keys (PROTOCOL.u2f and PROTOCOL.agent of OpenSSH): the agent keeps what the token needs to find its
 * secret, and the caller asks the token, in a helper process. */
#include "agent/internal.h"
#include "base/mem.h"
#include "base/text.h"
#include "key/sk.h"

bool agent_add_sk(struct request *q, const struct key *k, struct slice blob, struct slice comment, const struct constraints *c, enum agent_outcome *outcome)
{
	if (c->sk.n == 0 || slice_has_nul(c->sk))
		return err_set(q->t->why, ERR_MISSING, "a key of a security key without its library (ssh-add -S)");
	if (q->t->done == NULL) {
		*q->t->work = (struct agent_work){.provider = c->sk};
		*outcome = AGENT_SK_CHECK;
		return true;
	}
	struct entry e = {.word = key_word(k), .sk_provider = slice_dup(q->t->done->provider)};
	if (shield_close(q->a->shield, k, &e.private))
		return agent_keep(q, &e, blob, comment, c);
	mem_free(e.sk_provider);
	return err_set(q->t->why, ERR_SYSTEM, "the key cannot be encrypted");
}

/* PROTOCOL.sshsig: what is signed for files. */
static bool is_file_signature(struct slice data)
{
	static const char magic[6] = "SSHSIG";
	struct reader r = reader_of(data);
	bool named = slice_eq(get_bytes(&r, sizeof magic), slice_of(magic, sizeof magic));
	struct slice space = get_string(&r);
	get_string(&r);
	get_string(&r);
	get_string(&r);
	return get_end(&r) && named && space.n;
}

/* A key whose application is a web site's could log in there for whoever reaches this socket: it signs what SSH signs and
 * nothing else (ssh-agent(1), websafe-allow). */
bool agent_sk_may_sign(const struct request *q, const struct key *k, const struct agent_sign *m)
{
	struct slice id, user, host_key;
	if (q->t->websafe == NULL || match_list(key_sk(k)->application, slice_str(q->t->websafe), false) == 1)
		return true;
	return dest_login_request(m->data, m->blob, &id, &user, &host_key) || is_file_signature(m->data)
	    || err_set(q->t->why, ERR_DENIED, "a key of the web application %s signs nothing but logins and files", text_show(key_sk(k)->application));
}
