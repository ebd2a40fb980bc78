#include "conf/sshd_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "base/text.h"

struct file { const char *pattern, *name, *text; };

static struct buf said;

static void run(struct sshd_file *f, const struct file *files, size_t n)
{
	struct conf_ask ask;
	enum conf_step step;
	while ((step = sshd_file_next(f, &ask)) != CONF_DONE) {
		if (step != CONF_INCLUDE)
			put_fmt(&said, "%s%s\n", step == CONF_ERROR ? "" : ask.quiet ? "-" : "?", ask.text);
		for (size_t i = 0; i < n && step == CONF_INCLUDE; i++)
			if (strcmp(files[i].pattern, ask.text) == 0)
				sshd_file_include(f, files[i].name, slice_str(files[i].text));
	}
}

/* Loaded, dumped and loaded again: every test below sees what a child process would see. */
static struct sshd_file *load(const char *text, const struct file *files, size_t n)
{
	struct err e = {0};
	struct buf one = BUF_INIT(1 << 20), two = BUF_INIT(1 << 20);
	struct sshd_file *f = sshd_file_new(NULL);
	said = BUF_INIT(1 << 20);
	sshd_file_text(f, "/etc/ssh/sshd_config", slice_str(text));
	run(f, files, n);
	assert_string_equal(buf_cstr(&said), "");
	sshd_file_dump(f, &one);
	struct sshd_file *again = sshd_file_undump(buf_slice(&one), NULL, &e);
	if (again == NULL)
		fail_msg("%s in %s", e.text, buf_cstr(&one));
	sshd_file_dump(again, &two);
	assert_string_equal(buf_cstr(&one), buf_cstr(&two));
	buf_clear(&one);
	buf_clear(&two);
	buf_clear(&said);
	sshd_file_free(f);
	return again;
}

static struct sshd_conf resolve(const struct sshd_file *f, const struct sshd_match *m)
{
	struct sshd_conf c;
	struct err e = {0};
	if (!sshd_conf_resolve(f, m, &c, &e))
		fail_msg("%s", e.text);
	return c;
}

static void banner_is(const char *text, const struct sshd_match *m, const char *want)
{
	struct sshd_file *f = load(text, NULL, 0);
	struct sshd_conf c = resolve(f, m);
	if (want)
		assert_string_equal(c.banner, want);
	else
		assert_null(c.banner);
	sshd_conf_clear(&c);
	sshd_file_free(f);
}

static void says(const char *text, const char *want)
{
	struct sshd_file *f = sshd_file_new(NULL);
	said = BUF_INIT(1 << 20);
	sshd_file_text(f, "sshd_config", slice_str(text));
	run(f, NULL, 0);
	assert_string_equal(buf_cstr(&said), want);
	assert_int_equal(sshd_file_failed(f), *want != 0 && *want != '?' && *want != '-');
	buf_clear(&said);
	sshd_file_free(f);
}

static const char *const groups[] = {"staff", "wheel"};
static const struct sshd_match bob = {
	.user = "bob", .groups = groups, .groups_n = 2, .host = "pc.example.com", .addr = "192.0.2.7", .laddr = "192.0.2.1",
	.lport = 22,
};

static void stock_file_of_debian(void **state)
{
	(void)state;
	static const char text[] =
		"# $OpenBSD\n\nInclude /etc/ssh/sshd_config.d/*.conf\n\n#Port 22\nKbdInteractiveAuthentication no\nUsePAM yes\n"
		"X11Forwarding yes\nPrintMotd no\nAcceptEnv LANG LC_*\n\n# override\nSubsystem\tsftp\t/usr/lib/openssh/sftp-server\n"
		"#Match User anoncvs\n#\tX11Forwarding no\n";
	struct sshd_file *f = sshd_file_new(NULL);
	said = BUF_INIT(1000);
	sshd_file_text(f, "sshd_config", slice_str(text));
	run(f, NULL, 0);
	assert_string_equal(buf_cstr(&said), "-sshd_config line 8: keyword X11Forwarding is not built yet; it is ignored\n");
	assert_false(sshd_file_failed(f));
	struct sshd_conf c = resolve(f, NULL);
	assert_true(c.use_pam);
	assert_false(c.kbd_interactive_authentication);
	assert_false(c.print_motd);
	assert_int_equal(c.accept_env.n, 2);
	assert_string_equal(sshd_conf_subsystem(&c, SLICE_LIT("sftp")), "/usr/lib/openssh/sftp-server");
	assert_int_equal(c.permit_root_login, CONF_ROOT_NO_PASSWORD);
	assert_int_equal(c.login_grace_time, 120);
	assert_int_equal(c.port.n, 1);
	sshd_conf_clear(&c);
	sshd_file_free(f);
	buf_clear(&said);
}

