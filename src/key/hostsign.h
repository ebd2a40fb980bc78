/* What ssh-keysign signs with this host's key: nothing but a request for hostbased login from this host, for the user who asks.
 *
 *   string session id, byte 50, string user there, string "ssh-connection", string "hostbased", string algorithm,
 *   string key blob, string our host name with a dot behind it, string user here       (RFC 4252, section 9)
 *
 * Whoever could have anything else signed could pretend to be the host itself.
 */
#ifndef KEY_HOSTSIGN_H
#define KEY_HOSTSIGN_H

#include "key/key.h"

/* The row of the algorithm, which suits the blob. NULL: the data is something else; err says what is wrong with it. *blob lies in data. */
const struct key_alg *hostsign_check(struct slice data, const char *host, const char *user, struct slice *blob, struct err *);

#endif
