/* Diffie-Hellman over fixed groups (RFC 4253, 8; RFC 8268) and over a group that the server names
 * (RFC 4419). */
#include <openssl/bn.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/kem_impl.h"

enum { PRIME_MIN = 2048, PRIME_MAX = 8192 };            /* bits, for named groups: RFC 4419, 3, as RFC 8270 raised it */

struct dh { struct kem kem; BIGNUM *p, *g, *x; };

static const struct fixed { enum kem_dh number; uint32_t bits; BIGNUM *(*prime)(BIGNUM *); } fixed[] = {
	{DH_14, 2048, BN_get_rfc3526_prime_2048},
	{DH_16, 4096, BN_get_rfc3526_prime_4096},
	{DH_18, 8192, BN_get_rfc3526_prime_8192},
	{DH_1, 1024, BN_get_rfc2409_prime_1024},
};

static const struct fixed *fixed_group(enum kem_dh number)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (fixed[i].number == number)
			return &fixed[i];
	return NULL;
}

static BIGNUM *number(struct slice magnitude)
{
	BIGNUM *n = magnitude.n <= PRIME_MAX / 8 + 8 ? BN_bin2bn(magnitude.p, (int)magnitude.n, NULL) : BN_new();
	crypto_must(n != NULL, "DH");
	return n;
}

/* True for 1 < v < p - 1: neither 0, 1 nor p - 1 let a peer fix the secret (RFC 4253, 8; RFC 4419, 3). */
static bool inside(const BIGNUM *v, const BIGNUM *p)
{
	BIGNUM *top = BN_dup(p);
	crypto_must(top && BN_sub_word(top, 1) == 1, "DH");
	bool ok = !BN_is_negative(v) && BN_cmp(v, BN_value_one()) > 0 && BN_cmp(v, top) < 0;
	BN_free(top);
	return ok;
}

static bool take_group(struct dh *d, const struct kem_group *group)
{
	const struct fixed *f = fixed_group((enum kem_dh)d->kem.alg->param);
	crypto_ready();
	if (f != NULL) {
		d->p = f->prime(NULL);
		d->g = BN_new();
		crypto_must(d->p && d->g && BN_set_word(d->g, 2) == 1, "DH");
		return true;
	}
	if (group == NULL)
		return false;
	d->p = number(group->p);
	d->g = number(group->g);
	int bits = BN_num_bits(d->p);
	return bits >= PRIME_MIN && bits <= PRIME_MAX && BN_is_odd(d->p) && inside(d->g, d->p);
}

/* Exponents of twice the hash's length, 512 bits at most: above what RFC 3526, 8 asks for the
 * largest group, and an eighth of the work of a full one. */
static void take_secret(struct dh *d)
{
	size_t bits = d->kem.alg->hash->len * 16;
	d->x = BN_secure_new();
	crypto_must(d->x && BN_priv_rand_ex(d->x, bits < 512 ? (int)bits : 512, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY, 0, NULL) == 1, "DH");
	BN_set_flags(d->x, BN_FLG_CONSTTIME);
}

/* base ^ x mod p as an mpint. */
static void put_power(const struct dh *d, const BIGNUM *base, struct buf *out)
{
	uint8_t bytes[PRIME_MAX / 8];
	int n = BN_num_bytes(d->p);
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *r = BN_secure_new();
	crypto_must(ctx && r && BN_mod_exp_mont_consttime(r, base, d->x, d->p, ctx, NULL) == 1 && BN_bn2binpad(r, bytes, n) == n, "DH");
	put_mpint(out, slice_of(bytes, (size_t)n));
	mem_wipe(bytes, sizeof bytes);
	BN_clear_free(r);
	BN_CTX_free(ctx);
}

/* The public value, as the mpint's contents: the field's length is the caller's. */
static bool put_public(const struct dh *d, struct buf *out)
{
	struct buf field = BUF_INIT(PRIME_MAX / 8 + 5);
	put_power(d, d->g, &field);
	put_bytes(out, slice_from(buf_slice(&field), 4));
	buf_clear(&field);
	return !out->bad;
}

/* The peer's value is the contents of an mpint: positive and minimal (RFC 4251, 5). */
static bool put_shared(const struct dh *d, struct slice peer, struct buf *shared)
{
	if (peer.n == 0 || peer.n > PRIME_MAX / 8 + 1 || (peer.p[0] & 0x80))
		return false;
	if (peer.p[0] == 0 && (peer.n == 1 || !(peer.p[1] & 0x80)))
		return false;
	BIGNUM *y = number(peer);
	bool ok = inside(y, d->p);
	if (ok)
		put_power(d, y, shared);
	BN_free(y);
	return ok && !shared->bad;
}

static bool start(struct kem *k, const struct kem_group *group, struct buf *init)
{
	struct dh *d = (struct dh *)k;
	if (!take_group(d, group))
		return false;
	take_secret(d);
	return put_public(d, init);
}

static bool finish(struct kem *k, struct slice reply, struct buf *shared)
{
	return put_shared((struct dh *)k, reply, shared);
}

static void clear(struct kem *k)
{
	struct dh *d = (struct dh *)k;
	BN_free(d->p);
	BN_free(d->g);
	BN_clear_free(d->x);
}

static bool answer(const struct kem_alg *alg, const struct kem_group *group, struct slice init, struct buf *reply, struct buf *shared)
{
	struct dh d = {.kem.alg = alg};
	bool ok = take_group(&d, group);
	if (ok) {
		take_secret(&d);
		ok = put_shared(&d, init, shared) && put_public(&d, reply);
	}
	clear(&d.kem);
	return ok;
}

const struct kem_ops kem_dh = {sizeof(struct dh), start, finish, answer, clear};

/* The smallest that is not below what is preferred, else the largest that is allowed. */
struct kem_group kem_fallback_group(uint32_t min, uint32_t preferred, uint32_t max)
{
	static uint8_t prime[PRIME_MAX / 8];
	static const uint8_t two = 2;
	const struct fixed *best = NULL;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		const struct fixed *f = &fixed[i];
		if (f->number == DH_1 || f->bits < min || f->bits > max)
			continue;
		if (best == NULL || best->bits < preferred)
			best = f;
	}
	if (best == NULL)
		return (struct kem_group){{NULL, 0}, {NULL, 0}};
	crypto_ready();
	BIGNUM *p = best->prime(NULL);
	crypto_must(p && BN_bn2binpad(p, prime, (int)best->bits / 8) == (int)best->bits / 8, "DH");
	BN_free(p);
	return (struct kem_group){slice_of(prime, best->bits / 8), slice_of(&two, 1)};
}
