#include "base/addr.h"

#include <string.h>
#include "base/mem.h"
#include "base/text.h"

static bool parse_v4(struct slice s, uint8_t out[4])
{
	if (s.n == 0 || s.p[s.n - 1] == '.')
		return false;
	for (int i = 0; i < 4; i++) {
		uint64_t v;
		struct slice part = slice_cut(&s, '.');
		if (part.n == 0 || part.n > 3 || (part.n > 1 && part.p[0] == '0') || !slice_to_u64(part, &v) || v > 255)
			return false;
		if ((i < 3) != (s.n > 0))
			return false;
		out[i] = (uint8_t)v;
	}
	return true;
}

static bool hex_group(struct slice s, uint8_t out[2])
{
	unsigned v = 0;
	if (s.n == 0 || s.n > 4)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		unsigned d = c >= '0' && c <= '9' ? c - 48u : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32u) - 'a' + 10 : 16;
		if (d == 16)
			return false;
		v = v << 4 | d;
	}
	out[0] = (uint8_t)(v >> 8), out[1] = (uint8_t)v;
	return true;
}

/* Groups up to the end or a "::"; *n bytes were written. RFC 4291, section 2.2. */
static bool v6_groups(struct slice s, uint8_t *out, size_t *n)
{
	*n = 0;
	while (s.n) {
		const uint8_t *colon = memchr(s.p, ':', s.n);
		struct slice part = slice_of(s.p, colon ? (size_t)(colon - s.p) : s.n);
		s = colon ? slice_from(s, part.n + 1) : slice_of(NULL, 0);
		if (colon && s.n == 0)
			return false;
		if (!colon && memchr(part.p, '.', part.n)) {
			if (*n > 12 || !parse_v4(part, out + *n))
				return false;
			*n += 4;
			return true;
		}
		if (*n > 14 || !hex_group(part, out + *n))
			return false;
		*n += 2;
	}
	return true;
}

static bool parse_v6(struct slice s, uint8_t out[16])
{
	const uint8_t *zone = memchr(s.p, '%', s.n);
	if (zone) {
		if ((size_t)(zone - s.p) + 1 == s.n)
			return false;
		s.n = (size_t)(zone - s.p);
	}
	const uint8_t *gap = memmem(s.p, s.n, "::", 2);
	uint8_t head[16], tail[16];
	size_t head_n, tail_n = 0;
	if (!v6_groups(slice_of(s.p, gap ? (size_t)(gap - s.p) : s.n), head, &head_n))
		return false;
	if (!gap) {
		memcpy(out, head, 16);
		return head_n == 16;
	}
	if (!v6_groups(slice_from(s, (size_t)(gap - s.p) + 2), tail, &tail_n) || head_n + tail_n > 14)
		return false;
	memset(out, 0, 16);
	memcpy(out, head, head_n);
	memcpy(out + 16 - tail_n, tail, tail_n);
	return true;
}

bool addr_parse(struct slice text, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	if (text.n == 0 || text.n > 64)
		return false;
	bool six = memchr(text.p, ':', text.n) != NULL;
	if (six ? !parse_v6(text, a->b) : !parse_v4(text, a->b)) {
		memset(a, 0, sizeof(*a));
		return false;
	}
	a->family = six ? 6 : 4;
	return true;
}

static unsigned width(const struct addr *a)
{
	return a->family == 4 ? 32 : 128;
}

bool addr_parse_net(struct slice text, struct addr *a, unsigned *bits)
{
	struct slice host = text;
	const uint8_t *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	uint64_t v = 0;
	if (slash) {
		host.n = (size_t)(slash - text.p);
		struct slice len = slice_from(text, host.n + 1);
		if (len.n > 3 || !slice_to_u64(len, &v))
			return false;
	}
	if (!addr_parse(host, a))
		return false;
	if (!slash)
		v = width(a);
	*bits = (unsigned)v;
	return v <= width(a);
}

