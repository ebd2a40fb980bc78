#include "key/known_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/keyfile.h"

#define ED_A "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt"
#define ED_B "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6JHMEwsIEq8ySzNKLSlPS9sxoceekMw/AoEnHsWLMY"
#define EC_A "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBPjIiDEt7P1HxCXFcTPwVZw6c23cSgQ+XO51t6alQ9K7GiH/YtpxSp9Y6Y6GiwquJ8IRzjcohav1keNBMXIHaWc="
/* ssh-keygen -H of Debian, for the name "host.example". */
#define HASHED_NAME "|1|3jiOCEoatYZRnAEzP+vYfHuSnI0=|/aW1XMkOAmJRgOdmoMAqwC7XotI="

static const char text[] =
    "# remark\n"
    "plain.example,192.0.2.1 " ED_A " a comment\n"
    "*.wild.example,!not.wild.example " ED_A "\n"
    "[plain.example]:2222 " ED_B "\n"
    HASHED_NAME " " ED_A "\n"
    "two.example " EC_A "\r\n"
    "\n"
    "two.example " ED_B "\n"
    "broken.example ssh-ed25519 AAAA\n"
    "broken.example\n"
    "@revoked * " ED_B "\n"
    "@cert-authority *.ca.example " ED_A "\n"
    "@unknown plain.example " ED_B "\n"
    "future.example sk-future@example.com AAAAFXNrLWZ1dHVyZUBleGFtcGxlLmNvbQAAAAJhYg==\n"
    "last.example " ED_A;

static struct key *key_of(const char *line)
{
	struct key *k = keyfile_line(slice_str(line), NULL, NULL);
	assert_non_null(k);
	return k;
}

static enum known_state state_of(const char *name, const char *line, enum known_marker marker, struct known_result *r)
{
	struct key *k = key_of(line);
	*r = (struct known_result){0};
	known_hosts_check(r, 3, SLICE_LIT(text), slice_str(name), k, marker);
	key_free(k);
	return r->state;
}

