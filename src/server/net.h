/* sshd-net: the network process of one connection, jailed for its whole life.
 *
 * It runs core/ in an event loop and has no right but its descriptors: asks of the core go to the
 * monitor, what channels want goes to sshd-user, bytes go between the socket and descriptors that
 * sshd-user opened.
 */
#ifndef SERVER_NET_H
#define SERVER_NET_H

#include "drive/drive.h"
#include "priv/priv.h"
#include "server/frames.h"

/* One session channel. */
struct net_session {
	struct net_session *next;
	uint32_t id, chan;                                  /* id: frame_open.session */
	struct endpoint *endpoint;                          /* once something runs in it */
	struct buf early;                                   /* data that came before that */
	bool tty, early_eof, exited, closed;                /* closed: by the client; the exit is still to be told */
	char *type;                                         /* "session", "session:shell" ...: for ChannelTimeout */
	uint64_t idle_ms, moved, moved_at;                  /* may idle so long (0: for ever); bytes that passed, and when that was seen */
};

struct net_idle {
	struct loop_timer timer;
	uint64_t unused_ms, global_ms;                      /* 0: for ever */
	char *timeouts;                                     /* words of ChannelTimeout */
	uint64_t empty_since, moved_at;
	bool empty, looking;
};

struct net {
	struct loop *loop;
	struct priv monitor, user;                          /* user.fd -1: not logged in yet */
	struct loop_fd *monitor_watch, *user_watch;
	struct buf waiting;                                 /* frames for sshd-user from before its socket came */
	struct ssh *ssh;
	struct drive *drive;
	struct ssh_setup setup;
	int in, out;
	enum ask_kind open_ask;
	struct net_session *sessions;
	uint32_t opened;                                    /* how many there were */
	int tos_interactive, tos_bulk;                      /* -1: leave it */
	struct buf announce;                                /* host keys, until the login */
	struct buf replies;                                 /* to global requests, behind one that the monitor is about: a byte each */
	unsigned proofs;
	bool no_more_sessions, over, tuned, proving;
	struct net_idle idle;
};

struct net_jail { uid_t uid; gid_t gid; const char *empty_root; uint32_t fds; bool fallback; };

/* Enters the jail, waits for START, serves the connection. Takes the descriptor. Returns the exit code. */
int net_run(const struct net_jail *, int take_monitor);

/* net_session.c */
void net_session_open(struct net *, const struct ssh_event *);
void net_session_request(struct net *, const struct ssh_event *);
void net_session_data(struct net *, const struct ssh_event *);
void net_session_eof(struct net *, const struct ssh_event *);
void net_session_closed(struct net *, uint32_t chan);
void net_session_flow(struct net *, struct net_session *, bool on);   /* its terminal takes ^S and ^Q */
void net_session_ended(struct net *, struct net_session *, bool sink);
bool net_session_frame(struct net *, struct frame *);      /* one frame of sshd-user; false: it broke the rules */
void net_session_drop(struct net *, struct net_session *);  /* closes it, whatever the client says; frees it */
void net_sessions_free(struct net *);
/* net_idle.c */
void net_idle_set(struct net *, uint64_t unused_ms, struct slice timeouts);
/* kind NULL: as it was, under new rules. */
void net_idle_type(struct net *, struct net_session *, const char *kind, struct slice name);
void net_idle_look(struct net *);                          /* something was opened or closed, or time has passed */
/* net_global.c: RFC 4254, section 4 */
void net_global(struct net *, const struct ssh_event *);
void net_keep_key(struct net *, struct slice blob);
void net_announce(struct net *);
bool net_proof(struct net *, struct slice body);           /* the monitor's answer */
/* net.c */
bool net_to_user(struct net *, uint16_t number, const void *msg);

#endif
