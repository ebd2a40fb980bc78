#include "sys/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/clock.h"
#include "sys/process.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void flags_are_set_and_taken_back(void **state)
{
	(void)state;
	int p[2];
	assert_true(fd_pipe(p, NULL));
	assert_int_equal(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	assert_true(fd_cloexec(p[0], false));
	assert_int_equal(fcntl(p[0], F_GETFD), 0);
	assert_true(fd_nonblock(p[0], true));
	assert_true(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	assert_true(fd_nonblock(p[0], false));
	assert_false(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	int number = p[0];
	fd_close(&p[0]);
	fd_close(&p[1]);
	assert_int_equal(p[0], -1);
	assert_false(is_open(number));
	assert_false(fd_nonblock(number, true));
}

/* Each runs in a child of its own: descriptors 0 to 2 are at stake. The child's exit status tells which check failed. */
static int in_child(int (*body)(void))
{
	pid_t pid = proc_fork(0, NULL, NULL);
	struct proc_exit x;
	if (pid == 0)
		_exit(body());
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	return x.by_signal ? -x.code : x.code;
}

static int swap_numbers(void)
{
	int a[2], b[2];
	char c[2];
	if (!fd_pipe(a, NULL) || !fd_pipe(b, NULL))
		return 1;
	/* The two readers change places: neither may be lost. */
	struct fd_map map[] = {{a[0], b[0]}, {b[0], a[0]}};
	if (!fd_place(map, 2) || write(a[1], "a", 1) != 1 || write(b[1], "b", 1) != 1)
		return 2;
	if (read(b[0], &c[0], 1) != 1 || read(a[0], &c[1], 1) != 1)
		return 3;
	if (fcntl(a[0], F_GETFD) != 0)
		return 4;
	return c[0] == 'a' && c[1] == 'b' ? 0 : 5;
}

static int close_the_rest(void)
{
	int at = fcntl(1, F_DUPFD, 50);
	fd_close_from(3);
	return at >= 50 && !is_open(at) && !is_open(3) && is_open(1) ? 0 : 1;
}

static bool is_null(int fd)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && stat("/dev/null", &b) == 0 && a.st_rdev == b.st_rdev;
}

static int fill_the_holes(void)
{
	close(0);
	close(2);
	if (!fd_open_standard(NULL) || !is_null(0) || !is_null(2))
		return 1;
	int p[2];
	if (!fd_pipe(p, NULL) || p[0] < 3)
		return 2;
	return fd_null_standard(NULL) && is_null(1) ? 0 : 3;
}

static void numbers_are_placed_whatever_overlaps(void **state)
{
	(void)state;
	assert_int_equal(in_child(swap_numbers), 0);
	assert_int_equal(in_child(close_the_rest), 0);
	assert_int_equal(in_child(fill_the_holes), 0);
}

static void a_write_that_nobody_reads_runs_into_its_deadline(void **state)
{
	(void)state;
	int p[2];
	struct err e;
	static uint8_t much[1 << 20];
	for (int kind = 0; kind < 4; kind++) {          /* socket or pipe, non-blocking or blocking */
		assert_true(kind & 1 ? fd_pipe(p, NULL) : fd_pair(FD_PAIR_STREAM, p, NULL));
		int out = kind & 1 ? p[1] : p[0];
		assert_true(fd_nonblock(out, kind < 2));
		uint64_t start = clock_ms();
		assert_false(fd_write_all(out, slice_of(much, sizeof much), 30, &e));
		assert_int_equal(e.code, ERR_TIMEOUT);
		assert_true(clock_ms() - start >= 30);
		fd_close(&p[0]);
		fd_close(&p[1]);
	}
}

static void whole_transfers_arrive_whole(void **state)
{
	(void)state;
	int p[2];
	struct err e;
	struct buf b = BUF_INIT(4);
	uint8_t in[5];
	assert_true(fd_pair(FD_PAIR_STREAM, p, NULL));
	assert_true(fd_nonblock(p[1], true));
	assert_true(fd_write_all(p[0], SLICE_LIT("hello"), 1000, &e));
	assert_true(fd_read_exact(p[1], (struct room){in, 5}, 1000, &e));
	assert_memory_equal(in, "hello", 5);
	assert_true(fd_write_all(p[0], SLICE_LIT("hello"), -1, &e));
	fd_close(&p[0]);
	assert_false(fd_read_to_end(p[1], &b, 1000, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	assert_false(fd_read_exact(p[1], (struct room){in, 1}, 1000, &e));
	assert_int_equal(e.code, ERR_MISSING);
	buf_clear(&b);
	fd_close(&p[1]);
}

static void packets_keep_their_edges_and_peers_have_names(void **state)
{
	(void)state;
	int p[2];
	char c[8];
	struct fd_peer who;
	assert_true(fd_pair(FD_PAIR_PACKETS, p, NULL));
	assert_int_equal(write(p[0], "ab", 2), 2);
	assert_int_equal(write(p[0], "cd", 2), 2);
	assert_int_equal(read(p[1], c, sizeof c), 2);
	assert_true(fd_peer(p[1], &who));
	assert_int_equal(who.pid, getpid());
	assert_int_equal(who.uid, geteuid());
	fd_close(&p[0]);
	fd_close(&p[1]);
}

static void pipes_grow_and_others_do_not(void **state)
{
	(void)state;
	int p[2], s[2];
	assert_true(fd_pipe(p, NULL) && fd_pair(FD_PAIR_STREAM, s, NULL));
	int before = fcntl(p[0], F_GETPIPE_SZ);
	assert_true(fd_grow_pipe(p[0]) >= before);
	assert_int_equal(fd_grow_pipe(s[0]), -1);
	for (int i = 0; i < 2; i++)
		fd_close(&p[i]), fd_close(&s[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_are_set_and_taken_back),
		cmocka_unit_test(numbers_are_placed_whatever_overlaps),
		cmocka_unit_test(a_write_that_nobody_reads_runs_into_its_deadline),
		cmocka_unit_test(whole_transfers_arrive_whole),
		cmocka_unit_test(packets_keep_their_edges_and_peers_have_names),
		cmocka_unit_test(pipes_grow_and_others_do_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
