/* Two short-lived children of the monitor: one looks into authorized_keys with the user's rights, one checks a
 * signature in a jail. Neither can do more than say yes or no.
 */
#ifndef SERVER_KEYCHECK_H
#define SERVER_KEYCHECK_H

#include "key/authkeys.h"
#include "server/monitor.h"

struct keycheck_grant {
	bool granted;
	char *file;                                         /* with ":line" behind */
	struct authkeys_match match;                        /* grant and its store; to be cleared */
};

/* Which line of the user's files lets this key in? Log lines of the child are logged here. */
bool keycheck_authorized(struct monitor *, struct slice blob, struct keycheck_grant *out) MUST_CHECK;
void keycheck_grant_clear(struct keycheck_grant *);

struct keycheck_signature { const struct key_alg *alg; struct slice blob, data, signature; unsigned least_rsa_bits; };
enum verdict keycheck_verify(const struct keycheck_signature *) MUST_CHECK;
/* In the jail as well: may this key be used at all (size)? Signature and data are not looked at. */
enum verdict keycheck_key(const struct keycheck_signature *) MUST_CHECK;

#endif
