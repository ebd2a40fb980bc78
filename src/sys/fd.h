/* Descriptors: flags, numbers, pairs, whole writes.
 *
 * Every descriptor that this folder makes is close-on-exec. Functions that return bool without
 * a struct err leave the reason in errno. A closed descriptor is -1 in the caller's variable.
 */
#ifndef SYS_FD_H
#define SYS_FD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

enum fd_pair_kind { FD_PAIR_STREAM, FD_PAIR_PACKETS };     /* SOCK_STREAM, SOCK_SEQPACKET */
enum { FD_PIPE_SIZE = 1 << 20 };                           /* what an ordinary user may ask for: /proc/sys/fs/pipe-max-size */

struct fd_map { int from, to; };
struct fd_peer { pid_t pid; uid_t uid; gid_t gid; };

bool fd_nonblock(int fd, bool on);
bool fd_cloexec(int fd, bool on);
void fd_close(int *fd);                                    /* closes what is open, sets -1, keeps errno */
void fd_close_from(int first);                             /* everything from `first` on */
bool fd_open_standard(struct err *) MUST_CHECK;            /* puts /dev/null on those of 0, 1, 2 that are closed */
bool fd_null_standard(struct err *) MUST_CHECK;            /* puts /dev/null on 0, 1 and 2, whatever they were */

/* Puts map[i].from on map[i].to for all i, whatever overlaps; the results are not close-on-exec.
 * Async-signal-safe; n <= 32. The old numbers stay open unless they were overwritten. */
bool fd_place(const struct fd_map *map, size_t n);

/* Both descriptors close-on-exec and blocking. */
bool fd_pipe(int out[2], struct err *) MUST_CHECK;         /* [0] reads, [1] writes */
bool fd_pair(enum fd_pair_kind, int out[2], struct err *) MUST_CHECK;
/* Tries FD_PIPE_SIZE; whatever the kernel then gives is returned, -1 for no pipe. */
int fd_grow_pipe(int fd);

/* Whole transfers, for blocking and non-blocking descriptors alike; timeout_ms < 0 waits for ever. ERR_TIMEOUT, ERR_SYSTEM, and
 * for reads ERR_MISSING when the other end closed early. */
bool fd_write_all(int fd, struct slice, int timeout_ms, struct err *) MUST_CHECK;
bool fd_read_exact(int fd, struct room, int timeout_ms, struct err *) MUST_CHECK;
/* Appends to out until the other end closes; ERR_LIMIT when out is full. */
bool fd_read_to_end(int fd, struct buf *out, int timeout_ms, struct err *) MUST_CHECK;

bool fd_peer(int unix_socket, struct fd_peer *out);        /* SO_PEERCRED: who connected, or who made the pair */

#endif
