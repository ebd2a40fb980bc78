#include "conf/ssh_load.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "conf/reader.h"
#include "conf/ssh_match.h"

/* A frame's state: may lines count (ACTIVE), and can a Host or Match line of this text make them count at all (ALIVE).
 * What an Include in a block that does not apply brings in is read for its syntax only. */
enum { ACTIVE = 1, ALIVE = 2 };

struct ssh_load {
	const struct ssh_load_ctx *ctx;
	const struct conf_known *known;
	struct ssh_conf conf;
	struct conf_reader reader;
	struct ssh_match match;
	struct buf text, name;                              /* of the last answer */
	struct conf_list queued;                            /* warnings of ssh_load_option */
	size_t queued_at;
	int state;
	bool failed, wants_final, final, canonical, asked_exec;
	uint64_t warned[CONF_GIVEN_WORDS];
};

struct ssh_load *ssh_load_new(const struct ssh_load_ctx *ctx, const struct conf_known *known)
{
	struct ssh_load *l = mem_new(sizeof(*l));
	l->ctx = ctx;
	l->known = known;
	l->text = BUF_INIT(2 * CONF_LINE_MAX);
	l->name = BUF_INIT(CONF_LINE_MAX);
	l->state = ACTIVE | ALIVE;
	conf_init(&ssh_table, &l->conf);
	reader_init(&l->reader, &ssh_table);
	return l;
}

void ssh_load_free(struct ssh_load *l)
{
	if (l == NULL)
		return;
	ssh_conf_clear(&l->conf);
	reader_clear(&l->reader);
	ssh_match_clear(&l->match);
	conf_list_clear(&l->queued);
	buf_clear(&l->text);
	buf_clear(&l->name);
	mem_free(l);
}

bool ssh_load_failed(const struct ssh_load *l)
{
	return l->failed;
}

bool ssh_load_wants_final(const struct ssh_load *l)
{
	return l->wants_final;
}

struct ssh_conf *ssh_load_conf(struct ssh_load *l)
{
	return &l->conf;
}

char *ssh_load_host(const struct ssh_load *l)
{
	struct ssh_match_view view = {l->ctx, &l->conf, l->final, l->canonical};
	return ssh_match_host(&view);
}

void ssh_load_second(struct ssh_load *l, const char *host, bool canonical)
{
	l->final = true;
	l->canonical = canonical;
	if (!canonical)
		return;
	mem_free(l->conf.hostname);
	l->conf.hostname = mem_str(host);
	conf_mark(&ssh_table, &l->conf, offsetof(struct ssh_conf, hostname));
}

void ssh_load_finish(struct ssh_load *l, struct ssh_conf *out)
{
	*out = l->conf;
	conf_init(&ssh_table, &l->conf);
	ssh_conf_finish(out);
}

/* ProxyJump and ProxyCommand: whichever is seen first counts. */
static void mark_twin(struct ssh_conf *c)
{
	if (SSH_GIVEN(c, proxy_jump))
		conf_mark(&ssh_table, c, offsetof(struct ssh_conf, proxy_command));
	if (SSH_GIVEN(c, proxy_command))
		conf_mark(&ssh_table, c, offsetof(struct ssh_conf, proxy_jump));
}

/* True once for each keyword. */
static bool warn_once(struct ssh_load *l, const struct conf_key *k)
{
	size_t row = (size_t)(k - ssh_table.keys);
	uint64_t bit = (uint64_t)1 << row % 64;
	bool first = !(l->warned[row / 64] & bit);
	l->warned[row / 64] |= bit;
	return first;
}

/* What is to be said about a keyword that has no effect; NULL: nothing. */
static const char *warning(struct ssh_load *l, const struct conf_key *k, const struct conf_words *w)
{
	if (k->state == CONF_DEPRECATED && warn_once(l, k))
		return "is an old keyword without effect; remove the line";
	if (!conf_not_built(k, w) || !warn_once(l, k))
		return NULL;
	return k->flags & CONF_RESTRICTS ? "is not built yet; where it applies, no host is accepted" : "is not built yet; it is ignored";
}

