/* Network interfaces of this host (getifaddrs(3)). */
#ifndef SYS_NETIF_H
#define SYS_NETIF_H

#include "sys/sock.h"

/* Addresses of interfaces that are up: of the named one, or of all with NULL (for Match localnetwork). ERR_MISSING: no such
 * interface, or it has no address of that family. */
bool netif_addresses(const char *interface, int family, struct sock_list *out, struct err *) MUST_CHECK;
/* What a socket to be bound to an interface should bind to: a global address before a link-local one (BindInterface). */
bool netif_source(const char *interface, int family, struct sock_addr *out, struct err *) MUST_CHECK;

#endif
