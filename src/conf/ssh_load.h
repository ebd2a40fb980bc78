/* Loading ssh_config: command line, user's file, system's file; the first value wins (ssh_config(5)).
 *
 *   l = ssh_load_new(&ctx, NULL);
 *   ssh_load_option(l, "Port=2222", &err) ...                      -o and flags, applied at once
 *   ssh_load_text(l, "/home/u/.ssh/config", text, true);           then run to CONF_DONE:
 *   while ((step = ssh_load_next(l, &ask)) != CONF_DONE)
 *       CONF_INCLUDE: ssh_load_include(l, name, text) for each file that ask.text matches
 *       CONF_EXEC:    ssh_load_exec(l, result)
 *       CONF_ERROR, CONF_WARN: print ask.text
 *   ssh_load_text(l, "/etc/ssh/ssh_config", text, false); ...      the next file likewise
 *   if (ssh_load_wants_final(l)) ssh_load_second(l, ...);          and both files again
 *   ssh_load_finish(l, &conf);
 *
 * Texts are copied. ctx is borrowed until ssh_load_free.
 */
#ifndef CONF_SSH_LOAD_H
#define CONF_SSH_LOAD_H

#include "base/addr.h"
#include "conf/ssh_conf.h"

struct ssh_load_ctx {
	const char *host;                                   /* as the user typed it */
	const char *command;                                /* remote command; NULL or "": none */
	const char *session_type;                           /* "shell", "exec", "subsystem", "none" */
	const char *local_user;
	const char *version;                                /* for Match version: SSH_RELEASE */
	const struct addr *local;                           /* addresses of our interfaces, for Match localnetwork */
	size_t local_n;
};

struct ssh_load;
struct ssh_load *ssh_load_new(const struct ssh_load_ctx *, const struct conf_known *);   /* known may be NULL */
void ssh_load_free(struct ssh_load *);
bool ssh_load_option(struct ssh_load *, const char *option, struct err *) MUST_CHECK;   /* "Key=value" or "Key value" */
void ssh_load_text(struct ssh_load *, const char *name, struct slice text, bool user);
enum conf_step ssh_load_next(struct ssh_load *, struct conf_ask *);
void ssh_load_include(struct ssh_load *, const char *name, struct slice text);
void ssh_load_exec(struct ssh_load *, bool matched);
bool ssh_load_failed(const struct ssh_load *);             /* some line was an error */
bool ssh_load_wants_final(const struct ssh_load *);        /* Match final was seen */
/* Second pass: `host` is the name after canonicalisation (or as before), canonical says whether it was done. */
void ssh_load_second(struct ssh_load *, const char *host, bool canonical);
char *ssh_load_host(const struct ssh_load *);              /* with HostName as it stands; owned */
struct ssh_conf *ssh_load_conf(struct ssh_load *);         /* what is known so far, without defaults; borrowed */
void ssh_load_finish(struct ssh_load *, struct ssh_conf *out);   /* moves it out, with defaults */

#endif
