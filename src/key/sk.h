/* Keys that live in a security key (PROTOCOL.u2f of OpenSSH; FIDO, "Client to Authenticator Protocol", 2.1; W3C Web
 * Authentication, level 2).
 *
 * The public blob is that of the plain key with the application behind it. The private half is what the token needs to
 * find its secret: flags and a key handle. Such a key signs only through the token (ssh-sk-helper); this file verifies.
 * The token signs SHA256(application), flags, counter, extensions, SHA256(message); of a webauthn signature the
 * message is the browser's clientData, which must begin with our challenge and the origin that the signature names.
 */
#ifndef KEY_SK_H
#define KEY_SK_H

#include "key/key.h"

/* Bits of sk_part.flags: what the token must be asked for. SK_TOUCHED, SK_VERIFIED and the rest stand in a signature. */
enum { SK_TOUCH_REQUIRED = 0x01, SK_VERIFY_REQUIRED = 0x04, SK_FORCE = 0x10, SK_RESIDENT = 0x20 };
enum { SK_TOUCHED = 0x01, SK_VERIFIED = 0x04, SK_ATTESTED = 0x40, SK_EXTENDED = 0x80 };
enum { SK_PART_MAX = 16 << 10 };

struct sk_part {
	struct slice application;                           /* "ssh:" ...; no NUL inside */
	struct slice handle;                                /* empty: only the public half is here */
	struct slice reserved;
	uint8_t flags;
};
/* pk: Ed25519 or P-256, public, owned from here on; NULL stays NULL. The part is copied. */
struct key *key_take_sk(struct pk *, const struct sk_part *);
const struct sk_part *key_sk(const struct key *);           /* NULL: not of a security key. Lives as long as the key */

/* "type, numbers, application" are read and written by key.h. The rest of the private half: flags, handle, reserved. */
void sk_put_private(const struct sk_part *, struct buf *);
bool sk_get_private(struct reader *, struct sk_part *);      /* false: malformed, or without a handle */

/* What the token signs. */
void sk_put_signed(struct buf *, struct slice application, uint8_t flags, uint32_t counter, struct slice extensions, struct slice message_hash);
/* The signature as SSH carries it, from what the token said: body is that of the plain key (crypto/pk.h). */
void sk_put_signature(struct buf *, const struct key_alg *, struct slice body, uint8_t flags, uint32_t counter);

/* For key.c: reads what stands behind the body up to the signature's end and judges. */
enum verdict sk_verify(const struct key *, const struct key_alg *, struct slice data, struct slice body, struct reader *rest,
	struct sk_flags *) MUST_CHECK;

#endif
