#include "test/pair/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "crypto/box.h"
#include "crypto/kem.h"

static void login_with(const struct ssh_algs *client, const char *key_types, enum pair_feed feed)
{
	struct pair_setup setup = {.feed = feed, .key_types = key_types, .ssh[PAIR_CLIENT] = {.algs = *client, .guess = true}};
	setup.ssh[PAIR_SERVER].algs = *client;
	struct pair *p = pair_new(&setup);
	bool ok = pair_login(p);
	if (!ok)
		printf("kex %s key %s cipher %s mac %s\n", client->kex, client->host_key, client->cipher_cs, client->mac_cs);
	assert_true(ok);
	assert_int_equal(p->side[0].kexed, 1);
	assert_int_equal(p->side[1].kexed, 1);
	assert_int_equal(p->side[0].hostkey_asks, 1);
	assert_int_equal(p->side[1].hostsign_asks, 1);
	if (client->kex)
		assert_string_equal(ssh_names(p->side[0].ssh)->kex, client->kex);
	pair_free(p);
}

static void plain_handshake_in_every_piece_size(void **state)
{
	(void)state;
	for (int feed = FEED_WHOLE; feed <= FEED_BYTE; feed++)
		login_with(&(struct ssh_algs){0}, NULL, (enum pair_feed)feed);
}

static void every_kex_method(void **state)
{
	(void)state;
	size_t count;
	const struct kem_alg *list = kem_list(&count);
	for (size_t i = 0; i < count; i++)
		if (kem_find(slice_str(list[i].name)))
			login_with(&(struct ssh_algs){.kex = list[i].name}, NULL, FEED_RANDOM);
}

static void every_cipher(void **state)
{
	(void)state;
	size_t count;
	const struct box_alg *list = box_list(&count);
	for (size_t i = 0; i < count; i++)
		if (box_find(slice_str(list[i].name)))
			login_with(&(struct ssh_algs){.cipher_cs = list[i].name, .cipher_sc = list[count - 1 - i].name}, NULL, FEED_RANDOM);
}

static void every_mac(void **state)
{
	(void)state;
	size_t count;
	const struct mac_alg *list = mac_list(&count);
	for (size_t i = 0; i < count; i++)
		if (mac_find(slice_str(list[i].name)))
			login_with(&(struct ssh_algs){.cipher_cs = "aes128-ctr", .cipher_sc = "aes256-ctr", .mac_cs = list[i].name,
				.mac_sc = list[count - 1 - i].name}, NULL, FEED_RANDOM);
}

static void every_host_key(void **state)
{
	(void)state;
	static const char *const algs[][2] = {
		{"ssh-ed25519", "ssh-ed25519"}, {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
		{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"}, {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
		{"rsa-sha2-256", "ssh-rsa"}, {"rsa-sha2-512", "ssh-rsa"}, {"ssh-rsa", "ssh-rsa"},
	};
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		login_with(&(struct ssh_algs){.host_key = algs[i][0]}, algs[i][1], FEED_WHOLE);
}

static void every_compression(void **state)
{
	(void)state;
	static const char *const names[] = {"zlib", "zlib@openssh.com"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		login_with(&(struct ssh_algs){.comp_cs = names[i], .comp_sc = names[i]}, NULL, FEED_RANDOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_handshake_in_every_piece_size),
		cmocka_unit_test(every_kex_method),
		cmocka_unit_test(every_cipher),
		cmocka_unit_test(every_mac),
		cmocka_unit_test(every_host_key),
		cmocka_unit_test(every_compression),
	};
	crypto_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