static void names_find_their_lines(void **state)
{
	(void)state;
	static const struct { const char *name, *key; enum known_marker marker; enum known_state want; size_t line; } rows[] = {
		{"plain.example", ED_A, KNOWN_PLAIN, KNOWN_MATCH, 2},
		{"192.0.2.1", ED_A, KNOWN_PLAIN, KNOWN_MATCH, 2},
		{"plain.example", EC_A, KNOWN_PLAIN, KNOWN_CHANGED, 2},
		{"a.wild.example", ED_A, KNOWN_PLAIN, KNOWN_MATCH, 3},
		{"not.wild.example", ED_A, KNOWN_PLAIN, KNOWN_NEW, 0},
		{"wild.example", ED_A, KNOWN_PLAIN, KNOWN_NEW, 0},
		{"[plain.example]:2222", ED_A, KNOWN_PLAIN, KNOWN_CHANGED, 4},
		{"[plain.example]:2222", ED_B, KNOWN_PLAIN, KNOWN_REVOKED, 4},
		{"[plain.example]:2223", ED_A, KNOWN_PLAIN, KNOWN_NEW, 0},
		{"host.example", ED_A, KNOWN_PLAIN, KNOWN_MATCH, 5},
		{"host.examplf", ED_A, KNOWN_PLAIN, KNOWN_NEW, 0},
		{"two.example", EC_A, KNOWN_PLAIN, KNOWN_MATCH, 6},
		{"two.example", ED_A, KNOWN_PLAIN, KNOWN_CHANGED, 6},
		{"two.example", ED_B, KNOWN_PLAIN, KNOWN_REVOKED, 6},
		{"new.example", ED_B, KNOWN_PLAIN, KNOWN_REVOKED, 11},
		{"broken.example", ED_A, KNOWN_PLAIN, KNOWN_NEW, 0},
		{"a.ca.example", ED_A, KNOWN_PLAIN, KNOWN_NEW, 0},
		{"a.ca.example", ED_A, KNOWN_CA, KNOWN_MATCH, 12},
		{"a.ca.example", EC_A, KNOWN_CA, KNOWN_NEW, 12},
		{"a.ca.example", ED_B, KNOWN_CA, KNOWN_REVOKED, 11},
		{"plain.example", ED_A, KNOWN_CA, KNOWN_NEW, 0},
		{"last.example", ED_A, KNOWN_PLAIN, KNOWN_MATCH, 15},
		{"future.example", ED_A, KNOWN_PLAIN, KNOWN_NEW, 0},
		{"", ED_A, KNOWN_PLAIN, KNOWN_NEW, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct known_result r;
		if (state_of(rows[i].name, rows[i].key, rows[i].marker, &r) != rows[i].want)
			fail_msg("row %zu: state %d", i, (int)r.state);
		assert_int_equal(r.n ? r.entry[0].line : 0, rows[i].line);
		if (r.n)
			assert_int_equal(r.entry[0].file, 3);
		known_result_clear(&r);
	}
}

static void a_match_in_one_file_stands_against_a_change_in_another(void **state)
{
	(void)state;
	struct key *k = key_of(ED_A);
	static const char other[] = "h " ED_B "\n", same[] = "h " ED_A "\n";
	for (int turn = 0; turn < 2; turn++) {
		struct known_result r = {0};
		known_hosts_check(&r, 0, slice_str(turn ? same : other), SLICE_LIT("h"), k, KNOWN_PLAIN);
		known_hosts_check(&r, 1, slice_str(turn ? other : same), SLICE_LIT("h"), k, KNOWN_PLAIN);
		assert_int_equal(r.state, KNOWN_MATCH);
		assert_int_equal(r.n, 2);
		assert_true(r.entry[turn ? 0 : 1].same && !r.entry[turn ? 1 : 0].same);
		assert_string_equal(r.entry[0].type, "ssh-ed25519");
		known_result_clear(&r);
	}
	key_free(k);
}

static void types_are_listed_once(void **state)
{
	(void)state;
	struct buf names = BUF_INIT(200);
	known_hosts_types(SLICE_LIT(text), SLICE_LIT("two.example"), KNOWN_PLAIN, &names);
	known_hosts_types(SLICE_LIT(text), SLICE_LIT("two.example"), KNOWN_PLAIN, &names);
	assert_string_equal(buf_cstr(&names), "ecdsa-sha2-nistp256,ssh-ed25519");
	buf_reset(&names);
	known_hosts_types(SLICE_LIT(text), SLICE_LIT("future.example"), KNOWN_PLAIN, &names);
	assert_int_equal(names.len, 0);
	buf_clear(&names);
}

static void names_are_written_as_openssh_does(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(1000);
	known_hosts_name("Host.Example", 22, &b);
	assert_string_equal(buf_cstr(&b), "host.example");
	buf_reset(&b);
	known_hosts_name("fe80::1%ETH0", 2222, &b);
	assert_string_equal(buf_cstr(&b), "[fe80::1%eth0]:2222");
	buf_clear(&b);
	struct key *k = key_of(ED_A);
	for (int hashed = 0; hashed < 2; hashed++) {
		struct known_result r = {0};
		b = BUF_INIT(1000);
		known_hosts_put(&b, SLICE_LIT("[h]:23"), k, hashed);
		assert_int_equal(b.p[0], hashed ? '|' : '[');
		known_hosts_check(&r, 0, buf_slice(&b), SLICE_LIT("[h]:23"), k, KNOWN_PLAIN);
		assert_int_equal(r.state, KNOWN_MATCH);
		known_result_clear(&r);
		buf_clear(&b);
	}
	key_free(k);
}

static void hashing_keeps_what_it_means(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(20000), again = BUF_INIT(20000);
	struct known_hash_report report;
	known_hosts_hash(SLICE_LIT(text), &out, &report);
	assert_true(report.changed);
	assert_int_equal(report.wild_n, 3);
	assert_int_equal(report.wild[0], 3);
	assert_int_equal(report.invalid_n, 3);          /* both of broken.example, and @unknown */
	known_hash_report_clear(&report);
	assert_null(strstr(buf_cstr(&out), "plain.example,"));
	static const char *const names[] = {"plain.example", "192.0.2.1", "[plain.example]:2222", "host.example", "two.example", "last.example", "x.wild.example"};
	struct key *k = key_of(ED_A);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct known_result before, after = {0};
		state_of(names[i], ED_A, KNOWN_PLAIN, &before);
		known_hosts_check(&after, 0, buf_slice(&out), slice_str(names[i]), k, KNOWN_PLAIN);
		assert_int_equal(before.state, after.state);
		assert_int_equal(before.n, after.n);
		known_result_clear(&before);
		known_result_clear(&after);
	}
	key_free(k);
	known_hosts_hash(buf_slice(&out), &again, &report);
	assert_false(report.changed);
	assert_true(slice_eq(buf_slice(&out), buf_slice(&again)));
	known_hash_report_clear(&report);
	buf_clear(&out);
	buf_clear(&again);
}

