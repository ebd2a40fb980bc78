/* zlib, and nothing else of it anywhere. One stream a direction and key exchange; each payload is
 * flushed (Z_PARTIAL_FLUSH, as peers do), so that it can be read when it has come. */
#include "core/packet.h"

#include <assert.h>
#include <zlib.h>

#include "base/mem.h"

enum { ZIP_OUT_MAX = PACKET_MAX - 64, ZIP_STEP = 16 * 1024, ZIP_KEEP = 64 * 1024 };

struct zstate { z_stream z; bool deflate; struct buf out; };

struct zstate *zip_new(bool deflate)
{
	struct zstate *s = mem_new(sizeof *s);
	s->deflate = deflate;
	s->out = BUF_INIT(ZIP_OUT_MAX);
	int r = deflate ? deflateInit(&s->z, Z_DEFAULT_COMPRESSION) : inflateInit(&s->z);
	assert(r == Z_OK);                              /* only lack of memory, which ends the process everywhere */
	return s;
}

void zip_free(struct zstate *s)
{
	if (!s)
		return;
	if (s->deflate)
		deflateEnd(&s->z);
	else
		inflateEnd(&s->z);
	buf_clear(&s->out);
	mem_free(s);
}

/* Z_BUF_ERROR is no error here: nothing was left to do. */
static int step(struct zstate *s, struct room room)
{
	s->z.next_out = room.p;
	s->z.avail_out = (uInt)room.n;
	int r = s->deflate ? deflate(&s->z, Z_PARTIAL_FLUSH) : inflate(&s->z, Z_SYNC_FLUSH);
	buf_add(&s->out, room.n - s->z.avail_out);
	return r;
}

bool zip_run(struct zstate *s, struct slice in, struct slice *out)
{
	if (s->out.cap > ZIP_KEEP)
		buf_clear(&s->out);
	buf_reset(&s->out);
	uint8_t *from = (uint8_t *)(uintptr_t)in.p;     /* zlib's next_in is not const */
	s->z.next_in = from;
	s->z.avail_in = (uInt)in.n;
	do {
		size_t left = s->out.max - s->out.len;
		if (left == 0)
			return false;                       /* a bomb, or what no packet may hold */
		int r = step(s, buf_room(&s->out, left < ZIP_STEP ? left : ZIP_STEP));
		if (r == Z_BUF_ERROR)
			break;
		if (r != Z_OK)
			return false;                       /* Z_STREAM_END too: the stream lasts as long as the keys */
	} while (s->z.avail_out == 0 || s->z.avail_in > 0);
	*out = buf_slice(&s->out);
	return s->z.avail_in == 0;
}
