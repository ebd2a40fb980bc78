#include "server/monitor.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"

static bool publickey_on(const struct sshd_conf *c)
{
	return c->pubkey_authentication;
}

static bool password_on(const struct sshd_conf *c)
{
	return c->password_authentication;
}

static bool kbdint_on(const struct sshd_conf *c)
{
	return c->kbd_interactive_authentication;
}

static bool hostbased_on(const struct sshd_conf *c)
{
	return c->hostbased_authentication;
}

/* In the order in which they are named to the client. */
static const struct method {
	const char *name;
	bool (*on)(const struct sshd_conf *);               /* NULL: never named, and decided where it is handled */
} methods[METHOD_COUNT] = {
	[METHOD_NONE] = {"none", NULL},
	[METHOD_PUBLICKEY] = {"publickey", publickey_on},
	[METHOD_PASSWORD] = {"password", password_on},
	[METHOD_KBDINT] = {"keyboard-interactive", kbdint_on},
	[METHOD_HOSTBASED] = {"hostbased", hostbased_on},
};

const char *mon_method_name(enum mon_method method)
{
	return methods[method].name;
}

/* The first step of a list: "keyboard-interactive:pam" is the method and its device. */
static bool starts_with(struct slice list, enum mon_method method, const char *sub)
{
	struct slice first;
	if (!names_next(&list, &first))
		return false;
	struct slice device = first, name = slice_cut(&device, ':');
	if (!slice_eq_str(name, methods[method].name))
		return false;
	return sub == NULL || name.n == first.n || slice_eq_str(device, sub);
}

static bool any_method(const struct monitor *m)
{
	const struct conf_list *l = &m->conf.authentication_methods;
	return l->n == 0 || (l->n == 1 && strcmp(l->v[0], "any") == 0);
}

void mon_methods_begin(struct monitor *m)
{
	struct conf_list *left = &m->login.left;
	for (size_t i = 0; !any_method(m) && i < m->conf.authentication_methods.n; i++)
		LIST_PUSH(left->v, left->n, mem_str(m->conf.authentication_methods.v[i]));
}

bool mon_method_allowed(const struct monitor *m, enum mon_method method)
{
	if (methods[method].on == NULL || !methods[method].on(&m->conf))
		return false;
	if (any_method(m))
		return true;
	for (size_t i = 0; i < m->login.left.n; i++)
		if (starts_with(slice_str(m->login.left.v[i]), method, NULL))
			return true;
	return false;
}

void mon_methods_list(struct monitor *m, struct buf *out)
{
	for (int i = 0; i < METHOD_COUNT; i++)
		if (mon_method_allowed(m, (enum mon_method)i))
			names_add(out, methods[i].name);
}

/* Takes the step off every list that begins with it. */
bool mon_method_done(struct monitor *m, enum mon_method method, const char *sub)
{
	bool all = any_method(m);
	for (size_t i = 0; i < m->login.left.n; i++) {
		struct slice rest = slice_str(m->login.left.v[i]), first;
		if (!starts_with(rest, method, sub))
			continue;
		names_next(&rest, &first);
		char *kept = slice_dup(rest);
		mem_free(m->login.left.v[i]);
		m->login.left.v[i] = kept;
		all |= kept[0] == '\0';
	}
	return all;
}
