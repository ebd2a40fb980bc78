#include "conf/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "base/text.h"
#include "conf/algs.h"
#include "conf/ssh_conf.h"
#include "conf/sshd_conf.h"
#include "conf/types.h"

static const struct conf_table *const tables[] = {&ssh_table, &sshd_table};
union any_conf { struct ssh_conf ssh; struct sshd_conf sshd; };

static void set_ok(const struct conf_table *t, void *c, const char *name, const char *value)
{
	struct conf_words w;
	struct err e = {0};
	const struct conf_key *k = conf_find(t, slice_str(name));
	assert_non_null(k);
	assert_true(conf_words_split(&w, slice_str(value), &e));
	if (!conf_set(t, c, k, &w, NULL, &e))
		fail_msg("%s %s: %s", name, value, e.text);
	conf_words_clear(&w);
}

static void set_bad(const struct conf_table *t, const char *name, const char *value, const char *word)
{
	struct conf_words w;
	struct err e = {0};
	const struct conf_key *k = conf_find(t, slice_str(name));
	assert_non_null(k);
	bool ok = conf_words_split(&w, slice_str(value), &e);
	if (ok && conf_set(t, NULL, k, &w, NULL, &e))
		fail_msg("%s %s was taken", name, value);
	if (!strstr(e.text, word))
		fail_msg("\"%s\" does not say \"%s\"", e.text, word);
	assert_null(strchr(e.text, '\n'));
	if (ok)
		conf_words_clear(&w);
}

static void every_byte_belongs_to_one_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		const struct conf_table *t = tables[i];
		unsigned char *seen = mem_new(t->size);
		size_t end = 0;
		memset(seen + t->given, 1, CONF_GIVEN_WORDS * sizeof(uint64_t));
		assert_true(t->count <= CONF_GIVEN_WORDS * 64);
		for (size_t k = 0; k < t->count; k++) {
			const struct conf_key *key = &t->keys[k];
			if (key->type == NULL)
				continue;
			assert_true(key->type->size <= CONF_FIELD_MAX);
			for (size_t b = key->offset; b < key->offset + key->type->size; b++) {
				if (seen[b]++)
					fail_msg("%s: two rows share byte %zu", key->name, b);
				end = b + 1 > end ? b + 1 : end;
			}
		}
		for (size_t b = 0; b < end; b++)
			if (!seen[b])
				fail_msg("%s: no row for byte %zu", t->name, b);
		assert_true(t->size - end < sizeof(uint64_t));
		mem_free(seen);
	}
}

static void rows_are_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		const struct conf_table *t = tables[i];
		for (size_t k = 0; k < t->count; k++) {
			const struct conf_key *key = &t->keys[k];
			assert_ptr_equal(conf_find(t, slice_str(key->name)), key);
			if (key->state == CONF_ALIAS)
				assert_non_null(conf_follow(t, key)->type);
			if (key->state == CONF_BUILT || key->state == CONF_LATER) {
				assert_non_null(key->type);
				assert_non_null(key->help);
				assert_true(key->type != &CT_ENUM || key->choices);
				assert_true(key->type != &CT_ALGS || key->dflt);
				assert_true(!(key->flags & CONF_APPEND) || key->type->merge);
			}
		}
	}
	size_t n;
	assert_ptr_equal(conf_keys(CONF_SSHD, &n), sshd_table.keys);
	assert_int_equal(n, sshd_table.count);
}

/* Counts of the published inventory: 101 ssh fields beside Host, Match, Include; 103 sshd fields, 63 of them allowed in Match; ours come on top. */
static void every_keyword_is_there(void **state)
{
	(void)state;
	size_t fields[2] = {0}, ours[2] = {0}, in_match = 0;
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < tables[i]->count; k++) {
			fields[i] += tables[i]->keys[k].type != NULL;
			ours[i] += (tables[i]->keys[k].flags & CONF_OURS) != 0;
		}
	}
	for (size_t k = 0; k < sshd_table.count; k++)
		in_match += sshd_table.keys[k].type && sshd_table.keys[k].scope == CONF_MATCH && !(sshd_table.keys[k].flags & CONF_OURS);
	assert_int_equal(fields[0] - ours[0], 101);
	assert_int_equal(fields[1] - ours[1], 103);
	assert_int_equal(in_match, 63);
}

