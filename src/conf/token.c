#include "conf/token.h"

#include <string.h>
#include "base/mem.h"
#include "base/text.h"

static const struct token *find(const struct token *t, size_t n, char letter)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].letter == letter)
			return &t[i];
	return NULL;
}

static bool put_token(char letter, const char *allowed, const struct token *tokens, size_t n, struct buf *out, struct err *e)
{
	const struct token *t = find(tokens, n, letter);
	struct slice shown = slice_of(&letter, letter != 0);
	if (letter == '%') {
		put_u8(out, '%');
		return true;
	}
	if (letter == 0)
		return err_set(e, ERR_FORMAT, "a single %% stands at the end; write %%%% for a plain one");
	if ((allowed && !strchr(allowed, letter)) || (t == NULL && !allowed))
		return err_set(e, ERR_FORMAT, "%%%s is not known here; write %%%% for a plain %%", text_show(shown));
	if (t == NULL || t->value == NULL)
		return err_set(e, ERR_MISSING, "%%%s has no value here", text_show(shown));
	put_str(out, t->value);
	return true;
}

/* Behind "${": the name up to "}" is taken from *s. */
static bool take_name(struct slice *s, struct slice *name)
{
	const uint8_t *end = s->n ? memchr(s->p, '}', s->n) : NULL;
	if (end == NULL || end == s->p)
		return false;
	*name = slice_of(s->p, (size_t)(end - s->p));
	*s = slice_from(*s, name->n + 1);
	return true;
}

bool token_env_next(struct slice *text, struct slice *name)
{
	while (text->n > 2) {
		bool start = text->p[0] == '$' && text->p[1] == '{';
		*text = slice_from(*text, start ? 2 : 1);
		if (start)
			return take_name(text, name);
	}
	return false;
}

static bool put_variable(struct slice *s, const struct token_env *env, struct buf *out, struct err *e)
{
	struct slice name;
	if (!take_name(s, &name))
		return err_set(e, ERR_FORMAT, "${ is not followed by a name and }");
	while (env->name && !slice_eq_str(name, env->name))
		env++;
	if (env->name == NULL || env->value == NULL)
		return err_set(e, ERR_MISSING, "the environment variable %.100s is not set", text_show(name));
	put_str(out, env->value);
	return true;
}

bool token_expand(const char *text, const char *allowed, const struct token *tokens, size_t n,
	const struct token_env *env, struct buf *out, struct err *e)
{
	struct slice s = slice_str(text);
	while (s.n) {
		uint8_t c = s.p[0], next = s.n > 1 ? s.p[1] : 0;
		if (c == '%') {
			if (!put_token((char)next, allowed, tokens, n, out, e))
				return false;
			s = slice_from(s, 2);
		} else if (env && c == '$' && next == '{') {
			s = slice_from(s, 2);
			if (!put_variable(&s, env, out, e))
				return false;
		} else {
			put_u8(out, c);
			s = slice_from(s, 1);
		}
	}
	return !out->bad || err_set(e, ERR_LIMIT, "the expanded text is too long");
}

char *conf_expand(const struct conf_key *k, const char *text, const struct token *tokens, size_t n,
	const struct token_env *env, struct err *e)
{
	struct buf b = BUF_INIT(CONF_LINE_MAX);
	char *out = NULL;
	if (token_expand(text, k->tokens ? k->tokens : "", tokens, n, k->flags & CONF_ENV ? env : NULL, &b, e))
		out = mem_str(buf_cstr(&b));
	else
		err_prefix(e, "%s \"%.100s\"", k->name, text_show(slice_str(text)));
	buf_clear(&b);
	return out;
}

bool token_shell_safe(struct slice s)
{
	if (s.n && s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("'\"`$\\;&<>|(){}*?!#~", s.p[i]))
			return false;
	return true;
}
