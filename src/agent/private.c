#include "agent/private.h"

#include "agent/agent_msg.h"
#include "base/mem.h"
#include "key/openssh_key.h"
#include "key/sk.h"

enum { PARTS_MAX = 64 << 10 };

void agent_put_private(const struct key *k, struct slice cert, struct buf *out)
{
	struct buf store = BUF_INIT_SECRET(PARTS_MAX);
	struct pk_parts p;
	struct reader r = reader_of(cert);
	if (cert.n == 0) {
		key_put_private(k, out);
		return;
	}
	pk_parts(key_pk(k), &store, &p);
	put_string(out, get_string(&r));
	put_string(out, cert);
	if (key_sk(k)) {
		if (pk_kind(key_pk(k)) == PK_ED25519)
			put_string(out, p.pub);
		put_string(out, key_sk(k)->application);
		sk_put_private(key_sk(k), out);
		buf_clear(&store);
		return;
	}
	switch (pk_kind(key_pk(k))) {
	case PK_ED25519:
		put_string(out, p.pub);
		put_u32(out, (uint32_t)(p.priv.n + p.pub.n));
		put_bytes(out, p.priv);
		put_bytes(out, p.pub);
		break;
	case PK_MLDSA44_ED25519:
		put_string(out, p.priv);
		break;
	case PK_RSA:
		put_mpint(out, p.d);
		put_mpint(out, p.iqmp);
		put_mpint(out, p.p);
		put_mpint(out, p.q);
		break;
	case PK_P256: case PK_P384: case PK_P521:
		put_mpint(out, p.priv);
		break;
	case PK_NONE:
		break;
	}
	buf_clear(&store);
}

bool agent_has_limits(const struct agent_limits *l)
{
	return l->lifetime || l->confirm || l->dest.n || l->sk_provider;
}

void agent_put_limits(const struct agent_limits *l, struct buf *out)
{
	if (l->lifetime) {
		put_u8(out, AGENT_LIFETIME);
		put_u32(out, l->lifetime);
	}
	if (l->confirm)
		put_u8(out, AGENT_CONFIRM_USE);
	if (l->sk_provider) {
		put_u8(out, AGENT_CONSTRAIN_EXTENSION);
		put_cstring(out, AGENT_CONSTRAINT_SK);
		put_cstring(out, l->sk_provider);
	}
	if (l->dest.n) {
		put_u8(out, AGENT_CONSTRAIN_EXTENSION);
		put_cstring(out, AGENT_CONSTRAINT_DEST);
		put_string(out, l->dest);
	}
}

void agent_put_add(const struct key *k, struct slice cert, struct slice comment, const struct agent_limits *l, struct buf *message)
{
	put_u8(message, agent_has_limits(l) ? AGENT_ADD_ID_CONSTRAINED : AGENT_ADD_IDENTITY);
	agent_put_private(k, cert, message);
	put_string(message, comment);
	agent_put_limits(l, message);
}

static bool get_numbers(struct reader *r, enum pk_kind kind, struct pk_parts *p)
{
	if (kind == PK_RSA) {
		p->d = get_mpint(r);
		p->iqmp = get_mpint(r);
		p->p = get_mpint(r);
		p->q = get_mpint(r);
		return !r->bad && p->d.n;
	}
	if (kind == PK_MLDSA44_ED25519) {
		p->priv = get_string(r);
		return !r->bad && p->priv.n;
	}
	if (kind != PK_ED25519) {
		p->priv = get_mpint(r);
		return !r->bad && p->priv.n;
	}
	struct slice pub = get_string(r), both = get_string(r);
	if (r->bad || both.n != 64 || !slice_eq(pub, p->pub) || !slice_eq(slice_from(both, 32), pub))
		return false;
	p->priv = slice_of(both.p, 32);
	return true;
}

/* PROTOCOL.u2f: application, flags, handle, reserved. In front of them OpenSSH puts the public key once more where it is
 * an Ed25519 one, whatever that document says. */
static struct key *get_certified_sk(struct reader *r, const struct key *public, struct err *err)
{
	bool ed25519 = pk_kind(key_pk(public)) == PK_ED25519, same = true;
	if (ed25519) {
		struct buf store = BUF_INIT_SECRET(PARTS_MAX);
		struct pk_parts p;
		pk_parts(key_pk(public), &store, &p);
		same = slice_eq(get_string(r), p.pub);
		buf_clear(&store);
	}
	struct sk_part sk = {.application = get_string(r)};
	if (!same || !sk_get_private(r, &sk) || !slice_eq(sk.application, key_sk(public)->application)
	    || sk.handle.n > SK_PART_MAX || sk.reserved.n > SK_PART_MAX) {
		err_set(err, ERR_FORMAT, "the private key of the certificate is malformed");
		return NULL;
	}
	return key_take_sk(pk_copy(key_pk(public)), &sk);
}

static struct key *get_certified(struct reader *r, struct buf *blob, struct err *err)
{
	struct slice type = get_string(r), bytes = get_string(r);
	struct reader inside = reader_of(bytes);
	struct cert *cert = slice_eq(get_string(&inside), type) ? cert_from_blob(bytes, err) : NULL;
	struct buf store = BUF_INIT_SECRET(PARTS_MAX);
	struct pk_parts p;
	struct key *k = NULL;
	if (cert && key_sk(cert->key)) {
		k = get_certified_sk(r, cert->key, err);
		put_bytes(blob, bytes);
	} else if (cert) {
		enum pk_kind kind = pk_kind(key_pk(cert->key));
		pk_parts(key_pk(cert->key), &store, &p);
		if (get_numbers(r, kind, &p))
			k = key_take_pk(pk_from_parts(kind, &p, err));
		else
			err_set(err, ERR_FORMAT, "the private key of the certificate is malformed");
		put_bytes(blob, bytes);
	} else if (err && err->code == ERR_NONE) {
		err_set(err, ERR_FORMAT, "the certificate is of another type than said");
	}
	buf_clear(&store);
	cert_free(cert);
	return k;
}

struct key *agent_get_private(struct reader *r, struct buf *blob, struct err *err)
{
	struct reader peek = *r;
	if (cert_kind_find(get_string(&peek)))
		return get_certified(r, blob, err);
	struct key *k = key_get_private(r, err);
	if (k)
		key_blob(k, blob);
	return k;
}
