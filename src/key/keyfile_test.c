#include "key/keyfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/openssh_key.h"

/* Made with Debian's ssh-keygen; the passphrase is "secret" where there is one. */
static const char plain_file[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACBTQDynGNxOMliNrdb/lbUvmdsgt7AXB/JASC6bjUwjrQAAAJBy0zFdctMx\n"
    "XQAAAAtzc2gtZWQyNTUxOQAAACBTQDynGNxOMliNrdb/lbUvmdsgt7AXB/JASC6bjUwjrQ\n"
    "AAAEBFJO2/KSTJUxd5E0j1DtIgUo2Uwq2L+B0L7LsRUNPT4lNAPKcY3E4yWI2t1v+VtS+Z\n"
    "2yC3sBcH8kBILpuNTCOtAAAACXBsYWluIG9uZQECAwQ=\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
static const char plain_line[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt plain one\n";
static const char locked_file[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBG5g5B8h\n"
    "+lU1Zv8EbJU4+gAAAAAgAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAID6JHMEwsIEq8ySz\n"
    "NKLSlPS9sxoceekMw/AoEnHsWLMYAAAAkFD0QMFs8fc3wC3QanPkHz1ks+9XDk7eolmJNs\n"
    "G+jJk5h0c7mLIyHraamo7t2jd4RqRhVPXaM4wmd4Nb/mTTel+izPd+ecz2KCOrbeqEj8J2\n"
    "ApO4TjnBcCydvilPFRE/Qc/jC81YPqpNLG0taneDST4ftR2H6zDBB+x6rWsXJKoxoX469v\n"
    "la7OvYu2ycjI80RA==\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
static const char locked_line[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID6JHMEwsIEq8ySzNKLSlPS9sxoceekMw/AoEnHsWLMY locked one\n";
static const char chacha_file[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAAHWNoYWNoYTIwLXBvbHkxMzA1QG9wZW5zc2guY29tAAAABm\n"
    "JjcnlwdAAAABgAAAAQXTfDfkLgT979stpJP6eMzgAAAAEAAAABAAAAMwAAAAtzc2gtZWQy\n"
    "NTUxOQAAACB9MQOdEL+tvP/JLtbWxXR6loGd3LtNahf4yN7srU9azgAAAIijsbn3CcGnQm\n"
    "gy0o5WviCh7AlDTtWSePt+g9s6oMvsUtDGNsbDIXBmLlK5b36a8nMHqp7hUjWk8sItVxav\n"
    "Wnt0EWY5LChWQ+zNggUkBVKCyhcftigavpWjZ1hl/bsLP0IjN+JLHyxR67KHNU3NeuuGH5\n"
    "7WJMrR+IQJq+s+5blWdtkwRpYqK8BOJCZqz0C6831NBefbH4E1Zg==\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
static const char chacha_line[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0xA50Qv628/8ku1tbFdHqWgZ3cu01qF/jI3uytT1rO cc\n";
static const char pem_file[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,43B63901C1C36FDA870842B47750604D\n"
    "\n"
    "poKnYYbnu1MmPlV2bCK8Etz2YmyaPJ4wMEOfEVajuGHVBaR0X1U1AujsBRZOPxlS\n"
    "FMmZRlcG8CAmTQea/hU+WozTYBQXYIn8WIQIErPubWI4DYM3OE2KW1AV5/3EM+7W\n"
    "D8AixSFDqHdAcR1KqPbcm4YV71e76OEsIhtCxTzr3u4=\n"
    "-----END EC PRIVATE KEY-----\n";
static const char pem_line[] =
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBIzofK65kUE6165VsphdhVdicvjYXySZzPnmuQD8nh4/JbhKppbr2m9JQFWnBHFn0SVxD5UoleYs9zTMjpN9A/Q= root@vm\n";

#define PASS SLICE_LIT("secret")
static const struct slice none = {NULL, 0};

static void is_key(struct key *k, const char *line)
{
	assert_non_null(k);
	struct key *want = keyfile_line(slice_str(line), NULL, NULL);
	assert_non_null(want);
	assert_true(key_equal(k, want));
	key_free(want);
	key_free(k);
}

static void files_of_openssh_are_read(void **state)
{
	(void)state;
	static const struct { const char *file, *line; enum keyfile_format format; bool locked; const char *comment; } files[] = {
		{plain_file, plain_line, KEYFILE_OPENSSH, false, "plain one"},
		{locked_file, locked_line, KEYFILE_OPENSSH, true, "locked one"},
		{chacha_file, chacha_line, KEYFILE_OPENSSH, true, "cc"},
		{pem_file, pem_line, KEYFILE_PEM, true, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct slice text = slice_str(files[i].file);
		struct buf comment = BUF_INIT(100);
		struct err err = {0};
		assert_int_equal(keyfile_detect(text), files[i].format);
		is_key(keyfile_read(text, PASS, &comment, &err), files[i].line);
		assert_string_equal(buf_cstr(&comment), files[i].comment);
		if (files[i].locked) {
			assert_null(keyfile_read(text, none, NULL, &err));
			assert_int_equal(err.code, ERR_PASSPHRASE);
			err.code = ERR_NONE;
			assert_null(keyfile_read(text, SLICE_LIT("Secret"), NULL, &err));
			assert_int_equal(err.code, ERR_PASSPHRASE);
		}
		if (files[i].format == KEYFILE_OPENSSH)
			is_key(keyfile_read_public(text, NULL, &err), files[i].line);
		buf_clear(&comment);
	}
}

static const struct { const char *type; enum keyfile_format format; const char *pass, *cipher; } styles[] = {
	{"ssh-ed25519", KEYFILE_OPENSSH, "", ""},
	{"ssh-ed25519", KEYFILE_OPENSSH, "x", ""},
	{"ssh-ed25519", KEYFILE_OPENSSH, "x", "chacha20-poly1305@openssh.com"},
	{"ssh-ed25519", KEYFILE_OPENSSH, "x", "aes256-gcm@openssh.com"},
	{"ssh-ed25519", KEYFILE_OPENSSH, "x", "aes128-cbc"},
	{"ssh-ed25519", KEYFILE_OPENSSH, "x", "3des-cbc"},
	{"ecdsa-sha2-nistp256", KEYFILE_OPENSSH, "", ""},
	{"ecdsa-sha2-nistp384", KEYFILE_OPENSSH, "x", ""},
	{"ecdsa-sha2-nistp521", KEYFILE_OPENSSH, "x", "aes192-ctr"},
	{"ssh-rsa", KEYFILE_OPENSSH, "", ""},
	{"ssh-rsa", KEYFILE_OPENSSH, "x", ""},
	{"ssh-rsa", KEYFILE_PEM, "", ""},
	{"ssh-rsa", KEYFILE_PEM, "passphrase", ""},
	{"ssh-rsa", KEYFILE_PKCS8, "passphrase", ""},
	{"ecdsa-sha2-nistp521", KEYFILE_PEM, "", ""},
	{"ecdsa-sha2-nistp384", KEYFILE_PKCS8, "passphrase", ""},
	{"ssh-ed25519", KEYFILE_PKCS8, "", ""},
	{"ssh-ed25519", KEYFILE_PKCS8, "passphrase", ""},
};

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(styles); i++) {
		struct key *k = key_generate(slice_str(styles[i].type), 1024, NULL);
		struct buf text = BUF_INIT_SECRET(KEYFILE_MAX), comment = BUF_INIT(100);
		struct err err = {0};
		struct keyfile_style style = {styles[i].format, slice_str(styles[i].pass), slice_str(styles[i].cipher), 1, SLICE_LIT("a comment")};
		if (!keyfile_write(k, &style, &text, &err))
			fail_msg("row %zu: %s", i, err.text);
		assert_int_equal(keyfile_detect(buf_slice(&text)), styles[i].format);
		struct key *back = keyfile_read(buf_slice(&text), style.pass, &comment, &err);
		if (back == NULL)
			fail_msg("row %zu: %s", i, err.text);
		assert_true(key_equal(k, back) && key_has_private(back));
		assert_string_equal(buf_cstr(&comment), styles[i].format == KEYFILE_OPENSSH ? "a comment" : "");
		key_free(k);
		key_free(back);
		buf_clear(&text);
		buf_clear(&comment);
	}
}

static void public_formats_come_back(void **state)
{
	(void)state;
	static const char *const types[] = {"ssh-ed25519", "ecdsa-sha2-nistp521", "ssh-rsa"};
	static const enum keyfile_format formats[] = {KEYFILE_LINE, KEYFILE_RFC4716, KEYFILE_PKCS8_PUBLIC, KEYFILE_PEM_PUBLIC};
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		struct key *k = key_generate(slice_str(types[i]), 1024, NULL);
		for (size_t f = 0; f < ARRAY_LEN(formats); f++) {
			struct buf text = BUF_INIT(10000), comment = BUF_INIT(100);
			if (formats[f] == KEYFILE_PEM_PUBLIC && i != 2)
				continue;
			assert_true(keyfile_write_public(k, formats[f], SLICE_LIT("some words"), &text, NULL));
			assert_int_equal(keyfile_detect(buf_slice(&text)), formats[f]);
			struct key *back = keyfile_read_public(buf_slice(&text), &comment, NULL);
			assert_true(back && key_equal(k, back));
			if (formats[f] == KEYFILE_LINE || formats[f] == KEYFILE_RFC4716)
				assert_string_equal(buf_cstr(&comment), "some words");
			key_free(back);
			buf_clear(&text);
			buf_clear(&comment);
		}
		key_free(k);
	}
}

static void rfc4716_headers_are_read(void **state)
{
	(void)state;
	static const char text[] = "---- BEGIN SSH2 PUBLIC KEY ----\r\nSubject: me\r\nComment: \"two \\\r\nlines\"\r\nx-no: y\r\n"
	    "AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z\r\n2yC3sBcH8kBILpuNTCOt\r\n---- END SSH2 PUBLIC KEY ----\r\n";
	struct buf comment = BUF_INIT(100);
	is_key(keyfile_read_public(SLICE_LIT(text), &comment, NULL), plain_line);
	assert_string_equal(buf_cstr(&comment), "two lines");
	buf_clear(&comment);
	for (size_t n = 0; n < sizeof text - sizeof "---- END SSH2 PUBLIC KEY ----\r\n"; n++)
		assert_null(keyfile_read_public(slice_of(text, n), NULL, NULL));
}

static void public_lines_are_judged(void **state)
{
	(void)state;
	struct slice comment;
	is_key(keyfile_line(SLICE_LIT("  ssh-ed25519\t AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt  x  y \n"), &comment, NULL), plain_line);
	assert_true(slice_eq_str(comment, "x  y"));
	static const char *const bad[] = {
		"", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 !!!!", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTC==", "AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v",
		"ssh-dss AAAA", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOtAA==",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(keyfile_line(slice_str(bad[i]), NULL, NULL));
}

/* Decoded, changed, and put into armour again. */
static struct key *read_changed(const struct buf *bytes, struct slice pass, struct err *err)
{
	struct buf text = BUF_INIT(KEYFILE_MAX);
	*err = (struct err){0};
	put_str(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	put_base64_lines(&text, buf_slice(bytes), 70);
	put_str(&text, "-----END OPENSSH PRIVATE KEY-----\n");
	struct key *k = keyfile_read(buf_slice(&text), pass, NULL, err);
	buf_clear(&text);
	return k;
}

static void decode(const char *file, struct buf *bytes)
{
	struct slice text = slice_str(file);
	slice_line(&text);
	const char *end = strstr(file, "-----END");
	*bytes = BUF_INIT(10000);
	assert_true(get_base64(slice_of(text.p, (size_t)((const uint8_t *)end - text.p)), bytes));
}

static void no_change_of_a_byte_passes(void **state)
{
	(void)state;
	struct buf bytes;
	struct err err;
	decode(plain_file, &bytes);
	struct key *whole = read_changed(&bytes, none, &err);
	assert_non_null(whole);
	size_t comment_at = bytes.len - 4 - 9;          /* "plain one" and four bytes of padding */
	for (size_t i = 0; i < bytes.len; i++) {
		bytes.p[i] ^= 1;
		struct key *k = read_changed(&bytes, none, &err);
		if (i >= comment_at && i < comment_at + 9)
			assert_true(k && key_equal(k, whole));
		else if (k)
			fail_msg("byte %zu", i);
		else
			assert_int_not_equal(err.code, ERR_NONE);
		key_free(k);
		bytes.p[i] ^= 1;
	}
	key_free(whole);
	buf_clear(&bytes);
}

static void no_truncation_passes(void **state)
{
	(void)state;
	static const char *const files[] = {plain_file, locked_file, chacha_file};
	for (size_t f = 0; f < ARRAY_LEN(files); f++) {
		struct buf bytes;
		struct err err;
		decode(files[f], &bytes);
		while (bytes.len) {
			buf_truncate(&bytes, bytes.len - 1);
			assert_null(read_changed(&bytes, PASS, &err));
			assert_int_not_equal(err.code, ERR_NONE);
		}
		buf_clear(&bytes);
		decode(files[f], &bytes);
		put_u8(&bytes, 0);
		assert_null(read_changed(&bytes, PASS, &err));
		buf_clear(&bytes);
	}
	for (size_t n = 0; n < sizeof plain_file - 2; n++)
		assert_null(keyfile_read(slice_of(plain_file, n), none, NULL, NULL));
}

/* A container with what the caller says, around the private section of a fresh key. */
static struct key *read_made(const char *cipher, const char *kdf, struct slice options, uint32_t count, bool other_public, struct slice tail, struct err *err)
{
	struct key *k = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL), *other = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	struct buf blob = BUF_INIT(1000), section = BUF_INIT(1000), bytes = BUF_INIT(4000);
	key_blob(other_public ? other : k, &blob);
	put_u32(&section, 7);
	put_u32(&section, 7);
	key_put_private(k, &section);
	put_bytes(&section, tail);
	put_bytes(&bytes, slice_of("openssh-key-v1", 15));
	put_cstring(&bytes, cipher);
	put_cstring(&bytes, kdf);
	put_string(&bytes, options);
	put_u32(&bytes, count);
	put_string(&bytes, buf_slice(&blob));
	put_string(&bytes, buf_slice(&section));
	struct key *back = read_changed(&bytes, PASS, err);
	key_free(k);
	key_free(other);
	buf_clear(&blob);
	buf_clear(&section);
	buf_clear(&bytes);
	return back;
}

static void hostile_containers_are_refused(void **state)
{
	(void)state;
	static const struct { const char *tail; size_t n; } bad[] = {
		{"", 0}, {"\0\0\0\0", 4}, {"\0\0\0\1a\1\2\3\5", 9}, {"\0\0\0\1a\1\2\3\4\5\6\7\10\11\12\13\14", 17}, {"\377\377\377\377abcde", 9},
		{"\0\0\0\6abcde", 9}, {"\0\0\0\2a\0\1\2\3", 9}, {"\0\0\0\4abcd\2", 9},
	};
	struct err err;
	struct buf options = BUF_INIT(100);
	/* The section of an Ed25519 key has 8 + 15 + 36 + 68 == 127 bytes before its comment. */
	struct key *k = read_made("none", "none", none, 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err);
	assert_non_null(k);
	key_free(k);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_null(read_made("none", "none", none, 1, false, slice_of(bad[i].tail, bad[i].n), &err));
	assert_null(read_made("none", "none", none, 1, true, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err));
	assert_non_null(strstr(err.text, "does not belong"));
	assert_null(read_made("none", "none", none, 0, false, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err));
	assert_null(read_made("none", "none", none, 2, false, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_null(read_made("none", "none", SLICE_LIT("x"), 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err));
	assert_null(read_made("aes256-ctr", "none", none, 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err));
	assert_null(read_made("none", "bcrypt", none, 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err));
	assert_null(read_made("none\r", "bcrypt", none, 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_null(read_made("aes256-ctr", "scrypt", none, 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4"), &err));
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	put_cstring(&options, "0123456789abcdef");
	put_u32(&options, KEYFILE_ROUNDS_MAX + 1);
	assert_null(read_made("aes256-ctr", "bcrypt", buf_slice(&options), 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4\5\6\7\10\11\12\13\14"), &err));
	assert_int_equal(err.code, ERR_LIMIT);
	store_u32(options.p + options.len - 4, 0);
	assert_null(read_made("aes256-ctr", "bcrypt", buf_slice(&options), 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4\5\6\7\10\11\12\13\14"), &err));
	store_u32(options.p + options.len - 4, 1);
	assert_null(read_made("aes256-ctr", "bcrypt", buf_slice(&options), 1, false, SLICE_LIT("\0\0\0\1a\1\2\3\4\5\6\7\10\11\12\13\14"), &err));
	assert_int_equal(err.code, ERR_PASSPHRASE);
	buf_clear(&options);
}

static void sizes_are_capped(void **state)
{
	(void)state;
	size_t n = 10u << 20;
	uint8_t *p = mem_new(n);
	struct err err = {0};
	memset(p, 'A', n);
	memcpy(p, plain_file, 36);
	assert_null(keyfile_read(slice_of(p, n), none, NULL, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_null(keyfile_read_public(slice_of(p, n), NULL, &err));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(keyfile_detect(slice_of(p, n)), KEYFILE_NONE);
	assert_null(keyfile_read(slice_of(p, KEYFILE_MAX), none, NULL, &err));
	mem_free(p);
	struct key *k = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	struct buf out = BUF_INIT(1000);
	struct keyfile_style style = {.format = KEYFILE_OPENSSH, .pass = PASS, .rounds = KEYFILE_ROUNDS_MAX + 1};
	assert_false(keyfile_write(k, &style, &out, &err));
	style = (struct keyfile_style){.format = KEYFILE_OPENSSH, .pass = PASS, .cipher = SLICE_LIT("rot13")};
	assert_false(keyfile_write(k, &style, &out, &err));
	assert_int_equal(out.len, 0);
	key_free(k);
	buf_clear(&out);
}

static void other_texts_are_no_keys(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "\n\n", "hello", "ssh-ed25519", "# x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN OPENSSH PRIVATE KEY-----"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err err = {0};
		assert_null(keyfile_read(slice_str(texts[i]), none, NULL, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		assert_null(keyfile_read_public(slice_str(texts[i]), NULL, &err));
	}
	assert_null(keyfile_read(slice_str(plain_line), none, NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_openssh_are_read),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(public_formats_come_back),
		cmocka_unit_test(rfc4716_headers_are_read),
		cmocka_unit_test(public_lines_are_judged),
		cmocka_unit_test(no_change_of_a_byte_passes),
		cmocka_unit_test(no_truncation_passes),
		cmocka_unit_test(hostile_containers_are_refused),
		cmocka_unit_test(sizes_are_capped),
		cmocka_unit_test(other_texts_are_no_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
