#include "conf/ssh_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "base/text.h"

/* Files that an Include can name, and commands that Match exec finds true. */
struct world {
	const struct { const char *pattern, *name, *text; } *files;
	size_t files_n;
	const char *truth;
	struct buf said;                                    /* errors and warnings, a line each; warnings start with "?" or, if quiet, "-" */
	size_t execs;
};

static void run(struct ssh_load *l, struct world *w)
{
	struct conf_ask ask;
	enum conf_step step;
	while ((step = ssh_load_next(l, &ask)) != CONF_DONE) {
		switch (step) {
		case CONF_INCLUDE:
			for (size_t i = 0; i < w->files_n; i++)
				if (strcmp(w->files[i].pattern, ask.text) == 0)
					ssh_load_include(l, w->files[i].name, slice_str(w->files[i].text));
			break;
		case CONF_EXEC:
			w->execs++;
			ssh_load_exec(l, w->truth && strcmp(w->truth, ask.text) == 0);
			break;
		default:
			put_fmt(&w->said, "%s%s\n", step == CONF_ERROR ? "" : ask.quiet ? "-" : "?", ask.text);
		}
	}
}

static const struct ssh_load_ctx plain = {.host = "web.example.com", .local_user = "me", .session_type = "shell", .version = "Hawser_1"};

static struct ssh_conf load(const struct ssh_load_ctx *ctx, const char *text, struct world *w)
{
	struct ssh_conf c;
	struct ssh_load *l = ssh_load_new(ctx, NULL);
	w->said = BUF_INIT(1 << 20);
	ssh_load_text(l, "config", slice_str(text), true);
	run(l, w);
	if (ssh_load_wants_final(l)) {
		ssh_load_second(l, ctx->host, false);
		ssh_load_text(l, "config", slice_str(text), true);
		run(l, w);
	}
	ssh_load_finish(l, &c);
	ssh_load_free(l);
	return c;
}

static void says(const char *text, const char *want)
{
	struct world w = {0};
	struct ssh_conf c = load(&plain, text, &w);
	assert_string_equal(buf_cstr(&w.said), want);
	ssh_conf_clear(&c);
	buf_clear(&w.said);
}

/* The user that text leads to; NULL if none. The file must be without fault. */
static void user_is(const struct ssh_load_ctx *ctx, const char *text, const char *want)
{
	struct world w = {0};
	struct ssh_conf c = load(ctx, text, &w);
	assert_string_equal(buf_cstr(&w.said), "");
	if (want)
		assert_string_equal(c.user, want);
	else
		assert_null(c.user);
	ssh_conf_clear(&c);
	buf_clear(&w.said);
}

static void stock_file_of_debian(void **state)
{
	(void)state;
	static const char text[] =
		"# comment\n\nInclude /etc/ssh/ssh_config.d/*.conf\n\nHost *\n#   ForwardAgent no\n"
		"    SendEnv LANG LC_*\n    HashKnownHosts yes\n    GSSAPIAuthentication yes\n";
	struct world w = {0};
	struct ssh_conf c = load(&plain, text, &w);
	assert_true(c.hash_known_hosts);
	assert_int_equal(c.send_env.n, 2);
	assert_string_equal(buf_cstr(&w.said), "-config line 9: keyword GSSAPIAuthentication is not built yet; it is ignored\n");
	ssh_conf_clear(&c);
	buf_clear(&w.said);
}

static void host_blocks(void **state)
{
	(void)state;
	user_is(&plain, "Host web.*\nUser a\nHost *\nUser b\n", "a");
	user_is(&plain, "Host *.example.com !web*\nUser a\nHost *\nUser b\n", "b");
	user_is(&plain, "Host x y\nUser a\n", NULL);
	user_is(&plain, "User first\nHost *\nUser a\n", "first");
	user_is(&plain, "host=web.example.com\r\n\tuser = \"a\"  # why\r\n", "a");
	user_is(&plain, "\xef\xbb\xbfUser a", "a");
	user_is(&plain, "Host x\nPort 1\nUser \"b\"\nHost \"web.example.com\"\n\"User\" a", "a");
}

