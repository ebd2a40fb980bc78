/* What a user may hand to ssh-keysign. */
#include <assert.h>
#include "key/cert.h"
#include "key/hostsign.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = {0};
	struct slice blob = {0};
	const struct key_alg *alg = hostsign_check(slice_of(p, n), "here", "me", &blob, &e);
	assert(alg || e.code != ERR_NONE);
	if (alg) {
		struct key *key = key_from_any(blob, NULL, &e);
		assert(blob.p >= p && blob.p + blob.n <= p + n);
		key_free(key);
	}
	return 0;
}
