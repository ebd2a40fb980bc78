#include "key/authkeys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

/* Two keys; the comparison is of blobs, so any 32 bytes serve. */
#define KEY_A "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBSDlYjRR5HxyPa+G0ro4HQoT9al2O8SDXaA6tlxUW8N"
#define KEY_B "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct authkeys_context here = {.host = "pc.example.org", .addr = "192.0.2.7", .now = 1700000000, .utc_offset = 3600};
static struct authkeys_match match;

static void blob_of(const char *line, struct buf *out)
{
	struct slice rest = slice_str(line);
	slice_word(&rest);
	*out = BUF_INIT(200);
	assert_true(get_base64(slice_word(&rest), out));
}

static bool check_text(struct slice text)
{
	struct buf blob;
	blob_of(KEY_A, &blob);
	authkeys_match_clear(&match);
	bool yes = authkeys_check(text, buf_slice(&blob), &here, &match) == AUTHKEYS_YES;
	assert_int_equal(yes, match.line != 0);
	buf_clear(&blob);
	return yes;
}

static bool check(const char *text)
{
	return check_text(slice_str(text));
}

static bool options(const char *o)
{
	char *text = mem_fmt("%s%s%s comment here\n", o, *o ? " " : "", KEY_A);
	bool yes = check(text);
	mem_free(text);
	return yes;
}

static int end_match(void **state)
{
	(void)state;
	authkeys_match_clear(&match);
	return 0;
}

static void a_plain_line_grants_everything(void **state)
{
	(void)state;
	assert_true(options(""));
	assert_memory_equal(&match.grant, &grant_all, offsetof(struct grant, command));
	assert_int_equal(match.line, 1);
	assert_true(check("# remark\n\n" KEY_B "\n  \t" KEY_A "\r\n"));
	assert_int_equal(match.line, 4);
	assert_true(check(KEY_A));
	assert_false(check(KEY_B));
	assert_false(check("#" KEY_A));
	assert_false(check(""));
}

static void options_are_carried_out(void **state)
{
	(void)state;
	assert_true(options("command=\"echo \\\"a b\\\" \\n,x\",NO-PTY,environment=\"A=1\",environment=\"B=x=y\",environment=\"A=2\""));
	assert_true(match.grant.has_command && !match.grant.pty && match.grant.x11_forwarding);
	assert_true(slice_eq_str(match.grant.command, "echo \"a b\" \\n,x"));
	struct reader r = reader_of(match.grant.environment);
	assert_true(slice_eq_str(get_string(&r), "A=1"));
	assert_true(slice_eq_str(get_string(&r), "B=x=y"));
	assert_true(get_end(&r));
	assert_true(options("restrict,pty,no-pty,Pty,command=\"\""));
	assert_true(match.grant.pty && match.grant.has_command && match.grant.command.n == 0);
	assert_false(match.grant.agent_forwarding || match.grant.port_forwarding || match.grant.x11_forwarding || match.grant.user_rc);
	assert_true(options("permitopen=\"host:22\",permitopen=\"[::1]:*\",permitlisten=\"8080\",permitlisten=\"localhost:*\""));
	r = reader_of(match.grant.permitopen);
	assert_true(slice_eq_str(get_string(&r), "host:22"));
	assert_true(slice_eq_str(get_string(&r), "[::1]:*"));
	assert_true(get_end(&r));
	r = reader_of(match.grant.permitlisten);
	assert_true(slice_eq_str(get_string(&r), "*:8080"));
	assert_true(slice_eq_str(get_string(&r), "localhost:*"));
	assert_true(get_end(&r));
}

