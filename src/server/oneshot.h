/* One-shot children of the monitor: forked, they find out one thing, say it in one frame, and end.
 *
 * A child has no descriptor but number 0, into which it writes. It ends with the monitor; one that takes too
 * long, or that nobody needs any more because the network process is gone, is killed.
 */
#ifndef SERVER_ONESHOT_H
#define SERVER_ONESHOT_H

#include "server/monitor.h"

enum { ONESHOT_MAX = 512 << 10, ONESHOT_MS = 60000 };

struct oneshot { pid_t pid, parent; int in; };

/* As fork: 0 in the child, the pid in the parent, -1 with a log line on failure. */
pid_t oneshot_fork(struct oneshot *);
/* In the child: for good another user, with the groups that are known or NULL (sys/account.h). What fails is logged. */
bool oneshot_become(const struct oneshot *, const struct account *, const struct account_groups *) MUST_CHECK;
/* In the child: log lines go into buf (max ONESHOT_LOG_MAX), for the parent to replay them. */
enum { ONESHOT_LOG_MAX = 64 << 10 };
void oneshot_log(struct buf *);
void oneshot_replay(struct slice log);
_Noreturn void oneshot_say(const struct msg_desc *, const void *msg);
/* In the parent: waits, reaps. *msg is decoded and lies in store. False, with a log line: the child failed. */
bool oneshot_hear(struct oneshot *, const struct monitor *, int ms, const struct msg_desc *, struct buf *store, void *msg) MUST_CHECK;

#endif
