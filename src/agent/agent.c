#include "agent/internal.h"

#include <limits.h>

#include "agent/private.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/bcrypt_pbkdf.h"

enum { LOCK_ROUNDS = 16, PASSPHRASE_MAX = 1024, ANSWER_ROOM = 1024 };

struct agent *agent_new(uint32_t lifetime)
{
	struct agent *a = mem_new(sizeof *a);
	a->shield = shield_new();
	a->lifetime = lifetime;
	a->lock_rounds = LOCK_ROUNDS;
	return a;
}

void agent_set_lock_rounds(struct agent *a, unsigned rounds)
{
	a->lock_rounds = rounds;
}

static void entry_clear(struct entry *e)
{
	buf_clear(&e->blob);
	buf_clear(&e->comment);
	buf_clear(&e->dest);
	buf_clear(&e->plain);
	shielded_clear(&e->private);
	mem_free(e->provider);
	mem_free(e->sk_provider);
}

void agent_drop(struct agent *a, size_t i)
{
	entry_clear(&a->at[i]);
	for (a->n--; i < a->n; i++)
		a->at[i] = a->at[i + 1];
}

void agent_drop_keys(struct agent *a)
{
	while (a->n)
		agent_drop(a, a->n - 1);
}

void agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	agent_drop_keys(a);
	mem_free(a->at);
	shield_free(a->shield);
	mem_free_secret(a, sizeof *a);
}

void agent_conn_clear(struct agent_conn *c)
{
	sessions_clear(&c->sessions);
}

size_t agent_count(const struct agent *a)
{
	return a->n;
}

bool agent_uses(const struct agent *a, struct slice provider)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->at[i].provider && slice_eq_str(provider, a->at[i].provider))
			return true;
	return false;
}

unsigned agent_wrong_unlocks(const struct agent *a)
{
	return a->wrong;
}

void agent_expire(struct agent *a, uint64_t now)
{
	for (size_t i = a->n; i-- > 0;)
		if (a->at[i].until <= now)
			agent_drop(a, i);
}

uint64_t agent_next_expiry(const struct agent *a)
{
	uint64_t next = UINT64_MAX;
	for (size_t i = 0; i < a->n; i++)
		next = a->at[i].until < next ? a->at[i].until : next;
	return next;
}

struct entry *agent_find(const struct agent *a, struct slice blob)
{
	for (size_t i = 0; i < a->n; i++)
		if (slice_eq(buf_slice(&a->at[i].blob), blob))
			return &a->at[i];
	return NULL;
}

bool agent_visible(const struct request *q, const struct entry *e)
{
	return dest_permits(buf_slice(&e->dest), &q->c->sessions, slice_of(NULL, 0), q->t->wall);
}

/* Each answers true, or false for AGENT_FAILURE; a reply it began is dropped then. */
static bool list(struct request *q)
{
	struct buf keys = BUF_INIT(AGENT_MESSAGE_MAX);
	struct agent_identities m = {0};
	for (size_t i = 0; i < q->a->n && !q->a->locked; i++) {
		const struct entry *e = &q->a->at[i];
		if (!agent_visible(q, e))
			continue;
		put_string(&keys, buf_slice(&e->blob));
		put_string(&keys, buf_slice(&e->comment));
		m.count++;
	}
	m.keys = buf_slice(&keys);
	msg_encode(agent_msg_row(AGENT_IDENTITIES_ANSWER), &m, q->reply);
	bool ok = !keys.bad && !q->reply->bad;
	buf_clear(&keys);
	return ok;
}

static const struct key_alg *alg_for(const struct key *k, uint32_t flags, struct err *err)
{
	if (flags & ~(uint32_t)(AGENT_FLAG_OLD | AGENT_FLAG_SHA2_256 | AGENT_FLAG_SHA2_512)) {
		err_set(err, ERR_UNSUPPORTED, "flags 0x%x of a signature are not known", flags);
		return NULL;
	}
	if (pk_kind(key_pk(k)) != PK_RSA)
		return key_alg_find(slice_str(key_type(k)));
	return key_alg_find(slice_str(flags & AGENT_FLAG_SHA2_256 ? "rsa-sha2-256" : flags & AGENT_FLAG_SHA2_512 ? "rsa-sha2-512" : "ssh-rsa"));
}

