#include "conf/sshd_load.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "conf/reader.h"
#include "conf/sshd_match.h"
#include "conf/types.h"

#define DIRECTIVES_MAX 100000

/* A Match block; block 0 is the global part. A block inside a file that a block includes applies only with that one. */
struct block { size_t parent; struct conf_words words; char *raw; };
/* One line. For a Match line block is the one it opens. */
struct directive { const struct conf_key *key; char *raw; size_t block, origin; unsigned line; };

struct sshd_file {
	const struct conf_known *known;
	struct conf_reader reader;
	struct block *blocks;
	struct directive *directives;
	struct conf_list origins;                           /* names of files; the first is "command-line" */
	size_t blocks_n, blocks_room, directives_n, directives_room;
	size_t current, base;                               /* block of the next line; parent of the next Match block */
	struct buf text, name;
	struct conf_list queued;
	size_t queued_at;
	bool failed, fixed_port;
	uint64_t warned[CONF_GIVEN_WORDS];
};

struct sshd_file *sshd_file_new(const struct conf_known *known)
{
	struct sshd_file *f = mem_new(sizeof(*f));
	f->known = known;
	f->text = BUF_INIT(2 * CONF_LINE_MAX);
	f->name = BUF_INIT(CONF_LINE_MAX);
	conf_list_add(&f->origins, "command-line");
	LIST_PUSH_ROOM(f->blocks, f->blocks_n, f->blocks_room, (struct block){0});
	reader_init(&f->reader, &sshd_table);
	return f;
}

void sshd_file_free(struct sshd_file *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->blocks_n; i++) {
		conf_words_clear(&f->blocks[i].words);
		mem_free(f->blocks[i].raw);
	}
	for (size_t i = 0; i < f->directives_n; i++)
		mem_free(f->directives[i].raw);
	mem_free(f->blocks);
	mem_free(f->directives);
	conf_list_clear(&f->origins);
	conf_list_clear(&f->queued);
	reader_clear(&f->reader);
	buf_clear(&f->text);
	buf_clear(&f->name);
	mem_free(f);
}

bool sshd_file_failed(const struct sshd_file *f)
{
	return f->failed;
}

bool sshd_file_has_match(const struct sshd_file *f)
{
	return f->blocks_n > 1;
}

static size_t origin(struct sshd_file *f, const char *name)
{
	for (size_t i = f->origins.n; i-- > 0;)
		if (strcmp(f->origins.v[i], name) == 0)
			return i;
	conf_list_add(&f->origins, name);
	return f->origins.n - 1;
}

