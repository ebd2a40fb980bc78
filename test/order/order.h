/* Order of messages: one core is brought to a phase by a real peer, then messages are put before it
 * by hand, behind the decryption, and its reaction is looked at.
 */
#ifndef TEST_ORDER_H
#define TEST_ORDER_H

#include "core/state.h"
#include "test/pair/pair.h"

struct order {
	struct pair *pair;
	struct ssh *ssh;                                    /* the core that is looked at */
	int side;
	size_t log_at;                                      /* what it logged before is done with */
};

/* strict: the peer has strict kex. False: the phase was never reached. */
bool order_begin(struct order *, int side, enum phase, bool strict) MUST_CHECK;
/* A peer without strict kex: its KEXINIT, still unencrypted in its output, loses the marker. */
void order_loosen(struct ssh *);
void order_end(struct order *);
void order_put(struct order *, struct slice payload);       /* as if it had come in a packet */
bool order_sent(struct order *, const char *message);       /* it sent such a message since the last order_put */

/* Runs a script (see README in this folder). False: printed what did not hold, with its line. */
bool order_script(const char *path) MUST_CHECK;

#endif