static void match_blocks(void **state)
{
	(void)state;
	struct ssh_load_ctx ctx = plain;
	struct addr local;
	assert_true(addr_parse(SLICE_LIT("192.0.2.5"), &local));
	ctx.local = &local;
	ctx.local_n = 1;
	ctx.command = "rsync --server";
	user_is(&ctx, "Match all\nUser a\n", "a");
	user_is(&ctx, "Match host web.example.com\nUser a\n", "a");
	user_is(&ctx, "Match !host web.example.com\nUser a\n", NULL);
	user_is(&ctx, "Match host=*.com,!web*\nUser a\n", NULL);
	user_is(&ctx, "Match host = web* localuser =me\nUser a\n", "a");
	user_is(&ctx, "HostName real.net\nMatch host real.net originalhost web.*\nUser a\n", "a");
	user_is(&ctx, "HostName %h.lan\nMatch host web.example.com.lan\nUser a\n", "a");
	user_is(&ctx, "Match user me\nUser a\n", "a");
	user_is(&ctx, "User you\nMatch user me\nPort 1\nMatch user you\nTag t\nMatch tagged t\nHostKeyAlias x\n", "you");
	user_is(&ctx, "Match tagged \"\"\nUser a\n", "a");
	user_is(&ctx, "Tag x\nMatch tagged \"\"\nUser a\n", NULL);
	user_is(&ctx, "Match command rsync*\nUser a\n", "a");
	user_is(&ctx, "Match command \"\"\nUser a\n", NULL);
	user_is(&ctx, "Match localnetwork 192.0.2.0/24\nUser a\n", "a");
	user_is(&ctx, "Match localnetwork 10.0.0.0/8\nUser a\n", NULL);
	user_is(&ctx, "Match sessiontype shell version Hawser*\nUser a\n", "a");
	user_is(&ctx, "Match canonical\nUser a\n", NULL);
	user_is(&ctx, "Match final\nUser a\n", "a");
	user_is(&ctx, "Match !final\nUser a\nMatch final all\nUser b\n", "a");
}

static void exec_is_asked_only_where_it_matters(void **state)
{
	(void)state;
	struct world w = {.truth = "test -f x"};
	struct ssh_conf c = load(&plain, "Match host web* exec \"test -f x\" !exec false\nUser a\nMatch host no exec never\nUser b\n", &w);
	assert_string_equal(c.user, "a");
	assert_int_equal(w.execs, 2);
	ssh_conf_clear(&c);
	buf_clear(&w.said);
}

static void includes_keep_order_and_block(void **state)
{
	(void)state;
	const char text[] = "Host web*\nInclude one two\nPort 3\nHost other\nInclude dead\nHost *\nUser last\n";
	struct world w = {
		.files = (const void *)(const char *const[]){
			"one", "a.conf", "", "one", "b.conf", "IdentityFile b\nHost nobody\nIdentityFile no\n",
			"one", "c.conf", "IdentityFile c\n", "two", "d.conf", "IdentityFile d\nInclude three\nIdentityFile f\n",
			"three", "e.conf", "IdentityFile e\n", "dead", "x.conf", "Host *\nUser dead\nMatch all\nUser dead\nMatch exec true\nUser dead\n"},
		.files_n = 6,
	};
	struct ssh_conf c = load(&plain, text, &w);
	struct buf b = BUF_INIT(100);
	for (size_t i = 0; i < c.identity_file.n; i++)
		put_str(&b, c.identity_file.v[i]);
	assert_string_equal(buf_cstr(&b), "bcdef");
	assert_string_equal(c.user, "last");
	assert_int_equal(c.port, 3);
	assert_int_equal(w.execs, 0);
	assert_string_equal(buf_cstr(&w.said), "");
	buf_clear(&b);
	buf_clear(&w.said);
	ssh_conf_clear(&c);
}

static void endless_includes_end(void **state)
{
	(void)state;
	struct world w = {.files = (const void *)(const char *const[]){"me", "me", "Include me me\n"}, .files_n = 1};
	struct ssh_conf c = load(&plain, "Include me\nUser a\n", &w);
	assert_non_null(strstr(buf_cstr(&w.said), "me line 1: Include: more than 16 files deep"));
	assert_non_null(strstr(buf_cstr(&w.said), "one file too many"));
	assert_string_equal(c.user, "a");
	ssh_conf_clear(&c);
	buf_clear(&w.said);
}

static void faults_name_their_line(void **state)
{
	(void)state;
	says("\nPort x\nUser a\nPort\n", "config line 2: Port: \"x\" is not valid here; use a number from 1 to 65535\n"
		"config line 4: Port: a value is missing\n");
	says("Prot 2\n", "config line 1: there is no keyword \"Prot\"; correct it, or name it in IgnoreUnknown\n");
	says("IgnoreUnknown Pro*,Use*\nPrott 2\nUseKeychain yes\n", "");
	says("Host other\nPort x\n", "config line 2: Port: \"x\" is not valid here; use a number from 1 to 65535\n");
	says("Match\n", "config line 1: Match: a criterion is missing; write \"Match all\" for every host\n");
	says("Host\n", "config line 1: Host: a pattern is missing; write \"Host *\" for every host\n");
	says("Match host a all\n", "config line 1: Match: \"all\" must stand alone, or right behind canonical or final\n");
	says("Match host\n", "config line 1: Match: host needs a value\n");
	says("Match localnetwork x\n", "config line 1: Match: \"x\" is not a list of networks such as 192.0.2.0/24,2001:db8::/32\n");
	says("Cipher des\nUseRoaming no\nProtocol 2\nCipher x\n", "-config line 1: keyword Cipher is an old keyword without effect; remove the line\n"
		"-config line 2: keyword UseRoaming is an old keyword without effect; remove the line\n");
	says("ProxyJump a\nProxyJump b\n", "?config line 1: keyword ProxyJump is not built yet; it is ignored\n");
	says("RevokedHostKeys /x\n", "");
	says("User a\x1b[31m\"\n", "config line 1: User: a quote is not closed; add the missing quote, or write \\\" for a plain one\n");
	says("\x1b[31m x\n", "config line 1: there is no keyword \"\\x1b[31m\"; correct it, or name it in IgnoreUnknown\n");
}