static bool put_signature(struct request *q, struct slice sig)
{
	struct agent_string answer = {sig};
	msg_encode(agent_msg_row(AGENT_SIGN_RESPONSE), &answer, q->reply);
	return true;
}

static bool make_signature(struct request *q, const struct entry *e, const struct agent_sign *m)
{
	struct buf sig = BUF_INIT(AGENT_MESSAGE_MAX / 2);
	struct key *k = shield_open(q->a->shield, &e->private, q->t->why);
	const struct key_alg *alg = k ? alg_for(k, m->flags, q->t->why) : NULL;
	bool ok = alg && key_sign(k, alg, m->data, &sig, q->t->why) && put_signature(q, buf_slice(&sig));
	key_free(k);
	buf_clear(&sig);
	return ok;
}

/* The token knows the key inside, not a certificate that we put around it. */
static bool token_signature(struct request *q, const struct entry *e, const struct agent_sign *m, enum agent_outcome *outcome)
{
	struct agent_work *w = q->t->work;
	if (q->t->done && q->t->done->signature.n)
		return put_signature(q, q->t->done->signature);
	struct key *k = key_from_any(buf_slice(&e->blob), NULL, q->t->why);
	w->alg = k ? alg_for(k, m->flags, q->t->why) : NULL;
	key_free(k);
	w->provider = slice_str(e->provider);
	w->blob = buf_slice(&e->plain);
	w->data = m->data;
	*outcome = AGENT_TOKEN_SIGN;
	return w->alg || (*outcome = AGENT_ANSWERED);
}

static bool sk_signature(struct request *q, const struct entry *e, const struct agent_sign *m, enum agent_outcome *outcome)
{
	if (q->t->done && q->t->done->signature.n)
		return put_signature(q, q->t->done->signature);
	struct key *k = shield_open(q->a->shield, &e->private, q->t->why);
	const struct key_alg *alg = k ? alg_for(k, m->flags, q->t->why) : NULL;
	if (alg == NULL || !agent_sk_may_sign(q, k, m)) {
		key_free(k);
		return false;
	}
	*q->t->work = (struct agent_work){.provider = slice_str(e->sk_provider), .data = m->data, .alg = alg, .key = k};
	*outcome = AGENT_SK_SIGN;
	return true;
}

static void put_question(const struct request *q, const struct entry *e, struct slice user)
{
	struct buf *p = q->t->prompt;
	const struct sessions *s = &q->c->sessions;
	put_str(p, "Allow use of key ");
	put_text(p, buf_slice(&e->comment), 256, 0);
	put_str(p, "?\nKey fingerprint ");
	key_fingerprint(buf_slice(&e->blob), q->t->fingerprint, p);
	put_str(p, ".");
	if (user.p) {
		put_str(p, "\nTo log in as ");
		put_text(p, user, 128, 0);
		put_str(p, " on a host with the key ");
		key_fingerprint(buf_slice(&s->at[s->n - 1].host_key), q->t->fingerprint, p);
		put_str(p, ".");
	}
}

static bool sign(struct request *q, enum agent_outcome *outcome)
{
	struct agent_sign m;
	struct slice user = {NULL, 0};
	if (!msg_decode(agent_msg_row(AGENT_SIGN_REQUEST), q->message, &m))
		return err_set(q->t->why, ERR_FORMAT, "a malformed request for a signature");
	const struct entry *e = agent_find(q->a, m.blob);
	if (e == NULL)
		return err_set(q->t->why, ERR_MISSING, "a signature by a key that is not here");
	if (e->dest.len) {
		if (!dest_signs(&q->c->sessions, m.blob, m.data, &user, q->t->why))
			return false;
		if (!dest_permits(buf_slice(&e->dest), &q->c->sessions, user, q->t->wall))
			return err_set(q->t->why, ERR_DENIED, "the key is not for this destination");
	}
	if (e->confirm && !q->t->confirmed) {
		*outcome = AGENT_CONFIRM;
		put_question(q, e, user);
		return true;
	}
	return e->provider ? token_signature(q, e, &m, outcome) : e->sk_provider ? sk_signature(q, e, &m, outcome) : make_signature(q, e, &m);
}

