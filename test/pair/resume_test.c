/* Live channels move from one transport to another, whatever byte the first one was cut at. */
#include "test/pair/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static struct world world;
static const char ext[] = "resume-v1@hawser,ping@openssh.com";
enum { UP = 1800, DOWN = 1500, CHANNELS = 2 };

static void on_event(struct link *l, enum ssh_role side, struct ssh_event *ev)
{
	owner_event(l, side, ev);
	struct flow *f = &world.flow[side][ev->chan];
	if ((ev->kind == EV_OPENED || ev->kind == EV_OPEN || ev->kind == EV_WRITABLE) && !f->to_send && !f->eof_sent) {
		f->eof_sent = true;
		chan_request(l->end[side], ev->chan, "exit-status", false, SLICE_LIT("\0\0\0\1"));
		chan_eof(l->end[side], ev->chan);
	}
	if (side == SSH_CLIENT && f->eof && f->eof_sent && !f->closed)
		chan_close(l->end[side], ev->chan);
}

static struct ssh_setup setup(enum ssh_role role, struct mux *mux)
{
	struct ssh_setup s = link_setup(role);
	s.resume = true;
	s.window_first = 600;                               /* small, so that adjusts are part of it */
	s.take_mux = mux;
	return s;
}

static void connect_ends(struct link *l, struct mux *client, struct mux *server)
{
	struct ssh_setup c = setup(SSH_CLIENT, client), s = setup(SSH_SERVER, server);
	link_make(l, &c, &s, ext, ext);
	link_login(l);
}

static void start(struct link *l, enum link_feed feed)
{
	world = (struct world){.wants = DOWN};
	*l = (struct link){.feed = feed, .seed = 88172645463325252ull, .on_event = on_event, .arg = &world, .now = 1000};
	connect_ends(l, NULL, NULL);
	for (int i = 0; i < CHANNELS; i++) {
		uint32_t c = owner_open(l, SSH_CLIENT, "session", UP);
		chan_request(l->end[SSH_CLIENT], c, "exec", true, SLICE_LIT("\0\0\0\2ls"));
		chan_request(l->end[SSH_CLIENT], c, "bad", true, SLICE_LIT(""));
	}
	ssh_global_request(l->end[SSH_CLIENT], "tcpip-forward", true, SLICE_LIT(""));
	mux_keepalive(l->end[SSH_SERVER]);
}

/* The path is lost: what was not carried is gone, both ends notice, and go on over a new one. */
static void reconnect(struct link *l)
{
	struct mux *mux[2];
	for (enum ssh_role side = SSH_CLIENT; side <= SSH_SERVER; side++) {
		link_events(l, side);
		ssh_ended(l->end[side], "cut");
		link_events(l, side);
		assert_true(l->over[side]);
		mux[side] = ssh_take_mux(l->end[side]);
		assert_non_null(mux[side]);
		ssh_free(l->end[side]);
	}
	connect_ends(l, mux[SSH_CLIENT], mux[SSH_SERVER]);
}

static void check_all_came_once(struct link *l, uint64_t at)
{
	for (enum ssh_role side = SSH_CLIENT; side <= SSH_SERVER; side++) {
		const unsigned *n = world.events[side];
		bool client = side == SSH_CLIENT;
		if (l->over[side])
			fail_msg("cut at %llu: end %d: %s", (unsigned long long)at, side, l->why[side]);
		for (uint32_t c = 0; c < CHANNELS; c++)
			if (world.flow[side][c].got[STREAM_OUT] != (client ? DOWN : UP))
				fail_msg("cut at %llu: end %d got %llu bytes on channel %u", (unsigned long long)at, side,
					(unsigned long long)world.flow[side][c].got[STREAM_OUT], c);
		assert_int_equal(n[EV_EOF], CHANNELS);
		assert_int_equal(n[EV_CLOSE], CHANNELS);
		assert_int_equal(n[EV_OPENED], client ? CHANNELS : 0);
		assert_int_equal(n[EV_REQUEST], client ? CHANNELS : 3 * CHANNELS);
		assert_int_equal(n[EV_REPLY], client ? 2 * CHANNELS : 0);
		assert_int_equal(n[EV_GLOBAL_REPLY], client ? 1 : 0);
		assert_int_equal(chan_count(l->end[side]), 0);
	}
}

static uint64_t uncut_length(enum link_feed feed)
{
	struct link l;
	start(&l, feed);
	link_run(&l);
	check_all_came_once(&l, 0);
	link_clear(&l);
	return l.carried[0] + l.carried[1];
}

static void channels_survive_a_cut_at_every_byte(void **state)
{
	(void)state;
	static const enum link_feed feeds[] = {LINK_WHOLE, LINK_RANDOM};
	for (size_t i = 0; i < ARRAY_LEN(feeds); i++) {
		uint64_t length = uncut_length(feeds[i]);
		assert_true(length > CHANNELS * (UP + DOWN));
		for (uint64_t k = 1; k < length; k++) {
			struct link l;
			start(&l, feeds[i]);
			l.cut_after = k;
			link_run(&l);
			assert_true(l.cut);
			l.cut_after = 0;
			reconnect(&l);
			link_run(&l);
			check_all_came_once(&l, k);
			link_clear(&l);
		}
	}
}

