/* Inside core/: the connection layer (RFC 4254). Only mux.c, chan.c, chan_data.c, window.c,
 * requests.c, globals.c and resume.c include this.
 *
 * struct mux knows no transport: every function gets the ssh that carries it at the time, so that
 * it can go on over another one (resume). A channel that is gone stays in its slot until the owner
 * has seen the event that says so, so that its number and arg are not reused under the owner's hands.
 */
#ifndef CORE_MUX_H
#define CORE_MUX_H

#include "core/internal.h"
#include "core/state.h"

enum {
	CHAN_PACKET = 32768,                                /* data in one packet, towards and from anybody */
	CHAN_MAX_DEFAULT = 128,
	REPLIES_MAX = 256,                                  /* requests without a reply, per channel and of the connection, either way */
	CHAN_QUEUE_MAX = 64 * 1024,                         /* bytes of requests that wait for the confirmation */
	STRAY_MAX = 16,                                     /* replies and adjusts that belong to nothing */
	WINDOW_FIRST = 2 * 1024 * 1024, WINDOW_MAX = 64 * 1024 * 1024,
	RTT_UNKNOWN = 0,
	DATA_HEADER = 9, EXTENDED_HEADER = 13,
};

enum chan_stage {
	CHAN_OPENING,       /* we sent CHANNEL_OPEN */
	CHAN_ASKED,         /* the peer did; the owner has not decided */
	CHAN_LIVE,
	CHAN_GONE,          /* only its slot is left */
};
/* Input half: what the peer sends. */
enum in_half { IN_OPEN, IN_EOF, IN_CLOSED };
/* Output half: what we send. */
enum out_half { OUT_OPEN, OUT_STOPPED, OUT_EOF, OUT_CLOSED };   /* STOPPED: the peer said eow@openssh.com */

/* What the peer may still send, and how that grows with path and reader. */
struct window {
	uint32_t size;                                      /* left + delivered and not consumed + consumed */
	uint32_t left;                                      /* the peer may still send */
	uint32_t consumed;                                  /* not given back yet */
	uint32_t want;                                      /* the size to grow to with the next adjust */
	uint64_t epoch_start, epoch_bytes;                  /* consumed since */
	uint64_t edge, edge_at;                             /* bytes_in that only an adjust sent at edge_at allows */
};

/* Replies we owe, in order: one byte each, REPLY_*. */
enum { REPLY_WAITS, REPLY_OK, REPLY_FAIL };

struct chan {
	uint32_t id, peer;
	enum chan_stage stage;
	enum in_half in;
	enum out_half out;
	bool guessed;                                       /* peer number 0 was assumed and messages sent to it */
	bool dropping;                                      /* the endpoint takes no more: data is counted and passed over */
	bool blocked, ready;                                /* chan_space had nothing; in the ready list */
	bool close_wanted;                                  /* before the confirmation */
	bool last_word;                                     /* our CLOSE never follows the peer's by itself */
	void *arg;
	char type[40];
	uint32_t window_out, packet_out;
	struct window win;
	uint64_t bytes_in, bytes_out;
	struct buf owed;                                    /* REPLY_* */
	struct buf sent;                                    /* string ...: names of our requests that want a reply */
	uint32_t sent_count;
	struct buf queue;                                   /* string ...: payloads that wait for the peer's number */
	struct chan *ready_next;
};

struct resume;

struct mux {
	struct chan **slots;
	size_t slot_count, open, gone;                      /* open: without those gone */
	size_t low;                                         /* no free slot below */
	uint64_t granted;                                   /* sizes of the windows of all channels: bounded by window_budget */
	bool peer_opened, we_opened, no_more_sessions;
	struct chan *ready_first, *ready_last;
	unsigned stray;
	/* global requests */
	struct buf owed, sent;
	uint32_t sent_count;
	/* the open set of rooms */
	struct chan *room_chan;
	enum chan_stream room_stream;
	size_t room_count, room_sizes[ROOMS_MAX];
	/* path */
	uint32_t rtt;                                       /* smallest seen, milliseconds + 1; RTT_UNKNOWN */
	uint64_t ping_at, flow;                             /* flow: bytes taken in since the last ping */
	bool ping_out, rtt_asked;                           /* rtt_asked: by something the peer answers at once, so it is the path's */
	struct resume *resume;                              /* NULL: not negotiated */
};

/* mux.c */
struct chan *mux_find(struct ssh *, uint32_t id);           /* for the owner's calls: not those gone; NULL */
struct chan *mux_peer_find(struct ssh *, uint32_t id);      /* for the peer's messages: NULL: it died */
struct chan *mux_add(struct ssh *);                         /* lowest free number; NULL: too many */
void mux_gone(struct ssh *, struct chan *);                 /* the slot is given back when the owner has seen it */
bool mux_enter(struct ssh *, struct slice payload);         /* first thing of every handler: counts for resume, gives slots back */
bool mux_stray(struct ssh *, const char *what);             /* false: one too many, it died */
void mux_ready(struct ssh *, struct chan *);                /* EV_WRITABLE if the owner waits for it and there is window */
bool mux_may_send(const struct ssh *);                      /* data */
/* Every message of the connection layer but data leaves through these. */
void mux_send(struct ssh *, const struct msg_desc *, const void *msg);
void mux_send_raw(struct ssh *, struct slice payload);
/* FIFO of names in a buf of strings. */
struct slice names_pop(struct ssh *, struct buf *, uint32_t *count);   /* an event_copy */

/* chan.c */
void chan_in(struct ssh *, struct chan *, enum in_half);
void chan_out(struct ssh *, struct chan *, enum out_half);
void chan_emit(struct ssh *, struct chan *, const struct msg_desc *, const void *msg);   /* at once, or behind the confirmation */
/* requests.c */
void chan_flush_replies(struct ssh *, struct chan *);
/* window.c */
void window_init(struct window *, uint32_t size);
bool window_take(struct ssh *, struct chan *, size_t n);    /* n bytes came in; false: more than was allowed */
void window_give(struct ssh *, struct chan *, size_t n);    /* n bytes were consumed */
uint32_t window_first(const struct ssh *);
uint32_t packet_in_max(const struct ssh *);
void mux_rtt(struct mux *, uint64_t ms);
void mux_ping_if_due(struct ssh *, size_t n);               /* n more bytes came in */
/* resume.c */
void resume_begin(struct ssh *);                            /* the mux was attached */
void resume_free(struct resume *);

#endif
