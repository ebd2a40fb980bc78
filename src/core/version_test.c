#include "core/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

struct seen { bool version, over; uint32_t reason; char text[300], traced[600]; };

static struct ssh *new_core(enum ssh_role role)
{
	static const struct slice no_key = {(const uint8_t *)"\0\0\0\x0bssh-ed25519", 15};
	struct ssh_setup setup = {.role = role, .software = "Test_1", .host_keys = &no_key, .host_key_count = 1, .now = 1,
		.algs = {"curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none"}};
	setup.trace = LOG_LEVEL_DEBUG1;
	return ssh_new(&setup);
}

static void take(char *to, size_t max, struct slice s)
{
	snprintf(to, max, "%.*s", (int)s.n, s.n ? (const char *)s.p : "");
}

static void feed(struct ssh *ssh, const void *bytes, size_t n, struct seen *seen)
{
	const uint8_t *p = bytes;
	struct ssh_event ev;
	for (size_t at = 0;;) {
		for (ssh_next(ssh, &ev); ev.kind != EV_NEED_INPUT; ssh_next(ssh, &ev)) {
			if (ev.kind == EV_VERSION)
				seen->version = true;
			if (ev.kind == EV_TRACE)
				take(seen->traced, sizeof seen->traced, ev.text);
			if (ev.kind != EV_OVER)
				continue;
			seen->over = true, seen->reason = ev.number;
			take(seen->text, sizeof seen->text, ev.text);
		}
		struct room r = ssh_space(ssh);
		size_t take_now = n - at < r.n ? n - at : r.n;
		if (take_now == 0)
			return;
		memcpy(r.p, p + at, take_now);
		ssh_filled(ssh, take_now, 2);
		at += take_now;
	}
}

static struct seen say(enum ssh_role role, const char *text)
{
	struct seen seen = {0};
	struct ssh *ssh = new_core(role);
	feed(ssh, text, strlen(text), &seen);
	ssh_free(ssh);
	return seen;
}

static void server_refuses_what_is_no_version(void **state)
{
	(void)state;
	struct seen s = say(SSH_SERVER, "GET / HTTP/1.1\r\n");
	assert_true(s.over);
	assert_string_equal(s.text, "invalid format");
	assert_string_equal(s.traced, "kex_exchange_identification: client sent invalid protocol identifier \"GET / HTTP/1.1\"");
	s = say(SSH_SERVER, "SSH-1.5-old\n");
	assert_string_equal(s.text, "Protocol major versions differ: 2 vs. 1.5-old");
	assert_int_equal(s.reason, REASON_VERSION_NOT_SUPPORTED);
	assert_true(say(SSH_SERVER, "\n").over);
	assert_false(say(SSH_SERVER, "SSH-2.0-fine\n").over);
	assert_false(say(SSH_SERVER, "SSH-1.99-fine comment here\r\n").over);
}

static void server_tells_the_peer_why(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct ssh *ssh = new_core(SSH_SERVER);
	feed(ssh, "EHLO\n", 5, &seen);
	struct slice out = ssh_output(ssh);
	assert_true(slice_has_prefix(out, "SSH-2.0-Test_1\r\nInvalid SSH identification string.\r\n"));
	ssh_free(ssh);
}

static void lines_have_a_limit(void **state)
{
	(void)state;
	char line[9000];
	memset(line, 'x', sizeof line);
	memcpy(line, "SSH-2.0-", 8);
	memcpy(line + 253, "\r\n", 3);
	assert_false(say(SSH_SERVER, line).over);       /* 255 with its end */
	line[252] = line[253] = 'x';
	memcpy(line + 254, "\r\n", 3);
	assert_true(say(SSH_SERVER, line).over);
	line[255] = 0;
	assert_false(say(SSH_SERVER, line).over);       /* the end may still come */
	line[255] = 'x', line[256] = 0;
	assert_true(say(SSH_SERVER, line).over);
}

static struct seen server_says_before(size_t lines, size_t length)
{
	struct seen seen = {0};
	struct ssh *ssh = new_core(SSH_CLIENT);
	char *line = mem_new(length);
	memset(line, 'y', length - 1);
	line[length - 1] = '\n';
	for (size_t i = 0; i < lines && !seen.over; i++)
		feed(ssh, line, length, &seen);
	feed(ssh, "SSH-2.0-server\r\n", 16, &seen);
	mem_free(line);
	ssh_free(ssh);
	return seen;
}

