/* A client core and a server core joined in memory: no sockets, no clock, no prompts.
 *
 * What one says is handed to the other whole, a byte at a time or in random pieces. Asks are
 * answered by a table of defaults that tests override: the host key signs, the client accepts it
 * and logs in with a password, the server lets "secret" in. Time stands still until a test moves it.
 */
#ifndef TEST_PAIR_H
#define TEST_PAIR_H

#include "core/ssh.h"
#include "key/key.h"

enum pair_feed { FEED_WHOLE, FEED_RANDOM, FEED_BYTE };
enum { PAIR_CLIENT, PAIR_SERVER };

struct pair;
struct pair_setup {
	struct ssh_setup ssh[2];                            /* empty lists get every algorithm that is on by default */
	const char *key_types;                              /* host keys of the server, or types of certificates for them; NULL: "ssh-ed25519" */
	enum pair_feed feed;
	void *arg;
	/* Each of these may be NULL. answer: true where it filled `a`; slices may point into statics. */
	bool (*answer)(struct pair *, int side, const struct ask *, struct answer *a);
	void (*event)(struct pair *, int side, const struct ssh_event *);
	bool (*wire)(struct pair *, int from, uint8_t *p, size_t n);   /* sees and changes bytes on their way; false: they are lost */
};

struct pair_side {
	struct ssh *ssh;
	unsigned kexed, asks, data_events;
	bool authed, over, by_peer, chan_told;
	uint32_t reason, chan;                              /* chan: the last one that was opened or asked for */
	char over_text[600];
	uint64_t bytes_in;                                  /* channel data that came */
	unsigned hostkey_asks, hostsign_asks, opened;
	struct buf log;                                     /* EV_TRACE lines */
};
struct pair {
	struct pair_setup setup;
	struct pair_side side[2];
	struct key *keys[8];
	size_t key_count;
	struct buf blobs[8];
	uint64_t now, random;
	bool hold;                                          /* asks stay open: test answers itself */
	struct buf scratch[8];
	unsigned scratch_next;
};

struct pair *pair_new(const struct pair_setup *);
void pair_free(struct pair *);
/* Until neither side has anything to say. False: it did not end within very many steps. */
bool pair_run(struct pair *) MUST_CHECK;
void pair_events(struct pair *, int side);                  /* takes and handles what one side has to tell */
bool pair_move(struct pair *, int from);                    /* one piece of bytes; false: there was none */
void pair_tick(struct pair *, uint64_t milliseconds);
bool pair_login(struct pair *) MUST_CHECK;                  /* pair_run, and both say they are logged in */
void pair_default_answer(struct pair *, int side, const struct ask *, struct answer *);
bool pair_logged(const struct pair *, int side, const char *text);   /* a trace line holds text */
uint32_t pair_random(struct pair *, uint32_t below);

#endif
