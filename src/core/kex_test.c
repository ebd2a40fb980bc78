#include "core/kex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/names.h"
#include "core/packet.h"
#include "test/order/order.h"

#define CHACHA "chacha20-poly1305@openssh.com"
#define GCM "aes128-gcm@openssh.com"

static struct msg_kexinit offer(const char *kex, const char *key, const char *cipher, const char *mac, const char *comp)
{
	struct slice c = slice_str(cipher), m = slice_str(mac), z = slice_str(comp);
	return (struct msg_kexinit){.kex = slice_str(kex), .host_key = slice_str(key), .cipher_cs = c, .cipher_sc = c,
		.mac_cs = m, .mac_sc = m, .comp_cs = z, .comp_sc = z};
}

static void the_clients_order_decides(void **state)
{
	(void)state;
	struct msg_kexinit c = offer("nonsense,curve25519-sha256,ecdh-sha2-nistp256", "rsa-sha2-256,ssh-ed25519", "aes256-ctr," GCM,
		"hmac-sha2-512,hmac-sha2-256", "zlib@openssh.com,none");
	struct msg_kexinit s = offer("ecdh-sha2-nistp256,curve25519-sha256", "ssh-ed25519,rsa-sha2-256", GCM ",aes256-ctr",
		"hmac-sha2-256,hmac-sha2-512", "none,zlib@openssh.com");
	s.cipher_sc = SLICE_LIT(GCM);
	struct agreed a;
	struct kex_miss m;
	for (int mine = SSH_CLIENT; mine <= SSH_SERVER; mine++) {
		assert_true(kex_negotiate(&c, &s, (enum ssh_role)mine, &a, &m));
		assert_string_equal(a.kem->name, "curve25519-sha256");
		assert_string_equal(a.host_key->name, "rsa-sha2-256");
		assert_string_equal(a.cipher[0]->name, "aes256-ctr");
		assert_string_equal(a.cipher[1]->name, GCM);
		assert_string_equal(a.mac[0]->name, "hmac-sha2-512");
		assert_null(a.mac[1]);
		assert_string_equal(a.comp[0], "zlib@openssh.com");
	}
}

static void what_is_missing_is_named_with_their_offer(void **state)
{
	(void)state;
	static const struct { const char *what; size_t field; } rows[] = {
		{"key exchange method", offsetof(struct msg_kexinit, kex)}, {"host key type", offsetof(struct msg_kexinit, host_key)},
		{"cipher", offsetof(struct msg_kexinit, cipher_sc)}, {"MAC", offsetof(struct msg_kexinit, mac_cs)},
		{"compression method", offsetof(struct msg_kexinit, comp_sc)},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct msg_kexinit c = offer("curve25519-sha256", "ssh-ed25519", "aes128-ctr", "hmac-sha2-256", "none"), s = c;
		*(struct slice *)(void *)((uint8_t *)&s + rows[i].field) = SLICE_LIT("other,more");
		struct agreed a;
		struct kex_miss m;
		assert_false(kex_negotiate(&c, &s, SSH_CLIENT, &a, &m));
		assert_string_equal(m.what, rows[i].what);
		assert_true(slice_eq_str(m.their_offer, "other,more"));
		assert_false(kex_negotiate(&c, &s, SSH_SERVER, &a, &m));
		assert_false(slice_eq_str(m.their_offer, "other,more"));
	}
}

static void a_marker_is_no_method(void **state)
{
	(void)state;
	struct msg_kexinit c = offer("ext-info-c", "ssh-ed25519", GCM, "", "none");
	struct agreed a;
	struct kex_miss m;
	assert_false(kex_negotiate(&c, &c, SSH_SERVER, &a, &m));
}

