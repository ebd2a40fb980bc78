#include "conf/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"

static const struct token tokens[] = {{'h', "host"}, {'p', "22"}, {'r', NULL}};
static const struct token_env env[] = {{"HOME", "/home/u"}, {"EMPTY", ""}, {NULL, NULL}};

static void gives(const char *text, const char *want)
{
	struct buf b = BUF_INIT(1000);
	struct err e = {0};
	bool ok = token_expand(text, "hpr", tokens, 3, env, &b, &e);
	if (want == NULL) {
		assert_false(ok);
		assert_true(e.text[0]);
	} else {
		assert_true(ok);
		assert_string_equal(buf_cstr(&b), want);
	}
	buf_clear(&b);
}

static void tokens_and_variables(void **state)
{
	(void)state;
	gives("a%h:%p%%", "ahost:22%");
	gives("", "");
	gives("${HOME}/x${EMPTY}", "/home/u/x");
	gives("$HOME $", "$HOME $");
	gives("%z", NULL);
	gives("%n", NULL);
	gives("%r", NULL);
	gives("100%", NULL);
	gives("${NOPE}", NULL);
	gives("${HOME", NULL);
	gives("${}", NULL);
	struct buf small = BUF_INIT(3);
	struct err e;
	assert_false(token_expand("%h", NULL, tokens, 3, NULL, &small, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	buf_clear(&small);
	struct buf plain = BUF_INIT(100);
	assert_true(token_expand("${HOME}", NULL, tokens, 3, NULL, &plain, &e));
	assert_string_equal(buf_cstr(&plain), "${HOME}");
	buf_clear(&plain);
}

static void rows_say_which_letters(void **state)
{
	(void)state;
	struct err e = {0};
	const struct conf_key *host = conf_find(&ssh_table, SLICE_LIT("HostName"));
	const struct conf_key *file = conf_find(&ssh_table, SLICE_LIT("IdentityFile"));
	char *s = conf_expand(host, "%h.example.com", tokens, 3, env, &e);
	assert_string_equal(s, "host.example.com");
	mem_free(s);
	assert_null(conf_expand(host, "%p", tokens, 3, env, &e));
	assert_non_null(strstr(e.text, "Hostname"));
	s = conf_expand(host, "${HOME}", tokens, 3, env, &e);
	assert_string_equal(s, "${HOME}");
	mem_free(s);
	s = conf_expand(file, "${HOME}/%h", tokens, 3, env, &e);
	assert_string_equal(s, "/home/u/host");
	mem_free(s);
}

static void variables_are_listed(void **state)
{
	(void)state;
	struct slice text = SLICE_LIT("a${ONE}$x${TWO}${"), name;
	assert_true(token_env_next(&text, &name));
	assert_true(slice_eq_str(name, "ONE"));
	assert_true(token_env_next(&text, &name));
	assert_true(slice_eq_str(name, "TWO"));
	assert_false(token_env_next(&text, &name));
}

static void names_for_a_shell(void **state)
{
	(void)state;
	static const char *const bad[] = {"-x", "a;b", "$(x)", "a b", "a\nb", "`x`", "a'b", "x|y", "a\\b", "!x"};
	assert_true(token_shell_safe(SLICE_LIT("user.name_1")));
	assert_true(token_shell_safe(SLICE_LIT("fe80::1%eth0")));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(token_shell_safe(slice_str(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_and_variables),
		cmocka_unit_test(rows_say_which_letters),
		cmocka_unit_test(variables_are_listed),
		cmocka_unit_test(names_for_a_shell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
