#include "client/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "client/client.h"

static bool parse(struct ssh_options *o, struct err *e, int n, ...)
{
	char *argv[16] = {(char *)(uintptr_t)"ssh"};
	va_list ap;
	va_start(ap, n);
	for (int i = 1; i <= n; i++)
		argv[i] = va_arg(ap, char *);
	va_end(ap);
	return options_parse(o, n + 1, argv, e);
}

/* What a row with a keyword must put into the list. */
static char *wanted(const struct option_row *r, const char *arg)
{
	const char *at = strchr(r->keyword, '%');
	return at ? mem_fmt("%.*s%s", (int)(at - r->keyword), r->keyword, arg) : mem_str(r->keyword);
}

static void every_row_sets_its_keyword(void **state)
{
	size_t n;
	const struct option_row *rows = options_table(&n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct ssh_options o;
		struct err e = {0};
		char apart[] = {'-', rows[i].letter, 0}, *joined = mem_fmt("-%cPort=7", rows[i].letter);
		bool ok = rows[i].arg ? parse(&o, &e, 3, apart, "Port=7", "host") : parse(&o, &e, 2, apart, "host");
		assert_int_equal(ok, !rows[i].later && rows[i].letter != '1');
		if (ok && rows[i].keyword) {
			char *want = wanted(&rows[i], "Port=7");
			assert_int_equal(o.nset, 1);
			assert_string_equal(o.set[0], want);
			mem_free(want);
		}
		if (ok)
			assert_string_equal(o.host, "host");
		else
			assert_non_null(strstr(e.text, apart));
		options_clear(&o);
		if (ok && rows[i].arg) {
			assert_true(parse(&o, &e, 2, joined, "host"));
			assert_string_equal(o.host, "host");
			options_clear(&o);
			assert_false(parse(&o, &e, 1, apart));
			options_clear(&o);
		}
		assert_non_null(rows[i].help);
		mem_free(joined);
	}
}

static void rows_are_there_once(void **state)
{
	size_t n;
	const struct option_row *rows = options_table(&n);
	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			assert_true(rows[i].letter != rows[k].letter);
}

static void flags_share_a_word(void **state)
{
	struct ssh_options o;
	struct err e;
	(void)state;
	assert_true(parse(&o, &e, 4, "-vTp22", "host", "-v", "echo"));
	assert_int_equal(o.verbose, 2);
	assert_int_equal(o.nset, 2);
	assert_string_equal(o.set[1], "Port=22");
	assert_string_equal(o.command, "echo");
	options_clear(&o);
	assert_true(parse(&o, &e, 4, "-tt", "host", "--", "-v"));
	assert_string_equal(o.command, "-v");
	assert_string_equal(o.set[0], "RequestTTY=force");
	options_clear(&o);
}

static void destinations(void **state)
{
	static const struct { const char *text, *user, *host, *port; } good[] = {
		{"host", NULL, "host", NULL}, {"me@host", "me", "host", NULL}, {"a@b@host", "a@b", "host", NULL}, {"::1", NULL, "::1", NULL},
		{"ssh://host", NULL, "host", NULL}, {"ssh://me@host:22", "me", "host", "22"}, {"ssh://host:22/", NULL, "host", "22"},
		{"ssh://[::1]:22", NULL, "::1", "22"}, {"ssh://m%65@host", "me", "host", NULL},
	};
	static const char *const bad[] = {"", "@host", "-x", "ssh://", "ssh://%zz@host", "ssh://%0a@host", "ssh://m%6"};
	struct err e;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct ssh_options o = {0};
		assert_true(options_destination(&o, good[i].text, &e));
		assert_string_equal(o.host, good[i].host);
		assert_true(good[i].user ? o.user && strcmp(o.user, good[i].user) == 0 : o.user == NULL);
		assert_true(good[i].port ? o.port && strcmp(o.port, good[i].port) == 0 : o.port == NULL);
		options_clear(&o);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ssh_options o = {0};
		assert_false(options_destination(&o, bad[i], &e));
		options_clear(&o);
	}
}

/* RFC 8305, section 4: 6 6 6 4 4 becomes 6 4 6 4 6, and within a family the resolver's order stays. */
static void address_families_take_turns(void **state)
{
	static const int before[] = {AF_INET6, AF_INET6, AF_INET6, AF_INET, AF_INET};
	static const int after[] = {AF_INET6, AF_INET, AF_INET6, AF_INET, AF_INET6}, numbers[] = {0, 3, 1, 4, 2};
	struct sock_addr at[5] = {{.len = 0}};
	struct sock_list list = {.at = at, .n = 5};
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		at[i].any.sa_family = (sa_family_t)before[i];
		at[i].len = (socklen_t)i;
	}
	connect_interleave(&list);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(at[i].any.sa_family, after[i]);
		assert_int_equal(at[i].len, numbers[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_sets_its_keyword), cmocka_unit_test(rows_are_there_once),
		cmocka_unit_test(flags_share_a_word), cmocka_unit_test(destinations), cmocka_unit_test(address_families_take_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
