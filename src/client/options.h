/* The command line of ssh: one table of flags, most of them short forms of keywords (ssh(1)).
 *
 * Strings point into argv or are owned by the struct until options_clear.
 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include "base/err.h"

struct ssh_options {
	char **set;                                         /* "Key=value" in the order given; owned */
	size_t nset;
	const char *config_file, *log_file, *query;
	char *user, *host, *port, *command;                 /* owned; command: words joined by blanks, NULL for a shell */
	bool print_config, print_keys, print_version, quiet, to_syslog;
	unsigned verbose, tty;
};

struct option_row {
	char letter;
	const char *arg;                                    /* what the argument is; NULL: takes none */
	const char *keyword;                                /* "Key=value", "Key=%" with the argument; NULL: see options.c */
	bool later;                                         /* belongs to a feature that is not built yet */
	const char *help;
};
const struct option_row *options_table(size_t *count);

bool options_parse(struct ssh_options *, int argc, char **argv, struct err *) MUST_CHECK;
/* [user@]host or ssh://[user@]host[:port], as the destination is written. */
bool options_destination(struct ssh_options *, const char *text, struct err *) MUST_CHECK;
void options_usage(struct buf *);
void options_clear(struct ssh_options *);

#endif
