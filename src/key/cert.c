#include "key/cert.h"

#include <stddef.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"

enum { NONCE = 32 };

const struct key_kind *cert_kind_find(struct slice type)
{
	size_t n;
	const struct key_kind *kinds = key_kind_list(&n);
	for (size_t i = 0; i < n; i++)
		if (slice_eq_str(type, kinds[i].cert))
			return &kinds[i];
	return NULL;
}

void cert_type_name(const struct key_kind *kind, struct buf *out)
{
	put_str(out, kind->cert);
}

static bool principals_are_right(struct slice list)
{
	struct reader r = reader_of(list);
	size_t n = 0;
	while (reader_left(&r)) {
		struct slice name = get_string(&r);
		if (r.bad || slice_has_nul(name) || ++n > CERT_PRINCIPALS_MAX)
			return false;
	}
	return true;
}

bool cert_next_option(struct reader *r, struct slice *name, struct slice *data)
{
	if (reader_left(r) == 0)
		return false;
	*name = get_string(r);
	*data = get_string(r);
	return !r->bad;
}

bool cert_option_text(struct slice data, struct slice *value)
{
	struct reader r = reader_of(data);
	*value = reader_left(&r) ? get_string(&r) : slice_of(NULL, 0);
	return get_end(&r);
}

static bool options_are_right(struct slice list)
{
	struct reader r = reader_of(list);
	struct slice name, data;
	size_t n = 0;
	while (cert_next_option(&r, &name, &data))
		if (name.n == 0 || slice_has_nul(name) || ++n > CERT_OPTIONS_MAX)
			return false;
	return get_end(&r);
}

static bool refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_FORMAT, "certificate: %s", why);
}

/* What proves a cert: the CA's key, its signature, and the bytes under it. */
struct proof { struct slice ca, signature, covered; };

static bool read_fields(struct cert *c, const struct key_kind *kind, struct reader *r, struct proof *proof, struct err *err)
{
	get_string(r);                                  /* nonce */
	c->key = key_get_public(r, kind, err);
	if (c->key == NULL)
		return false;
	c->serial = get_u64(r);
	c->role = (enum cert_role)get_u32(r);
	c->key_id = get_string(r);
	c->principals = get_string(r);
	c->after = get_u64(r);
	c->before = get_u64(r);
	c->critical = get_string(r);
	c->extensions = get_string(r);
	get_string(r);                                  /* reserved */
	proof->ca = get_string(r);
	proof->covered = slice_of(c->blob.p, (size_t)(r->p - c->blob.p));
	proof->signature = get_string(r);
	if (!get_end(r))
		return refuse(err, "cut, or bytes behind its end");
	if (c->role != CERT_USER && c->role != CERT_HOST)
		return refuse(err, "neither for users nor for hosts");
	if (slice_has_nul(c->key_id) || !principals_are_right(c->principals))
		return refuse(err, "bad key id or principals");
	if (!options_are_right(c->critical) || !options_are_right(c->extensions))
		return refuse(err, "bad list of options");
	return true;
}

static bool proven(struct cert *c, const struct proof *proof, struct err *err)
{
	struct reader type = reader_of(proof->ca), name = reader_of(proof->signature);
	if (cert_kind_find(get_string(&type)))
		return refuse(err, "signed by another certificate");
	c->ca = key_from_blob(proof->ca, err);
	if (c->ca == NULL)
		return err_prefix(err, "certificate: CA");
	c->ca_alg = key_alg_find(get_string(&name));
	struct sk_flags flags;                          /* an automatic CA may use a security key that needs no touch */
	if (c->ca_alg == NULL || key_verify_sk(c->ca, c->ca_alg, proof->covered, proof->signature, &flags) != VERDICT_VERIFIED)
		return refuse(err, "the CA's signature is wrong");
	return true;
}

