/* What the jailed judge of a login takes in at once: string algorithm, string blob (key or certificate), string data,
 * string signature; the rest is a file of RevokedKeys, binary or lines. */
#include <assert.h>

#include "base/mem.h"
#include "key/cert.h"
#include "key/krl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A list means the same each time, and what it says of a key it also says of the key's certificates. */
static void revoked(struct slice list, const struct key *key, const struct cert *cert)
{
	struct err err = {0};
	enum krl_verdict plain = krl_check(list, key, NULL, &err), with = krl_check(list, key, cert, &err);
	assert(plain == krl_check(list, key, NULL, &err));
	assert(plain != KRL_REVOKED || with != KRL_NOT_REVOKED);
	if (cert)
		assert(krl_check(list, cert->ca, NULL, &err) == krl_check(list, cert->ca, NULL, &err));
}

/* The plain blob names the same key again, without a certificate around it. */
static void survives(const struct key *key)
{
	struct buf blob = BUF_INIT(CERT_MAX), again = BUF_INIT(CERT_MAX);
	struct err err = {0};
	struct cert *cert = NULL;
	key_blob(key, &blob);
	struct key *copy = key_from_any(buf_slice(&blob), &cert, &err);
	assert(copy && cert == NULL);
	key_blob(copy, &again);
	assert(slice_eq(buf_slice(&blob), buf_slice(&again)));
	key_free(copy);
	buf_clear(&blob);
	buf_clear(&again);
}

static void signature(const struct key *key, const struct key_alg *alg, struct slice data, struct slice sig)
{
	struct sk_flags sk = {0};
	if (key_verify_sk(key, alg, data, sig, &sk) != VERDICT_VERIFIED)
		return;
	assert(key_verify_sk(key, alg, data, slice_of(sig.p, sig.n - 1), &sk) != VERDICT_VERIFIED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(slice_of(data, size));
	struct slice name = get_string(&r), blob = get_string(&r), signed_data = get_string(&r), sig = get_string(&r), list = get_rest(&r);
	struct err err = {0};
	struct cert *cert = NULL;
	if (r.bad)
		return 0;
	const struct key_alg *alg = key_alg_find(name);
	struct key *key = key_from_any(blob, &cert, &err);
	assert(key || err.code != ERR_NONE);
	assert(key || cert == NULL);
	if (key) {
		survives(key);
		revoked(list, key, cert);
		if (alg)
			signature(key, alg, signed_data, sig);
	}
	cert_free(cert);
	key_free(key);
	return 0;
}
