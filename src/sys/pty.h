/* Pseudo terminals (pty(7)), RFC 4254, 6.2.
 *
 * A master is in packet mode (TIOCPKT, ioctl_tty(2)): each read yields one report byte first. Where that is
 * TIOCPKT_DATA, output follows; otherwise the read has nothing else. What ^S and ^Q do here is reported from the start.
 */
#ifndef SYS_PTY_H
#define SYS_PTY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

struct pty { int master, slave; char name[64]; };          /* name: /dev/pts/N; both close-on-exec, master blocking */
struct pty_size { uint32_t columns, rows, width, height; };   /* width and height in pixels; values over 65535 are cut */

bool pty_open(struct pty *, struct err *) MUST_CHECK;
/* As root: owner uid, group tty with 0620 (without such a group: gid and 0600). As anybody else the kernel did it already. */
bool pty_give(const struct pty *, uid_t, gid_t, struct err *) MUST_CHECK;
void pty_take_back(const char *name);                      /* as root: owner root, mode 0666; nobody's messages go to the next user */
void pty_close(struct pty *);
bool pty_set_size(int fd, const struct pty_size *);
bool pty_get_size(int fd, struct pty_size *out);
bool pty_make_controlling(int slave);                      /* after setsid */

#endif
