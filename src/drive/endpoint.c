#include "drive/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"

enum { BACKLOG_MAX = 1 << 30 };                            /* the window is the real bound */

static void close_fd(struct endpoint *e, int *fd)
{
	if (*fd < 0)
		return;
	int gone = *fd;
	*fd = -1;
	if (e->setup.borrowed)
		return;
	for (int i = 0; i < 2; i++)
		if (e->source[i].fd == gone || e->sink[i].fd == gone)
			return;                             /* the other direction still uses it */
	close(gone);
}

static void close_source(struct endpoint *e, int i)
{
	struct source *s = &e->source[i];
	loop_fd_remove(s->watch);
	s->watch = NULL;
	s->open = false;
	close_fd(e, &s->fd);
}

static void close_sink(struct endpoint *e, int i)
{
	struct sink *s = &e->sink[i];
	loop_fd_remove(s->watch);
	s->watch = NULL;
	s->open = false;
	s->nslices = 0;
	buf_clear(&s->backlog);
	s->done = 0;
	if (s->fd >= 0 && !e->setup.borrowed && !e->setup.tty)
		shutdown(s->fd, SHUT_WR);                   /* a socket whose other direction lives on; a pipe says ENOTSOCK */
	close_fd(e, &s->fd);
}

static void give_back(struct endpoint *e, struct sink *s)
{
	size_t own = s->own < s->owed ? s->own : s->owed;
	s->own -= own;
	s->owed -= own;
	if (s->owed == 0 || e->dead)
		return;
	chan_consumed(e->drive->ssh, e->chan, s->owed);
	s->owed = 0;
	drive_kick(e->drive);
}

