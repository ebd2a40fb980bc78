/* Channels between two of our own ends: every way of feeding, hostile peers, random operations. */
#include "test/pair/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "test/pair/owner.h"

static struct world world;
static struct link make(enum link_feed feed)
{
	world = (struct world){0};
	struct link l = {.feed = feed, .seed = 88172645463325252ull, .on_event = owner_event, .arg = &world, .now = 1000};
	link_make(&l, NULL, NULL, NULL, NULL);
	link_login(&l);
	return l;
}

static const enum link_feed feeds[] = {LINK_WHOLE, LINK_RANDOM, LINK_BYTES};

static void data_flows_both_ways_however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(feeds); i++) {
		struct link l = make(feeds[i]);
		uint64_t size = feeds[i] == LINK_BYTES ? 100000 : 5000000;
		world.wants = size;
		uint32_t c = chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
		assert_int_equal(c, 0);
		world.flow[SSH_CLIENT][c].to_send = size;
		link_run(&l);
		assert_true(world.flow[SSH_CLIENT][0].got[STREAM_OUT] == size);
		assert_true(world.flow[SSH_SERVER][0].got[STREAM_OUT] == size);
		world.flow[SSH_SERVER][0].to_send = 70000;
		owner_push(&l, SSH_SERVER, 0, STREAM_ERR);
		chan_eof(l.end[SSH_SERVER], 0);
		link_run(&l);
		assert_true(world.flow[SSH_CLIENT][0].got[STREAM_ERR] == 70000);
		assert_true(world.flow[SSH_CLIENT][0].eof);
		chan_close(l.end[SSH_CLIENT], 0);
		link_run(&l);
		assert_true(world.flow[SSH_CLIENT][0].closed && world.flow[SSH_SERVER][0].closed);
		assert_int_equal(chan_count(l.end[SSH_CLIENT]) + chan_count(l.end[SSH_SERVER]), 0);
		assert_false(l.over[0] || l.over[1]);
		assert_int_equal(chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT("")), 1);
		link_run(&l);
		assert_int_equal(chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT("")), 0);
		link_clear(&l);
	}
}

static void first_channel_and_its_requests_leave_in_one_flight(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	uint32_t c = chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	chan_request(l.end[SSH_CLIENT], c, "env", false, SLICE_LIT(""));
	chan_request(l.end[SSH_CLIENT], c, "exec", true, SLICE_LIT("\0\0\0\4true"));
	chan_eof(l.end[SSH_CLIENT], c);
	link_step(&l);
	assert_int_equal(world.flow[SSH_SERVER][0].requests, 2);
	assert_true(world.flow[SSH_SERVER][0].eof);
	link_run(&l);
	assert_int_equal(world.flow[SSH_CLIENT][0].ok_replies, 1);
	link_clear(&l);
}

static void later_channels_wait_for_their_number(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	link_run(&l);
	uint32_t c = chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	chan_request(l.end[SSH_CLIENT], c, "exec", true, SLICE_LIT(""));
	chan_request(l.end[SSH_CLIENT], c, "bad", true, SLICE_LIT(""));
	link_events(&l, SSH_CLIENT);
	assert_int_equal(chan_write(l.end[SSH_CLIENT], c, STREAM_OUT, SLICE_LIT("early")), 0);
	chan_close(l.end[SSH_CLIENT], c);
	link_run(&l);
	assert_int_equal(world.flow[SSH_SERVER][c].requests, 2);
	assert_true(world.flow[SSH_SERVER][c].closed && world.flow[SSH_CLIENT][c].closed);
	link_clear(&l);
}

static void a_guess_may_meet_an_owner_who_decides_later(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	world.hold_open = true;
	uint32_t c = chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	chan_request(l.end[SSH_CLIENT], c, "exec", true, SLICE_LIT(""));
	link_run(&l);
	assert_int_equal(world.flow[SSH_SERVER][0].requests, 1);
	assert_int_equal(world.flow[SSH_CLIENT][0].replies, 0);
	chan_accept(l.end[SSH_SERVER], 0, SLICE_LIT(""));
	link_run(&l);
	assert_true(world.flow[SSH_CLIENT][0].opened);
	assert_int_equal(world.flow[SSH_CLIENT][0].ok_replies, 1);
	link_clear(&l);
}

