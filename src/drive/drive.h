/* One connection in the event loop: socket <-> struct ssh <-> endpoints.
 *
 * The drive moves bytes and nothing else: it knows no policy. Both the jailed network process of
 * the server and the client use it. Events that are not about bytes of an attached channel go to
 * the owner, who may answer at once or later and then calls drive_kick.
 *
 * An endpoint joins descriptors to a channel: two sources (read, sent as STREAM_OUT and
 * STREAM_ERR) and two sinks (written with what arrives). It owns its descriptors unless told
 * otherwise. Bytes go straight between descriptor and packet (readv into chan_space, writev from
 * slices of EV_DATA); what a sink does not take waits where it lies for up to 2 ms, during which
 * nothing is read from the peer, then in a backlog that the window bounds. Buffers go back to the
 * kernel when nothing happens for a second.
 *
 * `in` and `out` are one socket or two pipes. The drive does not own them.
 */
#ifndef DRIVE_DRIVE_H
#define DRIVE_DRIVE_H

#include "core/ssh.h"
#include "loop/loop.h"

struct drive;
struct endpoint;

struct drive_ops {
	void (*event)(void *owner, const struct ssh_event *);      /* everything but NEED_INPUT and data, EOF, WRITABLE of endpoints */
	/* An endpoint's channel is gone (EV_CLOSE) and its sinks took everything; it is freed right after this call. */
	void (*closed)(void *owner, struct endpoint *, void *arg);
	/* All sources have ended (what was read is on its way; EOF is sent unless hold_eof), or a sink broke. */
	void (*ended)(void *owner, struct endpoint *, void *arg, bool sink);
	/* The far side of an endpoint's pty began or ceased to take ^S and ^Q for flow control (xon-xoff, RFC 4254, 6.8). May be NULL. */
	void (*flow)(void *owner, struct endpoint *, void *arg, bool on);
};

struct drive *drive_new(struct loop *, struct ssh *, int in, int out, const struct drive_ops *, void *owner);
void drive_free(struct drive *);                           /* endpoints too; not the ssh, not in and out */
struct ssh *drive_ssh(struct drive *);
void drive_kick(struct drive *);                           /* something was answered or queued: go on, soon */
void drive_pump(struct drive *);                           /* the same, now; not from inside an event */
/* Tries to write everything that is queued, for at most ms milliseconds: last words before an exit. */
void drive_flush(struct drive *, int ms);
bool drive_flushed(struct drive *);

struct endpoint_setup {
	int source[2];                                      /* -1: none. [STREAM_OUT], [STREAM_ERR] */
	int sink[2];
	bool borrowed;                                      /* descriptors are not closed by the endpoint */
	bool tty;                                           /* a pty master (sys/pty.h): EIO is its end; one descriptor serves both ways */
	bool blocking[2];                                   /* a sink that may block (a terminal shared with others) gets small pieces, and only when it is writable */
	bool hold_eof;                                      /* the owner sends EOF himself */
	/* Bytes of source[STREAM_OUT] pass through here (escapes of the client): puts what is to be sent into out. */
	void (*filter)(void *owner, void *arg, struct slice in, struct buf *out);
	void *arg;
};
struct endpoint *endpoint_attach(struct drive *, uint32_t chan, const struct endpoint_setup *);
void endpoint_detach(struct endpoint *);                   /* forgets the channel without closing it; NULL is fine */
void endpoint_abandon(struct endpoint *);                  /* the same, and what its sinks have not taken is lost; NULL is fine */
uint32_t endpoint_chan(const struct endpoint *);
void *endpoint_arg(const struct endpoint *);
void endpoint_pause(struct endpoint *, bool);              /* sources are not read (terminal handed to a prompt) */
void endpoint_hold(struct endpoint *, bool);               /* sinks take nothing (^S); what arrives waits, bounded by the window. Ends with the channel */
void endpoint_end_source(struct endpoint *, enum chan_stream);   /* stops reading it, as if it had ended */
/* Nothing that matters is written to it any more: what lies there is read, then it has ended, whoever still holds its other end. */
void endpoint_last_of_source(struct endpoint *, enum chan_stream);
bool endpoint_sources_ended(const struct endpoint *);
bool endpoint_drained(const struct endpoint *);            /* no sink has a backlog */
void endpoint_eof(struct endpoint *);                       /* as if the peer's EOF had arrived */
bool endpoint_send(struct endpoint *, struct slice);       /* as if read from the source; false: no room, try later */
void endpoint_say(struct endpoint *, enum chan_stream, struct slice);   /* as if it had arrived, without window */
int endpoint_sink_error(const struct endpoint *, enum chan_stream);   /* errno of the write that broke it; 0: none did */
int endpoint_sink_fd(const struct endpoint *, enum chan_stream);

#endif
