#include "sys/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utmp.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/clock.h"

static char dir[64], path[4][80];

static struct record session(const struct sock_addr *a)
{
	return (struct record){.user = "ann", .uid = 5, .line = "/dev/pts/7", .host = "192.0.2.9", .address = a, .pid = 4242};
}

static size_t records(int file, struct utmp *last)
{
	size_t n = 0;
	struct utmp u;
	FILE *f = fopen(path[file], "r");
	if (f == NULL)
		return 0;
	while (fread(&u, sizeof u, 1, f) == 1) {
		*last = u;
		n++;
	}
	fclose(f);
	return n;
}

static void a_session_is_written_and_ended(void **state)
{
	(void)state;
	struct sock_list l;
	struct utmp u = {0};
	struct record_last last;
	assert_true(sock_resolve("192.0.2.9", "1", AF_INET, SOCK_NUMERIC, &l, NULL));
	struct record r = session(&l.at[0]);
	assert_false(record_last_login(5, &last));
	record_login(&r);
	assert_int_equal(records(0, &u), 1);
	assert_int_equal(u.ut_type, USER_PROCESS);
	assert_int_equal(u.ut_pid, 4242);
	assert_string_equal(u.ut_line, "pts/7");
	assert_memory_equal(u.ut_id, "/7\0\0", 4);
	assert_string_equal(u.ut_user, "ann");
	assert_string_equal(u.ut_host, "192.0.2.9");
	assert_memory_equal(u.ut_addr_v6, "\300\0\2\11", 4);
	assert_int_equal(records(1, &u), 1);
	assert_true(record_last_login(5, &last));
	assert_string_equal(last.line, "pts/7");
	assert_string_equal(last.host, "192.0.2.9");
	assert_true(clock_wall() - last.when < 60);
	assert_false(record_last_login(4, &last));
	record_logout(&r);
	assert_int_equal(records(0, &u), 1);    /* the same slot */
	assert_int_equal(u.ut_type, DEAD_PROCESS);
	assert_int_equal(records(1, &u), 2);
	assert_int_equal(u.ut_type, DEAD_PROCESS);
	assert_string_equal(u.ut_line, "pts/7");
	sock_list_clear(&l);
}

static void a_failure_goes_to_a_private_file_only(void **state)
{
	(void)state;
	struct utmp u = {0};
	assert_int_equal(chmod(path[2], 0644), 0);
	record_failure("mallory", "h", NULL, 1);
	assert_int_equal(records(2, &u), 0);
	assert_int_equal(chmod(path[2], 0600), 0);
	record_failure("a-name-that-is-longer-than-its-field-of-32", "h", NULL, 1);
	assert_int_equal(records(2, &u), 1);
	assert_memory_equal(u.ut_user, "a-name-that-is-longer-than-its-field-of-32", sizeof u.ut_user);
	assert_string_equal(u.ut_line, "ssh:notty");
}

static void missing_files_are_not_made(void **state)
{
	(void)state;
	struct record r = session(NULL);
	struct record_last last;
	char none[4][400];
	for (int i = 0; i < 4; i++)
		snprintf(none[i], sizeof none[i], "%s.none", path[i]);
	record_use_files(&(struct record_files){none[0], none[1], none[2], none[3]});
	record_login(&r);
	record_logout(&r);
	record_failure("x", "h", NULL, 1);
	assert_false(record_last_login(5, &last));
	for (int i = 0; i < 4; i++)
		assert_int_not_equal(access(none[i], F_OK), 0);
	record_use_files(&(struct record_files){0});
	record_login(&r);                       /* no names at all: nothing happens */
}

static int set_up(void **state)
{
	(void)state;
	static const char *const names[] = {"utmp", "wtmp", "btmp", "lastlog"};
	snprintf(dir, sizeof dir, "%s/hawser-record-XXXXXX", P_tmpdir);
	if (mkdtemp(dir) == NULL)
		return -1;
	for (int i = 0; i < 4; i++) {
		snprintf(path[i], sizeof path[i], "%s/%s", dir, names[i]);
		FILE *f = fopen(path[i], "w");
		if (f == NULL || fclose(f) != 0)
			return -1;
	}
	record_use_files(&(struct record_files){path[0], path[1], path[2], path[3]});
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	record_use_files(NULL);
	for (int i = 0; i < 4; i++)
		unlink(path[i]);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_written_and_ended),
		cmocka_unit_test(a_failure_goes_to_a_private_file_only),
		cmocka_unit_test(missing_files_are_not_made),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
