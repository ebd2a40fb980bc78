#include "tools/keygen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/mem.h"
#include "base/text.h"
#include "key/cert.h"
#include "sys/clock.h"
#include "sys/files.h"

/* What -O can say by name. A user's certificate begins with what has `usual`, a host's with nothing. */
enum { FLAG_X11, FLAG_AGENT, FLAG_PORT, FLAG_PTY, FLAG_RC, FLAG_NO_TOUCH, FLAG_VERIFY, FLAGS };
static const struct { const char *name, *off, *on; bool usual, critical; } flags[FLAGS] = {
	[FLAG_X11] = {"permit-X11-forwarding", "no-x11-forwarding", "permit-x11-forwarding", true, false},
	[FLAG_AGENT] = {"permit-agent-forwarding", "no-agent-forwarding", "permit-agent-forwarding", true, false},
	[FLAG_PORT] = {"permit-port-forwarding", "no-port-forwarding", "permit-port-forwarding", true, false},
	[FLAG_PTY] = {"permit-pty", "no-pty", "permit-pty", true, false},
	[FLAG_RC] = {"permit-user-rc", "no-user-rc", "permit-user-rc", true, false},
	[FLAG_NO_TOUCH] = {"no-touch-required", NULL, "no-touch-required", false, false},
	[FLAG_VERIFY] = {"verify-required", NULL, "verify-required", false, true},
};

struct option { char *name; struct slice value; };
struct options { struct option *at; size_t n; };            /* name: owned; value.p == NULL: a flag */
struct plan {
	struct options critical, extensions;
	const char *command, *source;
	bool flag[FLAGS];
	struct buf principals;
	uint64_t serial, after, before;
	bool count;                                         /* each key gets the next serial */
};

static void options_add(struct options *o, struct slice name, struct slice value)
{
	struct option one = {slice_dup(name), value};
	LIST_PUSH(o->at, o->n, one);
}

static void options_free(struct options *o)
{
	for (size_t i = 0; i < o->n; i++)
		mem_free(o->at[i].name);
	mem_free(o->at);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct option *)a)->name, ((const struct option *)b)->name);
}

/* PROTOCOL.certkeys: options stand in the order of their names, each once. */
static bool options_pack(struct options *o, struct buf *out, struct err *err)
{
	if (o->n)
		qsort(o->at, o->n, sizeof *o->at, by_name);
	for (size_t i = 0; i < o->n; i++) {
		if (i && strcmp(o->at[i].name, o->at[i - 1].name) == 0)
			return err_set(err, ERR_USAGE, "certificate option %s given twice", o->at[i].name);
		cert_put_option(out, o->at[i].name, o->at[i].value);
	}
	return true;
}

/* "critical:name[=contents]", "extension:name[=contents]" */
static bool take_custom(struct options *o, struct slice rest, struct err *err)
{
	bool has_value = rest.n && memchr(rest.p, '=', rest.n);
	struct slice name = slice_cut(&rest, '=');
	if (name.n == 0)
		return err_set(err, ERR_USAGE, "certificate option without a name");
	options_add(o, name, has_value ? slice_of(rest.p, rest.n) : slice_of(NULL, 0));
	return true;
}

static bool take_valued(struct plan *p, struct slice o, struct err *err)
{
	struct slice rest = o, name = slice_cut(&rest, '=');
	bool command = slice_eq_fold(name, SLICE_LIT("force-command"));
	if (name.n == o.n || (!command && !slice_eq_fold(name, SLICE_LIT("source-address"))))
		return err_set(err, ERR_USAGE, "Unsupported certificate option \"%s\"", text_show(o));
	const char **where = command ? &p->command : &p->source;
	if (rest.n == 0)
		return err_set(err, ERR_USAGE, "Empty %s option", command ? "force-command" : "source-address");
	if (*where)
		return err_set(err, ERR_USAGE, "%s already specified", command ? "force-command" : "source-address");
	if (!command && !addr_list_valid(rest))
		return err_set(err, ERR_USAGE, "Invalid source-address list");
	*where = (const char *)rest.p;                      /* the end of a C string */
	return true;
}

static bool take_option(struct plan *p, const char *text, struct err *err)
{
	struct slice o = slice_str(text);
	if (slice_eq_fold(o, SLICE_LIT("clear"))) {
		memset(p->flag, 0, sizeof p->flag);
		return true;
	}
	for (size_t i = 0; i < FLAGS; i++) {
		bool on = slice_eq_fold(o, slice_str(flags[i].on));
		if (on || (flags[i].off && slice_eq_fold(o, slice_str(flags[i].off)))) {
			p->flag[i] = on;
			return true;
		}
	}
	if (slice_has_prefix(o, "critical:"))
		return take_custom(&p->critical, slice_from(o, 9), err);
	if (slice_has_prefix(o, "extension:"))
		return take_custom(&p->extensions, slice_from(o, 10), err);
	return take_valued(p, o, err);
}

