/* Inside client/: host-based login (RFC 4252, section 9): this host's key says who we are here. ssh-keysign signs, since only root can read that key. */
#ifndef CLIENT_HOSTBASED_H
#define CLIENT_HOSTBASED_H

#include "client/client.h"

struct hostbased;
struct hostbased *hostbased_new(struct client *);
void hostbased_free(struct hostbased *);
bool hostbased_next(struct hostbased *, struct answer_credential *);   /* false: no key of this host is left; slices live until the next call */
bool hostbased_sign(struct hostbased *, struct slice data, struct buf *sig, struct err *) MUST_CHECK;

#endif
