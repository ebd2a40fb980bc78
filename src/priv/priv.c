#include "priv/priv.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/fd.h"

enum { HEAD = 7, CHUNK = 16384 };

void priv_init(struct priv *p, int take_fd)
{
	*p = (struct priv){.fd = take_fd, .in = BUF_INIT_SECRET(PRIV_MAX + HEAD + CHUNK), .out = BUF_INIT_SECRET((size_t)PRIV_MAX * 4)};
}

void priv_clear(struct priv *p)
{
	for (size_t i = 0; i < p->nlate; i++)
		fdpass_close(&p->late[i].fds);
	fdpass_close(&p->fds);
	buf_clear(&p->in);
	buf_clear(&p->out);
	fd_close(&p->fd);
}

/* How far a send may go without passing the place where waiting descriptors belong. */
static size_t send_limit(const struct priv *p)
{
	if (p->nlate == 0)
		return p->out.len;
	if (p->late[0].at == 0)
		return p->nlate > 1 ? p->late[1].at : p->out.len;
	return p->late[0].at;
}

bool priv_flush(struct priv *p)
{
	while (p->out.len) {
		bool with_fds = p->nlate && p->late[0].at == 0;
		size_t sent = 0;
		struct err e;
		enum fdpass r = fdpass_send(p->fd, slice_of(p->out.p, send_limit(p)), with_fds ? &p->late[0].fds : NULL, &sent, &e);
		if (r == FDPASS_AGAIN)
			return true;
		if (r != FDPASS_OK)
			return false;
		if (with_fds) {
			fdpass_close(&p->late[0].fds);
			memmove(&p->late[0], &p->late[1], --p->nlate * sizeof p->late[0]);
		}
		for (size_t i = 0; i < p->nlate; i++)
			p->late[i].at -= sent;
		buf_drop(&p->out, sent);
	}
	buf_reset(&p->out);
	return true;
}

/* Descriptors are duplicated, so that the caller keeps his whenever ours get sent. */
static bool keep_fds(struct priv *p, const int *fds, size_t n)
{
	if (n == 0)
		return true;
	if (n > FDPASS_MAX || p->nlate == sizeof p->late / sizeof p->late[0])
		return false;
	struct fdpass_list list = {.n = 0};
	for (size_t i = 0; i < n; i++) {
		int fd = dup(fds[i]);
		if (fd < 0) {
			fdpass_close(&list);
			return false;
		}
		list.fd[list.n++] = fd;
	}
	p->late[p->nlate].at = p->out.len;
	p->late[p->nlate++].fds = list;
	return true;
}

static bool send_with_fds(struct priv *p, const int *fds, size_t n)
{
	struct fdpass_list list = {.n = n};
	size_t sent = 0;
	struct err e;
	memcpy(list.fd, fds, n * sizeof *fds);
	enum fdpass r = fdpass_send(p->fd, buf_slice(&p->out), &list, &sent, &e);
	if (r == FDPASS_AGAIN)
		return keep_fds(p, fds, n) && (p->late[p->nlate - 1].at = 0, true);
	if (r != FDPASS_OK)
		return false;
	buf_drop(&p->out, sent);
	return priv_flush(p);
}

bool priv_send(struct priv *p, uint16_t number, struct slice body, const int *fds, size_t n)
{
	if (body.n > PRIV_MAX || n > FDPASS_MAX)
		return false;
	bool empty = p->out.len == 0;
	if (!empty && !keep_fds(p, fds, n))
		return false;
	put_u32(&p->out, (uint32_t)body.n);
	put_u16(&p->out, number);
	put_u8(&p->out, (uint8_t)n);
	put_bytes(&p->out, body);
	if (p->out.bad)
		return false;
	return empty && n ? send_with_fds(p, fds, n) : priv_flush(p);
}

bool priv_send_msg(struct priv *p, uint16_t number, const struct msg_desc *d, const void *msg, const int *fds, size_t n)
{
	struct buf b = BUF_INIT_SECRET(PRIV_MAX);
	msg_encode_body(d, msg, &b);
	bool ok = !b.bad && priv_send(p, number, buf_slice(&b), fds, n);
	buf_clear(&b);
	return ok;
}

bool priv_pending(const struct priv *p)
{
	return p->out.len > 0;
}

/* 1 whole, 0 more bytes needed, -1 broken. */
static int frame_state(const struct priv *p)
{
	struct slice s = slice_from(buf_slice(&p->in), p->done);
	if (s.n < HEAD)
		return 0;
	uint32_t length = load_u32(s.p);
	if (length > PRIV_MAX || s.p[6] > FDPASS_MAX)
		return -1;
	if (s.n < HEAD + length)
		return 0;
	return s.p[6] <= p->fds.n ? 1 : -1;
}

