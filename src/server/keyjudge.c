#include "server/keyjudge.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "key/krl.h"
#include "server/oneshot.h"
#include "sys/files.h"
#include "sys/sandbox.h"

enum { JAIL_MEMORY = 0, SMALL = 1024 };
enum { JUDGE_FINE = 0x6b657921, JUDGE_UNPARSED = 1, JUDGE_TYPE, JUDGE_CA_ALG, JUDGE_SHORT, JUDGE_CA_SHORT, JUDGE_REVOKED, JUDGE_REVOKED_ERROR, JUDGE_SIGNATURE };

/* What the jailed child says. */
struct facts {
	uint32_t verdict, file;                             /* file: which of RevokedKeys */
	struct slice why, plain, ca, ca_alg, key_id, principals, critical, extensions;
	uint64_t serial, after, before;
	uint32_t role;
	bool sk, touched, verified;
	uint32_t counter;
};
#define F(type, name) {#name, FIELD_##type, offsetof(struct facts, name)}
static const struct field facts_fields[] = {
	F(U32, verdict), F(U32, file), F(TEXT, why), F(STRING, plain), F(STRING, ca), F(TEXT, ca_alg), F(TEXT, key_id), F(STRING, principals),
	F(STRING, critical), F(STRING, extensions), F(U64, serial), F(U64, after), F(U64, before), F(U32, role), F(BOOL, sk), F(BOOL, touched),
	F(BOOL, verified), F(U32, counter), {0},
};
static const struct msg_desc facts_desc = {"FACTS", 0, sizeof(struct facts), facts_fields};

/* In the child: what it works on, and the texts of the revoked keys, mapped before the fork. */
struct work {
	const struct monitor *m;
	const struct judge_ask *ask;
	struct slice *revoked;
	struct key *key;
	struct cert *cert;
	struct buf plain, ca;
	struct err err;
};

static bool is_short(const struct work *w, const struct key *key)
{
	return strcmp(key_type(key), "ssh-rsa") == 0 && key_bits(key) < (unsigned)w->m->conf.required_rsa_size;
}

static uint32_t judge_revoked(struct work *w, struct facts *f)
{
	for (size_t i = 0; i < w->m->conf.revoked_keys.n; i++) {
		f->file = (uint32_t)i;
		enum krl_verdict v = krl_check(w->revoked[i], w->key, w->cert, &w->err);
		if (v != KRL_NOT_REVOKED)
			return v == KRL_REVOKED ? JUDGE_REVOKED : JUDGE_REVOKED_ERROR;
	}
	return JUDGE_FINE;
}

static void tell_cert(struct work *w, struct facts *f)
{
	const struct cert *c = w->cert;
	key_blob(c->ca, &w->ca);
	f->ca = buf_slice(&w->ca);
	f->ca_alg = slice_str(c->ca_alg->name);
	f->key_id = c->key_id;
	f->principals = c->principals;
	f->critical = c->critical;
	f->extensions = c->extensions;
	f->serial = c->serial;
	f->after = c->after;
	f->before = c->before;
	f->role = c->role;
}

static uint32_t judge(struct work *w, struct facts *f)
{
	const struct judge_ask *q = w->ask;
	struct reader r = reader_of(q->blob);
	struct slice type = get_string(&r);
	w->key = key_from_any(q->blob, &w->cert, &w->err);
	if (w->key == NULL)
		return JUDGE_UNPARSED;
	key_blob(w->key, &w->plain);
	f->plain = buf_slice(&w->plain);
	if (w->cert)
		tell_cert(w, f);
	if (!slice_eq_str(type, q->alg->type))
		return JUDGE_TYPE;
	if (w->cert && !names_has_str(slice_str(w->m->conf.ca_signature_algorithms), w->cert->ca_alg->name))
		return JUDGE_CA_ALG;
	if (is_short(w, w->key))
		return JUDGE_SHORT;
	if (w->cert && is_short(w, w->cert->ca))
		return JUDGE_CA_SHORT;
	uint32_t revoked = judge_revoked(w, f);
	if (revoked != JUDGE_FINE || !q->with_signature)
		return revoked;
	struct sk_flags sk = {0};
	if (key_verify_sk(w->key, q->alg, q->data, q->signature, &sk) != VERDICT_VERIFIED)
		return JUDGE_SIGNATURE;
	f->sk = sk.sk;
	f->touched = sk.touched;
	f->verified = sk.verified;
	f->counter = sk.counter;
	return JUDGE_FINE;
}

