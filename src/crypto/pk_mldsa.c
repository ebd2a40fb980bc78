/* ML-DSA-44 with Ed25519 as one key (draft-miller-sshm-mldsa44-ed25519-composite-sigs-00, which takes the composite of
 * draft-ietf-lamps-pq-composite-sigs-18 with an empty context). Both signatures must hold.
 *
 * Public: ML-DSA's key, then Ed25519's. Private: the two seeds in that order. Signature likewise. Both sign
 *   "CompositeAlgorithmSignatures2025", label, byte length of the context, context, SHA-512(message)
 * and ML-DSA does so with the label as its own context. */
#include <string.h>

#include "base/mem.h"
#include "crypto/mldsa44.h"
#include "crypto/pk_impl.h"

#define PREFIX "CompositeAlgorithmSignatures2025"
#define LABEL "COMPSIG-MLDSA44-Ed25519-SHA512"
enum { ED_KEY = 32, ED_SIG = 64, SEEDS = MLDSA44_SEED + ED_KEY, PUBLIC = MLDSA44_PUBLIC + ED_KEY };

struct pk_mldsa { uint8_t public[MLDSA44_PUBLIC], seed[MLDSA44_SEED]; };

static void expand(const uint8_t *seed, uint8_t *public)
{
	uint8_t *secret = mem_new(MLDSA44_SECRET);
	mldsa44_keypair(public, secret, seed);
	mem_free_secret(secret, MLDSA44_SECRET);
}

static EVP_PKEY *make(enum pk_kind kind, const struct pk_parts *p, struct err *err)
{
	uint8_t public[MLDSA44_PUBLIC];
	(void)kind;
	if (p->pub.n != PUBLIC || (p->priv.n && p->priv.n != SEEDS)) {
		err_set(err, ERR_FORMAT, "an ML-DSA-44 and Ed25519 key has %d bytes", PUBLIC);
		return NULL;
	}
	if (p->priv.n) {
		expand(p->priv.p, public);
		if (memcmp(public, p->pub.p, sizeof public) != 0) {
			err_set(err, ERR_FORMAT, "private and public part of the ML-DSA-44 key do not belong together");
			return NULL;
		}
	}
	struct pk_parts ed = {.pub = slice_from(p->pub, MLDSA44_PUBLIC), .priv = slice_from(p->priv, MLDSA44_SEED)};
	return pk_ed25519.make(PK_ED25519, &ed, err);
}

struct pk_mldsa *pk_mldsa_new(const struct pk_parts *p)
{
	struct pk_mldsa *m = mem_new(sizeof *m);
	memcpy(m->public, p->pub.p, sizeof m->public);
	if (p->priv.n)
		memcpy(m->seed, p->priv.p, sizeof m->seed);
	return m;
}

void pk_mldsa_free(struct pk_mldsa *m)
{
	mem_free_secret(m, sizeof *m);
}

struct pk *pk_mldsa_generate(struct err *err)
{
	struct pk *ed = pk_generate(PK_ED25519, 0, err);
	struct buf store = BUF_INIT_SECRET(16 << 10);
	struct pk_parts p;
	uint8_t seeds[SEEDS], public[PUBLIC];
	pk_parts(ed, &store, &p);
	random_bytes(seeds, MLDSA44_SEED);
	memcpy(seeds + MLDSA44_SEED, p.priv.p, ED_KEY);
	expand(seeds, public);
	memcpy(public + MLDSA44_PUBLIC, p.pub.p, ED_KEY);
	struct pk_parts both = {.pub = slice_of(public, sizeof public), .priv = slice_of(seeds, sizeof seeds)};
	struct pk *pk = pk_from_parts(PK_MLDSA44_ED25519, &both, err);
	mem_wipe(seeds, sizeof seeds);
	buf_clear(&store);
	pk_free(ed);
	return pk;
}

static bool has_private(EVP_PKEY *key)
{
	return pk_ed25519.has_private(key);
}

static void parts(const struct pk *pk, struct pk_store *s)
{
	struct pk_store ed = {.buf = s->buf};
	uint8_t *at = pk_store_part(s, PART_PUB, MLDSA44_PUBLIC);
	size_t n = ED_KEY;
	memcpy(at, pk->mldsa->public, MLDSA44_PUBLIC);
	EVP_PKEY_get_raw_public_key(pk->key, pk_store_part(&ed, PART_PUB, ED_KEY), &n);
	s->part[PART_PUB].n = PUBLIC;                   /* the two lie one behind the other */
	if (!pk->has_private)
		return;
	at = pk_store_part(s, PART_PRIV, MLDSA44_SEED);
	memcpy(at, pk->mldsa->seed, MLDSA44_SEED);
	EVP_PKEY_get_raw_private_key(pk->key, pk_store_part(&ed, PART_PRIV, ED_KEY), &n);
	s->part[PART_PRIV].n = SEEDS;
}

static void put_representative(struct buf *out, struct slice data)
{
	uint8_t digest[HASH_MAX];
	hash_once(&hash_sha512, data, digest);
	put_str(out, PREFIX LABEL);
	put_u8(out, 0);                                 /* SSH gives no context */
	put_bytes(out, slice_of(digest, hash_sha512.len));
}

static bool sign(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct buf *sig)
{
	struct buf m = BUF_INIT(256);
	uint8_t public[MLDSA44_PUBLIC], random[MLDSA44_RANDOM], out[MLDSA44_SIGNATURE], *secret = mem_new(MLDSA44_SECRET);
	put_representative(&m, data);
	random_bytes(random, sizeof random);
	mldsa44_keypair(public, secret, pk->mldsa->seed);
	bool ok = mldsa44_sign(out, buf_slice(&m), SLICE_LIT(LABEL), secret, random);
	put_bytes(sig, slice_of(out, sizeof out));
	ok = ok && pk_ed25519.sign(pk, hash, buf_slice(&m), sig);
	mem_free_secret(secret, MLDSA44_SECRET);
	mem_wipe(random, sizeof random);
	buf_clear(&m);
	return ok && !sig->bad;
}

/* Both are looked at always, so that time tells not which one was wrong. */
static bool verify(const struct pk *pk, const struct hash_alg *hash, struct slice data, struct slice sig)
{
	struct buf m = BUF_INIT(256);
	if (sig.n != MLDSA44_SIGNATURE + ED_SIG)
		return false;
	put_representative(&m, data);
	bool first = mldsa44_verify(pk->mldsa->public, buf_slice(&m), SLICE_LIT(LABEL), sig.p);
	bool second = pk_ed25519.verify(pk, hash, buf_slice(&m), slice_from(sig, MLDSA44_SIGNATURE));
	buf_clear(&m);
	return first && second;
}

const struct pk_ops pk_mldsa = {make, has_private, parts, sign, verify};
