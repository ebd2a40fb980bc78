/* Bytes: borrowed, owned or secret.
 *
 * slice   borrowed, read only: never freed through it; lives as long as its owner says.
 * room    borrowed, writable; n == 0 means "none".
 * reader  walks a slice; the first failed get sets `bad` and every later get yields zero or an
 *         empty slice, so a decoder reads all fields and asks get_end() once.
 * buf     owned, growing, never past `max`; a put that would pass it sets `bad` and changes
 *         nothing more. With `secret` set, memory is wiped before it is given back.
 *
 * Running out of memory ends the process: every buf has a max, so a peer cannot cause it.
 * Integers are big-endian; string and mpint are those of RFC 4251, section 5.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice { const uint8_t *p; size_t n; };
struct room { uint8_t *p; size_t n; };
struct reader { const uint8_t *p, *end; bool bad; };
struct buf { uint8_t *p; size_t len, cap, max; bool bad, secret; };

#define SLICE_LIT(s) ((struct slice){(const uint8_t *)(s), sizeof(s) - 1})
#define MUST_CHECK __attribute__((warn_unused_result))

/* Slices. */
static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){p, n};
}
struct slice slice_str(const char *s);                     /* without the NUL; NULL gives an empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_str(struct slice a, const char *s);
bool slice_eq_fold(struct slice a, struct slice b);        /* letters of ASCII without case */
bool slice_has_prefix(struct slice a, const char *s);
bool slice_eq_secret(struct slice a, struct slice b);      /* constant time in the bytes, not in the length */
struct slice slice_cut(struct slice *s, char sep);         /* takes what stands before sep; *s keeps the rest */
struct slice slice_word(struct slice *s);                  /* takes the next word; blanks and tabs part words; empty at the end */
struct slice slice_line(struct slice *s);                  /* takes the next line, without its LF or CR LF */
struct slice slice_trim(struct slice s);                   /* without blanks and tabs and CR, LF at both ends */
struct slice slice_from(struct slice s, size_t at);        /* behind the first `at` bytes; empty if there are none */
bool slice_has_nul(struct slice s);
char *slice_dup(struct slice s);                           /* owned C string; the caller checked for NUL */
bool slice_to_u64(struct slice s, uint64_t *out);          /* decimal digits only, all of it */

/* Readers. */
static inline struct reader reader_of(struct slice s)
{
	return (struct reader){s.p, s.p ? s.p + s.n : s.p, false};
}
static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}
uint8_t get_u8(struct reader *);
uint16_t get_u16(struct reader *);
uint32_t get_u32(struct reader *);
uint64_t get_u64(struct reader *);
bool get_bool(struct reader *);                            /* any byte other than zero is true */
struct slice get_bytes(struct reader *, size_t n);
struct slice get_string(struct reader *);
struct slice get_mpint(struct reader *);                   /* magnitude; negative or not minimal is bad */
struct slice get_rest(struct reader *);
bool get_end(const struct reader *) MUST_CHECK;            /* no error and nothing left */

/* Bufs. */
#define BUF_INIT(limit) ((struct buf){.max = (limit)})
#define BUF_INIT_SECRET(limit) ((struct buf){.max = (limit), .secret = true})
void buf_clear(struct buf *);                              /* frees (and wipes a secret); keeps max and secret */
void buf_reset(struct buf *);                              /* len = 0, bad = false; keeps the memory, wipes a secret */
struct room buf_room(struct buf *, size_t n);              /* n writable bytes behind len; none and bad past max */
void buf_add(struct buf *, size_t n);                      /* n bytes of that room were filled */
void buf_drop(struct buf *, size_t n);                     /* takes n bytes away at the front */
void buf_truncate(struct buf *, size_t len);
static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->p, b->len};
}
char *buf_cstr(struct buf *);                              /* NUL behind the contents, not counted; lives as long as the contents */
void put_u8(struct buf *, uint8_t);
void put_u16(struct buf *, uint16_t);
void put_u32(struct buf *, uint32_t);
void put_u64(struct buf *, uint64_t);
void put_bool(struct buf *, bool);
void put_bytes(struct buf *, struct slice);
void put_string(struct buf *, struct slice);
void put_cstring(struct buf *, const char *);              /* as string, without the NUL */
void put_mpint(struct buf *, struct slice magnitude);      /* leading zeros are dropped, a sign byte is added */
void put_str(struct buf *, const char *);                  /* raw characters */
void put_fmt(struct buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Single integers in memory. */
static inline uint32_t load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void store_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24), p[1] = (uint8_t)(v >> 16), p[2] = (uint8_t)(v >> 8), p[3] = (uint8_t)v;
}
static inline void store_u64(uint8_t *p, uint64_t v)
{
	store_u32(p, (uint32_t)(v >> 32));
	store_u32(p + 4, (uint32_t)v);
}

#endif