static void no_match_is_said_as_logs_know_it(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	setup.ssh[0].algs.cipher_cs = "aes256-ctr";
	setup.ssh[1].algs.cipher_cs = GCM;
	struct pair *p = pair_new(&setup);
	assert_true(pair_run(p));
	assert_string_equal(p->side[1].over_text, "no matching cipher found. Their offer: aes256-ctr");
	assert_int_equal(p->side[1].reason, REASON_KEX_FAILED);
	assert_string_equal(p->side[0].over_text, "no matching cipher found. Their offer: " GCM ". To allow one of these: -o Ciphers=+NAME");
	assert_false(ssh_guess_failed(p->side[0].ssh));
	pair_free(p);
}

static size_t count(const struct pair *p, int side, const char *text)
{
	const struct buf *log = &p->side[side].log;
	size_t n = 0;
	for (const uint8_t *at = log->p, *end = log->p + log->len; (at = memmem(at, (size_t)(end - at), text, strlen(text))); at++)
		n++;
	return n;
}

static void login_with_guess(const char *server_kex, const char *server_keys, size_t inits)
{
	for (int feed = FEED_WHOLE; feed <= FEED_BYTE; feed++) {
		struct pair_setup setup = {.feed = (enum pair_feed)feed, .key_types = "ssh-ed25519,ecdsa-sha2-nistp256"};
		setup.ssh[0].guess = true;
		setup.ssh[0].trace = LOG_LEVEL_DEBUG3;
		setup.ssh[0].algs.kex = "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256";
		setup.ssh[0].algs.host_key = "ssh-ed25519,ecdsa-sha2-nistp256";
		setup.ssh[1].algs.kex = server_kex;
		setup.ssh[1].algs.host_key = server_keys;
		struct pair *p = pair_new(&setup);
		assert_true(pair_login(p));
		assert_int_equal(count(p, 0, "send packet: KEX_INIT") + count(p, 0, "send packet: GEX_INIT"), inits);
		assert_false(ssh_guess_failed(p->side[0].ssh));
		pair_free(p);
	}
}

static void a_guess_that_is_right_is_not_repeated(void **state)
{
	(void)state;
	login_with_guess("curve25519-sha256,ecdh-sha2-nistp256", "ssh-ed25519", 1);
}

static void a_wrong_guess_is_passed_over(void **state)
{
	(void)state;
	login_with_guess("ecdh-sha2-nistp256,curve25519-sha256", "ssh-ed25519", 2);   /* the method is agreed all the same */
	login_with_guess("ecdh-sha2-nistp256", "ssh-ed25519", 2);
	login_with_guess("diffie-hellman-group-exchange-sha256", "ssh-ed25519", 2);
	login_with_guess("curve25519-sha256", "ecdsa-sha2-nistp256,ssh-ed25519", 2);
}

/* One flight each way, as far as keys are concerned. */
static void the_first_flight_carries_everything(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	setup.ssh[0].guess = true;
	setup.ssh[0].trace = LOG_LEVEL_DEBUG3;
	struct pair *p = pair_new(&setup);
	pair_events(p, 0);
	assert_true(pair_move(p, 0));                   /* version, KEXINIT, KEX_INIT */
	assert_true(pair_move(p, 1));                   /* version, KEXINIT, KEX_REPLY, NEWKEYS, EXT_INFO */
	assert_int_equal(p->side[0].kexed, 1);
	assert_int_equal(p->side[0].asks, 2);           /* host key, credential */
	assert_true(ssh_peer_has(p->side[0].ssh, "publickey-hostbound@openssh.com"));
	assert_true(slice_eq_str(ssh_peer_sig_algs(p->side[0].ssh), "ssh-ed25519,rsa-sha2-512"));
	assert_true(pair_move(p, 0));                   /* NEWKEYS, EXT_INFO, SERVICE_REQUEST, USERAUTH_REQUEST */
	assert_true(p->side[1].authed);
	assert_true(pair_move(p, 1));
	assert_true(p->side[0].authed);
	pair_free(p);
}

/* Runs with a peer that lacks strict kex; side is the one that has it. */
static struct pair *with_loose_peer(struct pair_setup *setup, int side)
{
	struct pair *p = pair_new(setup);
	for (int i = 0; i < 100; i++) {
		pair_events(p, !side);
		order_loosen(p->side[!side].ssh);
		pair_events(p, side);
		pair_move(p, !side);
		order_loosen(p->side[!side].ssh);
		pair_move(p, side);
	}
	return p;
}

