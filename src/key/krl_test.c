#include "key/krl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/keyfile.h"

/* OpenSSH's ssh-keygen -k: version 42, serials 5-10 32 63 100 102 104 and id "foo bar" of a CA, two keys, two hashes. */
static const char by_openssh[] = "U1NIS1JMCgAAAAABAAAAAAAAACoAAAAAawNAtwAAAAAAAAAAAAAAAAAAAAABAAAAaQAAADMAAAALc3NoLWVkMjU1MTkAAAAgnyBRZh1l2t0+MidsnwL/4CtYC1nad2nX+2NscH70BwsAAAAAIgAAABkAAAAAAAAABQAAAA0KgAAAAAQAAAAIAAA/IwAAAAsAAAAHZm9vIGJhcgIAAABuAAAAMwAAAAtzc2gtZWQyNTUxOQAAACA+iRzBMLCBKvMkszSi0pT0vbMaHHnpDMPwKBJx7FizGAAAADMAAAALc3NoLWVkMjU1MTkAAAAgU0A8pxjcTjJYja3W/5W1L5nbILewFwfyQEgum41MI60DAAAAGAAAABQI9FTmol0RG+lKbGUVXrAHaIQUWwUAAABIAAAAILWT73oxMrzbv5UogWFbu4ONCSzNkN5ItMijZFqPexOBAAAAILY5WIyRdMx3QtPILxS0B+cxYM+DUrIuc7Mqx5SpaTc0";

static struct key *ca, *other_ca, *user;

static int make_keys(void **state)
{
	(void)state;
	ca = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	other_ca = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	user = key_generate(SLICE_LIT("ecdsa-sha2-nistp256"), 0, NULL);
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	key_free(ca);
	key_free(other_ca);
	key_free(user);
	return 0;
}

static struct cert *cert_of(const struct key *signer, uint64_t serial, const char *id)
{
	struct buf blob = BUF_INIT(CERT_MAX);
	struct cert_request q = {.key = user, .role = CERT_USER, .serial = serial, .before = CERT_FOREVER, .key_id = slice_str(id)};
	assert_true(cert_sign(&q, signer, key_alg_find(SLICE_LIT("ssh-ed25519")), &blob, NULL));
	struct cert *c = cert_from_blob(buf_slice(&blob), NULL);
	buf_clear(&blob);
	return c;
}

static enum krl_verdict check_cert(struct slice file, const struct key *signer, uint64_t serial, const char *id)
{
	struct err err;
	struct cert *c = cert_of(signer, serial, id);
	enum krl_verdict v = krl_check(file, user, c, &err);
	cert_free(c);
	return v;
}

static void a_list_of_openssh_is_walked(void **state)
{
	(void)state;
	static const uint64_t serials[][2] = {{5, 10}, {32, 32}, {63, 63}, {100, 100}, {102, 102}, {104, 104}};
	struct buf file = BUF_INIT(4096);
	struct krl_reader r;
	struct krl_item i;
	struct err err;
	size_t runs = 0, ids = 0, keys = 0, sha1 = 0, sha256 = 0;
	assert_true(get_base64(SLICE_LIT(by_openssh), &file));
	assert_true(krl_open(&r, buf_slice(&file), &err));
	assert_int_equal(r.version, 42);
	while (krl_next(&r, &i)) {
		if (i.kind == KRL_SERIALS) {
			assert_int_equal(i.lo, serials[runs][0]);
			assert_int_equal(i.hi, serials[runs][1]);
			runs++;
		}
		ids += i.kind == KRL_KEY_ID && slice_eq_str(i.data, "foo bar");
		keys += i.kind == KRL_KEY;
		sha1 += i.kind == KRL_SHA1;
		sha256 += i.kind == KRL_SHA256;
	}
	assert_true(krl_whole(&r));
	assert_true(runs == 6 && ids == 1 && keys == 2 && sha1 == 1 && sha256 == 2);
	for (size_t n = 0; n < file.len; n++) {
		uint8_t *exact = mem_new(n);
		memcpy(exact, file.p, n);
		struct slice cut = slice_of(exact, n);
		bool section_end = krl_open(&r, cut, &err);
		while (section_end && krl_next(&r, &i))
			;
		if (!section_end || !krl_whole(&r))
			assert_int_equal(n >= 8 ? krl_check(cut, user, NULL, &err) : KRL_DAMAGED, KRL_DAMAGED);
		mem_free(exact);
	}
	buf_clear(&file);
}

static void serials(struct krl_builder *b, const struct key *signer, uint64_t lo, uint64_t hi)
{
	struct buf blob = BUF_INIT(1000);
	if (signer)
		key_blob(signer, &blob);
	krl_add(b, &(struct krl_item){.kind = KRL_SERIALS, .ca = buf_slice(&blob), .lo = lo, .hi = hi});
	buf_clear(&blob);
}

