/* A private key as agent messages carry it (draft-ietf-sshm-ssh-agent, 3.2; PROTOCOL.agent of
 * OpenSSH for certificates: type and blob of the certificate, then only the private numbers).
 */
#ifndef AGENT_PRIVATE_H
#define AGENT_PRIVATE_H

#include "key/cert.h"

/* cert.n == 0: the plain key. out should be secret. */
void agent_put_private(const struct key *, struct slice cert, struct buf *out);
/* blob gets the public blob, or the certificate's. A private part that does not fit the public one is refused. */
struct key *agent_get_private(struct reader *, struct buf *blob, struct err *);

#endif
