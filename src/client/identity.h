/* The keys a client may log in with: those of the agent and of IdentityFile, in the order in which
 * OpenSSH tries them: files that the agent holds, other keys of the agent, other files.
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H

#include "drive/agentio.h"
#include "client/client.h"
#include "key/key.h"

struct identity {
	char *path;                                         /* NULL: only the agent knows it */
	char *comment;
	struct key *public, *private;                       /* private NULL: in the agent, or behind a passphrase */
	struct buf blob;
	bool in_agent, given, tried;
};
struct identities { struct identity *at; size_t n; struct agentio agent; bool has_agent; };

void identities_load(struct client *, struct identities *);
void identities_clear(struct identities *);
/* Name of the signature algorithm that fits the key, our list and the server's; NULL: none does. */
const struct key_alg *identity_alg(struct client *, const struct identity *);
/* Signs with agent or file; asks for a passphrase where one is needed. */
bool identity_sign(struct client *, struct identities *, struct identity *, const struct key_alg *, struct slice data, struct buf *sig, struct err *) MUST_CHECK;
struct identity *identity_find(struct identities *, struct slice blob);

#endif
