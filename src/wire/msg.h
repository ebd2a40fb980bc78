/* A message is a struct and a field table: decode, encode and print come from the table.
 *
 * A decoded struct borrows: its slices point into the decoded bytes. A decoder must hit exactly
 * the end; trailing bytes are an error. Field types are those of RFC 4251, section 5, and SECRET
 * is a string that msg_print shows as its length only.
 *
 * Structs hold the fields in the C types noted beside enum field_type, at the offset in the row.
 */
#ifndef WIRE_MSG_H
#define WIRE_MSG_H

#include "base/bytes.h"

enum field_type {
	FIELD_END,
	FIELD_U8,          /* uint8_t */
	FIELD_BOOL,        /* bool */
	FIELD_U32,         /* uint32_t */
	FIELD_U64,         /* uint64_t */
	FIELD_STRING,      /* struct slice */
	FIELD_TEXT,        /* struct slice: a string that is printed as text */
	FIELD_NAMES,       /* struct slice: a name-list, checked by names_readable */
	FIELD_MPINT,       /* struct slice: magnitude */
	FIELD_SECRET,      /* struct slice: a string never printed */
	FIELD_COOKIE,      /* struct slice of 16 raw bytes */
	FIELD_REST,        /* struct slice: everything to the end; last field only */
	FIELD_SECRET_REST, /* the same, never printed */
};

struct field { const char *name; enum field_type type; size_t offset; };
struct msg_desc { const char *name; uint8_t number; size_t size; const struct field *fields; };

/* bytes begin with the message number. False: truncated, too long, or a name-list that is none. */
bool msg_decode(const struct msg_desc *, struct slice bytes, void *out) MUST_CHECK;
void msg_encode(const struct msg_desc *, const void *in, struct buf *);       /* number first */
/* The same without the number in front: parts of messages, and frames. */
bool msg_decode_body(const struct msg_desc *, struct reader *, void *out) MUST_CHECK;
void msg_encode_body(const struct msg_desc *, const void *in, struct buf *);
/* "NAME field=value ...": one line, escaped, secrets as "<n secret bytes>". */
void msg_print(const struct msg_desc *, const void *in, struct buf *text);
/* Wipes nothing and frees nothing: structs borrow. */

#endif
