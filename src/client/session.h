/* Inside client/: the session channel and what its parts share. */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "client/client.h"

struct session {
	struct client *c;
	struct endpoint *endpoint;
	uint32_t chan;
	int saved[3], null, status;
	unsigned interrupts, envs;
	bool open, pty_asked, raw, lost;                    /* lost: output that found no room here */
	bool line_start, escape_seen, quoted, held;         /* escape.c */
	bool flow;                                          /* ^S and ^Q are ours to carry out (xon-xoff) */
};

struct session *session_new(struct client *);
void session_start(struct session *);                      /* opens the channel and sends everything that it needs */
void session_free(struct session *);                       /* gives terminal and descriptors their modes back */
bool session_event(struct session *, const struct ssh_event *);   /* false: not of this session */
void session_closed(struct session *);
bool session_draining(const struct session *);              /* the channel is gone, its last bytes wait for our standard output */
bool session_leave_terminal(struct session *);             /* gives it back; false: there is none at the far end. NULL is fine */
void session_ended(struct session *, bool sink);
void session_raw(struct session *, bool on);                 /* the terminal's mode around a question; NULL is fine */
void session_break(struct session *);

#endif
