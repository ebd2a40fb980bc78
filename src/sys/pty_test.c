#include "sys/pty.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

static void both_ends_talk_and_know_the_size(void **state)
{
	(void)state;
	struct pty p;
	struct pty_size s = {.columns = 132, .rows = 43, .width = 70000, .height = 5}, got;
	char c[8] = "";
	assert_true(pty_open(&p, NULL));
	assert_int_equal(strncmp(p.name, "/dev/pts/", 9), 0);
	assert_true(pty_set_size(p.master, &s));
	assert_true(pty_get_size(p.slave, &got));
	assert_int_equal(got.columns, 132);
	assert_int_equal(got.rows, 43);
	assert_int_equal(got.width, 65535);
	assert_int_equal(write(p.master, "hi\n", 3), 3);
	assert_int_equal(read(p.slave, c, sizeof c), 3);
	assert_memory_equal(c, "hi\n", 3);
	pty_close(&p);
	assert_int_equal(p.master, -1);
	assert_false(pty_get_size(p.slave, &got));
}

static void a_terminal_is_given_and_taken_back(void **state)
{
	(void)state;
	struct pty p;
	struct stat st;
	assert_true(pty_open(&p, NULL));
	assert_true(pty_give(&p, 65534, 65534, NULL));
	assert_int_equal(fstat(p.slave, &st), 0);
	if (geteuid() != 0) {
		assert_int_equal(st.st_uid, geteuid());
		pty_close(&p);
		return;
	}
	const struct group *tty = getgrnam("tty");
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(st.st_mode & 0777, tty ? 0620 : 0600);
	if (tty)
		assert_int_equal(st.st_gid, tty->gr_gid);
	pty_take_back(p.name);
	assert_int_equal(fstat(p.slave, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	pty_close(&p);
	pty_take_back(p.name);                  /* gone by now: no harm */
}

static void flow_control_is_reported(void **state)
{
	(void)state;
	struct pty p;
	struct termios t;
	uint8_t c[8] = {0};
	assert_true(pty_open(&p, NULL));
	assert_int_equal(read(p.master, c, sizeof c), 1);       /* what holds at the start */
	assert_int_equal(c[0], TIOCPKT_DOSTOP);
	assert_int_equal(write(p.slave, "hi", 2), 2);
	assert_int_equal(read(p.master, c, sizeof c), 3);
	assert_memory_equal(c, "\0hi", 3);
	assert_int_equal(tcgetattr(p.slave, &t), 0);
	t.c_iflag &= ~(tcflag_t)IXON;
	assert_int_equal(tcsetattr(p.slave, TCSANOW, &t), 0);
	assert_int_equal(read(p.master, c, sizeof c), 1);
	assert_int_equal(c[0], TIOCPKT_NOSTOP);
	pty_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_talk_and_know_the_size),
		cmocka_unit_test(a_terminal_is_given_and_taken_back),
		cmocka_unit_test(flow_control_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
