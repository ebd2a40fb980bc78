#include "sys/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static int listen_at(const char *path, bool abstract)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	size_t n = strlen(path);
	memcpy(a.sun_path, path, n);
	if (abstract)
		a.sun_path[0] = 0;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
	return fd;
}

static void heard(int fd, const char *begin)
{
	char text[256];
	ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	text[n] = 0;
	assert_int_equal(strncmp(text, begin, strlen(begin)), 0);
}

static void states_arrive_as_datagrams(void **state)
{
	(void)state;
	char path[64];
	for (int abstract = 0; abstract < 2; abstract++) {
		snprintf(path, sizeof path, "%s%s/hawser-notify-%d", abstract ? "@" : "", abstract ? "" : P_tmpdir, (int)getpid());
		int fd = listen_at(path, abstract);
		setenv("NOTIFY_SOCKET", path, 1);
		assert_true(notify_ready());
		heard(fd, "READY=1");
		assert_true(notify_reloading());
		heard(fd, "RELOADING=1\nMONOTONIC_USEC=");
		assert_true(notify_stopping());
		heard(fd, "STOPPING=1");
		assert_true(notify_main_pid(77));
		heard(fd, "MAINPID=77");
		close(fd);
		if (!abstract)
			unlink(path);
		assert_false(notify_ready());           /* nobody listens */
	}
	notify_forget();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_false(notify_ready());
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_false(notify_ready());
	notify_forget();
}

static void handed_over_sockets_are_ours_only(void **state)
{
	(void)state;
	char pid[32];
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", "1", 1);
	assert_int_equal(notify_listen_fds(), 0);
	assert_null(getenv("LISTEN_FDS"));
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	int fd = dup2(1, 3);
	assert_int_equal(fd, 3);
	assert_int_equal(notify_listen_fds(), 1);
	assert_null(getenv("LISTEN_PID"));
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "-1", 1);
	assert_int_equal(notify_listen_fds(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_arrive_as_datagrams),
		cmocka_unit_test(handed_over_sockets_are_ours_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
