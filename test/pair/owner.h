/* An owner of both ends of a link: sends bytes of a known pattern on every channel, checks what comes,
 * answers requests. Channels are told apart by a tag in the data of CHANNEL_OPEN, since their numbers
 * may differ between the ends.
 */
#ifndef TEST_PAIR_OWNER_H
#define TEST_PAIR_OWNER_H

#include "test/pair/link.h"

struct flow {
	uint32_t tag;                                       /* both ends know it: numbers may differ */
	bool here, eof, closed, refused, opened, eof_sent;
	uint64_t to_send, sent[2], got[2];                  /* by stream */
	uint64_t unconsumed;
	unsigned requests, replies, ok_replies;
	char last_request[64];
};
enum { FLOWS = 256 };
struct world {
	struct flow flow[2][FLOWS];
	unsigned events[2][EV_OVER + 1];
	uint32_t accept_limit;                              /* channels beyond it are refused */
	bool hold_data, hold_open, hold_replies;            /* the owner does not consume, accept, answer */
	bool any_bytes;                                     /* data is not of the pattern */
	uint64_t wants;                                     /* the server sends as much on each channel it accepts */
	char last_global[64];
	bool last_ok;
};

uint8_t owner_pattern(uint32_t tag, enum chan_stream, enum ssh_role from, uint64_t at);
void owner_event(struct link *, enum ssh_role, struct ssh_event *);   /* link.arg is a struct world */
void owner_push(struct link *, enum ssh_role, uint32_t chan, enum chan_stream);   /* flow.to_send, as far as it goes */
uint32_t owner_open(struct link *, enum ssh_role, const char *type, uint64_t to_send);

#endif
