/* Is this the password? crypt(3) in a jailed one-shot child.
 *
 * The cleartext is the peer's and the hash functions are large and slow, so neither runs in the
 * monitor: a forked child with limits and a filter computes, one byte comes back. An account that
 * does not exist, or has no usable hash, costs the same: the child then works on a fake hash and
 * the answer is no.
 */
#ifndef SYS_PASSWORD_H
#define SYS_PASSWORD_H

#include "base/bytes.h"
#include "base/err.h"

enum { PASSWORD_MAX = 1024 };
/* Not 0 and 1, so that a mixed-up return value is never a success. */
enum password { PASSWORD_NO = 0x3c, PASSWORD_YES = 0x5a17 };

/* hash: from the account; NULL for none. "" means that no password is needed: then the answer is yes for an empty cleartext, if
 * permit_empty. fake: from password_fake. Cleartext of more than PASSWORD_MAX bytes or with NUL inside is no, after the same work. */
enum password password_check(struct slice cleartext, const char *hash, const char *fake, bool permit_empty, struct err *);
/* The setting of sample if that is a usable hash; else of the costliest method that passwords in the shadow file have, and where
 * there are none, the library's default: what an account must not be told by. Owned by the caller. */
char *password_fake(const char *sample);
/* A check of this hash costs about what one of the fake costs: the same method, or no hash that could be checked. */
bool password_costs_alike(const char *hash, const char *fake);

#endif
