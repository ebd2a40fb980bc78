#include "crypto/filecipher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "test/vectors.h"

static const char *const names[] = {
	"aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc",
	"aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
};

static void a_text_comes_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct filecipher *c = filecipher_find(slice_str(names[i]));
		assert_non_null(c);
		uint8_t key[80], text[96];
		memset(key, 0x42, sizeof key);
		memset(text, 'x', sizeof text);
		struct buf sealed = BUF_INIT(1000), plain = BUF_INIT_SECRET(1000);
		put_str(&plain, "front");
		assert_true(filecipher_seal(c, key, slice_of(text, sizeof text), &sealed));
		assert_int_equal(sealed.len, sizeof text + c->auth_len);
		assert_memory_not_equal(sealed.p, text, 16);
		struct slice body = slice_of(sealed.p, sizeof text), tag = slice_of(sealed.p + sizeof text, c->auth_len);
		assert_true(filecipher_open(c, key, body, tag, &plain));
		assert_int_equal(plain.len, 5 + sizeof text);
		assert_memory_equal(plain.p + 5, text, sizeof text);
		for (size_t at = 0; c->auth_len > 0 && at < sealed.len; at++) {
			sealed.p[at] ^= 1;
			assert_false(filecipher_open(c, key, body, tag, &plain));
			assert_int_equal(plain.len, 5 + sizeof text);
			sealed.p[at] ^= 1;
		}
		assert_false(filecipher_open(c, key, slice_of(sealed.p, 95), tag, &plain));
		assert_false(filecipher_open(c, key, slice_of(sealed.p, 0), tag, &plain));
		assert_false(filecipher_open(c, key, body, slice_of(sealed.p, 15), &plain));
		buf_clear(&sealed);
		buf_clear(&plain);
	}
}

static void too_little_room_fails(void **state)
{
	(void)state;
	uint8_t key[80] = {0}, text[64] = {0};
	struct buf small = BUF_INIT(64);
	assert_false(filecipher_seal(filecipher_find(SLICE_LIT("aes128-gcm@openssh.com")), key, slice_of(text, 64), &small));
	assert_int_equal(small.len, 0);
	buf_clear(&small);
}

/* NIST SP 800-38A, F.5.5: CTR-AES256.Encrypt, the first block. */
static void ctr_of_nist(void **state)
{
	(void)state;
	struct buf key = BUF_INIT(100), text = BUF_INIT(16), want = BUF_INIT(16), out = BUF_INIT(16);
	assert_true(vectors_unhex(SLICE_LIT("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"), &key));
	assert_true(vectors_unhex(SLICE_LIT("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"), &key));
	assert_true(vectors_unhex(SLICE_LIT("6bc1bee22e409f96e93d7e117393172a"), &text));
	assert_true(vectors_unhex(SLICE_LIT("601ec313775789a5b7a7f504bbf3d228"), &want));
	assert_true(filecipher_seal(filecipher_find(SLICE_LIT("aes256-ctr")), key.p, buf_slice(&text), &out));
	assert_memory_equal(out.p, want.p, 16);
	buf_clear(&key), buf_clear(&text), buf_clear(&want), buf_clear(&out);
}

/* Those with a nonce of 12 bytes, no associated data and whole blocks have the form of a key file. */
static void gcm_of_wycheproof(void **state)
{
	(void)state;
	size_t used = 0;
	struct vectors *v = vectors_open("wycheproof/aes_gcm_test.json");
	while (vectors_next(v)) {
		long bits = vectors_int(v, "keySize");
		struct slice text = vectors_hex(v, "msg"), sealed = vectors_hex(v, "ct"), tag = vectors_hex(v, "tag");
		if (vectors_int(v, "ivSize") != 96 || bits == 192 || vectors_hex(v, "aad").n || sealed.n == 0 || sealed.n % 16)
			continue;
		const struct filecipher *c = filecipher_find(bits == 128 ? SLICE_LIT("aes128-gcm@openssh.com") : SLICE_LIT("aes256-gcm@openssh.com"));
		struct buf key = BUF_INIT(100), plain = BUF_INIT(1000), again = BUF_INIT(1000);
		bool valid = vectors_is(v, "result", "valid");
		put_bytes(&key, vectors_hex(v, "key"));
		put_bytes(&key, vectors_hex(v, "iv"));
		assert_int_equal(filecipher_open(c, key.p, sealed, tag, &plain), valid);
		if (valid) {
			assert_true(slice_eq(buf_slice(&plain), text));
			assert_true(filecipher_seal(c, key.p, text, &again));
			assert_true(slice_eq(slice_of(again.p, sealed.n), sealed) && slice_eq(slice_from(buf_slice(&again), sealed.n), tag));
		}
		used++;
		buf_clear(&key), buf_clear(&plain), buf_clear(&again);
	}
	if (v)
		assert_true(used > 10);
	vectors_close(v);
}

static void other_names_are_unknown(void **state)
{
	(void)state;
	assert_null(filecipher_find(SLICE_LIT("none")));
	assert_null(filecipher_find(SLICE_LIT("arcfour")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_comes_back),
		cmocka_unit_test(too_little_room_fails),
		cmocka_unit_test(ctr_of_nist),
		cmocka_unit_test(gcm_of_wycheproof),
		cmocka_unit_test(other_names_are_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
