/* A zygote: a process that was exec'ed, has prepared everything, and forks one child per connection.
 *
 * An exec'ed process with libcrypto has half a MiB of memory of its own and takes milliseconds to
 * start; a forked one shares nearly all and takes a fraction of one. So sshd execs one sshd-session
 * and one sshd-net, tells each when to fork, and replaces both after some connections (and after any
 * death by signal), so that no address layout serves for long. A child is a child of sshd, not of
 * the zygote: zygotes may go while their children live.
 */
#ifndef SERVER_ZYGOTE_H
#define SERVER_ZYGOTE_H

#include "base/log.h"
#include "priv/priv.h"
#include "server/frames.h"

enum { ZYGOTE_FD = 3 };                                    /* where a zygote finds the socket to sshd */

struct zygote_ops {
	/* Once: everything that children share. False: err goes to sshd. */
	bool (*prepare)(void *arg, const struct frame_init *, struct err *);
	/* In the child. Takes the descriptors of the frame; returns the exit code. */
	int (*child)(void *arg, struct frame *);
};
int zygote_run(const struct zygote_ops *, void *arg);      /* exit code of main */
/* Log lines go where sshd's go. facility: the number of RFC 5424. */
void zygote_log(const struct frame_init *, const char *tag, int facility, enum log_level configured);

int zygote_session_main(void);                             /* sshd-session */
int zygote_net_main(void);                                 /* sshd-net */

#endif
