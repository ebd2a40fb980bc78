#include "client/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "client/client.h"

/* What is left of the keys for the far end; they come in pieces of so many bytes. The beginning of a session is one of a line. */
static void expect(int escape, const char *typed, size_t piece, const char *left)
{
	struct client c = {0};
	struct session s = {.c = &c, .line_start = true};
	struct buf out = BUF_INIT(4096);
	struct slice rest = slice_str(typed);
	c.conf.escape_char = escape;
	while (rest.n) {
		size_t n = rest.n < piece ? rest.n : piece;
		escape_filter(&c, &s, slice_of(rest.p, n), &out);
		rest = slice_from(rest, n);
	}
	if (!slice_eq(buf_slice(&out), slice_str(left)))
		fail_msg("\"%s\" in pieces of %zu became \"%s\"", typed, piece, buf_cstr(&out));
	buf_clear(&out);
}

static const struct { const char *typed, *left; } rows[] = {
	{"plain\r", "plain\r"},
	{"~~x\r", "~x\r"},
	{"a~.\r", "a~.\r"},                                 /* not at the beginning of a line */
	{"a\r~~b\n~~", "a\r~b\n~"},
	{"~~~.", "~~."},                                    /* after ~~ the line has begun */
	{"~x", "~x"},                                       /* no escape of ours goes as it is */
	{"~\r~~", "~\r~"},
	{"\r\r~~", "\r\r~"},
	{" ~~", " ~~"},
	{"x~~\r~ ", "x~~\r~ "},
	{"~", ""},                                          /* waits for the next key */
};

static void only_at_the_beginning_of_a_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t piece = 1; piece < 8; piece++)
			expect('~', rows[i].typed, piece, rows[i].left);
}

static void any_character(void **state)
{
	(void)state;
	expect(3, "\3\3a\r~~.", 1, "\3a\r~~.");
	expect('%', "%%\r%%", 2, "%\r%");
	expect(255, "\377\377", 1, "\377");
}

static void flow_keys_are_ours_where_the_far_end_says_so(void **state)
{
	(void)state;
	static const struct { bool flow; const char *typed, *left; bool held; } flows[] = {
		{false, "a\x13" "b\x11", "a\x13" "b\x11", false},
		{true, "a\x13" "b", "ab", true},
		{true, "a\x13" "b\x11" "c", "abc", false},
		{true, "\x13" "\x13" "\3", "\3", false},      /* what makes a signal starts the output again */
		{true, "\x13" "\x1a", "\x1a", false},
		{true, "\x13" "\x1c", "\x1c", false},
		{true, "\x16\x13", "\x16\x13", false},        /* quoted */
		{true, "\x16\x16\x13", "\x16\x16", true},
		{true, "\x11", "", false},
		{true, "\x13~~", "~", true},                   /* an escape still begins a line */
	};
	for (size_t i = 0; i < ARRAY_LEN(flows); i++) {
		struct client c = {0};
		struct session s = {.c = &c, .line_start = true, .raw = true};
		struct buf out = BUF_INIT(64);
		c.conf.escape_char = '~';
		escape_flow(&s, flows[i].flow);
		escape_filter(&c, &s, slice_str(flows[i].typed), &out);
		assert_string_equal(buf_cstr(&out), flows[i].left);
		assert_int_equal(s.held, flows[i].held);
		escape_flow(&s, false);
		assert_false(s.held);
		buf_clear(&out);
	}
}

static void none(void **state)
{
	(void)state;
	expect(-1, "~.\r~~\r~?", 1, "~.\r~~\r~?");
	expect(-2, "~.\r~~\r~?", 3, "~.\r~~\r~?");
}

static void nothing_passes_when_it_is_over(void **state)
{
	(void)state;
	struct client c = {.over = true};
	struct session s = {.c = &c, .line_start = true};
	struct buf out = BUF_INIT(64);
	c.conf.escape_char = '~';
	escape_filter(&c, &s, SLICE_LIT("typed behind ~."), &out);
	assert_int_equal(out.len, 0);
	buf_clear(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_at_the_beginning_of_a_line),
		cmocka_unit_test(any_character),
		cmocka_unit_test(flow_keys_are_ours_where_the_far_end_says_so),
		cmocka_unit_test(none),
		cmocka_unit_test(nothing_passes_when_it_is_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
