#include "sys/account.h"

#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sys/process.h"

enum { DAY = 86400, SOME = 65534 };

static void a_user_is_found_by_name_and_number(void **state)
{
	(void)state;
	struct err e;
	struct account *a = account_find("root", &e), *b = account_find_uid(0, &e);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(a->uid, 0);
	assert_string_equal(a->name, "root");
	assert_string_equal(b->home, a->home);
	assert_int_equal(a->has_shadow, geteuid() == 0);
	account_free(a);
	account_free(b);
	assert_null(account_find("no-such-user\n", &e));
	assert_int_equal(e.code, ERR_MISSING);
	assert_non_null(strstr(e.text, "\\n"));
	assert_null(account_find_uid(3999999999u, &e));
	assert_int_equal(e.code, ERR_MISSING);
	account_free(NULL);
}

static void shadow_facts_are_judged_by_the_day(void **state)
{
	(void)state;
	static const struct { const char *hash; long changed, max, warn, expires; enum account_state want; long left; } rows[] = {
		{"$y$x", 19000, 99999, 7, -1, ACCOUNT_OK, -1},
		{"!$y$x", 19000, 99999, 7, -1, ACCOUNT_LOCKED, -1},
		{"!", 19000, 99999, 7, -1, ACCOUNT_LOCKED, -1},
		{"*", 19000, 99999, 7, -1, ACCOUNT_OK, -1},                /* no password, but keys may do */
		{"$y$x", 19000, 99999, 7, 20000, ACCOUNT_OK, 0},           /* the last day counts */
		{"$y$x", 19000, 99999, 7, 19999, ACCOUNT_EXPIRED, -1},
		{"$y$x", 0, 99999, 7, -1, ACCOUNT_PASSWORD_EXPIRED, -1},
		{"$y$x", 19900, 100, 7, -1, ACCOUNT_OK, 0},
		{"$y$x", 19899, 100, 7, -1, ACCOUNT_PASSWORD_EXPIRED, -1},
		{"$y$x", 19905, 100, 7, 20003, ACCOUNT_OK, 3},
		{"$y$x", 19905, -1, 7, -1, ACCOUNT_OK, -1},
		{"$y$x", -1, 5, 7, -1, ACCOUNT_OK, -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct account a = {.name = (char[]){"ann"}, .shell = (char[]){"/bin/sh"}, .hash = mem_str(rows[i].hash), .has_shadow = true,
			.changed = rows[i].changed, .max_days = rows[i].max, .warn_days = rows[i].warn, .inactive_days = -1, .expires = rows[i].expires};
		int64_t now = (int64_t)20000 * DAY + 5;
		if (account_judge(&a, now) != rows[i].want || account_days_left(&a, now) != rows[i].left)
			fail_msg("row %zu: %d, %ld", i, account_judge(&a, now), account_days_left(&a, now));
		mem_free(a.hash);
	}
	struct account *fake = account_fake("ann");
	assert_int_equal(account_judge(fake, 0), ACCOUNT_NO_SHELL);
	account_free(fake);
}

static void groups_have_names(void **state)
{
	(void)state;
	struct account *a = account_find("root", NULL);
	struct account_groups g;
	assert_true(account_groups(a, &g, NULL));
	assert_true(g.n >= 1);
	assert_int_equal(g.gid[0], a->gid);
	assert_string_equal(g.name[0], "root");
	assert_true(account_in_group("root", a->gid, a->gid));
	assert_false(account_in_group("root", a->gid, 3999999999u));
	account_groups_clear(&g);
	account_free(a);
}

/* In a child: becoming is for good. */
static int exit_of(int (*body)(void))
{
	struct proc_exit x;
	pid_t pid = proc_fork(0, NULL, NULL);
	if (pid == 0)
		_exit(body());
	assert_int_equal(proc_wait(pid, true, &x), PROC_ENDED);
	return x.by_signal ? -x.code : x.code;
}

static int become_a_user(void)
{
	struct account a = {.name = (char[]){"root"}, .uid = SOME, .gid = SOME};
	gid_t groups[] = {SOME, 12345};
	if (setgroups(2, groups) < 0 || !account_become(&a, NULL))
		return 1;
	if (getuid() != SOME || getegid() != SOME || setuid(0) == 0 || setgid(0) == 0)
		return 2;
	if (getgroups(0, NULL) != 2)
		return 3;
	return prctl(PR_CAPBSET_READ, 1) == 1 ? 0 : 4;  /* the bounding set stays: sudo of the user's shell needs it */
}

static int become_a_service(void)
{
	if (!account_become_service(SOME, SOME, NULL))
		return 1;
	if (getgroups(0, NULL) != 0 || getuid() != SOME || seteuid(0) == 0)
		return 2;
	return prctl(PR_CAPBSET_READ, 1) == 0 ? 0 : 3;
}

static int become_another_as_nobody(void)
{
	struct account a = {.name = (char[]){"x"}, .uid = SOME - 1, .gid = SOME - 1};
	if (geteuid() == 0 && !account_become_service(SOME, SOME, NULL))
		return 1;
	return !account_become(&a, NULL) && !account_become_service(SOME - 1, SOME - 1, NULL) ? 0 : 2;
}

static int drop_as_whoever(void)
{
	return account_drop_capabilities(NULL) ? 0 : 1;
}

static void what_is_given_up_does_not_come_back(void **state)
{
	(void)state;
	assert_int_equal(exit_of(drop_as_whoever), 0);
	assert_int_equal(exit_of(become_another_as_nobody), 0);
	if (geteuid() != 0) {
		print_message("not root: the rest is skipped\n");
		return;
	}
	assert_int_equal(exit_of(become_a_user), 0);
	assert_int_equal(exit_of(become_a_service), 0);
}

static void the_service_has_a_user(void **state)
{
	(void)state;
	uid_t uid;
	gid_t gid;
	const char *name;
	if (!account_service(&uid, &gid, &name))
		skip();
	assert_int_not_equal(uid, 0);
	assert_true(strcmp(name, "sshd") == 0 || strcmp(name, "nobody") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_is_found_by_name_and_number),
		cmocka_unit_test(shadow_facts_are_judged_by_the_day),
		cmocka_unit_test(groups_have_names),
		cmocka_unit_test(what_is_given_up_does_not_come_back),
		cmocka_unit_test(the_service_has_a_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