static void another_number_than_guessed_says_so(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	l.end[SSH_SERVER]->quirks = 0;
	chan_open(l.end[SSH_SERVER], "x11", SLICE_LIT(""));  /* takes number 0 on the server */
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	world.hold_open = true;
	link_events(&l, SSH_SERVER);
	link_run(&l);
	/* our own number 1 there, so the confirmation names 1 */
	chan_accept(l.end[SSH_SERVER], 1, SLICE_LIT(""));
	link_run(&l);
	assert_true(l.over[SSH_CLIENT]);
	assert_true(ssh_guess_failed(l.end[SSH_CLIENT]));
	link_clear(&l);
}

static void a_reader_that_stops_stops_the_writer(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	world.hold_data = true;
	uint32_t c = chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	world.flow[SSH_CLIENT][c].to_send = 10000000;
	link_run(&l);
	struct flow *f = &world.flow[SSH_SERVER][0];
	assert_true(f->got[0] == 2 * 1024 * 1024 && f->unconsumed == f->got[0]);
	uint64_t held = f->unconsumed;
	f->unconsumed = 0;
	chan_consumed(l.end[SSH_SERVER], 0, held);
	link_run(&l);
	assert_true(f->got[0] == 2 * held);
	assert_false(l.over[SSH_SERVER]);
	link_clear(&l);
}

static void the_window_grows_with_the_path_and_not_with_a_slow_reader(void **state)
{
	(void)state;
	for (int slow = 0; slow < 2; slow++) {
		struct link l = make(LINK_WHOLE);
		uint32_t c = chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
		link_run(&l);
		world.hold_data = slow;
		for (int trip = 0; trip < 12; trip++) {     /* a round trip of 100 ms: what was sent arrives at its end */
			world.flow[SSH_CLIENT][c].to_send = 1000000000;
			owner_push(&l, SSH_CLIENT, c, STREAM_OUT);
			for (int i = 0; i < 400; i++) {
				link_events(&l, SSH_CLIENT);
				struct slice out = ssh_output(l.end[SSH_CLIENT]);
				struct room room = ssh_space(l.end[SSH_SERVER]);
				size_t n = out.n < room.n ? out.n : room.n;
				memcpy(room.p, out.p, n);
				ssh_filled(l.end[SSH_SERVER], n, l.now);
				ssh_sent(l.end[SSH_CLIENT], n);
				link_events(&l, SSH_SERVER);
			}
			struct flow *f = &world.flow[SSH_SERVER][0];
			uint64_t some = f->unconsumed < 50000 ? f->unconsumed : 50000;
			f->unconsumed -= some;
			chan_consumed(l.end[SSH_SERVER], 0, some);
			l.now += 100;
			struct slice out = ssh_output(l.end[SSH_SERVER]);
			memcpy(ssh_space(l.end[SSH_CLIENT]).p, out.p, out.n);
			ssh_filled(l.end[SSH_CLIENT], out.n, l.now);
			ssh_sent(l.end[SSH_SERVER], out.n);
		}
		struct chan_info info;
		assert_true(chan_info(l.end[SSH_SERVER], 0, &info));
		if (slow)
			assert_true(info.window_in <= 2 * 1024 * 1024);
		else
			assert_true(info.bytes_in > 100u * 1024 * 1024);
		link_clear(&l);
	}
}

static void a_long_path_begins_with_a_wider_window(void **state)
{
	(void)state;
	static const struct { uint64_t rtt, max, window; } rows[] = {
		{0, 0, 2 << 20}, {2, 0, 2 << 20}, {20, 0, 20 * 200 * 1024}, {100, 0, 16 << 20}, {60000, 0, 16 << 20}, {100, 4 << 20, 4 << 20},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct link l = {.seed = 1, .on_event = owner_event, .arg = &world, .now = 1000};
		struct chan_info info;
		world = (struct world){0};
		link_make(&l, NULL, NULL, NULL, NULL);
		l.end[SSH_SERVER]->rtt = rows[i].rtt;
		l.end[SSH_SERVER]->setup.window_max = (uint32_t)rows[i].max;
		link_login(&l);
		chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
		link_run(&l);
		assert_true(chan_info(l.end[SSH_SERVER], 0, &info));
		assert_int_equal(info.window_in, rows[i].window);
		link_clear(&l);
	}
}

