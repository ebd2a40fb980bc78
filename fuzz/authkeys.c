/* authorized_keys: what is granted can travel, and nothing is granted to a key that is not in the text. */
#include <assert.h>
#include <string.h>
#include "base/text.h"
#include "key/authkeys.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const char key[] = "AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt";

static void travel(const struct grant *g)
{
	struct buf b = BUF_INIT(1 << 20);
	struct grant back;
	msg_encode(&grant_desc, g, &b);
	bool ok = msg_decode(&grant_desc, buf_slice(&b), &back);
	assert(ok && slice_eq(back.command, g->command) && back.pty == g->pty);
	buf_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct authkeys_context here = {.host = "h.example", .addr = "192.0.2.1", .now = 1700000000};
	struct slice text = slice_of(p, n);
	struct authkeys_match m;
	struct buf blob = BUF_INIT(100);
	bool ok = get_base64(SLICE_LIT(key), &blob);
	assert(ok);
	if (authkeys_check(text, buf_slice(&blob), &here, &m) == AUTHKEYS_YES) {
		assert(m.line > 0);
		travel(&m.grant);
	}
	authkeys_match_clear(&m);
	blob.p[blob.len - 1] ^= 1;
	if (n < sizeof key)
		assert(authkeys_check(text, buf_slice(&blob), &here, &m) == AUTHKEYS_NO);
	else
		ok = authkeys_check(text, buf_slice(&blob), &here, &m) == AUTHKEYS_YES;
	authkeys_match_clear(&m);
	buf_clear(&blob);
	return 0;
}
