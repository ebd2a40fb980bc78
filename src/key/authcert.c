/* Who may come in with a certificate: what its CA's line or a list of principals says, and what it says itself. */
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "key/authkeys_line.h"
#include "key/cert.h"

static bool has_principal(const struct cert *c, struct slice name)
{
	struct reader r = reader_of(c->principals);
	while (reader_left(&r))
		if (slice_eq(get_string(&r), name))
			return !r.bad;
	return false;
}

/* A name of the line's list is one of the certificate's. The certificate's own are never split at commas. */
static bool listed(const struct cert *c, struct slice names)
{
	while (names.n) {
		struct slice name = slice_cut(&names, ',');
		if (name.n == 0)
			return false;
		if (has_principal(c, name))
			return true;
	}
	return false;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* What both allow. Lists are the line's: a certificate has none of those. Two forced commands must be one. */
static bool merge(struct grant *g, const struct grant *cert, struct err *err)
{
	if (g->has_command && cert->has_command && !slice_eq(g->command, cert->command))
		return err_set(err, ERR_DENIED, "forced command options do not match");
	if (cert->has_command) {
		g->has_command = true;
		g->command = cert->command;
	}
	g->agent_forwarding = g->agent_forwarding && cert->agent_forwarding;
	g->port_forwarding = g->port_forwarding && cert->port_forwarding;
	g->x11_forwarding = g->x11_forwarding && cert->x11_forwarding;
	g->pty = g->pty && cert->pty;
	g->user_rc = g->user_rc && cert->user_rc;
	g->no_touch = g->no_touch && cert->no_touch;
	g->verify = g->verify || cert->verify;
	g->expires = earlier(g->expires, cert->expires);
	if (g->from.n == 0)
		g->from = cert->from;
	return true;
}

/* Options in OpenSSH's two kinds: those that make no sense, and those that say no. What exactly it was stands in why. */
static bool options_allow(const struct authkeys_context *c, size_t number, struct authkeys_match *out, struct grant *cert, struct err *err)
{
	if (cert_grant(c->cert, c, cert, err))
		return true;
	bool denied = err->code == ERR_DENIED;
	if (number)
		put_fmt(&out->why, "%zu: ", number);
	if (denied)
		put_fmt(&out->why, "Authentication tried for %s with valid certificate but not from a permitted source address (%s).\n",
			text_show(c->user), text_show(slice_str(c->addr)));
	else
		put_fmt(&out->why, "%s\n", err->text);
	return err_set(err, ERR_DENIED, denied ? "Refused by certificate options" : "Invalid certificate options");
}

bool authkeys_certificate(const struct authkeys_context *c, const struct buf *principals, bool named, size_t number, struct authkeys_match *out)
{
	struct grant cert;
	struct err err;
	struct slice user = named && principals == NULL ? c->user : slice_of(NULL, 0);
	bool ok = options_allow(c, number, out, &cert, &err) && merge(&out->grant, &cert, &err);
	if (ok && principals && !listed(c->cert, buf_slice(principals)))
		ok = err_set(&err, ERR_DENIED, "Certificate does not contain an authorized principal");
	ok = ok && cert_check(c->cert, CERT_USER, user, c->now, c->ca_algs, &err);
	if (!ok)
		put_fmt(&out->refused, "%zu: %s\n", number, err.text);
	return ok;
}

/* "[options] name", up to a '#'. False: nothing there. */
static bool split(struct slice line, struct slice *options, struct slice *name)
{
	line = slice_trim(slice_cut(&line, '#'));
	size_t at = line.n;
	while (at && line.p[at - 1] != ' ' && line.p[at - 1] != '\t')
		at--;
	*name = slice_from(line, at);
	*options = slice_trim(slice_of(line.p, at));
	return line.n > 0;
}

/* False: the line's options are wrong, so it names nobody. What a condition of the line refuses is refused for good: *denied. */
static bool judge_principal(struct slice options, size_t number, const struct authkeys_context *c, struct authkeys_match *out, bool *denied)
{
	struct authkeys_line s;
	authkeys_line_init(&s);
	bool ok = authkeys_line_parse(&s, options, c);
	if (ok && (s.authority || s.has_principals))
		ok = err_set(&s.err, ERR_DENIED, "cert-authority and principals have no place in a list of principals");
	*denied = !ok && s.err.code == ERR_DENIED;
	if (ok)
		authkeys_line_finish(&s, out);
	else
		put_fmt(&out->why, "%zu: %s\n", number, s.err.text);
	if (*denied)
		put_fmt(&out->refused, "%zu: Refused by certificate principals options\n", number);
	authkeys_line_clear(&s);
	return ok;
}

/* The first line with a name of the certificate. */
static bool find_principal(struct slice text, const struct authkeys_context *c, struct authkeys_match *out, bool *denied)
{
	*denied = false;
	for (size_t number = 1; text.n && !*denied; number++) {
		struct slice line = slice_cut(&text, '\n'), options, name;
		if (line.n > AUTHKEYS_LINE_MAX || slice_has_nul(line) || !split(line, &options, &name) || !has_principal(c->cert, name))
			continue;
		out->line = number;
		if (judge_principal(options, number, c, out, denied))
			return true;
	}
	return false;
}

static void begin(struct authkeys_match *out)
{
	*out = (struct authkeys_match){.grant = grant_all, .why = BUF_INIT(64 << 10), .refused = BUF_INIT(64 << 10)};
}

enum authkeys_verdict authkeys_principals(struct slice text, const struct authkeys_context *c, struct authkeys_match *out)
{
	bool denied = false;
	begin(out);
	if (!find_principal(text, c, out, &denied))
		return AUTHKEYS_NO;
	return authkeys_certificate(c, NULL, false, out->line, out) ? AUTHKEYS_YES : AUTHKEYS_NO;
}

enum authkeys_verdict authkeys_by_name(const struct authkeys_context *c, struct authkeys_match *out)
{
	begin(out);
	out->grant.no_touch = true;                     /* nobody but the certificate speaks: what it allows is allowed */
	return authkeys_certificate(c, NULL, true, 0, out) ? AUTHKEYS_YES : AUTHKEYS_NO;
}
