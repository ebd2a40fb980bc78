#include "tools/sshfp.h"

#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/keyfile.h"
#include "key/sshfp.h"

static const struct { const struct hash_alg *hash; const char *option; } hashes[] = {
	{&hash_sha1, "hashalg=sha1"}, {&hash_sha256, "hashalg=sha256"},
};

bool sshfp_put(struct buf *out, const char *zone, const struct key *key, const struct hash_alg *only, bool generic)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	uint8_t digest[HASH_MAX];
	unsigned number = sshfp_algorithm(key);
	key_blob(key, &blob);
	for (size_t i = 0; number && i < ARRAY_LEN(hashes); i++) {
		const struct hash_alg *h = hashes[i].hash;
		if (only && only != h)
			continue;
		hash_once(h, buf_slice(&blob), digest);
		if (generic)
			put_fmt(out, "%s IN TYPE44 \\# %zu %02x %02x ", zone, h->len + 2, number, sshfp_hash_number(h));
		else
			put_fmt(out, "%s IN SSHFP %u %u ", zone, number, sshfp_hash_number(h));
		put_hex(out, slice_of(digest, h->len));
		put_str(out, "\n");
	}
	buf_clear(&blob);
	return number != 0;
}

const struct hash_alg *sshfp_hash_option(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (strcasecmp(text, hashes[i].option) == 0)
			return hashes[i].hash;
	return NULL;
}