static bool get_extension(struct reader *r, bool card, struct constraints *c, struct err *err)
{
	struct slice name = get_string(r);
	if (card && !c->has_certs && slice_eq_str(name, AGENT_CONSTRAINT_CERTS)) {
		c->has_certs = true;
		c->certs_only = get_bool(r);
		c->certs = get_string(r);
		return !r->bad || err_set(err, ERR_FORMAT, "certificates of a token are cut");
	}
	struct slice data = get_string(r);
	if (!r->bad && !card && slice_eq_str(name, AGENT_CONSTRAINT_SK)) {
		if (c->sk.n || data.n == 0)
			return err_set(err, ERR_FORMAT, "the library of a security key is given twice, or empty");
		c->sk = data;
		return true;
	}
	if (r->bad || !slice_eq_str(name, AGENT_CONSTRAINT_DEST))
		return err_set(err, ERR_UNSUPPORTED, "constraint %s is not known", text_show(name));
	if (c->has_dest)
		return err_set(err, ERR_FORMAT, "destinations are given twice");
	c->has_dest = true;
	c->dest = data;
	return dest_valid(data, err);
}

static bool get_lifetime(struct reader *r, uint64_t now, struct constraints *c, struct err *err)
{
	uint32_t seconds = get_u32(r);
	if (r->bad || c->has_lifetime || seconds == 0)
		return err_set(err, ERR_FORMAT, "a bad lifetime");
	c->has_lifetime = true;
	c->until = now + seconds;
	return true;
}

/* draft-ietf-sshm-ssh-agent, 3.2.7. One that is not known makes the key unwelcome: it would be used more freely than its owner said. */
bool agent_get_constraints(struct reader *r, const struct request *q, bool card, struct constraints *c)
{
	struct err *err = q->t->why;
	bool ok = true;
	*c = (struct constraints){.until = q->a->lifetime ? q->t->now + q->a->lifetime : UINT64_MAX};
	while (ok && reader_left(r) && !r->bad) {
		uint8_t type = get_u8(r);
		switch (type) {
		case AGENT_LIFETIME: ok = get_lifetime(r, q->t->now, c, err); break;
		case AGENT_CONFIRM_USE: c->confirm = true; break;
		case AGENT_CONSTRAIN_EXTENSION: ok = get_extension(r, card, c, err); break;
		default: ok = err_set(err, ERR_UNSUPPORTED, "constraint %u is not known", type);
		}
	}
	return ok && (!r->bad || err_set(err, ERR_FORMAT, "constraints are cut"));
}

static bool has_room(const struct agent *a, size_t more, struct err *err)
{
	size_t sum = ANSWER_ROOM + more;
	for (size_t i = 0; i < a->n; i++)
		sum += a->at[i].blob.len + a->at[i].comment.len + 8;
	return (a->n < AGENT_KEYS && sum <= AGENT_MESSAGE_MAX) || err_set(err, ERR_LIMIT, "the agent is full");
}

bool agent_keep(struct request *q, struct entry *take, struct slice blob, struct slice comment, const struct constraints *c)
{
	struct entry *old = agent_find(q->a, blob);
	if (!old && !has_room(q->a, blob.n + comment.n + 8, q->t->why)) {
		entry_clear(take);
		return false;
	}
	take->blob = BUF_INIT(AGENT_MESSAGE_MAX);
	take->comment = BUF_INIT(AGENT_COMMENT_MAX);
	take->dest = BUF_INIT(AGENT_MESSAGE_MAX);
	take->until = c->until;
	take->confirm = c->confirm;
	put_bytes(&take->blob, blob);
	put_bytes(&take->comment, comment);
	put_bytes(&take->dest, c->dest);
	if (old) {
		entry_clear(old);
		*old = *take;
	} else {
		LIST_PUSH(q->a->at, q->a->n, *take);
	}
	return true;
}

