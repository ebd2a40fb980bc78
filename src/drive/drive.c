#include "drive/internal.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/clock.h"

struct ssh *drive_ssh(struct drive *d)
{
	return d->ssh;
}

/* Writes what is ready. False: the descriptor takes nothing more now. */
static bool write_output(struct drive *d)
{
	for (;;) {
		struct slice out = ssh_output(d->ssh);
		if (out.n == 0)
			return true;
		ssize_t n = write(d->out, out.p, out.n);
		if (n > 0) {
			ssh_sent(d->ssh, (size_t)n);
			if ((size_t)n < out.n)
				return false;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return false;
		ssh_ended(d->ssh, n < 0 ? strerror(errno) : "end of file");
		ssh_sent(d->ssh, out.n);
		return true;
	}
}

static struct endpoint *endpoint_of(struct drive *d, uint32_t chan)
{
	for (struct endpoint *e = d->endpoints; e; e = e->next)
		if (e->chan == chan && !e->dead)
			return e;
	return NULL;
}

static void close_endpoint(struct drive *d, struct endpoint *e)
{
	(void)d;
	e->stopped = false;                                 /* nobody is asked for keys any more */
	endpoint_flush_slices(e);
	e->dead = e->tell_closed = true;
	endpoint_watch(e);                                  /* sources rest; sinks get what is left */
}

/* The youngest come first. What lies there for readers that never come, of channels that are gone, must not pile up. */
static void abandon_old(struct drive *d)
{
	enum { DEAD_MAX = 64 };
	unsigned dead = 0;
	for (struct endpoint *e = d->endpoints; e; e = e->next)
		if (e->dead && !endpoint_drained(e) && ++dead > DEAD_MAX)
			endpoint_abandon(e);
}

static void free_dead(struct drive *d)
{
	struct endpoint **at = &d->endpoints;
	abandon_old(d);
	while (*at) {
		struct endpoint *e = *at;
		if (!e->dead || !endpoint_drained(e)) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		if (e->tell_closed && d->ops->closed)
			d->ops->closed(d->owner, e, e->setup.arg);
		endpoint_free(e);
	}
}

static void one_event(struct drive *d, const struct ssh_event *ev)
{
	struct endpoint *e = ev->kind >= EV_OPENED && ev->kind <= EV_CLOSE ? endpoint_of(d, ev->chan) : NULL;
	switch (ev->kind) {
	case EV_DATA:
		if (e)
			endpoint_data(e, ev);
		else
			d->ops->event(d->owner, ev);
		return;
	case EV_WRITABLE:
		if (e) {
			endpoint_writable(e);
			return;
		}
		break;
	case EV_EOF:
		if (e)
			endpoint_eof(e);
		break;
	case EV_CLOSE:
		d->ops->event(d->owner, ev);
		if (e)
			close_endpoint(d, e);
		return;
	default:
		break;
	}
	d->ops->event(d->owner, ev);
}

/* Slices that their sinks did not take may stay where they lie for a moment, in place of a copy: while the reader keeps up,
 * that is all the time he needs. Nothing is read from the socket meanwhile; after HOLD_MS they are copied and reading
 * goes on, so that a reader who rests holds up nobody else. */
static void write_slices(struct drive *d)
{
	bool left = false;
	for (struct endpoint *e = d->endpoints; e; e = e->next)
		if (e->dirty)
			left |= e->waits || endpoint_try_slices(e);
	if (left && !d->held)
		loop_timer_at(&d->hold, loop_now(d->loop) + HOLD_MS);
	if (!left)
		loop_timer_stop(&d->hold);
	d->held = left;
}

static void copy_slices(struct drive *d)
{
	for (struct endpoint *e = d->endpoints; e; e = e->next)
		if (e->dirty)
			endpoint_flush_slices(e);
	loop_timer_stop(&d->hold);
	d->held = false;
}

static void on_hold(void *arg)
{
	copy_slices(arg);
	drive_pump(arg);
}

/* Events until the core wants bytes; then the slices of this turn go out before the buffer is reused. */
static void run_events(struct drive *d)
{
	struct ssh_event ev;
	for (;;) {
		ssh_next(d->ssh, &ev);
		if (ev.kind == EV_NEED_INPUT)
			break;
		bool over = ev.kind == EV_OVER;
		if (over && d->over_told)
			break;
		d->over_told |= over;
		one_event(d, &ev);
		if (over)
			break;
	}
	write_slices(d);
}

/* Nothing happened for a while: buffers that more than a few keystrokes have touched go back to the kernel. */
static void on_idle(void *arg)
{
	enum { TOUCHED = 32 * 1024 };
	struct drive *d = arg;
	uint64_t moved = ssh_bytes(d->ssh, true) + ssh_bytes(d->ssh, false);
	if (d->busy || d->held) {
		d->busy = false;
		loop_timer_at(&d->idle, loop_now(d->loop) + IDLE_MS);
	} else if (moved - d->trimmed_at >= TOUCHED || d->trimmed_at == 0) {
		d->trimmed_at = moved;
		ssh_trim(d->ssh);
		malloc_trim(0);
	}
}

void drive_pump(struct drive *d)
{
	if (d->pumping)
		return;
	d->pumping = d->busy = true;
	if (!d->idle.set)
		loop_timer_at(&d->idle, loop_now(d->loop) + IDLE_MS);
	run_events(d);
	d->out_blocked = !write_output(d);
	run_events(d);                                      /* room in the output may have made channels writable */
	d->pumping = false;
	free_dead(d);
	drive_sync(d);
}

static void read_socket(struct drive *d)
{
	struct room r = ssh_space(d->ssh);
	if (r.n == 0)
		return;
	ssize_t n = read(d->in, r.p, r.n);
	if (n > 0) {
		ssh_filled(d->ssh, (size_t)n, loop_now(d->loop));
	} else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
		d->in_ended = true;
		ssh_ended(d->ssh, n == 0 ? "end of file" : strerror(errno));
	}
}

