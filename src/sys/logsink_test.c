#include "sys/logsink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/fd.h"
#include "sys/files.h"

static void names_are_those_of_the_configuration(void **state)
{
	(void)state;
	enum log_level l;
	assert_int_equal(logsink_facility("authpriv"), LOG_AUTHPRIV);
	assert_int_equal(logsink_facility("LOCAL7"), LOG_LOCAL7);
	assert_int_equal(logsink_facility("KERN"), -1);
	assert_true(logsink_level("debug", &l));
	assert_int_equal(l, LOG_LEVEL_DEBUG1);
	assert_true(logsink_level("VERBOSE", &l));
	assert_int_equal(l, LOG_LEVEL_VERBOSE);
	assert_false(logsink_level("loud", &l));
	assert_string_equal(logsink_level_name(LOG_LEVEL_DEBUG1), "DEBUG1");
	assert_string_equal(logsink_level_name(LOG_LEVEL_QUIET), "QUIET");
}

static void a_file_gets_one_line_a_record(void **state)
{
	(void)state;
	char dir[64], path[80];
	struct buf b = BUF_INIT(4096);
	struct stat st;
	struct err e;
	snprintf(dir, sizeof dir, "%s/hawser-log-XXXXXX", P_tmpdir);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/log", dir);
	assert_true(logsink_use_file(LOG_LEVEL_DEBUG1, path, &e));
	log_info("Accepted password for %s", "a\nb");
	log_debug("seen");
	log_debug2("not seen");
	log_error("bad");
	logsink_use_stderr(LOG_LEVEL_INFO, NULL);
	assert_true(file_read(path, &(struct file_policy){.max = 4096}, &b, &e));
	assert_string_equal(buf_cstr(&b), "Accepted password for a\\nb\r\ndebug1: seen\r\nbad\r\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(logsink_use_file(LOG_LEVEL_INFO, dir, &e));
	buf_clear(&b);
	unlink(path);
	rmdir(dir);
}

static void stderr_lines_may_have_a_prefix(void **state)
{
	(void)state;
	int p[2], keep = dup(2);
	char text[64] = "";
	assert_true(fd_pipe(p, NULL));
	assert_int_equal(dup2(p[1], 2), 2);
	logsink_use_stderr(LOG_LEVEL_INFO, "sshd: ");
	log_error("bad");
	dup2(keep, 2);
	close(keep);
	assert_true(read(p[0], text, sizeof text - 1) > 0);
	assert_string_equal(text, "sshd: bad\r\n");
	fd_close(&p[0]), fd_close(&p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_configuration),
		cmocka_unit_test(a_file_gets_one_line_a_record),
		cmocka_unit_test(stderr_lines_may_have_a_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
