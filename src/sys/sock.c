#include "sys/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"

static int new_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Closes fd and says why; the text has errno's words. */
static int fail(int fd, struct err *e, const char *what, const struct sock_addr *a)
{
	char text[SOCK_TEXT_MAX];
	sock_text(a, text);
	if (a->any.sa_family == AF_UNIX)
		err_errno(e, "%s %s", what, text);
	else
		err_errno(e, "%s %s port %u", what, text, sock_port(a));
	fd_close(&fd);
	return -1;
}

int sock_listen(const struct sock_addr *a, int backlog, struct err *e)
{
	return sock_listen_on(a, NULL, backlog, e);
}

/* socket(7), SO_BINDTODEVICE. */
static bool bind_device(int fd, const char *device, struct err *e)
{
	size_t n = strlen(device);
	if (n == 0 || n >= IFNAMSIZ)
		return err_set(e, ERR_USAGE, "no interface can be called \"%.32s\"", device);
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)n + 1) == 0 || err_errno(e, "cannot bind to interface %s", device);
}

void sock_device(int fd, char out[SOCK_DEVICE_MAX])
{
	socklen_t n = SOCK_DEVICE_MAX;
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, out, &n) < 0 || n == 0 || n > SOCK_DEVICE_MAX)
		n = 1;
	out[n - 1] = '\0';
}

int sock_listen_on(const struct sock_addr *a, const char *device, int backlog, struct err *e)
{
	int one = 1, fd = new_socket(a->any.sa_family);
	if (fd < 0)
		return fail(fd, e, "cannot make a socket for", a);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0)
		return fail(fd, e, "cannot set SO_REUSEADDR for", a);
	if (a->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
		return fail(fd, e, "cannot set IPV6_V6ONLY for", a);
	if (device && !bind_device(fd, device, e)) {
		close(fd);
		return -1;
	}
	if (bind(fd, &a->any, a->len) < 0)
		return fail(fd, e, "cannot bind to", a);
	if (listen(fd, backlog) < 0)
		return fail(fd, e, "cannot listen on", a);
	return fd;
}

static bool unix_address(const char *path, struct sock_addr *out, struct err *e)
{
	size_t n = strlen(path);
	*out = (struct sock_addr){.len = sizeof out->un};
	out->un.sun_family = AF_UNIX;
	if (n == 0 || n >= sizeof out->un.sun_path)
		return err_set(e, ERR_LIMIT, "socket path of %zu bytes; 1 to %zu are possible", n, sizeof out->un.sun_path - 1);
	memcpy(out->un.sun_path, path, n);
	return true;
}

int sock_listen_unix(const char *path, mode_t mask, bool unlink_first, struct err *e)
{
	struct sock_addr a;
	struct stat st;
	if (!unix_address(path, &a, e))
		return -1;
	/* Only a socket: a wrong word in a configuration must not delete a file. */
	if (unlink_first && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	int fd = new_socket(AF_UNIX);
	if (fd < 0)
		return fail(fd, e, "cannot make a socket for", &a);
	mode_t old = umask(mask);
	int bound = bind(fd, &a.any, a.len);
	umask(old);
	if (bound < 0)
		return fail(fd, e, "cannot bind to", &a);
	if (listen(fd, 64) < 0)
		return fail(fd, e, "cannot listen on", &a);
	return fd;
}

int sock_accept(int listener, struct sock_addr *peer)
{
	struct sock_addr a = {.len = sizeof a.storage};
	int fd;
	do
		fd = accept4(listener, &a.any, &a.len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && errno == EINTR);
	if (fd >= 0 && peer)
		*peer = a;
	return fd;
}

/* accept(2) hands errors of the pending connection to the caller; none of them is the listener's. */
bool sock_accept_again(int error)
{
	static const int passing[] = {EAGAIN, EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO, EPERM, ENETDOWN,
		ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, ETIMEDOUT};
	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		if (error == passing[i])
			return true;
	return false;
}

bool sock_accept_starved(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static bool bind_from(int fd, const struct sock_from *from, struct err *e)
{
	if (from->interface && from->interface[0]) {
		size_t n = strlen(from->interface);
		if (n >= IFNAMSIZ)
			return err_set(e, ERR_USAGE, "interface name %.32s is too long", from->interface);
		/* Not fatal by itself: before Linux 5.7 it takes CAP_NET_RAW; the address of the interface, bound below, has to do then. */
		if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, from->interface, (socklen_t)n + 1) < 0 && from->address.len == 0)
			return err_errno(e, "cannot bind to interface %s", from->interface);
	}
	if (from->address.len) {
		char text[SOCK_TEXT_MAX];
		sock_text(&from->address, text);
		if (bind(fd, &from->address.any, from->address.len) < 0)
			return err_errno(e, "cannot bind to local address %s", text);
	}
	return true;
}

int sock_connect(const struct sock_addr *to, const struct sock_from *from, bool *pending, struct err *e)
{
	int fd = new_socket(to->any.sa_family);
	*pending = false;
	if (fd < 0)
		return fail(fd, e, "cannot make a socket for", to);
	if (from && !bind_from(fd, from, e)) {
		fd_close(&fd);
		return -1;
	}
	if (to->any.sa_family != AF_UNIX)
		sock_nodelay(fd);               /* before connect: from the first byte */
	if (connect(fd, &to->any, to->len) == 0)
		return fd;
	if (errno != EINPROGRESS && errno != EINTR)
		return fail(fd, e, "cannot connect to", to);
	*pending = true;
	return fd;
}

int sock_connect_unix(const char *path, struct err *e)
{
	struct sock_addr a;
	if (!unix_address(path, &a, e))
		return -1;
	int fd = new_socket(AF_UNIX);
	if (fd < 0)
		return fail(fd, e, "cannot make a socket for", &a);
	if (connect(fd, &a.any, a.len) < 0)     /* unix sockets connect at once, or EAGAIN: the listener's queue is full */
		return fail(fd, e, "cannot connect to", &a);
	return fd;
}

bool sock_connect_finish(int fd, struct err *e)
{
	int error = 0;
	socklen_t n = sizeof error;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		return err_errno(e, "cannot ask for the result of connect");
	errno = error;
	return error == 0 || err_errno(e, "cannot connect");
}