static void first_global_value_wins(void **state)
{
	(void)state;
	banner_is("Banner a\nBanner b\n", NULL, "a");
	banner_is("Banner none\nBanner b\n", NULL, NULL);
	banner_is("banner=a\n", &bob, "a");
}

static void match_overrides(void **state)
{
	(void)state;
	banner_is("Banner a\nMatch User bob\nBanner b\n", &bob, "b");
	banner_is("Banner a\nMatch User bob\nBanner b\n", NULL, "a");
	banner_is("Banner a\nMatch User bob\nBanner none\n", &bob, NULL);
	banner_is("Match User bob\nBanner b\nMatch Group wheel\nBanner c\n", &bob, "b");
	banner_is("Match User alice\nBanner b\nMatch Group w*\nBanner c\n", &bob, "c");
	banner_is("Match User bob Group nobody\nBanner b\n", &bob, NULL);
	banner_is("Match Group *,!staff\nBanner b\n", &bob, NULL);
	banner_is("Match User *,!bob\nBanner b\n", &bob, NULL);
	banner_is("Match Address 192.0.2.0/24 LocalPort 22\nBanner b\n", &bob, "b");
	banner_is("Match Address 192.0.2.0/24,!192.0.2.7\nBanner b\n", &bob, NULL);
	banner_is("Match LocalAddress 192.0.2.1 Host *.Example.COM\nBanner b\n", &bob, "b");
	banner_is("Match localport=2222\nBanner b\n", &bob, NULL);
	banner_is("Match user = bob\nBanner b\n", &bob, "b");
	banner_is("Match user =bob\nBanner b\n", &bob, "b");
	banner_is("Match Version OpenSSH_10.5*\nBanner b\n", &bob, "b");
	banner_is("Match RDomain *\nBanner b\n", &bob, NULL);
	banner_is("Match Invalid-User\nBanner b\n", &bob, NULL);
	banner_is("Match All\nBanner b\n", &bob, "b");
	struct sshd_match unknown = {.user = "eve", .invalid_user = true};
	banner_is("Match Invalid-User\nBanner b\n", &unknown, "b");
	banner_is("Match Address *\nBanner b\n", &unknown, NULL);
}

static void lists_of_a_match_block_replace(void **state)
{
	(void)state;
	struct sshd_file *f = load("AllowUsers a b\nAllowUsers c\nAcceptEnv X\nSubsystem sftp one\nSubsystem echo two\n"
		"Match User bob\nAllowUsers d\nSubsystem sftp three\nMatch Group staff\nAllowUsers e\nPermitRootLogin yes\n", NULL, 0);
	struct sshd_conf c = resolve(f, &bob);
	assert_true(sshd_file_has_match(f));
	assert_int_equal(c.allow_users.n, 2);
	assert_string_equal(c.allow_users.v[1], "e");
	assert_int_equal(c.accept_env.n, 1);
	assert_int_equal(c.permit_root_login, CONF_ROOT_YES);
	assert_string_equal(sshd_conf_subsystem(&c, SLICE_LIT("sftp")), "three");
	assert_string_equal(sshd_conf_subsystem(&c, SLICE_LIT("echo")), "two");
	sshd_conf_clear(&c);
	c = resolve(f, NULL);
	assert_int_equal(c.allow_users.n, 3);
	assert_string_equal(sshd_conf_subsystem(&c, SLICE_LIT("sftp")), "one");
	sshd_conf_clear(&c);
	sshd_file_free(f);
}