/* Sets one keyword. CONF_WARN: l->text holds the warning, without its place. */
static enum conf_step set(struct ssh_load *l, const struct conf_line *line, bool active, bool *quiet, struct err *e)
{
	const struct conf_key *k = line->key;
	struct conf_words w;
	const char *why = NULL;
	if (!conf_words_split(&w, line->raw, e)) {
		err_prefix(e, "%s", k->name);
		return CONF_ERROR;
	}
	bool ok = conf_set(&ssh_table, active ? &l->conf : NULL, k, &w, l->known, e);
	if (ok && active) {
		mark_twin(&l->conf);
		why = warning(l, k, &w);
	}
	conf_words_clear(&w);
	if (!ok)
		return CONF_ERROR;
	if (why == NULL)
		return CONF_DONE;
	*quiet = k->state == CONF_DEPRECATED || k->flags & CONF_QUIET;
	err_set(e, ERR_UNSUPPORTED, "keyword %s %s", k->name, why);
	return CONF_WARN;
}

static bool unknown(struct ssh_load *l, struct slice keyword, struct err *e)
{
	if (l->conf.ignore_unknown && match_list(keyword, slice_str(l->conf.ignore_unknown), true) == 1)
		return true;
	return err_set(e, ERR_FORMAT, "there is no keyword \"%.100s\"; correct it, or name it in IgnoreUnknown", text_show(keyword));
}

bool ssh_load_option(struct ssh_load *l, const char *option, struct err *e)
{
	struct conf_line line = {0};
	bool quiet = false;
	if (strlen(option) > CONF_LINE_MAX || strpbrk(option, "\r\n"))
		return err_set(e, ERR_FORMAT, "command-line: an option must be one line of at most %u bytes", CONF_LINE_MAX);
	if (!reader_split(&ssh_table, slice_str(option), &line))
		return true;
	bool ok = line.key ? line.key->state != CONF_BLOCK : unknown(l, line.keyword, e);
	if (line.key && !ok)
		err_set(e, ERR_FORMAT, "%s cannot be given as an option; write it into a file and name that with -F", line.key->name);
	if (ok && line.key) {
		enum conf_step step = set(l, &line, true, &quiet, e);
		ok = step != CONF_ERROR;
		if (step == CONF_WARN && e)
			LIST_PUSH(l->queued.v, l->queued.n, mem_fmt("%c%s", quiet ? 'q' : 'w', e->text));
	}
	return ok || err_prefix(e, "command-line");
}

void ssh_load_text(struct ssh_load *l, const char *name, struct slice text, bool user)
{
	l->state = ACTIVE | ALIVE;
	reader_push(&l->reader, name, text, user, l->state);
}

void ssh_load_include(struct ssh_load *l, const char *name, struct slice text)
{
	reader_add(&l->reader, name, text);
}

void ssh_load_exec(struct ssh_load *l, bool matched)
{
	assert(l->asked_exec);
	l->asked_exec = false;
	ssh_match_exec(&l->match, matched);
}

static void set_active(struct ssh_load *l, bool active)
{
	l->state = (l->state & ALIVE) | (active && l->state & ALIVE ? ACTIVE : 0);
}

/* Host: one pattern must match the name as typed, and none with a ! before it. */
static bool host_line(struct ssh_load *l, struct slice raw, struct err *e)
{
	struct conf_words w;
	bool hit = false, refused = false;
	if (!conf_words_split(&w, raw, e))
		return err_prefix(e, "Host");
	for (size_t i = 0; i < w.list.n; i++) {
		struct slice pattern = slice_str(w.list.v[i]);
		bool negated = pattern.n && pattern.p[0] == '!';
		if (match_wild(slice_str(l->ctx->host), slice_from(pattern, negated), false))
			negated ? (refused = true) : (hit = true);
	}
	bool none = w.list.n == 0;
	conf_words_clear(&w);
	set_active(l, hit && !refused);
	return !none || err_set(e, ERR_FORMAT, "Host: a pattern is missing; write \"Host *\" for every host");
}

/* Goes on with a Match line: CONF_DONE once it is decided. */
static enum conf_step match_line(struct ssh_load *l, const char **command, struct err *e)
{
	struct ssh_match_view view = {l->ctx, &l->conf, l->final, l->canonical};
	enum ssh_match_step step = ssh_match_next(&l->match, &view, command, e);
	if (step == MATCH_EXEC)
		return CONF_EXEC;
	set_active(l, step == MATCH_DONE && l->match.result);
	l->wants_final |= l->match.wants_final;
	ssh_match_clear(&l->match);
	if (step == MATCH_DONE)
		return CONF_DONE;
	err_prefix(e, "Match");
	return CONF_ERROR;
}

