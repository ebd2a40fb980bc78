/* The agent's keys and its answers (draft-ietf-sshm-ssh-agent).
 *
 * One struct agent per process, one agent_conn per socket. A message goes in, a reply comes out;
 * time comes in as an argument. Where something outside is needed first (a human's yes, a
 * signature or the keys of a PKCS#11 token or a security key), agent_handle says so and changes nothing: the caller
 * does it and calls again with the same message and what came of it.
 *
 * Limits: AGENT_KEYS keys, and as much of blobs and comments as fits one answer. A key whose
 * constraints are not all understood is refused. While locked, only unlocking and binding of
 * sessions are done.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/dest.h"

enum { AGENT_KEYS = 256, AGENT_COMMENT_MAX = 4096 };

struct agent;
struct agent_conn { struct sessions sessions; };           /* zeroed at first */
struct agent_turn {
	uint64_t now;                                       /* seconds of a clock that never goes back */
	int64_t wall;                                       /* seconds since 1970, for host certificates */
	bool confirmed;
	const struct hash_alg *fingerprint;                 /* for prompts */
	struct buf *prompt;                                 /* gets the question, escaped */
	struct err *why;                                    /* gets why a request was refused, for the log */
	const char *websafe;                                /* applications of security keys that may sign anything; NULL: all */
	struct agent_work *work;                            /* gets what is to be done */
	const struct agent_done *done;                      /* what came of it; NULL: nothing was asked for yet */
};
enum agent_outcome {
	AGENT_ANSWERED,
	AGENT_CONFIRM,                                      /* show the prompt; after a yes set `confirmed` */
	AGENT_TOKEN_LOAD,                                   /* work.provider with work.pin: done.provider, keys */
	AGENT_TOKEN_DROP,                                   /* what is work.provider's real path? done.provider */
	AGENT_TOKEN_SIGN,                                   /* work.provider's key work.blob signs: done.signature */
	AGENT_SK_CHECK,                                     /* may work.provider be loaded, and what is its real path? done.provider */
	AGENT_SK_SIGN,                                      /* the security key work.key of work.provider signs: done.signature */
};
/* Slices live as long as the message and the agent's keys do. */
struct agent_work {
	struct slice provider, pin, blob, data;
	const struct key_alg *alg;
	struct key *key;                                    /* with AGENT_SK_SIGN, and then the caller's to free */
};
struct agent_token_key { struct slice blob, label; };
struct agent_done {
	struct slice provider;                              /* its real path, which names it from then on */
	const struct agent_token_key *keys;
	size_t n;
	struct slice signature;                             /* as key_sign makes it */
};

struct agent *agent_new(uint32_t lifetime);                /* of keys that bring none, in seconds; 0: for ever */
void agent_free(struct agent *);
void agent_set_lock_rounds(struct agent *, unsigned rounds);   /* of bcrypt_pbkdf behind lock and unlock; for fuzzers, which want it cheap */
/* reply: max AGENT_MESSAGE_MAX. */
enum agent_outcome agent_handle(struct agent *, struct agent_conn *, struct slice message, const struct agent_turn *, struct buf *reply);
void agent_conn_clear(struct agent_conn *);
void agent_expire(struct agent *, uint64_t now);
uint64_t agent_next_expiry(const struct agent *);          /* UINT64_MAX: none */
void agent_drop_keys(struct agent *);
size_t agent_count(const struct agent *);
bool agent_uses(const struct agent *, struct slice provider);   /* some key is in its tokens */
unsigned agent_wrong_unlocks(const struct agent *);        /* in a row: the caller slows guessing down */

#endif
