/* ssh-add: puts keys into the agent, shows them and takes them out again. */
#ifndef TOOLS_ADD_H
#define TOOLS_ADD_H

#include "drive/agentio.h"
#include "crypto/hash.h"

enum { ADD_OK = 0, ADD_FAILED = 1, ADD_NO_AGENT = 2 };

struct add {
	const char *program;
	struct agentio agent;
	const struct hash_alg *fingerprint;
	const char *sk_provider;                            /* library for security keys */
	uint32_t lifetime;                                  /* seconds; 0: for ever */
	bool confirm, remove, quiet, plain_only, certs_only, keep_expired;
	char **known_hosts, **destinations;                 /* -H, -h: as given */
	size_t known_n, dest_n;
	struct buf dest;                                    /* what -h came to (agent/dest.h) */
	struct buf last_pass;                               /* the passphrase before is tried first */
};

int add_main(int argc, char **argv);

/* add_dest.c: fills dest from destinations. */
bool add_destinations(struct add *, struct err *) MUST_CHECK;

/* add_card.c. certs: paths, ended with NULL. */
int add_card(struct add *, const char *provider, char **certs);
int add_remove_card(struct add *, const char *provider);

/* add_keys.c */
int add_files(struct add *, char **paths);                 /* paths end with NULL; none: the default files */
int add_list(struct add *, bool whole);
int add_resident(struct add *);                             /* the keys that a security key keeps */
int add_test(struct add *, char **paths);
int add_fail(const struct add *, const struct err *);

#endif
