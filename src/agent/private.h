/* A private key as agent messages carry it (draft-ietf-sshm-ssh-agent, 3.2; PROTOCOL.agent of
 * OpenSSH for certificates: type and blob of the certificate, then only the private numbers).
 */
#ifndef AGENT_PRIVATE_H
#define AGENT_PRIVATE_H

#include "key/cert.h"

/* cert.n == 0: the plain key. out should be secret. */
void agent_put_private(const struct key *, struct slice cert, struct buf *out);
/* How a key that is added may be used (draft-ietf-sshm-ssh-agent, 3.2.7). */
struct agent_limits {
	uint32_t lifetime;                                  /* seconds; 0: for ever */
	bool confirm;
	struct slice dest;                                  /* as in agent/dest.h; empty: anywhere */
	const char *sk_provider;                            /* library, for a key of a security key; else NULL */
};
void agent_put_limits(const struct agent_limits *, struct buf *out);
bool agent_has_limits(const struct agent_limits *);
/* A whole request to add a key. message should be secret, at most AGENT_MESSAGE_MAX; bad: it is too large for an agent. */
void agent_put_add(const struct key *, struct slice cert, struct slice comment, const struct agent_limits *, struct buf *message);
/* blob gets the public blob, or the certificate's. A private part that does not fit the public one is refused. */
struct key *agent_get_private(struct reader *, struct buf *blob, struct err *);

#endif
