/* Whole connections with real keys: data both ways while keys change, compression, logins by key, and
 * channels that move from one enciphered transport to another.
 */
#include "test/pair/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "key/authdata.h"

enum { CHUNKS = 16 };

struct run {
	uint64_t size, to_send[2], sent[2], got[2];         /* by side */
	uint64_t left;                                      /* bytes until the path is cut; UINT64_MAX: never */
	bool eof[2], eof_sent[2], wrong;
	struct key *user;
	struct buf blob, sig;
	char method[64];
	bool proved, hostbound, bad_signature;
};

/* Hard to compress. */
static uint8_t byte_at(int side, uint64_t at)
{
	uint64_t x = (at + (uint64_t)side) * 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
	return (uint8_t)(x >> 32);
}

static void send_more(struct pair *p, int side)
{
	struct run *r = p->setup.arg;
	struct ssh *ssh = p->side[side].ssh;
	struct room rooms[CHUNKS];
	while (r->to_send[side]) {
		size_t count = chan_space(ssh, 0, STREAM_OUT, rooms, CHUNKS), filled = 0;
		if (!count)
			return;
		for (size_t i = 0; i < count; i++)
			for (size_t k = 0; k < rooms[i].n && r->to_send[side]; k++, filled++, r->to_send[side]--)
				rooms[i].p[k] = byte_at(side, r->sent[side]++);
		chan_commit(ssh, filled);
	}
	if (!r->eof_sent[side]) {
		r->eof_sent[side] = true;
		chan_eof(ssh, 0);
	}
}

static void on_event(struct pair *p, int side, const struct ssh_event *ev)
{
	struct run *r = p->setup.arg;
	struct ssh *ssh = p->side[side].ssh;
	switch (ev->kind) {
	case EV_AUTHED:
		if (side == PAIR_CLIENT && chan_count(ssh) == 0 && r->got[0] == 0)
			chan_open(ssh, "session", SLICE_LIT(""));
		if (side == PAIR_CLIENT) {
			snprintf(r->method, sizeof r->method, "%.*s", (int)ev->name.n, (const char *)ev->name.p);
			r->proved = ev->ok;
		}
		break;
	case EV_OPEN: chan_accept(ssh, ev->chan, SLICE_LIT("")); send_more(p, side); break;
	case EV_OPENED:
	case EV_WRITABLE: send_more(p, side); break;
	case EV_EOF: r->eof[side] = true; break;
	case EV_DATA:
		for (size_t i = 0; i < ev->data.n; i++)
			r->wrong |= ev->data.p[i] != byte_at(!side, r->got[side]++);
		break;
	default: break;
	}
}

static void check_transfer(const struct run *r, const struct pair *p)
{
	assert_string_equal(p->side[0].over_text, "");
	assert_string_equal(p->side[1].over_text, "");
	assert_false(r->wrong);
	for (int side = 0; side < 2; side++) {
		assert_true(r->got[side] == r->size);
		assert_true(r->eof[side]);
	}
}

static struct run new_run(uint64_t size)
{
	return (struct run){.size = size, .to_send = {size, size}, .left = UINT64_MAX};
}

static void keys_change_while_data_flows(void **state)
{
	(void)state;
	static const struct { const char *comp, *cipher; enum pair_feed feed; uint64_t size, rekey[2]; } cases[] = {
		{"none", "aes128-gcm@openssh.com", FEED_WHOLE, 8000000, {1000000, 0}},
		{"none", "chacha20-poly1305@openssh.com", FEED_RANDOM, 3000000, {0, 300000}},
		{"none", "aes128-ctr", FEED_RANDOM, 2000000, {200000, 210000}},
		{"none", "aes256-gcm@openssh.com", FEED_BYTE, 120000, {50000, 0}},
		{"zlib@openssh.com", "aes128-gcm@openssh.com", FEED_WHOLE, 6000000, {100000, 0}},
		{"zlib@openssh.com", "aes128-ctr", FEED_RANDOM, 2000000, {0, 50000}},
		{"zlib", "chacha20-poly1305@openssh.com", FEED_BYTE, 200000, {20000, 20000}},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r = new_run(cases[i].size);
		struct pair_setup setup = {.feed = cases[i].feed, .arg = &r, .event = on_event};
		for (int side = 0; side < 2; side++) {
			struct ssh_setup *s = &setup.ssh[side];
			s->algs.comp_cs = s->algs.comp_sc = cases[i].comp;
			s->algs.cipher_cs = s->algs.cipher_sc = cases[i].cipher;
			s->rekey_bytes = cases[i].rekey[side];
		}
		struct pair *p = pair_new(&setup);
		assert_true(pair_run(p));
		check_transfer(&r, p);
		assert_true(p->side[0].kexed > 1 && p->side[0].kexed == p->side[1].kexed);
		pair_free(p);
	}
}

static bool verified(struct pair *p, const struct ask_verify *q)
{
	struct run *r = p->setup.arg;
	struct err e = {0};
	struct buf data = BUF_INIT(64 * 1024);
	struct key *key = key_from_blob(q->blob, &e);
	const struct key_alg *alg = key_alg_find(q->algorithm);
	r->hostbound = q->hostbound;
	auth_signed_data(&data, ssh_session_id(p->side[PAIR_SERVER].ssh), q->user, q->algorithm, q->blob,
		q->hostbound ? buf_slice(&p->blobs[0]) : slice_of(NULL, 0));
	bool ok = key && alg && key_verify(key, alg, buf_slice(&data), q->signature) == VERDICT_VERIFIED;
	buf_clear(&data);
	key_free(key);
	return ok;
}