static void replies_keep_their_order(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	world.hold_replies = true;
	ssh_global_request(l.end[SSH_CLIENT], "tcpip-forward", true, SLICE_LIT(""));
	ssh_global_request(l.end[SSH_CLIENT], "keepalive@openssh.com", true, SLICE_LIT(""));
	link_run(&l);
	assert_int_equal(world.events[SSH_SERVER][EV_GLOBAL], 1);
	assert_int_equal(world.events[SSH_CLIENT][EV_GLOBAL_REPLY], 0);
	ssh_global_reply(l.end[SSH_SERVER], true, SLICE_LIT(""));
	link_run(&l);
	assert_int_equal(world.events[SSH_CLIENT][EV_GLOBAL_REPLY], 2);
	assert_string_equal(world.last_global, "keepalive@openssh.com");
	assert_false(world.last_ok);
	mux_keepalive(l.end[SSH_SERVER]);
	link_run(&l);
	assert_int_equal(world.events[SSH_SERVER][EV_GLOBAL_REPLY], 0);
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	chan_request(l.end[SSH_CLIENT], 0, "bad", true, SLICE_LIT(""));
	chan_request(l.end[SSH_CLIENT], 0, "keepalive@openssh.com", true, SLICE_LIT(""));
	link_run(&l);
	assert_int_equal(world.flow[SSH_CLIENT][0].replies, 0);
	chan_reply(l.end[SSH_SERVER], 0, true);
	link_run(&l);
	assert_int_equal(world.flow[SSH_CLIENT][0].replies, 2);
	assert_int_equal(world.flow[SSH_CLIENT][0].ok_replies, 1);
	link_clear(&l);
}

static void end_of_write_reaches_the_writer(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	link_run(&l);
	chan_stop(l.end[SSH_CLIENT], 0);
	world.flow[SSH_SERVER][0].to_send = 5000000;
	owner_push(&l, SSH_SERVER, 0, STREAM_OUT);            /* on the way before the peer hears of it */
	link_run(&l);
	assert_string_equal(world.flow[SSH_SERVER][0].last_request, "eow@openssh.com");
	assert_true(world.flow[SSH_CLIENT][0].got[0] == 0);
	struct room room;
	assert_int_equal(chan_space(l.end[SSH_SERVER], 0, STREAM_OUT, &room, 1), 0);
	assert_false(l.over[0] || l.over[1]);
	link_clear(&l);
}

static void no_more_sessions_is_kept(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	ssh_global_request(l.end[SSH_CLIENT], "no-more-sessions@openssh.com", true, SLICE_LIT(""));
	link_run(&l);
	assert_true(world.last_ok);
	chan_open(l.end[SSH_CLIENT], "direct-tcpip", SLICE_LIT(""));
	link_run(&l);
	assert_false(l.over[SSH_SERVER]);
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	link_run(&l);
	assert_true(l.over[SSH_SERVER]);
	link_clear(&l);
}

static void thousands_of_channels_end_at_the_limit(void **state)
{
	(void)state;
	struct link l = make(LINK_WHOLE);
	l.end[SSH_CLIENT]->setup.channel_max = 5000;
	for (int i = 0; i < 5000; i++) {
		struct buf b = BUF_INIT(100);
		msg_encode(&desc_channel_open, &(struct msg_channel_open){SLICE_LIT("session"), 7, 1000, 1000, SLICE_LIT("")}, &b);
		link_inject(&l, SSH_CLIENT, buf_slice(&b));
		buf_clear(&b);
	}
	/* The client answers "unknown channel 7" by hanging up, so only the server is looked at. */
	struct slice out = ssh_output(l.end[SSH_CLIENT]);
	while (out.n && !l.over[SSH_SERVER]) {
		struct room room = ssh_space(l.end[SSH_SERVER]);
		size_t n = out.n < room.n ? out.n : room.n;
		memcpy(room.p, out.p, n);
		ssh_filled(l.end[SSH_SERVER], n, l.now);
		ssh_sent(l.end[SSH_CLIENT], n);
		link_events(&l, SSH_SERVER);
		out = ssh_output(l.end[SSH_CLIENT]);
	}
	assert_int_equal(chan_count(l.end[SSH_SERVER]), 128);
	assert_int_equal(world.events[SSH_SERVER][EV_OPEN], 128);
	assert_false(l.over[SSH_SERVER]);
	link_clear(&l);
}

