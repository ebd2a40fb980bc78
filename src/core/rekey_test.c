#include "test/pair/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "core/state.h"

/* Both sides send numbered bytes on one channel, in rooms, as far as they are let. */
struct flow { uint64_t sent[2], got[2], goal; bool broken; };

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i * 31 + (i >> 9));
}

static void check_data(struct pair *p, int side, const struct ssh_event *ev)
{
	struct flow *f = p->setup.arg;
	if (ev->kind == EV_OPEN)
		chan_accept(p->side[side].ssh, ev->chan, slice_of(NULL, 0));
	if (ev->kind != EV_DATA)
		return;
	for (size_t i = 0; i < ev->data.n; i++)
		if (ev->data.p[i] != byte_at(f->got[side] + i))
			f->broken = true;
	f->got[side] += ev->data.n;
}

static bool push(struct pair *p, struct flow *f, int side)
{
	struct room rooms[16];
	struct ssh *ssh = p->side[side].ssh;
	size_t want = 1 + pair_random(p, 100000), n = chan_space(ssh, p->side[side].chan, STREAM_OUT, rooms, ARRAY_LEN(rooms)), put = 0;
	if (f->sent[side] >= f->goal) {
		if (n)
			chan_commit(ssh, 0);
		return false;
	}
	if (want > f->goal - f->sent[side])
		want = (size_t)(f->goal - f->sent[side]);
	for (size_t i = 0; i < n && put < want; i++)
		for (size_t j = 0; j < rooms[i].n && put < want; j++)
			rooms[i].p[j] = byte_at(f->sent[side] + put++);
	if (n)
		chan_commit(ssh, put);
	f->sent[side] += put;
	return put > 0;
}

static struct pair *connected(struct pair_setup *setup)
{
	setup->event = check_data;
	struct pair *p = pair_new(setup);
	assert_true(pair_login(p));
	p->side[0].chan = chan_open(p->side[0].ssh, "session", slice_of(NULL, 0));
	assert_true(pair_run(p));
	assert_int_equal(p->side[0].opened, 1);
	return p;
}

static void flow(struct pair *p, struct flow *f, uint64_t goal)
{
	f->goal += goal;
	for (int rounds = 0; f->got[0] < f->goal || f->got[1] < f->goal; rounds++) {
		assert_true(rounds < 100000);
		for (int i = 0; i < 2; i++)
			while (push(p, f, i) && pair_random(p, 4))
				;
		pair_move(p, (int)pair_random(p, 2));
		if (!pair_random(p, 8))
			assert_true(pair_run(p));
		assert_false(f->broken);
		if (p->side[0].over || p->side[1].over)
			fail_msg("over: %s / %s", p->side[0].over_text, p->side[1].over_text);
	}
}

static void data_passes_while_keys_change_by_bytes(void **state)
{
	(void)state;
	for (int feed = FEED_WHOLE; feed <= FEED_RANDOM; feed++) {
		struct flow f = {0};
		struct pair_setup setup = {.feed = (enum pair_feed)feed, .arg = &f};
		setup.ssh[PAIR_CLIENT].rekey_bytes = 300000;
		setup.ssh[PAIR_SERVER].rekey_bytes = 500000;
		struct pair *p = connected(&setup);
		flow(p, &f, 3000000);
		assert_true(p->side[0].kexed > 6);
		assert_int_equal(p->side[0].kexed, p->side[1].kexed);
		assert_int_equal(p->side[0].hostkey_asks, 1);
		pair_free(p);
	}
}

static void data_passes_compressed_while_keys_change(void **state)
{
	(void)state;
	static const char *const names[] = {"zlib", "zlib@openssh.com"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct flow f = {0};
		struct pair_setup setup = {.feed = FEED_RANDOM, .arg = &f};
		for (int side = 0; side < 2; side++) {
			setup.ssh[side].algs.comp_cs = setup.ssh[side].algs.comp_sc = names[i];
			setup.ssh[side].rekey_bytes = 8000;
		}
		struct pair *p = connected(&setup);
		flow(p, &f, 2000000);
		assert_true(p->side[0].kexed > 2);
		assert_true(ssh_bytes(p->side[0].ssh, true) < 1500000);
		pair_free(p);
	}
}

