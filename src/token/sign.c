/* Signatures by a token (OASIS PKCS #11 Current Mechanisms 3.0, 2.1.6, 2.3.6, 2.3.14). */
#include <string.h>

#include "base/mem.h"
#include "token/internal.h"

enum { SIGNATURE_MAX = 4096, INPUT_MAX = 256 };

/* What CKM_RSA_PKCS signs: DigestInfo (RFC 8017, 9.2, note 1). */
static bool put_digest_info(const struct hash_alg *hash, struct slice data, struct buf *out)
{
	static const struct { const struct hash_alg *hash; const char *der; size_t n; } prefixes[] = {
		{&hash_sha1, "\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14", 15},
		{&hash_sha256, "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19},
		{&hash_sha512, "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40", 19},
	};
	uint8_t digest[HASH_MAX];
	hash_once(hash, data, digest);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (prefixes[i].hash == hash)
			put_bytes(out, slice_of(prefixes[i].der, prefixes[i].n));
	put_bytes(out, slice_of(digest, hash->len));
	return out->len > hash->len && !out->bad;
}

static bool make_input(const struct key_alg *alg, struct slice data, CK_MECHANISM *m, struct buf *in)
{
	uint8_t digest[HASH_MAX];
	switch (alg->kind) {
	case PK_RSA:
		m->mechanism = CKM_RSA_PKCS;
		return put_digest_info(alg->hash, data, in);
	case PK_P256: case PK_P384: case PK_P521:
		m->mechanism = CKM_ECDSA;
		hash_once(alg->hash, data, digest);
		put_bytes(in, slice_of(digest, alg->hash->len));
		return true;
	case PK_ED25519:
		m->mechanism = CKM_EDDSA;
		put_bytes(in, data);
		return !in->bad;
	case PK_NONE: case PK_MLDSA44_ED25519:           /* PKCS#11 has no mechanism for composites */
		break;
	}
	return false;
}

static CK_RV find_private(struct token *t, const struct token_key *k, CK_OBJECT_HANDLE *object)
{
	CK_SESSION_HANDLE session = t->slots[k->slot].session;
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	struct slice id = buf_slice(&k->id);
	CK_ATTRIBUTE want[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, (void *)(uintptr_t)id.p, id.n}};
	CK_ULONG n = 0;
	CK_RV rv = t->f->C_FindObjectsInit(session, want, ARRAY_LEN(want));
	if (rv != CKR_OK)
		return rv;
	rv = t->f->C_FindObjects(session, object, 1, &n);
	t->f->C_FindObjectsFinal(session);
	return rv != CKR_OK || n ? rv : CKR_USER_NOT_LOGGED_IN;
}

static bool asks_each_time(struct token *t, const struct token_key *k, CK_OBJECT_HANDLE object)
{
	CK_BBOOL always = CK_FALSE;
	CK_ATTRIBUTE a = {CKA_ALWAYS_AUTHENTICATE, &always, sizeof always};
	return t->f->C_GetAttributeValue(t->slots[k->slot].session, object, &a, 1) == CKR_OK && always == CK_TRUE;
}

/* The library's bytes as SSH wants them: r and s as two numbers, the rest as it is. */
static void put_signature(const struct key_alg *alg, struct slice raw, struct buf *sig)
{
	struct buf body = BUF_INIT(2 * SIGNATURE_MAX);
	if (alg->kind == PK_RSA || alg->kind == PK_ED25519) {
		put_bytes(&body, raw);
	} else {
		put_mpint(&body, slice_of(raw.p, raw.n / 2));
		put_mpint(&body, slice_from(raw, raw.n / 2));
	}
	put_cstring(sig, alg->name);
	put_string(sig, buf_slice(&body));
	buf_clear(&body);
}

static enum token_result refused(struct err *err, const char *label, CK_RV rv)
{
	err_set(err, ERR_SYSTEM, "token %s does not sign (CKR 0x%lx)", label, rv);
	return TOKEN_REFUSED;
}

static enum token_result login_first(struct token *t, const struct token_key *k, CK_USER_TYPE who, struct slice pin, struct err *err)
{
	if (pin.n == 0 && !t->slots[k->slot].pinpad)
		return TOKEN_WANTS_PIN;
	return token_login(t, k->slot, who, pin, err) ? TOKEN_SIGNED : TOKEN_REFUSED;
}

enum token_result token_sign(struct token *t, const struct token_key *k, const struct key_alg *alg, struct slice data, struct slice pin, struct buf *sig, struct err *err)
{
	struct token_slot *s = &t->slots[k->slot];
	CK_OBJECT_HANDLE object = 0;
	CK_MECHANISM m = {0};
	CK_BYTE raw[SIGNATURE_MAX];
	CK_ULONG n = sizeof raw;
	enum token_result r;
	struct buf in = BUF_INIT(ATTRIBUTE_MAX * 4);
	bool late = s->login_required && !s->logged_in;
	if (late && (r = login_first(t, k, CKU_USER, pin, err)) != TOKEN_SIGNED)
		return r;
	CK_RV rv = find_private(t, k, &object);
	if (rv != CKR_OK)
		return refused(err, s->label, rv);
	if (!make_input(alg, data, &m, &in)) {
		buf_clear(&in);
		err_set(err, ERR_UNSUPPORTED, "a token cannot sign as %s", alg->name);
		return TOKEN_REFUSED;
	}
	rv = t->f->C_SignInit(s->session, &m, object);
	if (rv == CKR_OK && asks_each_time(t, k, object) && (r = login_first(t, k, CKU_CONTEXT_SPECIFIC, pin, err)) != TOKEN_SIGNED) {
		t->f->C_Sign(s->session, in.p, in.len, raw, &n);     /* ends what was begun: without the PIN it fails */
		buf_clear(&in);
		return r;
	}
	if (rv == CKR_OK)
		rv = t->f->C_Sign(s->session, in.p, in.len, raw, &n);
	buf_clear(&in);
	if (rv != CKR_OK || n > sizeof raw)
		return refused(err, s->label, rv);
	put_signature(alg, slice_of(raw, n), sig);
	/* A faulty RSA signature would give the key away, and a wrong one is of no use to anybody. */
	if (key_verify(k->public, alg, data, buf_slice(sig)) != VERDICT_VERIFIED) {
		err_set(err, ERR_SYSTEM, "token %s made a wrong signature", s->label);
		return TOKEN_REFUSED;
	}
	return TOKEN_SIGNED;
}