static void break_sink(struct endpoint *e, int i)
{
	struct sink *s = &e->sink[i];
	s->error = errno;
	s->owed += s->backlog.len - s->done;
	for (unsigned k = 0; k < s->nslices; k++)
		s->owed += s->slices[k].iov_len;
	close_sink(e, i);
	give_back(e, s);
	if (e->drive->ops->ended)
		e->drive->ops->ended(e->drive->owner, e, e->setup.arg, true);
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* How much the sink may be given in one call; 0: it would block. */
static size_t sink_takes(const struct endpoint *e, int i)
{
	struct pollfd p = {.fd = e->sink[i].fd, .events = POLLOUT};
	if (e->stopped)
		return 0;
	if (!e->setup.blocking[i])
		return SIZE_MAX;
	return poll(&p, 1, 0) > 0 ? TTY_BYTES : 0;
}

static void flush_backlog(struct endpoint *e, int i)
{
	struct sink *s = &e->sink[i];
	while (s->open && s->done < s->backlog.len) {
		size_t left = s->backlog.len - s->done, most = sink_takes(e, i);
		if (most == 0)
			return;
		ssize_t n = write(s->fd, s->backlog.p + s->done, left < most ? left : most);
		if (n < 0) {
			if (!would_block())
				break_sink(e, i);
			return;
		}
		s->done += (size_t)n;
		s->owed += (size_t)n;
		if (e->setup.blocking[i] && s->done < s->backlog.len)
			return;                             /* keys come first */
	}
	buf_reset(&s->backlog);
	if (s->backlog.cap > 65536)
		buf_clear(&s->backlog);
	s->done = 0;
	if (s->eof && s->open)
		close_sink(e, i);
}

static void keep_rest(struct sink *s)
{
	for (unsigned k = 0; k < s->nslices; k++)
		put_bytes(&s->backlog, slice_of(s->slices[k].iov_base, s->slices[k].iov_len));
	s->nslices = 0;
}

static void drop_written(struct sink *s, size_t written)
{
	unsigned gone = 0;
	while (gone < s->nslices && written >= s->slices[gone].iov_len)
		written -= s->slices[gone++].iov_len;
	s->nslices -= gone;
	memmove(s->slices, s->slices + gone, s->nslices * sizeof *s->slices);
	if (s->nslices && written) {
		s->slices[0].iov_base = (uint8_t *)s->slices[0].iov_base + written;
		s->slices[0].iov_len -= written;
	}
}

static void write_slices(struct endpoint *e, int i)
{
	struct sink *s = &e->sink[i];
	if (s->nslices == 0 || s->backlog.len > s->done || e->stopped || e->setup.blocking[i])
		return;
	ssize_t n = writev(s->fd, s->slices, (int)s->nslices);
	if (n < 0 && !would_block()) {
		break_sink(e, i);
		return;
	}
	if (n <= 0)
		return;
	s->owed += (size_t)n;
	drop_written(s, (size_t)n);
	give_back(e, s);
}

/* What the descriptor does not take is copied. */
static void flush_sink(struct endpoint *e, int i)
{
	struct sink *s = &e->sink[i];
	write_slices(e, i);
	if (s->nslices == 0)
		return;
	keep_rest(s);
	flush_backlog(e, i);
	give_back(e, s);
}

void endpoint_flush_slices(struct endpoint *e)
{
	e->dirty = e->waits = false;
	for (int i = 0; i < 2; i++)
		flush_sink(e, i);
	endpoint_watch(e);
}

bool endpoint_try_slices(struct endpoint *e)
{
	for (int i = 0; i < 2; i++)
		write_slices(e, i);
	e->dirty = e->waits = e->sink[0].nslices || e->sink[1].nslices;
	endpoint_watch(e);
	return e->dirty;
}

void endpoint_data(struct endpoint *e, const struct ssh_event *ev)
{
	struct sink *s = &e->sink[ev->stream];
	if (!s->open) {                                     /* nobody reads it: the window must not fill up */
		chan_consumed(e->drive->ssh, e->chan, ev->data.n);
		return;
	}
	if (s->nslices == SLICES)
		flush_sink(e, (int)ev->stream);
	if (!s->open)
		return;
	s->slices[s->nslices++] = (struct iovec){.iov_base = (void *)(uintptr_t)ev->data.p, .iov_len = ev->data.n};
	e->dirty = true;
	if (!ev->stable || e->setup.blocking[ev->stream])
		endpoint_flush_slices(e);
}

void endpoint_eof(struct endpoint *e)
{
	endpoint_flush_slices(e);
	for (int i = 0; i < 2; i++) {
		struct sink *s = &e->sink[i];
		s->eof = true;
		if (s->open && s->backlog.len == s->done && !e->setup.tty)
			close_sink(e, i);
	}
}

static void on_sink(struct endpoint *e, int i)
{
	flush_backlog(e, i);
	give_back(e, &e->sink[i]);
	if (e->dirty)
		endpoint_try_slices(e);
	endpoint_watch(e);
	if (e->dead || e->drive->held)
		drive_kick(e->drive);
}

static void on_sink_out(void *arg, unsigned ready)
{
	(void)ready;
	on_sink(arg, STREAM_OUT);
}

static void on_sink_err(void *arg, unsigned ready)
{
	(void)ready;
	on_sink(arg, STREAM_ERR);
}

static void sources_changed(struct endpoint *e)
{
	if (e->told_sources || !endpoint_sources_ended(e))
		return;
	e->told_sources = true;
	if (!e->setup.hold_eof && !e->dead)
		chan_eof(e->drive->ssh, e->chan);
	if (e->drive->ops->ended)
		e->drive->ops->ended(e->drive->owner, e, e->setup.arg, false);
	drive_kick(e->drive);
}

static void source_ended(struct endpoint *e, int i)
{
	close_source(e, i);
	sources_changed(e);
}

/* False: the window takes no more now. */
static bool send_filtered(struct endpoint *e)
{
	struct source *s = &e->source[STREAM_OUT];
	size_t n = chan_write(e->drive->ssh, e->chan, STREAM_OUT, buf_slice(&e->filtered));
	buf_drop(&e->filtered, n);
	s->blocked = e->filtered.len > 0;
	if (s->ending && !s->blocked)
		source_ended(e, STREAM_OUT);
	return !s->blocked;
}

static void read_filtered(struct endpoint *e)
{
	uint8_t bytes[FILTER_BYTES];
	struct source *s = &e->source[STREAM_OUT];
	struct room probe[1];
	if (e->filtered.len && (!send_filtered(e) || !s->open))
		return;
	if (chan_space(e->drive->ssh, e->chan, STREAM_OUT, probe, 1) == 0) {
		s->blocked = true;
		return;
	}
	chan_commit(e->drive->ssh, 0);
	size_t most = probe[0].n < sizeof bytes / 2 ? probe[0].n : sizeof bytes / 2;
	ssize_t n = read(s->fd, bytes, most);
	if (n <= 0) {
		if (n == 0 || !would_block())
			source_ended(e, STREAM_OUT);
		return;
	}
	e->filtering = true;
	e->setup.filter(e->drive->owner, e->setup.arg, slice_of(bytes, (size_t)n), &e->filtered);
	e->filtering = false;
	mem_wipe(bytes, sizeof bytes);                      /* keystrokes may be passwords */
	if (!e->dead && s->open)
		send_filtered(e);
}

/* The report of a pty master, and what follows it. Bytes read without the report; < 0 as read(2). */
static ssize_t read_tty(struct endpoint *e, int fd, const struct room *rooms, size_t count)
{
	uint8_t bytes[1 + TTY_BYTES];
	size_t most = 0, done = 0;
	for (size_t k = 0; k < count; k++)
		most += rooms[k].n;
	ssize_t n = read(fd, bytes, 1 + (most < TTY_BYTES ? most : TTY_BYTES));
	if (n <= 0)
		return n < 0 ? n : (errno = EIO, -1);
	if (bytes[0] != TIOCPKT_DATA) {
		if (bytes[0] & (TIOCPKT_DOSTOP | TIOCPKT_NOSTOP))
			e->flow_said = bytes[0] & TIOCPKT_DOSTOP;
		return 0;
	}
	for (size_t k = 0; k < count && done < (size_t)n - 1; k++) {
		size_t left = (size_t)n - 1 - done, part = left < rooms[k].n ? left : rooms[k].n;
		memcpy(rooms[k].p, bytes + 1 + done, part);
		done += part;
	}
	return n - 1;
}

static void tell_flow(struct endpoint *e)
{
	if (e->flow == e->flow_said || e->dead)
		return;
	e->flow = e->flow_said;
	if (e->drive->ops->flow)
		e->drive->ops->flow(e->drive->owner, e, e->setup.arg, e->flow);
}

/* False: there may be more at once. */
static bool read_source(struct endpoint *e, int i)
{
	struct source *s = &e->source[i];
	struct room rooms[ROOMS];
	struct iovec iov[ROOMS];
	size_t count = chan_space(e->drive->ssh, e->chan, (enum chan_stream)i, rooms, ROOMS);
	if (count == 0) {
		s->blocked = true;
		return true;
	}
	for (size_t k = 0; k < count; k++)
		iov[k] = (struct iovec){.iov_base = rooms[k].p, .iov_len = rooms[k].n};
	ssize_t n = e->setup.tty ? read_tty(e, s->fd, rooms, count) : readv(s->fd, iov, (int)count);
	bool end = (n == 0 && !e->setup.tty) || (n < 0 && (!would_block() || (s->last && errno != EINTR)));
	chan_commit(e->drive->ssh, n > 0 ? (size_t)n : 0);
	tell_flow(e);
	if (end)
		source_ended(e, i);
	return end || !s->last;
}

static void on_source(struct endpoint *e, int i)
{
	if (e->dead || !e->source[i].open)
		return;
	if (e->setup.filter && i == STREAM_OUT)
		read_filtered(e);
	else
		while (!read_source(e, i))
			;
	endpoint_watch(e);
	drive_kick(e->drive);
}

static void on_source_out(void *arg, unsigned ready)
{
	struct endpoint *e = arg;
	if (e->setup.tty && (ready & LOOP_WRITE))
		on_sink(e, STREAM_OUT);
	if (ready & (LOOP_READ | LOOP_HANGUP))
		on_source(e, STREAM_OUT);
}

static void on_source_err(void *arg, unsigned ready)
{
	(void)ready;
	on_source(arg, STREAM_ERR);
}

void endpoint_writable(struct endpoint *e)
{
	e->source[0].blocked = e->source[1].blocked = false;
	if (e->filtered.len)
		send_filtered(e);
	endpoint_watch(e);
	for (int i = 0; i < 2; i++)
		if (e->source[i].last)
			on_source(e, i);
}

void endpoint_last_of_source(struct endpoint *e, enum chan_stream i)
{
	e->source[i].last = true;
	if (!e->source[i].blocked)
		on_source(e, (int)i);
}

void endpoint_watch(struct endpoint *e)
{
	for (int i = 0; i < 2; i++) {
		struct source *s = &e->source[i];
		struct sink *k = &e->sink[i];
		bool reads = s->open && !s->blocked && !e->paused && !e->dead;
		bool writes = k->open && !e->stopped && (k->backlog.len > k->done || k->nslices);
		if (e->setup.tty && i == STREAM_OUT && s->watch) {
			loop_fd_want(s->watch, (reads ? LOOP_READ : 0u) | (writes ? LOOP_WRITE : 0u));
			continue;
		}
		loop_fd_want(s->watch, reads ? LOOP_READ : 0);
		loop_fd_want(k->watch, writes ? LOOP_WRITE : 0);
	}
}

struct endpoint *endpoint_attach(struct drive *d, uint32_t chan, const struct endpoint_setup *setup)
{
	static loop_fd_fn *const source_fn[] = {on_source_out, on_source_err}, *const sink_fn[] = {on_sink_out, on_sink_err};
	struct endpoint *e = mem_new(sizeof *e);
	*e = (struct endpoint){.drive = d, .chan = chan, .setup = *setup, .next = d->endpoints, .filtered = BUF_INIT_SECRET(FILTER_BYTES * 2)};
	d->endpoints = e;
	for (int i = 0; i < 2; i++) {
		e->source[i] = (struct source){.fd = setup->source[i], .open = setup->source[i] >= 0};
		e->sink[i] = (struct sink){.fd = setup->sink[i], .open = setup->sink[i] >= 0, .backlog = BUF_INIT(BACKLOG_MAX)};
		if (e->source[i].open)
			e->source[i].watch = loop_fd_add(d->loop, setup->source[i], LOOP_READ, source_fn[i], e);
		if (e->sink[i].open && !(setup->tty && i == STREAM_OUT))
			e->sink[i].watch = loop_fd_add(d->loop, setup->sink[i], 0, sink_fn[i], e);
	}
	return e;
}

void endpoint_free(struct endpoint *e)
{
	for (int i = 0; i < 2; i++) {
		close_source(e, i);
		close_sink(e, i);
	}
	buf_clear(&e->filtered);
	mem_free(e);
}

void endpoint_detach(struct endpoint *e)
{
	if (e == NULL)
		return;
	e->dead = true;
	for (int i = 0; i < 2; i++)
		close_source(e, i);
	drive_kick(e->drive);
}

void endpoint_abandon(struct endpoint *e)
{
	endpoint_detach(e);
	for (int i = 0; e && i < 2; i++)
		close_sink(e, i);
}

uint32_t endpoint_chan(const struct endpoint *e)
{
	return e->chan;
}

void *endpoint_arg(const struct endpoint *e)
{
	return e->setup.arg;
}

void endpoint_pause(struct endpoint *e, bool on)
{
	e->paused = on;
	endpoint_watch(e);
}

void endpoint_hold(struct endpoint *e, bool on)
{
	e->stopped = on;
	for (int i = 0; i < 2 && !on; i++)
		on_sink(e, i);
	endpoint_watch(e);
}

void endpoint_end_source(struct endpoint *e, enum chan_stream i)
{
	if (!e->source[i].open)
		return;
	if (i == STREAM_OUT && (e->filtering || e->filtered.len))
		e->source[i].ending = true;
	else
		source_ended(e, (int)i);
}

bool endpoint_sources_ended(const struct endpoint *e)
{
	return !e->source[0].open && !e->source[1].open;
}

bool endpoint_drained(const struct endpoint *e)
{
	for (int i = 0; i < 2; i++)
		if (e->sink[i].open && (e->sink[i].backlog.len > e->sink[i].done || e->sink[i].nslices))
			return false;
	return true;
}

bool endpoint_send(struct endpoint *e, struct slice s)
{
	bool all = chan_write(e->drive->ssh, e->chan, STREAM_OUT, s) == s.n;
	drive_kick(e->drive);
	return all;
}

void endpoint_say(struct endpoint *e, enum chan_stream i, struct slice text)
{
	struct sink *s = &e->sink[i];
	if (!s->open)
		return;
	keep_rest(s);
	put_bytes(&s->backlog, text);
	s->own += text.n;
	flush_backlog(e, (int)i);
	give_back(e, s);
	endpoint_watch(e);
}

int endpoint_sink_error(const struct endpoint *e, enum chan_stream i)
{
	return e->sink[i].error;
}

int endpoint_sink_fd(const struct endpoint *e, enum chan_stream i)
{
	return e->sink[i].fd;
}
