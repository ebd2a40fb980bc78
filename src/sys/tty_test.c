#include "sys/tty.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/pty.h"

static void opcodes_are_those_of_the_rfc(void **state)
{
	(void)state;
	bool seen[256] = {false};
	/* RFC 4254, 8: 1 to 18, 30 to 41, 50 to 62, 70 to 75, 90 to 93, 128, 129; RFC 8160: 42. */
	static const struct { int from, to; } spans[] = {{1, 18}, {30, 42}, {50, 62}, {70, 75}, {90, 93}, {128, 129}};
	size_t want = 0;
	for (size_t i = 0; i < tty_modes_count; i++) {
		assert_false(seen[tty_modes[i].opcode]);
		seen[tty_modes[i].opcode] = true;
	}
	for (size_t i = 0; i < ARRAY_LEN(spans); i++)
		for (int op = spans[i].from; op <= spans[i].to; op++, want++)
			assert_true(seen[op]);
	assert_int_equal(tty_modes_count, want);
	assert_int_equal(want, 54 + 2);
}

static void modes_survive_the_wire(void **state)
{
	(void)state;
	struct termios a, b;
	struct buf wire = BUF_INIT(4096);
	memset(&a, 0, sizeof a);
	memset(&b, 0xff, sizeof b);
	a.c_iflag = ICRNL | IXON | IUTF8;
	a.c_lflag = ISIG | ICANON | ECHO | IEXTEN;
	a.c_oflag = OPOST | ONLCR;
	a.c_cflag = CS7 | PARENB;
	for (size_t i = 0; i < NCCS; i++)
		a.c_cc[i] = (cc_t)(i + 1);
	a.c_cc[VQUIT] = _POSIX_VDISABLE;
	cfsetispeed(&a, B9600);
	cfsetospeed(&a, B115200);
	tty_modes_encode(&a, &wire);
	b.c_cflag = CS8;
	assert_true(tty_modes_decode(buf_slice(&wire), &b));
	for (size_t i = 0; i < tty_modes_count; i++) {
		const struct tty_mode *m = &tty_modes[i];
		if (m->value == TTY_NOWHERE)
			continue;
		if (m->field == TTY_CHAR)
			assert_int_equal(a.c_cc[m->value], b.c_cc[m->value]);
		if (m->field == TTY_INPUT)
			assert_int_equal(a.c_iflag & m->value, b.c_iflag & m->value);
		if (m->field == TTY_LOCAL)
			assert_int_equal(a.c_lflag & m->value, b.c_lflag & m->value);
		if (m->field == TTY_OUTPUT)
			assert_int_equal(a.c_oflag & m->value, b.c_oflag & m->value);
	}
	assert_int_equal(b.c_cflag & CSIZE, CS7);
	assert_true(b.c_cflag & PARENB);
	assert_int_equal(cfgetospeed(&b), B115200);
	/* A disabled character is 255 on the wire. */
	const uint8_t quit[] = {2, 0, 0, 0, 255};
	bool found = false;
	for (size_t i = 0; i + sizeof quit <= wire.len; i += 5)
		found = found || memcmp(wire.p + i, quit, sizeof quit) == 0;
	assert_true(found);
	buf_clear(&wire);
}

static void odd_lists_are_read_as_far_as_they_go(void **state)
{
	(void)state;
	static const uint8_t cut[] = {53, 0, 0, 0, 1, 50, 0, 0};
	static const uint8_t unknown[] = {53, 0, 0, 0, 1, 99, 1, 2, 3, 4, 50, 0, 0, 0, 1};          /* and no end */
	static const uint8_t ended[] = {53, 0, 0, 0, 1, 160, 50, 0, 0, 0, 1};
	struct termios t = {0};
	assert_false(tty_modes_decode(slice_of(cut, sizeof cut), &t));
	assert_int_equal(t.c_lflag, ECHO);
	t.c_lflag = 0;
	assert_true(tty_modes_decode(slice_of(unknown, sizeof unknown), &t));
	assert_int_equal(t.c_lflag, ECHO | ISIG);
	t.c_lflag = 0;
	assert_true(tty_modes_decode(slice_of(ended, sizeof ended), &t));
	assert_int_equal(t.c_lflag, ECHO);
	assert_true(tty_modes_decode(slice_of(NULL, 0), &t));
}

static void every_prefix_is_safe(void **state)
{
	(void)state;
	struct buf wire = BUF_INIT(4096);
	struct termios t = {0};
	tty_modes_encode(&t, &wire);
	for (size_t n = 0; n < wire.len; n++) {
		uint8_t *copy = mem_new(n);
		memcpy(copy, wire.p, n);
		assert_int_equal(tty_modes_decode(slice_of(copy, n), &t), n % 5 == 0);
		mem_free(copy);
	}
	buf_clear(&wire);
}

