/* Loading sshd_config: the file is kept as a list of directives with their Match blocks, and resolved for
 * each connection and user (sshd_config(5): the first global value wins, and the first value in a Match block
 * that applies overrides it).
 *
 *   f = sshd_file_new(NULL);
 *   sshd_file_option(f, "Port=2222", &err)                         -o; before the text
 *   sshd_file_text(f, "/etc/ssh/sshd_config", text);
 *   while ((step = sshd_file_next(f, &ask)) != CONF_DONE) ...      as in conf/ssh_load.h, no CONF_EXEC
 *   sshd_conf_resolve(f, NULL, &conf, &err)                        the global values
 *   sshd_conf_resolve(f, &match, &conf, &err)                      for a user
 *   sshd_file_dump(f, &buf)                                        for a child process, which calls
 *   sshd_file_undump(text, NULL, &err)                             and has the same file
 */
#ifndef CONF_SSHD_LOAD_H
#define CONF_SSHD_LOAD_H

#include "conf/sshd_conf.h"

struct sshd_match {                                        /* borrowed; NULL: not known, and such a criterion does not match */
	const char *user;
	bool invalid_user;
	const char *const *groups;                          /* names of the user's groups */
	size_t groups_n;
	const char *host, *addr, *laddr, *rdomain;
	int lport;                                          /* 0: not known */
};

struct sshd_file;
struct sshd_file *sshd_file_new(const struct conf_known *);
void sshd_file_free(struct sshd_file *);
bool sshd_file_option(struct sshd_file *, const char *option, struct err *) MUST_CHECK;
bool sshd_file_port(struct sshd_file *, const char *port, struct err *) MUST_CHECK;   /* -p: Port lines of the file no longer count */
void sshd_file_text(struct sshd_file *, const char *name, struct slice text);
enum conf_step sshd_file_next(struct sshd_file *, struct conf_ask *);
void sshd_file_include(struct sshd_file *, const char *name, struct slice text);
bool sshd_file_failed(const struct sshd_file *);
bool sshd_file_has_match(const struct sshd_file *);        /* are there Match blocks at all */

/* Fills *out (to be cleared by the caller) with global values, Match blocks and defaults. match NULL: no block applies. */
bool sshd_conf_resolve(const struct sshd_file *, const struct sshd_match *, struct sshd_conf *out, struct err *) MUST_CHECK;
/* `user=x,addr=y,invalid-user` of `sshd -T -C`; strings are owned: sshd_match_clear. Unknown words are errors. */
struct sshd_match_spec { char *user, *host, *addr, *laddr, *rdomain; int lport; bool invalid_user; };
bool sshd_match_spec_add(struct sshd_match_spec *, const char *spec, struct err *) MUST_CHECK;
void sshd_match_spec_clear(struct sshd_match_spec *);

void sshd_file_dump(const struct sshd_file *, struct buf *);   /* a valid sshd_config with marks of origin in comments */
struct sshd_file *sshd_file_undump(struct slice text, const struct conf_known *, struct err *);

#endif
