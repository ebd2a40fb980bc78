#include "base/names.h"

bool names_next(struct slice *list, struct slice *name)
{
	while (list->n) {
		*name = slice_cut(list, ',');
		if (name->n)
			return true;
	}
	return false;
}

bool names_has(struct slice list, struct slice name)
{
	struct slice one;
	while (names_next(&list, &one))
		if (slice_eq(one, name))
			return true;
	return false;
}

bool names_has_str(struct slice list, const char *name)
{
	return names_has(list, slice_str(name));
}

bool names_readable(struct slice list)
{
	size_t length = 0;
	for (size_t i = 0; i < list.n; i++) {
		if (list.p[i] == ',')
			length = 0;
		else if (list.p[i] <= 0x20 || list.p[i] >= 0x7f || ++length > 64)
			return false;
	}
	return true;
}

bool names_valid(struct slice list)
{
	for (size_t i = 0; i < list.n; i++)
		if (list.p[i] == ',' && (i == 0 || i + 1 == list.n || list.p[i - 1] == ','))
			return false;
	return names_readable(list);
}

struct slice names_common(struct slice client, struct slice server)
{
	struct slice name;
	while (names_next(&client, &name))
		if (names_has(server, name))
			return name;
	return slice_of(NULL, 0);
}

void names_add_slice(struct buf *b, struct slice name)
{
	if (b->len)
		put_u8(b, ',');
	put_bytes(b, name);
}

void names_add(struct buf *b, const char *name)
{
	names_add_slice(b, slice_str(name));
}
