/* Certificates: what is accepted was signed; its lists can be walked and become a grant or a reason. */
#include <assert.h>
#include "key/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct authkeys_context here = {.host = "h.example", .addr = "10.1.1.1", .now = 1700000000};
	struct err err = {0};
	struct cert *c = cert_from_blob(slice_of(p, n), &err);
	assert(c || err.code != ERR_NONE);
	if (c) {
		struct grant g;
		assert(c->key && c->ca && c->ca_alg);
		if (cert_check(c, CERT_USER, SLICE_LIT("a"), here.now, SLICE_LIT("ssh-ed25519"), &err) && cert_grant(c, &here, &g, &err))
			assert(c->role == CERT_USER);
	}
	cert_free(c);
	return 0;
}
