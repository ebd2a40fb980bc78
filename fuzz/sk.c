/* Signatures of security keys and browsers: string blob, string algorithm, string signature, then what is signed. What holds
 * for some bytes holds for no others. The signature is then taken for the private half of such a key. */
#include <assert.h>
#include <string.h>

#include "key/cert.h"
#include "key/openssh_key.h"
#include "key/sk.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void verify(struct slice blob, const struct key_alg *alg, struct slice signature, struct slice data)
{
	struct sk_flags flags;
	struct key *k = key_from_any(blob, NULL, NULL);
	if (k == NULL)
		return;
	if (key_verify_sk(k, alg, data, signature, &flags) == VERDICT_VERIFIED) {
		struct buf other = BUF_INIT(data.n + 1);
		assert(flags.sk == key_kind(k)->sk);
		put_bytes(&other, data);
		put_u8(&other, 0);
		assert(key_verify_sk(k, alg, buf_slice(&other), signature, &flags) == VERDICT_REFUSED);
		buf_clear(&other);
	}
	key_free(k);
}

static void private_half(struct slice bytes)
{
	struct reader r = reader_of(bytes);
	struct err err = {0};
	struct key *k = key_get_private(&r, &err);
	assert(k || err.code != ERR_NONE);
	if (k && key_sk(k)) {
		struct buf again = BUF_INIT_SECRET(1 << 20);
		key_put_private(k, &again);
		assert(again.len == (size_t)(r.p - bytes.p) && memcmp(again.p, bytes.p, again.len) == 0);
		buf_clear(&again);
	}
	key_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct reader r = reader_of(slice_of(p, n));
	struct slice blob = get_string(&r), name = get_string(&r), signature = get_string(&r), data = get_rest(&r);
	const struct key_alg *alg = key_alg_find(name);
	if (alg && !r.bad)
		verify(blob, alg, signature, data);
	private_half(signature);
	return 0;
}
