/* Pairs of processes that stand ready before a connection comes: a monitor and its network process, forked from two
 * zygotes (server/zygote.h). Everything here is a child of sshd itself.
 */
#ifndef SERVER_READY_H
#define SERVER_READY_H

#include <sys/types.h>

#include "priv/priv.h"
#include "server/frames.h"

enum { ZYGOTE_USES = 16 };                                 /* connections until both zygotes are replaced */

struct pair {
	pid_t monitor, net;                                 /* 0: none */
	int monitor_pidfd;
	struct priv control;
};
struct zygote { const char *program; pid_t pid; struct priv sock; unsigned uses; };
struct ready {
	struct zygote session, net;
	struct frame_init init;                             /* borrowed strings */
	const char *session_path, *net_path;                /* NULL: in init.helpers */
	struct pair pair;
};

void ready_init(struct ready *, const struct frame_init *, const char *session_path, const char *net_path);
/* Both zygotes run and have said that they can serve. */
bool ready_start(struct ready *, struct err *) MUST_CHECK;
bool ready_prepare(struct ready *, struct err *) MUST_CHECK;   /* a pair stands ready afterwards */
bool ready_take(struct ready *, struct pair *out, struct err *) MUST_CHECK;   /* the pair that is ready, or a new one */
/* A child ended. True: it belongs to us. by_signal discards what stands ready. */
bool ready_child_ended(struct ready *, pid_t, bool by_signal);
void ready_discard(struct ready *);                        /* zygotes and pair leave by themselves at the end of their sockets */
void pair_clear(struct pair *);

#endif
