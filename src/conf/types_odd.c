/* Types that one or two keywords have. */
#include "conf/types.h"

#include <stddef.h>
#include <string.h>
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "conf/ssh_conf.h"
#include "conf/sshd_conf.h"

static struct slice word_at(const struct conf_input *in, size_t i)
{
	return slice_str(in->words->list.v[i]);
}

static bool count_is(const struct conf_input *in, size_t min, size_t max, struct err *e)
{
	size_t n = in->words->list.n;
	if (n < min)
		return err_set(e, ERR_FORMAT, "a value is missing");
	if (n > max)
		return err_set(e, ERR_FORMAT, "\"%.100s\" is too much on this line", text_show(word_at(in, max)));
	return true;
}

/* EscapeChar: the character, ^x for a control character, none. */
static bool set_escape(const struct conf_input *in, void *field, struct err *e)
{
	struct slice w;
	int *value = field;
	if (!conf_one_word(in, &w, e))
		return false;
	if (conf_is(w, "none"))
		*value = CONF_ESCAPE_NONE;
	else if (w.n == 1)
		*value = w.p[0];
	else if (w.n == 2 && w.p[0] == '^' && w.p[1] >= 64 && w.p[1] < 128)
		*value = w.p[1] & 31;
	else
		return conf_bad(in, w, e, "one character, ^ and a letter, or none");
	return true;
}

static void show_escape(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	int v = *(const int *)field;
	char text[3] = {(char)v, 0, 0};
	if (v >= 0 && v < 32)
		text[0] = '^', text[1] = (char)(v + 64);
	conf_put_name(b, k);
	conf_put_word(b, v < 0 ? "none" : text, how);
	put_u8(b, '\n');
}

/* ObscureKeystrokeTiming: yes, no, interval:milliseconds. */
static bool set_obscure(const struct conf_input *in, void *field, struct err *e)
{
	struct slice w;
	int64_t v;
	if (!conf_one_word(in, &w, e))
		return false;
	if (conf_is(w, "yes") || conf_is(w, "true"))
		v = 20;
	else if (conf_is(w, "no") || conf_is(w, "false"))
		v = 0;
	else if (!slice_has_prefix(w, "interval:") || !conf_number(slice_from(w, 9), 1, 1000, &v))
		return conf_bad(in, w, e, "yes, no or interval:1 to interval:1000 (milliseconds)");
	*(int *)field = (int)v;
	return true;
}

static void show_obscure(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	int v = *(const int *)field;
	(void)how;
	conf_put_name(b, k);
	if (v == 0 || v == 20)
		put_fmt(b, "%s\n", v ? "yes" : "no");
	else
		put_fmt(b, "interval:%d\n", v);
}

static bool set_pubkey_options(const struct conf_input *in, void *field, struct err *e)
{
	int *bits = field;
	if (!count_is(in, 1, 8, e))
		return false;
	for (size_t i = 0; i < in->words->list.n; i++) {
		struct slice list = word_at(in, i), w;
		while (names_next(&list, &w)) {
			if (conf_is(w, "touch-required"))
				*bits |= CONF_TOUCH_REQUIRED;
			else if (conf_is(w, "verify-required"))
				*bits |= CONF_VERIFY_REQUIRED;
			else if (!conf_is(w, "none"))
				return conf_bad(in, w, e, "none, touch-required or verify-required");
		}
	}
	return true;
}

static void show_pubkey_options(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	static const char *const text[] = {"none", "touch-required", "verify-required", "touch-required verify-required"};
	(void)how;
	conf_put_name(b, k);
	put_fmt(b, "%s\n", text[*(const int *)field & 3]);
}

/* RekeyLimit: bytes or default, then a time or none. */
static bool set_rekey(const struct conf_input *in, void *field, struct err *e)
{
	struct conf_rekey *r = field;
	if (!count_is(in, 1, 2, e))
		return false;
	struct slice size = word_at(in, 0);
	if (!conf_is(size, "default") && (!text_to_size(size, &r->bytes) || (r->bytes && r->bytes < 16)))
		return conf_bad(in, size, e, "default, or a size of at least 16 such as 500M or 1G");
	if (in->words->list.n == 1 || conf_is(word_at(in, 1), "none"))
		return true;
	if (!text_to_seconds(word_at(in, 1), &r->seconds))
		return conf_bad(in, word_at(in, 1), e, "none, or a time such as 1h");
	return true;
}

