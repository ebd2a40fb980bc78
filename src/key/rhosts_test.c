#include "key/rhosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

static void lines_are_read(void **state)
{
	(void)state;
	static const struct { const char *text, *host, *user; bool host_group, user_group, negated; } rows[] = {
		{"a\n", "a", "", false, false, false},
		{" \ta.example  bob \r\n", "a.example", "bob", false, false, false},
		{"-a", "a", "", false, false, true},
		{"a -bob", "a", "bob", false, false, true},
		{"+a +bob", "a", "bob", false, false, false},
		{"+@hosts", "hosts", "", true, false, false},
		{"-@hosts @people", "hosts", "people", true, true, true},
		{"# x\n\n+\n-\n@\n+@\na +\na -\nNO_PLUS\na b c\na b # c\nlast", "last", "", false, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice text = slice_str(rows[i].text);
		struct rhosts_line l;
		assert_true(rhosts_next(&text, &l));
		assert_true(slice_eq_str(l.host, rows[i].host) && slice_eq_str(l.user, rows[i].user));
		assert_int_equal(l.host_group, rows[i].host_group);
		assert_int_equal(l.user_group, rows[i].user_group);
		assert_int_equal(l.negated, rows[i].negated);
		assert_false(rhosts_next(&text, &l));
	}
}

static void what_is_long_or_holds_a_nul_is_no_line(void **state)
{
	(void)state;
	char text[RHOSTS_LINE_MAX + 3];
	struct rhosts_line l;
	memset(text, 'x', sizeof text);
	text[RHOSTS_LINE_MAX] = '\n';
	struct slice s = slice_of(text, RHOSTS_LINE_MAX + 1);
	assert_true(rhosts_next(&s, &l));
	assert_int_equal(l.host.n, RHOSTS_LINE_MAX);
	text[RHOSTS_LINE_MAX] = 'x';
	text[RHOSTS_LINE_MAX + 1] = '\n';
	s = slice_of(text, RHOSTS_LINE_MAX + 2);
	assert_false(rhosts_next(&s, &l));
	s = SLICE_LIT("a\0b\nc");
	assert_true(rhosts_next(&s, &l));
	assert_true(slice_eq_str(l.host, "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(what_is_long_or_holds_a_nul_is_no_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