static void restrict_takes_what_any_row_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < authkeys_options_count; i++) {
		const struct authkeys_option *o = &authkeys_options[i];
		if (o->act != AUTHKEYS_ALLOW && o->act != AUTHKEYS_FORBID)
			continue;
		assert_true(options("restrict"));
		assert_false(*(const bool *)((const uint8_t *)&match.grant + o->offset));
		char *two = mem_fmt("restrict,%s", o->name);
		assert_true(options(two));
		assert_int_equal(*(const bool *)((const uint8_t *)&match.grant + o->offset), o->act == AUTHKEYS_ALLOW);
		mem_free(two);
		assert_true(options(o->name));
		assert_int_equal(*(const bool *)((const uint8_t *)&match.grant + o->offset), o->act == AUTHKEYS_ALLOW);
	}
	assert_int_equal(authkeys_options_count, 24);
}

static void what_is_doubtful_grants_nothing(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"unknown", "no-restrict", "no-", "pty,", ",pty", "pty,,pty", "pty=\"x\"", "command", "command=", "command=x", "command=\"x", "command=\"x\"y",
		"command=\"a\",command=\"b\"", "environment=\"A\"", "environment=\"=x\"", "environment=\"A-B=x\"", "environment=\"\"",
		"expiry-time=\"2023\"", "expiry-time=\"\"", "expiry-time=\"20241301\"", "expiry-time=\"20230230\"", "expiry-time=\"20991231Q\"", "expiry-time=\"-2099123\"",
		"permitopen=\"host\"", "permitopen=\"host:0\"", "permitopen=\"host:65536\"", "permitopen=\"host:4294967295\"", "permitopen=\":22\"", "permitopen=\"[::1]22\"",
		"permitopen=\"[::1\"", "permitopen=\"host:22:33\"", "permitlisten=\"x\"", "permitlisten=\"\"", "permitlisten=\"-1\"",
		"cert-authority", "principals=\"a\"", "tunnel=\"0\"", "cert-authority,principals=\"a\"", "verify-required=\"\"",
		"from=\"10.0.0.1/8\"", "from=\"*\",from=\"*\"", "p*y", "restric?", "pty,cert-authority", "\"pty\"", "pty\\",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (options(bad[i]))
			fail_msg("granted by: %s", bad[i]);
		/* An open quote swallows the key itself; a CA's line is not about this key at all. */
		assert_true(match.why.len > 0 || strchr(bad[i], '"') || strstr(bad[i], "cert-authority"));
	}
}

static void from_is_matched(void **state)
{
	(void)state;
	assert_true(options("from=\"192.0.2.0/24\""));
	assert_true(slice_eq_str(match.grant.from, "192.0.2.0/24"));
	assert_true(options("from=\"10.0.0.0/8,*.Example.ORG\""));
	assert_true(options("from=\"192.0.2.?\""));
	assert_false(options("from=\"!192.0.2.7,*\""));
	assert_false(options("from=\"!pc.*,192.0.2.7\""));
	assert_false(options("from=\"10.0.0.0/8\""));
	assert_false(options("from=\"\""));
	assert_true(strstr(buf_cstr(&match.why), "1: ") == buf_cstr(&match.why));
}

static void time_runs_out(void **state)
{
	(void)state;                                    /* now is 2023-11-14 22:13:20 UTC, 23:13:20 here */
	assert_true(options("expiry-time=\"20231114221321Z\""));
	assert_false(options("expiry-time=\"20231114221320Z\""));
	assert_true(options("expiry-time=\"202311142314\""));
	assert_false(options("expiry-time=\"202311142313\""));
	assert_true(options("expiry-time=\"20231115\""));
	assert_false(options("expiry-time=\"20231114\""));
	assert_true(options("expiry-time=\"20991231\",expiry-time=\"20240101Z\""));
	assert_int_equal(match.grant.expires, 1704067200);
	assert_false(options("expiry-time=\"20991231\",expiry-time=\"20200101Z\""));
	uint64_t t;
	assert_true(authkeys_time(SLICE_LIT("20000229000000Z"), 0, &t));
	assert_int_equal(t, 951782400);
	assert_false(authkeys_time(SLICE_LIT("21000229Z"), 0, &t));
	assert_true(authkeys_time(SLICE_LIT("99991231235959Z"), 0, &t));
	assert_int_equal(t, 253402300799);
}

