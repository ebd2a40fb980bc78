/* Inside core/: the state of authentication, both roles (RFC 4252, 4256; hostbound: PROTOCOL of
 * OpenSSH). Only auth.c, auth_server.c and auth_client.c include this.
 *
 * What an open ask points into lies in `held` and the other bufs here, so it lives until the ask
 * is answered. All of them are secret: passwords pass through.
 */
#ifndef CORE_AUTH_H
#define CORE_AUTH_H

#include "core/internal.h"
#include "core/state.h"

enum { AUTH_REQUESTS_MAX = 64, AUTH_PROBES_MAX = 32, AUTH_LATE_MAX = 8, AUTH_ROUNDS_MAX = 128, AUTH_PROMPTS_MAX = 256 };
enum { AUTH_USER_MAX = 255, AUTH_PASSWORD_MAX = 1024 };

struct auth {
	struct buf held;                                    /* the message that the open ask is about */
	/* server */
	struct buf user;                                    /* of the first request; it cannot change */
	bool user_known;
	enum ask_kind asked;
	unsigned requests, probes, late;
	uint32_t prompts;                                   /* responses that the last INFO_REQUEST wants */
	/* client */
	struct buf client_host, client_user;                /* of hostbased */
	struct buf methods, algorithm, blob, data;          /* data: what ASK_SIGN shows */
	enum credential_kind kind;                          /* of the request that is out or being made */
	bool request_out;                                   /* a FAILURE, SUCCESS or 60 is awaited */
	bool accepted, waiting, ask_due, sent_any, partial;
	bool proved;                                        /* a secret or an answer of ours went into this attempt */
	unsigned rounds;
};

void auth_server_answered(struct ssh *, const struct answer *);
void auth_client_answered(struct ssh *, const struct answer *);
/* The one way to be logged in, for both roles. who: EV_AUTHED.name. */
void auth_succeed(struct ssh *, struct slice who, bool proved);
struct slice auth_keep(struct buf *, struct slice);         /* replaces the contents with a copy */

#endif
