#include "conf/algs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "base/names.h"

static void gives(const char *spec, const char *want)
{
	struct err e = {0};
	char *got = algs_assemble(slice_str(spec), "a1,a2,b1", "a1,a2,b1,b2,c1", &e);
	if (got == NULL)
		fail_msg("%s: %s", spec, e.text);
	assert_string_equal(got, want);
	mem_free(got);
}

static void refuses(const char *spec, const char *word)
{
	struct err e = {0};
	assert_null(algs_assemble(slice_str(spec), "a1,a2,b1", "a1,a2,b1,b2,c1", &e));
	assert_non_null(strstr(e.text, word));
}

static void lists_are_assembled(void **state)
{
	(void)state;
	gives("c1,a1", "c1,a1");
	gives("c1,c1", "c1");
	gives("b*", "b1,b2");
	gives("+c1", "a1,a2,b1,c1");
	gives("+a1,b2", "a1,a2,b1,b2");
	gives("-a*", "b1");
	gives("-zzz", "a1,a2,b1");
	gives("-a1,b1", "a2");
	gives("^b1,c1", "b1,c1,a1,a2");
	refuses("nothing", "no algorithm is called");
	refuses("+nothing", "no algorithm is called");
	refuses("^a1,nothing", "no algorithm is called");
	refuses("-*", "no algorithm");
	refuses("", "no algorithm");
	refuses(",", "no algorithm");
	refuses("arcfour256", "aes128-gcm@openssh.com is faster");
	refuses("+blowfish-cbc", "aes128-gcm@openssh.com is faster");
	refuses("cast128-cbc", "aes128-gcm@openssh.com is faster");
}

/* The default lists of OpenSSH 10.5: their lengths, and some fixed points of their order. */
static void defaults_are_known_names(void **state)
{
	(void)state;
	static const struct { const char *list; enum conf_algs kind; size_t n; const char *first; } lists[] = {
		{algs_kex_client, CONF_ALGS_KEX, 12, "mlkem768x25519-sha256"}, {algs_kex_server, CONF_ALGS_KEX, 8, "mlkem768x25519-sha256"},
		{algs_sig, CONF_ALGS_SIG, 18, "ssh-ed25519-cert-v01@openssh.com"}, {algs_mac, CONF_ALGS_MAC, 10, "umac-64-etm@openssh.com"},
		{algs_cipher, CONF_ALGS_CIPHER, 6, "chacha20-poly1305@openssh.com"}, {algs_ca, CONF_ALGS_CA, 9, "ssh-ed25519"},
	};
	static const size_t all[CONF_ALGS_COUNT] = {16, 22, 10, 16, 11};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct slice rest = slice_str(lists[i].list), name;
		size_t n = 0;
		assert_true(names_valid(rest));
		while (names_next(&rest, &name)) {
			if (n++ == 0)
				assert_true(slice_eq_str(name, lists[i].first));
			assert_true(names_has(slice_str(algs_known(lists[i].kind)), name));
		}
		assert_int_equal(n, lists[i].n);
	}
	for (size_t i = 0; i < CONF_ALGS_COUNT; i++) {
		struct slice rest = slice_str(algs_known((enum conf_algs)i)), name;
		size_t n = 0;
		while (names_next(&rest, &name))
			n++;
		assert_int_equal(n, all[i]);
	}
}

static void lists_are_cut_down(void **state)
{
	(void)state;
	char *kept = algs_keep("a,b,c", "c,x,a");
	assert_string_equal(kept, "a,c");
	mem_free(kept);
	kept = algs_keep("a", "b");
	assert_string_equal(kept, "");
	mem_free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_assembled),
		cmocka_unit_test(defaults_are_known_names),
		cmocka_unit_test(lists_are_cut_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
