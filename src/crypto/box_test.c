#include "crypto/box.h"

#include <nettle/umac.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "crypto/box_impl.h"

enum { ROOM = 33000 };

/* Two boxes that belong together, and a packet that goes from one to the other. */
struct pair {
	const struct box_alg *alg;
	const struct mac_alg *mac;
	struct box *out, *in;
	uint32_t seq;
};

static void pair_init(struct pair *t, const struct box_alg *alg, const struct mac_alg *mac)
{
	uint8_t key[64], iv[16], mac_key[64];
	random_bytes(key, sizeof key);
	random_bytes(iv, sizeof iv);
	memset(iv + 4, 0xff, 8);                        /* the GCM counter wraps at once, the CTR one soon */
	random_bytes(mac_key, sizeof mac_key);
	*t = (struct pair){alg, mac, NULL, NULL, 0xfffffff0};
	t->out = box_new(alg, mac, key, iv, mac_key, true);
	t->in = box_new(alg, mac, key, iv, mac_key, false);
}

static void pair_clear(struct pair *t)
{
	box_free(t->out);
	box_free(t->in);
}

/* A packet that carries `payload` bytes, with the least padding (RFC 4253, 6). Returns 4 + length. */
static size_t build(const struct box *b, uint8_t *p, size_t payload)
{
	size_t outside = box_length_clear(b) ? 4 : 0, n = 5 + payload, pad = 4;
	while ((n + pad - outside) % box_block(b) != 0)
		pad++;
	n += pad;
	store_u32(p, (uint32_t)(n - 4));
	p[4] = (uint8_t)pad;
	for (size_t i = 5; i < n; i++)
		p[i] = (uint8_t)(i * 7 + payload);
	return n;
}

static void round_trip(struct pair *t, size_t payload)
{
	static uint8_t p[ROOM + 100], want[ROOM];
	size_t n = build(t->out, p, payload);
	memcpy(want, p, n);
	memset(p + n, 0xee, 100);
	box_seal(t->out, t->seq, p, n);
	for (size_t i = n + box_tag(t->out); i < n + 100; i++)
		assert_int_equal(p[i], 0xee);
	if (payload > 16)
		assert_memory_not_equal(p + 5, want + 5, 16);
	assert_int_equal(box_length(t->in, t->seq, p), n - 4);
	assert_true(box_open(t->in, t->seq, p, n));
	assert_memory_equal(p + 4, want + 4, n - 4);
	t->seq++;
}

/* Calls check for every cipher with every MAC that it can have. */
static void each_combination(void (*check)(const struct box_alg *, const struct mac_alg *))
{
	size_t nb, nm;
	const struct box_alg *b = box_list(&nb);
	const struct mac_alg *m = mac_list(&nm);
	for (size_t i = 0; i < nb; i++) {
		if (b[i].tag_len > 0)
			check(&b[i], NULL);
		for (size_t k = 0; k < nm && b[i].tag_len == 0; k++)
			check(&b[i], &m[k]);
	}
}

static void check_sizes(const struct box_alg *alg, const struct mac_alg *mac)
{
	struct pair t;
	pair_init(&t, alg, mac);
	for (size_t payload = 1; payload <= 300; payload += mac ? 3 : 1)
		round_trip(&t, payload);
	round_trip(&t, 32768);
	round_trip(&t, 1);
	pair_clear(&t);
}

static void every_size_comes_back(void **state)
{
	(void)state;
	each_combination(check_sizes);
}

/* One flipped bit at `at` of a sealed packet. */
static bool opens_flipped(const struct box_alg *alg, const struct mac_alg *mac, size_t payload, size_t at)
{
	uint8_t p[400];
	struct pair t;
	pair_init(&t, alg, mac);
	size_t n = build(t.out, p, payload);
	box_seal(t.out, t.seq, p, n);
	p[at] ^= 0x10;
	(void)box_length(t.in, t.seq, p);
	bool ok = box_open(t.in, t.seq, p, n);
	pair_clear(&t);
	return ok;
}

