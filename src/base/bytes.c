#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct slice slice_str(const char *s)
{
	return s ? slice_of(s, strlen(s)) : slice_of(NULL, 0);
}

bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_eq_str(struct slice a, const char *s)
{
	return slice_eq(a, slice_str(s));
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool slice_eq_fold(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool slice_has_prefix(struct slice a, const char *s)
{
	size_t n = strlen(s);
	return a.n >= n && (n == 0 || memcmp(a.p, s, n) == 0);
}

bool slice_eq_secret(struct slice a, struct slice b)
{
	volatile uint8_t diff = 0;
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff = (uint8_t)(diff | (a.p[i] ^ b.p[i]));
	return diff == 0;
}

struct slice slice_cut(struct slice *s, char sep)
{
	const uint8_t *at = s->n ? memchr(s->p, sep, s->n) : NULL;
	struct slice head = *s;
	if (at == NULL) {
		*s = slice_from(*s, s->n);
		return head;
	}
	head.n = (size_t)(at - s->p);
	*s = slice_from(*s, head.n + 1);
	return head;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.n && is_blank(s.p[0]))
		s = slice_from(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

struct slice slice_line(struct slice *s)
{
	struct slice line = slice_cut(s, '\n');
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

struct slice slice_word(struct slice *s)
{
	size_t n = 0;
	*s = slice_trim(*s);
	while (n < s->n && !is_blank(s->p[n]))
		n++;
	struct slice word = slice_of(s->p, n);
	*s = slice_trim(slice_from(*s, n));
	return word;
}

struct slice slice_from(struct slice s, size_t at)
{
	if (s.p == NULL || at > s.n)
		at = s.n;
	return slice_of(s.p ? s.p + at : NULL, s.n - at);
}

bool slice_has_nul(struct slice s)
{
	return s.n && memchr(s.p, 0, s.n) != NULL;
}

char *slice_dup(struct slice s)
{
	char *p = mem_new(s.n + 1);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

bool slice_to_u64(struct slice s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

struct slice get_bytes(struct reader *r, size_t n)
{
	if (r->bad || n > reader_left(r)) {
		r->bad = true;
		r->p = r->end;
		return slice_of(NULL, 0);
	}
	struct slice s = slice_of(r->p, n);
	if (n)
		r->p += n;
	return s;
}

uint8_t get_u8(struct reader *r)
{
	struct slice s = get_bytes(r, 1);
	return s.n ? s.p[0] : 0;
}

uint16_t get_u16(struct reader *r)
{
	struct slice s = get_bytes(r, 2);
	return s.n ? (uint16_t)(s.p[0] << 8 | s.p[1]) : 0;
}

uint32_t get_u32(struct reader *r)
{
	struct slice s = get_bytes(r, 4);
	return s.n ? load_u32(s.p) : 0;
}

uint64_t get_u64(struct reader *r)
{
	struct slice s = get_bytes(r, 8);
	return s.n ? (uint64_t)load_u32(s.p) << 32 | load_u32(s.p + 4) : 0;
}

bool get_bool(struct reader *r)
{
	return get_u8(r) != 0;
}

struct slice get_string(struct reader *r)
{
	uint32_t n = get_u32(r);
	return get_bytes(r, n);
}

struct slice get_mpint(struct reader *r)
{
	struct slice s = get_string(r);
	if (s.n == 0)
		return s;
	if (s.p[0] & 0x80 || (s.p[0] == 0 && (s.n == 1 || !(s.p[1] & 0x80)))) {
		r->bad = true;
		r->p = r->end;
		return slice_of(NULL, 0);
	}
	return s.p[0] == 0 ? slice_from(s, 1) : s;
}

struct slice get_rest(struct reader *r)
{
	return get_bytes(r, reader_left(r));
}

bool get_end(const struct reader *r)
{
	return !r->bad && r->p == r->end;
}

void buf_clear(struct buf *b)
{
	if (b->secret && b->p)
		mem_wipe(b->p, b->cap);
	mem_free(b->p);
	*b = (struct buf){.max = b->max, .secret = b->secret};
}

void buf_reset(struct buf *b)
{
	if (b->secret && b->p)
		mem_wipe(b->p, b->cap);
	b->len = 0;
	b->bad = false;
}

static void grow(struct buf *b, size_t need)
{
	size_t cap = b->cap < 64 ? 64 : b->cap;
	while (cap < need)
		cap += cap / 2 + 64;
	if (cap > b->max + 1)
		cap = b->max + 1;               /* one more for buf_cstr's NUL */
	if (cap < need)
		cap = need;
	if (!b->secret) {
		b->p = mem_resize(b->p, cap);
	} else {
		uint8_t *p = mem_new(cap);
		if (b->len)
			memcpy(p, b->p, b->len);
		if (b->p)
			mem_wipe(b->p, b->cap);
		mem_free(b->p);
		b->p = p;
	}
	b->cap = cap;
}

struct room buf_room(struct buf *b, size_t n)
{
	if (b->bad || n > b->max || b->len > b->max - n) {
		b->bad = true;
		return (struct room){NULL, 0};
	}
	if (b->cap - b->len < n || b->p == NULL)
		grow(b, b->len + n);
	return (struct room){b->p + b->len, n};
}

void buf_add(struct buf *b, size_t n)
{
	b->len += n;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len < b->len)
		b->len = len;
}

char *buf_cstr(struct buf *b)
{
	if (b->cap <= b->len)
		grow(b, b->len + 1);
	b->p[b->len] = 0;
	return (char *)b->p;
}

void put_bytes(struct buf *b, struct slice s)
{
	struct room r = buf_room(b, s.n);
	if (r.p && s.n) {
		memcpy(r.p, s.p, s.n);
		b->len += s.n;
	}
}

void put_u8(struct buf *b, uint8_t v)
{
	put_bytes(b, slice_of(&v, 1));
}

void put_u16(struct buf *b, uint16_t v)
{
	uint8_t p[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	put_bytes(b, slice_of(p, 2));
}

void put_u32(struct buf *b, uint32_t v)
{
	uint8_t p[4];
	store_u32(p, v);
	put_bytes(b, slice_of(p, 4));
}

void put_u64(struct buf *b, uint64_t v)
{
	uint8_t p[8];
	store_u64(p, v);
	put_bytes(b, slice_of(p, 8));
}

void put_bool(struct buf *b, bool v)
{
	put_u8(b, v ? 1 : 0);
}

void put_string(struct buf *b, struct slice s)
{
	if (s.n > UINT32_MAX || !buf_room(b, s.n + 4).p) {
		b->bad = true;
		return;
	}
	put_u32(b, (uint32_t)s.n);
	put_bytes(b, s);
}

void put_cstring(struct buf *b, const char *s)
{
	put_string(b, slice_str(s));
}

void put_mpint(struct buf *b, struct slice m)
{
	while (m.n && m.p[0] == 0)
		m = slice_from(m, 1);
	bool sign = m.n && m.p[0] & 0x80;
	if (m.n >= UINT32_MAX) {
		b->bad = true;
		return;
	}
	put_u32(b, (uint32_t)(m.n + (sign ? 1 : 0)));
	if (sign)
		put_u8(b, 0);
	put_bytes(b, m);
}

void put_str(struct buf *b, const char *s)
{
	put_bytes(b, slice_str(s));
}

void put_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		char *tmp = mem_new((size_t)n + 1);
		vsnprintf(tmp, (size_t)n + 1, fmt, again);
		put_bytes(b, slice_of(tmp, (size_t)n));
		if (b->secret)
			mem_wipe(tmp, (size_t)n);
		mem_free(tmp);
	}
	va_end(again);
}