static _Noreturn void child(const struct monitor *m, const struct judge_ask *q, struct slice *revoked)
{
	struct err err;
	struct facts f = {0};
	struct work w = {.m = m, .ask = q, .revoked = revoked, .plain = BUF_INIT(CERT_MAX), .ca = BUF_INIT(CERT_MAX)};
	if (!sandbox_enter_oneshot(JAIL_MEMORY, &err))
		_exit(1);
	f.verdict = judge(&w, &f);
	f.why = slice_str(w.err.text);
	oneshot_say(&facts_desc, &f);
}

const char *keyjudge_word(struct slice blob)
{
	struct reader r = reader_of(blob);
	const struct key_kind *kind = key_kind_find(get_string(&r));
	return kind ? kind->word : "unknown";
}

void keyjudge_fingerprint(const struct monitor *m, struct slice blob, struct buf *out)
{
	key_fingerprint(blob, hash_find(slice_str(conf_hash_name(m->conf.fingerprint_hash))), out);
}

static void describe(const struct monitor *m, struct judgement *j)
{
	keyjudge_fingerprint(m, j->plain, &j->fp);
	put_fmt(&j->info, "%s %s", j->alg->word, buf_cstr(&j->fp));
	if (j->ca_blob.n == 0)
		return;
	keyjudge_fingerprint(m, j->ca_blob, &j->ca_fp);
	put_str(&j->info, " ID ");
	put_bytes(&j->info, j->cert.key_id);
	put_fmt(&j->info, " (serial %llu) CA %s %s", (unsigned long long)j->cert.serial, keyjudge_word(j->ca_blob), buf_cstr(&j->ca_fp));
}

static bool list_is_whole(struct slice list)
{
	struct reader r = reader_of(list);
	while (reader_left(&r) && !r.bad)
		get_string(&r);
	return get_end(&r);
}

/* The child may have been taken over by what it parsed: its words are checked for their form once more. */
static bool take_facts(const struct monitor *m, const struct facts *f, struct judgement *j)
{
	const struct key_alg *ca_alg = f->ca.n ? key_alg_find(f->ca_alg) : NULL;
	if (f->plain.n == 0)
		return true;
	if ((f->ca.n && ca_alg == NULL) || slice_has_nul(f->key_id) || !list_is_whole(f->principals) || !list_is_whole(f->critical) || !list_is_whole(f->extensions))
		return false;
	j->parsed = true;
	j->plain = f->plain;
	j->ca_blob = f->ca;
	j->cert = (struct cert){.ca_alg = ca_alg, .role = (enum cert_role)f->role, .serial = f->serial, .after = f->after, .before = f->before,
		.key_id = f->key_id, .principals = f->principals, .critical = f->critical, .extensions = f->extensions};
	j->sk = (struct sk_flags){.sk = f->sk, .touched = f->touched, .verified = f->verified, .counter = f->counter};
	describe(m, j);
	return true;
}

