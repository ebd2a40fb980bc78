#include "base/text.h"

#include <string.h>

/* One valid UTF-8 sequence at p (RFC 3629); its length, or 0. */
static size_t utf8_length(const uint8_t *p, size_t n, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
	if (len == 0 || len > n || p[0] > 0xf4)
		return 0;
	uint32_t c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return len;
}

static bool is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0)
	    || c == 0x061c || c == 0x200e || c == 0x200f || c == 0x2028 || c == 0x2029
	    || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void put_escaped(struct buf *b, uint8_t c, unsigned flags)
{
	if ((flags & TEXT_LINES) && (c == '\n' || c == '\t')) {
		put_u8(b, c);
		return;
	}
	switch (c) {
	case '\n': put_str(b, "\\n"); break;
	case '\r': put_str(b, "\\r"); break;
	case '\t': put_str(b, "\\t"); break;
	default: put_fmt(b, "\\x%02x", c);
	}
}

void put_text(struct buf *b, struct slice s, size_t max, unsigned flags)
{
	size_t start = b->len;
	while (s.n) {
		uint32_t code = 0;
		size_t n = utf8_length(s.p, s.n, &code);
		if (b->len - start + (n ? n : 4) > max) {
			put_str(b, "...");
			return;
		}
		if (code == '\\' && n && !(flags & TEXT_ESCAPED)) {
			put_str(b, "\\\\");
		} else if (n && !is_unsafe(code)) {
			put_bytes(b, slice_of(s.p, n));
		} else {
			n = n ? n : 1;
			for (size_t i = 0; i < n; i++)
				put_escaped(b, s.p[i], flags);
		}
		s = slice_from(s, n);
	}
}

const char *text_show(struct slice s)
{
	static char out[8][256];
	static unsigned next;
	char *p = out[next++ % 8];
	struct buf b = BUF_INIT(1024);
	put_text(&b, s, sizeof out[0] - 8, 0);
	size_t n = b.len < sizeof out[0] - 1 ? b.len : sizeof out[0] - 1;
	if (n)
		memcpy(p, b.p, n);
	p[n] = 0;
	buf_clear(&b);
	return p;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void put_base64_lines(struct buf *b, struct slice s, size_t width)
{
	size_t column = 0;
	for (size_t i = 0; i < s.n; i += 3) {
		uint32_t v = (uint32_t)s.p[i] << 16 | (i + 1 < s.n ? (uint32_t)s.p[i + 1] << 8 : 0) | (i + 2 < s.n ? s.p[i + 2] : 0);
		uint8_t out[4] = {
			(uint8_t)base64_digits[v >> 18], (uint8_t)base64_digits[v >> 12 & 63],
			i + 1 < s.n ? (uint8_t)base64_digits[v >> 6 & 63] : '=', i + 2 < s.n ? (uint8_t)base64_digits[v & 63] : '=',
		};
		for (size_t k = 0; k < 4; k++) {
			put_u8(b, out[k]);
			if (width && ++column == width) {
				put_u8(b, '\n');
				column = 0;
			}
		}
	}
	if (width && column)
		put_u8(b, '\n');
}

void put_base64(struct buf *b, struct slice s)
{
	put_base64_lines(b, s, 0);
}

/* Without a table lookup or branch on the digit, since private keys pass through here. */
static int base64_value(uint8_t c)
{
	int v = -1;
	v += (((64 - c) & (c - 91)) >> 8) & (c - 64);
	v += (((96 - c) & (c - 123)) >> 8) & (c - 70);
	v += (((47 - c) & (c - 58)) >> 8) & (c + 5);
	v += (((42 - c) & (c - 44)) >> 8) & 63;
	v += (((46 - c) & (c - 48)) >> 8) & 64;
	return v;
}

bool get_base64(struct slice text, struct buf *out)
{
	uint32_t group = 0;
	unsigned have = 0, pad = 0;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		int v = c == '=' ? 0 : base64_value(c);
		if (v < 0 || (pad && c != '='))
			return false;
		pad += c == '=';
		if (pad > 2 || (c == '=' && have < 2))
			return false;
		group = group << 6 | (uint32_t)v;
		if (++have < 4)
			continue;
		uint8_t bytes[3] = {(uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group};
		put_bytes(out, slice_of(bytes, 3 - pad));
		if (pad && slice_trim(slice_from(text, i + 1)).n)
			return false;
		have = 0, group = 0;
	}
	return have == 0 && !out->bad;
}

void put_hex(struct buf *b, struct slice s)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < s.n; i++) {
		put_u8(b, (uint8_t)digits[s.p[i] >> 4]);
		put_u8(b, (uint8_t)digits[s.p[i] & 15]);
	}
}

static uint8_t folded(uint8_t c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

/* Only the last `*` is ever tried again, so the work is bounded by text times pattern. */
bool match_wild(struct slice text, struct slice pattern, bool fold)
{
	size_t t = 0, p = 0, star = SIZE_MAX, mark = 0;
	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			mark = t;
		} else if (p < pattern.n && (pattern.p[p] == '?' || folded(pattern.p[p], fold) == folded(text.p[t], fold))) {
			p++, t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

int match_list(struct slice text, struct slice patterns, bool fold)
{
	int found = 0;
	while (patterns.n) {
		struct slice one = slice_cut(&patterns, ',');
		bool negated = one.n && one.p[0] == '!';
		if (negated)
			one = slice_from(one, 1);
		if (one.n == 0 || !match_wild(text, one, fold))
			continue;
		if (negated)
			return -1;
		found = 1;
	}
	return found;
}

static uint64_t seconds_of(uint8_t unit)
{
	switch (unit) {
	case 's': case 'S': return 1;
	case 'm': case 'M': return 60;
	case 'h': case 'H': return 3600;
	case 'd': case 'D': return 86400;
	case 'w': case 'W': return 604800;
	default: return 0;
	}
}

bool text_to_seconds(struct slice s, uint64_t *out)
{
	uint64_t total = 0;
	if (s.n == 0)
		return false;
	while (s.n) {
		size_t digits = 0;
		while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
			digits++;
		uint64_t v, unit = 1;
		if (!slice_to_u64(slice_of(s.p, digits), &v))
			return false;
		s = slice_from(s, digits);
		if (s.n) {
			unit = seconds_of(s.p[0]);
			s = slice_from(s, 1);
		}
		if (unit == 0 || __builtin_mul_overflow(v, unit, &v) || __builtin_add_overflow(total, v, &total))
			return false;
	}
	if (total > INT32_MAX)
		return false;
	*out = total;
	return true;
}

bool text_to_size(struct slice s, uint64_t *out)
{
	uint64_t unit = 1;
	if (s.n == 0)
		return false;
	switch (s.p[s.n - 1]) {
	case 'k': case 'K': unit = 1u << 10; break;
	case 'm': case 'M': unit = 1u << 20; break;
	case 'g': case 'G': unit = 1u << 30; break;
	default: break;
	}
	if (unit > 1)
		s.n--;
	uint64_t v, part = 0, scale = 1;
	struct slice whole = slice_cut(&s, '.');
	if (!slice_to_u64(whole, &v) || __builtin_mul_overflow(v, unit, &v) || s.n > 6)
		return false;
	for (size_t i = 0; i < s.n; i++)
		scale *= 10;
	if (s.n && (unit == 1 || !slice_to_u64(s, &part)))
		return false;
	return !__builtin_add_overflow(v, part * unit / scale, out);
}