static void write_list(struct krl_builder *b, struct buf *out)
{
	struct err err;
	*out = BUF_INIT(64 << 20);
	assert_true(krl_write(b, 1, 2, SLICE_LIT("comment"), out, &err));
	krl_builder_free(b);
}

/* Runs, lone serials, dense and sparse ones: exactly what was added is revoked. */
static void serials_come_back(void **state)
{
	(void)state;
	static const uint64_t runs[][2] = {{1, 1}, {3, 3}, {5, 5}, {7, 9}, {100, 100}, {1000, 2000}, {1500, 2500}, {2501, 2501}, {70000, 70000}, {70002, 70002},
		{1ull << 40, (1ull << 40) + 3}, {UINT64_MAX - 1, UINT64_MAX}};
	static const uint64_t no[] = {2, 4, 6, 10, 99, 101, 999, 2502, 69999, 70001, 70003, (1ull << 40) - 1, (1ull << 40) + 4, UINT64_MAX - 2};
	struct krl_builder *b = krl_builder_new();
	struct buf file;
	for (size_t i = ARRAY_LEN(runs); i-- > 0;)
		serials(b, ca, runs[i][0], runs[i][1]);
	for (uint64_t i = 200000; i < 260000; i += 3)
		serials(b, ca, i, i);
	write_list(b, &file);
	assert_true(file.len < 60000 / 8 + 4000);       /* the dense part became bitmaps */
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		assert_int_equal(check_cert(buf_slice(&file), ca, runs[i][0], "x"), KRL_REVOKED);
		assert_int_equal(check_cert(buf_slice(&file), ca, runs[i][1], "x"), KRL_REVOKED);
		assert_int_equal(check_cert(buf_slice(&file), other_ca, runs[i][1], "x"), KRL_NOT_REVOKED);
	}
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_int_equal(check_cert(buf_slice(&file), ca, no[i], "x"), KRL_NOT_REVOKED);
	for (uint64_t i = 200000; i < 260100; i += 9973)
		assert_int_equal(check_cert(buf_slice(&file), ca, i, "x"), i < 260000 && i % 3 == 200000 % 3 ? KRL_REVOKED : KRL_NOT_REVOKED);
	/* Read and written again it is the same. */
	struct krl_reader r;
	struct krl_item item;
	struct buf again;
	b = krl_builder_new();
	assert_true(krl_open(&r, buf_slice(&file), NULL));
	while (krl_next(&r, &item))
		krl_add(b, &item);
	assert_true(krl_whole(&r));
	write_list(b, &again);
	assert_true(slice_eq(buf_slice(&file), buf_slice(&again)));
	buf_clear(&file);
	buf_clear(&again);
}

static void keys_ids_and_hashes_revoke(void **state)
{
	(void)state;
	struct buf blob = BUF_INIT(1000), ca_blob = BUF_INIT(1000), file;
	struct err err;
	uint8_t d[HASH_MAX];
	key_blob(user, &blob);
	key_blob(ca, &ca_blob);
	struct krl_item items[] = {
		{.kind = KRL_KEY, .data = buf_slice(&blob)}, {.kind = KRL_SHA1}, {.kind = KRL_SHA256},
		{.kind = KRL_KEY, .data = buf_slice(&ca_blob)}, {.kind = KRL_KEY_ID, .ca = buf_slice(&ca_blob), .data = SLICE_LIT("some id")}, {.kind = KRL_KEY_ID, .data = SLICE_LIT("some id")},
	};
	static const bool plain[] = {true, true, true, false, false, false};
	static const bool by_ca[] = {true, true, true, true, true, true}, by_other[] = {true, true, true, false, false, true};
	for (size_t i = 0; i < ARRAY_LEN(items); i++) {
		struct krl_builder *b = krl_builder_new();
		if (i == 1 || i == 2) {
			const struct hash_alg *h = i == 1 ? &hash_sha1 : &hash_sha256;
			hash_once(h, buf_slice(&blob), d);
			items[i].data = slice_of(d, h->len);
		}
		krl_add(b, &items[i]);
		krl_add(b, &items[i]);
		write_list(b, &file);
		assert_int_equal(krl_check(buf_slice(&file), user, NULL, &err), plain[i] ? KRL_REVOKED : KRL_NOT_REVOKED);
		assert_int_equal(check_cert(buf_slice(&file), ca, 5, "some id"), by_ca[i] ? KRL_REVOKED : KRL_NOT_REVOKED);
		assert_int_equal(check_cert(buf_slice(&file), other_ca, 5, "some id"), by_other[i] ? KRL_REVOKED : KRL_NOT_REVOKED);
		assert_int_equal(check_cert(buf_slice(&file), other_ca, 5, "some"), plain[i] ? KRL_REVOKED : KRL_NOT_REVOKED);
		buf_clear(&file);
	}
	struct krl_builder *b = krl_builder_new();
	serials(b, NULL, 1, UINT64_MAX);
	write_list(b, &file);
	assert_int_equal(check_cert(buf_slice(&file), other_ca, 5, "x"), KRL_REVOKED);       /* any CA */
	assert_int_equal(check_cert(buf_slice(&file), other_ca, 0, "x"), KRL_NOT_REVOKED);   /* serial 0 is no serial */
	buf_clear(&file);
	buf_clear(&blob);
	buf_clear(&ca_blob);
}

