#include "sys/fdpass.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/fd.h"

static size_t open_count(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A message with more descriptors than fdpass_send allows. */
static void send_many(int sock, int fd, size_t n)
{
	union { struct cmsghdr h; char space[CMSG_SPACE(sizeof(int) * 32)]; } control;
	char byte = 0;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = CMSG_SPACE(sizeof(int) * n)};
	memset(&control, 0, sizeof control);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	for (size_t i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof fd, &fd, sizeof fd);
	assert_int_equal(sendmsg(sock, &m, 0), 1);
}

static void eight_descriptors_arrive_close_on_exec(void **state)
{
	(void)state;
	int s[2], p[2];
	size_t n, before;
	uint8_t data[16];
	char c;
	struct fdpass_list out = {.n = FDPASS_MAX}, in;
	assert_true(fd_pair(FD_PAIR_PACKETS, s, NULL) && fd_pipe(p, NULL));
	before = open_count();
	for (size_t i = 0; i < FDPASS_MAX; i++)
		out.fd[i] = p[1];
	assert_int_equal(fdpass_send(s[0], SLICE_LIT("hello"), &out, &n, NULL), FDPASS_OK);
	assert_int_equal(fdpass_recv(s[1], (struct room){data, sizeof data}, &n, &in, NULL), FDPASS_OK);
	assert_int_equal(n, 5);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(in.n, FDPASS_MAX);
	assert_int_equal(open_count(), before + FDPASS_MAX);
	for (size_t i = 0; i < in.n; i++)
		assert_int_equal(fcntl(in.fd[i], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(in.fd[7], "z", 1), 1);
	assert_int_equal(read(p[0], &c, 1), 1);
	assert_int_equal(c, 'z');
	fdpass_close(&in);
	assert_int_equal(open_count(), before);
	for (int i = 0; i < 2; i++)
		fd_close(&s[i]), fd_close(&p[i]);
}

static void what_is_too_much_is_refused_and_leaks_nothing(void **state)
{
	(void)state;
	static const size_t counts[] = {9, 10, 20};
	int s[2];
	size_t n;
	uint8_t data[4];
	struct fdpass_list in, one = {.n = 1};
	struct err e;
	assert_true(fd_pair(FD_PAIR_PACKETS, s, NULL));
	one.fd[0] = s[0];
	size_t before = open_count();
	for (size_t i = 0; i < 3; i++) {
		send_many(s[0], s[0], counts[i]);
		assert_int_equal(fdpass_recv(s[1], (struct room){data, sizeof data}, &n, &in, &e), FDPASS_ERROR);
		assert_int_equal(e.code, ERR_PEER);
		assert_int_equal(in.n, 0);
		assert_int_equal(open_count(), before);
	}
	/* Unasked for. */
	assert_int_equal(fdpass_send(s[0], SLICE_LIT("x"), &one, &n, NULL), FDPASS_OK);
	assert_int_equal(fdpass_recv(s[1], (struct room){data, sizeof data}, &n, NULL, &e), FDPASS_ERROR);
	/* Longer than the room. */
	assert_int_equal(fdpass_send(s[0], SLICE_LIT("hello"), &one, &n, NULL), FDPASS_OK);
	assert_int_equal(fdpass_recv(s[1], (struct room){data, sizeof data}, &n, &in, &e), FDPASS_ERROR);
	assert_int_equal(open_count(), before);
	fd_close(&s[0]);
	fd_close(&s[1]);
}

static void an_empty_socket_and_a_gone_peer_are_told_apart(void **state)
{
	(void)state;
	int s[2];
	size_t n;
	uint8_t data[4];
	struct fdpass_list in;
	assert_true(fd_pair(FD_PAIR_STREAM, s, NULL));
	assert_true(fd_nonblock(s[1], true));
	assert_int_equal(fdpass_recv(s[1], (struct room){data, sizeof data}, &n, &in, NULL), FDPASS_AGAIN);
	fd_close(&s[0]);
	assert_int_equal(fdpass_recv(s[1], (struct room){data, sizeof data}, &n, &in, NULL), FDPASS_END);
	assert_int_equal(fdpass_send(s[1], SLICE_LIT("x"), NULL, &n, NULL), FDPASS_END);
	fd_close(&s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_descriptors_arrive_close_on_exec),
		cmocka_unit_test(what_is_too_much_is_refused_and_leaks_nothing),
		cmocka_unit_test(an_empty_socket_and_a_gone_peer_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