static void show_rekey(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_rekey *r = field;
	(void)how;
	conf_put_name(b, k);
	put_fmt(b, "%llu %llu\n", (unsigned long long)r->bytes, (unsigned long long)r->seconds);
}

/* Code points of RFC 2474, 2597, 3246, 5865, 8622, shifted into the TOS byte. The three words of RFC 1349 no longer mean anything. */
static const struct conf_choice qos[] = {
	{"none", -1}, {"lowdelay", -1}, {"throughput", -1}, {"reliability", -1},
	{"af11", 0x28}, {"af12", 0x30}, {"af13", 0x38}, {"af21", 0x48}, {"af22", 0x50}, {"af23", 0x58},
	{"af31", 0x68}, {"af32", 0x70}, {"af33", 0x78}, {"af41", 0x88}, {"af42", 0x90}, {"af43", 0x98},
	{"cs0", 0x00}, {"cs1", 0x20}, {"cs2", 0x40}, {"cs3", 0x60}, {"cs4", 0x80}, {"cs5", 0xa0}, {"cs6", 0xc0}, {"cs7", 0xe0},
	{"ef", 0xb8}, {"le", 0x04}, {"va", 0xb0}, {NULL, 0},
};

static bool qos_value(struct slice w, int *out)
{
	int64_t v;
	for (const struct conf_choice *c = qos; c->name; c++) {
		if (!conf_is(w, c->name))
			continue;
		*out = c->value;
		return true;
	}
	if (w.n == 4 && w.p[0] == '0' && (w.p[1] | 32) == 'x') {
		char digits[3] = {(char)w.p[2], (char)w.p[3], 0};
		*out = 0;
		for (const char *d = digits; *d; d++) {
			int x = *d >= '0' && *d <= '9' ? *d - '0' : (*d | 32) >= 'a' && (*d | 32) <= 'f' ? (*d | 32) - 'a' + 10 : 16;
			if (x == 16)
				return false;
			*out = *out * 16 + x;
		}
		return true;
	}
	if (!conf_number(w, 0, 255, &v))
		return false;
	*out = (int)v;
	return true;
}

static bool set_ipqos(const struct conf_input *in, void *field, struct err *e)
{
	struct conf_ipqos *q = field;
	if (!count_is(in, 1, 2, e))
		return false;
	for (size_t i = 0; i < in->words->list.n; i++)
		if (!qos_value(word_at(in, i), i ? &q->bulk : &q->interactive))
			return conf_bad(in, word_at(in, i), e, "none, ef, le, cs0 to cs7, af11 to af43, or a number from 0 to 255");
	if (in->words->list.n == 1)
		q->bulk = q->interactive;
	return true;
}

static void show_qos(int value, struct buf *b)
{
	for (const struct conf_choice *c = qos; c->name; c++) {
		if (c->value == value) {
			put_str(b, c->name);
			return;
		}
	}
	put_fmt(b, "0x%02x", (unsigned)value);
}

static void show_ipqos(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_ipqos *q = field;
	(void)how;
	conf_put_name(b, k);
	show_qos(q->interactive, b);
	put_u8(b, ' ');
	show_qos(q->bulk, b);
	put_u8(b, '\n');
}

/* MaxStartups: start:rate:full, or one number for both ends. */
static bool set_startups(const struct conf_input *in, void *field, struct err *e)
{
	static const char want[] = "a number, or start:rate:full with start <= full and a rate from 1 to 100";
	struct conf_startups *s = field;
	struct slice w;
	int64_t v[3];
	size_t n = 0;
	if (!conf_one_word(in, &w, e))
		return false;
	struct slice rest = w;
	while (rest.n && n < 3)
		if (!conf_number(slice_cut(&rest, ':'), 1, 1000000, &v[n++]))
			return conf_bad(in, w, e, want);
	if (rest.n || (n != 1 && n != 3))
		return conf_bad(in, w, e, want);
	*s = (struct conf_startups){(int)v[0], n == 3 ? (int)v[1] : 100, (int)v[n - 1]};
	if (s->begin > s->full || s->rate > 100)
		return conf_bad(in, w, e, want);
	return true;
}

