#include "test/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

enum { FILE_MAX = 64 << 20, FIELDS_MAX = 32 };

struct vectors {
	const char *path;
	struct buf text;
	struct slice group, test;          /* objects, from brace to brace */
	const char *next_test, *next_group;   /* behind the last element taken; NULL: that array is over */
	struct buf decoded[FIELDS_MAX];
	size_t decoded_count;
};

static _Noreturn void broken(const char *path, const char *what)
{
	printf("vectors: %s: %s\n", path, what);
	abort();
}

bool vectors_read(const char *path, struct buf *out)
{
	const char *dir = getenv("HAWSER_VECTORS");
	char *full = mem_fmt("%s/%s", dir ? dir : VECTORS_DIR, path);
	FILE *f = fopen(full, "rb");
	size_t n;
	if (!f)
		printf("vectors: %s is absent, its tests are skipped\n", full);
	mem_free(full);
	if (!f)
		return false;
	do {
		struct room r = buf_room(out, 65536);
		n = r.n ? fread(r.p, 1, r.n, f) : 0;
		buf_add(out, n);
	} while (n);
	if (ferror(f) || out->bad)
		broken(path, "cannot be read");
	fclose(f);
	return true;
}

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		p += *p == '\\' && p[1];
	return *p ? p + 1 : p;
}

/* Behind the value that starts at p (strings, objects, arrays, words and numbers). */
static const char *skip_value(const char *p)
{
	int depth = 0;
	do {
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		if (!depth && !strchr("{[", *p))
			return p + strcspn(p, ",]} \t\r\n");
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		p++;
	} while (*p && depth);
	return p;
}

/* The value of a field of the object at p; NULL if it has none. name needs no NUL. */
static const char *find_field(const char *p, const char *name, size_t n)
{
	for (p = skip_space(p + 1); *p == '"'; p = skip_space(p)) {
		const char *key = p + 1, *end = skip_string(p);
		const char *value = skip_space(skip_space(end) + 1);
		if ((size_t)(end - 1 - key) == n && !memcmp(key, name, n))
			return value;
		p = skip_space(skip_value(value));
		p += *p == ',';
	}
	return NULL;
}

static const char *find_path(struct slice object, const char *field)
{
	const char *p = (const char *)object.p;
	while (p && *p == '{') {
		size_t n = strcspn(field, ".");
		p = find_field(p, field, n);
		if (!field[n])
			return p;
		field += n + 1;
	}
	return NULL;
}

static const char *find(const struct vectors *v, const char *field)
{
	const char *p = find_path(v->test, field);
	return p ? p : find_path(v->group, field);
}

/* Takes the next object of an array; *at stands behind '[' or behind an element. */
static bool take_object(const char **at, struct slice *out)
{
	const char *p = *at ? skip_space(*at) : "";
	if (*p == ',')
		p = skip_space(p + 1);
	*at = NULL;
	if (*p != '{')
		return false;
	*at = skip_value(p);
	*out = slice_of(p, (size_t)(*at - p));
	return true;
}

struct vectors *vectors_open(const char *path)
{
	struct vectors *v = mem_new(sizeof(*v));
	v->path = path;
	v->text = BUF_INIT(FILE_MAX);
	if (!vectors_read(path, &v->text)) {
		vectors_close(v);
		return NULL;
	}
	const char *p = skip_space(buf_cstr(&v->text));
	if (*p == '[') {
		v->next_test = p + 1;
		return v;
	}
	p = find_path(slice_of(p, 1), "testGroups");
	if (!p || *p != '[')
		broken(path, "has no testGroups");
	v->next_group = p + 1;
	return v;
}

void vectors_close(struct vectors *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->decoded_count; i++)
		buf_clear(&v->decoded[i]);
	buf_clear(&v->text);
	mem_free(v);
}

bool vectors_next(struct vectors *v)
{
	if (!v)
		return false;
	while (v->decoded_count)
		buf_clear(&v->decoded[--v->decoded_count]);
	while (!take_object(&v->next_test, &v->test)) {
		if (!take_object(&v->next_group, &v->group))
			return false;
		const char *tests = find_path(v->group, "tests");
		if (!tests || *tests != '[')
			broken(v->path, "has a group without tests");
		v->next_test = tests + 1;
	}
	return true;
}

bool vectors_has(const struct vectors *v, const char *field)
{
	return find(v, field) != NULL;
}

struct slice vectors_str(const struct vectors *v, const char *field)
{
	const char *p = find(v, field);
	if (!p || *p != '"')
		return slice_of(NULL, 0);
	return slice_of(p + 1, (size_t)(skip_string(p) - p) - 2);
}

long vectors_int(const struct vectors *v, const char *field)
{
	const char *p = find(v, field);
	return p ? strtol(p, NULL, 10) : -1;
}

bool vectors_is(const struct vectors *v, const char *field, const char *value)
{
	return vectors_has(v, field) && slice_eq_str(vectors_str(v, field), value);
}

bool vectors_flag(const struct vectors *v, const char *flag)
{
	const char *p = find(v, "flags");
	if (!p || *p != '[')
		return false;
	for (p = skip_space(p + 1); *p == '"'; p = skip_space(p)) {
		const char *end = skip_string(p);
		if (slice_eq_str(slice_of(p + 1, (size_t)(end - p) - 2), flag))
			return true;
		p = skip_space(end);
		p += *p == ',';
	}
	return false;
}

static int nibble(uint8_t c)
{
	const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c | ('A' <= c && c <= 'F' ? 32 : 0)) : NULL;
	return p ? (int)(p - digits) : -1;
}

bool vectors_unhex(struct slice text, struct buf *out)
{
	for (size_t i = 0; i + 1 < text.n; i += 2) {
		int high = nibble(text.p[i]), low = nibble(text.p[i + 1]);
		if (high < 0 || low < 0)
			return false;
		put_u8(out, (uint8_t)(high << 4 | low));
	}
	return text.n % 2 == 0;
}

struct slice vectors_hex(struct vectors *v, const char *field)
{
	if (v->decoded_count == FIELDS_MAX)
		broken(v->path, "too many fields decoded for one test");
	struct buf *b = &v->decoded[v->decoded_count++];
	*b = BUF_INIT(FILE_MAX);
	if (!vectors_unhex(vectors_str(v, field), b))
		broken(v->path, field);
	return buf_slice(b);
}
