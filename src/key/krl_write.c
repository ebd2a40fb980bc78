#include "key/krl.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "key/krl_format.h"

struct item { struct krl_item is; uint8_t *ca, *data; };    /* owned copies behind the slices of `is` */
struct krl_builder { struct item *at; size_t n, cap; };

struct krl_builder *krl_builder_new(void)
{
	return mem_new(sizeof(struct krl_builder));
}

void krl_builder_free(struct krl_builder *b)
{
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->n; i++) {
		mem_free(b->at[i].ca);
		mem_free(b->at[i].data);
	}
	mem_free(b->at);
	mem_free(b);
}

static uint8_t *copy(struct slice *s)
{
	if (s->n == 0)
		return NULL;
	uint8_t *p = mem_new(s->n);
	memcpy(p, s->p, s->n);
	s->p = p;
	return p;
}

void krl_add(struct krl_builder *b, const struct krl_item *item)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->at = mem_resize(b->at, b->cap * sizeof *b->at);
	}
	struct item *i = &b->at[b->n++];
	i->is = *item;
	i->ca = copy(&i->is.ca);
	i->data = copy(&i->is.data);
}

static int compare_slices(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* Certificates first, by CA; then kinds in turn. */
static int compare(const void *x, const void *y)
{
	const struct krl_item *a = &((const struct item *)x)->is, *b = &((const struct item *)y)->is;
	int c = (a->kind > KRL_KEY_ID) - (b->kind > KRL_KEY_ID);
	if (c == 0 && a->kind <= KRL_KEY_ID)
		c = compare_slices(a->ca, b->ca);
	if (c == 0)
		c = (a->kind > b->kind) - (a->kind < b->kind);
	if (c == 0)
		c = (a->lo > b->lo) - (a->lo < b->lo);
	return c ? c : compare_slices(a->data, b->data);
}

struct run { uint64_t lo, hi; };

static void put_section(struct buf *out, uint8_t kind, struct buf *contents)
{
	if (contents->len || contents->bad) {
		put_u8(out, kind);
		put_string(out, buf_slice(contents));
		out->bad = out->bad || contents->bad;
	}
	buf_clear(contents);
}

static void put_bitmap(struct buf *out, const struct run *r, size_t n)
{
	uint8_t bits[KRL_BITMAP_BITS_MAX / 8 + 1] = {0};
	struct buf part = BUF_INIT(sizeof bits + 64);
	uint64_t span = r[n - 1].hi - r[0].lo + 1;
	size_t bytes = (size_t)(span + 7) / 8;
	for (size_t i = 0; i < n; i++)
		for (uint64_t at = r[i].lo - r[0].lo; at <= r[i].hi - r[0].lo; at++)
			bits[bytes - 1 - at / 8] |= (uint8_t)(1u << (at % 8));
	put_u64(&part, r[0].lo);
	put_mpint(&part, slice_of(bits, bytes));
	put_section(out, PART_BITMAP, &part);
}

/* Single serials in one list, ranges each in a part of its own. */
static void put_plain(struct buf *out, const struct run *r, size_t n)
{
	struct buf list = BUF_INIT(out->max);
	for (size_t i = 0; i < n; i++)
		if (r[i].lo == r[i].hi)
			put_u64(&list, r[i].lo);
	put_section(out, PART_SERIALS, &list);
	for (size_t i = 0; i < n; i++) {
		if (r[i].lo == r[i].hi)
			continue;
		struct buf range = BUF_INIT(16);
		put_u64(&range, r[i].lo);
		put_u64(&range, r[i].hi);
		put_section(out, PART_RANGE, &range);
	}
}

/* Runs that stand close together are shorter as a bitmap: the group is what fits one. */
static void put_runs(struct buf *out, const struct run *r, size_t n)
{
	for (size_t i = 0, group; i < n; i += group) {
		size_t plain = 0;
		group = 0;
		while (i + group < n && r[i + group].hi - r[i].lo < KRL_BITMAP_BITS_MAX && (group == 0 || r[i + group].lo - r[i + group - 1].hi <= 64)) {
			plain += r[i + group].lo == r[i + group].hi ? 8 : 21;
			group++;
		}
		if (group == 0)
			group = 1;
		if (group > 1 && plain > (r[i + group - 1].hi - r[i].lo) / 8 + 32) {
			put_bitmap(out, r + i, group);
			continue;
		}
		while (i + group < n && group < 4096 && r[i + group].lo - r[i + group - 1].hi > 64)   /* singles far apart share a list */
			group++;
		put_plain(out, r + i, group);
	}
}

/* The items of one CA, sorted. */
static void put_certs(struct buf *out, const struct item *at, size_t n)
{
	struct buf section = BUF_INIT(out->max);
	struct run *runs = mem_list(n, sizeof *runs);
	size_t count = 0;
	put_string(&section, at[0].is.ca);
	put_string(&section, slice_of(NULL, 0));
	for (size_t i = 0; i < n && at[i].is.kind == KRL_SERIALS; i++) {
		if (count && at[i].is.lo <= runs[count - 1].hi + (runs[count - 1].hi < UINT64_MAX)) {
			if (at[i].is.hi > runs[count - 1].hi)
				runs[count - 1].hi = at[i].is.hi;
		} else {
			runs[count++] = (struct run){at[i].is.lo, at[i].is.hi};
		}
	}
	put_runs(&section, runs, count);
	struct buf ids = BUF_INIT(out->max);
	for (size_t i = 0; i < n; i++)
		if (at[i].is.kind == KRL_KEY_ID && (i == 0 || compare(&at[i - 1], &at[i]) != 0))
			put_string(&ids, at[i].is.data);
	put_section(&section, PART_KEY_ID, &ids);
	put_section(out, SECTION_CERTS, &section);
	mem_free(runs);
}

static void put_kind(struct buf *out, const struct krl_builder *b, enum krl_kind kind, uint8_t section_kind)
{
	struct buf section = BUF_INIT(out->max);
	for (size_t i = 0; i < b->n; i++)
		if (b->at[i].is.kind == kind && (i == 0 || compare(&b->at[i - 1], &b->at[i]) != 0))
			put_string(&section, b->at[i].is.data);
	put_section(out, section_kind, &section);
}

bool krl_write(struct krl_builder *b, uint64_t version, uint64_t generated, struct slice comment, struct buf *out, struct err *err)
{
	if (b->n)
		qsort(b->at, b->n, sizeof *b->at, compare);
	put_bytes(out, slice_of(KRL_MAGIC, KRL_MAGIC_LEN));
	put_u32(out, KRL_FORMAT);
	put_u64(out, version);
	put_u64(out, generated);
	put_u64(out, 0);
	put_string(out, slice_of(NULL, 0));
	put_string(out, comment);
	for (size_t i = 0, n; i < b->n && b->at[i].is.kind <= KRL_KEY_ID; i += n) {
		for (n = 1; i + n < b->n && b->at[i + n].is.kind <= KRL_KEY_ID && slice_eq(b->at[i].is.ca, b->at[i + n].is.ca);)
			n++;
		put_certs(out, b->at + i, n);
	}
	put_kind(out, b, KRL_KEY, SECTION_KEYS);
	put_kind(out, b, KRL_SHA1, SECTION_SHA1);
	put_kind(out, b, KRL_SHA256, SECTION_SHA256);
	return !out->bad || err_set(err, ERR_LIMIT, "the key revocation list would be too large");
}
