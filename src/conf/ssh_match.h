/* Match criteria of ssh_config(5), one at a time, since exec needs an answer from outside. */
#ifndef CONF_SSH_MATCH_H
#define CONF_SSH_MATCH_H

#include "conf/ssh_load.h"

/* What criteria look at, beside the context of the load. */
struct ssh_match_view {
	const struct ssh_load_ctx *ctx;
	const struct ssh_conf *conf;                        /* so far */
	bool final, canonical;                              /* of this pass */
};

/* One Match line on its way. */
struct ssh_match {
	struct conf_words words;
	size_t at;
	bool result, negated, wants_final, open;
};

enum ssh_match_step { MATCH_DONE, MATCH_EXEC, MATCH_BAD };
bool ssh_match_start(struct ssh_match *, struct slice raw, struct err *) MUST_CHECK;
/* MATCH_EXEC: *command is to be run; give the result to ssh_match_exec and call again. */
enum ssh_match_step ssh_match_next(struct ssh_match *, const struct ssh_match_view *, const char **command, struct err *);
void ssh_match_exec(struct ssh_match *, bool matched);
void ssh_match_clear(struct ssh_match *);
/* The host that Host and Match host see: HostName with %h worked in, or the name as typed. Owned. */
char *ssh_match_host(const struct ssh_match_view *);

#endif
