#include "key/key.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/sk.h"

struct key {
	struct pk *pk;
	const struct key_kind *kind;
	struct sk_part sk;                                  /* where kind->sk; lies in store */
	struct buf store;
};

enum { BLOB_MAX = 64 << 10 };

struct key *key_take_pk(struct pk *pk)
{
	if (pk == NULL)
		return NULL;
	struct key *k = mem_new(sizeof *k);
	k->pk = pk;
	k->kind = key_kind_of(pk_kind(pk));
	assert(k->kind);
	return k;
}

struct key *key_take_sk(struct pk *pk, const struct sk_part *sk)
{
	struct key *k = key_take_pk(pk);
	if (k == NULL)
		return NULL;
	k->kind = key_kind_find(pk_kind(pk) == PK_P256 ? SLICE_LIT("sk-ecdsa-sha2-nistp256@openssh.com") : SLICE_LIT("sk-ssh-ed25519@openssh.com"));
	assert(k->kind->kind == pk_kind(pk) && !pk_has_private(pk));
	k->store = BUF_INIT_SECRET(3 * SK_PART_MAX);
	put_bytes(&k->store, sk->application);
	put_bytes(&k->store, sk->handle);
	put_bytes(&k->store, sk->reserved);
	assert(!k->store.bad);
	k->sk.flags = sk->flags;
	k->sk.application = slice_of(k->store.p, sk->application.n);
	k->sk.handle = slice_of(k->store.p + sk->application.n, sk->handle.n);
	k->sk.reserved = slice_of(k->store.p + sk->application.n + sk->handle.n, sk->reserved.n);
	return k;
}

const struct sk_part *key_sk(const struct key *k)
{
	return k->kind->sk ? &k->sk : NULL;
}

/* RFC 8709, 4; RFC 5656, 3.1; RFC 4253, 6.6; PROTOCOL.u2f. */
struct key *key_get_public(struct reader *r, const struct key_kind *kind, struct err *err)
{
	struct pk_parts parts = {0};
	bool curve_fits = true;
	if (kind->kind == PK_RSA) {
		parts.e = get_mpint(r);
		parts.n = get_mpint(r);
	} else {
		if (kind->curve)
			curve_fits = slice_eq_str(get_string(r), kind->curve);
		parts.pub = get_string(r);
	}
	struct sk_part sk = {0};
	if (kind->sk)
		sk.application = get_string(r);
	if (r->bad || !curve_fits || sk.application.n > SK_PART_MAX || slice_has_nul(sk.application)) {
		err_set(err, ERR_FORMAT, "%s key is malformed", kind->word);
		return NULL;
	}
	struct pk *pk = pk_from_parts(kind->kind, &parts, err);
	return kind->sk ? key_take_sk(pk, &sk) : key_take_pk(pk);
}

struct key *key_from_blob(struct slice blob, struct err *err)
{
	struct reader r = reader_of(blob);
	struct slice type = get_string(&r);
	const struct key_kind *kind = r.bad ? NULL : key_kind_find(type);
	if (r.bad) {
		err_set(err, ERR_FORMAT, "not a public key");
		return NULL;
	}
	if (kind == NULL) {
		err_set(err, ERR_UNSUPPORTED, "key type %s is not supported", text_show(type));
		return NULL;
	}
	struct key *k = key_get_public(&r, kind, err);
	if (k && !get_end(&r)) {
		err_set(err, ERR_FORMAT, "%s key is malformed: bytes behind its end", kind->word);
		key_free(k);
		k = NULL;
	}
	return k;
}

struct key *key_generate(struct slice type, unsigned bits, struct err *err)
{
	const struct key_kind *kind = key_kind_find(type);
	if (kind == NULL) {
		err_set(err, ERR_UNSUPPORTED, "key type %s is not supported", text_show(type));
		return NULL;
	}
	if (kind->sk) {
		err_set(err, ERR_UNSUPPORTED, "a key of type %s is made by a security key", kind->name);
		return NULL;
	}
	return key_take_pk(pk_generate(kind->kind, kind->bits ? kind->bits : bits, err));
}