static void check_flips(const struct box_alg *alg, const struct mac_alg *mac)
{
	struct pair t;
	uint8_t p[400];
	pair_init(&t, alg, mac);
	size_t n = build(t.out, p, 20);
	for (size_t at = 0; at < n + box_tag(t.out); at++)
		assert_false(opens_flipped(alg, mac, 20, at));
	pair_clear(&t);
}

static void every_flipped_byte_is_refused(void **state)
{
	(void)state;
	each_combination(check_flips);
}

/* GCM counts by itself: for it a lost packet is what a wrong number is for the others. */
static void check_sequence(const struct box_alg *alg, const struct mac_alg *mac)
{
	struct pair t;
	uint8_t p[400];
	pair_init(&t, alg, mac);
	bool counts = alg->iv_len == 12;
	size_t n = build(t.out, p, 20);
	box_seal(t.out, t.seq, p, n);
	if (counts) {
		n = build(t.out, p, 20);
		box_seal(t.out, t.seq + 1, p, n);
	}
	(void)box_length(t.in, t.seq + 1, p);
	assert_false(box_open(t.in, t.seq + 1, p, n));
	pair_clear(&t);
}

static void a_wrong_sequence_number_is_refused(void **state)
{
	(void)state;
	each_combination(check_sequence);
}

static void check_bad_sizes(const struct box_alg *alg, const struct mac_alg *mac)
{
	struct pair t;
	static uint8_t p[400];
	pair_init(&t, alg, mac);
	size_t outside = box_length_clear(t.in) ? 4 : 0;
	static const size_t bad[] = {0, 1, 3, 4, 7, (1u << 24) + 4, SIZE_MAX};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(box_open(t.in, 0, p, bad[i]));
	for (size_t n = 8; n < 100; n++)
		if ((n - outside) % box_block(t.in) != 0)
			assert_false(box_open(t.in, 0, p, n));
	pair_clear(&t);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	each_combination(check_bad_sizes);
}

static void check_length_field(const struct box_alg *alg, const struct mac_alg *mac)
{
	bool clear = mac ? mac->etm : alg->iv_len == 12;
	size_t same = 0;
	for (int i = 0; i < 20; i++) {
		struct pair t;
		uint8_t p[400];
		pair_init(&t, alg, mac);
		size_t n = build(t.out, p, 40);
		box_seal(t.out, t.seq, p, n);
		same += load_u32(p) == n - 4;
		pair_clear(&t);
	}
	assert_int_equal(same, clear ? 20 : 0);
}

static void the_length_is_hidden_where_it_should_be(void **state)
{
	(void)state;
	each_combination(check_length_field);
}

static void from_hex(const char *hex, uint8_t *out)
{
	for (; *hex; hex += 2, out++) {
		unsigned v;
		assert_int_equal(sscanf(hex, "%2x", &v), 1);
		*out = (uint8_t)v;
	}
}

/* Made with AsyncSSH 2.10.1: key 00 01 .. 3f, sequence number 0x01020304. */
static void chacha_speaks_to_others(void **state)
{
	(void)state;
	uint8_t key[64], want[44], p[44] = {0, 0, 0, 24, 6, 's', 'e', 'v', 'e', 'n', 't', 'e', 'e', 'n', ' ', 'b', 'y', 't', 'e', 's', '!', '!'};
	for (size_t i = 0; i < 64; i++)
		key[i] = (uint8_t)i;
	from_hex("bc79806390b179c4be7f52ccb103049ed1343f07200c14d733b96dde" "123e4731c7dd5b9e85b0bc8e180bb716", want);
	struct box *b = box_new(box_find(SLICE_LIT("chacha20-poly1305@openssh.com")), NULL, key, NULL, NULL, true);
	box_seal(b, 0x01020304, p, 28);
	assert_memory_equal(p, want, 44);
	box_free(b);
}