static enum conf_step start_match(struct ssh_load *l, struct slice raw, const char **command, struct err *e)
{
	if (!ssh_match_start(&l->match, raw, e)) {
		set_active(l, false);
		err_prefix(e, "Match");
		return CONF_ERROR;
	}
	/* A block that cannot apply runs nothing, but its words are checked. */
	l->match.result = l->state & ALIVE;
	return match_line(l, command, e);
}

static enum conf_step include_line(struct ssh_load *l, struct slice raw, struct err *e)
{
	struct conf_words w;
	if (!conf_words_split(&w, raw, e)) {
		err_prefix(e, "Include");
		return CONF_ERROR;
	}
	bool ok = reader_include(&l->reader, &w, e);
	conf_words_clear(&w);
	return ok ? CONF_DONE : CONF_ERROR;
}

static enum conf_step one_line(struct ssh_load *l, const struct conf_line *line, struct conf_ask *ask, struct err *e)
{
	if (line->key == NULL)
		return unknown(l, line->keyword, e) ? CONF_DONE : CONF_ERROR;
	if (line->key->state != CONF_BLOCK)
		return set(l, line, l->state & ACTIVE, &ask->quiet, e);
	if (strcmp(line->key->name, "Host") == 0)
		return host_line(l, line->raw, e) ? CONF_DONE : CONF_ERROR;
	if (strcmp(line->key->name, "Match") == 0)
		return start_match(l, line->raw, &ask->text, e);
	return include_line(l, line->raw, e);
}

/* Inside a text that an Include brings, the state is that of the including block. */
static int included_state(const struct ssh_load *l)
{
	return l->state & ACTIVE ? ACTIVE | ALIVE : 0;
}

/* One step of the reader. CONF_DONE: nothing to say yet; *end: nothing more to come. */
static enum conf_step step(struct ssh_load *l, struct conf_ask *ask, bool *end, struct err *e)
{
	struct conf_line line;
	enum reader_step r = reader_next(&l->reader, l->state, &line, e);
	if (r == READ_POP)
		l->state = line.state;
	if (r == READ_POP ? line.sibling : line.opened)
		l->state = included_state(l);
	switch (r) {
	case READ_END: *end = true; return CONF_DONE;
	case READ_BAD: return CONF_ERROR;
	case READ_ASK: ask->text = line.pattern; return CONF_INCLUDE;
	case READ_POP: return CONF_DONE;
	case READ_LINE: return one_line(l, &line, ask, e);
	case READ_MARK: break;
	}
	return CONF_DONE;
}

static enum conf_step finish(struct ssh_load *l, struct conf_ask *ask, enum conf_step s, const struct err *e)
{
	buf_reset(&l->name);
	put_bytes(&l->name, buf_slice(&l->reader.name));
	ask->file = buf_cstr(&l->name);
	ask->line = l->reader.line;
	ask->user = l->reader.user;
	ask->step = s;
	if (s == CONF_ERROR || s == CONF_WARN) {
		reader_say(ask->file, ask->line, e->text, &l->text);
	} else if (ask->text) {
		buf_reset(&l->text);
		put_str(&l->text, ask->text);
	}
	ask->text = buf_cstr(&l->text);
	l->failed |= s == CONF_ERROR;
	l->asked_exec = s == CONF_EXEC;
	return s;
}

enum conf_step ssh_load_next(struct ssh_load *l, struct conf_ask *ask)
{
	struct err e = {0};
	enum conf_step s = CONF_DONE;
	bool end = false;
	*ask = (struct conf_ask){0};
	if (l->queued_at < l->queued.n) {
		const char *text = l->queued.v[l->queued_at++];
		reader_say("command-line", 0, text + 1, &l->text);
		*ask = (struct conf_ask){CONF_WARN, (const char *)l->text.p, "command-line", 0, text[0] == 'q', true};
		return CONF_WARN;
	}
	assert(!l->asked_exec);
	if (l->match.open)
		s = match_line(l, &ask->text, &e);
	while (s == CONF_DONE && !end)
		s = step(l, ask, &end, &e);
	return end ? CONF_DONE : finish(l, ask, s, &e);
}
