/* One event loop: descriptors, timers, signals, children, deferred work.
 *
 * Single-threaded; it waits with poll(2): a connection has tens of descriptors and changing what
 * is wanted costs nothing. Callbacks may add and remove anything, themselves included; a removed
 * entry is never called again, not even when its readiness was already known. Level-triggered.
 * Time is CLOCK_MONOTONIC in milliseconds, read once a turn.
 *
 * The loop owns none of the descriptors.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct loop_fd;
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };   /* HANGUP (POLLHUP, POLLERR) is told wherever something is wanted */

struct loop *loop_new(void);
void loop_free(struct loop *);

typedef void loop_fd_fn(void *arg, unsigned ready);
struct loop_fd *loop_fd_add(struct loop *, int fd, unsigned want, loop_fd_fn *, void *arg);
void loop_fd_want(struct loop_fd *, unsigned want);
void loop_fd_remove(struct loop_fd *);                     /* NULL is fine */

typedef void loop_fn(void *arg);
struct loop_timer { struct loop *loop; struct loop_timer *next; uint64_t at; loop_fn *fn; void *arg; bool set; };
void loop_timer_init(struct loop_timer *, struct loop *, loop_fn *, void *arg);
void loop_timer_at(struct loop_timer *, uint64_t at);      /* moves it when it is set already; UINT64_MAX stops it */
void loop_timer_stop(struct loop_timer *);

/* Runs once from the top of the loop, however often it was asked for. */
struct loop_defer { struct loop *loop; struct loop_defer *next; loop_fn *fn; void *arg; bool queued; };
void loop_defer_init(struct loop_defer *, struct loop *, loop_fn *, void *arg);
void loop_defer(struct loop_defer *);
void loop_defer_cancel(struct loop_defer *);

/* One loop a process may take signals: the handler writes a byte to a pipe, fn runs in the loop. */
typedef void loop_signal_fn(void *arg, int signo);
bool loop_signal(struct loop *, int signo, loop_signal_fn *, void *arg);
/* Every SIGCHLD: reaps `pid` and tells its wait(2) status once. */
typedef void loop_child_fn(void *arg, pid_t pid, int status);
bool loop_child(struct loop *, pid_t pid, loop_child_fn *, void *arg);

uint64_t loop_now(const struct loop *);
void loop_run(struct loop *);                              /* until loop_stop, or nothing is left to wait for */
bool loop_turn(struct loop *, int timeout_ms);             /* one wait and its callbacks; -1: as long as it takes; false: nothing to wait for */
void loop_stop(struct loop *);

#endif
