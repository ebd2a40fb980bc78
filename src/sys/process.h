/* Processes: starting, watching, ending, and a clean start of our own.
 *
 * proc_spawn runs a program; proc_fork a child of the same program. Both give the child default
 * signal handling with nothing blocked. A pid is never signalled blindly: proc_kill refuses
 * pid <= 1, and a pidfd names one process for ever.
 */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sys/fd.h"

enum {
	PROC_SETSID = 1,                                        /* new session */
	PROC_TTY = 2,                                           /* descriptor 0 (after placing) becomes the controlling tty; implies PROC_SETSID */
	PROC_DIE_WITH_PARENT = 4,                               /* SIGKILL when the starting process ends */
	PROC_KEEP_FDS = 8,                                      /* do not close what is neither placed nor close-on-exec */
	PROC_NEW_GROUP = 16,                                    /* own process group */
	PROC_SIBLING = 32,                                      /* proc_fork: a child of our own parent, who reaps it */
};

struct proc_spawn {
	const char *path;                                       /* no search in PATH */
	const char *const *argv;                                /* NULL at the end */
	const char *const *envp;                                /* NULL: our own environment */
	const char *cwd;                                        /* NULL: ours */
	const struct fd_map *fds;                               /* everything else above 2 is closed in the child */
	size_t nfds;                                            /* <= 32; 0 to 2 stay as ours where not named */
	unsigned flags;
};

/* The pid, or -1. A program that cannot be started is reported here, with execve's own errno in the text. pidfd may be NULL. */
pid_t proc_spawn(const struct proc_spawn *, int *pidfd, struct err *);
/* 0 in the child, the pid in the parent, -1 on failure. flags: PROC_SETSID, PROC_DIE_WITH_PARENT, PROC_SIBLING. pidfd may be NULL. */
pid_t proc_fork(unsigned flags, int *pidfd, struct err *);

struct proc_exit {
	pid_t pid;
	bool by_signal;
	bool core;
	int code;                                               /* exit status or signal number */
};
enum proc_wait { PROC_ENDED, PROC_RUNNING, PROC_NO_CHILD };

int proc_pidfd(pid_t);                                     /* becomes readable when the process ends; -1 with errno */
bool proc_signal(int pidfd, int sig);
bool proc_kill(pid_t, int sig);
bool proc_kill_group(pid_t, int sig);
enum proc_wait proc_wait(pid_t, bool block, struct proc_exit *out);
enum proc_wait proc_reap(struct proc_exit *out);           /* any child that ended */
/* RFC 4254, 6.10: "TERM" for SIGTERM ...; NULL for one without a name there. */
const char *proc_signal_name(int sig);
int proc_signal_number(struct slice name);                 /* 0: unknown */

/* Of this process itself. */
/* First thing in main: opens 0 to 2, unblocks all signals, resets ignored SIGCHLD, SIGPIPE ... to default, ends inherited alarms
 * and timers, raises no limits. Children inherit none of what a careless parent left behind. */
bool proc_clean_start(struct err *) MUST_CHECK;
void proc_signals_default(void);                           /* all handlers to default, none blocked; async-signal-safe */
bool proc_die_with_parent(pid_t parent);                   /* SIGKILL from the kernel when the parent ends; false: it is gone already */
bool proc_not_dumpable(void);                              /* no core, no ptrace by others, /proc/self belongs to root */
bool proc_no_core(void);                                   /* RLIMIT_CORE 0 */
unsigned proc_raise_nofile(unsigned want);                 /* soft limit up to min(want, hard); returns what holds then */

/* ps shows "title"; keep argc and argv of main. Cut to the room that argv and the environment had. */
void proc_title_init(int argc, char **argv);
void proc_title(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

bool proc_random(void *out, size_t n);                     /* getrandom(2): for back-off and jitter, not for keys */

#endif
