/* Questions to the resolver that getaddrinfo(3) does not ask: resolver(3). Blocks as that does (resolv.conf(5): timeout, attempts). */
#ifndef SYS_DNS_H
#define SYS_DNS_H

#include "base/bytes.h"
#include "base/err.h"

/* The whole answer for the name as it stands, class IN; DNSSEC is asked for. ERR_MISSING: there is no such name or record.
 * The AD bit stays only where resolv.conf says trust-ad, so that nobody trusts a resolver by accident. */
bool dns_query(const char *name, unsigned type, struct buf *answer, struct err *) MUST_CHECK;

#endif
