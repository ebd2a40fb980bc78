#include "key/rhosts.h"

/* Sign and @ of one word. False: nothing behind them. */
static bool take(struct slice *word, bool *group, bool *negated)
{
	if (word->n && (word->p[0] == '-' || word->p[0] == '+')) {
		*negated |= word->p[0] == '-';
		*word = slice_from(*word, 1);
	}
	*group = word->n && word->p[0] == '@';
	if (*group)
		*word = slice_from(*word, 1);
	return word->n > 0;
}

static bool parse(struct slice line, struct rhosts_line *out)
{
	*out = (struct rhosts_line){0};
	line = slice_trim(line);
	if (line.n == 0 || line.n > RHOSTS_LINE_MAX || line.p[0] == '#' || slice_has_prefix(line, "NO_PLUS") || slice_has_nul(line))
		return false;
	out->host = slice_word(&line);
	out->user = slice_word(&line);
	if (slice_word(&line).n)
		return false;
	return take(&out->host, &out->host_group, &out->negated) && (out->user.n == 0 || take(&out->user, &out->user_group, &out->negated));
}

bool rhosts_next(struct slice *text, struct rhosts_line *out)
{
	while (text->n)
		if (parse(slice_cut(text, '\n'), out))
			return true;
	return false;
}