static void defaults_read_back_from_the_exact_dump(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		const struct conf_table *t = tables[i];
		union any_conf a, b;
		struct buf one = BUF_INIT(1 << 20), two = BUF_INIT(1 << 20);
		conf_init(t, &a);
		conf_defaults(t, &a);
		conf_dump(t, &a, CONF_DUMP_EXACT, &one);
		conf_init(t, &b);
		struct slice rest = buf_slice(&one);
		while (rest.n) {
			struct slice line = slice_cut(&rest, '\n'), name = slice_cut(&line, ' ');
			char *n = slice_dup(name), *v = slice_dup(line);
			set_ok(t, &b, n, v);
			mem_free(n);
			mem_free(v);
		}
		conf_defaults(t, &b);
		conf_dump(t, &b, CONF_DUMP_EXACT, &two);
		assert_string_equal(buf_cstr(&one), buf_cstr(&two));
		conf_clear(t, &a);
		conf_clear(t, &b);
		buf_clear(&one);
		buf_clear(&two);
	}
}

static void shows(const struct conf_table *t, const char *name, const char *value, const char *want)
{
	union any_conf c, copy;
	struct buf b = BUF_INIT(1 << 16);
	conf_init(t, &c);
	set_ok(t, &c, name, value);
	conf_copy(t, &copy, &c);
	conf_clear(t, &c);
	conf_show(conf_follow(t, conf_find(t, slice_str(name))), &copy, CONF_DUMP_EXACT, &b);
	assert_string_equal(buf_cstr(&b), want);
	conf_clear(t, &copy);
	buf_clear(&b);
}

static void client_values(void **state)
{
	(void)state;
	const struct conf_table *t = &ssh_table;
	shows(t, "batchmode", "TRUE", "batchmode yes\n");
	shows(t, "StrictHostKeyChecking", "accept-new", "stricthostkeychecking accept-new\n");
	shows(t, "StrictHostKeyChecking", "off", "stricthostkeychecking false\n");
	shows(t, "ConnectTimeout", "1m30s", "connecttimeout 90\n");
	shows(t, "ConnectTimeout", "none", "connecttimeout none\n");
	shows(t, "EscapeChar", "^a", "escapechar ^A\n");
	shows(t, "EscapeChar", "none", "escapechar none\n");
	shows(t, "RekeyLimit", "1G 1h", "rekeylimit 1073741824 3600\n");
	shows(t, "RekeyLimit", "default", "rekeylimit 0 0\n");
	shows(t, "IPQoS", "af21 cs1", "ipqos af21 cs1\n");
	shows(t, "IPQoS", "lowdelay throughput", "ipqos none none\n");
	shows(t, "IPQoS", "0x12", "ipqos 0x12 0x12\n");
	shows(t, "AddKeysToAgent", "confirm 1h", "addkeystoagent confirm 3600\n");
	shows(t, "AddKeysToAgent", "90", "addkeystoagent 90\n");
	shows(t, "ControlPersist", "0", "controlpersist yes\n");
	shows(t, "ForwardAgent", "$SOCK", "forwardagent $SOCK\n");
	shows(t, "ForwardAgent", "no", "forwardagent no\n");
	shows(t, "StreamLocalBindMask", "0007", "streamlocalbindmask 07\n");
	shows(t, "LogLevel", "debug1", "loglevel DEBUG\n");
	shows(t, "IdentityFile", "\"~/a b\"", "identityfile \"~/a b\"\n");
	shows(t, "IdentityFile", "~/c#d # comment", "identityfile \"~/c#d\"\n");
	shows(t, "ProxyCommand", "ssh -W %h:%p \"gw\" # kept", "proxycommand ssh -W %h:%p \"gw\" # kept\n");
	shows(t, "ProxyCommand", "none", "proxycommand none\n");
	shows(t, "LocalForward", "8080 localhost:80", "localforward 8080 localhost:80\n");
	shows(t, "ObscureKeystrokeTiming", "interval:80", "obscurekeystroketiming interval:80\n");
	shows(t, "ChannelWindowMax", "1M", "channelwindowmax 1048576\n");
	shows(t, "TISAuthentication", "no", "kbdinteractiveauthentication no\n");
	set_bad(t, "BatchMode", "maybe", "use yes, no, true or false");
	set_bad(t, "Compression", "true", "use yes or no");
	set_bad(t, "Port", "0", "1 to 65535");
	set_bad(t, "Port", "65536", "1 to 65535");
	set_bad(t, "Port", "22 23", "too much");
	set_bad(t, "Port", "", "missing");
	set_bad(t, "Port", "99999999999999999999", "1 to 65535");
	set_bad(t, "ConnectTimeout", "1x", "time");
	set_bad(t, "ConnectTimeout", "99999999999", "time");
	set_bad(t, "EscapeChar", "ab", "one character");
	set_bad(t, "RekeyLimit", "15", "at least 16");
	set_bad(t, "IPQoS", "fast", "none, ef");
	set_bad(t, "StreamLocalBindMask", "0888", "octal");
	set_bad(t, "StreamLocalBindMask", "77777777777777", "octal");
	set_bad(t, "SetEnv", "A", "NAME=VALUE");
	set_bad(t, "LocalForward", "8080", "2 to 2");
	set_bad(t, "ChannelTimeout", "session", "type=time");
	set_bad(t, "ChannelWindowMax", "5G", "size from");
	set_bad(t, "User", "\"\"", "empty");
	set_bad(t, "User", "\"a", "quote");
	set_bad(t, "UserKnownHostsFile", "a none", "alone");
}