struct cert *cert_from_blob(struct slice blob, struct err *err)
{
	if (blob.n > CERT_MAX) {
		err_set(err, ERR_LIMIT, "certificate: larger than %d bytes", CERT_MAX);
		return NULL;
	}
	struct cert *c = mem_new(sizeof *c);
	c->blob = BUF_INIT(CERT_MAX);
	put_bytes(&c->blob, blob);
	struct reader r = reader_of(buf_slice(&c->blob));
	struct slice type = get_string(&r);
	struct proof proof;
	const struct key_kind *kind = r.bad ? NULL : cert_kind_find(type);
	bool ok = false;
	if (kind == NULL)
		err_set(err, r.bad ? ERR_FORMAT : ERR_UNSUPPORTED, "certificate type %s is not supported", text_show(type));
	else
		ok = read_fields(c, kind, &r, &proof, err) && proven(c, &proof, err);
	if (!ok) {
		cert_free(c);
		c = NULL;
	}
	return c;
}

struct key *key_from_any(struct slice blob, struct cert **cert, struct err *err)
{
	struct reader r = reader_of(blob);
	struct cert *c = NULL;
	struct key *key;
	if (cert_kind_find(get_string(&r))) {
		c = cert_from_blob(blob, err);
		key = c ? key_copy(c->key) : NULL;
	} else {
		key = key_from_blob(blob, err);
	}
	if (cert)
		*cert = c;
	else
		cert_free(c);
	return key;
}

struct cert *cert_from_line(struct slice line, struct slice *comment, struct err *err)
{
	struct slice type = slice_word(&line), base64 = slice_word(&line);
	struct buf blob = BUF_INIT(CERT_MAX);
	struct cert *c = NULL;
	struct reader r;
	if (comment)
		*comment = line;
	if (cert_kind_find(type) == NULL || base64.n == 0 || !get_base64(base64, &blob)) {
		err_set(err, ERR_FORMAT, "not a certificate");
	} else {
		r = reader_of(buf_slice(&blob));
		if (slice_eq(get_string(&r), type))
			c = cert_from_blob(buf_slice(&blob), err);
		else
			err_set(err, ERR_FORMAT, "the line says %s, the certificate something else", text_show(type));
	}
	buf_clear(&blob);
	return c;
}

struct cert *cert_from_text(struct slice text, struct err *err)
{
	while (text.n) {
		struct slice line = slice_trim(slice_line(&text)), rest = line;
		if (cert_kind_find(slice_word(&rest)))
			return cert_from_line(line, NULL, err);
	}
	err_set(err, ERR_MISSING, "no certificate in it");
	return NULL;
}

void cert_free(struct cert *c)
{
	if (c == NULL)
		return;
	key_free(c->key);
	key_free(c->ca);
	buf_clear(&c->blob);
	mem_free(c);
}

static bool has_principal(const struct cert *c, struct slice name)
{
	struct reader r = reader_of(c->principals);
	while (reader_left(&r)) {
		struct slice one = get_string(&r);
		if (c->role == CERT_HOST ? match_wild(name, one, true) : slice_eq(one, name))
			return true;
	}
	return false;
}

bool cert_check(const struct cert *c, enum cert_role role, struct slice name, int64_t now, struct slice ca_algs, struct err *err)
{
	if (c->role != role)
		return err_set(err, ERR_DENIED, "Certificate invalid: not a %s certificate", role == CERT_USER ? "user" : "host");
	if (!names_has_str(ca_algs, c->ca_alg->name))
		return err_set(err, ERR_DENIED, "certificate is signed with %s, which is not allowed for CAs", c->ca_alg->name);
	if (now < 0 || (uint64_t)now < c->after)
		return err_set(err, ERR_DENIED, "Certificate invalid: not yet valid");
	if ((uint64_t)now >= c->before)
		return err_set(err, ERR_DENIED, "Certificate invalid: expired");
	if (name.p && c->principals.n == 0)
		return err_set(err, ERR_DENIED, "Certificate lacks principal list");
	if (name.p && !has_principal(c, name))
		return err_set(err, ERR_DENIED, "Certificate invalid: name is not a listed principal");
	return true;
}

