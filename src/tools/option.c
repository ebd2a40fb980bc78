#include "tools/option.h"

#include <assert.h>

void option_letters(const struct tool_option *rows, size_t count, char out[OPTION_LETTERS])
{
	size_t n = 0;
	assert(2 * count < OPTION_LETTERS);
	for (size_t i = 0; i < count; i++) {
		out[n++] = rows[i].letter;
		if (rows[i].arg)
			out[n++] = ':';
	}
	out[n] = 0;
}