static void server_values(void **state)
{
	(void)state;
	const struct conf_table *t = &sshd_table;
	shows(t, "PermitRootLogin", "prohibit-password", "permitrootlogin prohibit-password\n");
	shows(t, "Compression", "delayed", "compression yes\n");
	shows(t, "AllowTcpForwarding", "ALL", "allowtcpforwarding yes\n");
	shows(t, "MaxStartups", "10:30:60", "maxstartups 10:30:60\n");
	shows(t, "MaxStartups", "5", "maxstartups 5:100:5\n");
	shows(t, "PerSourceNetBlockSize", "24:56", "persourcenetblocksize 24:56\n");
	shows(t, "PerSourceMaxStartups", "none", "persourcemaxstartups none\n");
	shows(t, "PerSourcePenalties", "no", "persourcepenalties no\n");
	shows(t, "PerSourcePenalties", "authfail:1m overflow:deny-all",
		"persourcepenalties crash:90 authfail:60 noauth:1 invaliduser:5 grace-exceeded:10 refuseconnection:10 max:600 min:15 "
		"max-sources4:65536 max-sources6:65536 overflow:deny-all overflow6:deny-all\n");
	shows(t, "Subsystem", "sftp  /usr/lib/openssh/sftp-server -l \"INFO x\"", "subsystem sftp /usr/lib/openssh/sftp-server -l \"INFO x\"\n");
	shows(t, "AuthenticationMethods", "publickey,password keyboard-interactive:pam",
		"authenticationmethods publickey,password keyboard-interactive:pam\n");
	shows(t, "AuthenticationMethods", "any", "authenticationmethods any\n");
	shows(t, "ListenAddress", "[::1]:2222 rdomain blue", "listenaddress [::1]:2222 rdomain blue\n");
	shows(t, "AuthorizedKeysFile", "none", "authorizedkeysfile none\n");
	shows(t, "PidFile", "none", "pidfile none\n");
	shows(t, "PermitUserEnvironment", "LANG,LC_*", "permituserenvironment LANG,LC_*\n");
	shows(t, "PubkeyAuthOptions", "touch-required,verify-required", "pubkeyauthoptions touch-required verify-required\n");
	shows(t, "Banner", "/etc/issue.net", "banner /etc/issue.net\n");
	shows(t, "ForceCommand", "echo \"a  b\"", "forcecommand echo \"a  b\"\n");
	set_bad(t, "UsePAM", "true", "use yes or no");
	set_bad(t, "MaxStartups", "10:30", "start:rate:full");
	set_bad(t, "MaxStartups", "10:101:60", "start:rate:full");
	set_bad(t, "MaxStartups", "60:30:10", "start:rate:full");
	set_bad(t, "MaxStartups", "1:2:3:4", "start:rate:full");
	set_bad(t, "PerSourcePenalties", "yes crash:1", "words such as");
	set_bad(t, "PerSourcePenalties", "crash:x", "words such as");
	set_bad(t, "AuthorizedKeysCommand", "cat x", "starts with /");
	set_bad(t, "AuthenticationMethods", "publickey,any", "publickey, password");
	set_bad(t, "AuthenticationMethods", "publickey,,password", "comma lists");
	set_bad(t, "ListenAddress", "[::1", "an address such as");
	set_bad(t, "ListenAddress", "1.2.3.4:0", "an address such as");
	set_bad(t, "PermitOpen", "any a:1", "alone");
	set_bad(t, "Subsystem", "sftp", "name and a command");
	set_bad(t, "PermitRootLogin", "perhaps", "prohibit-password");
	set_bad(t, "HostKey", "a b", "at most 1");
}