struct key *key_copy(const struct key *k)
{
	struct pk *pk = pk_copy(k->pk);
	return k->kind->sk ? key_take_sk(pk, &k->sk) : key_take_pk(pk);
}

void key_free(struct key *k)
{
	if (k == NULL)
		return;
	pk_free(k->pk);
	buf_clear(&k->store);
	mem_free(k);
}

void key_put_public(const struct key *k, struct buf *out)
{
	struct pk_parts parts;
	struct buf store = BUF_INIT_SECRET(BLOB_MAX);
	pk_parts(k->pk, &store, &parts);
	if (k->kind->kind == PK_RSA) {
		put_mpint(out, parts.e);
		put_mpint(out, parts.n);
	} else {
		if (k->kind->curve)
			put_cstring(out, k->kind->curve);
		put_string(out, parts.pub);
	}
	if (k->kind->sk)
		put_string(out, k->sk.application);
	buf_clear(&store);
}

void key_blob(const struct key *k, struct buf *out)
{
	put_cstring(out, k->kind->name);
	key_put_public(k, out);
}

const struct key_kind *key_kind(const struct key *k)
{
	return k->kind;
}

const char *key_type(const struct key *k)
{
	return k->kind->name;
}

const char *key_word(const struct key *k)
{
	return k->kind->word;
}

unsigned key_bits(const struct key *k)
{
	return pk_bits(k->pk);
}

bool key_has_private(const struct key *k)
{
	return k->kind->sk ? k->sk.handle.n > 0 : pk_has_private(k->pk);
}

bool key_equal(const struct key *a, const struct key *b)
{
	struct buf x = BUF_INIT(BLOB_MAX), y = BUF_INIT(BLOB_MAX);
	key_blob(a, &x);
	key_blob(b, &y);
	bool same = slice_eq(buf_slice(&x), buf_slice(&y));
	buf_clear(&x);
	buf_clear(&y);
	return same;
}

const struct pk *key_pk(const struct key *k)
{
	return k->pk;
}

bool key_sign(const struct key *k, const struct key_alg *alg, struct slice data, struct buf *sig, struct err *err)
{
	alg = key_alg_plain(alg);
	if (strcmp(alg->type, k->kind->name) != 0)
		return err_set(err, ERR_UNSUPPORTED, "a key of type %s cannot sign as %s", k->kind->name, alg->name);
	if (!key_has_private(k))
		return err_set(err, ERR_MISSING, "no private part of the %s key to sign with", k->kind->word);
	if (k->kind->sk)
		return err_set(err, ERR_UNSUPPORTED, "the %s key signs only in its security key", k->kind->word);
	struct buf body = BUF_INIT(BLOB_MAX);
	bool ok = pk_sign(k->pk, alg->hash, data, &body, err);
	if (ok) {
		put_cstring(sig, alg->name);
		put_string(sig, buf_slice(&body));
		ok = !sig->bad || err_set(err, ERR_LIMIT, "the signature does not fit");
	}
	buf_clear(&body);
	return ok;
}

enum verdict key_verify(const struct key *k, const struct key_alg *alg, struct slice data, struct slice sig)
{
	struct sk_flags flags;
	enum verdict v = key_verify_sk(k, alg, data, sig, &flags);
	return flags.sk && !flags.touched ? VERDICT_REFUSED : v;
}

enum verdict key_verify_sk(const struct key *k, const struct key_alg *alg, struct slice data, struct slice sig, struct sk_flags *flags)
{
	struct reader r = reader_of(sig);
	struct slice name = get_string(&r), body = get_string(&r);
	alg = key_alg_plain(alg);
	*flags = (struct sk_flags){0};
	if (r.bad || strcmp(alg->type, k->kind->name) != 0 || !slice_eq_str(name, alg->name))
		return VERDICT_REFUSED;
	if (k->kind->sk)
		return sk_verify(k, alg, data, body, &r, flags);
	if (!get_end(&r))
		return VERDICT_REFUSED;
	return pk_verify(k->pk, alg->hash, data, body);
}