static void without_strict_kex_the_server_offers_no_prone_cipher(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	setup.ssh[0].software = "OpenSSH_8.0";
	setup.ssh[0].algs.cipher_cs = setup.ssh[0].algs.cipher_sc = CHACHA "," GCM ",aes128-ctr";
	struct pair *p = with_loose_peer(&setup, PAIR_SERVER);
	assert_true(p->side[0].authed && p->side[1].authed);
	assert_false(p->side[1].ssh->kex.strict);
	assert_string_equal(ssh_names(p->side[1].ssh)->cipher_cs, GCM);
	ssh_rekey(p->side[1].ssh);
	assert_true(pair_run(p));
	assert_int_equal(p->side[1].kexed, 2);
	assert_string_equal(ssh_names(p->side[1].ssh)->cipher_cs, GCM);
	pair_free(p);
}

static void without_strict_kex_the_client_refuses_a_prone_cipher_and_may_try_again(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	setup.ssh[0].algs.cipher_cs = setup.ssh[0].algs.cipher_sc = CHACHA "," GCM;
	struct pair *p = with_loose_peer(&setup, PAIR_CLIENT);
	assert_true(p->side[0].over);
	assert_non_null(strstr(p->side[0].over_text, "CVE-2023-48795"));
	assert_true(ssh_guess_failed(p->side[0].ssh));
	pair_free(p);
	setup.ssh[0].no_pipeline = true;                /* the second try hears the server's offer first */
	p = with_loose_peer(&setup, PAIR_CLIENT);
	assert_true(p->side[0].authed);
	assert_string_equal(ssh_names(p->side[0].ssh)->cipher_cs, GCM);
	pair_free(p);
}

/* Neither side hears of strict kex from the other. */
static struct pair *both_loose(struct pair_setup *setup)
{
	struct pair *p = pair_new(setup);
	for (int i = 0; i < 200; i++) {
		int from = i % 2;
		pair_events(p, from);
		order_loosen(p->side[from].ssh);
		pair_move(p, from);
	}
	return p;
}

static void without_strict_kex_a_prone_cipher_is_taken_where_nothing_else_is_allowed(void **state)
{
	(void)state;
	static const char *const only[][2] = {{CHACHA, "hmac-sha2-256"}, {"aes128-cbc", "hmac-sha2-256-etm@openssh.com"}};
	for (size_t i = 0; i < ARRAY_LEN(only); i++) {
		struct pair_setup setup = {.ssh[0].software = "OpenSSH_8.0"};
		for (int side = 0; side < 2; side++) {
			setup.ssh[side].algs.cipher_cs = setup.ssh[side].algs.cipher_sc = only[i][0];
			setup.ssh[side].algs.mac_cs = setup.ssh[side].algs.mac_sc = only[i][1];
		}
		struct pair *p = both_loose(&setup);
		if (!p->side[0].authed || !p->side[1].authed)
			fail_msg("%s: %s %s", only[i][0], p->side[0].over_text, p->side[1].over_text);
		assert_false(p->side[0].ssh->kex.strict || p->side[1].ssh->kex.strict);
		assert_string_equal(ssh_names(p->side[0].ssh)->cipher_cs, only[i][0]);
		pair_free(p);
	}
}

static void a_server_that_has_only_a_prone_cipher_is_told_apart(void **state)
{
	(void)state;
	struct pair_setup setup = {.ssh[0].no_pipeline = true};
	setup.ssh[1].algs.cipher_cs = setup.ssh[1].algs.cipher_sc = CHACHA;
	struct pair *p = with_loose_peer(&setup, PAIR_CLIENT);
	assert_true(p->side[0].over);
	assert_non_null(strstr(p->side[0].over_text, "To use it nevertheless: -c " CHACHA));
	pair_free(p);
}

