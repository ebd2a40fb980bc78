#include "conf/ssh_match.h"

#include <string.h>
#include "base/addr.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/token.h"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static bool in_list(const char *text, const char *list, bool fold)
{
	return match_list(slice_str(or_empty(text)), slice_str(list), fold) == 1;
}

char *ssh_match_host(const struct ssh_match_view *v)
{
	struct token h = {'h', or_empty(v->ctx->host)};
	struct buf b = BUF_INIT(CONF_LINE_MAX);
	const char *name = v->conf->hostname;
	char *host = mem_str(name && token_expand(name, NULL, &h, 1, NULL, &b, NULL) ? buf_cstr(&b) : h.value);
	buf_clear(&b);
	return host;
}

static bool by_host(const struct ssh_match_view *v, const char *arg)
{
	char *host = ssh_match_host(v);
	bool hit = in_list(host, arg, true);
	mem_free(host);
	return hit;
}

static bool by_original_host(const struct ssh_match_view *v, const char *arg)
{
	return in_list(v->ctx->host, arg, true);
}

static bool by_user(const struct ssh_match_view *v, const char *arg)
{
	return in_list(v->conf->user ? v->conf->user : v->ctx->local_user, arg, false);
}

static bool by_local_user(const struct ssh_match_view *v, const char *arg)
{
	return in_list(v->ctx->local_user, arg, false);
}

/* An empty argument asks for no value. */
static bool empty_or_in(const char *value, const char *arg)
{
	return *arg ? *or_empty(value) && in_list(value, arg, false) : *or_empty(value) == 0;
}

static bool by_tag(const struct ssh_match_view *v, const char *arg)
{
	return empty_or_in(v->conf->tag, arg);
}

static bool by_command(const struct ssh_match_view *v, const char *arg)
{
	return empty_or_in(v->ctx->command, arg);
}

static bool by_session_type(const struct ssh_match_view *v, const char *arg)
{
	return in_list(v->ctx->session_type, arg, false);
}

static bool by_version(const struct ssh_match_view *v, const char *arg)
{
	return in_list(v->ctx->version, arg, false);
}

static bool by_local_network(const struct ssh_match_view *v, const char *arg)
{
	for (size_t i = 0; i < v->ctx->local_n; i++) {
		struct buf b = BUF_INIT(100);
		put_addr(&b, &v->ctx->local[i]);
		bool hit = addr_match_list(buf_slice(&b), slice_str(arg)) == 1;
		buf_clear(&b);
		if (hit)
			return true;
	}
	return false;
}

static bool by_all(const struct ssh_match_view *v, const char *arg)
{
	(void)v, (void)arg;
	return true;
}

static bool by_final(const struct ssh_match_view *v, const char *arg)
{
	(void)arg;
	return v->final;
}

static bool by_canonical(const struct ssh_match_view *v, const char *arg)
{
	(void)arg;
	return v->canonical;
}

/* MATCH in ssh_config(5). exec has no function: it is asked for. */
static const struct criterion {
	const char *name;
	bool (*matches)(const struct ssh_match_view *, const char *arg);
	bool arg, empty;                                    /* takes an argument; it may be empty */
} criteria[] = {
	{"all", by_all, false, false},
	{"canonical", by_canonical, false, false},
	{"final", by_final, false, false},
	{"exec", NULL, true, false},
	{"localnetwork", by_local_network, true, false},
	{"host", by_host, true, false},
	{"originalhost", by_original_host, true, false},
	{"tagged", by_tag, true, true},
	{"command", by_command, true, true},
	{"user", by_user, true, false},
	{"localuser", by_local_user, true, false},
	{"version", by_version, true, false},
	{"sessiontype", by_session_type, true, false},
};

static const struct criterion *criterion_find(const char *word, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(criteria); i++)
		if (strlen(criteria[i].name) == n && strncasecmp(criteria[i].name, word, n) == 0)
			return &criteria[i];
	return NULL;
}

bool ssh_match_start(struct ssh_match *m, struct slice raw, struct err *e)
{
	*m = (struct ssh_match){.result = true, .open = true};
	if (!conf_words_split(&m->words, raw, e))
		return false;
	if (m->words.list.n == 0) {
		ssh_match_clear(m);
		return err_set(e, ERR_FORMAT, "a criterion is missing; write \"Match all\" for every host");
	}
	return true;
}

void ssh_match_clear(struct ssh_match *m)
{
	conf_words_clear(&m->words);
	*m = (struct ssh_match){0};
}

/* The argument stands behind "=" in the same word or in the next word. NULL: there is none. */
static const char *take_argument(struct ssh_match *m, const char *eq)
{
	struct conf_list *l = &m->words.list;
	if (eq && eq[1])
		return eq + 1;
	if (!eq && m->at < l->n && l->v[m->at][0] == '=') {
		const char *word = l->v[m->at++];
		if (word[1])
			return word + 1;
	}
	return m->at < l->n ? l->v[m->at++] : NULL;
}

static bool bad_all(const struct ssh_match *m, size_t at)
{
	const struct conf_list *l = &m->words.list;
	bool after = at == 1 && (strcasecmp(l->v[0], "canonical") == 0 || strcasecmp(l->v[0], "final") == 0);
	return l->n != at + 1 || (at && !after);
}

/* Reads one criterion; *arg NULL where it takes none. */
static const struct criterion *take(struct ssh_match *m, bool *negated, const char **arg, struct err *e)
{
	const char *word = m->words.list.v[m->at++], *full = word;
	*negated = word[0] == '!';
	word += *negated;
	size_t n = strcspn(word, "=");
	const struct criterion *c = criterion_find(word, n);
	*arg = NULL;
	if (c == NULL) {
		err_set(e, ERR_FORMAT, "\"%.100s\" is not a criterion; use host, originalhost, user, localuser, tagged, command, exec, "
			"localnetwork, sessiontype, version, canonical, final or all", text_show(slice_str(full)));
		return NULL;
	}
	if (c->arg)
		*arg = take_argument(m, word[n] == '=' ? word + n : NULL);
	if (c->matches == by_all && bad_all(m, m->at - 1))
		err_set(e, ERR_FORMAT, "\"all\" must stand alone, or right behind canonical or final");
	else if (c->arg && (!*arg || (!**arg && !c->empty)))
		err_set(e, ERR_FORMAT, "%s needs a value", c->name);
	else if (c->matches == by_local_network && !addr_list_valid(slice_str(*arg)))
		err_set(e, ERR_FORMAT, "\"%.100s\" is not a list of networks such as 192.0.2.0/24,2001:db8::/32", text_show(slice_str(*arg)));
	else
		return c;
	return NULL;
}

enum ssh_match_step ssh_match_next(struct ssh_match *m, const struct ssh_match_view *v, const char **command, struct err *e)
{
	const char *arg;
	bool negated;
	while (m->at < m->words.list.n) {
		const struct criterion *c = take(m, &negated, &arg, e);
		if (c == NULL)
			return MATCH_BAD;
		m->wants_final |= c->matches == by_final;
		if (!m->result)
			continue;
		if (c->matches == NULL) {
			m->negated = negated;
			*command = arg;
			return MATCH_EXEC;
		}
		m->result = c->matches(v, arg) != negated;
	}
	return MATCH_DONE;
}

void ssh_match_exec(struct ssh_match *m, bool matched)
{
	m->result = matched != m->negated;
}
