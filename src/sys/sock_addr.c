/* Addresses: names to addresses, addresses to text and back to names. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sys/sock.h"

enum { ADDRESSES_MAX = 256 };

static enum err_code code_of(int gai)
{
	return gai == EAI_NONAME || gai == EAI_SERVICE || gai == EAI_FAMILY ? ERR_MISSING : ERR_SYSTEM;
}

bool sock_resolve(const char *host, const char *port, int family, unsigned flags, struct sock_list *out, struct err *e)
{
	struct addrinfo *found, want = {.ai_family = family, .ai_socktype = SOCK_STREAM};
	bool every = (flags & SOCK_PASSIVE) && (host == NULL || host[0] == 0 || strcmp(host, "*") == 0);
	want.ai_flags = (flags & SOCK_PASSIVE ? AI_PASSIVE : 0) | (flags & SOCK_NUMERIC ? AI_NUMERICHOST : 0) | (flags & SOCK_CANONICAL ? AI_CANONNAME : 0);
	*out = (struct sock_list){0};
	int bad = getaddrinfo(every ? NULL : host, port, &want, &found);
	if (bad)
		return err_set(e, code_of(bad), "cannot resolve %s: %s", host ? text_show(slice_str(host)) : "*",
			bad == EAI_SYSTEM ? strerror(errno) : gai_strerror(bad));
	for (const struct addrinfo *i = found; i && out->n < ADDRESSES_MAX; i = i->ai_next) {
		struct sock_addr a = {.len = i->ai_addrlen};
		if (i->ai_canonname && out->canonical == NULL)
			out->canonical = mem_str(i->ai_canonname);
		if (a.len > sizeof a.storage)
			continue;
		memcpy(&a.any, i->ai_addr, a.len);
		LIST_PUSH(out->at, out->n, a);
	}
	freeaddrinfo(found);
	return out->n > 0 || err_set(e, ERR_MISSING, "%s has no address of that family", host ? text_show(slice_str(host)) : "*");
}

void sock_list_clear(struct sock_list *l)
{
	mem_free(l->at);
	mem_free(l->canonical);
	*l = (struct sock_list){0};
}

void sock_unmap(struct sock_addr *a)
{
	if (a->len == 0 || a->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
		return;
	struct sock_addr v4 = {.len = sizeof v4.v4};
	v4.v4.sin_family = AF_INET;
	v4.v4.sin_port = a->v6.sin6_port;
	memcpy(&v4.v4.sin_addr, (const uint8_t *)&a->v6.sin6_addr + 12, 4);
	*a = v4;
}

static void text_v6(const struct sockaddr_in6 *a, char out[SOCK_TEXT_MAX])
{
	char scope[IF_NAMESIZE];
	inet_ntop(AF_INET6, &a->sin6_addr, out, INET6_ADDRSTRLEN);
	if (a->sin6_scope_id == 0)
		return;
	size_t n = strlen(out);
	if (if_indextoname(a->sin6_scope_id, scope))
		snprintf(out + n, SOCK_TEXT_MAX - n, "%%%s", scope);
	else
		snprintf(out + n, SOCK_TEXT_MAX - n, "%%%u", a->sin6_scope_id);
}

void sock_text(const struct sock_addr *a, char out[SOCK_TEXT_MAX])
{
	struct sock_addr plain = *a;
	sock_unmap(&plain);
	snprintf(out, SOCK_TEXT_MAX, "UNKNOWN");
	if (plain.len == 0)
		return;
	switch (plain.any.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &plain.v4.sin_addr, out, SOCK_TEXT_MAX);
		break;
	case AF_INET6:
		text_v6(&plain.v6, out);
		break;
	case AF_UNIX:
		if (plain.len > offsetof(struct sockaddr_un, sun_path) && plain.un.sun_path[0])
			snprintf(out, SOCK_TEXT_MAX, "%.*s", (int)sizeof plain.un.sun_path, plain.un.sun_path);
		break;
	default:
		break;
	}
}

static in_port_t *port_of(struct sock_addr *a)
{
	if (a->len == 0)
		return NULL;
	return a->any.sa_family == AF_INET ? &a->v4.sin_port : a->any.sa_family == AF_INET6 ? &a->v6.sin6_port : NULL;
}

uint16_t sock_port(const struct sock_addr *a)
{
	struct sock_addr copy = *a;
	const in_port_t *p = port_of(&copy);
	return p ? ntohs(*p) : 0;
}

void sock_set_port(struct sock_addr *a, uint16_t port)
{
	in_port_t *p = port_of(a);
	if (p)
		*p = htons(port);
}

struct slice sock_raw(const struct sock_addr *a)
{
	if (a->len && a->any.sa_family == AF_INET)
		return slice_of(&a->v4.sin_addr, 4);
	if (a->len && a->any.sa_family == AF_INET6)
		return slice_of(&a->v6.sin6_addr, 16);
	return slice_of(NULL, 0);
}

bool sock_same(const struct sock_addr *a, const struct sock_addr *b, bool with_port)
{
	struct sock_addr x = *a, y = *b;
	sock_unmap(&x);
	sock_unmap(&y);
	struct slice raw = sock_raw(&x);
	if (raw.n == 0 || !slice_eq(raw, sock_raw(&y)))
		return false;
	if (x.any.sa_family == AF_INET6 && x.v6.sin6_scope_id != y.v6.sin6_scope_id)
		return false;
	return !with_port || sock_port(&x) == sock_port(&y);
}

bool sock_is_loopback(const struct sock_addr *a)
{
	struct sock_addr x = *a;
	sock_unmap(&x);
	if (x.len && x.any.sa_family == AF_INET)
		return ntohl(x.v4.sin_addr.s_addr) >> 24 == 127;
	return x.len && x.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&x.v6.sin6_addr);
}

/* A PTR record may hold anything: only a host name that is not itself an address goes further. */
static bool good_name(const char *name)
{
	struct sock_list l;
	for (const char *c = name; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '-' || *c == '.' || *c == '_'))
			return false;
	if (name[0] == 0 || name[0] == '-')
		return false;
	bool numeric = sock_resolve(name, NULL, AF_UNSPEC, SOCK_NUMERIC, &l, NULL);
	sock_list_clear(&l);
	return !numeric;
}

