#include "key/randart.h"

enum { WIDE = 17, HIGH = 9 };
static const char marks[] = " .o+=*BOX@%&#/^SE";

/* The word in brackets in the middle of the frame; one that does not fit loses what stands behind its blank, then its end. */
static void put_frame(struct buf *b, const char *word)
{
	struct slice w = slice_str(word), rest = w;
	struct buf title = BUF_INIT(256);
	if (w.n > WIDE - 3)
		w = slice_cut(&rest, ' ');
	put_u8(&title, '[');
	put_bytes(&title, w);
	put_u8(&title, ']');
	buf_truncate(&title, WIDE - 1);
	size_t before = (WIDE - title.len) / 2;
	put_u8(b, '+');
	for (size_t i = 0; i < before; i++)
		put_u8(b, '-');
	put_bytes(b, buf_slice(&title));
	for (size_t i = before + title.len; i < WIDE; i++)
		put_u8(b, '-');
	put_str(b, "+\n");
	buf_clear(&title);
}

static unsigned step(unsigned at, bool up, unsigned limit)
{
	if (up)
		return at + 1 < limit ? at + 1 : at;
	return at > 0 ? at - 1 : 0;
}

void put_randart(struct buf *b, struct slice digest, const char *title, const char *foot)
{
	uint8_t field[HIGH][WIDE] = {{0}};
	const uint8_t top = sizeof marks - 2;
	unsigned x = WIDE / 2, y = HIGH / 2;
	for (size_t i = 0; i < digest.n; i++) {
		for (unsigned shift = 0; shift < 8; shift += 2) {
			unsigned bits = digest.p[i] >> shift;
			x = step(x, bits & 1, WIDE);
			y = step(y, bits & 2, HIGH);
			if (field[y][x] < top - 2)
				field[y][x]++;
		}
	}
	field[HIGH / 2][WIDE / 2] = top - 1;            /* S: where the walk began */
	field[y][x] = top;                              /* E: where it ended */
	put_frame(b, title);
	for (y = 0; y < HIGH; y++) {
		put_u8(b, '|');
		for (x = 0; x < WIDE; x++)
			put_u8(b, (uint8_t)marks[field[y][x]]);
		put_str(b, "|\n");
	}
	put_frame(b, foot);
}
