#include "conf/sshd_conf.h"

#include <string.h>
#include "base/addr.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/types.h"

bool conf_split_listen(struct slice word, struct slice *host, int *port, struct slice *rdomain)
{
	static const char mark[] = " rdomain ";
	const uint8_t *at = word.n ? memmem(word.p, word.n, mark, sizeof mark - 1) : NULL;
	*rdomain = at ? slice_from(word, (size_t)(at - word.p) + sizeof mark - 1) : slice_of(NULL, 0);
	if (at)
		word.n = (size_t)(at - word.p);
	*host = word;
	*port = -1;
	struct slice digits = {0};
	const uint8_t *colon = word.n ? memchr(word.p, ':', word.n) : NULL;
	if (word.n && word.p[0] == '[') {
		const uint8_t *close = memchr(word.p, ']', word.n);
		if (close == NULL)
			return false;
		*host = slice_of(word.p + 1, (size_t)(close - word.p) - 1);
		digits = slice_from(word, (size_t)(close - word.p) + 1);
		if (digits.n && digits.p[0] != ':')
			return false;
	} else if (colon && memchr(colon + 1, ':', word.n - (size_t)(colon - word.p) - 1) == NULL) {
		host->n = (size_t)(colon - word.p);
		digits = slice_from(word, host->n);
	}
	int64_t v;
	if (digits.n && !conf_number(slice_from(digits, 1), 1, 65535, &v))
		return false;
	if (digits.n)
		*port = (int)v;
	return host->n > 0;
}

static void add_listener(struct conf_list *out, struct slice host, int port, struct slice rdomain)
{
	struct buf b = BUF_INIT(CONF_LINE_MAX);
	bool six = memchr(host.p, ':', host.n) != NULL;
	put_str(&b, six ? "[" : "");
	put_bytes(&b, host);
	put_fmt(&b, "%s:%d", six ? "]" : "", port);
	if (rdomain.n) {
		put_str(&b, " rdomain ");
		put_bytes(&b, rdomain);
	}
	if (!conf_list_has(out, buf_cstr(&b)))
		conf_list_add(out, buf_cstr(&b));
	buf_clear(&b);
}

struct conf_list sshd_conf_listeners(const struct sshd_conf *c)
{
	struct conf_list out = {0};
	struct slice host, rdomain, none = {0};
	int port;
	for (size_t i = 0; i < c->listen_address.n; i++) {
		conf_split_listen(slice_str(c->listen_address.v[i]), &host, &port, &rdomain);
		if (port > 0)
			add_listener(&out, host, port, rdomain);
		for (size_t j = 0; j < c->port.n && port <= 0; j++)
			add_listener(&out, host, c->port.v[j], rdomain);
	}
	for (size_t j = 0; j < c->port.n && c->listen_address.n == 0; j++) {
		if (c->address_family != CONF_FAMILY_INET)
			add_listener(&out, SLICE_LIT("::"), c->port.v[j], none);
		if (c->address_family != CONF_FAMILY_INET6)
			add_listener(&out, SLICE_LIT("0.0.0.0"), c->port.v[j], none);
	}
	return out;
}

const char *sshd_conf_subsystem(const struct sshd_conf *c, struct slice name)
{
	for (size_t i = 0; i < c->subsystem.n; i++) {
		const char *line = c->subsystem.v[i], *blank = strchr(line, ' ');
		if (blank && slice_eq(slice_of(line, (size_t)(blank - line)), name))
			return blank + 1;
	}
	return NULL;
}

/* One word of AllowUsers or DenyUsers: user, or user@host where host is a list as in from=. */
static bool user_matches(const char *user, const char *host, const char *addr, const char *word)
{
	const char *at = strrchr(word, '@');
	if (at == NULL)
		return match_wild(slice_str(user), slice_str(word), false);
	return match_wild(slice_str(user), slice_of(word, (size_t)(at - word)), false) &&
		host_match_list(host, addr, slice_str(at + 1)) == 1;
}

static bool any_user(const struct conf_list *l, const char *user, const char *host, const char *addr)
{
	for (size_t i = 0; i < l->n; i++)
		if (user_matches(user, host, addr, l->v[i]))
			return true;
	return false;
}

static bool any_group(const struct conf_list *l, const char *const *groups, size_t n)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t j = 0; j < n; j++)
			if (match_wild(slice_str(groups[j]), slice_str(l->v[i]), false))
				return true;
	return false;
}

bool sshd_conf_user_allowed(const struct sshd_conf *c, const char *user, const char *const *groups, size_t n,
	const char *host, const char *addr, const char **why)
{
	*why = NULL;
	if (any_user(&c->deny_users, user, host, addr))
		*why = "listed in DenyUsers";
	else if (c->allow_users.n && !any_user(&c->allow_users, user, host, addr))
		*why = "not listed in AllowUsers";
	else if ((c->deny_groups.n || c->allow_groups.n) && n == 0)
		*why = "not in any group";
	else if (any_group(&c->deny_groups, groups, n))
		*why = "a group is listed in DenyGroups";
	else if (c->allow_groups.n && !any_group(&c->allow_groups, groups, n))
		*why = "none of user's groups are listed in AllowGroups";
	return *why == NULL;
}

/* OpenSSH's sshd writes keywords as the manual spells them since 10.5; its ssh writes them in lower case. */
static void show_spelled(const struct conf_key *k, const struct sshd_conf *c, struct buf *b)
{
	struct buf lines = BUF_INIT(1 << 20);
	size_t n = strlen(k->name);
	conf_show(k, c, CONF_DUMP_OPENSSH, &lines);
	struct slice rest = buf_slice(&lines);
	while (rest.n > n) {
		struct slice line = slice_cut(&rest, '\n');
		put_fmt(b, "%s%.*s\n", k->name, (int)(line.n - n), (const char *)line.p + n);
	}
	buf_clear(&lines);
}

void sshd_conf_dump(const struct sshd_conf *c, struct buf *b)
{
	for (size_t i = 0; i < sshd_table.count; i++) {
		const struct conf_key *k = &sshd_table.keys[i];
		if (k->type != &CT_LISTEN) {
			show_spelled(k, c, b);
			continue;
		}
		struct conf_list all = sshd_conf_listeners(c);
		for (size_t j = 0; j < all.n; j++)
			put_fmt(b, "ListenAddress %s\n", all.v[j]);
		conf_list_clear(&all);
	}
}
