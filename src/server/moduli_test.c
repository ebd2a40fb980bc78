#include "server/moduli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* Lines in the form of moduli(5); the numbers are made up, since nobody computes with them here. */
static const char file[] =
	"# Time Type Tests Tries Size Generator Modulus\n"
	"20200101000000 2 6 100 2047 2 F00D01\n"
	"20200101000000 2 6 100 2047 5 F00D02\n"
	"20200101000000 2 6 100 3071 2 ABC\n"
	"20200101000000 2 7 100 4095 2 BAD1\n"             /* composite by its tests */
	"20200101000000 1 6 100 4095 2 BAD2\n"             /* not a safe prime */
	"20200101000000 2 6 0 4095 2 BAD3\n"               /* never tested */
	"20200101000000 2 6 100 4095 2 XYZ\n"
	"20200101000000 2 6 100 8191 2 DEAD\n"
	"nonsense\n"
	"20200101000000 2 6 100\n";

static struct slice choose(uint32_t min, uint32_t preferred, uint32_t max, struct buf *p)
{
	struct buf g = BUF_INIT(16);
	struct ask_group ask = {min, preferred, max};
	buf_reset(p);
	bool ok = moduli_choose(slice_str(file), &ask, p, &g);
	buf_clear(&g);
	return ok ? buf_slice(p) : (struct slice){0};
}

static void the_smallest_that_is_enough(void **state)
{
	(void)state;
	struct buf p = BUF_INIT(4096);
	assert_true(slice_eq(choose(2048, 3072, 8192, &p), SLICE_LIT("\x0a\xbc")));
	assert_true(slice_eq(choose(2048, 2500, 8192, &p), SLICE_LIT("\x0a\xbc")));
	assert_true(slice_eq(choose(2048, 8192, 8192, &p), SLICE_LIT("\xde\xad")));
	assert_true(slice_eq(choose(2048, 8192, 4096, &p), SLICE_LIT("\x0a\xbc")));   /* the largest allowed */
	assert_int_equal(choose(1024, 1024, 2000, &p).n, 0);
	buf_clear(&p);
}

static void chance_takes_each_of_a_size(void **state)
{
	(void)state;
	struct buf p = BUF_INIT(4096);
	unsigned seen[2] = {0};
	for (int i = 0; i < 200; i++) {
		struct slice s = choose(2048, 2048, 2048, &p);
		assert_int_equal(s.n, 3);
		seen[s.p[2] - 1]++;
	}
	assert_true(seen[0] > 20 && seen[1] > 20);
	buf_clear(&p);
}

static void hostile_files_choose_nothing(void **state)
{
	(void)state;
	struct buf p = BUF_INIT(4096), g = BUF_INIT(16);
	struct ask_group ask = {1, 1, UINT32_MAX};
	static const char *const files[] = {"", "\n\n", "2 2 2 2 2 2", "1 2 6 1 18446744073709551615 2 AB\n", "1 2 6 1 2047 2\n",
		"1 2 6 1 2047 2 0\n\n1 2 6 1 99999999 2 AB\n"};
	for (size_t i = 0; i + 1 < sizeof files / sizeof *files; i++)
		assert_false(moduli_choose(slice_str(files[i]), &ask, &p, &g));
	buf_clear(&p);
	buf_clear(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_that_is_enough),
		cmocka_unit_test(chance_takes_each_of_a_size),
		cmocka_unit_test(hostile_files_choose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