void addr_mask(struct addr *a, unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits <= i * 8 ? 0 : bits - i * 8 >= 8 ? 8 : bits - i * 8;
		a->b[i] &= (uint8_t)(0xff00u >> keep);
	}
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->b, b->b, 16) == 0;
}

bool addr_in_net(const struct addr *a, const struct addr *net, unsigned bits)
{
	struct addr x = *a, y = *net;
	addr_mask(&x, bits);
	addr_mask(&y, bits);
	return addr_eq(&x, &y);
}

void addr_unmap(struct addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (a->family != 6 || memcmp(a->b, mapped, 12) != 0)
		return;
	struct addr v4 = {.family = 4};
	memcpy(v4.b, a->b + 12, 4);
	*a = v4;
}

/* RFC 5952, 4.2: the longest run of at least two zero groups is cut, the first of equals. */
static void put_v6(struct buf *b, const uint8_t *p)
{
	int best = -1, best_n = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;
		while (i + n < 8 && p[(i + n) * 2] == 0 && p[(i + n) * 2 + 1] == 0)
			n++;
		if (n > best_n)
			best = i, best_n = n;
	}
	for (int i = 0; i < 8; i++) {
		if (i == best) {
			put_str(b, "::");
			i += best_n - 1;
			continue;
		}
		put_fmt(b, "%s%x", i && i != best + best_n ? ":" : "", (unsigned)(p[i * 2] << 8 | p[i * 2 + 1]));
	}
}

void put_addr(struct buf *b, const struct addr *a)
{
	struct addr v4 = *a;
	addr_unmap(&v4);
	if (v4.family == 4)
		put_fmt(b, "%s%u.%u.%u.%u", a->family == 6 ? "::ffff:" : "", v4.b[0], v4.b[1], v4.b[2], v4.b[3]);
	else if (a->family == 6)
		put_v6(b, a->b);
}

/* One entry against the address: 1, 0, or -2 where it is a network with bits beside its mask. */
static int match_entry(struct slice text, const struct addr *a, struct slice entry)
{
	struct addr net, masked;
	unsigned bits;
	if (!addr_parse_net(entry, &net, &bits))
		return match_wild(text, entry, true);
	masked = net;
	addr_mask(&masked, bits);
	if (!addr_eq(&masked, &net))
		return -2;
	return a->family && addr_in_net(a, &net, bits);
}

int addr_match_list(struct slice text, struct slice list)
{
	struct addr a;
	int found = 0;
	if (!addr_parse(text, &a))
		a.family = 0;
	addr_unmap(&a);
	while (list.n) {
		struct slice entry = slice_trim(slice_cut(&list, ','));
		bool negated = entry.n && entry.p[0] == '!';
		if (negated)
			entry = slice_from(entry, 1);
		if (entry.n == 0)
			return -2;
		int r = match_entry(text, &a, entry);
		if (r == -2)
			return -2;
		/* Go on after a hit: a later negated entry or a malformed one still counts. */
		if (r == 1 && found != -1)
			found = negated ? -1 : 1;
	}
	return found;
}

bool addr_list_valid(struct slice list)
{
	struct addr net, masked;
	unsigned bits;
	if (list.n == 0)
		return false;
	while (list.n) {
		struct slice entry = slice_cut(&list, ',');
		if (!addr_parse_net(entry, &net, &bits))
			return false;
		masked = net;
		addr_mask(&masked, bits);
		if (!addr_eq(&masked, &net))
			return false;
	}
	return true;
}

int host_match_list(const char *host, const char *addr, struct slice list)
{
	int by_addr = addr ? addr_match_list(slice_str(addr), list) : 0;
	if (by_addr == -2)
		return -2;
	int by_name = host && *host ? match_list(slice_str(host), list, true) : 0;
	if (by_addr == -1 || by_name == -1)
		return -1;
	return by_addr == 1 || by_name == 1;
}