/* Whatever code runs here against libcrypto's, with the counter of RFC 5647 written out. */
static void check_gcm(const char *name, const char *cipher_name, size_t payload)
{
	uint8_t key[32], iv[12] = {9, 8, 7, 6, 0, 0, 0, 0, 0, 0, 1, 0xff}, p[2000], want[2000];
	int done;
	random_bytes(key, sizeof key);
	struct box *b = box_new(box_find(slice_str(name)), NULL, key, iv, NULL, true);
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	for (int i = 0; i < 3; i++) {
		size_t n = build(b, p, payload);
		assert_int_equal(EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL), 1);
		assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &done, p, 4), 1);
		assert_int_equal(EVP_EncryptUpdate(ctx, want + 4, &done, p + 4, (int)n - 4), 1);
		assert_int_equal(EVP_EncryptFinal_ex(ctx, want, &done), 1);
		assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, want + n), 1);
		box_seal(b, 77, p, n);
		assert_memory_equal(p + 4, want + 4, n + 12);
		if (i == 0)
			iv[10] = 2, iv[11] = 0;
		else
			iv[11] = 1;
	}
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	box_free(b);
}

static void gcm_is_that_of_libcrypto(void **state)
{
	(void)state;
	for (size_t payload = 1; payload < 1900; payload += 13) {
		check_gcm("aes128-gcm@openssh.com", "AES-128-GCM", payload);
		check_gcm("aes256-gcm@openssh.com", "AES-256-GCM", payload);
	}
}

static void poly1305_is_that_of_libcrypto(void **state)
{
	(void)state;
	static uint8_t p[4000];
	uint8_t key[32], tag[16], want[16];
	size_t len;
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	for (size_t n = 0; n < sizeof p && poly1305_fast(key, p, 0, tag); n += n < 300 ? 1 : 97) {
		memset(p, n % 3 ? 0xff : 0x31, n);      /* all ones bring carries */
		random_bytes(key, sizeof key);
		assert_int_equal(EVP_MAC_init(ctx, key, 32, NULL), 1);
		assert_int_equal(EVP_MAC_update(ctx, p, n), 1);
		assert_int_equal(EVP_MAC_final(ctx, want, &len, 16), 1);
		assert_true(poly1305_fast(key, p, n, tag));
		assert_memory_equal(tag, want, 16);
	}
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

/* RFC 4418, appendix, with its errata: key "abcdefghijklmnop", nonce "bcdefghi", 'a' n times. */
static const struct { size_t n; const char *tag64; } umac_figures[] = {
	{0, "6e155fad26900be1"}, {3, "44b5cb542f220104"}, {1 << 10, "26bf2f5d60118bd9"},
	{1 << 15, "27f8ef643b0d118d"}, {1 << 20, "a4477e87e9f55853"},
};

static void umac_keeps_to_its_rfc(void **state)
{
	(void)state;
	uint8_t *a = mem_new(1 << 20);
	memset(a, 'a', 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(umac_figures); i++) {
		struct umac64_ctx ctx;
		uint8_t tag[8], want[8];
		umac64_set_key(&ctx, (const uint8_t *)"abcdefghijklmnop");
		umac64_set_nonce(&ctx, 8, (const uint8_t *)"bcdefghi");
		umac64_update(&ctx, umac_figures[i].n, a);
		umac64_digest(&ctx, 8, tag);
		from_hex(umac_figures[i].tag64, want);
		assert_memory_equal(tag, want, 8);
	}
	mem_free(a);
}

/* PROTOCOL 1.4 of OpenSSH: the nonce is the sequence number in 8 bytes. Numbers in any order. */
static void umac_takes_the_number_as_nonce(void **state)
{
	(void)state;
	static const uint32_t seqs[] = {0, 1, 2, 1, 0xffffffff, 6, 7, 0x100};
	const uint8_t *key = (const uint8_t *)"abcdefghijklmnop", *text = (const uint8_t *)"a packet";
	struct mac *small = mac_new(mac_find(SLICE_LIT("umac-64@openssh.com")), key);
	struct mac *large = mac_new(mac_find(SLICE_LIT("umac-128@openssh.com")), key);
	for (size_t i = 0; i < ARRAY_LEN(seqs); i++) {
		struct umac64_ctx a;
		struct umac128_ctx b;
		uint8_t nonce[8], tag[16], want[16];
		store_u64(nonce, seqs[i]);
		umac64_set_key(&a, key), umac64_set_nonce(&a, 8, nonce), umac64_update(&a, 8, text), umac64_digest(&a, 8, want);
		mac_tag(small, seqs[i], text, 8, tag);
		assert_memory_equal(tag, want, 8);
		umac128_set_key(&b, key), umac128_set_nonce(&b, 8, nonce), umac128_update(&b, 8, text), umac128_digest(&b, 16, want);
		mac_tag(large, seqs[i], text, 8, tag);
		assert_memory_equal(tag, want, 16);
	}
	mac_free(small);
	mac_free(large);
}

/* Every HMAC row, twice with one object: the short ones are the front of the whole. */
static void hmac_rows_are_hmacs(void **state)
{
	(void)state;
	size_t count;
	const struct mac_alg *rows = mac_list(&count);
	uint8_t key[64], data[4 + 9], tag[HASH_MAX], want[HASH_MAX];
	random_bytes(key, sizeof key);
	memcpy(data + 4, "a packet!", 9);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].hash == NULL)
			continue;
		struct mac *m = mac_new(&rows[i], key);
		for (uint32_t seq = 7; seq < 9; seq++) {
			store_u32(data, seq);
			hmac_once(rows[i].hash, slice_of(key, rows[i].key_len), slice_of(data, sizeof data), want);
			mac_tag(m, seq, data + 4, 9, tag);
			assert_memory_equal(tag, want, rows[i].tag_len);
			assert_true(rows[i].key_len == rows[i].hash->len && rows[i].tag_len <= rows[i].hash->len);
		}
		mac_free(m);
	}
}