static void removing_takes_plain_lines_only(void **state)
{
	(void)state;
	struct buf out = BUF_INIT(20000);
	struct known_removed removed;
	known_hosts_remove(SLICE_LIT(text), SLICE_LIT("two.example"), &out, &removed);
	assert_int_equal(removed.n, 2);
	assert_int_equal(removed.line[1], 8);
	assert_null(strstr(buf_cstr(&out), "two.example"));
	assert_non_null(strstr(buf_cstr(&out), "@revoked *"));
	known_removed_clear(&removed);
	buf_reset(&out);
	known_hosts_remove(SLICE_LIT(text), SLICE_LIT("nobody"), &out, &removed);
	assert_int_equal(removed.n, 0);
	known_removed_clear(&removed);
	buf_clear(&out);
}

static void hostile_lines_match_nothing(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"|1|| " ED_A, "|1|AAAA|AAAA " ED_A, "|2|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= " ED_A, "| " ED_A, "|1| " ED_A, "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA= " ED_A,
		"@revoked", "@cert-authority ", "@", "@revoked h", "h ssh-ed25519", ", " ED_A, "!h " ED_A, "!h,h " ED_A, "@cert-authority @revoked h " ED_A, "h" "\1 " ED_A,
	};
	struct key *k = key_of(ED_A);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct known_result r = {0};
		known_hosts_check(&r, 0, slice_str(lines[i]), SLICE_LIT("h"), k, KNOWN_PLAIN);
		if (r.n || r.state != KNOWN_NEW)
			fail_msg("matched: %s", lines[i]);
	}
	static const char nul[] = "h\0,h " ED_A;
	struct known_result r = {0};
	known_hosts_check(&r, 0, slice_of(nul, sizeof nul - 1), SLICE_LIT("h"), k, KNOWN_PLAIN);
	assert_int_equal(r.state, KNOWN_NEW);
	/* Each truncation of the whole file: nothing but the last name may get lost. */
	for (size_t n = 0; n < sizeof text; n++) {
		known_hosts_check(&r, 0, slice_of(text, n), SLICE_LIT("nowhere"), k, KNOWN_PLAIN);
		assert_int_equal(r.state, KNOWN_NEW);
	}
	key_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_find_their_lines),
		cmocka_unit_test(a_match_in_one_file_stands_against_a_change_in_another),
		cmocka_unit_test(types_are_listed_once),
		cmocka_unit_test(names_are_written_as_openssh_does),
		cmocka_unit_test(hashing_keeps_what_it_means),
		cmocka_unit_test(removing_takes_plain_lines_only),
		cmocka_unit_test(hostile_lines_match_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
