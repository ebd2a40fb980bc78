/* What programs and ssh-pkcs11-helper say to each other: keys in PKCS#11 tokens.
 *
 * On a stream, each message behind a uint32 length of at most TOKEN_FRAME_MAX. The helper begins
 * with HELLO; then each ask has one answer, in turn. One helper serves one library: the first ask
 * is OPEN, answered with KEYS or FAILED; then SIGN is answered with SIGNATURE, PIN_WANTED or
 * FAILED. After PIN_WANTED the same SIGN may come again with the PIN. The end of the stream
 * closes the library. Another version than ours in HELLO is a helper of another installation.
 */
#ifndef WIRE_TOKEN_MSG_H
#define WIRE_TOKEN_MSG_H

#include "wire/msg.h"

enum { TOKEN_VERSION = 1, TOKEN_FRAME_MAX = 256 << 10, TOKEN_KEYS_MAX = 256, TOKEN_PIN_MAX = 256 };
enum token_number { TOKEN_HELLO = 1, TOKEN_OPEN, TOKEN_KEYS, TOKEN_SIGN, TOKEN_SIGNATURE, TOKEN_PIN_WANTED, TOKEN_FAILED };

struct token_hello { uint32_t version; };
struct token_open { struct slice provider, pin; };         /* empty pin: no login, public keys only */
struct token_keys { uint32_t count; struct slice keys; };  /* each: string blob, string label */
struct token_sign { struct slice blob, algorithm, data, pin; };   /* algorithm: a name of key_alg_find */
struct token_signature { struct slice signature; };        /* as key_sign makes it, and right */
struct token_pin_wanted { struct slice label; };           /* of the token */
struct token_failed { struct slice text; };

const struct msg_desc *token_msg_row(uint8_t number);      /* NULL: none of these */

#endif
