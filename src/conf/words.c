/* One line's words: quotes, escapes and comments as in ssh_config(5). */
#include "conf/types.h"

#include <string.h>
#include "base/mem.h"
#include "base/text.h"

#define WORDS_MAX 4096

void conf_list_add(struct conf_list *l, const char *word)
{
	LIST_PUSH(l->v, l->n, mem_str(word));
}

void conf_list_clear(struct conf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_free(l->v[i]);
	mem_free(l->v);
	*l = (struct conf_list){0};
}

bool conf_list_has(const struct conf_list *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], word) == 0)
			return true;
	return false;
}

void conf_words_clear(struct conf_words *w)
{
	conf_list_clear(&w->list);
}

/* The character that a backslash before it makes plain; outside quotes a blank too. Other backslashes stay. */
static bool escapes(struct slice s, uint8_t quote)
{
	if (s.n < 2 || s.p[0] != '\\')
		return false;
	uint8_t c = s.p[1];
	return c == '"' || c == '\'' || c == '\\' || (c == ' ' && !quote);
}

/* Takes one word from the front of *s; false if a quote is left open. */
static bool take_word(struct slice *s, struct buf *out)
{
	uint8_t quote = 0;
	for (; s->n; *s = slice_from(*s, 1)) {
		uint8_t c = s->p[0];
		if (escapes(*s, quote)) {
			*s = slice_from(*s, 1);
			put_u8(out, s->p[0]);
		} else if (!quote && (c == ' ' || c == '\t')) {
			break;
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else if (quote && c == quote) {
			quote = 0;
		} else {
			put_u8(out, c);
		}
	}
	return quote == 0;
}

static bool split(struct conf_words *w, struct slice raw, bool comments, struct err *e)
{
	struct buf word = BUF_INIT(CONF_LINE_MAX + 1);
	*w = (struct conf_words){.raw = slice_trim(raw)};
	struct slice s = w->raw;
	bool ok = true;
	while (ok) {
		while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
			s = slice_from(s, 1);
		if (s.n == 0 || (comments && s.p[0] == '#'))
			break;
		buf_reset(&word);
		if (w->list.n == WORDS_MAX)
			ok = err_set(e, ERR_LIMIT, "more than %d words; use several lines", WORDS_MAX);
		else if (!take_word(&s, &word))
			ok = err_set(e, ERR_FORMAT, "a quote is not closed; add the missing quote, or write \\\" for a plain one");
		else
			conf_list_add(&w->list, buf_cstr(&word));
	}
	buf_clear(&word);
	if (!ok)
		conf_words_clear(w);
	return ok;
}

bool conf_words_split(struct conf_words *w, struct slice raw, struct err *e)
{
	return split(w, raw, true, e);
}

bool conf_words_command(struct conf_words *w, struct slice command, struct err *e)
{
	return split(w, command, false, e);
}

void conf_put_word(struct buf *b, const char *word, enum conf_dump how)
{
	if (how == CONF_DUMP_OPENSSH || (*word && !strpbrk(word, " \t\"'\\#"))) {
		put_str(b, word);
		return;
	}
	put_u8(b, '"');
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			put_u8(b, '\\');
		put_u8(b, (uint8_t)*word);
	}
	put_u8(b, '"');
}

bool conf_is(struct slice word, const char *lower)
{
	for (size_t i = 0; i < word.n; i++) {
		uint8_t c = word.p[i];
		if (!lower[i] || (c >= 'A' && c <= 'Z' ? c + 32 : c) != (uint8_t)lower[i])
			return false;
	}
	return lower[word.n] == 0;
}
