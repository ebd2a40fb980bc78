#include "key/hostsign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "key/authdata.h"
#include "key/keyfile.h"

enum { MAX = 1 << 14 };
#define ED "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt"

static struct buf blob = {.max = MAX};
static const uint8_t session[64];

static int make_blob(void **state)
{
	(void)state;
	struct key *k = keyfile_line(SLICE_LIT(ED), NULL, NULL);
	key_blob(k, &blob);
	key_free(k);
	return 0;
}

static int drop_blob(void **state)
{
	(void)state;
	buf_clear(&blob);
	return 0;
}

static bool passes(size_t session_n, const char *alg, const char *host, const char *user)
{
	struct buf data = BUF_INIT(MAX);
	struct err e = {0};
	struct slice found = {0};
	const struct auth_host h = {SLICE_LIT("there"), slice_str(alg), buf_slice(&blob), slice_str(host), slice_str(user)};
	auth_hostbased_data(&data, slice_of(session, session_n), &h);
	const struct key_alg *row = hostsign_check(buf_slice(&data), "Here.example", "me", &found, &e);
	assert_true(row ? strcmp(row->name, alg) == 0 && slice_eq(found, buf_slice(&blob)) : e.code != ERR_NONE);
	buf_clear(&data);
	return row != NULL;
}

static void only_our_own_request(void **state)
{
	(void)state;
	static const size_t lengths[] = {20, 32, 48, 64};
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		assert_true(passes(lengths[i], "ssh-ed25519", "here.example.", "me"));
	assert_false(passes(0, "ssh-ed25519", "here.example.", "me"));
	assert_false(passes(33, "ssh-ed25519", "here.example.", "me"));
	assert_false(passes(32, "rsa-sha2-512", "here.example.", "me"));
	assert_false(passes(32, "ssh-ed25519-cert-v01@openssh.com", "here.example.", "me"));
	assert_false(passes(32, "nothing", "here.example.", "me"));
	assert_false(passes(32, "ssh-ed25519", "here.example", "me"));
	assert_false(passes(32, "ssh-ed25519", "here.example..", "me"));
	assert_false(passes(32, "ssh-ed25519", "there.example.", "me"));
	assert_false(passes(32, "ssh-ed25519", ".", "me"));
	assert_false(passes(32, "ssh-ed25519", "", "me"));
	assert_false(passes(32, "ssh-ed25519", "here.example.", "root"));
	assert_false(passes(32, "ssh-ed25519", "here.example.", "m"));
	assert_false(passes(32, "ssh-ed25519", "here.example.", ""));
}

/* Every byte matters but those of the user's name at the far end, the session and the key. */
static void nothing_else(void **state)
{
	(void)state;
	struct buf data = BUF_INIT(MAX);
	struct slice found;
	const struct auth_host h = {SLICE_LIT(""), SLICE_LIT("ssh-ed25519"), buf_slice(&blob), SLICE_LIT("here."), SLICE_LIT("me")};
	auth_hostbased_data(&data, slice_of(session, 32), &h);
	assert_non_null(hostsign_check(buf_slice(&data), "here", "me", &found, NULL));
	for (size_t n = 0; n < data.len; n++)
		assert_null(hostsign_check(slice_of(data.p, n), "here", "me", &found, NULL));
	size_t key_at = (size_t)(found.p - data.p) + 15, key_end = (size_t)(found.p - data.p) + found.n;
	for (size_t i = 0; i < data.len; i++) {
		if ((i >= 4 && i < 36) || (i >= key_at && i < key_end))
			continue;
		data.p[i] ^= 1;
		assert_null(hostsign_check(buf_slice(&data), "here", "me", &found, NULL));
		data.p[i] ^= 1;
	}
	put_u8(&data, 0);
	assert_null(hostsign_check(buf_slice(&data), "here", "me", &found, NULL));
	assert_null(hostsign_check(slice_of(data.p, data.len - 1), "", "me", &found, NULL));
	buf_clear(&data);
	/* The exchange hash of a server, or a user's request, are no such thing. */
	struct buf other = BUF_INIT(MAX);
	auth_signed_data(&other, slice_of(session, 32), SLICE_LIT("me"), SLICE_LIT("ssh-ed25519"), buf_slice(&blob), (struct slice){0});
	assert_null(hostsign_check(buf_slice(&other), "here", "me", &found, NULL));
	assert_null(hostsign_check(slice_of(session, 32), "here", "me", &found, NULL));
	buf_clear(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_our_own_request), cmocka_unit_test(nothing_else)};
	return cmocka_run_group_tests(tests, make_blob, drop_blob);
}
