/* Public keys of a token, from its objects (OASIS PKCS #11 Base Specification 3.0, 4; Current Mechanisms 3.0, 2.1, 2.3). */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "token/internal.h"

enum { OBJECTS_MAX = 1024 };

bool token_attribute(const struct token *t, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, struct buf *out)
{
	CK_ATTRIBUTE a = {type, NULL, 0};
	buf_reset(out);
	if (t->f->C_GetAttributeValue(session, object, &a, 1) != CKR_OK || a.ulValueLen == CK_UNAVAILABLE_INFORMATION || a.ulValueLen > out->max)
		return false;
	struct room room = buf_room(out, a.ulValueLen);
	a.pValue = room.p;
	if (a.ulValueLen && t->f->C_GetAttributeValue(session, object, &a, 1) != CKR_OK)
		return false;
	buf_add(out, a.ulValueLen);
	return true;
}

static bool begins(struct slice s, const char *bytes, size_t n)
{
	return s.n >= n && memcmp(s.p, bytes, n) == 0;
}

/* EC parameters: the DER of a curve's object identifier (RFC 5480, 2.1.1.1; RFC 8410), or for Ed25519 its name. */
static enum pk_kind curve_of(struct slice params)
{
	static const struct { const char *der; size_t n; enum pk_kind kind; } curves[] = {
		{"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10, PK_P256},
		{"\x06\x05\x2b\x81\x04\x00\x22", 7, PK_P384},
		{"\x06\x05\x2b\x81\x04\x00\x23", 7, PK_P521},
		{"\x06\x03\x2b\x65\x70", 5, PK_ED25519},
		{"\x13\x0c" "edwards25519", 14, PK_ED25519},
	};
	for (size_t i = 0; i < ARRAY_LEN(curves); i++)
		if (params.n == curves[i].n && begins(params, curves[i].der, curves[i].n))
			return curves[i].kind;
	return PK_NONE;
}

/* A point stands in an OCTET STRING; some tokens leave that away, or (for Ed25519) take a BIT STRING. */
static struct slice point_of(struct slice der, size_t want)
{
	if (der.n == want)
		return der;
	if (der.n == want + 2 && der.p[0] == 0x04 && der.p[1] == want)
		return slice_from(der, 2);
	if (der.n == want + 3 && der.p[0] == 0x04 && der.p[1] == 0x81 && der.p[2] == want)
		return slice_from(der, 3);
	if (der.n == want + 3 && der.p[0] == 0x03 && der.p[1] == want + 1 && der.p[2] == 0)
		return slice_from(der, 3);
	return slice_of(NULL, 0);
}

static struct key *ec_key(const struct token *t, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	static const size_t sizes[] = {[PK_ED25519] = 32, [PK_P256] = 65, [PK_P384] = 97, [PK_P521] = 133};
	struct buf params = BUF_INIT(ATTRIBUTE_MAX), point = BUF_INIT(ATTRIBUTE_MAX);
	struct key *k = NULL;
	if (token_attribute(t, session, object, CKA_EC_PARAMS, &params) && token_attribute(t, session, object, CKA_EC_POINT, &point)) {
		enum pk_kind kind = curve_of(buf_slice(&params));
		struct pk_parts parts = {.pub = kind == PK_NONE ? slice_of(NULL, 0) : point_of(buf_slice(&point), sizes[kind])};
		if (parts.pub.n)
			k = key_take_pk(pk_from_parts(kind, &parts, NULL));
	}
	buf_clear(&params);
	buf_clear(&point);
	return k;
}

static struct slice magnitude(const struct buf *b)
{
	struct slice s = buf_slice(b);
	while (s.n && s.p[0] == 0)
		s = slice_from(s, 1);
	return s;
}

static struct key *rsa_key(const struct token *t, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	struct buf n = BUF_INIT(ATTRIBUTE_MAX), e = BUF_INIT(ATTRIBUTE_MAX);
	struct key *k = NULL;
	if (token_attribute(t, session, object, CKA_MODULUS, &n) && token_attribute(t, session, object, CKA_PUBLIC_EXPONENT, &e)) {
		struct pk_parts parts = {.n = magnitude(&n), .e = magnitude(&e)};
		k = key_take_pk(pk_from_parts(PK_RSA, &parts, NULL));
	}
	buf_clear(&n);
	buf_clear(&e);
	return k;
}

static struct key *public_key(const struct token *t, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	CK_KEY_TYPE type;
	CK_ATTRIBUTE a = {CKA_KEY_TYPE, &type, sizeof type};
	if (t->f->C_GetAttributeValue(session, object, &a, 1) != CKR_OK)
		return NULL;
	switch (type) {
	case CKK_RSA: return rsa_key(t, session, object);
	case CKK_EC: case CKK_EC_EDWARDS: return ec_key(t, session, object);
	default: return NULL;
	}
}

/* X.509: the key inside, whoever signed it. */
static struct key *certified_key(const struct token *t, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	struct buf der = BUF_INIT(ATTRIBUTE_MAX);
	struct key *k = NULL;
	if (token_attribute(t, session, object, CKA_VALUE, &der))
		k = key_take_pk(pk_from_x509(buf_slice(&der), NULL));
	buf_clear(&der);
	return k;
}

static void keep(struct token *t, size_t slot, CK_OBJECT_HANDLE object, struct key *take_key)
{
	CK_SESSION_HANDLE session = t->slots[slot].session;
	struct token_key k = {take_key, BUF_INIT(ATTRIBUTE_MAX), BUF_INIT(ATTRIBUTE_MAX), NULL, slot};
	struct buf label = BUF_INIT(ATTRIBUTE_MAX), shown = BUF_INIT(2048);
	bool again = false;
	key_blob(k.public, &k.blob);
	for (size_t i = 0; i < t->nkeys; i++)
		again = again || slice_eq(buf_slice(&t->keys[i].blob), buf_slice(&k.blob));
	if (again || t->nkeys >= TOKEN_KEYS_MAX || !token_attribute(t, session, object, CKA_ID, &k.id)) {
		key_free(k.public);
		buf_clear(&k.blob);
		buf_clear(&k.id);
		return;
	}
	if (token_attribute(t, session, object, CKA_LABEL, &label))
		put_text(&shown, buf_slice(&label), 1024, 0);
	k.label = mem_str(buf_cstr(&shown));
	buf_clear(&label);
	buf_clear(&shown);
	LIST_PUSH(t->keys, t->nkeys, k);
}

static void list_class(struct token *t, size_t slot, CK_OBJECT_CLASS class, struct key *(*make)(const struct token *, CK_SESSION_HANDLE, CK_OBJECT_HANDLE))
{
	CK_SESSION_HANDLE session = t->slots[slot].session;
	CK_ATTRIBUTE want = {CKA_CLASS, &class, sizeof class};
	CK_OBJECT_HANDLE *objects = mem_list(OBJECTS_MAX, sizeof *objects);
	CK_ULONG n = 0;
	if (t->f->C_FindObjectsInit(session, &want, 1) == CKR_OK) {
		if (t->f->C_FindObjects(session, objects, OBJECTS_MAX, &n) != CKR_OK)
			n = 0;
		t->f->C_FindObjectsFinal(session);
	}
	for (CK_ULONG i = 0; i < n && i < OBJECTS_MAX; i++) {
		struct key *k = make(t, session, objects[i]);
		if (k)
			keep(t, slot, objects[i], k);
		else
			log_debug("an object of token %s is no key that SSH knows", t->slots[slot].label);
	}
	mem_free(objects);
}

void token_list(struct token *t, size_t slot)
{
	list_class(t, slot, CKO_PUBLIC_KEY, public_key);
	list_class(t, slot, CKO_CERTIFICATE, certified_key);
}
