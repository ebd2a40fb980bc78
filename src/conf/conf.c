#include "conf/conf.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "conf/types.h"

const struct conf_key *conf_keys(enum conf_which which, size_t *count)
{
	const struct conf_table *t = which == CONF_SSH ? &ssh_table : &sshd_table;
	*count = t->count;
	return t->keys;
}

const struct conf_key *conf_find(const struct conf_table *t, struct slice name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strlen(t->keys[i].name) == name.n && strncasecmp(t->keys[i].name, (const char *)name.p, name.n) == 0)
			return &t->keys[i];
	return NULL;
}

const struct conf_key *conf_follow(const struct conf_table *t, const struct conf_key *k)
{
	return k->state == CONF_ALIAS ? conf_find(t, slice_str(k->dflt)) : k;
}

static void *field_of(const struct conf_key *k, void *conf)
{
	return (char *)conf + k->offset;
}

static uint64_t *given_word(const struct conf_table *t, void *conf, size_t row)
{
	assert(row / 64 < CONF_GIVEN_WORDS);
	return (uint64_t *)(void *)((char *)conf + t->given) + row / 64;
}

static bool row_given(const struct conf_table *t, const void *conf, size_t row)
{
	uint64_t words[CONF_GIVEN_WORDS];
	memcpy(words, (const char *)conf + t->given, sizeof words);
	return words[row / 64] >> row % 64 & 1;
}

static void row_mark(const struct conf_table *t, void *conf, size_t row)
{
	*given_word(t, conf, row) |= (uint64_t)1 << row % 64;
}

/* Only rows with a field are found: no two have the same offset. */
static size_t row_at(const struct conf_table *t, size_t offset)
{
	size_t i = 0;
	while (i < t->count && (t->keys[i].type == NULL || t->keys[i].offset != offset))
		i++;
	assert(i < t->count);
	return i;
}

bool conf_given(const struct conf_table *t, const void *conf, size_t offset)
{
	return row_given(t, conf, row_at(t, offset));
}

void conf_mark(const struct conf_table *t, void *conf, size_t offset)
{
	row_mark(t, conf, row_at(t, offset));
}

static void drop(const struct conf_key *k, void *field)
{
	if (k->type->drop)
		k->type->drop(field);
}

/* Moves a fresh value to its field, or joins it with what earlier lines gave. */
static void store(const struct conf_key *k, void *field, void *fresh)
{
	if (k->type->merge)
		k->type->merge(field, fresh);
	else
		memcpy(field, fresh, k->type->size);
}

bool conf_set(const struct conf_table *t, void *conf, const struct conf_key *k, const struct conf_words *w,
	const struct conf_known *known, struct err *e)
{
	alignas(16) uint8_t fresh[CONF_FIELD_MAX] = {0};
	struct conf_input in = {k, w, known};
	if (k->type == NULL)
		return true;
	size_t row = (size_t)(k - t->keys);
	if (!k->type->set(&in, fresh, e)) {
		drop(k, fresh);
		return err_prefix(e, "%s", k->name);
	}
	if (conf == NULL || (row_given(t, conf, row) && !(k->flags & CONF_APPEND))) {
		drop(k, fresh);
		return true;
	}
	store(k, field_of(k, conf), fresh);
	row_mark(t, conf, row);
	return true;
}

bool conf_not_built(const struct conf_key *k, const struct conf_words *w)
{
	if (k->state != CONF_LATER)
		return false;
	struct buf b = BUF_INIT(2 * CONF_LINE_MAX);
	for (size_t i = 0; i < w->list.n; i++)
		put_fmt(&b, "%s%s", i ? " " : "", w->list.v[i]);
	struct slice value = buf_slice(&b);
	bool plain = (k->dflt && value.n == strlen(k->dflt) && match_wild(value, slice_str(k->dflt), true)) ||
		(k->flags & CONF_NONE && conf_is(value, "none")) ||
		(k->harmless && match_list(value, slice_str(k->harmless), true) == 1);
	buf_clear(&b);
	return !plain;
}

void conf_init(const struct conf_table *t, void *conf)
{
	memset(conf, 0, t->size);
}

/* A default that its own type cannot read is our fault. */
static void set_default(const struct conf_key *k, void *field)
{
	struct slice rest = slice_str(k->dflt);
	while (rest.n) {
		struct conf_words w;
		struct conf_input in = {k, &w, NULL};
		alignas(16) uint8_t fresh[CONF_FIELD_MAX] = {0};
		bool ok = conf_words_split(&w, slice_cut(&rest, '\n'), NULL) && k->type->set(&in, fresh, NULL);
		assert(ok);
		store(k, field, fresh);
		conf_words_clear(&w);
	}
}

void conf_defaults(const struct conf_table *t, void *conf)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->keys[i].type && t->keys[i].dflt && !row_given(t, conf, i))
			set_default(&t->keys[i], field_of(&t->keys[i], conf));
}

void conf_copy(const struct conf_table *t, void *to, const void *from)
{
	memcpy(to, from, t->size);
	for (size_t i = 0; i < t->count; i++)
		if (t->keys[i].type && t->keys[i].type->copy)
			t->keys[i].type->copy(field_of(&t->keys[i], to), (const char *)from + t->keys[i].offset);
}

void conf_override(const struct conf_table *t, void *to, const void *from)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct conf_key *k = &t->keys[i];
		if (k->type == NULL || !row_given(t, from, i))
			continue;
		alignas(16) uint8_t old[CONF_FIELD_MAX];
		memcpy(old, field_of(k, to), k->type->size);
		if (k->type->copy)
			k->type->copy(field_of(k, to), (const char *)from + k->offset);
		else
			memcpy(field_of(k, to), (const char *)from + k->offset, k->type->size);
		if (k->flags & CONF_MERGE)
			k->type->merge(field_of(k, to), old);
		else
			drop(k, old);
		row_mark(t, to, i);
	}
}

void conf_clear(const struct conf_table *t, void *conf)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->keys[i].type)
			drop(&t->keys[i], field_of(&t->keys[i], conf));
	memset(conf, 0, t->size);
}

void conf_show(const struct conf_key *k, const void *conf, enum conf_dump how, struct buf *b)
{
	if (k->type && !(how == CONF_DUMP_OPENSSH && k->flags & CONF_HIDE))
		k->type->show(k, (const char *)conf + k->offset, how, b);
}

void conf_dump(const struct conf_table *t, const void *conf, enum conf_dump how, struct buf *b)
{
	for (size_t i = 0; i < t->count; i++)
		conf_show(&t->keys[i], conf, how, b);
}

const struct conf_key *conf_unmet(const struct conf_table *t, const void *conf)
{
	struct buf now = BUF_INIT(1 << 20), dflt = BUF_INIT(1 << 20);
	const struct conf_key *found = NULL;
	void *plain = mem_new(t->size);
	conf_init(t, plain);
	conf_defaults(t, plain);
	for (size_t i = 0; i < t->count && !found; i++) {
		const struct conf_key *k = &t->keys[i];
		if (k->state != CONF_LATER || !(k->flags & CONF_RESTRICTS))
			continue;
		buf_reset(&now);
		buf_reset(&dflt);
		conf_show(k, conf, CONF_DUMP_EXACT, &now);
		conf_show(k, plain, CONF_DUMP_EXACT, &dflt);
		if (!slice_eq(buf_slice(&now), buf_slice(&dflt)))
			found = k;
	}
	buf_clear(&now);
	buf_clear(&dflt);
	conf_clear(t, plain);
	mem_free(plain);
	return found;
}
