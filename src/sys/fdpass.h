/* One message with descriptors over a unix socket (SCM_RIGHTS, unix(7)).
 *
 * The sender keeps its descriptors. What arrives is close-on-exec and belongs to the receiver;
 * on every outcome but FDPASS_OK nothing is left open. A message whose control data was cut, or
 * that carries more descriptors than the receiver allows, is an error. Only sendmsg and recvmsg
 * are called, so the jail of sshd-net may use this.
 */
#ifndef SYS_FDPASS_H
#define SYS_FDPASS_H

#include "base/bytes.h"
#include "base/err.h"

enum { FDPASS_MAX = 8 };
enum fdpass { FDPASS_OK, FDPASS_AGAIN, FDPASS_END, FDPASS_ERROR };

struct fdpass_list { int fd[FDPASS_MAX]; size_t n; };

/* Data must not be empty. *sent may be less than data.n on a stream socket: the descriptors went with the first byte, the
 * rest goes without. fds may be NULL. FDPASS_END: the other end is gone (EPIPE, ECONNRESET); no SIGPIPE. */
enum fdpass fdpass_send(int sock, struct slice data, const struct fdpass_list *fds, size_t *sent, struct err *);
/* *got bytes were put into room. On a SEQPACKET socket a message longer than room is an error. fds->n says how many came; with
 * fds NULL none may come. */
enum fdpass fdpass_recv(int sock, struct room, size_t *got, struct fdpass_list *fds, struct err *);
void fdpass_close(struct fdpass_list *);

#endif
