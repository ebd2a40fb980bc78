#include "key/sshfp.h"

#include "base/mem.h"

enum { LABEL_POINTER = 0xc0, CLASS_IN = 1, BIT_QR = 0x8000, BIT_AD = 0x0020, RCODE = 0x000f };

/* RFC 4255, RFC 6594, RFC 7479. */
static const struct { enum pk_kind kind; unsigned number; } algorithms[] = {
	{PK_RSA, 1}, {PK_P256, 3}, {PK_P384, 3}, {PK_P521, 3}, {PK_ED25519, 4},
};
static const struct { const struct hash_alg *hash; unsigned number; } hashes[] = {{&hash_sha1, 1}, {&hash_sha256, 2}};

unsigned sshfp_algorithm(const struct key *key)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (algorithms[i].kind == pk_kind(key_pk(key)) && !key_kind(key)->sk)
			return algorithms[i].number;
	return 0;
}

unsigned sshfp_hash_number(const struct hash_alg *h)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].hash == h)
			return hashes[i].number;
	return 0;
}

/* RFC 1035, 4.1.4: labels up to an empty one, or up to a pointer. */
static void skip_name(struct reader *r)
{
	for (;;) {
		uint8_t n = get_u8(r);
		if (r->bad || n == 0)
			return;
		if ((n & LABEL_POINTER) == LABEL_POINTER) {
			get_u8(r);
			return;
		}
		if (n & LABEL_POINTER)
			r->bad = true;
		get_bytes(r, n);
	}
}

bool sshfp_open(struct sshfp_answer *a, struct slice message, struct err *e)
{
	*a = (struct sshfp_answer){.r = reader_of(message)};
	struct reader *r = &a->r;
	get_u16(r);                                         /* id: the resolver has compared it */
	uint16_t flags = get_u16(r), questions = get_u16(r);
	a->left = get_u16(r);
	get_u32(r);                                         /* the other sections are not read */
	for (uint16_t i = 0; i < questions && !r->bad; i++) {
		skip_name(r);
		get_u32(r);
	}
	a->authentic = flags & BIT_AD;
	if (r->bad || !(flags & BIT_QR))
		return err_set(e, ERR_FORMAT, "the name server's answer is malformed");
	if (flags & RCODE)
		return err_set(e, ERR_MISSING, "the name server refuses with code %d", flags & RCODE);
	return true;
}

bool sshfp_next(struct sshfp_answer *a, struct sshfp_record *out)
{
	while (a->left && !a->r.bad) {
		a->left--;
		skip_name(&a->r);
		uint16_t type = get_u16(&a->r), class = get_u16(&a->r);
		get_u32(&a->r);                             /* time to live */
		struct slice data = get_bytes(&a->r, get_u16(&a->r));
		if (a->r.bad || type != SSHFP_TYPE || class != CLASS_IN)
			continue;
		struct reader r = reader_of(data);
		*out = (struct sshfp_record){.algorithm = get_u8(&r), .hash = get_u8(&r)};
		out->fingerprint = get_rest(&r);
		if (!r.bad)
			return true;
		a->r.bad = true;
	}
	return false;
}

/* RFC 4255, 3.2: the hash covers the public key as it stands in the key exchange. */
static bool same(const struct sshfp_record *rec, const struct key *key)
{
	struct buf blob = BUF_INIT(1 << 16);
	uint8_t digest[HASH_MAX];
	bool yes = false;
	key_blob(key, &blob);
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		if (hashes[i].number != rec->hash)
			continue;
		hash_once(hashes[i].hash, buf_slice(&blob), digest);
		yes = slice_eq(rec->fingerprint, slice_of(digest, hashes[i].hash->len));
	}
	buf_clear(&blob);
	return yes;
}

enum sshfp_verdict sshfp_check(struct slice message, const struct key *key, bool *authentic, struct err *e)
{
	struct sshfp_answer a;
	struct sshfp_record rec;
	bool any = false, match = false, wrong = false;
	*authentic = false;
	if (!sshfp_open(&a, message, e))
		return SSHFP_NONE;
	while (sshfp_next(&a, &rec)) {
		if (rec.hash < 1 || rec.hash > ARRAY_LEN(hashes))
			continue;                           /* a hash of later days says nothing to us */
		any = true;
		if (rec.algorithm != sshfp_algorithm(key) || rec.algorithm == 0)
			continue;
		match = match || same(&rec, key);
		wrong = wrong || !same(&rec, key);
	}
	if (a.r.bad) {
		err_set(e, ERR_FORMAT, "the name server's answer is malformed");
		return SSHFP_NONE;
	}
	*authentic = a.authentic;
	return !any ? SSHFP_NONE : match && !wrong ? SSHFP_MATCH : SSHFP_MISMATCH;
}
