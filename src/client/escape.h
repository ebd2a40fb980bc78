/* Keys of a terminal session that are for ssh itself: escapes, ~ at the beginning of a line (ESCAPE CHARACTERS in ssh(1)),
 * and ^S and ^Q where the far terminal leaves them to us (RFC 4254, 6.8). */
#ifndef CLIENT_ESCAPE_H
#define CLIENT_ESCAPE_H

#include "client/session.h"

/* endpoint_setup.filter: owner is the client, arg the session. What is left for the far end goes to out. */
void escape_flow(struct session *, bool on);               /* what xon-xoff says */
void escape_filter(void *owner, void *arg, struct slice in, struct buf *out);

#endif
