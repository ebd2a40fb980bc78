#include "wire/msg.h"

#include <assert.h>
#include <string.h>

#include "base/names.h"
#include "base/text.h"

static bool get_field(struct reader *r, enum field_type type, void *at)
{
	struct slice *s = at;
	switch (type) {
	case FIELD_U8: *(uint8_t *)at = get_u8(r); break;
	case FIELD_BOOL: *(bool *)at = get_bool(r); break;
	case FIELD_U32: *(uint32_t *)at = get_u32(r); break;
	case FIELD_U64: *(uint64_t *)at = get_u64(r); break;
	case FIELD_STRING:
	case FIELD_TEXT:
	case FIELD_SECRET: *s = get_string(r); break;
	case FIELD_NAMES: *s = get_string(r); return names_readable(*s);
	case FIELD_MPINT: *s = get_mpint(r); break;
	case FIELD_COOKIE: *s = get_bytes(r, 16); break;
	case FIELD_REST:
	case FIELD_SECRET_REST: *s = get_rest(r); break;
	case FIELD_END: break;
	}
	return !r->bad;
}

bool msg_decode_body(const struct msg_desc *d, struct reader *r, void *out)
{
	memset(out, 0, d->size);
	for (const struct field *f = d->fields; f->type != FIELD_END; f++)
		if (!get_field(r, f->type, (uint8_t *)out + f->offset))
			return false;
	return true;
}

bool msg_decode(const struct msg_desc *d, struct slice bytes, void *out)
{
	struct reader r = reader_of(bytes);
	if (get_u8(&r) != d->number || !msg_decode_body(d, &r, out))
		return false;
	return get_end(&r);
}

static void put_field(struct buf *b, enum field_type type, const void *at)
{
	const struct slice *s = at;
	switch (type) {
	case FIELD_U8: put_u8(b, *(const uint8_t *)at); break;
	case FIELD_BOOL: put_bool(b, *(const bool *)at); break;
	case FIELD_U32: put_u32(b, *(const uint32_t *)at); break;
	case FIELD_U64: put_u64(b, *(const uint64_t *)at); break;
	case FIELD_STRING:
	case FIELD_TEXT:
	case FIELD_NAMES:
	case FIELD_SECRET: put_string(b, *s); break;
	case FIELD_MPINT: put_mpint(b, *s); break;
	case FIELD_COOKIE: assert(s->n == 16); put_bytes(b, *s); break;
	case FIELD_REST:
	case FIELD_SECRET_REST: put_bytes(b, *s); break;
	case FIELD_END: break;
	}
}

void msg_encode_body(const struct msg_desc *d, const void *in, struct buf *b)
{
	for (const struct field *f = d->fields; f->type != FIELD_END; f++)
		put_field(b, f->type, (const uint8_t *)in + f->offset);
}

void msg_encode(const struct msg_desc *d, const void *in, struct buf *b)
{
	put_u8(b, d->number);
	msg_encode_body(d, in, b);
}

static void print_bytes(struct buf *t, struct slice s)
{
	enum { SHOWN = 24 };
	put_hex(t, slice_of(s.p, s.n < SHOWN ? s.n : SHOWN));
	if (s.n > SHOWN)
		put_fmt(t, "...(%zu bytes)", s.n);
}

static void print_field(struct buf *t, enum field_type type, const void *at)
{
	const struct slice *s = at;
	switch (type) {
	case FIELD_U8: put_fmt(t, "%u", *(const uint8_t *)at); break;
	case FIELD_BOOL: put_str(t, *(const bool *)at ? "yes" : "no"); break;
	case FIELD_U32: put_fmt(t, "%u", *(const uint32_t *)at); break;
	case FIELD_U64: put_fmt(t, "%llu", (unsigned long long)*(const uint64_t *)at); break;
	case FIELD_TEXT:
	case FIELD_NAMES:
		put_str(t, "\"");
		put_text(t, *s, 1024, 0);
		put_str(t, "\"");
		break;
	case FIELD_SECRET:
	case FIELD_SECRET_REST: put_fmt(t, "<%zu secret bytes>", s->n); break;
	case FIELD_STRING:
	case FIELD_MPINT:
	case FIELD_COOKIE:
	case FIELD_REST: print_bytes(t, *s); break;
	case FIELD_END: break;
	}
}

void msg_print(const struct msg_desc *d, const void *in, struct buf *t)
{
	put_str(t, d->name);
	for (const struct field *f = d->fields; f->type != FIELD_END; f++) {
		put_fmt(t, " %s=", f->name);
		print_field(t, f->type, (const uint8_t *)in + f->offset);
	}
}