/* Bytes that a client sends on a connection with channel 0 open, and whether the server hangs up. */
struct hostile { const char *name; struct slice payload; bool ends; unsigned times; };
#define P(s) {(const uint8_t *)(s), sizeof(s) - 1}
static const struct hostile hostiles[] = {
	{"data for no channel", P("\136\0\0\0\5\0\0\0\1x"), true, 1},
	{"data truncated", P("\136\0\0\0\0\0\0\0\5x"), true, 1},
	{"data with a tail", P("\136\0\0\0\0\0\0\0\1xy"), true, 1},
	{"data without a length", P("\136\0\0\0\0"), true, 1},
	{"no data", P("\136\0\0\0\0\0\0\0\0"), false, 1000},
	{"extended data of type 2", P("\137\0\0\0\0\0\0\0\2\0\0\0\1x"), true, 1},
	{"extended data from a client", P("\137\0\0\0\0\0\0\0\1\0\0\0\1x"), false, 1},
	{"window past the end", P("\135\0\0\0\0\377\377\377\377"), true, 2},
	{"adjusts for nothing", P("\135\0\0\0\7\0\0\0\1"), false, 16},
	{"many adjusts for nothing", P("\135\0\0\0\7\0\0\0\1"), true, 17},
	{"adjust truncated", P("\135\0\0\0\0\0\0"), true, 1},
	{"replies to nothing", P("\143\0\0\0\0"), false, 16},
	{"many replies to nothing", P("\144\0\0\0\0"), true, 17},
	{"global replies to nothing", P("\121"), true, 17},
	{"global failure with a tail", P("\122x"), true, 1},
	{"confirmation of nothing", P("\133\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1\0"), true, 1},
	{"refusal of nothing", P("\134\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0"), true, 1},
	{"max packet 0", P("\132\0\0\0\7session\0\0\0\1\0\0\1\0\0\0\0\0"), true, 1},
	{"open truncated", P("\132\0\0\0\7session\0\0\0\1\0\0"), true, 1},
	{"end of nothing", P("\140\0\0\0\1"), true, 1},
	{"end with a tail", P("\140\0\0\0\0\0"), true, 1},
	{"second end", P("\140\0\0\0\0"), false, 2},
	{"close of nothing", P("\141\0\0\0\1"), true, 1},
	{"close twice", P("\141\0\0\0\0"), true, 2},
	{"request for nothing", P("\142\0\0\0\1\0\0\0\3foo\1"), true, 1},
	{"request truncated", P("\142\0\0\0\0\0\0\0\3fo"), true, 1},
	{"requests without an answer yet", P("\142\0\0\0\0\0\0\0\3foo\1"), false, 256},
	{"more requests without an answer", P("\142\0\0\0\0\0\0\0\3foo\1"), true, 257},
	{"requests that want none", P("\142\0\0\0\0\0\0\0\3foo\0"), false, 1000},
	{"globals without an answer", P("\120\0\0\0\3foo\1"), true, 257},
	{"global truncated", P("\120\0\0\0\3fo"), true, 1},
	{"resume out of nowhere", P("\311\0\0\0\0\0\0\0\0"), true, 1},
	{"acknowledgement out of nowhere", P("\310\0\0\0\0\0\0\0\0"), true, 1},
	{"authentication goes on", P("\62\0\0\0\1u\0\0\0\016ssh-connection\0\0\0\4none"), false, 1},
};

static void hostile_messages_end_the_connection_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hostiles); i++) {
		const struct hostile *h = &hostiles[i];
		struct link l = make(LINK_WHOLE);
		world.hold_replies = world.any_bytes = true;
		auth_begin(l.end[SSH_SERVER]);
		chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
		link_run(&l);
		for (unsigned k = 0; k < h->times; k++)
			link_inject(&l, SSH_CLIENT, h->payload);
		link_run(&l);
		if (l.over[SSH_SERVER] != h->ends || (h->ends && l.reason[SSH_SERVER] != REASON_PROTOCOL_ERROR))
			fail_msg("%s: %s (%u)", h->name, l.over[SSH_SERVER] ? l.why[SSH_SERVER] : "went on", l.reason[SSH_SERVER]);
		link_clear(&l);
	}
}

static struct slice data_message(struct buf *b, size_t n)
{
	buf_reset(b);
	put_u8(b, MSG_CHANNEL_DATA);
	put_u32(b, 0);
	put_u32(b, (uint32_t)n);
	struct room r = buf_room(b, n);
	for (size_t i = 0; i < n; i++)
		r.p[i] = owner_pattern(0, STREAM_OUT, SSH_CLIENT, i);
	buf_add(b, n);
	return buf_slice(b);
}

