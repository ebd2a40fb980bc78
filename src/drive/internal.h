/* Inside drive/. */
#ifndef DRIVE_INTERNAL_H
#define DRIVE_INTERNAL_H

#include <sys/uio.h>

#include "drive/drive.h"

enum { ROOMS = 16, SLICES = 64, FILTER_BYTES = 16384, TTY_BYTES = 8192, IDLE_MS = 1000, HOLD_MS = 2 };

struct source { int fd; struct loop_fd *watch; bool open, blocked, last, ending; };   /* ending: over when the filtered bytes are sent */
struct sink {
	int fd;
	struct loop_fd *watch;
	struct buf backlog;
	size_t done;                                        /* bytes of the backlog that are written */
	struct iovec slices[SLICES];                        /* stable slices of the input buffer, not yet written */
	unsigned nslices;
	size_t owed;                                        /* bytes that the window gets back once they are written */
	size_t own;                                         /* of these, our own words, which cost no window */
	int error;                                          /* what broke it */
	bool open, eof;
};
struct endpoint {
	struct drive *drive;
	struct endpoint *next;
	uint32_t chan;
	struct endpoint_setup setup;
	struct source source[2];
	struct sink sink[2];
	struct buf filtered;                                /* went through the filter, not yet through the window; secret */
	bool dirty, waits;                                  /* slices lie there; and their sink takes no more now */
	bool paused, stopped, filtering, flow, flow_said, told_sources, dead, tell_closed;
};
struct drive {
	struct loop *loop;
	struct ssh *ssh;
	int in, out;
	const struct drive_ops *ops;
	void *owner;
	struct loop_fd *in_watch, *out_watch;
	struct loop_defer work;
	struct loop_timer timer, idle, hold;
	uint64_t trimmed_at;                                /* bytes moved until then */
	struct endpoint *endpoints;
	struct iovec none;
	bool held;                                          /* slices wait for their sink: nothing is read over them */
	bool pumping, in_ended, out_blocked, over_told, busy;
};

void drive_sync(struct drive *);                           /* what to wait for, and when to wake */
void endpoint_data(struct endpoint *, const struct ssh_event *);
void endpoint_writable(struct endpoint *);
void endpoint_flush_slices(struct endpoint *);              /* writes them; what is not taken goes to the backlog */
bool endpoint_try_slices(struct endpoint *);               /* writes them; true: some are left where they lie */
void endpoint_free(struct endpoint *);
void endpoint_watch(struct endpoint *);

#endif