bool priv_has_frame(const struct priv *p)
{
	return frame_state(p) > 0;
}

static void take_frame(struct priv *p, struct frame *f)
{
	const uint8_t *at = p->in.p + p->done;
	size_t n = at[6];
	*f = (struct frame){.number = (uint16_t)(at[4] << 8 | at[5]), .body = slice_of(at + HEAD, load_u32(at))};
	memcpy(f->fds.fd, p->fds.fd, n * sizeof p->fds.fd[0]);
	f->fds.n = n;
	p->fds.n -= n;
	memmove(p->fds.fd, p->fds.fd + n, p->fds.n * sizeof p->fds.fd[0]);
	p->done += HEAD + f->body.n;
}

static enum priv_status fill(struct priv *p)
{
	struct room r = buf_room(&p->in, CHUNK);
	struct fdpass_list got = {.n = 0};
	size_t n = 0;
	struct err e;
	if (r.p == NULL)
		return PRIV_BROKEN;
	switch (fdpass_recv(p->fd, r, &n, &got, &e)) {
	case FDPASS_AGAIN: return PRIV_AGAIN;
	case FDPASS_END: return PRIV_CLOSED;
	case FDPASS_ERROR: return PRIV_BROKEN;
	case FDPASS_OK: break;
	}
	buf_add(&p->in, n);
	if (got.n + p->fds.n > FDPASS_MAX) {
		fdpass_close(&got);
		return PRIV_BROKEN;
	}
	memcpy(p->fds.fd + p->fds.n, got.fd, got.n * sizeof got.fd[0]);
	p->fds.n += got.n;
	return PRIV_FRAME;
}

enum priv_status priv_recv(struct priv *p, struct frame *f)
{
	if (p->done == p->in.len) {
		buf_reset(&p->in);
		p->done = 0;
	}
	for (;;) {
		int state = frame_state(p);
		if (state > 0) {
			take_frame(p, f);
			return PRIV_FRAME;
		}
		if (state < 0)
			return PRIV_BROKEN;
		buf_drop(&p->in, p->done);
		p->done = 0;
		enum priv_status got = fill(p);
		if (got != PRIV_FRAME)
			return got == PRIV_CLOSED && p->in.len ? PRIV_BROKEN : got;
	}
}

bool priv_expect(struct priv *p, uint16_t number, struct frame *f)
{
	enum priv_status got;
	while ((got = priv_recv(p, f)) == PRIV_AGAIN) {
		struct pollfd wait = {.fd = p->fd, .events = POLLIN};
		if (poll(&wait, 1, -1) < 0 && errno != EINTR)
			return false;
	}
	if (got == PRIV_FRAME && f->number == number)
		return true;
	if (got == PRIV_FRAME)
		frame_close(f);
	return false;
}

void frame_close(struct frame *f)
{
	fdpass_close(&f->fds);
}

int frame_take_fd(struct frame *f)
{
	if (f->fds.n == 0)
		return -1;
	int fd = f->fds.fd[0];
	memmove(f->fds.fd, f->fds.fd + 1, --f->fds.n * sizeof f->fds.fd[0]);
	return fd;
}

static bool refuse(struct frame *f, const char *name, const char *why)
{
	log_error("refused frame %u (%s) from our own process: %s; the connection ends", f->number, name, why);
	frame_close(f);
	return false;
}

bool priv_serve(struct priv_server *s, struct frame *f)
{
	size_t i = 0;
	while (i < s->count && s->rules[i].number != f->number)
		i++;
	if (i == s->count)
		return refuse(f, "unknown", "no such ask");
	const struct priv_rule *r = &s->rules[i];
	if (!(r->phases & s->phase))
		return refuse(f, r->name, "not in this phase");
	if (r->most && s->seen[i]++ >= r->most)
		return refuse(f, r->name, "too often");
	uint64_t msg[64];                                   /* large enough and aligned for every description */
	struct reader body = reader_of(f->body);
	if (r->ask && (r->ask->size > sizeof msg || !msg_decode_body(r->ask, &body, msg) || !get_end(&body)))
		return refuse(f, r->name, "malformed");
	bool ok = r->on(s->server, r->ask ? msg : NULL, f);
	mem_wipe(msg, sizeof msg);
	frame_close(f);
	if (ok && r->next)
		s->phase = r->next;
	return ok;
}
