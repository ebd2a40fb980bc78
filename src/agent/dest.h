/* Destination constraints: over which hosts a key may be used (restrict-destination-v00@openssh.com
 * and session-bind@openssh.com in PROTOCOL.agent of OpenSSH).
 *
 * A list is kept as it came: per constraint a string of string from-hop, string to-hop, string
 * reserved; a hop is string user, string host, string reserved, then string key and bool is-CA for
 * each host key. dest_valid says that all of it is well-formed and has meaning; the other
 * functions take only such lists. Sessions are what ssh told about one socket, in order of hops.
 */
#ifndef AGENT_DEST_H
#define AGENT_DEST_H

#include "agent/agent_msg.h"
#include "key/cert.h"

enum { DEST_MAX = 1024, SESSIONS_MAX = 16, SESSION_ID_MAX = 128 };

struct bound { struct buf host_key, id; bool forwarding; };
struct sessions { struct bound at[SESSIONS_MAX]; size_t n; bool failed; };   /* failed: a bind was refused: constrained keys are not for this socket */

bool dest_valid(struct slice list, struct err *) MUST_CHECK;
/* May a key with this list be seen (user.p == NULL) or used for that user over these sessions? */
bool dest_permits(struct slice list, const struct sessions *, struct slice user, int64_t wall) MUST_CHECK;
/* What is to be signed must be a login request of the last session: RFC 4252, 7, or its form with the host's key. user gets the name. */
bool dest_signs(const struct sessions *, struct slice blob, struct slice data, struct slice *user, struct err *) MUST_CHECK;
/* Is it a login request, signed by the key of this blob? id is the session's. host_key.p == NULL: it names none. */
bool dest_login_request(struct slice data, struct slice blob, struct slice *id, struct slice *user, struct slice *host_key) MUST_CHECK;
bool sessions_bind(struct sessions *, const struct agent_bind *, struct err *) MUST_CHECK;
void sessions_clear(struct sessions *);

#endif
