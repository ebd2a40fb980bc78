/* Security keys, from a program's side: each call starts ssh-sk-helper (SSH_SK_HELPER names another), which loads the library
 * and ends with its one answer. A token may wait for a touch, so no call has a deadline.
 *
 * Where the token wants its PIN and none was given, or a wrong one, a call fails with ERR_PASSPHRASE.
 */
#ifndef CLIENT_SK_H
#define CLIENT_SK_H

#include <sys/types.h>

#include "key/sk.h"
#include "wire/sk_msg.h"

enum { SK_PIN_MAX = 256 };

/* The library that a configured text means: "$NAME" is taken from the environment. NULL or "none": NULL. */
const char *sk_provider_of(const char *configured);

/* One ask under way. fd becomes readable when the answer is there: for programs that must not wait. */
struct sk_call { pid_t pid; int fd; struct buf answer; };
bool sk_call_sign(struct sk_call *, const struct key *, const char *provider, struct slice pin, struct slice data, struct err *) MUST_CHECK;
/* Waits for what is not there yet. sig as key_sign makes it. Ends the call, whatever it says. */
bool sk_call_signed(struct sk_call *, const struct key *, const struct key_alg *, struct buf *sig, struct err *) MUST_CHECK;
void sk_call_end(struct sk_call *);                        /* gives it up */

/* key_sign for every key: a security key is asked for a touch and, where it wants one, for its PIN. */
struct sk_user {
	const char *provider;                               /* NULL: none */
	const char *name;                                   /* of the key, in the question for a PIN */
	const struct hash_alg *fingerprint;
	bool batch;                                         /* nobody is there to answer */
};
bool sk_sign(const struct key *, const struct key_alg *, const struct sk_user *, struct slice data, struct buf *sig, struct err *) MUST_CHECK;
/* "Confirm user presence for key ED25519-SK SHA256:..." on the terminal, or by askpass until sk_notice_end. */
struct sk_notice { pid_t pid; int fd; bool terminal; };
void sk_notice_begin(struct sk_notice *, const struct key *, const struct hash_alg *, bool batch);
void sk_notice_end(struct sk_notice *, bool confirmed);

/* A new key. *exists: the token holds a resident key of this application and user, and q->flags does not say SK_FORCE.
 * attest gets what PROTOCOL.u2f calls ssh-sk-attest-v01. version and provider of q are filled in here. */
struct key *sk_enroll(struct sk_ask_enroll *q, const char *provider, struct buf *attest, bool *exists, struct err *);
/* The resident keys of a token. */
struct sk_resident { struct key *key; struct buf user; };
bool sk_resident_load(const char *provider, const char *device, struct slice pin, struct sk_resident **list, size_t *n, struct err *) MUST_CHECK;
void sk_resident_free(struct sk_resident *list, size_t n);

#endif