static void on_in(void *arg, unsigned ready)
{
	struct drive *d = arg;
	(void)ready;
	if (!d->in_ended && !d->held)
		read_socket(d);
	drive_pump(d);
}

static void on_out(void *arg, unsigned ready)
{
	(void)ready;
	drive_pump(arg);
}

static void on_work(void *arg)
{
	drive_pump(arg);
}

static void on_timer(void *arg)
{
	struct drive *d = arg;
	ssh_tick(d->ssh, loop_now(d->loop));
	drive_pump(d);
}

void drive_sync(struct drive *d)
{
	bool reads = !d->in_ended && !d->held && !ssh_is_over(d->ssh) && ssh_space(d->ssh).n > 0;
	unsigned in = reads ? LOOP_READ : 0, out = d->out_blocked ? LOOP_WRITE : 0;
	if (d->in == d->out) {
		loop_fd_want(d->in_watch, in | out);
	} else {
		loop_fd_want(d->in_watch, in);
		loop_fd_want(d->out_watch, out);
	}
	loop_timer_at(&d->timer, ssh_wake(d->ssh));
}

struct drive *drive_new(struct loop *loop, struct ssh *ssh, int in, int out, const struct drive_ops *ops, void *owner)
{
	struct drive *d = mem_new(sizeof *d);
	*d = (struct drive){.loop = loop, .ssh = ssh, .in = in, .out = out, .ops = ops, .owner = owner};
	d->in_watch = loop_fd_add(loop, in, LOOP_READ, on_in, d);
	if (in != out)
		d->out_watch = loop_fd_add(loop, out, 0, on_out, d);
	loop_defer_init(&d->work, loop, on_work, d);
	loop_timer_init(&d->timer, loop, on_timer, d);
	loop_timer_init(&d->idle, loop, on_idle, d);
	loop_timer_init(&d->hold, loop, on_hold, d);
	loop_defer(&d->work);
	return d;
}

void drive_free(struct drive *d)
{
	if (d == NULL)
		return;
	while (d->endpoints) {
		struct endpoint *e = d->endpoints;
		d->endpoints = e->next;
		endpoint_free(e);
	}
	loop_fd_remove(d->in_watch);
	loop_fd_remove(d->out_watch);
	loop_defer_cancel(&d->work);
	loop_timer_stop(&d->timer);
	loop_timer_stop(&d->idle);
	loop_timer_stop(&d->hold);
	mem_free(d);
}

void drive_kick(struct drive *d)
{
	loop_defer(&d->work);
}

bool drive_flushed(struct drive *d)
{
	return ssh_output(d->ssh).n == 0;
}

void drive_flush(struct drive *d, int ms)
{
	uint64_t end = clock_ms() + (uint64_t)ms;
	while (!write_output(d)) {
		uint64_t now = clock_ms();
		struct pollfd p = {.fd = d->out, .events = POLLOUT};
		if (now >= end || poll(&p, 1, (int)(end - now)) < 0)
			return;
	}
}