bool sock_name(const struct sock_addr *a, char out[SOCK_NAME_MAX])
{
	char name[NI_MAXHOST], text[SOCK_TEXT_MAX];
	struct sock_addr plain = *a;
	struct sock_list l;
	sock_unmap(&plain);
	sock_text(&plain, text);
	snprintf(out, SOCK_NAME_MAX, "%s", text);
	if (sock_raw(&plain).n == 0 || getnameinfo(&plain.any, plain.len, name, sizeof name, NULL, 0, NI_NAMEREQD) != 0)
		return false;
	if (strlen(name) >= SOCK_NAME_MAX || !good_name(name))
		return false;
	bool same = false;
	if (sock_resolve(name, NULL, plain.any.sa_family, 0, &l, NULL))
		for (size_t i = 0; i < l.n && !same; i++)
			same = sock_same(&l.at[i], &plain, false);
	sock_list_clear(&l);
	if (!same)
		return false;
	for (size_t i = 0; name[i]; i++)
		out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i], out[i + 1] = 0;
	return true;
}

bool sock_local_name(int fd, char out[SOCK_NAME_MAX])
{
	char name[NI_MAXHOST];
	struct sock_addr a;
	if (sock_local(fd, &a)) {
		sock_unmap(&a);
		if (sock_raw(&a).n && getnameinfo(&a.any, a.len, name, sizeof name, NULL, 0, NI_NAMEREQD) == 0 && good_name(name) && strlen(name) < SOCK_NAME_MAX) {
			snprintf(out, SOCK_NAME_MAX, "%s", name);
			return true;
		}
	}
	out[0] = 0;
	return gethostname(out, SOCK_NAME_MAX - 1) == 0 && out[0];
}
