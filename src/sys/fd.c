#include "sys/fd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/clock.h"

enum { MAP_MAX = 32 };

static bool set_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = fcntl(fd, get);
	if (flags < 0)
		return false;
	int wanted = on ? flags | flag : flags & ~flag;
	return wanted == flags || fcntl(fd, set, wanted) == 0;
}

bool fd_nonblock(int fd, bool on)
{
	return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

bool fd_cloexec(int fd, bool on)
{
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

void fd_close(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

void fd_close_from(int first)
{
	if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
		return;
	long max = sysconf(_SC_OPEN_MAX);       /* a kernel before 5.9, or a filter in our way */
	for (int fd = first; fd < (max > 0 && max < 65536 ? (int)max : 65536); fd++)
		close(fd);
}

bool fd_open_standard(struct err *e)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		int got = open("/dev/null", O_RDWR);
		if (got != fd)                  /* lower ones are open, so the lowest free number is this one */
			return err_errno(e, "cannot open /dev/null as descriptor %d", fd);
	}
	return true;
}

bool fd_null_standard(struct err *e)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_errno(e, "cannot open /dev/null");
	bool ok = true;
	for (int fd = 0; fd <= 2 && ok; fd++)
		ok = null == fd ? fd_cloexec(fd, false) : dup2(null, fd) == fd;
	if (!ok)
		err_errno(e, "cannot put /dev/null on 0 to 2");
	if (null > 2)
		close(null);
	return ok;
}

/* First everything moves above the highest target, then down: no target can overwrite a source. */
bool fd_place(const struct fd_map *map, size_t n)
{
	int high[MAP_MAX], floor = 3;
	bool ok = true;
	assert(n <= MAP_MAX);
	for (size_t i = 0; i < n; i++)
		if (map[i].to >= floor)
			floor = map[i].to + 1;
	for (size_t i = 0; i < n; i++) {
		high[i] = fcntl(map[i].from, F_DUPFD_CLOEXEC, floor);
		ok = ok && high[i] >= 0;
	}
	for (size_t i = 0; i < n && ok; i++)
		ok = dup2(high[i], map[i].to) == map[i].to;
	for (size_t i = 0; i < n; i++)
		fd_close(&high[i]);
	return ok;
}

bool fd_pipe(int out[2], struct err *e)
{
	if (pipe2(out, O_CLOEXEC) == 0)
		return true;
	out[0] = out[1] = -1;
	return err_errno(e, "cannot make a pipe");
}

bool fd_pair(enum fd_pair_kind kind, int out[2], struct err *e)
{
	int type = kind == FD_PAIR_PACKETS ? SOCK_SEQPACKET : SOCK_STREAM;
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, out) == 0)
		return true;
	out[0] = out[1] = -1;
	return err_errno(e, "cannot make a socket pair");
}

int fd_grow_pipe(int fd)
{
	int now = fcntl(fd, F_GETPIPE_SZ);
	if (now < 0 || now >= FD_PIPE_SIZE)
		return now;
	int got = fcntl(fd, F_SETPIPE_SZ, FD_PIPE_SIZE);
	return got < 0 ? now : got;
}

/* Waits until the deadline; true: try again. */
static bool wait_for(int fd, short events, uint64_t deadline, struct err *e)
{
	for (;;) {
		uint64_t now = clock_ms();
		int left = -1;
		if (deadline) {
			if (now >= deadline)
				return err_set(e, ERR_TIMEOUT, "the other end of descriptor %d did not move in time", fd);
			left = deadline - now > 1000000 ? 1000000 : (int)(deadline - now);
		}
		struct pollfd p = {.fd = fd, .events = events};
		int n = poll(&p, 1, left);
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return err_errno(e, "cannot wait for descriptor %d", fd);
	}
}

static uint64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? 0 : clock_ms() + (uint64_t)timeout_ms;
}

static bool try_again(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* What goes at once, also where the descriptor is a blocking one: a pipe that polls as writable has room for PIPE_BUF bytes. */
static ssize_t write_now(int fd, struct slice s)
{
	ssize_t n = send(fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n >= 0 || errno != ENOTSOCK ? n : write(fd, s.p, s.n < PIPE_BUF ? s.n : PIPE_BUF);
}

bool fd_write_all(int fd, struct slice s, int timeout_ms, struct err *e)
{
	uint64_t deadline = deadline_of(timeout_ms);
	while (s.n) {
		if (deadline && !wait_for(fd, POLLOUT, deadline, e))
			return false;
		ssize_t n = deadline ? write_now(fd, s) : write(fd, s.p, s.n);
		if (n > 0)
			s = slice_from(s, (size_t)n);
		else if (n < 0 && !try_again(errno))
			return err_errno(e, "cannot write to descriptor %d", fd);
		else if (!deadline && errno == EAGAIN && !wait_for(fd, POLLOUT, 0, e))
			return false;
	}
	return true;
}

/* One read of up to n bytes: -1 failed, 0 end. */
static ssize_t read_some(int fd, void *p, size_t n, uint64_t deadline, struct err *e)
{
	for (;;) {
		if (deadline && !wait_for(fd, POLLIN, deadline, e))
			return -1;
		ssize_t got = read(fd, p, n);
		if (got >= 0)
			return got;
		if (!try_again(errno))
			return err_errno(e, "cannot read from descriptor %d", fd), -1;
		if (!deadline && errno == EAGAIN && !wait_for(fd, POLLIN, 0, e))
			return -1;
	}
}

bool fd_read_exact(int fd, struct room r, int timeout_ms, struct err *e)
{
	uint64_t deadline = deadline_of(timeout_ms);
	for (size_t have = 0; have < r.n;) {
		ssize_t n = read_some(fd, r.p + have, r.n - have, deadline, e);
		if (n < 0)
			return false;
		if (n == 0)
			return err_set(e, ERR_MISSING, "descriptor %d ended after %zu of %zu bytes", fd, have, r.n);
		have += (size_t)n;
	}
	return true;
}

bool fd_read_to_end(int fd, struct buf *out, int timeout_ms, struct err *e)
{
	uint64_t deadline = deadline_of(timeout_ms);
	for (;;) {
		uint8_t chunk[4096];
		ssize_t n = read_some(fd, chunk, sizeof chunk, deadline, e);
		if (n <= 0)
			return n == 0;
		put_bytes(out, slice_of(chunk, (size_t)n));
		if (out->bad)
			return err_set(e, ERR_LIMIT, "descriptor %d gave more than %zu bytes", fd, out->max);
	}
}

bool fd_peer(int sock, struct fd_peer *out)
{
	struct ucred c;
	socklen_t n = sizeof c;
	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &c, &n) < 0)
		return false;
	*out = (struct fd_peer){.pid = c.pid, .uid = c.uid, .gid = c.gid};
	return true;
}