static void plain_lists_revoke(void **state)
{
	(void)state;
	struct buf text = BUF_INIT(4096);
	struct err err;
	keyfile_write_line(user, SLICE_LIT("comment"), &text);
	assert_int_equal(krl_check(buf_slice(&text), user, NULL, &err), KRL_REVOKED);
	assert_int_equal(krl_check(buf_slice(&text), ca, NULL, &err), KRL_NOT_REVOKED);
	buf_reset(&text);
	put_str(&text, "# remark\n\n");
	keyfile_write_line(ca, slice_of(NULL, 0), &text);
	assert_int_equal(check_cert(buf_slice(&text), ca, 1, "x"), KRL_REVOKED);
	assert_int_equal(check_cert(buf_slice(&text), other_ca, 1, "x"), KRL_NOT_REVOKED);
	static const char future[] = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIFNAPKcY\n";
	assert_int_equal(krl_check(SLICE_LIT(future), user, NULL, &err), KRL_NOT_REVOKED);
	static const char *const damage[] = {"junk\n", "ssh-ed25519\n", "ssh-ed25519 !!\n", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt\n"};
	for (size_t i = 0; i < ARRAY_LEN(damage); i++)
		assert_int_equal(krl_check(slice_str(damage[i]), user, NULL, &err), KRL_DAMAGED);
	assert_int_equal(krl_check(slice_of(NULL, 0), user, NULL, &err), KRL_NOT_REVOKED);
	buf_clear(&text);
}

static void hostile_sections_are_damage(void **state)
{
	(void)state;
	static const struct { const char *p; size_t n; bool fine; } tails[] = {
#define T(s, fine) {s, sizeof(s) - 1, fine}
		T("", true), T("\1", false), T("\1\0\0\0\0", false), T("\1\0\0\0\10\0\0\0\0\0\0\0\0", true), T("\7\0\0\0\0", false), T("\2\0\0\0\4\0\0\0\1", false),
		T("\3\0\0\0\5\0\0\0\1x", false), T("\5\0\0\0\4\0\0\0\0", false), T("\4\0\0\0\1x", true), T("\377\0\0\0\12\0\0\0\1x\1\0\0\0\0", false), T("\377\0\0\0\12\0\0\0\1x\0\0\0\0\0", true),
		T("\1\0\0\0\16\0\0\0\0\0\0\0\0\x20\0\0\0\1x", false), T("\1\0\0\0\15\0\0\0\0\0\0\0\0\x20\0\0\0\0", false), T("\1\0\0\0\15\0\0\0\0\0\0\0\0\x66\0\0\0\0", false),
		T("\1\0\0\0\35\0\0\0\0\0\0\0\0\x21\0\0\0\20\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1", false), T("\1\0\0\0\35\0\0\0\0\0\0\0\0\x21\0\0\0\20\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", true),
		T("\1\0\0\0\32\0\0\0\0\0\0\0\0\x22\0\0\0\15\377\377\377\377\377\377\377\377\0\0\0\1\1", false), T("\1\0\0\0\32\0\0\0\0\0\0\0\0\x22\0\0\0\15\0\0\0\0\0\0\0\1\0\0\0\1\1", true),
		T("\1\0\0\0\32\0\0\0\0\0\0\0\0\x22\0\0\0\15\0\0\0\0\0\0\0\1\0\0\0\1\200", false), T("\1\0\0\0\27\0\0\0\0\0\0\0\0\x39\0\0\0\12\0\0\0\1x\1\0\0\0\0", false),
	};
	struct err err;
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		struct buf file = BUF_INIT(1000);
		put_bytes(&file, SLICE_LIT("SSHKRL\n\0\0\0\0\1"));
		for (int j = 0; j < 3; j++)
			put_u64(&file, 0);
		put_u64(&file, 0);                      /* two empty strings */
		put_bytes(&file, slice_of(tails[i].p, tails[i].n));
		enum krl_verdict v = krl_check(buf_slice(&file), user, NULL, &err);
		if (v != (tails[i].fine ? KRL_NOT_REVOKED : KRL_DAMAGED))
			fail_msg("row %zu", i);
		buf_clear(&file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_openssh_is_walked),
		cmocka_unit_test(serials_come_back),
		cmocka_unit_test(keys_ids_and_hashes_revoke),
		cmocka_unit_test(plain_lists_revoke),
		cmocka_unit_test(hostile_sections_are_damage),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
