#include "key/authkeys.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/addr.h"
#include "base/mem.h"
#include "base/text.h"
#include "key/authkeys_line.h"
#include "key/optlist.h"

#define G(name) offsetof(struct grant, name)
const struct authkeys_option authkeys_options[] = {
	{"agent-forwarding", false, AUTHKEYS_ALLOW, G(agent_forwarding)},
	{"cert-authority", false, AUTHKEYS_AUTHORITY, 0},
	{"command", true, AUTHKEYS_COMMAND, G(command)},
	{"environment", true, AUTHKEYS_ENVIRONMENT, G(environment)},
	{"expiry-time", true, AUTHKEYS_EXPIRY, G(expires)},
	{"from", true, AUTHKEYS_FROM, G(from)},
	{"no-agent-forwarding", false, AUTHKEYS_FORBID, G(agent_forwarding)},
	{"no-port-forwarding", false, AUTHKEYS_FORBID, G(port_forwarding)},
	{"no-pty", false, AUTHKEYS_FORBID, G(pty)},
	{"no-touch-required", false, AUTHKEYS_SET, G(no_touch)},
	{"no-user-rc", false, AUTHKEYS_FORBID, G(user_rc)},
	{"no-verify-required", false, AUTHKEYS_UNSET, G(verify)},
	{"no-x11-forwarding", false, AUTHKEYS_FORBID, G(x11_forwarding)},
	{"permitlisten", true, AUTHKEYS_PERMIT, G(permitlisten)},
	{"permitopen", true, AUTHKEYS_PERMIT, G(permitopen)},
	{"port-forwarding", false, AUTHKEYS_ALLOW, G(port_forwarding)},
	{"principals", true, AUTHKEYS_PRINCIPALS, 0},
	{"pty", false, AUTHKEYS_ALLOW, G(pty)},
	{"restrict", false, AUTHKEYS_RESTRICT, 0},
	{"touch-required", false, AUTHKEYS_UNSET, G(no_touch)},
	{"tunnel", true, AUTHKEYS_REFUSE, 0},
	{"user-rc", false, AUTHKEYS_ALLOW, G(user_rc)},
	{"verify-required", false, AUTHKEYS_SET, G(verify)},
	{"x11-forwarding", false, AUTHKEYS_ALLOW, G(x11_forwarding)},
};
const size_t authkeys_options_count = ARRAY_LEN(authkeys_options);

#define F(type, name) {#name, FIELD_##type, offsetof(struct grant, name)}
static const struct field grant_fields[] = {
	F(BOOL, agent_forwarding),
	F(BOOL, port_forwarding),
	F(BOOL, x11_forwarding),
	F(BOOL, pty),
	F(BOOL, user_rc),
	F(BOOL, no_touch),
	F(BOOL, verify),
	F(BOOL, has_command),
	F(TEXT, command),
	F(SECRET, environment),
	F(STRING, permitopen),
	F(STRING, permitlisten),
	F(TEXT, from),
	F(U64, expires),
	{0},
};
const struct msg_desc grant_desc = {"GRANT", 0, sizeof(struct grant), grant_fields};
const struct grant grant_all = {.agent_forwarding = true, .port_forwarding = true, .x11_forwarding = true, .pty = true, .user_rc = true};

static bool refuse(struct authkeys_line *s, const struct authkeys_option *o, const char *why)
{
	return err_set(&s->err, ERR_FORMAT, "option %s: %s", o->name, why);
}

static void restrict_all(struct grant *g)
{
	for (size_t i = 0; i < ARRAY_LEN(authkeys_options); i++)
		if (authkeys_options[i].act == AUTHKEYS_ALLOW)
			*(bool *)((uint8_t *)g + authkeys_options[i].offset) = false;
}

