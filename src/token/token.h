/* A PKCS#11 library and the keys in its tokens (OASIS PKCS #11 3.0). Only ssh-pkcs11-helper loads
 * such libraries: whatever their code does, it does there.
 *
 * token_open loads the library, opens a session with each token and lists the public keys: public
 * key objects and X.509 certificates of RSA, EC (the NIST curves) and Ed25519 keys. With a PIN it
 * logs in first, so that keys that only a logged-in user sees are there too.
 */
#ifndef TOKEN_TOKEN_H
#define TOKEN_TOKEN_H

#include "key/key.h"

struct token;
struct token_key { struct key *public; struct buf blob, id; char *label; size_t slot; };
enum token_result { TOKEN_SIGNED, TOKEN_WANTS_PIN, TOKEN_REFUSED };

struct token *token_open(const char *path, struct slice pin, struct err *);
void token_close(struct token *);
const struct token_key *token_keys(const struct token *, size_t *n);
/* sig as key_sign makes it; it was verified. A PIN is only tried where one is wanted. */
enum token_result token_sign(struct token *, const struct token_key *, const struct key_alg *, struct slice data, struct slice pin, struct buf *sig, struct err *);
const char *token_label(const struct token *, const struct token_key *);   /* of the token that holds the key, escaped */

/* helper.c: ssh-pkcs11-helper on standard input and output (wire/token_msg.h); the exit status. */
int token_helper_main(void);

#endif
