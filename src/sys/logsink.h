/* Where log lines go: stderr, syslog, a file. Sinks for base/log.h.
 *
 * (Not syslog.h: the C library has a <sys/syslog.h>, and src/ is in the include path.)
 *
 * Lines look as OpenSSH's do: "debug1: " and its kind before debug lines; "error: " and "fatal: "
 * before those levels in syslog only. On stderr and in a file (-E) a line ends in CR LF.
 */
#ifndef SYS_LOGSINK_H
#define SYS_LOGSINK_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"

/* Facility: a name of SyslogFacility, any case; -1: unknown. */
int logsink_facility(const char *name);
/* Level: a name of LogLevel, any case. */
bool logsink_level(const char *name, enum log_level *out);
const char *logsink_level_name(enum log_level);

/* Each sets the sink of base/log.h for this process, until the next. */
void logsink_use_stderr(enum log_level, const char *prefix);       /* prefix: "sshd: " or NULL */
void logsink_use_syslog(enum log_level, const char *tag, int facility);   /* tag[pid]; connected at once, so that a chroot does no harm */
bool logsink_use_file(enum log_level, const char *path, struct err *);    /* -E: appended, made with 0600 */
void logsink_use_fd(enum log_level, int fd);                       /* an open file: of the parent, say */

#endif
