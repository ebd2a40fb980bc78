#include "sys/fdpass.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/fd.h"

/* Room for one descriptor more than we take, so that the kernel does not hide an excess as a cut. */
union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int) * (FDPASS_MAX + 1))];
};

enum fdpass fdpass_send(int sock, struct slice data, const struct fdpass_list *fds, size_t *sent, struct err *e)
{
	union control control;
	struct iovec part = {.iov_base = (void *)(uintptr_t)data.p, .iov_len = data.n};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
	assert(data.n > 0 && (fds == NULL || fds->n <= FDPASS_MAX));
	if (fds && fds->n) {
		memset(&control, 0, sizeof control);
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds->n);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fds->n);
		memcpy(CMSG_DATA(c), fds->fd, sizeof(int) * fds->n);
	}
	ssize_t n;
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	*sent = n < 0 ? 0 : (size_t)n;
	if (n >= 0)
		return FDPASS_OK;
	if (errno == EAGAIN)
		return FDPASS_AGAIN;
	if (errno == EPIPE || errno == ECONNRESET)
		return FDPASS_END;
	err_errno(e, "cannot send a message with descriptors");
	return FDPASS_ERROR;
}

/* Takes every descriptor that came, also those past the maximum: they would leak. Returns the count. */
static size_t collect(struct msghdr *msg, int out[FDPASS_MAX + 1])
{
	size_t have = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (have <= FDPASS_MAX)
				out[have++] = fd;
			else
				close(fd);
		}
	}
	return have;
}

static enum fdpass refuse(int *fds, size_t n, struct err *e, const char *why)
{
	for (size_t i = 0; i < n; i++)
		fd_close(&fds[i]);
	err_set(e, ERR_PEER, "message with descriptors: %s", why);
	return FDPASS_ERROR;
}

enum fdpass fdpass_recv(int sock, struct room r, size_t *got, struct fdpass_list *fds, struct err *e)
{
	union control control;
	int came[FDPASS_MAX + 1];
	struct iovec part = {.iov_base = r.p, .iov_len = r.n};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
	memset(&control, 0, sizeof control);
	*got = 0;
	if (fds)
		fds->n = 0;
	assert(r.n > 0);
	ssize_t n;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return FDPASS_AGAIN;
	if (n < 0 && errno == ECONNRESET)
		return FDPASS_END;
	if (n < 0) {
		err_errno(e, "cannot receive a message with descriptors");
		return FDPASS_ERROR;
	}
	size_t count = collect(&msg, came);
	if (msg.msg_flags & MSG_CTRUNC)
		return refuse(came, count, e, "control data was cut (too many descriptors, or none left here)");
	if (msg.msg_flags & MSG_TRUNC)
		return refuse(came, count, e, "longer than the room for it");
	if (count > (fds ? (size_t)FDPASS_MAX : 0))
		return refuse(came, count, e, "more descriptors than expected");
	if (n == 0 && count)
		return refuse(came, count, e, "descriptors without data");
	if (n == 0)
		return FDPASS_END;
	if (fds) {
		memcpy(fds->fd, came, count * sizeof(int));
		fds->n = count;
	}
	*got = (size_t)n;
	return FDPASS_OK;
}

void fdpass_close(struct fdpass_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		fd_close(&l->fd[i]);
	l->n = 0;
}