static void keys_change_by_time(void **state)
{
	(void)state;
	struct flow f = {0};
	struct pair_setup setup = {.arg = &f};
	setup.ssh[PAIR_SERVER].rekey_ms = 60000;
	struct pair *p = connected(&setup);
	assert_true(ssh_wake(p->side[PAIR_SERVER].ssh) <= p->now + 60000);
	pair_tick(p, 59999);
	assert_true(pair_run(p));
	assert_int_equal(p->side[0].kexed, 1);
	pair_tick(p, 1);
	assert_true(pair_run(p));
	assert_int_equal(p->side[0].kexed, 2);
	assert_int_equal(p->side[1].kexed, 2);
	flow(p, &f, 100000);
	pair_free(p);
}

static void keys_change_by_packets_and_blocks(void **state)
{
	(void)state;
	struct flow f = {0};
	struct pair_setup setup = {.arg = &f};
	struct pair *p = connected(&setup);
	p->side[0].ssh->packet.out.packets = UINT64_C(1) << 31;
	flow(p, &f, 1000);
	assert_true(pair_run(p));
	assert_int_equal(p->side[0].kexed, 2);
	p->side[1].ssh->packet.in.blocks = UINT64_C(1) << 32;
	flow(p, &f, 1000);
	assert_true(pair_run(p));
	assert_int_equal(p->side[1].kexed, 3);
	pair_free(p);
}

static void both_sides_may_ask_for_keys_at_once(void **state)
{
	(void)state;
	struct flow f = {0};
	struct pair_setup setup = {.arg = &f, .feed = FEED_RANDOM};
	struct pair *p = connected(&setup);
	ssh_rekey(p->side[0].ssh);
	ssh_rekey(p->side[1].ssh);
	flow(p, &f, 200000);
	assert_int_equal(p->side[0].kexed, 2);
	ssh_rekey(p->side[1].ssh);
	assert_int_equal(chan_write(p->side[1].ssh, p->side[1].chan, STREAM_OUT, SLICE_LIT("x")), 0);   /* data waits */
	flow(p, &f, 200000);
	assert_int_equal(p->side[0].kexed, 3);
	pair_free(p);
}

static void messages_wait_in_order_for_new_keys(void **state)
{
	(void)state;
	struct flow f = {0};
	struct pair_setup setup = {.arg = &f};
	struct pair *p = connected(&setup);
	ssh_rekey(p->side[0].ssh);
	for (int i = 0; i < 50; i++)
		chan_request(p->side[0].ssh, p->side[0].chan, i % 2 ? "odd" : "even", false, slice_of(NULL, 0));
	chan_eof(p->side[0].ssh, p->side[0].chan);
	assert_true(pair_run(p));
	assert_int_equal(p->side[1].kexed, 2);
	assert_false(p->side[1].over);
	pair_free(p);
}

static void a_peer_that_never_answers_kexinit_cannot_fill_memory(void **state)
{
	(void)state;
	struct flow f = {0};
	struct pair_setup setup = {.arg = &f};
	struct pair *p = connected(&setup);
	struct ssh *ssh = p->side[0].ssh;
	ssh_rekey(ssh);
	char big[10000];
	memset(big, 'x', sizeof big);
	for (int i = 0; i < 200; i++)
		chan_request(ssh, p->side[0].chan, "r", false, slice_of(big, sizeof big));
	assert_true(ssh_is_over(ssh));
	assert_true(ssh->packet.out.queue.cap <= QUEUE_MAX + 1);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_passes_while_keys_change_by_bytes),
		cmocka_unit_test(data_passes_compressed_while_keys_change),
		cmocka_unit_test(keys_change_by_time),
		cmocka_unit_test(keys_change_by_packets_and_blocks),
		cmocka_unit_test(both_sides_may_ask_for_keys_at_once),
		cmocka_unit_test(messages_wait_in_order_for_new_keys),
		cmocka_unit_test(a_peer_that_never_answers_kexinit_cannot_fill_memory),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