static void includes_and_blocks(void **state)
{
	(void)state;
	static const struct file files[] = {
		{"top", "/etc/ssh/a.conf", "MaxAuthTries 2\nMatch User bob\nBanner from-a\n"},
		{"top", "/etc/ssh/b.conf", "MaxSessions 4\nMatch User alice\nMaxSessions 9\n"},
		{"in", "/etc/ssh/c.conf", "PermitTTY no\nMatch User bob\nPermitUserRC no\nMatch User alice\nForceCommand x\n"},
	};
	struct sshd_file *f = load("Include top\nMaxAuthTries 3\nMatch Address 192.0.2.0/24\nInclude in\nMaxSessions 7\n", files, 3);
	struct sshd_conf c = resolve(f, &bob);
	assert_int_equal(c.max_auth_tries, 2);
	assert_int_equal(c.max_sessions, 7);
	assert_string_equal(c.banner, "from-a");
	assert_false(c.permit_tty);
	assert_false(c.permit_user_rc);
	assert_null(c.force_command);
	sshd_conf_clear(&c);
	struct sshd_match far = bob;
	far.addr = "198.51.100.1";
	c = resolve(f, &far);
	assert_int_equal(c.max_sessions, 4);
	assert_true(c.permit_tty);
	assert_true(c.permit_user_rc);
	sshd_conf_clear(&c);
	sshd_file_free(f);
}

static void faults_name_their_line(void **state)
{
	(void)state;
	says("Prot 2\nUsePAM maybe\n", "sshd_config line 1: there is no keyword \"Prot\"; correct or remove the line\n"
		"sshd_config line 2: UsePAM: \"maybe\" is not valid here; use yes or no\n");
	says("Match User x\nPort 22\n", "sshd_config line 2: Port is not allowed in a Match block; move it above the first one\n");
	says("Match User x\nHostDSAKey /k\n", "sshd_config line 2: HostKey is not allowed in a Match block; move it above the first one\n");
	says("Match Usr x\n", "sshd_config line 1: Match: \"Usr\" is not a criterion; use User, Group, Host, Address, LocalAddress, LocalPort, "
		"RDomain, Version, Invalid-User or All\n");
	says("Match User\n", "sshd_config line 1: Match: User needs patterns of user names\n");
	says("Match All User x\n", "sshd_config line 1: Match: \"All\" must stand alone\n");
	says("Match Address 10.0.0.1/8\n", "sshd_config line 1: Match: Address needs addresses and networks such as 192.0.2.0/24,!192.0.2.7\n");
	says("Match LocalPort 0\n", "sshd_config line 1: Match: LocalPort needs a port from 1 to 65535\n");
	says("Match\n", "sshd_config line 1: Match: a criterion is missing; write \"Match All\" for every connection\n");
	says("UsePrivilegeSeparation sandbox\nProtocol 2\nDebianBanner no\n",
		"?sshd_config line 1: keyword UsePrivilegeSeparation is an old keyword without effect; remove the line\n");
	says("Include\n", "sshd_config line 1: Include: a path is missing\n");
	says("Ciphers blowfish-cbc\n", "sshd_config line 1: Ciphers: blowfish-cbc is obsolete and not supported; aes128-gcm@openssh.com is faster and safe\n");
}

static void command_line_comes_first(void **state)
{
	(void)state;
	struct err e = {0};
	struct buf b = BUF_INIT(1 << 16);
	struct sshd_file *f = sshd_file_new(NULL);
	said = BUF_INIT(1000);
	assert_true(sshd_file_option(f, "UsePAM=no", &e));
	assert_true(sshd_file_port(f, "2022", &e));
	assert_true(sshd_file_port(f, "2023", &e));
	assert_false(sshd_file_port(f, "x", &e));
	assert_false(sshd_file_option(f, "Match All", &e));
	assert_false(sshd_file_option(f, "Nope 1", &e));
	assert_string_equal(e.text, "command-line: there is no keyword \"Nope\"; correct it");
	sshd_file_text(f, "sshd_config", SLICE_LIT("Port 22\nUsePAM yes\n"));
	run(f, NULL, 0);
	sshd_file_dump(f, &b);
	struct sshd_file *again = sshd_file_undump(buf_slice(&b), NULL, &e);
	struct sshd_conf c = resolve(again, NULL);
	assert_int_equal(c.port.n, 2);
	assert_int_equal(c.port.v[0], 2022);
	assert_false(c.use_pam);
	sshd_conf_clear(&c);
	sshd_file_free(f);
	sshd_file_free(again);
	buf_clear(&b);
	buf_clear(&said);
}

static void damaged_dumps_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"#@ in 1\nBanner x\n", "#@ from x y\n", "#@ from 1\n", "#@ nonsense 1 2\n", "Include x\n", "Nope\n",
		"#@ in 18446744073709551615\n", "Match Usr x\n"};
	struct err e;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(sshd_file_undump(slice_str(bad[i]), NULL, &e));
	struct sshd_file *f = sshd_file_undump(SLICE_LIT(""), NULL, &e);
	assert_non_null(f);
	sshd_file_free(f);
}

