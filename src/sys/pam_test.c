#include "sys/pam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"

static char dir[64], script[96];
static char seen[256];
static const char *answer;

static void put_file(const char *name, const char *text, mode_t mode)
{
	char path[160];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* Notes what was asked, and answers hidden prompts. */
static bool ask(void *arg, const struct pam_prompt *p, size_t n, struct buf *answers)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(seen);
		snprintf(seen + at, sizeof seen - at, "%d:%s|", p[i].kind, p[i].text);
		if (p[i].kind == PAM_PROMPT_SECRET && answer == NULL)
			return false;
		if (p[i].kind == PAM_PROMPT_SECRET)
			put_cstring(answers, answer);
	}
	return true;
}

static struct pam_login *start(const char *service)
{
	struct err e = {0};
	struct pam_login *l = pam_login_new(service, "ann", "192.0.2.1", "ssh", &e);
	if (l == NULL)
		fail_msg("%s", e.text);
	pam_login_set_ask(l, ask, NULL);
	seen[0] = 0;
	return l;
}

static void a_login_goes_through_all_steps(void **state)
{
	(void)state;
	struct err e;
	struct pam_login *l = start("good");
	answer = "secret";
	assert_int_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_OK);
	assert_non_null(strstr(seen, "0:Password: |"));
	assert_int_equal(pam_login_account(l, &e), PAM_VERDICT_OK);
	assert_true(pam_login_establish(l, &e));
	assert_true(pam_login_set_tty(l, "/dev/pts/99"));
	assert_true(pam_login_open_session(l, &e));
	assert_non_null(strstr(seen, "2:welcome"));
	assert_string_equal(pam_login_user(l), "ann");
	assert_true(pam_login_put_env(l, "FRUIT", "apple"));
	char **env = pam_login_env(l);
	bool found = false;
	for (size_t i = 0; env[i]; i++)
		found = found || strcmp(env[i], "FRUIT=apple") == 0;
	assert_true(found);
	mem_free(env);
	assert_true(pam_login_close_session(l, &e));
	pam_login_free(l);
}

static void a_wrong_password_is_no(void **state)
{
	(void)state;
	struct err e;
	struct pam_login *l = start("good");
	answer = "wrong";
	assert_int_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_NO);
	assert_non_null(strstr(e.text, "for ann"));
	answer = "secret";
	assert_int_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_OK);
	pam_login_free(l);
}

static void a_conversation_may_be_broken_off(void **state)
{
	(void)state;
	struct err e;
	struct pam_login *l = start("good");
	answer = NULL;
	assert_int_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_ABORTED);
	answer = "secret";
	assert_int_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_OK);
	pam_login_set_ask(l, NULL, NULL);
	assert_int_not_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_OK);
	pam_login_free(l);
}

static void the_password_method_has_its_own_ask(void **state)
{
	(void)state;
	struct err e;
	struct pam_login *l = start("good");
	struct slice password = SLICE_LIT("secret");
	pam_login_set_ask(l, pam_ask_password, &password);
	assert_int_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_OK);
	password = SLICE_LIT("sec\0ret");        /* a C string would end early */
	assert_int_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_NO);
	pam_login_free(l);
}

static void a_denied_account_is_no(void **state)
{
	(void)state;
	struct err e;
	struct pam_login *l = start("closed");
	assert_int_equal(pam_login_authenticate(l, false, &e), PAM_VERDICT_OK);
	assert_int_equal(pam_login_account(l, &e), PAM_VERDICT_NO);
	assert_false(pam_login_open_session(l, &e));
	pam_login_free(l);
	pam_login_free(NULL);
}

static int set_up(void **state)
{
	(void)state;
	char text[512];
	snprintf(dir, sizeof dir, "%s/hawser-pam-XXXXXX", P_tmpdir);
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(script, sizeof script, "%s/check", dir);
	put_file("check", "#!/bin/sh\n[ \"$PAM_TYPE\" != auth ] || [ \"$(tr -d '\\000')\" = secret ]\n", 0755);
	put_file("hello", "welcome\n", 0644);
	snprintf(text, sizeof text,
		"auth [success=1 default=ignore] pam_exec.so expose_authtok quiet %s\nauth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\npassword required pam_deny.so\n"
		"session required pam_permit.so\nsession optional pam_echo.so file=%s/hello\n", script, dir);
	put_file("good", text, 0644);
	put_file("closed", "auth required pam_permit.so\naccount required pam_deny.so\nsession required pam_deny.so\n", 0644);
	pam_login_use_folder(dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const names[] = {"check", "hello", "good", "closed"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[160];
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_goes_through_all_steps),
		cmocka_unit_test(a_wrong_password_is_no),
		cmocka_unit_test(a_conversation_may_be_broken_off),
		cmocka_unit_test(the_password_method_has_its_own_ask),
		cmocka_unit_test(a_denied_account_is_no),
	};
	if (!pam_login_built()) {
		print_message("built without PAM: skipped\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
