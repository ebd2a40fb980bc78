/* Command-line options of the small programs, as rows: the letters of getopt(3), the usage, the
 * check of the man pages and the completions come from these.
 *
 * The rows are static. `arg` names the argument; words parted by '|' are all that it may be.
 */
#ifndef TOOLS_OPTION_H
#define TOOLS_OPTION_H

#include <stdbool.h>
#include <stddef.h>

struct tool_option {
	char letter;
	const char *arg;                                    /* NULL: takes none */
	bool later;                                         /* belongs to a feature that is not built yet */
	const char *help;
};

const struct tool_option *add_options(size_t *count);
const struct tool_option *agent_options(size_t *count);
const struct tool_option *keyscan_options(size_t *count);
/* The rows of ssh-keygen say more than this: keygen.c. False behind the last. */
bool keygen_option(size_t i, struct tool_option *out);

enum { OPTION_LETTERS = 160 };
/* For getopt(3); at most 70 rows. */
void option_letters(const struct tool_option *, size_t count, char out[OPTION_LETTERS]);

#endif
