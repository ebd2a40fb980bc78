#include "key/krl.h"

#include "base/text.h"
#include "key/keyfile.h"
#include "key/krl_format.h"

bool krl_is(struct slice file)
{
	return file.n >= KRL_MAGIC_LEN && slice_eq(slice_of(file.p, KRL_MAGIC_LEN), slice_of(KRL_MAGIC, KRL_MAGIC_LEN));
}

bool krl_open(struct krl_reader *k, struct slice file, struct err *err)
{
	*k = (struct krl_reader){.file = reader_of(slice_from(file, KRL_MAGIC_LEN))};
	if (!krl_is(file))
		return err_set(err, ERR_FORMAT, "not a key revocation list");
	uint32_t format = get_u32(&k->file);
	k->version = get_u64(&k->file);
	k->generated = get_u64(&k->file);
	get_u64(&k->file);                              /* flags: none defined */
	get_string(&k->file);                           /* reserved */
	k->comment = get_string(&k->file);
	if (k->file.bad)
		return err_set(err, ERR_FORMAT, "the key revocation list is cut");
	return format == KRL_FORMAT || err_set(err, ERR_UNSUPPORTED, "key revocation list of format %u is not supported", format);
}

bool krl_whole(const struct krl_reader *k)
{
	return !k->bad && get_end(&k->file);
}

static bool damaged(struct krl_reader *k)
{
	k->bad = true;
	return false;
}

static bool bit_is_set(struct slice bitmap, uint64_t i)
{
	return bitmap.p[bitmap.n - 1 - i / 8] >> (i % 8) & 1;
}

/* The next run of set bits. */
static bool next_run(struct krl_reader *k, struct krl_item *out)
{
	uint64_t bits = 8 * (uint64_t)k->bitmap.n;
	while (k->bit < bits && !bit_is_set(k->bitmap, k->bit))
		k->bit++;
	uint64_t first = k->bit;
	while (k->bit < bits && bit_is_set(k->bitmap, k->bit))
		k->bit++;
	if (first == k->bit) {
		k->bitmap = slice_of(NULL, 0);
		return false;
	}
	*out = (struct krl_item){.kind = KRL_SERIALS, .ca = k->ca, .lo = k->bitmap_at + first, .hi = k->bitmap_at + k->bit - 1};
	return true;
}

static bool open_bitmap(struct krl_reader *k)
{
	k->bitmap_at = get_u64(&k->part);
	k->bitmap = get_mpint(&k->part);
	k->bit = 0;
	return get_end(&k->part) && k->bitmap_at <= UINT64_MAX - 8 * (uint64_t)k->bitmap.n;
}

/* What a part of a section of certificates says next. False with k->bad unset: nothing of interest, go on. */
static bool next_in_part(struct krl_reader *k, struct krl_item *out)
{
	*out = (struct krl_item){.kind = KRL_SERIALS, .ca = k->ca};
	switch (k->part_kind) {
	case PART_SERIALS:
		out->lo = out->hi = get_u64(&k->part);
		break;
	case PART_RANGE:
		out->lo = get_u64(&k->part);
		out->hi = get_u64(&k->part);
		if (!get_end(&k->part) || out->lo > out->hi)
			return damaged(k);
		break;
	case PART_BITMAP:
		return open_bitmap(k) ? next_run(k, out) : damaged(k);
	case PART_KEY_ID:
		out->kind = KRL_KEY_ID;
		out->data = get_string(&k->part);
		break;
	case PART_EXTENSION: {
		get_string(&k->part);
		bool critical = get_bool(&k->part);
		get_string(&k->part);
		return critical || !get_end(&k->part) ? damaged(k) : false;
	}
	default:
		return damaged(k);
	}
	return k->part.bad ? damaged(k) : true;
}

static bool open_part(struct krl_reader *k)
{
	k->part_kind = get_u8(&k->section);
	struct slice part = get_string(&k->section);
	k->part = reader_of(part);
	return !k->section.bad && part.n ? true : damaged(k);
}

static bool next_in_section(struct krl_reader *k, struct krl_item *out)
{
	struct slice data = get_string(&k->section);
	static const size_t want[] = {[SECTION_SHA1] = 20, [SECTION_SHA256] = 32};
	*out = (struct krl_item){.kind = k->section_kind == SECTION_KEYS ? KRL_KEY : k->section_kind == SECTION_SHA1 ? KRL_SHA1 : KRL_SHA256, .data = data};
	if (k->section.bad || (k->section_kind != SECTION_KEYS && data.n != want[k->section_kind]))
		return damaged(k);
	return true;
}

static bool open_section(struct krl_reader *k)
{
	k->section_kind = get_u8(&k->file);
	k->section = reader_of(get_string(&k->file));
	k->ca = slice_of(NULL, 0);
	if (k->file.bad)
		return damaged(k);
	switch (k->section_kind) {
	case SECTION_CERTS:
		k->ca = get_string(&k->section);
		get_string(&k->section);                /* reserved */
		return k->section.bad ? damaged(k) : true;
	case SECTION_KEYS:
	case SECTION_SHA1:
	case SECTION_SHA256:
		return true;
	case SECTION_SIGNATURE:
		get_rest(&k->section);                  /* the file itself is trusted, or nothing is */
		get_rest(&k->file);
		return true;
	case SECTION_EXTENSION: {
		get_string(&k->section);
		bool critical = get_bool(&k->section);
		get_string(&k->section);
		return critical || !get_end(&k->section) ? damaged(k) : true;
	}
	default:
		return damaged(k);
	}
}

