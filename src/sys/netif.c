#include "sys/netif.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "base/mem.h"

static bool wanted(const struct ifaddrs *i, const char *interface, int family)
{
	if (i->ifa_addr == NULL || !(i->ifa_flags & IFF_UP) || (interface && strcmp(i->ifa_name, interface) != 0))
		return false;
	int f = i->ifa_addr->sa_family;
	return (f == AF_INET || f == AF_INET6) && (family == AF_UNSPEC || family == f);
}

bool netif_addresses(const char *interface, int family, struct sock_list *out, struct err *e)
{
	struct ifaddrs *all;
	*out = (struct sock_list){0};
	if (getifaddrs(&all) < 0)
		return err_errno(e, "cannot list the network interfaces");
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (!wanted(i, interface, family))
			continue;
		struct sock_addr a = {.len = i->ifa_addr->sa_family == AF_INET ? sizeof a.v4 : sizeof a.v6};
		memcpy(&a.any, i->ifa_addr, a.len);
		LIST_PUSH(out->at, out->n, a);
	}
	freeifaddrs(all);
	if (out->n == 0 && interface)
		return err_set(e, ERR_MISSING, "interface %.64s is not up or has no address of that family; see `ip address`", interface);
	return true;
}

static int rank(const struct sock_addr *a)
{
	if (a->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr) ? 2 : sock_is_loopback(a) ? 1 : 0;
	return sock_is_loopback(a) ? 1 : 0;
}

bool netif_source(const char *interface, int family, struct sock_addr *out, struct err *e)
{
	struct sock_list list;
	if (!netif_addresses(interface, family, &list, e))
		return false;
	size_t best = 0;
	for (size_t i = 1; i < list.n; i++)
		if (rank(&list.at[i]) < rank(&list.at[best]))
			best = i;
	*out = list.at[best];
	sock_list_clear(&list);
	return true;
}
