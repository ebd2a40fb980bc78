#include "key/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

/* The CA's blob is compared, never used: any 32 bytes serve. */
#define CA "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBSDlYjRR5HxyPa+G0ro4HQoT9al2O8SDXaA6tlxUW8N"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct buf principals, critical, extensions, ca;
static struct cert cert;
static struct authkeys_context here;
static struct authkeys_match match;

static int fresh(void **state)
{
	(void)state;
	principals = critical = extensions = ca = BUF_INIT(4096);
	put_cstring(&principals, "ann");
	put_cstring(&principals, "a,b");
	cert_put_option(&extensions, "permit-pty", slice_of(NULL, 0));
	cert = (struct cert){.ca_alg = key_alg_find(SLICE_LIT("ssh-ed25519")), .role = CERT_USER, .after = 100, .before = 2000000000,
		.principals = buf_slice(&principals), .extensions = buf_slice(&extensions)};
	here = (struct authkeys_context){.host = "h", .addr = "192.0.2.7", .now = 1700000000, .cert = &cert,
		.user = SLICE_LIT("ann"), .ca_algs = SLICE_LIT("ssh-ed25519,rsa-sha2-512")};
	struct slice rest = SLICE_LIT(CA);
	slice_word(&rest);
	return get_base64(rest, &ca) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	authkeys_match_clear(&match);
	buf_clear(&principals);
	buf_clear(&critical);
	buf_clear(&extensions);
	buf_clear(&ca);
	return 0;
}

static bool check(const char *text)
{
	authkeys_match_clear(&match);
	return authkeys_check(slice_str(text), buf_slice(&ca), &here, &match) == AUTHKEYS_YES;
}

static bool by_principals(const char *text)
{
	authkeys_match_clear(&match);
	return authkeys_principals(slice_str(text), &here, &match) == AUTHKEYS_YES;
}

static void refused(const char *reason)
{
	assert_string_equal(buf_cstr(&match.refused), reason);
}

static void a_critical_option(const char *name, const char *value)
{
	buf_reset(&critical);
	cert_put_option(&critical, name, value ? slice_str(value) : slice_of(NULL, 0));
	cert.critical = buf_slice(&critical);
}

static void only_a_line_of_its_ca_lets_it_in(void **state)
{
	(void)state;
	assert_false(check(""));
	assert_false(check(CA "\n"));
	assert_false(check("cert-authority " OTHER "\n"));
	assert_int_equal(match.refused.len + match.why.len, 0);
	assert_true(check("# x\n" CA "\ncert-authority " CA " the CA\n"));
	assert_int_equal(match.line, 3);
	assert_true(match.grant.pty);
	assert_false(match.grant.port_forwarding);              /* the certificate does not permit it */
	assert_true(check("cert-authority,no-pty " CA "\n"));
	assert_false(match.grant.pty);
	here.cert = NULL;                                       /* and such a line lets no plain key in */
	assert_false(check("cert-authority " CA "\n"));
}

static void it_must_name_the_user_or_what_the_line_says(void **state)
{
	(void)state;
	here.user = SLICE_LIT("bob");
	assert_false(check("cert-authority " CA "\n"));
	refused("1: Certificate invalid: name is not a listed principal\n");
	assert_true(check("cert-authority,principals=\"x,ann\" " CA "\n"));
	assert_false(check("cert-authority,principals=\"x,an\" " CA "\n"));
	refused("1: Certificate does not contain an authorized principal\n");
	/* A comma inside a name of the certificate is no separator. */
	assert_false(check("cert-authority,principals=\"a\" " CA "\n"));
	assert_false(check("cert-authority,principals=\"a,b\" " CA "\n"));
	assert_false(check("cert-authority,principals=\"\" " CA "\n"));
	cert.principals = slice_of(NULL, 0);
	here.user = SLICE_LIT("ann");
	assert_false(check("cert-authority " CA "\n"));
	refused("1: Certificate lacks principal list\n");
}

static void role_time_and_algorithm(void **state)
{
	(void)state;
	cert.role = CERT_HOST;
	assert_false(check("cert-authority " CA "\n"));
	refused("1: Certificate invalid: not a user certificate\n");
	cert.role = CERT_USER;
	cert.before = 1700000000;
	assert_false(check("cert-authority " CA "\n"));
	refused("1: Certificate invalid: expired\n");
	cert.before = CERT_FOREVER;
	cert.after = 1700000001;
	assert_false(check("cert-authority,principals=\"ann\" " CA "\n"));
	refused("1: Certificate invalid: not yet valid\n");
	cert.after = 0;
	here.ca_algs = SLICE_LIT("rsa-sha2-512");
	assert_false(check("cert-authority " CA "\n"));
	here.ca_algs = SLICE_LIT("ssh-ed25519");
	assert_true(check("cert-authority " CA "\n"));
}

