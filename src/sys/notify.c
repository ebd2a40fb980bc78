#include "sys/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "sys/clock.h"
#include "sys/fd.h"

static bool tell(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return false;
	size_t n = strlen(path);
	if (n >= sizeof to.sun_path)
		return false;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = 0;             /* abstract name */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	size_t len = offsetof(struct sockaddr_un, sun_path) + n;
	ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, (socklen_t)len);
	close(fd);
	return sent >= 0;
}

bool notify_ready(void)
{
	return tell("READY=1");
}

bool notify_reloading(void)
{
	char text[80];
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_us());
	return tell(text);
}

bool notify_stopping(void)
{
	return tell("STOPPING=1");
}

bool notify_main_pid(pid_t pid)
{
	char text[40];
	snprintf(text, sizeof text, "MAINPID=%ld", (long)pid);
	return tell(text);
}

int notify_listen_fds(void)
{
	uint64_t pid = 0, n = 0;
	bool ours = slice_to_u64(slice_str(getenv("LISTEN_PID")), &pid) && pid == (uint64_t)getpid()
		&& slice_to_u64(slice_str(getenv("LISTEN_FDS")), &n) && n > 0 && n <= 1024;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!ours)
		return 0;
	for (int fd = 3; fd < 3 + (int)n; fd++)
		if (!fd_cloexec(fd, true))
			return 0;
	return (int)n;
}

void notify_forget(void)
{
	unsetenv("NOTIFY_SOCKET");
}
