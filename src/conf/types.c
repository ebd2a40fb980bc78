/* Types whose value is one int, one uint64_t or one string. */
#include "conf/types.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "conf/algs.h"

static const struct conf_choice bools[] = {{"yes", 1}, {"no", 0}, {"true", 1}, {"false", 0}, {NULL, 0}};
static const struct conf_choice yesno[] = {{"yes", 1}, {"no", 0}, {NULL, 0}};

void conf_put_name(struct buf *b, const struct conf_key *k)
{
	for (const char *c = k->name; *c; c++)
		put_u8(b, (uint8_t)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c));
	put_u8(b, ' ');
}

void conf_show_none(const struct conf_key *k, enum conf_dump how, struct buf *b)
{
	if (!(k->flags & CONF_SHOW_NONE) && !(how == CONF_DUMP_EXACT && k->flags & CONF_NONE))
		return;
	conf_put_name(b, k);
	put_str(b, "none\n");
}

bool conf_bad(const struct conf_input *in, struct slice word, struct err *e, const char *want)
{
	(void)in;
	return err_set(e, ERR_FORMAT, "\"%.100s\" is not valid here; use %s", text_show(word), want);
}

bool conf_one_word(const struct conf_input *in, struct slice *word, struct err *e)
{
	const struct conf_list *l = &in->words->list;
	if (l->n == 0)
		return err_set(e, ERR_FORMAT, "a value is missing");
	if (l->n > 1)
		return err_set(e, ERR_FORMAT, "\"%.100s\" is too much on this line; one value is taken", text_show(slice_str(l->v[1])));
	*word = slice_str(l->v[0]);
	return true;
}

bool conf_wants_none(const struct conf_input *in)
{
	return in->key->flags & CONF_NONE && in->words->list.n == 1 && conf_is(slice_str(in->words->list.v[0]), "none");
}

bool conf_number(struct slice word, int64_t min, int64_t max, int64_t *out)
{
	uint64_t v;
	bool minus = word.n && word.p[0] == '-';
	if (!slice_to_u64(slice_from(word, minus), &v) || v > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)v : (int64_t)v;
	return *out >= min && *out <= max;
}

static bool choose(const struct conf_input *in, const struct conf_choice *list, int *field, struct err *e)
{
	struct slice word;
	if (!conf_one_word(in, &word, e))
		return false;
	struct buf want = BUF_INIT(400);
	for (const struct conf_choice *c = list; c->name; c++) {
		if (strlen(c->name) == word.n && match_wild(word, slice_str(c->name), true)) {
			*field = c->value;
			buf_clear(&want);
			return true;
		}
		put_fmt(&want, "%s%s", c == list ? "" : c[1].name ? ", " : " or ", c->name);
	}
	conf_bad(in, word, e, buf_cstr(&want));
	buf_clear(&want);
	return false;
}

static void show_choice(const struct conf_key *k, const struct conf_choice *list, int value, struct buf *b)
{
	while (list->name && list->value != value)
		list++;
	conf_put_name(b, k);
	put_fmt(b, "%s\n", list->name ? list->name : "unknown");
}

static bool set_bool(const struct conf_input *in, void *field, struct err *e)
{
	return choose(in, bools, field, e);
}

static bool set_yesno(const struct conf_input *in, void *field, struct err *e)
{
	return choose(in, yesno, field, e);
}

static bool set_enum(const struct conf_input *in, void *field, struct err *e)
{
	return choose(in, in->key->choices, field, e);
}

static void show_bool(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	(void)how;
	show_choice(k, yesno, *(const int *)field, b);
}

static void show_enum(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	(void)how;
	show_choice(k, k->choices, *(const int *)field, b);
}

static bool set_int(const struct conf_input *in, void *field, struct err *e)
{
	struct slice word;
	int64_t v;
	char want[80];
	if (conf_wants_none(in))
		return true;
	if (!conf_one_word(in, &word, e))
		return false;
	snprintf(want, sizeof want, "a number from %lld to %lld", (long long)in->key->min, (long long)in->key->max);
	if (!conf_number(word, in->key->min, in->key->max, &v))
		return conf_bad(in, word, e, want);
	*(int *)field = (int)v;
	return true;
}

static void show_int(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	int v = *(const int *)field;
	if (v == 0 && k->flags & CONF_NONE) {
		conf_show_none(k, how, b);
		return;
	}
	conf_put_name(b, k);
	put_fmt(b, "%d\n", v);
}

static bool set_octal(const struct conf_input *in, void *field, struct err *e)
{
	struct slice word;
	unsigned v = 0;
	if (!conf_one_word(in, &word, e))
		return false;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '7' || (v = v * 8 + (word.p[i] - 48u)) > 0777)
			return conf_bad(in, word, e, "an octal number from 0 to 0777");
	}
	if (word.n == 0)
		return conf_bad(in, word, e, "an octal number from 0 to 0777");
	*(int *)field = (int)v;
	return true;
}

static void show_octal(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	(void)how;
	conf_put_name(b, k);
	put_fmt(b, "0%o\n", (unsigned)*(const int *)field);
}

static bool set_time(const struct conf_input *in, void *field, struct err *e)
{
	struct slice word;
	uint64_t v;
	if (conf_wants_none(in))
		return true;
	if (!conf_one_word(in, &word, e))
		return false;
	if (!text_to_seconds(word, &v))
		return conf_bad(in, word, e, in->key->flags & CONF_NONE ? "a time such as 90, 5m or 1h30m, or none" : "a time such as 90, 5m or 1h30m");
	*(int *)field = (int)v;
	return true;
}