static void first_value_wins_and_lists_grow(void **state)
{
	(void)state;
	struct ssh_conf c;
	conf_init(&ssh_table, &c);
	assert_false(SSH_GIVEN(&c, port));
	set_ok(&ssh_table, &c, "Port", "1");
	set_ok(&ssh_table, &c, "Port", "2");
	set_ok(&ssh_table, &c, "IdentityFile", "a");
	set_ok(&ssh_table, &c, "IdentityFile", "b");
	set_ok(&ssh_table, &c, "SendEnv", "LANG LC_*");
	set_ok(&ssh_table, &c, "SendEnv", "-LC* FOO");
	set_ok(&ssh_table, &c, "SetEnv", "A=1 B=2");
	set_ok(&ssh_table, &c, "SetEnv", "A=3 C=4");
	set_ok(&ssh_table, &c, "UserKnownHostsFile", "x y");
	set_ok(&ssh_table, &c, "UserKnownHostsFile", "z");
	set_ok(&ssh_table, &c, "ProxyCommand", "none");
	set_ok(&ssh_table, &c, "ProxyCommand", "nc");
	assert_true(SSH_GIVEN(&c, port));
	ssh_conf_finish(&c);
	assert_int_equal(c.port, 1);
	assert_int_equal(c.identity_file.n, 2);
	assert_string_equal(c.identity_file.v[1], "b");
	assert_int_equal(c.send_env.n, 2);
	assert_string_equal(c.send_env.v[1], "FOO");
	assert_int_equal(c.set_env.n, 3);
	assert_string_equal(c.set_env.v[0], "A=1");
	assert_int_equal(c.user_known_hosts_file.n, 2);
	assert_null(c.proxy_command);
	assert_int_equal(c.update_host_keys, CONF_NO);
	ssh_conf_clear(&c);
	ssh_conf_finish(&c);
	assert_int_equal(c.identity_file.n, 6);
	assert_int_equal(c.update_host_keys, CONF_YES);
	assert_int_equal(c.escape_char, '~');
	assert_int_equal(c.ipqos.interactive, 0xb8);
	assert_int_equal(c.ipqos.bulk, 0);
	ssh_conf_clear(&c);
}

