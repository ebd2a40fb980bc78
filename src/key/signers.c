#include "key/signers.h"

#include "base/names.h"
#include "base/text.h"
#include "key/keyfile.h"
#include "key/optlist.h"

/* Algorithms of CAs: everything but SHA-1. */
#define CA_ALGS "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"

struct line {
	struct slice principals, key_text;
	struct buf spaces;                                  /* patterns; empty and has_spaces false: all */
	bool ca, has_spaces;
	uint64_t after, before;
};

static bool take_option(struct line *l, struct slice name, bool has_value, struct slice value, int64_t utc_offset)
{
	if (slice_eq_fold(name, SLICE_LIT("cert-authority")) && !has_value) {
		l->ca = true;
		return true;
	}
	if (slice_eq_fold(name, SLICE_LIT("namespaces")) && has_value && !l->has_spaces) {
		l->has_spaces = true;
		put_bytes(&l->spaces, value);
		return true;
	}
	if (slice_eq_fold(name, SLICE_LIT("valid-after")) && has_value && l->after == 0)
		return authkeys_time(value, utc_offset, &l->after);
	if (slice_eq_fold(name, SLICE_LIT("valid-before")) && has_value && l->before == CERT_FOREVER)
		return authkeys_time(value, utc_offset, &l->before);
	return false;
}

static bool take_options(struct line *l, struct slice options, int64_t utc_offset)
{
	struct buf value = BUF_INIT(SIGNERS_LINE_MAX);
	struct slice name;
	bool has_value, ok = true;
	enum option_step step;
	while (ok && (step = option_next(&options, &name, &has_value, &value)) != OPTION_END)
		ok = step == OPTION_ONE && take_option(l, name, has_value, buf_slice(&value), utc_offset);
	buf_clear(&value);
	return ok && l->after < l->before;
}

static bool has_key_first(struct slice text)
{
	return key_kind_find(slice_word(&text)) != NULL;
}

/* False: a remark, or a line that allows nothing. spaces must be cleared in both cases. */
static bool parse_line(struct slice text, int64_t utc_offset, struct line *l)
{
	*l = (struct line){.spaces = BUF_INIT(SIGNERS_LINE_MAX), .before = CERT_FOREVER};
	struct slice rest = slice_trim(text), options = slice_of(NULL, 0);
	if (rest.n == 0 || rest.p[0] == '#' || rest.n > SIGNERS_LINE_MAX || slice_has_nul(rest) || !options_cut(&rest, &l->principals))
		return false;
	if (l->principals.n >= 2 && l->principals.p[0] == '"' && l->principals.p[l->principals.n - 1] == '"')
		l->principals = slice_of(l->principals.p + 1, l->principals.n - 2);
	if (!has_key_first(rest) && (!options_cut(&rest, &options) || !has_key_first(rest)))
		return false;
	l->key_text = rest;
	return l->principals.n && take_options(l, options, utc_offset);
}

/* Those principals of the certificate that the line's patterns match and for which the certificate is good. */
static bool cert_principals(const struct line *l, const struct signers_query *q, struct buf *out, struct err *err)
{
	const struct cert *c = q->sig->cert;
	struct reader r = reader_of(c->principals);
	size_t before = out->len;
	while (reader_left(&r)) {
		struct slice name = get_string(&r);
		if (match_list(name, l->principals, false) == 1 && cert_check(c, CERT_USER, name, q->time, SLICE_LIT(CA_ALGS), err))
			names_add_slice(out, name);
	}
	return out->len > before || err_set(err, ERR_DENIED, "no principal of the certificate is allowed here");
}

static bool judge_principal(const struct line *l, const struct signers_query *q, struct buf *out, struct err *err)
{
	if (q->principal.p && match_list(q->principal, l->principals, false) != 1)
		return err_set(err, ERR_DENIED, "not for %s", text_show(q->principal));
	if (!l->ca) {
		put_bytes(out, l->principals);
		return true;
	}
	if (q->principal.p == NULL)
		return cert_principals(l, q, out, err);
	if (!cert_check(q->sig->cert, CERT_USER, q->principal, q->time, SLICE_LIT(CA_ALGS), err))
		return false;
	put_bytes(out, q->principal);
	return true;
}

static bool judge(const struct line *l, const struct signers_query *q, struct buf *out, struct err *err)
{
	if (q->space.p && l->has_spaces && match_list(q->space, buf_slice(&l->spaces), false) != 1)
		return err_set(err, ERR_DENIED, "not for the namespace %s", text_show(q->space));
	if (q->time < 0 || (uint64_t)q->time < l->after)
		return err_set(err, ERR_DENIED, "key is not yet valid");
	if ((uint64_t)q->time > l->before)              /* unlike a certificate, good to the last second */
		return err_set(err, ERR_DENIED, "key has expired");
	return judge_principal(l, q, out, err);
}

static bool is_of_this_key(const struct line *l, const struct signers_query *q)
{
	struct key *k = keyfile_line(l->key_text, NULL, NULL);
	const struct key *want = !l->ca ? q->sig->cert ? NULL : q->sig->key : q->sig->cert ? q->sig->cert->ca : NULL;
	bool same = k && want && key_equal(k, want);
	key_free(k);
	return same;
}

size_t signers_find(struct slice text, const struct signers_query *q, struct buf *principals, struct buf *why)
{
	size_t found = 0;
	for (size_t number = 1; text.n && !found; number++) {
		struct line l;
		struct err err = {0};
		if (parse_line(slice_line(&text), q->utc_offset, &l) && is_of_this_key(&l, q)) {
			if (judge(&l, q, principals, &err))
				found = number;
			else
				put_fmt(why, "line %zu: %s\n", number, err.text);
		}
		buf_clear(&l.spaces);
	}
	return found;
}

bool signers_match(struct slice text, struct slice name, struct buf *lines)
{
	bool any = false;
	while (text.n) {
		struct line l;
		if (parse_line(slice_line(&text), 0, &l) && match_list(name, l.principals, false) == 1) {
			put_bytes(lines, l.principals);
			put_str(lines, "\n");
			any = true;
		}
		buf_clear(&l.spaces);
	}
	return any;
}