static void log_refusal(const struct monitor *m, const struct judge_ask *q, const struct facts *f, const struct judgement *j)
{
	const struct conf_list *files = &m->conf.revoked_keys;
	const char *file = f->file < files->n ? files->v[f->file] : "", *why = text_show(f->why), *fp = j->fp.len ? (const char *)j->fp.p : "";
	switch (f->verdict) {
	case JUDGE_UNPARSED:
		log_error("%s: parse key: %s", q->what, why);
		break;
	case JUDGE_TYPE:
		log_error("%s: key type mismatch for decoded key (received another, expected %s)", q->what, q->alg->name);
		break;
	case JUDGE_CA_ALG:
		log_info("%s: certificate signature algorithm %s: signature algorithm not supported", q->what, j->cert.ca_alg ? j->cert.ca_alg->name : "");
		break;
	case JUDGE_SHORT:
		log_info("refusing %s key: Invalid key length", q->alg->word);
		break;
	case JUDGE_CA_SHORT:
		log_info("refusing %s key: Invalid key length of its CA", q->alg->word);
		break;
	case JUDGE_REVOKED:
		log_error("Authentication key %s %s revoked by file %s", q->alg->word, fp, file);
		break;
	case JUDGE_REVOKED_ERROR:
		log_error("Error checking authentication key %s %s in revoked keys file %s: %s", q->alg->word, fp, file, why);
		break;
	default:
		log_debug("%s: the signature is wrong", q->what);
		break;
	}
}

/* RevokedKeys: a file that cannot be read refuses every key. */
static bool map_revoked(const struct monitor *m, const struct judge_ask *q, struct slice *texts)
{
	const struct conf_list *files = &m->conf.revoked_keys;
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = KRL_FILE_MAX};
	struct err err;
	struct buf fp = BUF_INIT(SMALL);
	bool ok = true;
	for (size_t i = 0; ok && i < files->n; i++) {
		ok = file_map(files->v[i], &policy, &texts[i], &err);
		if (!ok) {
			keyjudge_fingerprint(m, q->blob, &fp);
			log_error("Error checking authentication key %s %s in revoked keys file %s: %s", q->alg->word, buf_cstr(&fp), files->v[i], err.text);
		}
	}
	buf_clear(&fp);
	return ok;
}

static bool ask_child(struct monitor *m, const struct judge_ask *q, struct slice *revoked, struct judgement *j)
{
	struct oneshot o;
	struct facts f = {0};
	pid_t pid = oneshot_fork(&o);
	if (pid == 0)
		child(m, q, revoked);
	if (pid < 0 || !oneshot_hear(&o, m, ONESHOT_MS, &facts_desc, &j->store, &f) || !take_facts(m, &f, j))
		return false;
	if (f.verdict != JUDGE_FINE || !j->parsed)
		log_refusal(m, q, &f, j);
	return f.verdict == JUDGE_FINE && j->parsed;
}

/* A probe with a key of fixed size, where nothing is revoked: there is nothing to parse it for. */
static bool needs_no_child(const struct monitor *m, const struct judge_ask *q)
{
	return !q->with_signature && q->alg->plain == NULL && q->alg->kind != PK_RSA && m->conf.revoked_keys.n == 0;
}

bool keyjudge(struct monitor *m, const struct judge_ask *q, struct judgement *j)
{
	size_t n = m->conf.revoked_keys.n;
	*j = (struct judgement){.alg = q->alg, .blob = q->blob, .info = BUF_INIT(CERT_MAX + SMALL), .fp = BUF_INIT(SMALL), .ca_fp = BUF_INIT(SMALL)};
	if (needs_no_child(m, q)) {
		j->parsed = true;
		j->plain = q->blob;
		describe(m, j);
		return true;
	}
	struct slice *revoked = mem_list(n, sizeof *revoked);
	bool ok = map_revoked(m, q, revoked) && ask_child(m, q, revoked, j);
	for (size_t i = 0; i < n; i++)
		file_unmap(revoked[i]);
	mem_free(revoked);
	return ok;
}

void judgement_clear(struct judgement *j)
{
	buf_clear(&j->store);
	buf_clear(&j->info);
	buf_clear(&j->fp);
	buf_clear(&j->ca_fp);
	*j = (struct judgement){0};
}
