/* Types whose value is a list. */
#include "conf/types.h"

#include <string.h>
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "conf/sshd_conf.h"

void conf_list_copy(void *to, const void *from)
{
	const struct conf_list *l = from;
	struct conf_list copy = {0};
	for (size_t i = 0; i < l->n; i++)
		conf_list_add(&copy, l->v[i]);
	*(struct conf_list *)to = copy;
}

void conf_list_drop(void *field)
{
	conf_list_clear(field);
}

/* Takes the words of *from over. */
static void merge_list(void *field, void *from)
{
	struct conf_list *l = field, *more = from;
	for (size_t i = 0; i < more->n; i++)
		LIST_PUSH(l->v, l->n, more->v[i]);
	mem_free(more->v);
	*more = (struct conf_list){0};
}

static bool set_words(const struct conf_input *in, void *field, struct err *e)
{
	const struct conf_list *words = &in->words->list;
	if (words->n == 0)
		return err_set(e, ERR_FORMAT, "a value is missing");
	if (conf_wants_none(in))
		return true;
	for (size_t i = 0; i < words->n; i++) {
		if (words->v[i][0] == 0)
			return err_set(e, ERR_FORMAT, "a value is empty");
		if (in->key->flags & CONF_NONE && conf_is(slice_str(words->v[i]), "none"))
			return err_set(e, ERR_FORMAT, "\"none\" must stand alone");
		if (in->key->max && words->n > (size_t)in->key->max)
			return err_set(e, ERR_LIMIT, "at most %lld values are taken", (long long)in->key->max);
	}
	conf_list_copy(field, words);
	return true;
}

static void show_words(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_list *l = field;
	bool each = k->flags & CONF_EACH;
	if (l->n == 0) {
		conf_show_none(k, how, b);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (i == 0 || each)
			conf_put_name(b, k);
		conf_put_word(b, l->v[i], how);
		put_u8(b, i + 1 == l->n || each ? '\n' : ' ');
	}
}

/* The words from `at` on as one string that reads back to the same words. */
static void add_line(struct conf_list *l, const struct conf_list *words, size_t at)
{
	struct buf b = BUF_INIT(2 * CONF_LINE_MAX);
	for (size_t i = at; i < words->n; i++) {
		if (i > at)
			put_u8(&b, ' ');
		conf_put_word(&b, words->v[i], CONF_DUMP_EXACT);
	}
	conf_list_add(l, buf_cstr(&b));
	buf_clear(&b);
}

static bool set_lines(const struct conf_input *in, void *field, struct err *e)
{
	const struct conf_list *words = &in->words->list;
	if ((int64_t)words->n < in->key->min || (int64_t)words->n > in->key->max)
		return err_set(e, ERR_FORMAT, "%zu values are given; %lld to %lld are taken", words->n,
			(long long)in->key->min, (long long)in->key->max);
	add_line(field, words, 0);
	return true;
}

static void show_lines(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_list *l = field;
	(void)how;
	for (size_t i = 0; i < l->n; i++) {
		conf_put_name(b, k);
		put_fmt(b, "%s\n", l->v[i]);
	}
}

/* SendEnv: "-pattern" takes away what earlier lines added; the pattern is matched against theirs. */
static void merge_send_env(void *field, void *from)
{
	struct conf_list *l = field, *more = from, kept = {0};
	for (size_t i = 0; i < more->n; i++) {
		if (more->v[i][0] != '-') {
			conf_list_add(l, more->v[i]);
			continue;
		}
		for (size_t j = 0; j < l->n; j++)
			if (!match_wild(slice_str(l->v[j]), slice_str(more->v[i] + 1), false))
				conf_list_add(&kept, l->v[j]);
		conf_list_clear(l);
		*l = kept;
		kept = (struct conf_list){0};
	}
	conf_list_clear(more);
}

