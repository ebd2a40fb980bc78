#include "server/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "conf/sshd_load.h"

/* Limits as lines of a configuration make them. */
static struct limits *with(const char *lines)
{
	struct sshd_file *f = sshd_file_new(NULL);
	struct sshd_conf c;
	struct conf_ask ask;
	sshd_file_text(f, "test", slice_str(lines));
	while (sshd_file_next(f, &ask) != CONF_DONE)
		fail_msg("%s", ask.text);
	assert_true(sshd_conf_resolve(f, NULL, &c, NULL));
	struct limits *l = limits_new(&c);
	sshd_conf_clear(&c);
	sshd_file_free(f);
	return l;
}

static struct addr from(const char *text)
{
	struct addr a;
	assert_true(addr_parse(slice_str(text), &a));
	return a;
}

static void early_drop_grows_from_rate_to_all(void **state)
{
	(void)state;
	struct limits *l = with("MaxStartups 2:50:4\n");
	struct addr a = from("192.0.2.1");
	limits_begin(l, &a);
	assert_null(limits_refuse(l, &a, 0, 1));
	limits_begin(l, &a);
	assert_string_equal(limits_refuse(l, &a, 49, 1), "Maxstartups");
	assert_null(limits_refuse(l, &a, 50, 1));
	limits_begin(l, &a);
	assert_string_equal(limits_refuse(l, &a, 74, 1), "Maxstartups");
	assert_null(limits_refuse(l, &a, 75, 1));
	limits_begin(l, &a);
	assert_string_equal(limits_refuse(l, &a, 99, 1), "Maxstartups");
	assert_int_equal(limits_waiting(l), 4);
	for (int i = 0; i < 4; i++)
		limits_end(l, &a);
	assert_null(limits_refuse(l, &a, 0, 1));
	limits_free(l);
}

static void a_source_has_its_own_limit(void **state)
{
	(void)state;
	struct limits *l = with("PerSourceMaxStartups 1\nPerSourceNetBlockSize 24:64\n");
	struct addr a = from("192.0.2.1"), near = from("192.0.2.77"), far = from("192.0.3.1"), six = from("2001:db8::1"), six2 = from("2001:db8::2");
	limits_begin(l, &a);
	limits_begin(l, &six);
	assert_non_null(limits_refuse(l, &near, 99, 1));
	assert_null(limits_refuse(l, &far, 99, 1));
	assert_non_null(limits_refuse(l, &six2, 99, 1));
	limits_end(l, &a);
	assert_null(limits_refuse(l, &near, 99, 1));
	limits_free(l);
}

static void penalties_add_up_and_end(void **state)
{
	(void)state;
	struct limits *l = with("PerSourcePenalties authfail:5 min:8 max:12\nPerSourcePenaltyExemptList 10.0.0.0/8\n");
	struct addr a = from("192.0.2.1"), exempt = from("10.1.2.3");
	limits_penalize(l, &a, 5, false, 1000);
	assert_null(limits_refuse(l, &a, 99, 1001));        /* below min */
	limits_penalize(l, &a, 5, false, 1000);
	assert_string_equal(limits_refuse(l, &a, 99, 1001), "penalty: failed authentication");
	limits_penalize(l, &a, 5, false, 1000);
	limits_penalize(l, &a, 5, false, 1000);
	assert_non_null(limits_refuse(l, &a, 99, 12999));   /* never past max */
	assert_null(limits_refuse(l, &a, 99, 13001));
	for (int i = 0; i < 9; i++)
		limits_penalize(l, &exempt, 5, false, 1000);
	assert_null(limits_refuse(l, &exempt, 99, 1001));
	limits_penalize(l, &a, 0, true, 100000);
	assert_string_equal(limits_refuse(l, &a, 99, 100001), "penalty: caused crash");
	limits_free(l);
}

static void the_table_does_not_grow_without_bound(void **state)
{
	(void)state;
	struct limits *l = with("PerSourcePenalties max-sources4:16 authfail:100 min:1 max:1000\n");
	char text[32];
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof text, "192.0.2.%d", i);
		struct addr a = from(text);
		limits_penalize(l, &a, 5, false, 1000);
	}
	struct addr first = from("192.0.2.3"), last = from("192.0.2.199");
	assert_non_null(limits_refuse(l, &first, 99, 1001));
	assert_null(limits_refuse(l, &last, 99, 1001));
	limits_free(l);
}

static void log_lines_are_counted_by_the_minute(void **state)
{
	(void)state;
	struct limits *l = with("");
	unsigned suppressed = 0;
	for (int i = 0; i < 4; i++)
		assert_true(limits_may_log(l, false, 100000, &suppressed));
	assert_false(limits_may_log(l, false, 100001, &suppressed));
	assert_false(limits_may_log(l, false, 100002, &suppressed));
	assert_true(limits_may_log(l, true, 100002, &suppressed));
	assert_true(limits_may_log(l, false, 170000, &suppressed));
	assert_int_equal(suppressed, 2);
	limits_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(early_drop_grows_from_rate_to_all),
		cmocka_unit_test(a_source_has_its_own_limit),
		cmocka_unit_test(penalties_add_up_and_end),
		cmocka_unit_test(the_table_does_not_grow_without_bound),
		cmocka_unit_test(log_lines_are_counted_by_the_minute),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
