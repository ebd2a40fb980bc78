/* Inside ssh-agent: connections, and what their requests wait for.
 *
 * A request that a human must agree to, or that must wait, stays at the head of its connection's
 * input; the other connections are served meanwhile. One question is on the screen at a time, in
 * the order in which they came. When the client goes away its question does too.
 */
#ifndef TOOLS_AGENT_SERVE_H
#define TOOLS_AGENT_SERVE_H

#include "agent/agent.h"
#include "client/token.h"
#include "loop/loop.h"
#include "tools/agent.h"

enum wait {
	WAIT_NOTHING,
	WAIT_CONFIRM,                                       /* for a yes to conn.prompt */
	WAIT_UNLOCK,                                        /* another wrong passphrase was given a moment ago */
	WAIT_SK,                                            /* for conn.sk, a security key */
	WAIT_TOKEN,                                         /* for an answer of conn.link, or until it is free */
};

/* One PKCS#11 library, in a helper process of its own. */
struct link {
	struct server *s;
	struct link *next;
	struct token_link token;                            /* token.provider: the real path */
	struct loop_fd *watch;
	bool busy;
	bool opening;
	struct conn *user;                                  /* whose request it works on; NULL: gone */
};

struct server {
	struct agent_service *how;
	struct agent *agent;
	struct loop *loop;
	struct loop_fd *listener;
	struct loop_timer expiry, unlock;
	struct conn *conns;
	size_t n;
	struct loop_defer ask;
	uint64_t turns;                                     /* counts waits, for their order */
	uint64_t unlock_at;                                 /* ms: no passphrase is tried before */
	pid_t asking;                                       /* the running askpass, or 0 */
	int answer;
	struct conn *asker;                                 /* whom it is for; NULL: gone */
	struct link *links;
	struct loop_defer tidy;
};

struct conn {
	struct server *s;
	struct conn *next;
	int fd;
	struct loop_fd *watch;
	struct buf in, out, prompt;
	struct agent_conn state;
	enum wait wait;
	uint64_t turn;
	bool confirmed;                                     /* the request at the head of in */
	struct link *link;
	struct sk_work *sk;
};

/* agent_serve.c: the wait is over; the request is answered, yes or not at all. c may be gone afterwards. */
void agent_waited(struct conn *c, bool yes);
/* The same with what a token said; NULL: it said nothing. */
void agent_waited_done(struct conn *c, const struct agent_done *);

/* agent_wait.c */
void agent_waits_init(struct server *);
void agent_waits_clear(struct server *);
void agent_wait(struct conn *, enum wait);
void agent_wait_ends(struct conn *);                       /* whatever it waited for */
void agent_unlock_tried(struct server *);                  /* after a passphrase, right or wrong */
bool agent_unlock_waits(struct conn *);                    /* true: not yet, and the connection waits */

/* agent_link.c. True: the connection waits for the token. */
void agent_links_init(struct server *);
void agent_links_clear(struct server *);
void agent_link_leave(struct conn *);
bool agent_link_load(struct conn *, const struct agent_work *, struct err *);
bool agent_link_sign(struct conn *, const struct agent_work *, struct err *);
bool agent_may_load(const struct conn *, const char *path, struct err *);
char *agent_link_path(struct slice provider);              /* the real one; owned */

/* agent_sk.c. True: the connection waits for the security key; work->key is taken in any case. */
bool agent_sk_sign(struct conn *, const struct agent_work *, struct err *);
char *agent_sk_path(const struct conn *, struct slice provider, struct err *);   /* the real one, owned; NULL: not to be loaded */
void agent_sk_leave(struct conn *);

#endif
