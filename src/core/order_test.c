#include "test/order/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/packet.h"

static void scripts_hold(void **state)
{
	(void)state;
	static const char *const names[] = {"login.t", "kex.t", "flood.t"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[1000];
		snprintf(path, sizeof path, "%s/%s", ORDER_DIR, names[i]);
		assert_true(order_script(path));
	}
}

/* What may come in a phase, said once more by hand: the table in rules.c is held against this. */
struct allowed { enum phase phase; int side; bool strict; const char *numbers; };
static const struct allowed allowed[] = {
	{PHASE_FIRST_KEXINIT, PAIR_SERVER, true, "1 2 3 4 20"},
	{PHASE_FIRST_KEXINIT, PAIR_CLIENT, true, "1 2 3 4 20"},
	{PHASE_KEX, PAIR_SERVER, true, "1 30"},
	{PHASE_KEX, PAIR_CLIENT, true, "1 31"},
	{PHASE_KEX_LOOSE, PAIR_SERVER, false, "1 2 3 4 30"},
	{PHASE_KEX_LOOSE, PAIR_CLIENT, false, "1 2 3 4 31"},
	{PHASE_NEWKEYS, PAIR_SERVER, true, "1 21"},
	{PHASE_NEWKEYS, PAIR_CLIENT, true, "1 21"},
	{PHASE_NEWKEYS_LOOSE, PAIR_SERVER, false, "1 2 3 4 21"},
	{PHASE_NEWKEYS_LOOSE, PAIR_CLIENT, false, "1 2 3 4 21"},
	{PHASE_SERVICE, PAIR_SERVER, true, "1 2 3 4 5 7"},
	{PHASE_SERVICE, PAIR_CLIENT, true, "1 2 3 4 6 7"},
	{PHASE_AUTH, PAIR_SERVER, true, "1 2 3 4 5 50"},
	{PHASE_AUTH, PAIR_CLIENT, true, "1 2 3 4 7 51 52 53 60"},
	{PHASE_OPEN, PAIR_SERVER, true, "1 2 3 4 20 50 80 81 82 90 91 92 93 94 95 96 97 98 99 100 192 193 200 201"},
	{PHASE_OPEN, PAIR_CLIENT, true, "1 2 3 4 20 80 81 82 90 91 92 93 94 95 96 97 98 99 100 192 193 200 201"},
};

static bool listed(const char *numbers, unsigned n)
{
	struct slice rest = slice_str(numbers);
	while (rest.n) {
		uint64_t v;
		if (slice_to_u64(slice_cut(&rest, ' '), &v) && v == n)
			return true;
	}
	return false;
}

static bool is_known(unsigned n)
{
	for (size_t i = 0; i < rule_count; i++)
		if (rules[i].number == n)
			return true;
	return (n >= 30 && n <= 49) || (n >= 60 && n <= 79);
}

static void try_message(const struct allowed *a, unsigned n)
{
	struct order o;
	uint8_t payload[64] = {(uint8_t)n};
	assert_true(order_begin(&o, a->side, a->phase, a->strict));
	unsigned kexed = o.pair->side[a->side].kexed;
	bool authed = o.pair->side[a->side].authed;
	order_put(&o, slice_of(payload, 1 + n % 7 * 9));
	const struct pair_side *s = &o.pair->side[a->side];
	bool quiet = (a->phase & (PHASE_KEX | PHASE_NEWKEYS | PHASE_NEWKEYS_LOOSE | PHASE_KEX_LOOSE)) != 0;
	if (listed(a->numbers, n)) {
		assert_true(!s->over || !strstr(s->over_text, "unexpected message"));
	} else if (is_known(n) || (quiet && a->strict)) {
		if (!s->over || !strstr(s->over_text, "unexpected message"))
			fail_msg("message %u in phase 0x%x of side %d was let through", n, (unsigned)a->phase, a->side);
		assert_int_equal(s->reason, REASON_PROTOCOL_ERROR);
	} else if (s->over || !order_sent(&o, "UNIMPLEMENTED")) {
		fail_msg("message %u in phase 0x%x of side %d: no UNIMPLEMENTED", n, (unsigned)a->phase, a->side);
	}
	if (!listed(a->numbers, n))
		assert_true(s->kexed == kexed && s->authed == authed && !s->chan_told);
	order_end(&o);
}

static void every_message_in_every_phase_from_each_side(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		for (unsigned n = 1; n < 256; n++)
			if (is_known(n) || n % 29 == 0)
				try_message(&allowed[i], n);
}

static void every_phase_is_covered(void **state)
{
	(void)state;
	unsigned seen[2] = {0, 0}, all = 0;
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		seen[allowed[i].side] |= (unsigned)allowed[i].phase;
	for (size_t i = 0; i < rule_count; i++)
		all |= rules[i].phases;
	assert_int_equal(seen[0], all);
	assert_int_equal(seen[1], all);
}

/* RFC 4253, section 7.1, and those who do not keep to it. */
static void data_in_a_key_exchange(unsigned quirks, uint8_t number, bool fine)
{
	struct order o;
	uint8_t payload[32] = {number, [4] = 1, [5] = 'x'};          /* a global request of the name "x" */
	struct buf init = BUF_INIT(10000);
	assert_true(order_begin(&o, PAIR_SERVER, PHASE_OPEN, true));
	o.ssh->quirks |= quirks;
	kex_start(o.ssh);
	put_bytes(&init, buf_slice(&o.ssh->kex.my_init));
	order_put(&o, buf_slice(&init));
	buf_clear(&init);
	assert_int_equal(o.ssh->phase, PHASE_KEX_LOOSE);
	order_put(&o, slice_of(payload, 7));
	const struct pair_side *s = &o.pair->side[PAIR_SERVER];
	assert_int_equal(s->over, !fine);
	if (!fine)
		assert_non_null(strstr(s->over_text, "unexpected message"));
	order_end(&o);
}

static void data_in_a_key_exchange_only_from_who_knows_no_better(void **state)
{
	(void)state;
	data_in_a_key_exchange(0, MSG_GLOBAL_REQUEST, false);
	data_in_a_key_exchange(QUIRK_REKEY_DATA, MSG_GLOBAL_REQUEST, true);
	data_in_a_key_exchange(QUIRK_REKEY_DATA, MSG_KEXINIT, false);
	data_in_a_key_exchange(QUIRK_REKEY_DATA, MSG_USERAUTH_REQUEST, false);
	data_in_a_key_exchange(QUIRK_REKEY_DATA, MSG_NEWKEYS, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_phase_is_covered),
		cmocka_unit_test(scripts_hold),
		cmocka_unit_test(every_message_in_every_phase_from_each_side),
		cmocka_unit_test(data_in_a_key_exchange_only_from_who_knows_no_better),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