static bool set_env(const struct conf_input *in, void *field, struct err *e)
{
	const struct conf_list *words = &in->words->list;
	for (size_t i = 0; i < words->n && !conf_wants_none(in); i++) {
		const char *eq = strchr(words->v[i], '=');
		if (eq == NULL || eq == words->v[i])
			return conf_bad(in, slice_str(words->v[i]), e, "NAME=VALUE");
	}
	return set_words(in, field, e);
}

/* SetEnv: of several values for one name the first counts. */
static void merge_set_env(void *field, void *from)
{
	struct conf_list *l = field, *more = from;
	for (size_t i = 0; i < more->n; i++) {
		size_t name = strcspn(more->v[i], "=") + 1;
		bool known = false;
		for (size_t j = 0; j < l->n && !known; j++)
			known = strncmp(l->v[j], more->v[i], name) == 0;
		if (!known)
			conf_list_add(l, more->v[i]);
	}
	conf_list_clear(more);
}

static bool set_subsystem(const struct conf_input *in, void *field, struct err *e)
{
	const struct conf_list *words = &in->words->list;
	if (words->n < 2 || words->v[0][0] == 0)
		return err_set(e, ERR_FORMAT, "a name and a command are needed, such as: sftp internal-sftp");
	add_line(field, words, 0);
	return true;
}

static struct slice subsystem_name(const char *line)
{
	return slice_of(line, strcspn(line, " "));
}

/* The first line for a name counts. */
static void merge_subsystem(void *field, void *from)
{
	struct conf_list *l = field, *more = from;
	for (size_t i = 0; i < more->n; i++) {
		bool known = false;
		for (size_t j = 0; j < l->n && !known; j++)
			known = slice_eq(subsystem_name(l->v[j]), subsystem_name(more->v[i]));
		if (!known)
			conf_list_add(l, more->v[i]);
	}
	conf_list_clear(more);
}

static bool set_listen(const struct conf_input *in, void *field, struct err *e)
{
	const struct conf_list *words = &in->words->list;
	struct slice host, rdomain;
	int port;
	if (words->n != 1 && !(words->n == 3 && conf_is(slice_str(words->v[1]), "rdomain")))
		return err_set(e, ERR_FORMAT, "give an address or host, with :port behind it if you like, and perhaps: rdomain NAME");
	if (!conf_split_listen(slice_str(words->v[0]), &host, &port, &rdomain))
		return conf_bad(in, slice_str(words->v[0]), e, "an address such as 192.0.2.1, 192.0.2.1:22 or [2001:db8::1]:22");
	add_line(field, words, 0);
	return true;
}

