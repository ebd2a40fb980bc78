/* Is this host trusted to say who its users are, and is this its key? A one-shot child under the user's uid reads .shosts and
 * known_hosts; the system's files are mapped for it.
 */
#ifndef SERVER_HOSTBASED_H
#define SERVER_HOSTBASED_H

#include "server/keyjudge.h"

struct hostbased {
	const struct judgement *j;
	const char *host;                                   /* as the client calls itself, without the last dot */
	const char *client_user;
};
bool hostbased_allowed(struct monitor *, const struct hostbased *) MUST_CHECK;

#endif