static void show_startups(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_startups *s = field;
	(void)how;
	conf_put_name(b, k);
	put_fmt(b, "%d:%d:%d\n", s->begin, s->rate, s->full);
}

static bool set_netblock(const struct conf_input *in, void *field, struct err *e)
{
	struct conf_netblock *n = field;
	struct slice w, rest;
	int64_t v4 = 32, v6 = 128;
	if (!conf_one_word(in, &w, e))
		return false;
	rest = w;
	struct slice first = slice_cut(&rest, ':');
	if ((!conf_is(first, "none") && !conf_number(first, 0, 32, &v4)) ||
		(rest.n && !conf_is(rest, "none") && !conf_number(rest, 0, 128, &v6)))
		return conf_bad(in, w, e, "prefix lengths for IPv4 and IPv6, such as 32:64");
	*n = (struct conf_netblock){(int)v4, (int)v6};
	return true;
}

static void show_netblock(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_netblock *n = field;
	(void)how;
	conf_put_name(b, k);
	put_fmt(b, "%d:%d\n", n->v4, n->v6);
}

#define P(f) offsetof(struct conf_penalties, f)
static const struct penalty { const char *name; size_t offset; bool time; } penalties[] = {
	{"crash:", P(crash), true}, {"authfail:", P(authfail), true}, {"noauth:", P(noauth), true},
	{"invaliduser:", P(invaliduser), true}, {"grace-exceeded:", P(grace_exceeded), true},
	{"refuseconnection:", P(refuseconnection), true}, {"max:", P(max), true}, {"min:", P(min), true},
	{"max-sources4:", P(max_sources4), false}, {"max-sources6:", P(max_sources6), false},
};
#undef P

static const struct conf_penalties penalties_default = {
	.enabled = 1, .crash = 90, .authfail = 5, .invaliduser = 5, .refuseconnection = 10, .noauth = 1, .grace_exceeded = 10,
	.max = 600, .min = 15, .max_sources4 = 65536, .max_sources6 = 65536,
};

static bool penalty_overflow(struct slice value, int *out)
{
	*out = conf_is(value, "deny-all") ? CONF_OVERFLOW_DENY_ALL : CONF_OVERFLOW_PERMISSIVE;
	return *out || conf_is(value, "permissive");
}

static bool penalty_value(struct slice w, struct conf_penalties *p)
{
	for (size_t i = 0; i < ARRAY_LEN(penalties); i++) {
		if (!slice_has_prefix(w, penalties[i].name))
			continue;
		struct slice value = slice_from(w, strlen(penalties[i].name));
		int *at = (int *)(void *)((char *)p + penalties[i].offset);
		uint64_t seconds;
		int64_t count;
		if (penalties[i].time ? !text_to_seconds(value, &seconds) : !conf_number(value, 1, 1 << 24, &count))
			return false;
		*at = penalties[i].time ? (int)seconds : (int)count;
		return true;
	}
	if (slice_has_prefix(w, "overflow6:"))
		return penalty_overflow(slice_from(w, 10), &p->overflow6);
	if (!slice_has_prefix(w, "overflow:") || !penalty_overflow(slice_from(w, 9), &p->overflow))
		return false;
	p->overflow6 = p->overflow;
	return true;
}

/* PerSourcePenalties: yes, no, or what:value words; what is not named keeps its default. */
static bool set_penalties(const struct conf_input *in, void *field, struct err *e)
{
	struct conf_penalties *p = field;
	*p = penalties_default;
	if (!count_is(in, 1, 32, e))
		return false;
	for (size_t i = 0; i < in->words->list.n; i++) {
		struct slice w = word_at(in, i);
		bool yes = conf_is(w, "yes"), no = conf_is(w, "no");
		if ((yes || no) && in->words->list.n == 1)
			p->enabled = yes;
		else if (yes || no || !penalty_value(w, p))
			return conf_bad(in, w, e, "yes, no, or words such as authfail:5s, max:10m, max-sources4:65536, overflow:deny-all");
	}
	return true;
}

static void show_penalties(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_penalties *p = field;
	conf_put_name(b, k);
	if (!p->enabled) {
		put_str(b, "no\n");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(penalties); i++)
		put_fmt(b, "%s%d%s ", penalties[i].name, *(const int *)(const void *)((const char *)p + penalties[i].offset),
			how == CONF_DUMP_OPENSSH && penalties[i].time ? ".000000" : "");
	put_fmt(b, "overflow:%s overflow6:%s\n", p->overflow ? "deny-all" : "permissive", p->overflow6 ? "deny-all" : "permissive");
}