/* NAME=value, NAME of letters, digits and '_'; the first of a name wins. */
static bool take_environment(struct authkeys_line *s, const struct authkeys_option *o, struct slice value)
{
	struct slice rest = value, name = slice_cut(&rest, '=');
	if (name.n == 0 || name.n == value.n)
		return refuse(s, o, "not NAME=value");
	for (size_t i = 0; i < name.n; i++)
		if (!((name.p[i] >= 'a' && name.p[i] <= 'z') || (name.p[i] >= 'A' && name.p[i] <= 'Z') || (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '_'))
			return refuse(s, o, "a name has letters, digits and '_' only");
	struct reader seen = reader_of(buf_slice(&s->environment));
	while (reader_left(&seen)) {
		struct slice old = get_string(&seen);
		if (slice_eq(slice_cut(&old, '='), name))
			return true;
	}
	if (++s->environments > GRANT_ENV_MAX)
		return refuse(s, o, "too many");
	put_string(&s->environment, value);
	return true;
}

static bool two_digits(struct slice *s, unsigned least, unsigned most, unsigned *out)
{
	uint64_t v;
	if (s->n < 2 || !slice_to_u64(slice_of(s->p, 2), &v) || v < least || v > most)
		return false;
	*out = (unsigned)v;
	*s = slice_from(*s, 2);
	return true;
}

/* Days since 1970 of a date in the Gregorian calendar; months count from March, so that the leap day comes last. */
static int64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
	int64_t m = (month + 9) % 12;
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool day_exists(unsigned year, unsigned month, unsigned day)
{
	unsigned next_year = month == 12 ? year + 1 : year, next_month = month == 12 ? 1 : month + 1;
	return day <= days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1);
}

bool authkeys_time(struct slice text, int64_t utc_offset, uint64_t *out)
{
	bool utc = text.n && (text.p[text.n - 1] == 'Z' || text.p[text.n - 1] == 'z');
	unsigned century, year, month, day, hour = 0, minute = 0, second = 0;
	if (utc)
		text.n--;
	else if (text.n >= 3 && slice_eq_str(slice_from(text, text.n - 3), "UTC"))
		utc = true, text.n -= 3;
	if (text.n != 8 && text.n != 12 && text.n != 14)
		return false;
	bool clock = text.n > 8, seconds = text.n > 12;
	if (!two_digits(&text, 0, 99, &century) || !two_digits(&text, 0, 99, &year) || !two_digits(&text, 1, 12, &month) || !two_digits(&text, 1, 31, &day))
		return false;
	if (clock && (!two_digits(&text, 0, 23, &hour) || !two_digits(&text, 0, 59, &minute)))
		return false;
	if (seconds && !two_digits(&text, 0, 59, &second))
		return false;
	year += 100 * century;
	if (year < 1970 || !day_exists(year, month, day))
		return false;
	int64_t t = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - (utc ? 0 : utc_offset);
	*out = t > 0 ? (uint64_t)t : 1;
	return true;
}

static bool port_is_right(struct slice port)
{
	uint64_t v;
	return slice_eq_str(port, "*") || (slice_to_u64(port, &v) && v >= 1 && v <= 65535);
}

/* "host:port"; "[v6]:port"; for permitlisten a bare port too. Kept as host:port with the brackets as written. */
static bool take_permit(struct authkeys_line *s, const struct authkeys_option *o, struct slice value)
{
	bool listen = o->offset == G(permitlisten);
	struct buf *list = listen ? &s->permitlisten : &s->permitopen;
	size_t *count = listen ? &s->listens : &s->opens;
	struct buf whole = BUF_INIT(AUTHKEYS_LINE_MAX + 2);
	if (listen && value.n && memchr(value.p, ':', value.n) == NULL)
		put_str(&whole, "*:");
	put_bytes(&whole, value);
	struct slice rest = buf_slice(&whole), host = rest;
	bool bracket = rest.n && rest.p[0] == '[';
	host = slice_cut(&rest, bracket ? ']' : ':');
	if (bracket)
		host = slice_from(host, 1), rest = rest.n && rest.p[0] == ':' ? slice_from(rest, 1) : slice_of(NULL, 0);
	bool ok = host.n && host.n <= 1024 && port_is_right(rest) && ++*count <= GRANT_LIST_MAX;
	if (ok)
		put_string(list, buf_slice(&whole));
	buf_clear(&whole);
	return ok || refuse(s, o, "not host:port");
}

