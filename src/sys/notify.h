/* Telling systemd how we are (sd_notify(3)), by one datagram; and its sockets (sd_listen_fds(3)).
 *
 * Nothing happens where NOTIFY_SOCKET is not set. Failures are of no consequence and not reported.
 */
#ifndef SYS_NOTIFY_H
#define SYS_NOTIFY_H

#include <stdbool.h>
#include <sys/types.h>

bool notify_ready(void);                                   /* true: somebody was told */
bool notify_reloading(void);                               /* with MONOTONIC_USEC, as Type=notify-reload wants */
bool notify_stopping(void);
bool notify_main_pid(pid_t);
/* Descriptors 3 to 3+n-1 that a service manager left for this process; 0: none. Takes the variables out of the environment. */
int notify_listen_fds(void);
void notify_forget(void);                                  /* takes NOTIFY_SOCKET out of the environment: before children start */

#endif