static bool take_options(const struct keygen *k, struct plan *p, struct err *err)
{
	for (size_t i = 0; i < FLAGS; i++)
		p->flag[i] = flags[i].usual && !k->for_host;
	for (size_t i = 0; i < k->noptions; i++)
		if (!take_option(p, k->option[i], err))
			return false;
	if (p->command)
		options_add(&p->critical, SLICE_LIT("force-command"), slice_str(p->command));
	if (p->source)
		options_add(&p->critical, SLICE_LIT("source-address"), slice_str(p->source));
	for (size_t i = 0; i < FLAGS; i++)
		if (p->flag[i])
			options_add(flags[i].critical ? &p->critical : &p->extensions, slice_str(flags[i].name), slice_of(NULL, 0));
	return true;
}

static bool take_principals(const struct keygen *k, struct plan *p, struct err *err)
{
	struct slice rest = slice_str(k->names);
	if (k->names == NULL) {
		fprintf(stderr, "Warning: certificate will contain no principals (-n)\n");
		return true;
	}
	for (bool more = true; more;) {
		more = rest.n && memchr(rest.p, ',', rest.n);
		struct slice one = slice_cut(&rest, ',');
		if (one.n == 0)
			return err_set(err, ERR_USAGE, "Empty principal name");
		put_string(&p->principals, one);
	}
	return !p->principals.bad || err_set(err, ERR_LIMIT, "too many principals");
}

static bool take_serial(const struct keygen *k, struct plan *p, struct err *err)
{
	struct slice s = slice_str(k->serial);
	if (k->serial == NULL)
		return true;
	p->count = slice_has_prefix(s, "+");
	return slice_to_u64(slice_from(s, p->count ? 1 : 0), &p->serial) || err_set(err, ERR_USAGE, "Invalid serial number \"%s\"", text_show(s));
}

static bool moment(struct slice s, const char *open_word, uint64_t open_value, int64_t now, uint64_t *out)
{
	uint64_t seconds;
	if (slice_eq_str(s, open_word)) {
		*out = open_value;
		return true;
	}
	if (slice_has_prefix(s, "0x")) {
		char *end, *text = slice_dup(s);
		*out = strtoull(text, &end, 16);
		bool ok = s.n > 2 && *end == 0;
		mem_free(text);
		return ok;
	}
	if (!slice_has_prefix(s, "+") && !slice_has_prefix(s, "-"))
		return keygen_time(s, out);
	if (!text_to_seconds(slice_from(s, 1), &seconds))
		return false;
	int64_t t = s.p[0] == '+' ? now + (int64_t)seconds : now - (int64_t)seconds;
	*out = t > 0 ? (uint64_t)t : 0;
	return true;
}

/* "from:to", or "+time" from now on: a minute is given for clocks that go slow. */
static bool take_validity(const struct keygen *k, struct plan *p, struct err *err)
{
	int64_t now = clock_wall();
	struct slice to = slice_str(k->validity), from;
	p->before = CERT_FOREVER;
	if (k->validity == NULL)
		return true;
	bool right;
	if (to.n && memchr(to.p, ':', to.n)) {
		from = slice_cut(&to, ':');
		right = moment(from, "always", 0, now, &p->after) && moment(to, "forever", CERT_FOREVER, now, &p->before);
	} else {
		p->after = (uint64_t)(now - 59) / 60 * 60;
		right = slice_has_prefix(to, "+") && moment(to, "", 0, now, &p->before);
	}
	if (!right)
		return err_set(err, ERR_USAGE, "Invalid certificate life specification %s", text_show(slice_str(k->validity)));
	return p->after < p->before || err_set(err, ERR_USAGE, "Empty certificate validity interval");
}

/* RSA signs with SHA-512 unless -t names another; other types have one algorithm. */
static const struct key_alg *ca_algorithm(const struct keygen *k, const struct key *ca, struct err *err)
{
	size_t n;
	const struct key_alg *algs = key_alg_list(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(algs[i].type, key_type(ca)) == 0 && (k->type == NULL || strcmp(algs[i].name, k->type) == 0))
			return &algs[i];
	err_set(err, ERR_USAGE, "CA key type %s doesn't match specified %s", key_type(ca), text_show(slice_str(k->type)));
	return NULL;
}

static char *cert_path(const char *path)
{
	size_t n = strlen(path);
	if (n > 4 && strcmp(path + n - 4, ".pub") == 0)
		n -= 4;
	return mem_fmt("%.*s-cert.pub", (int)n, path);
}