static bool take_from(struct authkeys_line *s, const struct authkeys_option *o, struct slice value, const struct authkeys_context *c)
{
	if (s->has_from)
		return refuse(s, o, "given twice");
	s->has_from = true;
	put_bytes(&s->from, value);
	int found = host_match_list(c->host, c->addr, value);
	if (found == -2)
		return refuse(s, o, "malformed list");
	return found == 1 || err_set(&s->err, ERR_DENIED, "Authentication tried for %s with correct key but not from a permitted host (host=%s, ip=%s, required=%s).",
		text_show(c->user), text_show(slice_str(c->host)), text_show(slice_str(c->addr)), text_show(value));
}

static bool take_expiry(struct authkeys_line *s, const struct authkeys_option *o, struct slice value, const struct authkeys_context *c)
{
	uint64_t t;
	if (!authkeys_time(value, c->utc_offset, &t))
		return refuse(s, o, "not YYYYMMDD[HHMM[SS]][Z]");
	if (s->grant.expires == 0 || t < s->grant.expires)
		s->grant.expires = t;
	return (int64_t)s->grant.expires > c->now || err_set(&s->err, ERR_DENIED, "option expiry-time: the key has expired");
}

static bool take_option(struct authkeys_line *s, const struct authkeys_option *o, struct slice value, const struct authkeys_context *c)
{
	bool *flag = (bool *)((uint8_t *)&s->grant + o->offset);
	switch (o->act) {
	case AUTHKEYS_ALLOW:
	case AUTHKEYS_SET: *flag = true; return true;
	case AUTHKEYS_FORBID:
	case AUTHKEYS_UNSET: *flag = false; return true;
	case AUTHKEYS_AUTHORITY: s->authority = true; return true;
	case AUTHKEYS_PRINCIPALS:
		if (s->has_principals)
			return refuse(s, o, "given twice");
		s->has_principals = true;
		put_bytes(&s->principals, value);
		return true;
	case AUTHKEYS_RESTRICT: restrict_all(&s->grant); return true;
	case AUTHKEYS_COMMAND:
		if (s->grant.has_command)
			return refuse(s, o, "given twice");
		s->grant.has_command = true;
		put_bytes(&s->command, value);
		return true;
	case AUTHKEYS_ENVIRONMENT: return take_environment(s, o, value);
	case AUTHKEYS_EXPIRY: return take_expiry(s, o, value, c);
	case AUTHKEYS_FROM: return take_from(s, o, value, c);
	case AUTHKEYS_PERMIT: return take_permit(s, o, value);
	case AUTHKEYS_REFUSE: return refuse(s, o, "not supported yet, so the line grants nothing");
	}
	return refuse(s, o, "unknown");
}

static const struct authkeys_option *find_option(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(authkeys_options); i++)
		if (slice_eq_fold(slice_str(authkeys_options[i].name), name))
			return &authkeys_options[i];
	return NULL;
}

bool authkeys_line_parse(struct authkeys_line *s, struct slice options, const struct authkeys_context *c)
{
	struct buf value = BUF_INIT(AUTHKEYS_LINE_MAX);
	struct slice name;
	bool has_value, ok = true;
	enum option_step step;
	while (ok && (step = option_next(&options, &name, &has_value, &value)) != OPTION_END) {
		const struct authkeys_option *o = find_option(name);
		if (o == NULL)
			ok = err_set(&s->err, ERR_FORMAT, "unknown option \"%s\"", text_show(name));
		else if (o->value != has_value)
			ok = refuse(s, o, o->value ? "needs a value in quotes" : "takes no value");
		else if (step == OPTION_BROKEN)
			ok = refuse(s, o, "no comma or no option behind it, or an open quote");
		else
			ok = take_option(s, o, buf_slice(&value), c);
	}
	buf_clear(&value);
	if (ok && (s->environment.bad || s->permitopen.bad || s->permitlisten.bad))
		ok = err_set(&s->err, ERR_LIMIT, "options too long");
	return ok;
}

void authkeys_line_init(struct authkeys_line *s)
{
	enum { PART = 2 * AUTHKEYS_LINE_MAX };                /* lengths come before each string of a list */
	*s = (struct authkeys_line){.grant = grant_all, .command = BUF_INIT(PART), .environment = BUF_INIT(PART),
		.permitopen = BUF_INIT(PART), .permitlisten = BUF_INIT(PART), .from = BUF_INIT(PART), .principals = BUF_INIT(PART)};
}

