#include "server/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char *value(const struct user_env *e, const char *name)
{
	size_t n = strlen(name);
	const char *found = NULL;
	for (size_t i = 0; i < e->n; i++)
		if (strncmp(e->v[i], name, n) == 0 && e->v[i][n] == '=') {
			assert_null(found);                     /* a name stands once */
			found = e->v[i] + n + 1;
		}
	return found;
}

static void put(struct buf *b, const char *s)
{
	put_cstring(b, s);
}

static void later_sources_win(void **state)
{
	(void)state;
	struct user u = {0};
	struct user_session s = {0};
	struct user_env e = {0};
	struct buf pam = BUF_INIT(1000), set = BUF_INIT(1000), key = BUF_INIT(1000);
	put(&pam, "A=pam"), put(&pam, "B=pam"), put(&pam, "C=pam"), put(&pam, "no equals sign"), put(&pam, "=no name");
	put(&set, "B=set"), put(&set, "C=set");
	put(&key, "C=key"), put(&key, "SSH_CLIENT=forged");
	u.rights = (struct frame_rights){.user = SLICE_LIT("ann"), .home = SLICE_LIT("/no/such/home"), .shell = SLICE_LIT("/bin/x"), .uid = 1000,
		.pam_env = buf_slice(&pam), .set_env = buf_slice(&set), .key_env = buf_slice(&key), .client_ip = SLICE_LIT("192.0.2.1"),
		.server_ip = SLICE_LIT("192.0.2.2"), .client_port = 5, .server_port = 22};
	user_env_put(&s.env, SLICE_LIT("HOME=/client/says"));
	user_env_put(&s.env, SLICE_LIT("LANG=C"));
	s.original = (char[]){"what was asked"};
	user_env_build(&u, &s, &e);
	assert_string_equal(value(&e, "A"), "pam");
	assert_string_equal(value(&e, "B"), "set");
	assert_string_equal(value(&e, "C"), "key");
	assert_string_equal(value(&e, "HOME"), "/no/such/home");
	assert_string_equal(value(&e, "LANG"), "C");
	assert_string_equal(value(&e, "SSH_CLIENT"), "192.0.2.1 5 22");
	assert_string_equal(value(&e, "SSH_CONNECTION"), "192.0.2.1 5 192.0.2.2 22");
	assert_string_equal(value(&e, "MAIL"), "/var/mail/ann");
	assert_string_equal(value(&e, "SSH_ORIGINAL_COMMAND"), "what was asked");
	assert_null(value(&e, "SSH_TTY"));
	assert_null(value(&e, "TERM"));
	assert_null(e.v[e.n]);
	user_env_clear(&e);
	user_env_clear(&s.env);
	buf_clear(&pam);
	buf_clear(&set);
	buf_clear(&key);
}

static void pam_knows_the_mailbox_itself(void **state)
{
	(void)state;
	struct user u = {.rights = {.user = SLICE_LIT("root"), .home = SLICE_LIT("/"), .use_pam = true, .uid = 0}};
	struct user_session s = {.term = (char[]){"vt100"}, .has_pty = true, .pty = {-1, -1, "/dev/pts/9"}};
	struct user_env e = {0};
	user_env_build(&u, &s, &e);
	assert_null(value(&e, "MAIL"));
	assert_string_equal(value(&e, "TERM"), "vt100");
	assert_string_equal(value(&e, "SSH_TTY"), "/dev/pts/9");
	assert_non_null(strstr(value(&e, "PATH"), "sbin"));
	user_env_clear(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_sources_win),
		cmocka_unit_test(pam_knows_the_mailbox_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