static void prone_choices(void **state)
{
	(void)state;
	const struct mac_alg *etm = mac_find(SLICE_LIT("hmac-sha2-256-etm@openssh.com")), *eam = mac_find(SLICE_LIT("hmac-sha2-256"));
	assert_true(kex_is_prone(box_find(SLICE_LIT(CHACHA)), NULL));
	assert_true(kex_is_prone(box_find(SLICE_LIT("aes128-cbc")), etm));
	assert_false(kex_is_prone(box_find(SLICE_LIT("aes128-cbc")), eam));
	assert_false(kex_is_prone(box_find(SLICE_LIT("aes128-ctr")), etm));
	assert_false(kex_is_prone(box_find(SLICE_LIT(GCM)), NULL));
}

/* Its server knows the client's version before it offers anything. */
static void a_client_with_the_padding_bug_gets_another_method(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	setup.ssh[0].software = "OpenSSH_6.6";
	setup.ssh[0].algs.kex = setup.ssh[1].algs.kex = "curve25519-sha256,ecdh-sha2-nistp256";
	setup.ssh[0].algs.cipher_cs = setup.ssh[0].algs.cipher_sc = GCM;
	struct pair *p = pair_new(&setup);
	assert_true(pair_login(p));
	assert_string_equal(ssh_names(p->side[0].ssh)->kex, "ecdh-sha2-nistp256");
	pair_free(p);
}

static bool login_was_sent_ahead(const char *software)
{
	struct pair_setup setup = {.ssh[0].trace = LOG_LEVEL_DEBUG3, .ssh[1].software = software};
	struct pair *p = pair_new(&setup);
	assert_true(pair_login(p));
	struct slice log = buf_slice(&p->side[0].log);
	const uint8_t *sent = memmem(log.p, log.n, "send packet: USERAUTH_REQUEST", 29), *got = memmem(log.p, log.n, "receive packet: SERVICE_ACCEPT", 30);
	assert_true(sent && got);
	bool ahead = sent < got;
	pair_free(p);
	return ahead;
}

static void a_server_that_would_get_stuck_gets_the_login_later(void **state)
{
	(void)state;
	assert_true(login_was_sent_ahead("OpenSSH_9.2p1"));
	assert_false(login_was_sent_ahead("libssh_0.10.6"));
}

/* A packet before KEXINIT, with numbers that strict kex would reset (CVE-2023-48795). */
static void strict_kex_wants_kexinit_first(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	setup.ssh[0].no_pipeline = true;                /* its KEXINIT has not gone out yet */
	struct pair *p = pair_new(&setup);
	pair_events(p, 0);
	packet_put(p->side[0].ssh, SLICE_LIT("\2\0\0\0\0"));
	assert_true(pair_run(p));
	assert_string_equal(p->side[1].over_text, "strict KEX violation: KEXINIT was not the first packet");
	pair_free(p);
}

static bool no_host_key(struct pair *p, int side, const struct ask *q, struct answer *a)
{
	(void)p, (void)side;
	if (q->kind != ASK_HOSTKEY)
		return false;
	a->yes.text = SLICE_LIT("Host key verification failed.");
	return true;
}

static void a_refused_host_key_ends_it_without_another_try(void **state)
{
	(void)state;
	struct pair_setup setup = {.answer = no_host_key};
	struct pair *p = pair_new(&setup);
	assert_true(pair_run(p));
	assert_int_equal(p->side[0].reason, REASON_HOST_KEY_NOT_VERIFIABLE);
	assert_string_equal(p->side[0].over_text, "Host key verification failed.");
	assert_false(ssh_guess_failed(p->side[0].ssh));
	assert_false(p->side[1].authed);
	pair_free(p);
}

/* Signs another transcript: a server that has a key, but not over this exchange. */
static bool wrong_signature(struct pair *p, int side, const struct ask *q, struct answer *a)
{
	if (q->kind != ASK_HOSTSIGN)
		return false;
	struct ask other = *q;
	other.hostsign.transcript.n--;
	pair_default_answer(p, side, &other, a);
	return true;
}

