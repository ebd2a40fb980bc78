/* What a user's signature covers (RFC 4252, section 7; PROTOCOL of OpenSSH for hostbound).
 *
 * Both ends build it here: the client to sign, the server's monitor to verify with the session id
 * that it computed itself.
 */
#ifndef KEY_AUTHDATA_H
#define KEY_AUTHDATA_H

#include "base/bytes.h"

/* host_key: the server's public blob for publickey-hostbound-v00@openssh.com; empty: plain publickey. */
void auth_signed_data(struct buf *, struct slice session_id, struct slice user, struct slice algorithm,
	struct slice blob, struct slice host_key);
/* The same without the session id in front: the USERAUTH_REQUEST but for its signature. */
void auth_publickey_request(struct buf *, struct slice user, struct slice algorithm, struct slice blob,
	struct slice host_key, bool has_signature);
/* RFC 4252, section 9: what a host's key signs for its user. */
struct auth_host { struct slice user, algorithm, blob, host, client_user; };   /* host: of the client, with a dot at its end */
void auth_hostbased_data(struct buf *, struct slice session_id, const struct auth_host *);

#endif