/* AddKeysToAgent: no, yes, ask, confirm [time], or a time alone. */
static bool set_add_keys(const struct conf_input *in, void *field, struct err *e)
{
	static const struct conf_choice words[] = {
		{"no", CONF_NO}, {"false", CONF_NO}, {"yes", CONF_YES}, {"true", CONF_YES}, {"ask", CONF_ASK}, {"confirm", CONF_CONFIRM},
	};
	struct conf_lifetime *l = field;
	size_t n = in->words->list.n;
	uint64_t seconds = 0;
	if (!count_is(in, 1, 2, e))
		return false;
	struct slice w = word_at(in, 0);
	bool word = false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!conf_is(w, words[i].name))
			continue;
		l->mode = (uint32_t)words[i].value;
		word = true;
	}
	if (!word)
		l->mode = CONF_YES;
	if (n == 2 && l->mode != CONF_CONFIRM)
		return conf_bad(in, word_at(in, 1), e, "a time only behind confirm");
	if ((!word || n == 2) && !text_to_seconds(word_at(in, n - 1), &seconds))
		return conf_bad(in, word_at(in, n - 1), e, "no, yes, ask, confirm, or a time such as 1h");
	l->seconds = (uint32_t)seconds;
	return true;
}

static void show_add_keys(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	static const char *const names[] = {"false", "true", "ask", "confirm"};
	const struct conf_lifetime *l = field;
	(void)how;
	conf_put_name(b, k);
	if (l->seconds == 0)
		put_fmt(b, "%s\n", names[l->mode & 3]);
	else
		put_fmt(b, "%s%u\n", l->mode == CONF_CONFIRM ? "confirm " : "", l->seconds);
}

/* ControlPersist: no, yes, a time; 0 is for ever. */
static bool set_persist(const struct conf_input *in, void *field, struct err *e)
{
	struct conf_lifetime *l = field;
	struct slice w;
	uint64_t seconds = 0;
	if (!conf_one_word(in, &w, e))
		return false;
	l->mode = !(conf_is(w, "no") || conf_is(w, "false"));
	if (l->mode && !conf_is(w, "yes") && !conf_is(w, "true") && !text_to_seconds(w, &seconds))
		return conf_bad(in, w, e, "yes, no, or a time such as 10m");
	l->seconds = (uint32_t)seconds;
	return true;
}

static void show_persist(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_lifetime *l = field;
	(void)how;
	conf_put_name(b, k);
	if (l->mode && l->seconds)
		put_fmt(b, "%u\n", l->seconds);
	else
		put_fmt(b, "%s\n", l->mode ? "yes" : "no");
}

#define PLAIN(title, type, set_fn, show_fn) {.name = (title), .size = sizeof(type), .set = (set_fn), .show = (show_fn)}
const struct conf_type CT_ESCAPE = PLAIN("character", int, set_escape, show_escape);
const struct conf_type CT_OBSCURE = PLAIN("yes, no or interval:ms", int, set_obscure, show_obscure);
const struct conf_type CT_PUBKEY_OPTIONS = PLAIN("options", int, set_pubkey_options, show_pubkey_options);
const struct conf_type CT_REKEY = PLAIN("size and time", struct conf_rekey, set_rekey, show_rekey);
const struct conf_type CT_IPQOS = PLAIN("one or two classes", struct conf_ipqos, set_ipqos, show_ipqos);
const struct conf_type CT_STARTUPS = PLAIN("start:rate:full", struct conf_startups, set_startups, show_startups);
const struct conf_type CT_NETBLOCK = PLAIN("v4:v6", struct conf_netblock, set_netblock, show_netblock);
const struct conf_type CT_PENALTIES = PLAIN("penalties", struct conf_penalties, set_penalties, show_penalties);
const struct conf_type CT_ADD_KEYS = PLAIN("choice and time", struct conf_lifetime, set_add_keys, show_add_keys);
const struct conf_type CT_PERSIST = PLAIN("yes, no or time", struct conf_lifetime, set_persist, show_persist);
