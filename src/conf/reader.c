#include "conf/reader.h"

#include <assert.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "conf/types.h"

void reader_init(struct conf_reader *r, const struct conf_table *t)
{
	memset(r, 0, sizeof(*r));
	r->table = t;
	r->name = BUF_INIT(1 << 16);
}

static void text_clear(struct reader_text *t)
{
	mem_free(t->name);
	mem_free(t->p);
	*t = (struct reader_text){0};
}

void reader_clear(struct conf_reader *r)
{
	while (r->depth)
		text_clear(&r->frames[--r->depth].text);
	for (size_t i = 0; i < r->incoming_n; i++)
		text_clear(&r->incoming[i]);
	mem_free(r->incoming);
	mem_free(r->frames);
	conf_list_clear(&r->patterns);
	buf_clear(&r->name);
	memset(r, 0, sizeof(*r));
}

static struct reader_text text_copy(const char *name, struct slice text, bool user)
{
	struct reader_text t = {.name = mem_str(name), .p = mem_new(text.n), .n = text.n, .user = user};
	if (text.n)
		memcpy(t.p, text.p, text.n);
	return t;
}

/* Takes the text over. */
static void push(struct conf_reader *r, struct reader_text t, unsigned nest, int state)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct reader_frame f = {.text = t, .rest = slice_of(t.p, t.n), .nest = nest, .state = state};
	if (slice_has_prefix(f.rest, bom))
		f.rest = slice_from(f.rest, sizeof bom - 1);
	LIST_PUSH(r->frames, r->depth, f);
}

void reader_push(struct conf_reader *r, const char *name, struct slice text, bool user, int state)
{
	assert(r->depth == 0);
	r->texts = 0;
	push(r, text_copy(name, text, user), 0, state);
}

bool reader_include(struct conf_reader *r, const struct conf_words *w, struct err *e)
{
	assert(r->depth && r->patterns.n == 0);
	if (w->list.n == 0)
		return err_set(e, ERR_FORMAT, "Include: a path is missing");
	if (r->frames[r->depth - 1].nest == CONF_INCLUDE_DEPTH)
		return err_set(e, ERR_LIMIT, "Include: more than %d files deep; does a file include itself?", CONF_INCLUDE_DEPTH);
	conf_list_copy(&r->patterns, &w->list);
	return true;
}

void reader_add(struct conf_reader *r, const char *name, struct slice text)
{
	assert(r->patterns.n);
	LIST_PUSH(r->incoming, r->incoming_n, text_copy(name, text, r->user));
}

/* All patterns are answered: their texts become frames, the first on top. */
static bool open_texts(struct conf_reader *r, int state, struct err *e)
{
	unsigned nest = r->frames[r->depth - 1].nest + 1;
	bool ok = true;
	conf_list_clear(&r->patterns);
	r->pattern = 0;
	for (size_t i = r->incoming_n; i-- > 0;) {
		struct reader_text *t = &r->incoming[i];
		bool big = t->n > CONF_TEXT_MAX;
		if (!big && ++r->texts <= READER_TEXTS_MAX) {
			push(r, *t, nest, state);
			continue;
		}
		ok = err_set(e, ERR_LIMIT, "Include: %s%s", text_show(slice_str(t->name)),
			big ? " is larger than 1 MiB; split it" : " would be one file too many; does a file include itself?");
		text_clear(t);
	}
	r->incoming_n = 0;
	return ok;
}

bool reader_split(const struct conf_table *t, struct slice line, struct conf_line *out)
{
	line = slice_trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return false;
	size_t n = 0;
	bool quoted = line.p[0] == '"';
	if (quoted)
		line = slice_from(line, 1);
	while (n < line.n && (quoted ? line.p[n] != '"' : line.p[n] != ' ' && line.p[n] != '\t' && line.p[n] != '='))
		n++;
	out->keyword = slice_of(line.p, n);
	line = slice_trim(slice_from(line, n + quoted));
	if (line.n && line.p[0] == '=')
		line = slice_trim(slice_from(line, 1));
	out->raw = line;
	out->key = conf_find(t, out->keyword);
	if (out->key)
		out->key = conf_follow(t, out->key);
	return true;
}

static bool read_line(struct conf_reader *r, struct reader_frame *f, struct slice *line)
{
	if (f->rest.n == 0)
		return false;
	*line = slice_cut(&f->rest, '\n');
	r->line = ++f->line;
	return true;
}

static enum reader_step pop(struct conf_reader *r, struct conf_line *out)
{
	struct reader_frame *f = &r->frames[--r->depth];
	out->state = f->state;
	out->sibling = r->depth && f->nest == r->frames[r->depth - 1].nest;
	text_clear(&f->text);
	return READ_POP;
}

static void remember(struct conf_reader *r, const struct reader_frame *f)
{
	buf_reset(&r->name);
	put_str(&r->name, f->text.name);
	(void)buf_cstr(&r->name);
	r->user = f->text.user;
}

enum reader_step reader_next(struct conf_reader *r, int state, struct conf_line *out, struct err *e)
{
	struct slice line;
	memset(out, 0, sizeof(*out));
	if (r->pattern < r->patterns.n) {
		out->pattern = r->patterns.v[r->pattern++];
		return READ_ASK;
	}
	if (r->patterns.n) {
		out->opened = r->incoming_n > 0;
		if (!open_texts(r, state, e))
			return READ_BAD;
	}
	while (r->depth) {
		struct reader_frame *f = &r->frames[r->depth - 1];
		if (!read_line(r, f, &line))
			return pop(r, out);
		remember(r, f);
		/* A dump spells aliases out, which may be longer. */
		if (line.n > CONF_LINE_MAX + (r->marks ? 100 : 0)) {
			err_set(e, ERR_LIMIT, "the line is longer than %u bytes; split it", CONF_LINE_MAX);
			return READ_BAD;
		}
		if (slice_has_nul(line)) {
			err_set(e, ERR_FORMAT, "the line holds a NUL byte; is this a text file?");
			return READ_BAD;
		}
		if (r->marks && slice_has_prefix(line, "#@ ")) {
			out->mark = slice_from(line, 3);
			return READ_MARK;
		}
		if (reader_split(r->table, line, out))
			return READ_LINE;
	}
	return READ_END;
}

void reader_say(const char *file, unsigned line, const char *text, struct buf *b)
{
	buf_reset(b);
	put_text(b, slice_str(file), 300, 0);
	if (line)
		put_fmt(b, " line %u", line);
	put_fmt(b, ": %s", text);
	(void)buf_cstr(b);
}
