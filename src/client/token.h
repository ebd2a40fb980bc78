/* Keys in PKCS#11 tokens, from a program's side: one ssh-pkcs11-helper a library (SSH_PKCS11_HELPER names another program).
 *
 * Each ask has one answer. token_poll says whether it is there, so that a program with other
 * clients need not wait; a PIN may be wanted by a key pad, so waiting has no deadline.
 */
#ifndef CLIENT_TOKEN_H
#define CLIENT_TOKEN_H

#include <sys/types.h>

#include "key/key.h"
#include "wire/token_msg.h"

struct token_link { pid_t pid; int fd, pidfd; struct buf in; size_t done; bool greeted; char *provider; };
struct token_item { struct slice blob, label; };           /* live until the next ask */

/* Starts the helper and asks it to open the library; pin empty: public keys only. */
bool token_begin(struct token_link *, const char *provider, struct slice pin, struct err *) MUST_CHECK;
bool token_ask(struct token_link *, const struct token_sign *, struct err *) MUST_CHECK;
enum token_state { TOKEN_MORE, TOKEN_READY, TOKEN_GONE };
enum token_state token_poll(struct token_link *, bool wait);
void token_end(struct token_link *);                       /* closes the library; what is not closed after 2 seconds is killed */

/* After TOKEN_READY or TOKEN_GONE. */
bool token_take_keys(struct token_link *, struct token_item **items, size_t *n, struct err *) MUST_CHECK;   /* items: owned list */
/* 1: sig is there; 0: the PIN of the token *label (borrowed) is wanted; -1: err. */
int token_take_signature(struct token_link *, struct buf *sig, struct slice *label, struct err *);

/* token_begin and token_ask with their answers; token_make_signature asks for the PIN where one is wanted and `batch` is not set. */
bool token_load(struct token_link *, const char *provider, struct slice pin, struct token_item **items, size_t *n, struct err *) MUST_CHECK;
bool token_make_signature(struct token_link *, struct slice blob, const struct key_alg *, struct slice data, bool batch, struct buf *sig, struct err *) MUST_CHECK;

#endif
