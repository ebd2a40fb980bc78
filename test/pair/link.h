/* Two ends joined in memory, without a key exchange: for tests of authentication and channels.
 *
 * Both start where keys would be in use (PHASE_SERVICE), in packets without protection, so that a
 * test may look at the bytes and cut them anywhere. An owner function gets every event of both ends.
 */
#ifndef TEST_PAIR_LINK_H
#define TEST_PAIR_LINK_H

#include "core/state.h"

enum link_feed { LINK_WHOLE, LINK_BYTES, LINK_RANDOM };

struct link {
	struct ssh *end[2];                                 /* by enum ssh_role */
	enum link_feed feed;
	uint64_t seed, now, carried[2];                     /* carried: bytes that left end i */
	uint64_t cut_after;                                 /* both ends together; 0: never */
	bool cut, over[2];
	char why[2][256];                                   /* EV_OVER */
	uint32_t reason[2];
	void (*on_event)(struct link *, enum ssh_role, struct ssh_event *);
	void *arg;
};

struct ssh_setup link_setup(enum ssh_role);
void link_make(struct link *, const struct ssh_setup *client, const struct ssh_setup *server, const char *client_ext, const char *server_ext);
void link_clear(struct link *);
void link_login(struct link *);                             /* straight to PHASE_OPEN, past authentication */
bool link_step(struct link *);                              /* events and bytes once each way; false: nothing moved */
void link_run(struct link *);                               /* until nothing moves */
void link_events(struct link *, enum ssh_role);
uint32_t link_random(struct link *, uint32_t below);
/* Puts a payload into the way of what `from` sends, as if it had sent it. */
void link_inject(struct link *, enum ssh_role from, struct slice payload);

#endif