static void a_wrong_signature_is_seen(void **state)
{
	(void)state;
	struct pair_setup setup = {.answer = wrong_signature};
	struct pair *p = pair_new(&setup);
	assert_true(pair_run(p));
	assert_int_equal(p->side[0].reason, REASON_KEX_FAILED);
	assert_int_equal(p->side[0].hostkey_asks, 0);
	assert_non_null(strstr(p->side[0].over_text, "signature"));
	pair_free(p);
}

static bool no_signature(struct pair *p, int side, const struct ask *q, struct answer *a)
{
	(void)p, (void)side, (void)a;
	return q->kind == ASK_HOSTSIGN;
}

static void a_server_that_cannot_sign_says_so(void **state)
{
	(void)state;
	struct pair_setup setup = {.answer = no_signature};
	struct pair *p = pair_new(&setup);
	assert_true(pair_run(p));
	assert_string_equal(p->side[1].over_text, "the host key could not sign");
	assert_true(p->side[0].by_peer);
	pair_free(p);
}

static void another_host_key_at_rekey_is_asked_about(void **state)
{
	(void)state;
	struct pair_setup setup = {.key_types = "ssh-ed25519,ssh-ed25519"};
	struct pair *p = pair_new(&setup);
	assert_true(pair_login(p));
	ssh_rekey(p->side[0].ssh);
	assert_true(pair_run(p));
	assert_int_equal(p->side[0].hostkey_asks, 1);
	struct key *first = p->keys[0];                 /* from now on the second one signs */
	p->keys[0] = p->keys[1], p->keys[1] = first;
	struct slice *keys = (struct slice *)(uintptr_t)p->side[1].ssh->setup.host_keys;
	struct slice blob = keys[0];
	keys[0] = keys[1], keys[1] = blob;
	ssh_rekey(p->side[0].ssh);
	assert_true(pair_run(p));
	assert_int_equal(p->side[0].hostkey_asks, 2);
	assert_int_equal(p->side[0].kexed, 3);
	pair_free(p);
}

static bool small_group(struct pair *p, int side, const struct ask *q, struct answer *a)
{
	static uint8_t bytes[128];
	(void)p, (void)side;
	if (q->kind != ASK_GROUP)
		return false;
	memset(bytes, 0xff, sizeof bytes);
	a->group.ok = true;
	a->group.p = slice_of(bytes, sizeof bytes);
	a->group.g = SLICE_LIT("\2");
	return true;
}

static void the_client_wants_a_group_of_the_size_it_asked_for(void **state)
{
	(void)state;
	struct pair_setup setup = {.answer = small_group};
	setup.ssh[0].algs.kex = setup.ssh[1].algs.kex = "diffie-hellman-group-exchange-sha256";
	struct pair *p = pair_new(&setup);
	assert_true(pair_run(p));
	assert_string_equal(p->side[0].over_text, "the server's group has 1024 bits, not 2048 to 8192");
	pair_free(p);
}

static void the_old_group_request_of_old_clients(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	setup.ssh[0].algs.kex = setup.ssh[1].algs.kex = "diffie-hellman-group-exchange-sha256";
	setup.ssh[0].gex_preferred = 2048;
	setup.ssh[1].software = "PuTTY_Release_0.64";   /* what the client would talk to so */
	struct pair *p = pair_new(&setup);
	assert_true(pair_login(p));
	assert_true(p->side[0].ssh->kex.gex_old && p->side[1].ssh->kex.gex_old);
	pair_free(p);
}

static void keepalives_are_sent_answered_and_given_up(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct pair_setup setup = {0};
		setup.ssh[side].keepalive_ms = 15000;
		setup.ssh[side].keepalive_count = 3;
		setup.ssh[side].trace = LOG_LEVEL_DEBUG3;
		struct pair *p = pair_new(&setup);
		assert_true(pair_login(p));
		assert_int_equal(ssh_wake(p->side[side].ssh), p->now + 15000);
		for (int i = 0; i < 5; i++) {
			pair_tick(p, 15000);
			assert_true(pair_run(p));
		}
		assert_false(p->side[side].over);
		assert_int_equal(count(p, side, "send packet: GLOBAL_REQUEST name=\"keepalive@openssh.com\""), 5);
		for (int i = 0; i < 3; i++) {           /* nothing comes back any more */
			pair_tick(p, 15000);
			pair_events(p, side);
			assert_false(p->side[side].over);
		}
		pair_tick(p, 15000);
		pair_events(p, side);
		assert_string_equal(p->side[side].over_text, side ? "Timeout, client not responding" : "Timeout, server not responding");
		pair_free(p);
	}
}

