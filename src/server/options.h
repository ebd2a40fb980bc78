/* The command line of sshd(8), and the configuration that it and the file give together. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "base/log.h"
#include "conf/sshd_load.h"

struct sshd_option_row {
	char letter;
	const char *arg;                                    /* name of the argument; NULL: takes none */
	const char *keyword;                                /* the option is short for that line of the file; NULL: something else */
	const char *help;                                   /* NULL: a leftover of protocol 1, without effect */
};
const struct sshd_option_row *sshd_options_table(size_t *count);

struct sshd_option { char letter; const char *text; };
struct sshd_options {
	const char *program;                                /* argv[0] */
	const char *config;                                 /* -f, or the system's */
	const char *log_file;                               /* -E */
	struct sshd_option *given;                          /* those that set a keyword, in their order */
	size_t n;
	struct sshd_match_spec match;                       /* -C */
	bool has_match;
	unsigned debug;                                     /* number of -d */
	bool foreground, inetd, test, dump, dump_only, quiet, to_stderr, version, ports;
	uint32_t utmp_len;
};

/* False: say err and the usage, exit 1. */
bool sshd_options_parse(struct sshd_options *, int argc, char **argv, struct err *) MUST_CHECK;
void sshd_options_clear(struct sshd_options *);
void sshd_options_usage(void);

/* Reads the file and its Includes under the options; warnings are logged. NULL: err says file and line. */
struct sshd_file *sshd_options_load(const struct sshd_options *, struct err *);
/* UINT32_MAX: what the configuration says. */
uint32_t sshd_options_level(const struct sshd_options *);

#endif
