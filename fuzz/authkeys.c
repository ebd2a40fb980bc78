/* authorized_keys and lists of principals: what is granted can travel, and nothing is granted to a key that is not in the text. */
#include <assert.h>
#include <string.h>
#include "base/text.h"
#include "key/cert.h"

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

/* The same text for a certificate by that key, which names "ann". */
static void as_certificate(struct slice text, struct slice ca)
{
	static const uint8_t ann[] = {0, 0, 0, 3, 'a', 'n', 'n'};
	const struct cert cert = {.ca_alg = key_alg_find(SLICE_LIT("ssh-ed25519")), .role = CERT_USER, .before = CERT_FOREVER,
		.principals = {ann, sizeof ann}};
	const struct authkeys_context here = {.host = "h", .addr = "192.0.2.1", .now = 1700000000, .cert = &cert,
		.user = SLICE_LIT("bob"), .ca_algs = SLICE_LIT("ssh-ed25519")};
	struct authkeys_match m;
	if (authkeys_check(text, ca, &here, &m) == AUTHKEYS_YES) {
		assert(!m.grant.pty);                           /* the certificate permits nothing */
		travel(&m.grant);
	}
	authkeys_match_clear(&m);
	if (authkeys_principals(text, &here, &m) == AUTHKEYS_YES) {
		assert(memmem(text.p, text.n, "ann", 3) && !m.grant.pty);
		travel(&m.grant);
	}
	authkeys_match_clear(&m);
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
	as_certificate(text, buf_slice(&blob));
	blob.p[blob.len - 1] ^= 1;
	if (n < sizeof key)
		assert(authkeys_check(text, buf_slice(&blob), &here, &m) == AUTHKEYS_NO);
	else
		ok = authkeys_check(text, buf_slice(&blob), &here, &m) == AUTHKEYS_YES;
	authkeys_match_clear(&m);
	buf_clear(&blob);
	return 0;
}
