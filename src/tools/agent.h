/* ssh-agent: a daemon that keeps keys and signs with them (src/agent does the thinking).
 *
 * agent_serve runs until a signal, or until the process that it was started for ends.
 */
#ifndef TOOLS_AGENT_H
#define TOOLS_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "crypto/hash.h"

struct agent_socket { char *path, *dir; int fd; };         /* dir: ours to remove, or NULL; path NULL: not ours (socket activation) */
struct agent_service {
	struct agent_socket socket;
	uint32_t lifetime;
	const char *providers;                              /* patterns of libraries that may be loaded */
	const char *websafe;                                /* applications of security keys that may sign anything; NULL: all */
	bool allow_remote;                                  /* also for clients of a forwarded agent */
	const struct hash_alg *fingerprint;
	int parent_fd;                                      /* a pidfd: ends with that process; -1: with nobody */
	bool stop_on_int;
	void (*ready)(void *arg);                           /* called once, when signals are taken and the socket is served */
	void *ready_arg;
};

int agent_main(int argc, char **argv);

/* agent_socket.c */
bool agent_socket_at(struct agent_socket *, const char *path, struct err *) MUST_CHECK;
bool agent_socket_home(struct agent_socket *, struct err *) MUST_CHECK;   /* ~/.ssh/agent/s.HOST.agent.RANDOM */
bool agent_socket_temp(struct agent_socket *, struct err *) MUST_CHECK;   /* $TMPDIR/ssh-XXXXXXXXXX/agent.PID */
bool agent_socket_given(struct agent_socket *);            /* LISTEN_PID, LISTEN_FDS: sd_listen_fds(3) */
void agent_socket_remove(struct agent_socket *);
/* Sockets of agents that are gone, of this host only unless any_host. */
bool agent_socket_sweep(bool any_host, struct err *) MUST_CHECK;

/* agent_serve.c */
int agent_serve(struct agent_service *);

#endif
