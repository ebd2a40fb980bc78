/* Who is logged in, and who was: utmp, wtmp, btmp (utmp(5)), lastlog(8).
 *
 * A missing file is not made, and a file that may not be written is passed over in silence: hosts
 * without these files are well. Names from a peer are cut to their fields, without escapes.
 */
#ifndef SYS_RECORD_H
#define SYS_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/sock.h"

struct record {
	const char *user;
	uid_t uid;
	const char *line;                                       /* "/dev/pts/3" or "pts/3" */
	const char *host;                                       /* name or address of the peer; "" for none */
	const struct sock_addr *address;                        /* may be NULL */
	pid_t pid;                                              /* of the session */
};
struct record_last { int64_t when; char line[64]; char host[SOCK_NAME_MAX]; };
struct record_files { const char *utmp, *wtmp, *btmp, *lastlog; };   /* NULL: none */

/* For tests and unusual hosts; the strings must stay. NULL: the system's. */
void record_use_files(const struct record_files *);
bool record_last_login(uid_t, struct record_last *out);    /* false: never, or no file; ask before record_login */
void record_login(const struct record *);                  /* utmp, wtmp and lastlog */
void record_logout(const struct record *);                 /* utmp and wtmp; line and pid count */
/* Whatever a process that was killed left in utmp: every line that it logged in is logged out. */
void record_sweep(pid_t);
void record_failure(const char *user, const char *host, const struct sock_addr *, pid_t);   /* btmp; line is "ssh:notty" */

#endif
