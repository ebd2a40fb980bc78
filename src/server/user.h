/* sshd-user: the user's own process of one connection, born after the login.
 *
 * It took the rights that the monitor granted, gave up everything else, and runs shells and commands
 * as children. What may be run is decided here, not in sshd-net: forced command, pty or not, number of
 * sessions, environment. It opens no network socket and links no libcrypto.
 */
#ifndef SERVER_USER_H
#define SERVER_USER_H

#include "loop/loop.h"
#include "priv/priv.h"
#include "server/frames.h"
#include "sys/pty.h"

enum { USER_MONITOR_FD = 3, USER_NET_FD = 4, USER_ENV_MAX = 64, USER_ENV_BYTES = 1024 };

/* NAME=value strings, NULL at the end; a later value of a name replaces the earlier one. */
struct user_env { char **v; size_t n; };
void user_env_set(struct user_env *, struct slice name, struct slice value);
void user_env_put(struct user_env *, struct slice pair);   /* NAME=value; anything else is passed over */
void user_env_clear(struct user_env *);

struct user_session {
	struct user_session *next;
	struct user *user;
	uint32_t id, chan;                                  /* id: frame_open.session */
	pid_t pid;                                          /* 0: nothing runs */
	bool open, tell_exit, started, subsystem, forced, has_pty;   /* tell_exit: though no longer open */
	struct pty pty;
	char *term;
	struct user_env env;                                /* what the client sent and AcceptEnv took */
	char *command;                                      /* NULL: a shell; as it is run */
	char *original;                                     /* what the client asked for, where another is forced */
};

struct user {
	struct loop *loop;
	struct priv monitor, net;
	struct loop_fd *monitor_watch, *net_watch;
	struct frame_rights rights;                         /* its slices lie in store */
	struct buf store;
	char *auth_info;                                    /* path of the file of ExposeAuthInfo */
	struct user_session *sessions;
};

int user_main(void);

/* user_session.c */
bool user_frame(struct user *, struct frame *);            /* one of sshd-net; false: the rules were broken */
void user_hang_up(struct user *);                          /* the connection is over */

/* user_child.c: in the child, until exec */
_Noreturn void user_child(const struct user *, const struct user_session *);
/* user_env.c */
void user_env_build(const struct user *, const struct user_session *, struct user_env *out);

#endif
