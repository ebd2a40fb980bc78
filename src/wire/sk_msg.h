/* What passes between a program and ssh-sk-helper, which alone loads the library of a security key: one ask and one answer
 * over a socket, each as a frame: uint32 length, byte number, body. The first field of every ask is the version; a helper of
 * another version answers SK_FAILED. Not OpenSSH's protocol of the same place, so the two cannot be mixed by accident.
 */
#ifndef WIRE_SK_MSG_H
#define WIRE_SK_MSG_H

#include "wire/msg.h"

enum { SK_VERSION = 1, SK_FRAME_MAX = 1 << 20 };
enum sk_number { SK_ENROLL = 1, SK_SIGN = 2, SK_LIST = 3, SK_FAILED = 64, SK_ENROLLED = 65, SK_SIGNED = 66, SK_KEYS = 67 };
enum sk_alg { SK_ECDSA = 0, SK_ED25519 = 1 };             /* the numbers of sk-api.h */
enum sk_failure { SK_ERR_GENERAL = 1, SK_ERR_UNSUPPORTED, SK_ERR_PIN, SK_ERR_NO_DEVICE, SK_ERR_EXISTS };

/* provider: path of a library, or "internal". device, user, pin: empty where not given. */
struct sk_ask_enroll { uint32_t version; struct slice provider; uint32_t alg; struct slice challenge, application, device, user; uint8_t flags; struct slice pin; };
struct sk_ask_sign { uint32_t version; struct slice provider; uint32_t alg; struct slice data, application, handle; uint8_t flags; struct slice pin; };
struct sk_ask_resident { uint32_t version; struct slice provider, device, pin; };

struct sk_failed { uint32_t code; struct slice text; };
/* public: 32 bytes (Ed25519) or the uncompressed point. signature and what follows: attestation, where there is one. */
struct sk_enrolled { uint32_t alg; struct slice public, application, handle; uint8_t flags; struct slice user, signature, cert, authdata; };
struct sk_signed { uint8_t flags; uint32_t counter; struct slice body; };   /* body: that of the plain key's signature */
struct sk_keys { struct slice keys; };                     /* strings, each the body of a struct sk_enrolled */

const struct msg_desc *sk_msg_row(uint8_t number);         /* NULL: no such message */
extern const struct msg_desc *const sk_enrolled_row;

#endif