static void command_line_comes_first(void **state)
{
	(void)state;
	struct world w = {.said = BUF_INIT(1000)};
	struct err e = {0};
	struct ssh_conf c;
	struct ssh_load *l = ssh_load_new(&plain, NULL);
	assert_true(ssh_load_option(l, "Port=1", &e));
	assert_true(ssh_load_option(l, "user x", &e));
	assert_true(ssh_load_option(l, "ForwardAgent yes", &e));
	assert_true(ssh_load_option(l, "ProxyJump=none", &e));
	assert_false(ssh_load_option(l, "Port=", &e));
	assert_string_equal(e.text, "command-line: Port: a value is missing");
	assert_false(ssh_load_option(l, "Match all", &e));
	assert_false(ssh_load_option(l, "Nope=1", &e));
	assert_false(ssh_load_option(l, "Port 1\nPort 2", &e));
	ssh_load_text(l, "config", SLICE_LIT("Port 2\nUser y\nProxyCommand nc\nHostName h\n"), true);
	run(l, &w);
	assert_string_equal(buf_cstr(&w.said), "?command-line: keyword ForwardAgent is not built yet; it is ignored\n");
	ssh_load_text(l, "system", SLICE_LIT("HostName i\nBatchMode yes\n"), false);
	run(l, &w);
	assert_false(ssh_load_failed(l));
	ssh_load_finish(l, &c);
	assert_int_equal(c.port, 1);
	assert_string_equal(c.user, "x");
	assert_string_equal(c.hostname, "h");
	assert_null(c.proxy_command);
	assert_true(c.batch_mode);
	ssh_conf_clear(&c);
	ssh_load_free(l);
	buf_clear(&w.said);
}

static void hostile_texts(void **state)
{
	(void)state;
	struct world w = {.said = BUF_INIT(1 << 20)};
	size_t n = CONF_LINE_MAX + 10;
	char *big = mem_new(n + 1);
	memset(big, 'x', n);
	struct ssh_load *l = ssh_load_new(&plain, NULL);
	ssh_load_text(l, "big", slice_of(big, n), true);
	run(l, &w);
	assert_string_equal(buf_cstr(&w.said), "big line 1: the line is longer than 65536 bytes; split it\n");
	buf_reset(&w.said);
	ssh_load_text(l, "nul", SLICE_LIT("User a\0b\nPort 2\n"), true);
	run(l, &w);
	assert_string_equal(buf_cstr(&w.said), "nul line 1: the line holds a NUL byte; is this a text file?\n");
	assert_true(ssh_load_failed(l));
	assert_int_equal(ssh_load_conf(l)->port, 2);
	/* Every prefix of a text with everything in it ends without harm. */
	static const char text[] = "Host a \"b\nMatch host x exec \"y\"\nInclude z\nUser = \"c\\\"\nCiphers +aes*,-\nSetEnv A=\"b c\" #d\nMatch final all\n";
	for (size_t i = 0; i <= sizeof text - 1; i++) {
		ssh_load_text(l, "prefix", slice_of(text, i), true);
		run(l, &w);
	}
	ssh_load_free(l);
	mem_free(big);
	buf_clear(&w.said);
}

static void dump_as_ssh_G(void **state)
{
	(void)state;
	struct world w = {0};
	struct buf b = BUF_INIT(1 << 16);
	struct ssh_conf c = load(&plain, "User u\nIdentityFile ~/k\nSetEnv A=1\nCiphers aes128-ctr\n", &w);
	ssh_conf_dump(&c, "web", &b);
	const char *s = buf_cstr(&b);
	assert_true(slice_has_prefix(buf_slice(&b), "host web\nuser u\nport 22\naddressfamily any\nbatchmode no\n"));
	assert_non_null(strstr(s, "\nidentityfile ~/k\ncanonicaldomains none\n"));
	assert_non_null(strstr(s, "\nuserknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2\nsetenv A=1\n"));
	assert_non_null(strstr(s, "\ncontrolmaster false\n"));
	assert_non_null(strstr(s, "\nciphers aes128-ctr\n"));
	assert_null(strstr(s, "proxycommand"));
	ssh_conf_clear(&c);
	buf_clear(&b);
	buf_clear(&w.said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stock_file_of_debian),
		cmocka_unit_test(host_blocks),
		cmocka_unit_test(match_blocks),
		cmocka_unit_test(exec_is_asked_only_where_it_matters),
		cmocka_unit_test(includes_keep_order_and_block),
		cmocka_unit_test(endless_includes_end),
		cmocka_unit_test(faults_name_their_line),
		cmocka_unit_test(command_line_comes_first),
		cmocka_unit_test(hostile_texts),
		cmocka_unit_test(dump_as_ssh_G),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