static bool take_critical(struct slice name, struct slice data, const struct authkeys_context *ctx, struct grant *g, struct err *err)
{
	struct slice value;
	if (!cert_option_text(data, &value) || slice_has_nul(value))
		return refuse(err, "a critical option is malformed");
	if (slice_eq_str(name, "force-command")) {
		if (g->has_command)
			return refuse(err, "two force-command options");
		g->has_command = true;
		g->command = value;
		return true;
	}
	if (slice_eq_str(name, "source-address")) {
		if (g->from.n)
			return refuse(err, "two source-address options");
		g->from = value;
		if (!addr_list_valid(value))
			return refuse(err, "source-address is not a list of addresses");
		return addr_match_list(slice_str(ctx->addr), value) == 1
		    || err_set(err, ERR_DENIED, "certificate is not for the address %s", text_show(slice_str(ctx->addr)));
	}
	if (slice_eq_str(name, "verify-required")) {
		g->verify = true;
		return value.n == 0 || refuse(err, "verify-required takes no value");
	}
	return err_set(err, ERR_UNSUPPORTED, "certificate has the critical option %s, which is not supported", text_show(name));
}

bool cert_grant(const struct cert *c, const struct authkeys_context *ctx, struct grant *g, struct err *err)
{
	static const struct { const char *name; size_t offset; } allows[] = {
		{"no-touch-required", offsetof(struct grant, no_touch)},
		{"permit-X11-forwarding", offsetof(struct grant, x11_forwarding)},
		{"permit-agent-forwarding", offsetof(struct grant, agent_forwarding)},
		{"permit-port-forwarding", offsetof(struct grant, port_forwarding)},
		{"permit-pty", offsetof(struct grant, pty)},
		{"permit-user-rc", offsetof(struct grant, user_rc)},
	};
	struct reader r = reader_of(c->critical);
	struct slice name, data;
	*g = (struct grant){.expires = c->before == CERT_FOREVER ? 0 : c->before};
	while (cert_next_option(&r, &name, &data))
		if (!take_critical(name, data, ctx, g, err))
			return false;
	r = reader_of(c->extensions);
	while (cert_next_option(&r, &name, &data))
		for (size_t i = 0; i < ARRAY_LEN(allows); i++)
			if (slice_eq_str(name, allows[i].name))
				*(bool *)((uint8_t *)g + allows[i].offset) = true;
	return true;
}

void cert_put_option(struct buf *out, const char *name, struct slice value)
{
	struct buf data = BUF_INIT(CERT_MAX);
	if (value.p)
		put_string(&data, value);
	put_cstring(out, name);
	put_string(out, buf_slice(&data));
	buf_clear(&data);
}

void cert_put_covered(const struct cert_request *q, struct slice ca_blob, struct buf *blob)
{
	uint8_t nonce[NONCE];
	random_bytes(nonce, sizeof nonce);
	put_cstring(blob, key_kind(q->key)->cert);
	put_string(blob, slice_of(nonce, sizeof nonce));
	key_put_public(q->key, blob);
	put_u64(blob, q->serial);
	put_u32(blob, q->role);
	put_string(blob, q->key_id);
	put_string(blob, q->principals);
	put_u64(blob, q->after);
	put_u64(blob, q->before);
	put_string(blob, q->critical);
	put_string(blob, q->extensions);
	put_string(blob, slice_of(NULL, 0));
	put_string(blob, ca_blob);
}

bool cert_sign(const struct cert_request *q, const struct key *ca, const struct key_alg *alg, struct buf *blob, struct err *err)
{
	struct buf ca_blob = BUF_INIT(CERT_MAX), sig = BUF_INIT(CERT_MAX);
	key_blob(ca, &ca_blob);
	cert_put_covered(q, buf_slice(&ca_blob), blob);
	bool ok = key_sign(ca, alg, buf_slice(blob), &sig, err);
	put_string(blob, buf_slice(&sig));
	if (ok && blob->bad)
		ok = err_set(err, ERR_LIMIT, "the certificate would be larger than %d bytes", CERT_MAX);
	buf_clear(&ca_blob);
	buf_clear(&sig);
	return ok;
}
