#include "server/moduli.h"

#include "crypto/hash.h"

enum { TYPE_SAFE = 2, TEST_COMPOSITE = 1 };

struct line { uint64_t size; struct slice generator, modulus; };

static struct slice word(struct slice *rest)
{
	*rest = slice_trim(*rest);
	return slice_cut(rest, ' ');
}

static int nibble(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_hex(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (nibble(s.p[i]) < 0)
			return false;
	return s.n > 0;
}

/* timestamp type tests tries size generator modulus */
static bool parse(struct slice text, struct line *out)
{
	uint64_t type, tests, tries;
	struct slice rest = slice_trim(text);
	if (rest.n == 0 || rest.p[0] == '#')
		return false;
	word(&rest);
	if (!slice_to_u64(word(&rest), &type) || !slice_to_u64(word(&rest), &tests) || !slice_to_u64(word(&rest), &tries) ||
	    !slice_to_u64(word(&rest), &out->size))
		return false;
	out->generator = word(&rest);
	out->modulus = word(&rest);
	out->size++;                                        /* the file counts from the highest bit, 0 being the first */
	return type == TYPE_SAFE && !(tests & TEST_COMPOSITE) && (tests & ~(uint64_t)TEST_COMPOSITE) && tries > 0 &&
		out->size <= 16384 && is_hex(out->modulus) && is_hex(out->generator);
}

static bool put_from_hex(struct buf *out, struct slice hex)
{
	size_t i = hex.n % 2;
	if (i)
		put_u8(out, (uint8_t)nibble(hex.p[0]));
	for (; i < hex.n; i += 2)
		put_u8(out, (uint8_t)(nibble(hex.p[i]) << 4 | nibble(hex.p[i + 1])));
	return !out->bad;
}

static bool better(uint64_t size, uint64_t best, uint64_t preferred)
{
	if (best == 0)
		return true;
	if (best < preferred)
		return size > best;
	return size >= preferred && size < best;
}

static uint64_t best_size(struct slice text, const struct ask_group *ask, uint32_t *count)
{
	uint64_t best = 0;
	*count = 0;
	while (text.n) {
		struct line l;
		if (!parse(slice_cut(&text, '\n'), &l) || l.size < ask->min || l.size > ask->max)
			continue;
		if (better(l.size, best, ask->preferred)) {
			best = l.size;
			*count = 0;
		}
		*count += l.size == best;
	}
	return best;
}

bool moduli_choose(struct slice text, const struct ask_group *ask, struct buf *p, struct buf *g)
{
	uint32_t count;
	uint64_t size = best_size(text, ask, &count);
	if (count == 0)
		return false;
	uint32_t which = random_below(count);
	while (text.n) {
		struct line l;
		if (!parse(slice_cut(&text, '\n'), &l) || l.size != size)
			continue;
		if (which-- == 0)
			return put_from_hex(p, l.modulus) && put_from_hex(g, l.generator);
	}
	return false;
}
