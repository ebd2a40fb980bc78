#include "base/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void the_clients_order_decides(void **state)
{
	(void)state;
	assert_true(slice_eq_str(names_common(SLICE_LIT("a,b,c"), SLICE_LIT("c,b")), "b"));
	assert_int_equal(names_common(SLICE_LIT("a"), SLICE_LIT("b")).n, 0);
}

static void lists_are_checked(void **state)
{
	(void)state;
	assert_true(names_valid(SLICE_LIT("")));
	assert_true(names_valid(SLICE_LIT("a,b@c.d")));
	assert_false(names_valid(SLICE_LIT("a,,b")));
	assert_false(names_valid(SLICE_LIT("a,")));
	assert_false(names_valid(SLICE_LIT(",a")));
	assert_false(names_valid(SLICE_LIT("a b")));
	assert_false(names_valid(SLICE_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
	assert_true(names_has_str(SLICE_LIT("ab,a"), "a"));
	assert_false(names_has_str(SLICE_LIT("ab"), "a"));
}

static void empty_names_of_peers_are_passed_over(void **state)
{
	(void)state;
	assert_true(names_readable(SLICE_LIT(",a,,b,")));
	assert_true(slice_eq_str(names_common(SLICE_LIT(",a,,b,"), SLICE_LIT("b,")), "b"));
	assert_int_equal(names_common(SLICE_LIT(","), SLICE_LIT(",")).n, 0);
	assert_false(names_readable(SLICE_LIT("a, b")));
	assert_false(names_readable(SLICE_LIT(",aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clients_order_decides),
		cmocka_unit_test(lists_are_checked),
		cmocka_unit_test(empty_names_of_peers_are_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
