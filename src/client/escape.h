/* Escape sequences of a terminal session: ~ at the beginning of a line (ESCAPE CHARACTERS in ssh(1)). */
#ifndef CLIENT_ESCAPE_H
#define CLIENT_ESCAPE_H

#include "client/session.h"

/* endpoint_setup.filter: owner is the client, arg the session. What is left for the far end goes to out. */
void escape_filter(void *owner, void *arg, struct slice in, struct buf *out);

#endif