static void client_passes_over_lines_before_the_version(void **state)
{
	(void)state;
	assert_true(server_says_before(3, 20).version);
	assert_true(server_says_before(1024, 5).version);
	struct seen s = server_says_before(1025, 5);
	assert_true(s.over && !s.version);
	assert_true(server_says_before(300, 8192).version);
	assert_true(server_says_before(1, 8193).over);
}

static void scanners_and_probes_are_named(void **state)
{
	(void)state;
	assert_string_equal(say(SSH_SERVER, "SSH-2.0-Probe-1\n").text, "probed");
	assert_string_equal(say(SSH_SERVER, "SSH-2.0-SSH_Version_Mapper\n").text, "scanned");
}

static void quirks_of_known_peers(void **state)
{
	(void)state;
	static const struct { const char *software; unsigned has, lacks; } rows[] = {
		{"OpenSSH_10.5 Hawser_0.1", QUIRK_STRICT | QUIRK_FIRST_CHANNEL_ZERO, QUIRK_CURVE25519_PAD},
		{"OpenSSH_10.5", QUIRK_STRICT | QUIRK_FIRST_CHANNEL_ZERO | QUIRK_EOW, QUIRK_CURVE25519_PAD},
		{"OpenSSH_9.2p1 Debian-2", QUIRK_EOW, QUIRK_STRICT},
		{"OpenSSH_9.2p1 Debian-2+deb12u1", QUIRK_EOW, QUIRK_STRICT},
		{"OpenSSH_9.2p1 Debian-2+deb12u10", QUIRK_EOW | QUIRK_STRICT, 0},
		{"OpenSSH_8.9p1 Ubuntu-3ubuntu0.13", QUIRK_EOW | QUIRK_STRICT, 0},
		{"OpenSSH_8.9p1 Ubuntu-3ubuntu0.1", QUIRK_EOW, QUIRK_STRICT},
		{"OpenSSH_9.6", QUIRK_STRICT, 0},
		{"OpenSSH-keyscan", 0, QUIRK_STRICT},
		{"OpenSSH_7.4", QUIRK_EOW, QUIRK_STRICT | QUIRK_CURVE25519_PAD},
		{"OpenSSH_6.6.1", QUIRK_CURVE25519_PAD, QUIRK_STRICT},
		{"dropbear_2022.83", QUIRK_FIRST_CHANNEL_ZERO, QUIRK_STRICT},
		{"PuTTY_Release_0.64", QUIRK_OLD_GEX, QUIRK_STRICT},
		{"PuTTY_Release_0.83", QUIRK_STRICT, QUIRK_OLD_GEX},
		{"Sun_SSH_1.0.1", QUIRK_NO_REKEY, 0},
		{"libssh_0.10.6", QUIRK_NO_PIPELINE, QUIRK_STRICT},
		{"libssh2_1.10.0", 0, ~0u},
		{"AsyncSSH_2.14.2", QUIRK_REKEY_DATA, QUIRK_STRICT},
		{"AsyncSSH_2.15.0", 0, QUIRK_REKEY_DATA},
		{"unheard_of", 0, ~0u},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned q = quirks_find(slice_str(rows[i].software));
		if ((q & rows[i].has) != rows[i].has || q & rows[i].lacks)
			fail_msg("%s: 0x%x", rows[i].software, q);
	}
}

static void an_end_before_the_version_is_said_as_fail2ban_knows_it(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct ssh *ssh = new_core(SSH_SERVER);
	ssh_ended(ssh, "Connection closed by remote host");
	feed(ssh, "", 0, &seen);
	assert_string_equal(seen.traced, "kex_exchange_identification: Connection closed by remote host");
	assert_int_equal(seen.reason, REASON_CONNECTION_LOST);
	ssh_free(ssh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_refuses_what_is_no_version),
		cmocka_unit_test(server_tells_the_peer_why),
		cmocka_unit_test(lines_have_a_limit),
		cmocka_unit_test(client_passes_over_lines_before_the_version),
		cmocka_unit_test(scanners_and_probes_are_named),
		cmocka_unit_test(quirks_of_known_peers),
		cmocka_unit_test(an_end_before_the_version_is_said_as_fail2ban_knows_it),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