static void modes_reach_a_terminal(void **state)
{
	(void)state;
	static const uint8_t quiet[] = {53, 0, 0, 0, 0, 1, 0, 0, 0, 7, 0};
	struct pty p;
	struct termios t;
	struct buf wire = BUF_INIT(4096), none = BUF_INIT(16);
	assert_true(pty_open(&p, NULL));
	assert_true(tty_modes_apply(p.slave, slice_of(quiet, sizeof quiet)));
	assert_int_equal(tcgetattr(p.slave, &t), 0);
	assert_false(t.c_lflag & ECHO);
	assert_int_equal(t.c_cc[VINTR], 7);
	assert_true(tty_modes_of(p.slave, &wire));
	assert_int_equal(wire.len % 5, 1);
	int null = open("/dev/null", O_RDONLY);
	assert_false(tty_modes_of(null, &none));
	assert_int_equal(none.len, 1);
	close(null);
	buf_clear(&wire), buf_clear(&none);
	pty_close(&p);
}

static void raw_mode_is_left_as_it_was_found(void **state)
{
	(void)state;
	struct pty p;
	struct termios before, raw, after;
	assert_true(pty_open(&p, NULL));
	assert_int_equal(tcgetattr(p.slave, &before), 0);
	assert_true(tty_enter_raw(p.slave, false));
	assert_true(tty_enter_raw(p.slave, false));     /* twice: what was before is not forgotten */
	assert_int_equal(tcgetattr(p.slave, &raw), 0);
	assert_int_equal(raw.c_lflag & (ICANON | ECHO | ISIG), 0);
	assert_int_equal(raw.c_oflag & OPOST, 0);
	assert_true(tty_is_raw());
	tty_leave_raw();
	tty_leave_raw();
	assert_false(tty_is_raw());
	assert_int_equal(tcgetattr(p.slave, &after), 0);
	assert_memory_equal(&before.c_cc, &after.c_cc, sizeof before.c_cc);
	assert_int_equal(before.c_lflag, after.c_lflag);
	assert_int_equal(before.c_iflag, after.c_iflag);
	assert_int_equal(before.c_oflag, after.c_oflag);
	pty_close(&p);
	assert_false(tty_enter_raw(-1, false));
}

/* A child with a terminal of its own asks; we type. Its exit status tells what it got. */
static int asked(const char *typed, bool echo, size_t max, char *screen, size_t size)
{
	struct pty p;
	struct proc_exit x;
	assert_true(pty_open(&p, NULL));
	pid_t pid = proc_fork(PROC_SETSID, NULL, NULL);
	if (pid == 0) {
		struct buf b = BUF_INIT_SECRET(max);
		struct err e = {0};
		if (!pty_make_controlling(p.slave))
			_exit(9);
		signal(SIGINT, SIG_IGN);
		bool ok = tty_read_line("Word: ", echo, &b, &e);
		_exit(ok ? slice_eq_str(buf_slice(&b), "apple") ? 0 : 1 : 10 + (int)e.code);
	}
	fd_close(&p.slave);                     /* ours: the master must see the end of the child's */
	size_t have = 0;
	bool sent = false;
	for (;;) {
		char piece[64];                     /* a report byte comes first (sys/pty.h) */
		ssize_t n = read(p.master, piece, sizeof piece);
		if (n <= 0)
			break;
		if (piece[0] != TIOCPKT_DATA || have + (size_t)n > size)
			continue;
		memcpy(screen + have, piece + 1, (size_t)n - 1);
		have += (size_t)n - 1;
		screen[have] = 0;
		if (!sent && strstr(screen, "Word: ")) {
			assert_true(fd_write_all(p.master, slice_str(typed), 1000, NULL));
			sent = true;
		}
	}
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	pty_close(&p);
	return x.by_signal ? -x.code : x.code;
}

static void a_secret_is_read_without_echo(void **state)
{
	(void)state;
	char screen[256] = "";
	assert_int_equal(asked("apple\n", false, 64, screen, sizeof screen), 0);
	assert_null(strstr(screen, "apple"));
	assert_int_equal(asked("apple\n", true, 64, screen, sizeof screen), 0);
	assert_non_null(strstr(screen, "apple"));
	assert_int_equal(asked("pear\n", false, 64, screen, sizeof screen), 1);
	assert_int_equal(asked("apple\n", false, 4, screen, sizeof screen), 10 + ERR_LIMIT);
	assert_int_equal(asked("\4", false, 64, screen, sizeof screen), 10 + ERR_MISSING);   /* ^D */
	assert_int_equal(asked("app\3", false, 64, screen, sizeof screen), 10 + ERR_DENIED); /* ^C */
}

static int no_terminal(void)
{
	struct buf b = BUF_INIT(10);
	struct err e = {0};
	return !tty_read_line("?", false, &b, &e) && strstr(e.text, "SSH_ASKPASS") ? 0 : 1;
}

static void without_a_terminal_it_says_what_to_do(void **state)
{
	(void)state;
	struct proc_exit x;
	pid_t pid = proc_fork(PROC_SETSID, NULL, NULL);
	if (pid == 0)
		_exit(no_terminal());
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	assert_int_equal(x.code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opcodes_are_those_of_the_rfc),
		cmocka_unit_test(modes_survive_the_wire),
		cmocka_unit_test(odd_lists_are_read_as_far_as_they_go),
		cmocka_unit_test(every_prefix_is_safe),
		cmocka_unit_test(modes_reach_a_terminal),
		cmocka_unit_test(raw_mode_is_left_as_it_was_found),
		cmocka_unit_test(a_secret_is_read_without_echo),
		cmocka_unit_test(without_a_terminal_it_says_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