static bool set_size(const struct conf_input *in, void *field, struct err *e)
{
	struct slice word;
	uint64_t v;
	if (!conf_one_word(in, &word, e))
		return false;
	if (!text_to_size(word, &v) || v < (uint64_t)in->key->min || v > (uint64_t)in->key->max)
		return err_set(e, ERR_FORMAT, "\"%.100s\" is not valid here; use a size from %lld to %lld bytes, with K, M or G behind the number",
			text_show(word), (long long)in->key->min, (long long)in->key->max);
	*(uint64_t *)field = v;
	return true;
}

static void show_size(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	(void)how;
	conf_put_name(b, k);
	put_fmt(b, "%llu\n", (unsigned long long)*(const uint64_t *)field);
}

/* Strings: a char *const may not be cast from a void * that is const without this. */
static const char *string_at(const void *field)
{
	char *s;
	memcpy(&s, field, sizeof s);
	return s;
}

void conf_string_copy(void *to, const void *from)
{
	*(char **)to = mem_str(string_at(from));
}

void conf_string_drop(void *field)
{
	mem_free(*(char **)field);
	*(char **)field = NULL;
}

static bool set_string(const struct conf_input *in, void *field, struct err *e)
{
	struct slice word;
	if (conf_wants_none(in))
		return true;
	if (!conf_one_word(in, &word, e))
		return false;
	if (word.n == 0)
		return err_set(e, ERR_FORMAT, "the value is empty");
	if (in->key->flags & CONF_ABSOLUTE && word.p[0] != '/')
		return conf_bad(in, word, e, "a path that starts with /");
	*(char **)field = mem_str(in->words->list.v[0]);
	return true;
}

static void show_string(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const char *s = string_at(field);
	if (s == NULL) {
		conf_show_none(k, how, b);
		return;
	}
	conf_put_name(b, k);
	conf_put_word(b, s, how);
	put_u8(b, '\n');
}

static bool set_command(const struct conf_input *in, void *field, struct err *e)
{
	struct slice raw = in->words->raw;
	if (raw.n == 0)
		return err_set(e, ERR_FORMAT, "a command or text is missing");
	if (in->key->flags & CONF_NONE && conf_is(raw, "none"))
		return true;
	if (in->key->flags & CONF_ABSOLUTE && raw.p[0] != '/')
		return conf_bad(in, raw, e, "a path that starts with /");
	*(char **)field = slice_dup(raw);
	return true;
}

static void show_command(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	show_string(k, field, string_at(field) ? CONF_DUMP_OPENSSH : how, b);
}

static bool set_algs(const struct conf_input *in, void *field, struct err *e)
{
	struct slice word;
	enum conf_algs kind = (enum conf_algs)in->key->min;
	if (!conf_one_word(in, &word, e))
		return false;
	const char *names = in->known && in->known->names[kind] ? in->known->names[kind] : algs_known(kind);
	/* The row's own default is not subject to what the caller can do: it is cut down later. */
	if (slice_eq_str(word, in->key->dflt))
		*(char **)field = mem_str(in->key->dflt);
	else
		*(char **)field = algs_assemble(word, in->key->dflt, names, e);
	return *(char **)field != NULL;
}

/* ForwardAgent, PermitUserEnvironment: NULL is no, "yes" is yes, anything else stands for itself. */
static bool set_agent(const struct conf_input *in, void *field, struct err *e)
{
	struct slice word;
	if (!conf_one_word(in, &word, e))
		return false;
	if (word.n == 0)
		return err_set(e, ERR_FORMAT, "the value is empty");
	for (const struct conf_choice *c = bools; c->name; c++) {
		if (!conf_is(word, c->name))
			continue;
		*(char **)field = c->value ? mem_str("yes") : NULL;
		return true;
	}
	*(char **)field = mem_str(in->words->list.v[0]);
	return true;
}

static void show_agent(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const char *s = string_at(field);
	conf_put_name(b, k);
	conf_put_word(b, s ? s : "no", how);
	put_u8(b, '\n');
}

/* A process of Linux belongs to no routing domain; OpenSSH refuses the keyword there as well. */
static bool set_rdomain(const struct conf_input *in, void *field, struct err *e)
{
	if (in->words->list.n && !conf_wants_none(in))
		return err_set(e, ERR_FORMAT, "a session cannot be put into a routing domain on Linux; ListenAddress takes one");
	return set_string(in, field, e);
}

#define INT_TYPE(title, set_fn, show_fn) {.name = (title), .size = sizeof(int), .set = (set_fn), .show = (show_fn)}
#define STRING_TYPE(title, set_fn, show_fn) {.name = (title), .size = sizeof(char *), .set = (set_fn), .show = (show_fn), \
	.copy = conf_string_copy, .drop = conf_string_drop}
const struct conf_type CT_BOOL = INT_TYPE("yes, no, true or false", set_bool, show_bool);
const struct conf_type CT_YESNO = INT_TYPE("yes or no", set_yesno, show_bool);
const struct conf_type CT_INT = INT_TYPE("number", set_int, show_int);
const struct conf_type CT_OCTAL = INT_TYPE("octal number", set_octal, show_octal);
const struct conf_type CT_TIME = INT_TYPE("time", set_time, show_int);
const struct conf_type CT_ENUM = INT_TYPE("choice", set_enum, show_enum);
const struct conf_type CT_SIZE = {.name = "size", .size = sizeof(uint64_t), .set = set_size, .show = show_size};
const struct conf_type CT_RDOMAIN = STRING_TYPE("word", set_rdomain, show_string);
const struct conf_type CT_STRING = STRING_TYPE("word", set_string, show_string);
const struct conf_type CT_COMMAND = STRING_TYPE("rest of the line", set_command, show_command);
const struct conf_type CT_ALGS = STRING_TYPE("algorithm list", set_algs, show_string);
const struct conf_type CT_AGENT = STRING_TYPE("yes, no or a word", set_agent, show_agent);
