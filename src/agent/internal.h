/* Inside agent/: the keys, and a request while it is answered. */
#ifndef AGENT_INTERNAL_H
#define AGENT_INTERNAL_H

#include "agent/agent.h"
#include "agent/shield.h"

enum { LOCK_SALT = 16, LOCK_HASH = 32 };

struct entry {
	struct buf blob, comment, dest;
	struct buf plain;                                   /* of a token: the blob of the key itself; blob may be a certificate's */
	struct shielded private;
	char *provider;                                     /* the private key is in a token of this library; NULL: it is here */
	char *sk_provider;                                  /* private is the handle of a security key of this library */
	const char *word;
	uint64_t until;                                     /* UINT64_MAX: for ever */
	bool confirm;
};

struct agent {
	struct shield *shield;
	struct entry *at;
	size_t n;
	uint32_t lifetime;
	bool locked;
	unsigned lock_rounds;
	unsigned wrong;                                     /* passphrases to unlock, in a row */
	uint8_t salt[LOCK_SALT], hash[LOCK_HASH];
};

struct constraints {
	uint64_t until;
	bool confirm, has_lifetime, has_dest, has_certs, certs_only;
	struct slice dest, certs;                           /* certs: list of strings */
	struct slice sk;                                    /* library of a security key; n == 0: none */
};
struct request { struct agent *a; struct agent_conn *c; const struct agent_turn *t; struct slice message; struct buf *reply; };

/* agent.c. Each answers true, or false for AGENT_FAILURE. */
struct entry *agent_find(const struct agent *, struct slice blob);
void agent_drop(struct agent *, size_t i);
bool agent_visible(const struct request *, const struct entry *);
/* Takes the private key of `take`, or refuses and frees it; blob, comment and constraints make the rest. */
bool agent_keep(struct request *, struct entry *take, struct slice blob, struct slice comment, const struct constraints *);
bool agent_get_constraints(struct reader *, const struct request *, bool card, struct constraints *);

/* sk.c */
bool agent_add_sk(struct request *, const struct key *, struct slice blob, struct slice comment, const struct constraints *, enum agent_outcome *);
bool agent_sk_may_sign(const struct request *, const struct key *, const struct agent_sign *);

/* card.c */
bool agent_add_card(struct request *, bool constrained, enum agent_outcome *);
bool agent_remove_card(struct request *, enum agent_outcome *);

#endif