bool krl_next(struct krl_reader *k, struct krl_item *out)
{
	while (!k->bad) {
		if (k->bitmap.n) {
			if (next_run(k, out))
				return true;
		} else if (reader_left(&k->part)) {
			if (next_in_part(k, out))
				return true;
		} else if (reader_left(&k->section) && k->section_kind == SECTION_CERTS) {
			open_part(k);
		} else if (reader_left(&k->section)) {
			if (next_in_section(k, out))
				return true;
		} else if (reader_left(&k->file)) {
			open_section(k);
		} else {
			return false;
		}
	}
	return false;
}

/* What is looked for, made once. */
struct subject {
	const struct cert *cert;
	struct buf blob, ca;
	uint8_t sha1[2][HASH_MAX], sha256[2][HASH_MAX];     /* [1] of the CA */
};

static void subject_init(struct subject *s, const struct key *k, const struct cert *c)
{
	*s = (struct subject){.cert = c, .blob = BUF_INIT(CERT_MAX), .ca = BUF_INIT(CERT_MAX)};
	key_blob(k, &s->blob);
	if (c)
		key_blob(c->ca, &s->ca);
	hash_once(&hash_sha1, buf_slice(&s->blob), s->sha1[0]);
	hash_once(&hash_sha256, buf_slice(&s->blob), s->sha256[0]);
	hash_once(&hash_sha1, buf_slice(&s->ca), s->sha1[1]);
	hash_once(&hash_sha256, buf_slice(&s->ca), s->sha256[1]);
}

static void subject_clear(struct subject *s)
{
	buf_clear(&s->blob);
	buf_clear(&s->ca);
}

static bool hits(const struct krl_item *i, const struct subject *s)
{
	bool ours = s->cert && (i->ca.n == 0 || slice_eq(i->ca, buf_slice(&s->ca)));
	size_t both = s->cert ? 2 : 1;
	switch (i->kind) {
	case KRL_SERIALS:                               /* serial 0 is what a CA writes that does not count */
		return ours && s->cert->serial != 0 && i->lo <= s->cert->serial && s->cert->serial <= i->hi;
	case KRL_KEY_ID:
		return ours && slice_eq(i->data, s->cert->key_id);
	case KRL_KEY:
		return slice_eq(i->data, buf_slice(&s->blob)) || (s->cert && slice_eq(i->data, buf_slice(&s->ca)));
	case KRL_SHA1:
	case KRL_SHA256:
		for (size_t n = 0; n < both; n++)
			if (slice_eq(i->data, slice_of(i->kind == KRL_SHA1 ? s->sha1[n] : s->sha256[n], i->data.n)))
				return true;
		return false;
	}
	return false;
}

static enum krl_verdict check_krl(struct slice file, const struct subject *s, struct err *err)
{
	struct krl_reader k;
	struct krl_item item;
	bool revoked = false;
	if (!krl_open(&k, file, err))
		return KRL_DAMAGED;
	while (krl_next(&k, &item))
		revoked = revoked || hits(&item, s);
	if (!krl_whole(&k)) {
		err_set(err, ERR_FORMAT, "the key revocation list is damaged");
		return KRL_DAMAGED;
	}
	return revoked ? KRL_REVOKED : KRL_NOT_REVOKED;
}

/* A list of keys. A key of a type that we do not know revokes nothing of ours; a line that is no key at all is damage. */
static enum krl_verdict check_lines(struct slice file, const struct subject *s, struct err *err)
{
	struct buf blob = BUF_INIT(CERT_MAX);
	enum krl_verdict v = KRL_NOT_REVOKED;
	for (size_t number = 1; file.n && v == KRL_NOT_REVOKED; number++) {
		struct slice line = slice_trim(slice_line(&file)), rest = line;
		if (line.n == 0 || line.p[0] == '#')
			continue;
		struct slice type = slice_word(&rest), base64 = slice_word(&rest);
		buf_reset(&blob);
		bool decoded = get_base64(base64, &blob);
		struct reader r = reader_of(buf_slice(&blob));
		struct cert *c = cert_kind_find(type) ? cert_from_line(line, NULL, NULL) : NULL;
		if (!decoded || !slice_eq(get_string(&r), type)) {
			err_set(err, ERR_FORMAT, "line %zu of the list of revoked keys is no key", number);
			v = KRL_DAMAGED;
		} else if (c) {
			buf_reset(&blob);
			key_blob(c->key, &blob);
		}
		if (v == KRL_NOT_REVOKED && (slice_eq(buf_slice(&blob), buf_slice(&s->blob)) || (s->cert && slice_eq(buf_slice(&blob), buf_slice(&s->ca)))))
			v = KRL_REVOKED;
		cert_free(c);
	}
	buf_clear(&blob);
	return v;
}

enum krl_verdict krl_check(struct slice file, const struct key *key, const struct cert *cert, struct err *err)
{
	struct subject s;
	subject_init(&s, key, cert);
	enum krl_verdict v = krl_is(file) ? check_krl(file, &s, err) : check_lines(file, &s, err);
	if (v == KRL_REVOKED)
		err_set(err, ERR_DENIED, "the key is revoked");
	subject_clear(&s);
	return v;
}
