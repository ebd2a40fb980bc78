#include "key/optlist.h"

bool options_cut(struct slice *line, struct slice *options)
{
	bool quoted = false;
	size_t i = 0;
	for (; i < line->n && (quoted || (line->p[i] != ' ' && line->p[i] != '\t')); i++) {
		if (line->p[i] == '\\' && i + 1 < line->n && line->p[i + 1] == '"')
			i++;
		else if (line->p[i] == '"')
			quoted = !quoted;
	}
	*options = slice_of(line->p, i < line->n ? i : line->n);
	*line = slice_trim(slice_from(*line, i));
	return !quoted;
}

/* Behind the opening quote. */
static bool cut_quoted(struct slice *text, struct buf *value)
{
	while (text->n) {
		uint8_t c = text->p[0];
		*text = slice_from(*text, 1);
		if (c == '"')
			return true;
		if (c == '\\' && text->n && text->p[0] == '"') {
			c = '"';
			*text = slice_from(*text, 1);
		}
		put_u8(value, c);
	}
	return false;
}

enum option_step option_next(struct slice *text, struct slice *name, bool *has_value, struct buf *value)
{
	size_t n = 0;
	buf_reset(value);
	*has_value = false;
	if (text->n == 0)
		return OPTION_END;
	while (n < text->n && text->p[n] != '=' && text->p[n] != ',')
		n++;
	*name = slice_of(text->p, n);
	*text = slice_from(*text, n);
	if (text->n && text->p[0] == '=') {
		*has_value = slice_has_prefix(*text, "=\"");
		*text = slice_from(*text, 2);
		if (!*has_value || !cut_quoted(text, value))
			return OPTION_BROKEN;
	}
	if (text->n) {
		bool more = text->p[0] == ',' && text->n > 1;
		*text = slice_from(*text, 1);
		if (!more)
			return OPTION_BROKEN;
	}
	return name->n && !value->bad ? OPTION_ONE : OPTION_BROKEN;
}