static void note_pong(struct pair *p, int side, const struct ssh_event *ev)
{
	if (ev->kind == EV_PONG && side == 0)
		*(uint32_t *)p->setup.arg = ev->number;
}

static void ping_measures_the_way(void **state)
{
	(void)state;
	uint32_t took = UINT32_MAX;
	struct pair_setup setup = {.event = note_pong, .arg = &took};
	struct pair *p = pair_new(&setup);
	assert_true(pair_login(p));
	ssh_ping(p->side[0].ssh, p->now);
	p->now += 37;
	assert_true(pair_run(p));
	assert_int_equal(took, 37);
	pair_free(p);
}

static void after_the_end_only_output_is_of_use(void **state)
{
	(void)state;
	struct pair_setup setup = {0};
	struct pair *p = pair_new(&setup);
	assert_true(pair_login(p));
	ssh_disconnect(p->side[0].ssh, REASON_BY_APPLICATION, "disconnected by user");
	assert_true(ssh_is_over(p->side[0].ssh));
	assert_int_equal(ssh_space(p->side[0].ssh).n, 0);
	ssh_rekey(p->side[0].ssh);
	ssh_ping(p->side[0].ssh, 1);
	ssh_tick(p->side[0].ssh, UINT64_MAX);
	ssh_answer(p->side[0].ssh, &(struct answer){.kind = ASK_HOSTKEY});
	assert_true(ssh_wake(p->side[0].ssh) == UINT64_MAX);
	assert_true(pair_run(p));
	assert_string_equal(p->side[1].over_text, "disconnected by user");
	assert_true(p->side[1].by_peer && !p->side[0].by_peer);
	assert_int_equal(p->side[1].reason, REASON_BY_APPLICATION);
	pair_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clients_order_decides),
		cmocka_unit_test(what_is_missing_is_named_with_their_offer),
		cmocka_unit_test(a_marker_is_no_method),
		cmocka_unit_test(no_match_is_said_as_logs_know_it),
		cmocka_unit_test(a_guess_that_is_right_is_not_repeated),
		cmocka_unit_test(a_wrong_guess_is_passed_over),
		cmocka_unit_test(the_first_flight_carries_everything),
		cmocka_unit_test(without_strict_kex_the_server_offers_no_prone_cipher),
		cmocka_unit_test(without_strict_kex_the_client_refuses_a_prone_cipher_and_may_try_again),
		cmocka_unit_test(prone_choices),
		cmocka_unit_test(without_strict_kex_a_prone_cipher_is_taken_where_nothing_else_is_allowed),
		cmocka_unit_test(a_server_that_has_only_a_prone_cipher_is_told_apart),
		cmocka_unit_test(a_client_with_the_padding_bug_gets_another_method),
		cmocka_unit_test(a_server_that_would_get_stuck_gets_the_login_later),
		cmocka_unit_test(strict_kex_wants_kexinit_first),
		cmocka_unit_test(a_refused_host_key_ends_it_without_another_try),
		cmocka_unit_test(a_wrong_signature_is_seen),
		cmocka_unit_test(a_server_that_cannot_sign_says_so),
		cmocka_unit_test(another_host_key_at_rekey_is_asked_about),
		cmocka_unit_test(the_client_wants_a_group_of_the_size_it_asked_for),
		cmocka_unit_test(the_old_group_request_of_old_clients),
		cmocka_unit_test(keepalives_are_sent_answered_and_given_up),
		cmocka_unit_test(ping_measures_the_way),
		cmocka_unit_test(after_the_end_only_output_is_of_use),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
