#include "priv/priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/fd.h"
#include "wire/ask.h"

static void a_pair(struct priv *a, struct priv *b, bool nonblock)
{
	int fds[2];
	assert_true(fd_pair(FD_PAIR_STREAM, fds, NULL));
	fd_nonblock(fds[0], nonblock);
	fd_nonblock(fds[1], nonblock);
	priv_init(a, fds[0]);
	priv_init(b, fds[1]);
}

static void frames_bring_their_own_descriptors(void **state)
{
	(void)state;
	struct priv a, b;
	struct frame f;
	int pipes[2][2];
	a_pair(&a, &b, true);
	for (int i = 0; i < 2; i++)
		assert_true(fd_pipe(pipes[i], NULL));
	assert_true(priv_send(&a, 1, SLICE_LIT("plain"), NULL, 0));
	assert_true(priv_send(&a, 2, SLICE_LIT("first"), &pipes[0][1], 1));
	assert_true(priv_send(&a, 3, SLICE_LIT(""), NULL, 0));
	assert_true(priv_send(&a, 4, SLICE_LIT("second"), &pipes[1][1], 1));
	for (uint16_t n = 1; n <= 4; n++) {
		assert_int_equal(priv_recv(&b, &f), PRIV_FRAME);
		assert_int_equal(f.number, n);
		assert_int_equal(f.fds.n, n % 2 == 0);
		int fd = frame_take_fd(&f);
		if (fd >= 0) {
			assert_int_equal(write(fd, "!", 1), 1);
			close(fd);
			char c;
			assert_int_equal(read(pipes[n / 2 - 1][0], &c, 1), 1);
		}
	}
	assert_int_equal(priv_recv(&b, &f), PRIV_AGAIN);
	priv_clear(&a);
	assert_int_equal(priv_recv(&b, &f), PRIV_CLOSED);
	priv_clear(&b);
	for (int i = 0; i < 4; i++)
		close(pipes[i / 2][i % 2]);
}

static void a_full_socket_keeps_order_and_descriptors(void **state)
{
	(void)state;
	struct priv a, b;
	struct frame f;
	int pipe_fds[2];
	unsigned got = 0, with = 0;
	uint8_t *big = mem_new(300000);
	a_pair(&a, &b, true);
	assert_true(fd_pipe(pipe_fds, NULL));
	for (unsigned i = 0; i < 6; i++)
		assert_true(priv_send(&a, (uint16_t)i, slice_of(big, 300000), pipe_fds, i % 3 == 1 ? 2 : 0));
	assert_true(priv_pending(&a));
	for (unsigned turns = 0; got < 6 && turns < 10000; turns++) {
		assert_true(priv_flush(&a));
		while (priv_recv(&b, &f) == PRIV_FRAME) {
			assert_int_equal(f.number, got);
			assert_int_equal(f.body.n, 300000);
			assert_int_equal(f.fds.n, got % 3 == 1 ? 2 : 0);
			with += f.fds.n == 2;
			frame_close(&f);
			got++;
		}
	}
	assert_int_equal(got, 6);
	assert_int_equal(with, 2);
	mem_free(big);
	priv_clear(&a);
	priv_clear(&b);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void broken_frames_end_it(void **state)
{
	(void)state;
	static const uint8_t frames[][8] = {
		{0xff, 0xff, 0xff, 0xff, 0, 1, 0},          /* far too long */
		{0, 0, 0, 0, 0, 1, 1},                      /* a descriptor that did not come */
		{0, 0, 0, 0, 0, 1, 200},
	};
	for (size_t i = 0; i < 3; i++) {
		struct priv a, b;
		struct frame f;
		a_pair(&a, &b, true);
		assert_int_equal(write(a.fd, frames[i], 7), 7);
		assert_int_equal(priv_recv(&b, &f), PRIV_BROKEN);
		priv_clear(&a);
		priv_clear(&b);
	}
}

static bool note_user(void *server, const void *msg, struct frame *f)
{
	const struct ask_auth_none *m = msg;
	(void)f;
	*(int *)server += slice_eq_str(m->user, "ann");
	return true;
}

static void silent(void *arg, enum log_level level, const char *line)
{
	(void)arg, (void)level, (void)line;
}

static void a_rule_knows_phase_and_count(void **state)
{
	(void)state;
	int users = 0;
	unsigned seen[2] = {0};
	struct priv a, b;
	struct frame f;
	const struct msg_desc *d = ask_row(ASK_AUTH_NONE)->ask;
	const struct priv_rule rules[] = {{7, "user", 1, 2, 0, d, note_user}, {8, "again", 2, 0, 2, d, note_user}};
	struct priv_server s = {&b, rules, 2, 1, seen, &users};
	struct ask_auth_none ann = {SLICE_LIT("ann")};
	static const struct { uint16_t number; bool ok; } script[] = {{8, false}, {7, true}, {7, false}, {8, true}, {8, true}, {8, false}, {9, false}};
	log_init(LOG_LEVEL_QUIET, silent, NULL);
	a_pair(&a, &b, true);
	for (size_t i = 0; i < ARRAY_LEN(script); i++) {
		assert_true(priv_send_msg(&a, script[i].number, d, &ann, NULL, 0));
		assert_int_equal(priv_recv(&b, &f), PRIV_FRAME);
		assert_int_equal(priv_serve(&s, &f), script[i].ok);
	}
	assert_int_equal(users, 3);
	assert_true(priv_send(&a, 8, SLICE_LIT("\0\0\0\x09x"), NULL, 0));
	seen[1] = 0;
	assert_int_equal(priv_recv(&b, &f), PRIV_FRAME);
	assert_false(priv_serve(&s, &f));
	priv_clear(&a);
	priv_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_bring_their_own_descriptors),
		cmocka_unit_test(a_full_socket_keeps_order_and_descriptors),
		cmocka_unit_test(broken_frames_end_it),
		cmocka_unit_test(a_rule_knows_phase_and_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