static void say_signed(const struct keygen *k, const struct plan *p, const char *path)
{
	struct buf text = BUF_INIT(64 << 10);
	put_fmt(&text, "Signed %s key %s: id \"%s\" serial %" PRIu64, k->for_host ? "host" : "user", path, text_show(slice_str(k->identity)), p->serial);
	if (k->names)
		put_fmt(&text, " for %s", text_show(slice_str(k->names)));
	put_str(&text, " valid");
	keygen_put_validity(&text, p->after, p->before);
	fprintf(stderr, "%s\n", buf_cstr(&text));
	buf_clear(&text);
}

static bool write_cert(const char *path, const struct key *key, struct slice blob, struct slice comment, struct err *err)
{
	struct buf line = BUF_INIT(4 * CERT_MAX);
	cert_type_name(key_kind_find(slice_str(key_type(key))), &line);
	put_str(&line, " ");
	put_base64(&line, blob);
	put_str(&line, comment.n ? " " : "");
	put_bytes(&line, comment);
	put_str(&line, "\n");
	bool ok = file_write(path, buf_slice(&line), 0644, err);
	buf_clear(&line);
	return ok;
}

/* As cert_sign, with a CA that may live in a security key. */
static bool make_cert(const struct keygen *k, const struct cert_request *q, const struct key *ca, const struct key_alg *alg, struct buf *blob, struct err *err)
{
	struct buf ca_blob = BUF_INIT(CERT_MAX), sig = BUF_INIT(CERT_MAX);
	key_blob(ca, &ca_blob);
	cert_put_covered(q, buf_slice(&ca_blob), blob);
	bool ok = keygen_sign(k, ca, alg, k->ca, buf_slice(blob), &sig, err);
	put_string(blob, buf_slice(&sig));
	if (ok && blob->bad)
		ok = err_set(err, ERR_LIMIT, "the certificate would be larger than %d bytes", CERT_MAX);
	buf_clear(&ca_blob);
	buf_clear(&sig);
	return ok;
}

static bool certify(const struct keygen *k, const struct plan *p, const struct cert_request *base, const struct key *ca,
    const struct key_alg *alg, const char *path, struct err *err)
{
	struct buf blob = BUF_INIT(CERT_MAX), comment = BUF_INIT(KEYFILE_COMMENT_MAX);
	char *out = cert_path(path);
	struct cert_request q = *base;
	struct key *key = keygen_load_public(path, &comment, err);
	q.key = key;
	q.serial = p->serial;
	bool ok = key && make_cert(k, &q, ca, alg, &blob, err) && write_cert(out, key, buf_slice(&blob), buf_slice(&comment), err);
	if (ok && !k->quiet)
		say_signed(k, p, out);
	key_free(key);
	buf_clear(&blob);
	buf_clear(&comment);
	mem_free(out);
	return ok;
}

static bool sign_all(struct keygen *k, struct plan *p, struct err *err)
{
	struct buf critical = BUF_INIT(CERT_MAX), extensions = BUF_INIT(CERT_MAX);
	char *prompt = mem_fmt("Enter passphrase for \"%s\": ", k->ca);
	struct key *ca = k->library || k->in_agent ? keygen_away_key(k, k->ca, err) : keygen_load(k->ca, k->old_pass, prompt, NULL, NULL, err);
	const struct key_alg *alg = ca ? ca_algorithm(k, ca, err) : NULL;
	bool ok = alg && options_pack(&p->critical, &critical, err) && options_pack(&p->extensions, &extensions, err);
	struct cert_request base = {
		.role = k->for_host ? CERT_HOST : CERT_USER, .after = p->after, .before = p->before, .key_id = slice_str(k->identity),
		.principals = buf_slice(&p->principals), .critical = buf_slice(&critical), .extensions = buf_slice(&extensions),
	};
	for (size_t i = 0; ok && i < k->nargs; i++) {
		ok = certify(k, p, &base, ca, alg, k->arg[i], err);
		p->serial += p->count ? 1 : 0;
	}
	keygen_away_end(k);
	key_free(ca);
	buf_clear(&critical);
	buf_clear(&extensions);
	mem_free(prompt);
	return ok;
}

int keygen_sign_cert(struct keygen *k)
{
	struct err err = {0};
	struct plan p = {.principals = BUF_INIT(CERT_MAX)};
	int status = KEYGEN_FAILED;
	if (k->nargs == 0) {
		fprintf(stderr, "%s: too few arguments: name the public keys to certify\n", k->program);
		return KEYGEN_NO;
	}
	if (k->identity == NULL)
		err_set(&err, ERR_USAGE, "Must specify key id (-I) when certifying");
	else if (take_options(k, &p, &err) && take_serial(k, &p, &err) && take_validity(k, &p, &err) && take_principals(k, &p, &err) && sign_all(k, &p, &err))
		status = KEYGEN_OK;
	if (status != KEYGEN_OK)
		keygen_fail(k, &err);
	options_free(&p.critical);
	options_free(&p.extensions);
	buf_clear(&p.principals);
	return status;
}