static void what_an_attacker_would_name_a_file(void **state)
{
	(void)state;
	static const struct file files[] = {{"x", "/etc/ssh/a\nPermitRootLogin yes\n#.conf", "Banner b\n"}};
	struct sshd_file *f = load("Include x\n", files, 1);
	struct sshd_conf c = resolve(f, NULL);
	assert_int_equal(c.permit_root_login, CONF_ROOT_NO_PASSWORD);
	sshd_conf_clear(&c);
	sshd_file_free(f);
}

static void hostile_texts(void **state)
{
	(void)state;
	static const char text[] = "Match User \"a b\nBanner \"x\nMatch address 1.2.3.4/8,\nInclude \"\"\nPerSourcePenalties crash:1 x\nCiphers ^aes*\nPort =\n";
	said = BUF_INIT(1 << 20);
	for (size_t i = 0; i < sizeof text; i++) {
		struct sshd_file *f = sshd_file_new(NULL);
		sshd_file_text(f, "x", slice_of(text, i));
		run(f, NULL, 0);
		struct sshd_conf c = resolve(f, &bob);
		sshd_conf_clear(&c);
		sshd_file_free(f);
	}
	buf_reset(&said);
	struct sshd_file *f = sshd_file_new(NULL);
	struct buf many = BUF_INIT(1 << 20);
	for (size_t i = 0; i < 100010; i++)
		put_str(&many, "Port 1\n");
	sshd_file_text(f, "many", buf_slice(&many));
	run(f, NULL, 0);
	assert_non_null(strstr(buf_cstr(&said), "more than 100000 lines"));
	sshd_file_free(f);
	buf_clear(&many);
	buf_clear(&said);
}

static void test_tuples(void **state)
{
	(void)state;
	struct sshd_match_spec s = {0};
	struct err e;
	assert_true(sshd_match_spec_add(&s, "user=bob,addr=192.0.2.7,lport=22", &e));
	assert_true(sshd_match_spec_add(&s, "host=pc,laddr=::1,rdomain=r,invalid-user", &e));
	assert_string_equal(s.user, "bob");
	assert_string_equal(s.laddr, "::1");
	assert_int_equal(s.lport, 22);
	assert_true(s.invalid_user);
	assert_false(sshd_match_spec_add(&s, "nope=1", &e));
	assert_false(sshd_match_spec_add(&s, "lport=0", &e));
	sshd_match_spec_clear(&s);
}

static void dump_as_sshd_T(void **state)
{
	(void)state;
	struct sshd_file *f = load("Port 2222\nAllowUsers a b\n", NULL, 0);
	struct sshd_conf c = resolve(f, NULL);
	struct buf b = BUF_INIT(1 << 16);
	sshd_conf_dump(&c, &b);
	const char *s = buf_cstr(&b);
	assert_true(slice_has_prefix(buf_slice(&b), "Port 2222\nAddressFamily any\nListenAddress [::]:2222\nListenAddress 0.0.0.0:2222\nUsePAM no\n"));
	assert_non_null(strstr(s, "\nPermitRootLogin prohibit-password\n"));
	assert_non_null(strstr(s, "\nAllowUsers a\nAllowUsers b\n"));
	assert_non_null(strstr(s, "\nBanner none\n"));
	assert_non_null(strstr(s, "\nAuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2\n"));
	assert_non_null(strstr(s, "\nMaxStartups 10:30:100\nPerSourceMaxStartups none\nPerSourceNetBlockSize 32:128\n"));
	buf_clear(&b);
	sshd_conf_clear(&c);
	sshd_file_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stock_file_of_debian),
		cmocka_unit_test(first_global_value_wins),
		cmocka_unit_test(match_overrides),
		cmocka_unit_test(lists_of_a_match_block_replace),
		cmocka_unit_test(includes_and_blocks),
		cmocka_unit_test(faults_name_their_line),
		cmocka_unit_test(command_line_comes_first),
		cmocka_unit_test(damaged_dumps_are_refused),
		cmocka_unit_test(what_an_attacker_would_name_a_file),
		cmocka_unit_test(hostile_texts),
		cmocka_unit_test(test_tuples),
		cmocka_unit_test(dump_as_sshd_T),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
