#include "core/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "test/pair/pair.h"

/* One byte on its way is changed. */
struct damage { uint64_t at, seen; int from; uint8_t with; bool armed, done; };

static bool damage(struct pair *p, int from, uint8_t *bytes, size_t n)
{
	struct damage *d = p->setup.arg;
	if (!d->armed || from != d->from)
		return true;
	if (!d->done && d->at >= d->seen && d->at < d->seen + n) {
		bytes[d->at - d->seen] ^= d->with;
		d->done = true;
	}
	d->seen += n;
	return true;
}

static const struct { const char *cipher, *mac; } families[] = {
	{"aes128-gcm@openssh.com", NULL}, {"chacha20-poly1305@openssh.com", NULL},
	{"aes128-ctr", "hmac-sha2-256-etm@openssh.com"}, {"aes128-ctr", "umac-64@openssh.com"},
	{"aes256-cbc", "hmac-sha2-512"}, {"aes256-cbc", "umac-128-etm@openssh.com"},
};

static void no_changed_byte_gets_through(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		for (unsigned at = 0; at < 120; at += 7) {
			struct damage d = {.at = at, .from = PAIR_CLIENT, .with = (uint8_t)(1 << at % 8)};
			struct pair_setup setup = {.arg = &d, .wire = damage};
			for (int side = 0; side < 2; side++)
				setup.ssh[side].algs = (struct ssh_algs){.cipher_cs = families[i].cipher, .mac_cs = families[i].mac};
			struct pair *p = pair_new(&setup);
			assert_true(pair_login(p));
			d.armed = true;
			for (int n = 0; n < 40000 && !p->side[1].over; n++) {   /* a wrong length in E&M modes is covered up until enough was read */
				ssh_global_request(p->side[0].ssh, "no-such-request@hawser", false, slice_of(NULL, 0));
				pair_move(p, 0);
			}
			assert_true(p->side[1].over);
			assert_true(p->side[1].reason == REASON_MAC_ERROR || p->side[1].reason == REASON_PROTOCOL_ERROR);
			if (p->side[1].reason != REASON_MAC_ERROR)
				assert_non_null(strstr(p->side[1].over_text, "Bad packet length"));
			pair_free(p);
		}
}

/* Any byte of the handshake. Only padding before the first keys may change, since nothing covers it. */
static void a_damaged_handshake_ends(void **state)
{
	(void)state;
	unsigned harmless = 0;
	for (unsigned at = 0; at < 3000; at += 13)
		for (int from = 0; from < 2; from++) {
			struct damage d = {.at = at, .from = from, .with = (uint8_t)(at * 7 | 1), .armed = true};
			struct pair_setup setup = {.arg = &d, .wire = damage};
			setup.ssh[PAIR_CLIENT].guess = at % 2;
			struct pair *p = pair_new(&setup);
			assert_true(pair_run(p));
			if (p->side[0].authed && p->side[1].authed)
				assert_true(slice_eq(ssh_session_id(p->side[0].ssh), ssh_session_id(p->side[1].ssh)));
			else
				assert_true(d.done);
			harmless += d.done && p->side[0].authed;
			pair_free(p);
		}
	assert_true(harmless < 10);
}

static struct pair *until_version(struct pair_setup *setup)
{
	struct pair *p = pair_new(setup);
	pair_events(p, 0);
	pair_events(p, 1);
	while (p->side[1].ssh->phase == PHASE_VERSION)
		pair_move(p, 0);
	return p;
}

static void server_gets(const void *bytes, size_t n, uint32_t reason, const char *text)
{
	struct pair_setup setup = {.feed = FEED_BYTE};
	struct pair *p = until_version(&setup);
	struct room r = ssh_space(p->side[1].ssh);
	assert_true(r.n >= n);
	memcpy(r.p, bytes, n);
	ssh_filled(p->side[1].ssh, n, 1);
	pair_events(p, 1);
	if (!p->side[1].over || !strstr(p->side[1].over_text, text))
		fail_msg("wanted: %s, got: %s", text, p->side[1].over_text);
	assert_int_equal(p->side[1].reason, reason);
	pair_free(p);
}