static void words_of_a_line(void **state)
{
	(void)state;
	static const struct { const char *in, *out; } cases[] = {
		{"a b", "<a><b>"}, {"  a\t b  ", "<a><b>"}, {"\"a b\" c", "<a b><c>"}, {"a\"b c\"d", "<ab cd>"}, {"'a \"b'", "<a \"b>"},
		{"a\\ b", "<a b>"}, {"\"a\\\"b\"", "<a\"b>"}, {"a\\\\b", "<a\\b>"}, {"a\\nb", "<a\\nb>"}, {"a # b", "<a>"}, {"a#b", "<a#b>"},
		{"\"#a\"", "<#a>"}, {"\"\" a", "<><a>"}, {"", ""}, {"# x \"", ""}, {"a\r", "<a>"}, {"\"a\\ b\"", "<a\\ b>"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_words w;
		struct buf b = BUF_INIT(1000);
		assert_true(conf_words_split(&w, slice_str(cases[i].in), NULL));
		for (size_t k = 0; k < w.list.n; k++)
			put_fmt(&b, "<%s>", w.list.v[k]);
		assert_string_equal(buf_cstr(&b), cases[i].out);
		conf_words_clear(&w);
		buf_clear(&b);
	}
	struct conf_words w;
	struct err e;
	assert_false(conf_words_split(&w, SLICE_LIT("\"a"), &e));
	assert_false(conf_words_split(&w, SLICE_LIT("it's"), &e));
	char *many = mem_new(20001);
	for (size_t i = 0; i < 20000; i++)
		many[i] = i & 1 ? ' ' : 'x';
	assert_false(conf_words_split(&w, slice_str(many), &e));
	assert_int_equal(e.code, ERR_LIMIT);
	mem_free(many);
}

static void warnings_only_where_something_is_lost(void **state)
{
	(void)state;
	static const struct { const struct conf_table *t; const char *name, *value; bool warns; } cases[] = {
		{&ssh_table, "ForwardAgent", "no", false}, {&ssh_table, "ForwardAgent", "yes", true},
		{&ssh_table, "ForwardX11Trusted", "yes", false}, {&ssh_table, "ProxyJump", "none", false},
		{&ssh_table, "ProxyJump", "gw", true}, {&ssh_table, "Tunnel", "no  # off", false}, {&ssh_table, "Port", "23", false},
		{&sshd_table, "X11Forwarding", "yes", true}, {&sshd_table, "X11Forwarding", "no", false},
		{&sshd_table, "AllowTcpForwarding", "no", false},
		{&sshd_table, "GSSAPIAuthentication", "yes", true}, {&sshd_table, "UsePAM", "yes", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf_words w;
		assert_true(conf_words_split(&w, slice_str(cases[i].value), NULL));
		assert_int_equal(conf_not_built(conf_find(cases[i].t, slice_str(cases[i].name)), &w), cases[i].warns);
		conf_words_clear(&w);
	}
}

static void listeners_are_addresses_times_ports(void **state)
{
	(void)state;
	struct sshd_conf c;
	conf_init(&sshd_table, &c);
	set_ok(&sshd_table, &c, "Port", "22");
	set_ok(&sshd_table, &c, "Port", "2222");
	struct conf_list l = sshd_conf_listeners(&c);
	assert_int_equal(l.n, 4);
	assert_string_equal(l.v[0], "[::]:22");
	assert_string_equal(l.v[3], "0.0.0.0:2222");
	conf_list_clear(&l);
	set_ok(&sshd_table, &c, "ListenAddress", "127.0.0.1");
	set_ok(&sshd_table, &c, "ListenAddress", "2001:db8::1");
	set_ok(&sshd_table, &c, "ListenAddress", "[::1]:80 rdomain r");
	set_ok(&sshd_table, &c, "ListenAddress", "localhost:80");
	l = sshd_conf_listeners(&c);
	assert_int_equal(l.n, 6);
	assert_string_equal(l.v[1], "127.0.0.1:2222");
	assert_string_equal(l.v[2], "[2001:db8::1]:22");
	assert_string_equal(l.v[4], "[::1]:80 rdomain r");
	assert_string_equal(l.v[5], "localhost:80");
	conf_list_clear(&l);
	sshd_conf_clear(&c);
}

static void who_may_log_in(void **state)
{
	(void)state;
	const char *groups[] = {"staff", "wheel"}, *why;
	struct sshd_conf c;
	conf_init(&sshd_table, &c);
	assert_true(sshd_conf_user_allowed(&c, "bob", groups, 2, "h", "10.0.0.1", &why));
	set_ok(&sshd_table, &c, "AllowUsers", "al* bob@10.0.0.0/8");
	set_ok(&sshd_table, &c, "DenyUsers", "alf");
	assert_true(sshd_conf_user_allowed(&c, "bob", groups, 2, "h", "10.0.0.1", &why));
	assert_true(sshd_conf_user_allowed(&c, "alice", groups, 2, "h", "11.0.0.1", &why));
	assert_false(sshd_conf_user_allowed(&c, "bob", groups, 2, "h", "11.0.0.1", &why));
	assert_string_equal(why, "not listed in AllowUsers");
	assert_false(sshd_conf_user_allowed(&c, "alf", groups, 2, "h", "10.0.0.1", &why));
	assert_string_equal(why, "listed in DenyUsers");
	set_ok(&sshd_table, &c, "AllowGroups", "users");
	assert_false(sshd_conf_user_allowed(&c, "alice", groups, 2, "h", "10.0.0.1", &why));
	assert_string_equal(why, "none of user's groups are listed in AllowGroups");
	set_ok(&sshd_table, &c, "AllowGroups", "wh*");
	assert_true(sshd_conf_user_allowed(&c, "alice", groups, 2, "h", "10.0.0.1", &why));
	set_ok(&sshd_table, &c, "DenyGroups", "staff");
	assert_false(sshd_conf_user_allowed(&c, "alice", groups, 2, "h", "10.0.0.1", &why));
	assert_string_equal(why, "a group is listed in DenyGroups");
	assert_false(sshd_conf_user_allowed(&c, "alice", groups, 0, "h", "10.0.0.1", &why));
	assert_string_equal(why, "not in any group");
	sshd_conf_clear(&c);
}

static void subsystems_have_one_command(void **state)
{
	(void)state;
	struct sshd_conf c;
	conf_init(&sshd_table, &c);
	set_ok(&sshd_table, &c, "Subsystem", "sftp internal-sftp -l INFO");
	set_ok(&sshd_table, &c, "Subsystem", "sftp other");
	conf_defaults(&sshd_table, &c);
	assert_string_equal(sshd_conf_subsystem(&c, SLICE_LIT("sftp")), "internal-sftp -l INFO");
	assert_null(sshd_conf_subsystem(&c, SLICE_LIT("sft")));
	sshd_conf_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_belongs_to_one_row),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(every_keyword_is_there),
		cmocka_unit_test(defaults_read_back_from_the_exact_dump),
		cmocka_unit_test(client_values),
		cmocka_unit_test(server_values),
		cmocka_unit_test(first_value_wins_and_lists_grow),
		cmocka_unit_test(words_of_a_line),
		cmocka_unit_test(warnings_only_where_something_is_lost),
		cmocka_unit_test(listeners_are_addresses_times_ports),
		cmocka_unit_test(who_may_log_in),
		cmocka_unit_test(subsystems_have_one_command),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
