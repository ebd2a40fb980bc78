#include "conf/sshd_match.h"

#include <assert.h>
#include <string.h>
#include "base/addr.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/types.h"

static bool in_list(const char *text, const char *list, bool fold)
{
	return text && match_list(slice_str(text), slice_str(list), fold) == 1;
}

static bool by_user(const struct sshd_match *m, const char *arg)
{
	return in_list(m->user, arg, false);
}

/* A negated pattern that any group matches refuses, whatever the others do. */
static bool by_group(const struct sshd_match *m, const char *arg)
{
	bool hit = false;
	for (size_t i = 0; i < m->groups_n; i++) {
		int r = match_list(slice_str(m->groups[i]), slice_str(arg), false);
		if (r < 0)
			return false;
		hit |= r == 1;
	}
	return hit;
}

static bool by_host(const struct sshd_match *m, const char *arg)
{
	return in_list(m->host, arg, true);
}

static bool by_address(const struct sshd_match *m, const char *arg)
{
	return m->addr && addr_match_list(slice_str(m->addr), slice_str(arg)) == 1;
}

static bool by_local_address(const struct sshd_match *m, const char *arg)
{
	return m->laddr && addr_match_list(slice_str(m->laddr), slice_str(arg)) == 1;
}

static bool by_local_port(const struct sshd_match *m, const char *arg)
{
	int64_t port;
	return conf_number(slice_str(arg), 1, 65535, &port) && port == m->lport;
}

static bool by_rdomain(const struct sshd_match *m, const char *arg)
{
	return in_list(m->rdomain, arg, false);
}

static bool by_version(const struct sshd_match *m, const char *arg)
{
	(void)m;
	return in_list(SSH_RELEASE, arg, false);
}

static bool by_invalid_user(const struct sshd_match *m, const char *arg)
{
	(void)arg;
	return m->invalid_user;
}

static bool by_all(const struct sshd_match *m, const char *arg)
{
	(void)m, (void)arg;
	return true;
}

static bool any_text(const char *arg)
{
	return *arg != 0;
}

static bool addresses(const char *arg)
{
	return *arg && addr_match_list(SLICE_LIT("0.0.0.0"), slice_str(arg)) != -2;
}

static bool port(const char *arg)
{
	int64_t v;
	return conf_number(slice_str(arg), 1, 65535, &v);
}

/* Match in sshd_config(5). */
static const struct criterion {
	const char *name;
	bool (*matches)(const struct sshd_match *, const char *arg);
	bool (*valid)(const char *arg);                     /* NULL: takes no argument */
	const char *want;
} criteria[] = {
	{"All", by_all, NULL, NULL},
	{"Invalid-User", by_invalid_user, NULL, NULL},
	{"User", by_user, any_text, "patterns of user names"},
	{"Group", by_group, any_text, "patterns of group names"},
	{"Host", by_host, any_text, "patterns of host names"},
	{"Address", by_address, addresses, "addresses and networks such as 192.0.2.0/24,!192.0.2.7"},
	{"LocalAddress", by_local_address, addresses, "addresses and networks such as 192.0.2.0/24,!192.0.2.7"},
	{"LocalPort", by_local_port, port, "a port from 1 to 65535"},
	{"RDomain", by_rdomain, any_text, "patterns of routing domains"},
	{"Version", by_version, any_text, "patterns of versions"},
};

/* Takes the next criterion. NULL with *at past the end: all are read; NULL otherwise: e says what is wrong. */
static const struct criterion *take(const struct conf_list *l, size_t *at, const char **arg, struct err *e)
{
	const char *word = l->v[*at];
	size_t n = strcspn(word, "="), first = (*at)++;
	const struct criterion *c = NULL;
	for (size_t i = 0; i < ARRAY_LEN(criteria); i++)
		if (strlen(criteria[i].name) == n && strncasecmp(criteria[i].name, word, n) == 0)
			c = &criteria[i];
	*arg = NULL;
	if (c == NULL) {
		err_set(e, ERR_FORMAT, "\"%.100s\" is not a criterion; use User, Group, Host, Address, LocalAddress, LocalPort, "
			"RDomain, Version, Invalid-User or All", text_show(slice_str(word)));
		return NULL;
	}
	if (c->valid) {
		bool equals = *at < l->n && word[n] == 0 && l->v[*at][0] == '=';
		*arg = word[n] ? word + n + 1 : *at < l->n ? l->v[(*at)++] + equals : "";
		if (**arg == 0 && equals && *at < l->n)
			*arg = l->v[(*at)++];
	}
	if (c->valid ? !c->valid(*arg) : word[n] != 0)
		err_set(e, ERR_FORMAT, c->valid ? "%s needs %s" : "%s takes no value%s", c->name, c->valid ? c->want : "");
	else if (c->matches == by_all && (first > 0 || l->n > 1))
		err_set(e, ERR_FORMAT, "\"All\" must stand alone");
	else
		return c;
	return NULL;
}

bool sshd_match_check(const struct conf_words *w, struct err *e)
{
	const char *arg;
	if (w->list.n == 0)
		return err_set(e, ERR_FORMAT, "a criterion is missing; write \"Match All\" for every connection");
	for (size_t at = 0; at < w->list.n;)
		if (take(&w->list, &at, &arg, e) == NULL)
			return false;
	return true;
}

bool sshd_match_eval(const struct conf_words *w, const struct sshd_match *m)
{
	const char *arg;
	for (size_t at = 0; at < w->list.n;) {
		const struct criterion *c = take(&w->list, &at, &arg, NULL);
		assert(c);
		if (!c->matches(m, arg))
			return false;
	}
	return true;
}
