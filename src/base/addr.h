/* Network addresses as values: text, CIDR networks, pattern lists.
 *
 * Pure: no resolver, no sockets. Text of IPv6 is written as RFC 5952 says. Used by Match Address,
 * AllowUsers user@host, from= in authorized_keys and the penalties.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include "base/bytes.h"

struct addr {
	uint8_t family;                                     /* 4 or 6; 0: none */
	uint8_t b[16];                                      /* network order; IPv4 uses the first four */
};

bool addr_parse(struct slice text, struct addr *) MUST_CHECK;   /* "1.2.3.4", "::1", "fe80::1%eth0" (the zone is dropped) */
bool addr_parse_net(struct slice text, struct addr *, unsigned *bits) MUST_CHECK;   /* also without "/bits": then all of them */
bool addr_in_net(const struct addr *, const struct addr *net, unsigned bits);
void addr_mask(struct addr *, unsigned bits);              /* clears what is not of the network */
void addr_unmap(struct addr *);                            /* ::ffff:1.2.3.4 becomes 1.2.3.4 */
bool addr_eq(const struct addr *, const struct addr *);
void put_addr(struct buf *, const struct addr *);

/* Comma list of addresses, CIDR networks and wildcard patterns, `!` negates. 1 matched, 0 not, -1 matched by a
 * negated one, -2 the list is malformed (a network with bits beside its mask, such as 10.0.0.1/8). */
int addr_match_list(struct slice addr, struct slice list);
/* The list is addresses and CIDR networks only: is it well-formed (for from= in certificates and checks at load)? */
bool addr_list_valid(struct slice list);

/* Host or address against a list, as from=, AllowUsers and Match Host: the name without case, the address as above.
 * 1, 0, -1 (negated, whichever of both matched), -2 malformed. */
int host_match_list(const char *host, const char *addr, struct slice list);

#endif
