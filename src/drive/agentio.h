/* The client's side of a running agent: list of keys, signatures (draft-ietf-sshm-ssh-agent).
 *
 * Blocking, one request at a time. An agent may wait for a human, so a signature has no deadline.
 */
#ifndef DRIVE_AGENTIO_H
#define DRIVE_AGENTIO_H

#include "base/err.h"

struct agentio { int fd; struct buf reply; };
struct agent_key { struct slice blob, comment; };          /* live until the next request */
enum { AGENT_SIGN_RSA_SHA2_256 = 2, AGENT_SIGN_RSA_SHA2_512 = 4, AGENT_KEYS_MAX = 2048 };

bool agentio_open(struct agentio *, const char *path, struct err *) MUST_CHECK;
void agentio_close(struct agentio *);
/* keys: owned list, mem_free it. */
bool agentio_list(struct agentio *, struct agent_key **keys, size_t *n, struct err *) MUST_CHECK;
bool agentio_sign(struct agentio *, struct slice blob, struct slice data, uint32_t flags, struct buf *sig, struct err *) MUST_CHECK;
/* Tells for which session the socket is used from now on (PROTOCOL.agent of OpenSSH, session-bind@openssh.com). False: the
 * agent does not know that, or does not believe it. */
bool agentio_bind(struct agentio *, struct slice host_key, struct slice session_id, struct slice signature, bool forwarding, struct err *) MUST_CHECK;
/* A whole request that is answered with SUCCESS or not. */
bool agentio_do(struct agentio *, struct slice message, struct err *) MUST_CHECK;
/* Any message: r stands at the first byte of the answer, until the next request. ms < 0: for as long as it takes. */
bool agentio_ask(struct agentio *, struct slice message, int ms, struct reader *r, struct err *) MUST_CHECK;

#endif
