/* The agent's keys and its answers (draft-ietf-sshm-ssh-agent).
 *
 * One struct agent per process, one agent_conn per socket. A message goes in, a reply comes out;
 * time comes in as an argument. Where a human must agree first, agent_handle returns
 * AGENT_CONFIRM and changes nothing: the caller asks and calls again with the same message.
 *
 * Limits: AGENT_KEYS keys, and as much of blobs and comments as fits one answer. A key whose
 * constraints are not all understood is refused. While locked, only unlocking and binding of
 * sessions are done. PKCS#11 tokens and security keys are refused.
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
};
enum agent_outcome { AGENT_ANSWERED, AGENT_CONFIRM };

struct agent *agent_new(uint32_t lifetime);                /* of keys that bring none, in seconds; 0: for ever */
void agent_free(struct agent *);
/* reply: max AGENT_MESSAGE_MAX. */
enum agent_outcome agent_handle(struct agent *, struct agent_conn *, struct slice message, const struct agent_turn *, struct buf *reply);
void agent_conn_clear(struct agent_conn *);
void agent_expire(struct agent *, uint64_t now);
uint64_t agent_next_expiry(const struct agent *);          /* UINT64_MAX: none */
void agent_drop_keys(struct agent *);
size_t agent_count(const struct agent *);
unsigned agent_wrong_unlocks(const struct agent *);        /* in a row: the caller slows guessing down */

#endif
