/* %-tokens and ${ENV} in values (TOKENS in ssh_config(5) and sshd_config(5)).
 *
 * The caller lists what each letter stands for; which letters a keyword takes is in its row. %% is
 * always allowed. A value from a peer that goes to a shell is the caller's danger: token_shell_safe().
 */
#ifndef CONF_TOKEN_H
#define CONF_TOKEN_H

#include "base/err.h"
#include "conf/conf.h"

struct token { char letter; const char *value; };          /* value NULL: not available here */
struct token_env { const char *name, *value; };            /* for ${NAME}; ends with name NULL */

/* allowed: letters that may be used, NULL: all of `tokens`. env NULL: ${ is plain text. */
bool token_expand(const char *text, const char *allowed, const struct token *tokens, size_t n,
	const struct token_env *env, struct buf *out, struct err *) MUST_CHECK;
/* With the letters and ENV flag of a row; `key` also names the keyword in errors. Owned string, NULL on error. */
char *conf_expand(const struct conf_key *, const char *text, const struct token *tokens, size_t n,
	const struct token_env *env, struct err *) MUST_CHECK;
/* Names of the variables that ${...} in text asks for, so that a caller can look them up first. */
bool token_env_next(struct slice *text, struct slice *name);
/* No character that a shell or an option parser would take as its own: for user and host names. */
bool token_shell_safe(struct slice);

#endif