static bool keep_private(struct request *q, const struct key *k, struct slice blob, struct slice comment, const struct constraints *c)
{
	struct entry e = {.word = key_word(k)};
	if (!shield_close(q->a->shield, k, &e.private))
		return err_set(q->t->why, ERR_SYSTEM, "the key cannot be encrypted");
	return agent_keep(q, &e, blob, comment, c);
}

static bool keep_either(struct request *q, const struct key *k, struct slice blob, struct slice comment, const struct constraints *c, enum agent_outcome *outcome)
{
	if (key_kind(k)->sk)
		return agent_add_sk(q, k, blob, comment, c, outcome);
	if (c->sk.n)
		return err_set(q->t->why, ERR_FORMAT, "a library for a key that no security key holds");
	return keep_private(q, k, blob, comment, c);
}

static bool add(struct request *q, bool constrained, enum agent_outcome *outcome)
{
	struct agent_rest m;
	struct constraints c;
	struct buf blob = BUF_INIT(CERT_MAX);
	if (!msg_decode(agent_msg_row(constrained ? AGENT_ADD_ID_CONSTRAINED : AGENT_ADD_IDENTITY), q->message, &m))
		return false;
	struct reader r = reader_of(m.rest);
	struct key *k = agent_get_private(&r, &blob, q->t->why);
	struct slice comment = get_string(&r);
	bool ok = false;
	if (k == NULL)
		;
	else if (r.bad || comment.n > AGENT_COMMENT_MAX || slice_has_nul(comment) || blob.bad)
		err_set(q->t->why, ERR_FORMAT, "a key with a malformed or too long comment");
	else if (!constrained && !get_end(&r))
		err_set(q->t->why, ERR_FORMAT, "bytes behind a key");
	else
		ok = agent_get_constraints(&r, q, false, &c) && keep_either(q, k, buf_slice(&blob), comment, &c, outcome);
	key_free(k);
	buf_clear(&blob);
	return ok;
}

static bool remove_one(struct request *q)
{
	struct agent_string m;
	if (!msg_decode(agent_msg_row(AGENT_REMOVE_IDENTITY), q->message, &m))
		return false;
	struct entry *e = agent_find(q->a, m.value);
	if (e == NULL || !agent_visible(q, e))
		return err_set(q->t->why, ERR_MISSING, "no such key to remove");
	agent_drop(q->a, (size_t)(e - q->a->at));
	return true;
}

/* The hash is slow, so that guessing through the socket is. */
static bool lock(struct request *q, bool lock_it)
{
	struct agent *a = q->a;
	struct agent_string m;
	uint8_t hash[LOCK_HASH];
	if (!msg_decode(agent_msg_row(lock_it ? AGENT_LOCK : AGENT_UNLOCK), q->message, &m))
		return false;
	if (a->locked == lock_it || m.value.n == 0 || m.value.n > PASSPHRASE_MAX)
		return err_set(q->t->why, ERR_DENIED, lock_it ? "locked already, or an empty passphrase" : "not locked");
	if (lock_it)
		random_bytes(a->salt, sizeof a->salt);
	bool ok = bcrypt_pbkdf(m.value, slice_of(a->salt, LOCK_SALT), a->lock_rounds, hash, sizeof hash);
	if (ok && lock_it) {
		for (size_t i = 0; i < LOCK_HASH; i++)
			a->hash[i] = hash[i];
		a->locked = true;
	} else if (ok && (ok = slice_eq_secret(slice_of(hash, LOCK_HASH), slice_of(a->hash, LOCK_HASH)))) {
		mem_wipe(a->hash, LOCK_HASH);
		a->locked = false;
		a->wrong = 0;
	} else if (!lock_it && a->wrong < UINT_MAX) {
		a->wrong++;
	}
	mem_wipe(hash, sizeof hash);
	return ok || err_set(q->t->why, ERR_PASSPHRASE, "wrong passphrase to unlock");
}