void authkeys_line_clear(struct authkeys_line *s)
{
	buf_clear(&s->command);
	buf_clear(&s->environment);
	buf_clear(&s->permitopen);
	buf_clear(&s->permitlisten);
	buf_clear(&s->from);
	buf_clear(&s->principals);
}

bool authkeys_split(struct slice line, struct slice *options, struct slice *type, struct slice *base64, struct slice *comment)
{
	line = slice_trim(line);
	*options = slice_of(NULL, 0);
	if (line.n == 0 || line.p[0] == '#')
		return false;
	struct slice rest = line;
	*type = slice_word(&rest);
	if (key_kind_find(*type) == NULL) {
		if (!options_cut(&line, options))
			return false;
		*type = slice_word(&line);
		rest = line;
	}
	*base64 = slice_word(&rest);
	*comment = rest;
	return key_kind_find(*type) && base64->n;
}

static bool line_has_key(struct slice line, struct slice blob, struct slice *options)
{
	struct slice type, base64, comment;
	if (!authkeys_split(line, options, &type, &base64, &comment))
		return false;
	struct buf theirs = BUF_INIT(AUTHKEYS_LINE_MAX);
	struct reader r = reader_of(blob);
	bool same = get_base64(base64, &theirs) && slice_eq(buf_slice(&theirs), blob) && slice_eq(get_string(&r), type);
	buf_clear(&theirs);
	return same;
}

static struct slice store_part(struct buf *store, const struct buf *part)
{
	size_t at = store->len;
	put_bytes(store, buf_slice(part));
	return slice_of(store->p ? store->p + at : NULL, part->len);
}

/* All parts fit: the store is made as large as they are together before a slice points into it. */
void authkeys_line_finish(struct authkeys_line *s, struct authkeys_match *out)
{
	size_t total = s->command.len + s->environment.len + s->permitopen.len + s->permitlisten.len + s->from.len;
	out->store = BUF_INIT(total);
	struct room room = buf_room(&out->store, total);
	assert(total == 0 || room.p);
	out->grant = s->grant;
	out->grant.command = store_part(&out->store, &s->command);
	out->grant.environment = store_part(&out->store, &s->environment);
	out->grant.permitopen = store_part(&out->store, &s->permitopen);
	out->grant.permitlisten = store_part(&out->store, &s->permitlisten);
	out->grant.from = store_part(&out->store, &s->from);
}

/* A CA's line is not for plain keys, nor a plain line for certificates: such a line is passed over without a word. */
static bool judge_line(struct slice options, size_t number, const struct authkeys_context *c, struct authkeys_match *out)
{
	struct authkeys_line s;
	authkeys_line_init(&s);
	bool parsed = authkeys_line_parse(&s, options, c), ok = parsed, passed = parsed && s.authority != (c->cert != NULL);
	if (ok && !passed && s.has_principals && !s.authority)
		ok = err_set(&s.err, ERR_FORMAT, "option principals: needs cert-authority");
	if (ok && !passed)
		authkeys_line_finish(&s, out);
	if (!ok)
		put_fmt(&out->why, "%zu: %s\n", number, s.err.text);
	else if (!passed && c->cert)
		ok = authkeys_certificate(c, s.has_principals ? &s.principals : NULL, true, number, out);
	if (!ok || passed)
		buf_clear(&out->store);
	authkeys_line_clear(&s);
	return ok && !passed;
}

enum authkeys_verdict authkeys_check(struct slice text, struct slice blob, const struct authkeys_context *c, struct authkeys_match *out)
{
	size_t number = 0;
	*out = (struct authkeys_match){.why = BUF_INIT(64 << 10), .refused = BUF_INIT(64 << 10)};
	while (text.n) {
		struct slice line = slice_cut(&text, '\n'), options;
		number++;
		if (line.n > AUTHKEYS_LINE_MAX) {
			put_fmt(&out->why, "%zu: too long\n", number);
			continue;
		}
		if (slice_has_nul(line) || !line_has_key(line, blob, &options) || !judge_line(options, number, c, out))
			continue;
		out->line = number;
		return AUTHKEYS_YES;
	}
	return AUTHKEYS_NO;
}

void authkeys_match_clear(struct authkeys_match *m)
{
	buf_clear(&m->store);
	buf_clear(&m->why);
	buf_clear(&m->refused);
	*m = (struct authkeys_match){0};
}
