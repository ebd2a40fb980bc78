/* sshd: binds, accepts, hands connections on. Reads no byte of a peer. */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "server/options.h"

struct listener_setup {
	const struct sshd_options *options;
	const struct sshd_file *file;
	const struct sshd_conf *conf;
	const char *helpers;                                /* folder of sshd-session and its kin */
	char **argv;                                        /* for SIGHUP */
	const char *folder;                                 /* where we were started: names on the command line are meant there */
	const char *self;                                   /* absolute path of our own program */
};

/* Serves until told to stop. Returns the exit code. */
int listener_run(const struct listener_setup *);

/* listen.c */
struct listen_socket { int fd; };
/* Opens what ListenAddress and Port say; what fails is logged. 0: nothing could be bound. */
size_t listen_all(const struct sshd_conf *, struct listen_socket **out);

#endif
