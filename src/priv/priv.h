/* Frames between our processes: over a unix stream socket, with descriptors.
 *
 * A frame is u32 length, u16 number, u8 count of descriptors, body. The body is that of a
 * wire/msg.h description, or bytes. Frames keep their order. One limit serves all: PRIV_MAX bytes.
 * A broken frame (over-long, descriptors missing) is the end of the socket: PRIV_BROKEN.
 *
 * Descriptors of a received frame belong to the caller; those of a sent one stay with him.
 */
#ifndef PRIV_PRIV_H
#define PRIV_PRIV_H

#include "base/err.h"
#include "sys/fdpass.h"
#include "wire/msg.h"

enum { PRIV_MAX = 1 << 20 };
enum priv_status { PRIV_FRAME, PRIV_AGAIN, PRIV_CLOSED, PRIV_BROKEN };

struct priv {
	int fd;
	struct buf in, out;                                 /* secret: passwords pass through here */
	struct fdpass_list fds;                             /* arrived, not yet taken by a frame */
	size_t done;                                        /* bytes of `in` that the last frame occupied */
	struct { size_t at; struct fdpass_list fds; } late[4];  /* non-blocking: descriptors that wait for their bytes in `out` */
	size_t nlate;
};
struct frame { uint16_t number; struct slice body; struct fdpass_list fds; };   /* body lives until the next priv_recv */

void priv_init(struct priv *, int take_fd);
void priv_clear(struct priv *);                             /* closes and wipes */

/* Sends at once; what a non-blocking socket does not take waits in `out` (priv_pending, priv_flush). False: the other end is gone. */
bool priv_send(struct priv *, uint16_t number, struct slice body, const int *fds, size_t n) MUST_CHECK;
bool priv_send_msg(struct priv *, uint16_t number, const struct msg_desc *, const void *msg, const int *fds, size_t n) MUST_CHECK;
bool priv_pending(const struct priv *);
bool priv_flush(struct priv *) MUST_CHECK;

/* Next frame. PRIV_AGAIN: a non-blocking socket has no whole frame. */
enum priv_status priv_recv(struct priv *, struct frame *);
bool priv_has_frame(const struct priv *);                   /* one can be taken without waiting */
/* Blocking: waits for a frame of that number; any other ends it. */
bool priv_expect(struct priv *, uint16_t number, struct frame *) MUST_CHECK;
void frame_close(struct frame *);                           /* closes descriptors that nobody took */
/* The first descriptor, taken out; -1: none. */
int frame_take_fd(struct frame *);

/* The rule table of a process that answers: an ask outside its phase ends the connection. */
struct priv_rule {
	uint16_t number;
	const char *name;
	unsigned phases;                                    /* bits: where it may come */
	unsigned next;                                      /* phase after it was answered; 0: stays (the handler may also set it) */
	unsigned most;                                      /* how often in one connection; 0: no limit */
	const struct msg_desc *ask;                         /* NULL: the body is for the handler */
	bool (*on)(void *server, const void *msg, struct frame *);   /* false: end the connection */
};
struct priv_server {
	struct priv *priv;
	const struct priv_rule *rules;
	size_t count;
	unsigned phase;
	unsigned *seen;                                     /* one counter a rule; owned by the caller, zeroed */
	void *server;
};
/* Checks and runs one frame. False: refused (logged) or the handler said so. */
bool priv_serve(struct priv_server *, struct frame *) MUST_CHECK;

#endif
