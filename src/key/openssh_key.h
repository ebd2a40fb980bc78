/* The container "openssh-key-v1" (PROTOCOL.key of OpenSSH), armoured as OPENSSH PRIVATE KEY.
 *
 *   "openssh-key-v1\0", string cipher, string kdf, string kdf options, uint32 number of keys (1),
 *   string public blob, string private section, tag of an AEAD cipher
 *
 * The private section holds two equal check words, the key's private parts, its comment, and
 * padding 1 2 3 ... to the cipher's block. kdf options of "bcrypt": string salt, uint32 rounds.
 * For callers see key/keyfile.h.
 */
#ifndef KEY_OPENSSH_KEY_H
#define KEY_OPENSSH_KEY_H

#include "key/keyfile.h"

struct key *openssh_key_read(struct slice text, struct slice pass, struct buf *comment, struct err *);
struct key *openssh_key_read_public(struct slice text, struct err *);   /* what the outer part says; not proven */
bool openssh_key_write(const struct key *, const struct keyfile_style *, struct buf *out, struct err *) MUST_CHECK;

/* A key's private parts as they stand in the container and in agent messages: type, numbers; without comment. */
void key_put_private(const struct key *, struct buf *);
struct key *key_get_private(struct reader *, struct err *);  /* the private part must fit the public one */

#endif