static void more_than_the_window_ends_the_connection(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(300000);
	struct link l = make(LINK_WHOLE);
	l.end[SSH_SERVER]->setup.window_first = 1000;
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	link_run(&l);
	world.hold_data = true;
	link_inject(&l, SSH_CLIENT, data_message(&b, 1000));
	link_run(&l);
	assert_false(l.over[SSH_SERVER]);
	link_inject(&l, SSH_CLIENT, data_message(&b, 1));
	link_run(&l);
	assert_true(l.over[SSH_SERVER]);
	link_clear(&l);
	l = make(LINK_WHOLE);
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	link_run(&l);
	link_inject(&l, SSH_CLIENT, data_message(&b, 32769));
	link_run(&l);
	assert_true(l.over[SSH_SERVER]);
	link_clear(&l);
	l = make(LINK_WHOLE);
	chan_open(l.end[SSH_CLIENT], "session", SLICE_LIT(""));
	link_run(&l);
	chan_eof(l.end[SSH_CLIENT], 0);
	link_inject(&l, SSH_CLIENT, data_message(&b, 1));
	link_run(&l);
	assert_true(l.over[SSH_SERVER]);
	link_clear(&l);
	buf_clear(&b);
}

/* Everything an owner may do, in any order, on both ends at once; at the end both agree on what is left. */
static void random_owner(struct link *l, enum ssh_role side)
{
	struct world *w = l->arg;
	struct ssh *ssh = l->end[side];
	uint32_t chan = link_random(l, 12);
	struct chan_info info;
	bool there = chan_info(ssh, chan, &info) && info.open;
	switch (link_random(l, 12)) {
	case 0: owner_open(l, side, link_random(l, 2) ? "session" : "direct-tcpip", link_random(l, 200000)); break;
	case 1: chan_request(ssh, chan, link_random(l, 2) ? "exec" : "bad", link_random(l, 2), SLICE_LIT("x")); break;
	case 2: ssh_global_request(ssh, "thing", link_random(l, 2), SLICE_LIT("x")); break;
	case 3: chan_eof(ssh, chan); break;
	case 4: if (link_random(l, 4) == 0) chan_close(ssh, chan); break;
	case 5: if (link_random(l, 8) == 0) chan_stop(ssh, chan); break;
	case 6: case 7: case 8:
		if (there && !w->flow[side][chan].closed) {
			w->flow[side][chan].to_send += link_random(l, 100000);
			owner_push(l, side, chan, STREAM_OUT);
		}
		break;
	case 9: mux_keepalive(ssh); break;
	case 10: l->now += link_random(l, 40); break;
	default: break;
	}
}

static void random_operations_stay_bounded_and_agree(void **state)
{
	(void)state;
	struct link l = make(LINK_RANDOM);
	world.accept_limit = 20;
	uint64_t got = 0;
	for (int i = 0; i < 100000; i++) {
		random_owner(&l, link_random(&l, 2));
		if (i % 4 == 0)
			link_step(&l);
		if (i % 1000 == 0)
			link_run(&l);
		assert_true(ssh_output(l.end[0]).n < 4000000 && ssh_output(l.end[1]).n < 4000000);
	}
	link_run(&l);
	for (enum ssh_role side = SSH_CLIENT; side <= SSH_SERVER; side++) {
		if (l.over[side])
			fail_msg("end %d: %s", side, l.why[side]);
		for (uint32_t c = 0; c < FLOWS; c++) {
			got += world.flow[side][c].got[STREAM_OUT];
			chan_close(l.end[side], c);
		}
	}
	link_run(&l);
	assert_true(got > 1000000);
	assert_int_equal(chan_count(l.end[SSH_CLIENT]) + chan_count(l.end[SSH_SERVER]), 0);
	assert_true(world.events[0][EV_CLOSE] > 100 && world.events[1][EV_CLOSE] == world.events[0][EV_CLOSE]);
	link_clear(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_flows_both_ways_however_it_is_cut),
		cmocka_unit_test(first_channel_and_its_requests_leave_in_one_flight),
		cmocka_unit_test(later_channels_wait_for_their_number),
		cmocka_unit_test(a_guess_may_meet_an_owner_who_decides_later),
		cmocka_unit_test(another_number_than_guessed_says_so),
		cmocka_unit_test(a_reader_that_stops_stops_the_writer),
		cmocka_unit_test(the_window_grows_with_the_path_and_not_with_a_slow_reader),
		cmocka_unit_test(a_long_path_begins_with_a_wider_window),
		cmocka_unit_test(replies_keep_their_order),
		cmocka_unit_test(end_of_write_reaches_the_writer),
		cmocka_unit_test(no_more_sessions_is_kept),
		cmocka_unit_test(thousands_of_channels_end_at_the_limit),
		cmocka_unit_test(hostile_messages_end_the_connection_and_nothing_else),
		cmocka_unit_test(more_than_the_window_ends_the_connection),
		cmocka_unit_test(random_operations_stay_bounded_and_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