static void channels_survive_many_cuts(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 300; seed++) {
		struct link l;
		start(&l, LINK_RANDOM);
		l.seed = seed * 2654435761u;
		for (int cuts = 0; cuts < 40; cuts++) {
			l.cut_after = l.carried[0] + l.carried[1] + 1 + link_random(&l, 900);
			link_run(&l);
			if (!l.cut)
				break;
			l.now += link_random(&l, 300);
			reconnect(&l);
		}
		l.cut_after = 0;
		link_run(&l);
		check_all_came_once(&l, seed);
		link_clear(&l);
	}
}

static void what_is_kept_is_bounded_and_given_back(void **state)
{
	(void)state;
	struct link l;
	world = (struct world){0};
	l = (struct link){.feed = LINK_WHOLE, .seed = 5, .on_event = owner_event, .arg = &world, .now = 1000};
	struct ssh_setup c = setup(SSH_CLIENT, NULL), s = setup(SSH_SERVER, NULL);
	c.window_first = s.window_first = 0;
	c.window_max = 1000000;                             /* the bound of what the client keeps */
	link_make(&l, &c, &s, ext, ext);
	link_login(&l);
	owner_open(&l, SSH_CLIENT, "session", 100);
	link_run(&l);
	world.flow[SSH_CLIENT][0].to_send = 50000000;
	uint64_t before = world.flow[SSH_CLIENT][0].sent[0];
	owner_push(&l, SSH_CLIENT, 0, STREAM_OUT);
	for (int i = 0; i < 100; i++) {                     /* the server gets nothing */
		ssh_sent(l.end[SSH_CLIENT], ssh_output(l.end[SSH_CLIENT]).n);
		link_events(&l, SSH_CLIENT);
	}
	uint64_t kept = world.flow[SSH_CLIENT][0].sent[0] - before;
	assert_true(kept >= 900000 && kept < 1000000 + 8 * 32768);
	reconnect(&l);
	link_run(&l);
	assert_true(world.flow[SSH_SERVER][0].got[0] == 50000100);
	l.now += 100;
	ssh_tick(l.end[SSH_SERVER], l.now);                 /* acknowledges the last of it */
	link_run(&l);
	ssh_trim(l.end[SSH_CLIENT]);
	ssh_trim(l.end[SSH_SERVER]);
	world.flow[SSH_CLIENT][0].to_send = 100000;
	owner_push(&l, SSH_CLIENT, 0, STREAM_OUT);
	link_run(&l);
	assert_true(world.flow[SSH_SERVER][0].got[0] == 50100100);
	assert_false(l.over[0] || l.over[1]);
	link_clear(&l);
}

static void idle_ends_acknowledge(void **state)
{
	(void)state;
	struct link l;
	start(&l, LINK_WHOLE);
	link_run(&l);
	uint64_t wake = mux_wake(l.end[SSH_SERVER]);
	assert_true(wake == l.now + 100);
	l.now = wake;
	ssh_tick(l.end[SSH_SERVER], wake);
	assert_true(ssh_output(l.end[SSH_SERVER]).n > 0);
	assert_true(mux_wake(l.end[SSH_SERVER]) == UINT64_MAX);
	link_run(&l);
	assert_false(l.over[SSH_CLIENT]);
	link_clear(&l);
}

struct wrong { const char *name; struct slice payload; };
#define W(s) {(const uint8_t *)(s), sizeof(s) - 1}
static const struct wrong wrongs[] = {
	{"acknowledges what was never sent", W("\310\0\0\0\0\0\1\0\0")},
	{"resumes in the middle", W("\311\0\0\0\0\0\0\0\0")},
	{"truncated", W("\310\0\0\0\0\0\0\0")},
};

static void wrong_counts_end_the_connection(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		struct link l;
		start(&l, LINK_WHOLE);
		link_run(&l);
		link_inject(&l, SSH_CLIENT, wrongs[i].payload);
		link_run(&l);
		if (!l.over[SSH_SERVER] || l.reason[SSH_SERVER] != REASON_PROTOCOL_ERROR)
			fail_msg("%s", wrongs[i].name);
		link_clear(&l);
	}
}

static void a_fresh_end_does_not_take_part(void **state)
{
	(void)state;
	struct link l;
	start(&l, LINK_WHOLE);
	for (int i = 0; i < 5; i++)
		link_step(&l);
	link_events(&l, SSH_CLIENT);
	ssh_ended(l.end[SSH_CLIENT], "cut");
	link_events(&l, SSH_CLIENT);
	struct mux *mux = ssh_take_mux(l.end[SSH_CLIENT]);
	link_clear(&l);
	connect_ends(&l, mux, NULL);
	link_run(&l);
	assert_true(l.over[SSH_SERVER] && l.over[SSH_CLIENT]);
	link_clear(&l);
}

static void without_the_extension_there_is_nothing_to_take(void **state)
{
	(void)state;
	struct link l = {.on_event = owner_event, .arg = &world};
	struct ssh_setup c = setup(SSH_CLIENT, NULL);
	link_make(&l, &c, NULL, NULL, NULL);
	link_login(&l);
	assert_null(ssh_take_mux(l.end[SSH_CLIENT]));
	link_clear(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(channels_survive_a_cut_at_every_byte),
		cmocka_unit_test(channels_survive_many_cuts),
		cmocka_unit_test(what_is_kept_is_bounded_and_given_back),
		cmocka_unit_test(idle_ends_acknowledge),
		cmocka_unit_test(wrong_counts_end_the_connection),
		cmocka_unit_test(a_fresh_end_does_not_take_part),
		cmocka_unit_test(without_the_extension_there_is_nothing_to_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