static void a_later_line_may_grant(void **state)
{
	(void)state;
	assert_true(check("from=\"10.0.0.1\" " KEY_A "\ncert-authority " KEY_A "\nno-pty " KEY_A "\n" KEY_A "\n"));
	assert_int_equal(match.line, 3);
	assert_false(match.grant.pty);
	assert_int_equal(match.why.p[match.why.len - 1], '\n');
}

static void a_line_without_its_type_is_no_key(void **state)
{
	(void)state;
	assert_false(check("restrict AAAAC3NzaC1lZDI1NTE5AAAAIBSDlYjRR5HxyPa+G0ro4HQoT9al2O8SDXaA6tlxUW8N\n"));
	assert_false(check("AAAAC3NzaC1lZDI1NTE5AAAAIBSDlYjRR5HxyPa+G0ro4HQoT9al2O8SDXaA6tlxUW8N\n"));
	assert_false(check("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIBSDlYjRR5HxyPa+G0ro4HQoT9al2O8SDXaA6tlxUW8N\n"));
	assert_false(check("ssh-ed25519 restrict " KEY_A "\n"));
}

static void over_long_lines_and_nul_grant_nothing(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(100000);
	put_str(&b, "command=\"");
	while (b.len < AUTHKEYS_LINE_MAX)
		put_u8(&b, 'x');
	put_str(&b, "\" " KEY_A "\n");
	assert_false(check_text(buf_slice(&b)));
	/* What stands behind the limit is not read as a line of its own. */
	buf_reset(&b);
	while (b.len < AUTHKEYS_LINE_MAX)
		put_u8(&b, '#');
	put_str(&b, KEY_A "\n");
	assert_false(check_text(buf_slice(&b)));
	put_str(&b, "no-pty " KEY_A "\n");
	assert_true(check_text(buf_slice(&b)));
	assert_int_equal(match.line, 2);
	static const char nul[] = "command=\"a\0b\" " KEY_A "\n";
	assert_false(check_text(slice_of(nul, sizeof nul - 1)));
	buf_clear(&b);
}

static void truncation_never_widens_a_grant(void **state)
{
	(void)state;
	static const char line[] = "no-pty,restrict,command=\"/bin/x \\\"y\\\"\",from=\"192.0.2.7\" " KEY_A;
	for (size_t n = 0; n < sizeof line - 1; n++)
		assert_false(check_text(slice_of(line, n)));
	assert_true(check_text(SLICE_LIT(line)));
}

static void a_grant_travels(void **state)
{
	(void)state;
	assert_true(options("restrict,user-rc,command=\"c\",environment=\"A=1\",expiry-time=\"20991231Z\",from=\"*\",permitopen=\"a:1\""));
	struct buf b = BUF_INIT(1000);
	struct grant back;
	msg_encode(&grant_desc, &match.grant, &b);
	assert_true(msg_decode(&grant_desc, buf_slice(&b), &back));
	assert_true(back.user_rc && !back.pty && back.has_command && back.expires == match.grant.expires);
	assert_true(slice_eq_str(back.command, "c") && slice_eq(back.environment, match.grant.environment));
	assert_true(slice_eq(back.permitopen, match.grant.permitopen) && slice_eq_str(back.from, "*"));
	for (size_t n = 0; n < b.len; n++)
		assert_false(msg_decode(&grant_desc, slice_of(b.p, n), &back));
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_line_grants_everything),
		cmocka_unit_test(options_are_carried_out),
		cmocka_unit_test(restrict_takes_what_any_row_allows),
		cmocka_unit_test(what_is_doubtful_grants_nothing),
		cmocka_unit_test(from_is_matched),
		cmocka_unit_test(time_runs_out),
		cmocka_unit_test(a_later_line_may_grant),
		cmocka_unit_test(a_line_without_its_type_is_no_key),
		cmocka_unit_test(over_long_lines_and_nul_grant_nothing),
		cmocka_unit_test(truncation_never_widens_a_grant),
		cmocka_unit_test(a_grant_travels),
	};
	return cmocka_run_group_tests(tests, NULL, end_match);
}
