/* The ssh client: one connection, one session, answers to the core's asks.
 *
 * struct client is what the parts of this folder share. config fills conf, connect makes the
 * descriptors, hostkey and login answer asks, session runs the channel, escape reads the keys of
 * the user. Everything that comes from the server passes put_text before a screen sees it.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <sys/types.h>

#include "base/err.h"
#include "client/options.h"
#include "conf/ssh_conf.h"
#include "drive/drive.h"
#include "sys/sock.h"

struct login;
struct session;
struct update;

struct client {
	struct ssh_conf conf;
	const char *typed;                                  /* host as the user wrote it */
	char *host;                                         /* after Hostname */
	char *user, *local_user, *home;
	unsigned port;
	bool tty;                                           /* ask for a pty */
	char *command;                                      /* NULL: a shell */
	struct loop *loop;
	struct ssh *ssh;
	struct drive *drive;
	int in, out;
	pid_t proxy;                                        /* ProxyCommand, 0: none */
	struct sock_addr peer;                              /* len 0 where a proxy connects */
	struct login *login;
	struct session *session;
	struct update *update;                              /* UpdateHostKeys */
	struct loop_timer deadline;                         /* ConnectTimeout */
	bool no_guess, logged_in, retry, over, kexed;
	bool host_is_known;                                 /* known_hosts has some key for the host (hostkey_order) */
	struct buf host_blob;                               /* the host key that was accepted */
	uint64_t began;                                     /* of the connection, in the loop's time */
	int status;                                         /* exit status of the program; -1: not known yet */
	char over_text[600];
};

/* config.c */
bool config_load(struct client *, const struct ssh_options *, struct err *) MUST_CHECK;
bool config_expand(struct client *, struct err *) MUST_CHECK;   /* tokens, ~ and ${} of paths; user and host checked */
char *config_path(struct client *, const char *keyword, const char *value, struct err *);   /* owned; NULL: error */
struct token;
/* With further tokens; owned, NULL: error. */
char *config_expand_with(struct client *, const char *keyword, const char *value, const struct token *, size_t n, struct err *);

bool config_permits(const struct client *, struct err *) MUST_CHECK;   /* nothing in the configuration forbids to connect */
void config_show(struct client *, struct buf *);           /* as `ssh -G`, with what user, host and ~ came to */
void config_local_command(struct client *);                /* LocalCommand, where it is permitted */

/* connect.c: fills in, out, peer, proxy. */
bool connect_to(struct client *, struct err *) MUST_CHECK;
void connect_interleave(struct sock_list *);               /* families take turns (RFC 8305, 4) */

/* hostkey.c */
bool hostkey_order(struct client *, struct buf *names, struct err *) MUST_CHECK;   /* HostKeyAlgorithms with what known_hosts can vouch for in front */
void hostkey_answer(struct client *, const struct ask_hostkey *, struct answer *);

/* login.c */
struct login *login_new(struct client *);
void login_free(struct login *);
void login_accepted(struct login *);                        /* the server took what was given last */
/* Answers; slices of the answer live until the next call. */
void login_answer(struct login *, const struct ask *, struct answer *);

/* run.c */
int client_run(struct client *);                           /* exit code of ssh */
void client_over(struct client *, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
