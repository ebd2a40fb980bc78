/* Inside client/: CanonicalizeHostname and its family (ssh_config(5)): the full name of a host, before the files are read again. */
#ifndef CLIENT_CANON_H
#define CLIENT_CANON_H

#include "base/err.h"
#include "conf/ssh_conf.h"

/* For CanonicalizeHostname yes and always. *host (owned) is replaced where another name is found. conf: what the first reading gave, without defaults. False: the name is
 * found nowhere, and CanonicalizeFallbackLocal says no. */
bool canon_host(const struct ssh_conf *, char **host, struct err *) MUST_CHECK;

#endif