static struct slice algorithm_of(const struct key *key)
{
	return strcmp(key_type(key), "ssh-rsa") == 0 ? SLICE_LIT("rsa-sha2-512") : slice_str(key_type(key));
}

static bool answer_by_key(struct pair *p, int side, const struct ask *q, struct answer *a)
{
	struct run *r = p->setup.arg;
	(void)side;
	buf_reset(&r->blob);
	buf_reset(&r->sig);
	key_blob(r->user, &r->blob);
	switch (q->kind) {
	case ASK_CREDENTIAL:
		a->credential.kind = q->credential.first ? CREDENTIAL_SIGN : CREDENTIAL_GIVE_UP;
		a->credential.algorithm = algorithm_of(r->user);
		a->credential.blob = buf_slice(&r->blob);
		return true;
	case ASK_SIGN:
		a->sign.ok = key_sign(r->user, key_alg_find(q->sign.algorithm), q->sign.data, &r->sig, NULL);
		if (r->bad_signature)
			r->sig.p[r->sig.len - 1] ^= 1;
		a->sign.signature = buf_slice(&r->sig);
		return true;
	case ASK_VERIFY:
		a->auth.verdict = verified(p, &q->verify) ? AUTH_SUCCESS : AUTH_FAILURE;
		return true;
	default: return false;
	}
}

static void keys_log_in_and_forgeries_do_not(void **state)
{
	(void)state;
	static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"};
	for (size_t i = 0; i < 4 * ARRAY_LEN(types); i++) {
		struct run r = new_run(1000);
		struct err e = {0};
		r.user = key_generate(slice_str(types[i / 4]), i / 4 == 4 ? 2048 : 0, &e);
		r.blob = r.sig = BUF_INIT(8192);
		r.bad_signature = i & 1;
		bool bound = i & 2;
		struct pair_setup setup = {.arg = &r, .event = on_event, .answer = answer_by_key, .ssh[PAIR_CLIENT] = {.hostbound = bound}};
		struct pair *p = pair_new(&setup);
		assert_true(pair_run(p));
		assert_int_equal(p->side[PAIR_CLIENT].authed, !r.bad_signature);
		assert_int_equal(p->side[PAIR_SERVER].authed, !r.bad_signature);
		assert_int_equal(r.hostbound, bound);
		if (!r.bad_signature) {
			assert_string_equal(r.method, "publickey");
			assert_true(r.proved);
			check_transfer(&r, p);
		}
		pair_free(p);
		key_free(r.user);
		buf_clear(&r.blob);
		buf_clear(&r.sig);
	}
}

/* Everything from this byte on is lost, in both directions. */
static bool cut_path(struct pair *p, int from, uint8_t *bytes, size_t n)
{
	struct run *r = p->setup.arg;
	(void)from, (void)bytes;
	if (r->left <= n) {
		r->left = 0;
		return false;
	}
	r->left -= n;
	return true;
}

static struct pair *next_transport(struct pair *old, struct pair_setup *setup)
{
	for (int side = 0; side < 2; side++) {
		pair_events(old, side);
		ssh_ended(old->side[side].ssh, "cut");
		pair_events(old, side);
		setup->ssh[side].take_mux = ssh_take_mux(old->side[side].ssh);
	}
	struct pair *p = pair_new(setup);
	p->random = old->random;
	pair_free(old);
	return p;
}

static void channels_move_between_enciphered_transports(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct run r = new_run(600000);
		struct pair_setup setup = {.feed = FEED_RANDOM, .arg = &r, .event = on_event, .wire = cut_path};
		for (int side = 0; side < 2; side++) {
			setup.ssh[side].resume = true;
			setup.ssh[side].window_first = 100000;
			setup.ssh[side].rekey_bytes = seed % 2 ? 90000 : 0;
			setup.ssh[side].algs.comp_cs = setup.ssh[side].algs.comp_sc = seed % 3 ? "none" : "zlib@openssh.com";
		}
		struct pair *p = pair_new(&setup);
		p->random = seed;
		unsigned moves = 0;
		while (!(r.eof[0] && r.eof[1])) {
			r.left = 5000 + pair_random(p, moves < 30 ? 150000 : 1u << 30);
			assert_true(pair_run(p));
			assert_true(p->side[0].authed || r.left == 0);
			if (r.eof[0] && r.eof[1])
				break;
			moves++;
			if (chan_count(p->side[0].ssh) == 0) {      /* cut before both were in: nothing to move yet */
				struct pair_setup fresh = setup;
				fresh.ssh[0].take_mux = fresh.ssh[1].take_mux = NULL;
				pair_free(p);
				r = new_run(r.size);
				p = pair_new(&fresh);
				p->random = seed * 7 + moves;
				continue;
			}
			p = next_transport(p, &setup);
		}
		check_transfer(&r, p);
		assert_true(moves > 1);
		pair_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_change_while_data_flows),
		cmocka_unit_test(keys_log_in_and_forgeries_do_not),
		cmocka_unit_test(channels_move_between_enciphered_transports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
