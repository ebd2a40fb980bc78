/* A post-quantum KEM beside a curve: draft-ietf-sshm-mlkem-hybrid-kex, 2 and
 * draft-ietf-sshm-ntruprime-ssh, 3. The client sends the KEM's public key and behind it its point;
 * the server answers with ciphertext and point; the secret is the hash over both secrets in their
 * full lengths, the KEM's first, and goes on as a string. */
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/kem_impl.h"

static const struct { const struct pq *pq; enum kem_curve curve; } hybrids[] = {
	[MLKEM_X25519] = {&pq_mlkem768, CURVE_X25519},
	[MLKEM_P256] = {&pq_mlkem768, CURVE_P256},
	[SNTRUP_X25519] = {&pq_sntrup761, CURVE_X25519},
};

struct hybrid { struct kem kem; EVP_PKEY *key; uint8_t sk[PQ_SECRET_MAX]; };
enum { PQ_SHARED_MAX = 32 };

static bool combine(const struct kem_alg *alg, const uint8_t *pq_shared, struct slice curve_shared, struct buf *shared)
{
	uint8_t out[HASH_MAX];
	struct hash *h = hash_new(alg->hash);
	hash_add(h, slice_of(pq_shared, hybrids[alg->param].pq->shared_len));
	hash_add(h, curve_shared);
	hash_end(h, out);
	hash_free(h);
	put_string(shared, slice_of(out, alg->hash->len));
	mem_wipe(out, sizeof out);
	return !shared->bad;
}

static bool start(struct kem *k, const struct kem_group *group, struct buf *init)
{
	struct hybrid *h = (struct hybrid *)k;
	const struct pq *pq = hybrids[k->alg->param].pq;
	enum kem_curve curve = hybrids[k->alg->param].curve;
	(void)group;
	h->key = curve_generate(curve);
	struct room room = buf_room(init, pq->public_len);
	if (room.n < pq->public_len)
		return false;
	pq->keypair(room.p, h->sk);
	buf_add(init, pq->public_len);
	uint8_t point[POINT_MAX];
	curve_public(curve, h->key, point);
	put_bytes(init, slice_of(point, curve_public_len(curve)));
	return !init->bad;
}

static bool finish(struct kem *k, struct slice reply, struct buf *shared)
{
	struct hybrid *h = (struct hybrid *)k;
	const struct pq *pq = hybrids[k->alg->param].pq;
	enum kem_curve curve = hybrids[k->alg->param].curve;
	uint8_t a[PQ_SHARED_MAX], b[SECRET_MAX];
	if (reply.n != pq->ciphertext_len + curve_public_len(curve))
		return false;
	size_t n = curve_secret(curve, h->key, slice_from(reply, pq->ciphertext_len), b);
	bool ok = n > 0 && pq->decaps(a, reply.p, h->sk) && combine(k->alg, a, slice_of(b, n), shared);
	mem_wipe(a, sizeof a);
	mem_wipe(b, sizeof b);
	return ok;
}

static bool answer(const struct kem_alg *alg, const struct kem_group *group, struct slice init, struct buf *reply, struct buf *shared)
{
	const struct pq *pq = hybrids[alg->param].pq;
	enum kem_curve curve = hybrids[alg->param].curve;
	uint8_t a[PQ_SHARED_MAX], b[SECRET_MAX], point[POINT_MAX];
	(void)group;
	if (init.n != pq->public_len + curve_public_len(curve))
		return false;
	struct room room = buf_room(reply, pq->ciphertext_len);
	if (room.n < pq->ciphertext_len)
		return false;
	EVP_PKEY *key = curve_generate(curve);
	size_t n = curve_secret(curve, key, slice_from(init, pq->public_len), b);
	bool ok = n > 0 && pq->encaps(room.p, a, init.p) && combine(alg, a, slice_of(b, n), shared);
	if (ok) {
		buf_add(reply, pq->ciphertext_len);
		curve_public(curve, key, point);
		put_bytes(reply, slice_of(point, curve_public_len(curve)));
	}
	EVP_PKEY_free(key);
	mem_wipe(a, sizeof a);
	mem_wipe(b, sizeof b);
	return ok && !reply->bad;
}

static void clear(struct kem *k)
{
	EVP_PKEY_free(((struct hybrid *)k)->key);
}

const struct kem_ops kem_hybrid = {sizeof(struct hybrid), start, finish, answer, clear};
