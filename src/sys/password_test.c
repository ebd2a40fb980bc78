#include "sys/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"

/* SHA-256 and SHA-512: "Unix crypt using SHA-256 and SHA-512" (U. Drepper), its own test vectors. */
static const struct { const char *clear, *hash; } known[] = {
	{"Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
	{"Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
};
static char *fake;

static enum password check(const char *clear, const char *hash, bool permit_empty)
{
	struct err e = {0};
	enum password p = password_check(slice_str(clear), hash, fake, permit_empty, &e);
	if (e.code != ERR_NONE)
		fail_msg("%s", e.text);
	return p;
}

static void the_right_password_is_yes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		assert_int_equal(check(known[i].clear, known[i].hash, false), PASSWORD_YES);
		assert_int_equal(check("Hello world", known[i].hash, false), PASSWORD_NO);
		assert_int_equal(check("", known[i].hash, true), PASSWORD_NO);
		assert_int_equal(check("", known[i].hash, false), PASSWORD_NO);
	}
}

static void locked_missing_and_broken_hashes_are_no(void **state)
{
	(void)state;
	static const char *const bad[] = {NULL, "*", "!", "!!", "x", "!$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
		"$5$saltstring$", "$5$saltstring", "$99$what$ever", ":"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(check("Hello world!", bad[i], true), PASSWORD_NO);
		assert_int_equal(check("", bad[i], true), PASSWORD_NO);
	}
	/* The fake's own setting must not be a password either. */
	assert_int_equal(check(fake, NULL, true), PASSWORD_NO);
}

static void methods_that_cost_less_are_known(void **state)
{
	(void)state;
	static const char slow[] = "$y$j9T$abcdefgh$";
	assert_true(password_costs_alike("$y$j9T$.fgh$EFj0YrhxIAIEkPPnXJUBdLUZyjKhTHZYs5ZoBcEUKxB", slow));
	assert_false(password_costs_alike(known[0].hash, slow));
	assert_false(password_costs_alike(known[1].hash, known[0].hash));
	assert_true(password_costs_alike(known[1].hash, known[1].hash));
	assert_true(password_costs_alike("!", slow) && password_costs_alike(NULL, slow) && password_costs_alike("*", slow));
}

static void no_password_needs_permission(void **state)
{
	(void)state;
	assert_int_equal(check("", "", true), PASSWORD_YES);
	assert_int_equal(check("", "", false), PASSWORD_NO);
	assert_int_equal(check("x", "", true), PASSWORD_NO);
}

static void odd_cleartext_is_no(void **state)
{
	(void)state;
	static uint8_t much[PASSWORD_MAX + 1];
	memset(much, 'a', sizeof much);
	assert_int_equal(password_check(slice_of(much, sizeof much), known[0].hash, fake, false, NULL), PASSWORD_NO);
	assert_int_equal(password_check(slice_of(much, PASSWORD_MAX), known[0].hash, fake, false, NULL), PASSWORD_NO);
	assert_int_equal(password_check(SLICE_LIT("Hello world!\0"), known[0].hash, fake, false, NULL), PASSWORD_NO);
	assert_int_equal(password_check(slice_of("Hello world!", 12), known[0].hash, fake, false, NULL), PASSWORD_YES);
}

/* The fake has the method and cost of the sample, and nothing of its result. */
static void a_fake_keeps_the_setting_only(void **state)
{
	(void)state;
	static const struct { const char *sample, *want; } rows[] = {
		{"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "$5$saltstring$"},
		{"$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
			"$6$rounds=10000$saltstringsaltst$"},
		{"$2b$05$abcdefghijklmnopqrstuuBmeWFO9CYAEtQrVGKZMCsEgO2M4b1Sq", "$2b$05$abcdefghijklmnopqrstuu"},
		{"$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *f = password_fake(rows[i].sample);
		assert_string_equal(f, rows[i].want);
		mem_free(f);
	}
	char *f = password_fake("!");
	assert_true(strlen(f) > 3);
	mem_free(f);
}

static uint64_t children_us(void)
{
	struct rusage u;
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &u), 0);
	return (uint64_t)u.ru_utime.tv_sec * 1000000 + (uint64_t)u.ru_utime.tv_usec;
}

/* A user who does not exist costs as much work as one who does: counted in CPU time of the children, which a busy machine changes little. */
static void an_unknown_user_takes_as_long(void **state)
{
	(void)state;
	static const char costly[] = "$6$rounds=200000$saltstring$x";
	char *same = password_fake(costly);
	uint64_t start = children_us();
	password_check(SLICE_LIT("x"), costly, same, false, NULL);
	uint64_t middle = children_us();
	password_check(SLICE_LIT("x"), NULL, same, false, NULL);
	uint64_t end = children_us(), real = middle - start, unknown = end - middle;
	mem_free(same);
	assert_true(unknown * 2 > real && real * 2 > unknown);
	assert_true(unknown > 2000);            /* it did compute */
}

static int set_up(void **state)
{
	(void)state;
	fake = password_fake(known[0].hash);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mem_free(fake);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_password_is_yes),
		cmocka_unit_test(locked_missing_and_broken_hashes_are_no),
		cmocka_unit_test(methods_that_cost_less_are_known),
		cmocka_unit_test(no_password_needs_permission),
		cmocka_unit_test(odd_cleartext_is_no),
		cmocka_unit_test(a_fake_keeps_the_setting_only),
		cmocka_unit_test(an_unknown_user_takes_as_long),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