static void before_newkeys_nothing_changes(void **state)
{
	(void)state;
	struct box *b = box_new_none();
	uint8_t p[16] = {0, 0, 0, 12, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, want[16];
	memcpy(want, p, 16);
	assert_int_equal(box_block(b), 8);
	assert_int_equal(box_tag(b), 0);
	assert_int_equal(box_first(b), 4);
	assert_false(box_length_clear(b));
	box_seal(b, 0, p, 16);
	assert_int_equal(box_length(b, 0, p), 12);
	assert_true(box_open(b, 0, p, 16));
	assert_false(box_open(b, 0, p, 12));
	assert_memory_equal(p, want, 16);
	box_free(b);
	box_free(NULL);
}

static void names_are_found(void **state)
{
	(void)state;
	size_t count;
	const struct box_alg *b = box_list(&count);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(box_find(slice_str(b[i].name)), &b[i]);
	const struct mac_alg *m = mac_list(&count);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(mac_find(slice_str(m[i].name)), &m[i]);
	assert_null(box_find(SLICE_LIT("arcfour")));
	assert_null(box_find(SLICE_LIT("aes128-ctr ")));
	assert_null(mac_find(SLICE_LIT("none")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_comes_back),
		cmocka_unit_test(every_flipped_byte_is_refused),
		cmocka_unit_test(a_wrong_sequence_number_is_refused),
		cmocka_unit_test(sizes_that_do_not_fit_are_refused),
		cmocka_unit_test(the_length_is_hidden_where_it_should_be),
		cmocka_unit_test(chacha_speaks_to_others),
		cmocka_unit_test(gcm_is_that_of_libcrypto),
		cmocka_unit_test(poly1305_is_that_of_libcrypto),
		cmocka_unit_test(umac_keeps_to_its_rfc),
		cmocka_unit_test(umac_takes_the_number_as_nonce),
		cmocka_unit_test(hmac_rows_are_hmacs),
		cmocka_unit_test(before_newkeys_nothing_changes),
		cmocka_unit_test(names_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