static void critical_options_of_the_certificate(void **state)
{
	(void)state;
	a_critical_option("source-address", "192.0.2.0/24");
	assert_true(check("cert-authority " CA "\n"));
	a_critical_option("source-address", "10.0.0.0/8");
	assert_false(check("cert-authority " CA "\n"));
	refused("1: Refused by certificate options\n");
	a_critical_option("never-heard-of", "x");
	assert_false(check("cert-authority " CA "\n"));
	refused("1: Invalid certificate options\n");
	assert_non_null(strstr(buf_cstr(&match.why), "never-heard-of"));
	a_critical_option("verify-required", NULL);
	assert_true(check("cert-authority " CA "\n"));
	assert_true(match.grant.verify);
	a_critical_option("force-command", "date");
	assert_true(check("cert-authority " CA "\n"));
	assert_true(match.grant.has_command && slice_eq_str(match.grant.command, "date"));
	assert_true(check("cert-authority,command=\"date\" " CA "\n"));
	assert_false(check("cert-authority,command=\"dat\" " CA "\n"));
	refused("1: forced command options do not match\n");
}

static void touch_is_waived_by_both_or_not_at_all(void **state)
{
	(void)state;
	assert_true(check("cert-authority,no-touch-required " CA "\n"));
	assert_false(match.grant.no_touch);
	cert_put_option(&extensions, "no-touch-required", slice_of(NULL, 0));
	cert.extensions = buf_slice(&extensions);
	assert_true(check("cert-authority " CA "\n"));
	assert_false(match.grant.no_touch);
	assert_true(check("cert-authority,no-touch-required " CA "\n"));
	assert_true(match.grant.no_touch);
	authkeys_match_clear(&match);
	assert_true(authkeys_by_name(&here, &match) == AUTHKEYS_YES);
	assert_true(match.grant.no_touch);
	assert_true(by_principals("ann\n"));
	assert_false(match.grant.no_touch);
}

static void a_list_of_principals(void **state)
{
	(void)state;
	here.user = SLICE_LIT("bob");
	assert_false(by_principals(""));                        /* an empty list is a list: nobody */
	assert_false(by_principals("bob\nann2\n# ann\n\n"));
	assert_int_equal(match.refused.len, 0);
	assert_true(by_principals("x\n \t ann # the boss\n"));
	assert_int_equal(match.line, 2);
	assert_true(match.grant.pty);
	assert_true(by_principals("a,b"));
	assert_false(by_principals("a\nb\n"));
	assert_true(by_principals("no-pty,command=\"echo hi there\" ann\n"));
	assert_false(match.grant.pty);
	assert_true(slice_eq_str(match.grant.command, "echo hi there"));
	/* What cannot be read names nobody; what says no says it for good. */
	assert_true(by_principals("nonsense ann\nann\n"));
	assert_int_equal(match.line, 2);
	assert_false(by_principals("from=\"10.*\" ann\nann\n"));
	refused("1: Refused by certificate principals options\n");
	assert_false(by_principals("cert-authority ann\n"));
	cert.before = 1;
	assert_false(by_principals("ann\n"));
	refused("1: Certificate invalid: expired\n");
	authkeys_match_clear(&match);
	assert_true(authkeys_by_name(&here, &match) == AUTHKEYS_NO);
}

static void security_keys_flags(void **state)
{
	(void)state;
	here.cert = NULL;
	assert_true(check(CA "\n"));
	assert_false(match.grant.no_touch || match.grant.verify);
	assert_true(check("no-touch-required,verify-required " CA "\n"));
	assert_true(match.grant.no_touch && match.grant.verify);
	assert_true(check("verify-required,no-verify-required,no-touch-required,touch-required " CA "\n"));
	assert_false(match.grant.no_touch || match.grant.verify);
	assert_true(check("no-touch-required,verify-required,restrict " CA "\n"));
	assert_true(match.grant.no_touch && match.grant.verify);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fresh, end)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_a_line_of_its_ca_lets_it_in),
		T(it_must_name_the_user_or_what_the_line_says),
		T(role_time_and_algorithm),
		T(critical_options_of_the_certificate),
		T(touch_is_waived_by_both_or_not_at_all),
		T(a_list_of_principals),
		T(security_keys_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