static bool keep(struct sshd_file *f, const struct conf_line *line, size_t block, const char *file, unsigned number, struct err *e)
{
	if (f->directives_n == DIRECTIVES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d lines of configuration", DIRECTIVES_MAX);
	struct directive d = {line->key, slice_dup(line->raw), block, origin(f, file), number};
	LIST_PUSH_ROOM(f->directives, f->directives_n, f->directives_room, d);
	return true;
}

static const char *warning(struct sshd_file *f, const struct conf_key *k, const struct conf_words *w)
{
	size_t row = (size_t)(k - sshd_table.keys);
	uint64_t bit = (uint64_t)1 << row % 64;
	bool old = k->state == CONF_DEPRECATED;
	if (f->warned[row / 64] & bit || !(old || conf_not_built(k, w)))
		return NULL;
	f->warned[row / 64] |= bit;
	if (old)
		return "is an old keyword without effect; remove the line";
	return "is not built yet; it is ignored";
}

/* Checks a line's value; conf stays untouched until the file is resolved. */
static enum conf_step check(struct sshd_file *f, const struct conf_line *line, bool *quiet, struct err *e)
{
	const struct conf_key *k = line->key;
	struct conf_words w;
	if (!conf_words_split(&w, line->raw, e)) {
		err_prefix(e, "%s", k->name);
		return CONF_ERROR;
	}
	bool ok = conf_set(&sshd_table, NULL, k, &w, f->known, e);
	const char *why = ok ? warning(f, k, &w) : NULL;
	conf_words_clear(&w);
	if (!ok)
		return CONF_ERROR;
	if (why == NULL)
		return CONF_DONE;
	*quiet = k->flags & CONF_QUIET;
	err_set(e, ERR_UNSUPPORTED, "keyword %s %s", k->name, why);
	return CONF_WARN;
}

bool sshd_file_option(struct sshd_file *f, const char *option, struct err *e)
{
	struct conf_line line = {0};
	bool quiet = false;
	struct err mine;
	e = e ? e : &mine;
	if (strlen(option) > CONF_LINE_MAX || strpbrk(option, "\r\n"))
		return err_set(e, ERR_FORMAT, "command-line: an option must be one line of at most %u bytes", CONF_LINE_MAX);
	if (!reader_split(&sshd_table, slice_str(option), &line))
		return true;
	if (line.key == NULL)
		return err_set(e, ERR_FORMAT, "command-line: there is no keyword \"%.100s\"; correct it", text_show(line.keyword));
	if (line.key->state == CONF_BLOCK)
		return err_set(e, ERR_FORMAT, "command-line: %s cannot be given as an option; write it into a file and name that with -f", line.key->name);
	enum conf_step s = check(f, &line, &quiet, e);
	if (s == CONF_WARN)
		LIST_PUSH(f->queued.v, f->queued.n, mem_fmt("%c%s", quiet ? 'q' : 'w', e->text));
	return (s != CONF_ERROR && keep(f, &line, 0, "command-line", 0, e)) || err_prefix(e, "command-line");
}

bool sshd_file_port(struct sshd_file *f, const char *port, struct err *e)
{
	struct buf b = BUF_INIT(100);
	put_fmt(&b, "Port %.20s", port);
	bool ok = sshd_file_option(f, buf_cstr(&b), e);
	buf_clear(&b);
	f->fixed_port |= ok;
	return ok;
}

void sshd_file_text(struct sshd_file *f, const char *name, struct slice text)
{
	f->current = f->base = 0;
	reader_push(&f->reader, name, text, false, 0);
}

void sshd_file_include(struct sshd_file *f, const char *name, struct slice text)
{
	reader_add(&f->reader, name, text);
}

/* The reader carries one int per text: the block, and whether it was opened in this text. */
static int state_pack(const struct sshd_file *f)
{
	return (int)(f->current << 1 | (f->current != f->base));
}

static void state_unpack(struct sshd_file *f, int state)
{
	f->current = (size_t)state >> 1;
	f->base = state & 1 ? f->blocks[f->current].parent : f->current;
}

static bool match_line(struct sshd_file *f, const struct conf_line *line, const char *file, unsigned number, struct err *e)
{
	struct block b = {.parent = f->base};
	if (!conf_words_split(&b.words, line->raw, e))
		return err_prefix(e, "Match");
	if (!sshd_match_check(&b.words, e) || !keep(f, line, f->blocks_n, file, number, e)) {
		conf_words_clear(&b.words);
		return err_prefix(e, "Match");
	}
	b.raw = slice_dup(line->raw);
	b.words.raw = slice_str(b.raw);
	f->current = f->blocks_n;
	LIST_PUSH_ROOM(f->blocks, f->blocks_n, f->blocks_room, b);
	return true;
}

static bool include_line(struct sshd_file *f, struct slice raw, struct err *e)
{
	struct conf_words w;
	if (!conf_words_split(&w, raw, e))
		return err_prefix(e, "Include");
	bool ok = reader_include(&f->reader, &w, e);
	conf_words_clear(&w);
	return ok;
}

static enum conf_step one_line(struct sshd_file *f, const struct conf_line *line, const char *file, unsigned number,
	bool *quiet, struct err *e)
{
	const struct conf_key *k = line->key;
	bool ok = true;
	if (k == NULL)
		ok = err_set(e, ERR_FORMAT, "there is no keyword \"%.100s\"; correct or remove the line", text_show(line->keyword));
	else if (k->state == CONF_BLOCK)
		ok = k->name[0] == 'M' ? match_line(f, line, file, number, e) : include_line(f, line->raw, e);
	else if (f->current && k->scope != CONF_MATCH && k->type)
		ok = err_set(e, ERR_FORMAT, "%s is not allowed in a Match block; move it above the first one", k->name);
	if (!ok)
		return CONF_ERROR;
	if (k->state == CONF_BLOCK)
		return CONF_DONE;
	enum conf_step s = check(f, line, quiet, e);
	if (s != CONF_ERROR && k->type && !keep(f, line, f->current, file, number, e))
		return CONF_ERROR;
	return s;
}

static enum conf_step step(struct sshd_file *f, struct conf_ask *ask, bool *end, struct err *e)
{
	struct conf_line line;
	enum reader_step r = reader_next(&f->reader, state_pack(f), &line, e);
	if (r == READ_POP)
		state_unpack(f, line.state);
	if (r == READ_POP ? line.sibling : line.opened)
		f->base = f->current;
	switch (r) {
	case READ_END: *end = true; return CONF_DONE;
	case READ_BAD: return CONF_ERROR;
	case READ_ASK: ask->text = line.pattern; return CONF_INCLUDE;
	case READ_LINE: return one_line(f, &line, buf_cstr(&f->reader.name), f->reader.line, &ask->quiet, e);
	case READ_POP:
	case READ_MARK: break;
	}
	return CONF_DONE;
}

static enum conf_step finish(struct sshd_file *f, struct conf_ask *ask, enum conf_step s, const struct err *e)
{
	buf_reset(&f->name);
	put_bytes(&f->name, buf_slice(&f->reader.name));
	ask->file = buf_cstr(&f->name);
	ask->line = f->reader.line;
	ask->step = s;
	if (s == CONF_INCLUDE) {
		buf_reset(&f->text);
		put_str(&f->text, ask->text);
	} else {
		reader_say(ask->file, ask->line, e->text, &f->text);
	}
	ask->text = buf_cstr(&f->text);
	f->failed |= s == CONF_ERROR;
	return s;
}

enum conf_step sshd_file_next(struct sshd_file *f, struct conf_ask *ask)
{
	struct err e = {0};
	enum conf_step s = CONF_DONE;
	bool end = false;
	*ask = (struct conf_ask){0};
	if (f->queued_at < f->queued.n) {
		const char *text = f->queued.v[f->queued_at++];
		reader_say("command-line", 0, text + 1, &f->text);
		*ask = (struct conf_ask){CONF_WARN, (const char *)f->text.p, "command-line", 0, text[0] == 'q', false};
		return CONF_WARN;
	}
	while (s == CONF_DONE && !end)
		s = step(f, ask, &end, &e);
	return end ? CONF_DONE : finish(f, ask, s, &e);
}

/* Which blocks apply; a block's parent has a smaller number. */
static bool *blocks_active(const struct sshd_file *f, const struct sshd_match *m)
{
	bool *on = mem_list(f->blocks_n, sizeof(*on));
	on[0] = true;
	for (size_t i = 1; i < f->blocks_n && m; i++)
		on[i] = on[f->blocks[i].parent] && sshd_match_eval(&f->blocks[i].words, m);
	return on;
}

static bool apply(const struct sshd_file *f, const struct directive *d, struct sshd_conf *c, struct err *e)
{
	struct conf_words w;
	if (d->key->type == NULL || (f->fixed_port && d->key->type == &CT_PORTS && d->origin != 0))
		return true;
	if (!conf_words_split(&w, slice_str(d->raw), e))
		return false;
	bool ok = conf_set(&sshd_table, c, d->key, &w, f->known, e);
	conf_words_clear(&w);
	return ok || err_prefix(e, "%s line %u", f->origins.v[d->origin], d->line);
}

bool sshd_conf_resolve(const struct sshd_file *f, const struct sshd_match *m, struct sshd_conf *out, struct err *e)
{
	struct sshd_conf matched;
	bool *on = blocks_active(f, m), ok = true;
	conf_init(&sshd_table, out);
	conf_init(&sshd_table, &matched);
	for (size_t i = 0; i < f->directives_n && ok; i++) {
		const struct directive *d = &f->directives[i];
		if (on[d->block])
			ok = apply(f, d, d->block ? &matched : out, e);
	}
	conf_override(&sshd_table, out, &matched);
	conf_defaults(&sshd_table, out);
	sshd_conf_clear(&matched);
	mem_free(on);
	if (!ok)
		sshd_conf_clear(out);
	return ok;
}

/* Marks in the dump: "#@ in N": what follows belongs to block N, a Match line opens a block inside it;
 * "#@ from LINE FILE": where the next line stood; "#@ port": the port came from -p. */
void sshd_file_dump(const struct sshd_file *f, struct buf *b)
{
	size_t current = 0;
	if (f->fixed_port)
		put_str(b, "#@ port\n");
	for (size_t i = 0; i < f->directives_n; i++) {
		const struct directive *d = &f->directives[i];
		bool match = d->key->state == CONF_BLOCK;
		size_t in = match ? f->blocks[d->block].parent : d->block;
		if (in != current || match)
			put_fmt(b, "#@ in %zu\n", in);
		put_fmt(b, "#@ from %u ", d->line);
		put_text(b, slice_str(f->origins.v[d->origin]), 1000, TEXT_ESCAPED);
		put_fmt(b, "\n%s %s\n", d->key->name, d->raw);
		current = d->block;
	}
}

struct undump { struct sshd_file *f; unsigned line; char *file; };

static bool mark(struct undump *u, struct slice text)
{
	struct slice rest = text, word = slice_cut(&rest, ' '), number = slice_cut(&rest, ' ');
	uint64_t v = 0;
	if (slice_eq_str(word, "port")) {
		u->f->fixed_port = true;
		return true;
	}
	if (!slice_to_u64(number, &v))
		return false;
	if (slice_eq_str(word, "in")) {
		u->f->current = u->f->base = (size_t)v;
		return v < u->f->blocks_n;
	}
	u->line = (unsigned)v;
	mem_free(u->file);
	u->file = slice_dup(rest);
	return slice_eq_str(word, "from") && rest.n;
}

static bool undump_line(struct undump *u, const struct conf_line *line, struct err *e)
{
	bool quiet;
	return one_line(u->f, line, u->file ? u->file : "configuration", u->line, &quiet, e) != CONF_ERROR;
}

struct sshd_file *sshd_file_undump(struct slice text, const struct conf_known *known, struct err *e)
{
	struct undump u = {.f = sshd_file_new(known)};
	struct conf_line line;
	bool ok = true, end = false;
	sshd_file_text(u.f, "configuration", text);
	u.f->reader.marks = true;
	while (ok && !end) {
		switch (reader_next(&u.f->reader, 0, &line, e)) {
		case READ_END: end = true; break;
		case READ_LINE: ok = undump_line(&u, &line, e); break;
		case READ_MARK: ok = mark(&u, line.mark) || err_set(e, ERR_FORMAT, "a mark of the configuration is damaged"); break;
		case READ_POP: break;
		case READ_BAD: ok = false; break;
		case READ_ASK: ok = err_set(e, ERR_FORMAT, "Include has no place in a resolved configuration"); break;
		}
	}
	mem_free(u.file);
	if (ok)
		return u.f;
	sshd_file_free(u.f);
	return NULL;
}

static char **spec_field(struct sshd_match_spec *s, struct slice name)
{
	const struct { const char *name; char **at; } fields[] = {
		{"user", &s->user}, {"host", &s->host}, {"addr", &s->addr}, {"laddr", &s->laddr}, {"rdomain", &s->rdomain},
	};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (slice_eq_str(name, fields[i].name))
			return fields[i].at;
	return NULL;
}

bool sshd_match_spec_add(struct sshd_match_spec *s, const char *spec, struct err *e)
{
	struct slice rest = slice_str(spec);
	while (rest.n) {
		struct slice value = slice_cut(&rest, ','), name = slice_cut(&value, '=');
		int64_t port;
		char **at = spec_field(s, name);
		if (at) {
			mem_free(*at);
			*at = slice_dup(value);
		} else if (slice_eq_str(name, "lport") && conf_number(value, 1, 65535, &port)) {
			s->lport = (int)port;
		} else if (slice_eq_str(name, "invalid-user") && value.n == 0) {
			s->invalid_user = true;
		} else {
			return err_set(e, ERR_USAGE, "-C: \"%.100s\" is not understood; use user=, host=, addr=, laddr=, lport=, rdomain= "
				"or invalid-user", text_show(name));
		}
	}
	return true;
}

void sshd_match_spec_clear(struct sshd_match_spec *s)
{
	mem_free(s->user);
	mem_free(s->host);
	mem_free(s->addr);
	mem_free(s->laddr);
	mem_free(s->rdomain);
	*s = (struct sshd_match_spec){0};
}
