#include "client/canon.h"

#include <string.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "sys/sock.h"

static bool is_direct(const struct ssh_conf *f)
{
	return f->proxy_command == NULL && f->proxy_jump == NULL;
}

static void replace(char **host, char *with)
{
	mem_free(*host);
	*host = with;
}

/* Owned: the name at the end of all aliases, "" where the resolver says none. NULL: the name does not exist. */
static char *look_up(const struct ssh_conf *f, const char *name)
{
	static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
	struct sock_list list = {0};
	bool ok = sock_resolve(name, NULL, families[f->address_family], SOCK_CANONICAL, &list, NULL);
	char *alias = ok ? mem_str(list.canonical ? list.canonical : "") : NULL;
	sock_list_clear(&list);
	return alias;
}

/* "from:to": an alias may be followed from a name that matches the one to a name that matches the other. */
static bool is_permitted(const char *rule, const char *name, const char *alias)
{
	struct slice to = slice_str(rule), from = slice_cut(&to, ':');
	return match_list(slice_str(name), from, true) == 1 && match_list(slice_str(alias), to, true) == 1;
}

static bool follow(const struct ssh_conf *f, char **host, const char *alias)
{
	if (alias[0] == 0 || strcmp(*host, alias) == 0 || (!is_direct(f) && f->canonicalize_hostname != CONF_CANON_ALWAYS))
		return false;
	for (size_t i = 0; i < f->canonicalize_permitted_cnames.n; i++) {
		if (!is_permitted(f->canonicalize_permitted_cnames.v[i], *host, alias))
			continue;
		log_debug("Canonicalized DNS aliased hostname \"%s\" => \"%s\"", text_show(slice_str(*host)), text_show(slice_str(alias)));
		replace(host, mem_str(alias));
		return true;
	}
	return false;
}

/* `full` ends with a dot, so that the resolver adds nothing of its own. Takes it. */
static bool try_name(const struct ssh_conf *f, char **host, char *full)
{
	char *alias = look_up(f, full);
	if (alias == NULL) {
		mem_free(full);
		return false;
	}
	full[strlen(full) - 1] = 0;
	if (!follow(f, &full, alias))
		log_debug("Canonicalized hostname \"%s\" => \"%s\"", text_show(slice_str(*host)), text_show(slice_str(full)));
	mem_free(alias);
	replace(host, full);
	return true;
}

static size_t dots(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += *s == '.';
	return n;
}

static bool is_address(char **host)
{
	struct addr a;
	struct buf text = BUF_INIT(200);
	if (strchr(*host, '%') || !addr_parse(slice_str(*host), &a))
		return strchr(*host, ':') != NULL;
	put_addr(&text, &a);
	replace(host, mem_str(buf_cstr(&text)));
	buf_clear(&text);
	return true;
}

enum found { FOUND, NOT_TRIED, NOT_FOUND };

static enum found search(const struct ssh_conf *f, char **host)
{
	size_t n = strlen(*host);
	int most = SSH_GIVEN(f, canonicalize_max_dots) ? f->canonicalize_max_dots : 1;
	if (is_address(host))
		return FOUND;
	if (!is_direct(f) && f->canonicalize_hostname != CONF_CANON_ALWAYS)
		return NOT_TRIED;
	if (n && (*host)[n - 1] == '.')
		return try_name(f, host, mem_str(*host)) ? FOUND : NOT_FOUND;
	if (dots(*host) > (size_t)most)
		return NOT_TRIED;
	for (size_t i = 0; i < f->canonical_domains.n; i++)
		if (try_name(f, host, mem_fmt("%s.%s.", *host, f->canonical_domains.v[i])))
			return FOUND;
	return NOT_FOUND;
}

/* Without a domain of ours the resolver's own rules find the name; its alias may still be followed. */
static bool follow_only(const struct ssh_conf *f, char **host, struct err *e)
{
	if (f->canonicalize_permitted_cnames.n == 0 || (!is_direct(f) && f->canonicalize_hostname != CONF_CANON_ALWAYS))
		return true;
	char *alias = look_up(f, *host);
	if (alias)
		follow(f, host, alias);
	else if (is_direct(f))
		return err_set(e, ERR_MISSING, "Could not resolve hostname %s", text_show(slice_str(*host)));
	mem_free(alias);
	return true;
}

bool canon_host(const struct ssh_conf *f, char **host, struct err *e)
{
	bool fallback = !SSH_GIVEN(f, canonicalize_fallback_local) || f->canonicalize_fallback_local;
	for (char *at = *host; *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at + 32);
	enum found found = search(f, host);
	if (found == NOT_FOUND && !fallback)
		return err_set(e, ERR_MISSING, "Could not resolve host \"%s\" in any of CanonicalDomains", text_show(slice_str(*host)));
	return found == FOUND || follow_only(f, host, e);
}