/* Methods that AuthenticationMethods may name; keyboard-interactive may have ":device" behind it. */
static bool method_known(struct slice name)
{
	static const char *const methods[] = {"publickey", "password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "none"};
	struct slice bare = slice_cut(&name, ':');
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (slice_eq_str(bare, methods[i]))
			return name.n == 0 || i == 2;
	return false;
}

static bool set_methods(const struct conf_input *in, void *field, struct err *e)
{
	const struct conf_list *words = &in->words->list;
	if (words->n == 1 && conf_is(slice_str(words->v[0]), "any"))
		return true;
	for (size_t i = 0; i < words->n; i++) {
		struct slice list = slice_str(words->v[i]);
		if (!names_valid(list))
			return conf_bad(in, list, e, "any, or comma lists of methods such as publickey,password");
		while (list.n) {
			struct slice name = slice_cut(&list, ',');
			if (!method_known(name))
				return conf_bad(in, name, e, "publickey, password, keyboard-interactive, hostbased, gssapi-with-mic, or any alone");
		}
	}
	return set_words(in, field, e);
}

static void show_methods(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	if (((const struct conf_list *)field)->n) {
		show_words(k, field, how, b);
		return;
	}
	conf_put_name(b, k);
	put_str(b, "any\n");
}

static bool set_timeouts(const struct conf_input *in, void *field, struct err *e)
{
	const struct conf_list *words = &in->words->list;
	for (size_t i = 0; i < words->n && !conf_wants_none(in); i++) {
		struct slice time = slice_str(words->v[i]), type = slice_cut(&time, '=');
		uint64_t seconds;
		if (type.n == 0 || !text_to_seconds(time, &seconds))
			return conf_bad(in, slice_str(words->v[i]), e, "type=time, such as session=1h, or none");
	}
	return set_words(in, field, e);
}

/* PermitOpen, PermitListen, PermitRemoteOpen: "any" and "none" are words that stand alone. */
static bool set_any_or_none(const struct conf_input *in, void *field, struct err *e)
{
	const struct conf_list *words = &in->words->list;
	for (size_t i = 0; i < words->n; i++)
		if (words->n > 1 && (conf_is(slice_str(words->v[i]), "any") || conf_is(slice_str(words->v[i]), "none")))
			return err_set(e, ERR_FORMAT, "\"any\" and \"none\" must stand alone");
	return set_words(in, field, e);
}

static bool set_ports(const struct conf_input *in, void *field, struct err *e)
{
	struct conf_ints *l = field;
	struct slice word;
	int64_t v;
	if (!conf_one_word(in, &word, e))
		return false;
	if (conf_is(word, "ssh"))
		v = 22;
	else if (!conf_number(word, 1, 65535, &v))
		return conf_bad(in, word, e, "a port from 1 to 65535");
	LIST_PUSH(l->v, l->n, (int)v);
	return true;
}

static void show_ports(const struct conf_key *k, const void *field, enum conf_dump how, struct buf *b)
{
	const struct conf_ints *l = field;
	(void)how;
	for (size_t i = 0; i < l->n; i++) {
		conf_put_name(b, k);
		put_fmt(b, "%d\n", l->v[i]);
	}
}

static void merge_ports(void *field, void *from)
{
	struct conf_ints *l = field, *more = from;
	for (size_t i = 0; i < more->n; i++)
		LIST_PUSH(l->v, l->n, more->v[i]);
	mem_free(more->v);
	*more = (struct conf_ints){0};
}

static void copy_ports(void *to, const void *from)
{
	const struct conf_ints *l = from;
	struct conf_ints copy = {0};
	for (size_t i = 0; i < l->n; i++)
		LIST_PUSH(copy.v, copy.n, l->v[i]);
	*(struct conf_ints *)to = copy;
}

static void drop_ports(void *field)
{
	mem_free(((struct conf_ints *)field)->v);
	*(struct conf_ints *)field = (struct conf_ints){0};
}

#define LIST_TYPE(title, set_fn, show_fn, merge_fn) {.name = (title), .size = sizeof(struct conf_list), .set = (set_fn), \
	.show = (show_fn), .merge = (merge_fn), .copy = conf_list_copy, .drop = conf_list_drop}
const struct conf_type CT_WORDS = LIST_TYPE("words", set_words, show_words, merge_list);
const struct conf_type CT_LINES = LIST_TYPE("line of words", set_lines, show_lines, merge_list);
const struct conf_type CT_SEND_ENV = LIST_TYPE("patterns", set_words, show_words, merge_send_env);
const struct conf_type CT_SET_ENV = LIST_TYPE("NAME=VALUE words", set_env, show_words, merge_set_env);
const struct conf_type CT_SUBSYSTEM = LIST_TYPE("name and command", set_subsystem, show_lines, merge_subsystem);
const struct conf_type CT_LISTEN = LIST_TYPE("address", set_listen, show_lines, merge_list);
const struct conf_type CT_METHODS = LIST_TYPE("lists of methods", set_methods, show_methods, merge_list);
const struct conf_type CT_TIMEOUTS = LIST_TYPE("type=time words", set_timeouts, show_words, merge_list);
const struct conf_type CT_ANY_OR_NONE = LIST_TYPE("words, any or none", set_any_or_none, show_words, merge_list);
const struct conf_type CT_PORTS = {.name = "port", .size = sizeof(struct conf_ints), .set = set_ports, .show = show_ports,
	.merge = merge_ports, .copy = copy_ports, .drop = drop_ports};