static bool extension(struct request *q)
{
	struct agent_extension m;
	struct agent_bind b;
	if (!msg_decode(agent_msg_row(AGENT_EXTENSION), q->message, &m))
		return false;
	if (slice_eq_str(m.name, AGENT_EXT_BIND)) {
		struct reader r = reader_of(m.contents);
		if (!msg_decode_body(&agent_bind_desc, &r, &b) || !get_end(&r)) {
			q->c->sessions.failed = true;
			return err_set(q->t->why, ERR_FORMAT, "a malformed binding of a session");
		}
		return sessions_bind(&q->c->sessions, &b, q->t->why);
	}
	if (slice_eq_str(m.name, AGENT_EXT_QUERY) && m.contents.n == 0 && !q->a->locked) {
		struct buf names = BUF_INIT(256);
		put_cstring(&names, AGENT_EXT_BIND);
		put_cstring(&names, AGENT_EXT_QUERY);
		struct agent_extension answer = {m.name, buf_slice(&names)};
		msg_encode(agent_msg_row(AGENT_EXTENSION_RESPONSE), &answer, q->reply);
		buf_clear(&names);
		return true;
	}
	return err_set(q->t->why, ERR_UNSUPPORTED, "extension %s is not known", text_show(m.name));
}

static bool handle(struct request *q, uint8_t type, enum agent_outcome *outcome)
{
	/* A socket that was bound while the agent was locked stays bound afterwards. */
	if (q->a->locked && type != AGENT_UNLOCK && type != AGENT_EXTENSION && type != AGENT_REQUEST_IDENTITIES && type != AGENT_OLD_REQUEST)
		return err_set(q->t->why, ERR_DENIED, "the agent is locked");
	switch (type) {
	case AGENT_REQUEST_IDENTITIES: return q->message.n == 1 && list(q);
	case AGENT_SIGN_REQUEST: return sign(q, outcome);
	case AGENT_ADD_IDENTITY: return add(q, false, outcome);
	case AGENT_ADD_ID_CONSTRAINED: return add(q, true, outcome);
	case AGENT_REMOVE_IDENTITY: return remove_one(q);
	case AGENT_REMOVE_ALL:
		if (q->message.n == 1)
			agent_drop_keys(q->a);
		return q->message.n == 1;
	case AGENT_LOCK: return lock(q, true);
	case AGENT_UNLOCK: return lock(q, false);
	case AGENT_EXTENSION: return extension(q);
	case AGENT_OLD_REMOVE_ALL:                         /* of protocol 1, whose keys no agent holds any more */
		return q->message.n == 1;
	case AGENT_OLD_REQUEST:
		put_u8(q->reply, AGENT_OLD_ANSWER);
		put_u32(q->reply, 0);
		return q->message.n == 1;
	case AGENT_ADD_CARD: return agent_add_card(q, false, outcome);
	case AGENT_ADD_CARD_CONSTRAINED: return agent_add_card(q, true, outcome);
	case AGENT_REMOVE_CARD: return agent_remove_card(q, outcome);
	default:
		return err_set(q->t->why, ERR_UNSUPPORTED, "request %u is not known", type);
	}
}

enum agent_outcome agent_handle(struct agent *a, struct agent_conn *c, struct slice message, const struct agent_turn *t, struct buf *reply)
{
	struct request q = {a, c, t, message, reply};
	enum agent_outcome outcome = AGENT_ANSWERED;
	uint8_t type = message.n ? message.p[0] : 0;
	agent_expire(a, t->now);
	buf_reset(reply);
	bool ok = handle(&q, type, &outcome);
	if (outcome != AGENT_ANSWERED || (ok && reply->len && !reply->bad))
		return outcome;
	ok = ok && !reply->bad;
	buf_reset(reply);
	put_u8(reply, ok ? AGENT_SUCCESS : AGENT_FAILURE);
	return outcome;
}