static void broken_packets_end_the_connection(void **state)
{
	(void)state;
	server_gets("\0\1\0\0....", 8, REASON_PROTOCOL_ERROR, "Bad packet length 65536.");
	server_gets("\xff\xff\xff\xff....", 8, REASON_PROTOCOL_ERROR, "Bad packet length 4294967295.");
	server_gets("\0\0\0\0....", 8, REASON_PROTOCOL_ERROR, "Bad packet length 0.");
	server_gets("\0\0\0\x0d\4\2..........", 17, REASON_PROTOCOL_ERROR, "Bad packet length 13.");
	server_gets("\0\0\0\x0c\3\2..........", 16, REASON_PROTOCOL_ERROR, "Corrupted padlen 3 on input.");
	server_gets("\0\0\0\x0c\x0b\2..........", 16, REASON_PROTOCOL_ERROR, "Corrupted padlen 11 on input.");
	server_gets("\0\0\0\x0c\xff\2..........", 16, REASON_PROTOCOL_ERROR, "Corrupted padlen 255 on input.");
}

static void strangers_have_a_budget(void **state)
{
	(void)state;
	struct pair_setup setup = {.feed = FEED_BYTE};
	struct pair *p = until_version(&setup);
	p->side[1].ssh->packet.in.total = PREAUTH_BYTES;
	assert_true(pair_run(p));
	assert_true(p->side[1].over);
	assert_non_null(strstr(p->side[1].over_text, "too much before authentication"));
	pair_free(p);
}

static void output_that_nobody_takes_stops_input(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	struct pair *p = pair_new(&setup);
	assert_true(pair_login(p));
	struct ssh *client = p->side[0].ssh, *server = p->side[1].ssh;
	char big[8000];
	memset(big, 'x', sizeof big);
	size_t most = 0;
	for (int i = 0; i < 2000; i++) {                /* pings, whose answers the client does not read */
		if (packet_pending(client) < OUTPUT_STOP / 2)
			packet_send(client, &desc_ping, &(struct msg_ping){slice_of(big, sizeof big)});
		for (struct slice out = ssh_output(client); out.n; out = ssh_output(client)) {
			struct room r = ssh_space(server);
			size_t n = out.n < r.n ? out.n : r.n;
			if (n == 0)
				break;
			memcpy(r.p, out.p, n);
			ssh_sent(client, n);
			ssh_filled(server, n, 1);
			pair_events(p, 1);
		}
		most = packet_pending(server) > most ? packet_pending(server) : most;
	}
	assert_true(most > OUTPUT_STOP && most < OUTPUT_STOP + 2 * sizeof big);
	assert_int_equal(ssh_space(server).n, 0);
	assert_true(pair_run(p));                       /* and goes on as soon as it is taken */
	assert_false(p->side[1].over);
	pair_free(p);
}

static void trim_gives_the_buffers_back(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	struct pair *p = pair_new(&setup);
	assert_true(pair_login(p));
	for (int i = 0; i < 2; i++) {
		ssh_trim(p->side[i].ssh);
		assert_null(p->side[i].ssh->packet.in.p);
		assert_null(p->side[i].ssh->packet.out.p);
	}
	ssh_rekey(p->side[0].ssh);
	assert_true(pair_run(p));
	assert_int_equal(p->side[1].kexed, 2);
	pair_free(p);
}

/* Output wraps round: what is sent in odd pieces comes out in order. */
static void output_keeps_its_order_round_the_end(void **state)
{
	(void)state;
	struct ssh *ssh = mem_new(sizeof *ssh);
	struct pair dice = {.random = 5};
	uint32_t written = 0, read = 0;
	packet_init(ssh);
	for (int i = 0; i < 30000; i++) {
		size_t n = 1 + pair_random(&dice, 400);
		if (packet_pending(ssh) < 100000 && pair_random(&dice, 5)) {
			uint8_t *p = packet_out_space(ssh, n);
			for (size_t j = 0; j < n; j++)
				p[j] = (uint8_t)(written++ * 17 >> 3);
			ssh->packet.out.end += n;
		}
		struct slice out = packet_output(ssh);
		size_t take = pair_random(&dice, (uint32_t)out.n + 1);
		for (size_t j = 0; j < take; j++)
			assert_int_equal(out.p[j], (uint8_t)(read++ * 17 >> 3));
		packet_sent(ssh, take);
		assert_int_equal(packet_pending(ssh), written - read);
	}
	packet_clear(ssh);
	mem_free(ssh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_changed_byte_gets_through),
		cmocka_unit_test(a_damaged_handshake_ends),
		cmocka_unit_test(broken_packets_end_the_connection),
		cmocka_unit_test(strangers_have_a_budget),
		cmocka_unit_test(output_that_nobody_takes_stops_input),
		cmocka_unit_test(trim_gives_the_buffers_back),
		cmocka_unit_test(output_keeps_its_order_round_the_end),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
