#include "server/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sys/files.h"

/* Letters of sshd(8). */
static const struct sshd_option_row rows[] = {
	{'4', NULL, "AddressFamily=inet", "use IPv4 only"},
	{'6', NULL, "AddressFamily=inet6", "use IPv6 only"},
	{'C', "spec", NULL, "connection to assume for -T: user=,host=,addr=,laddr=,lport="},
	{'c', "file", "HostCertificate=", "host certificate file"},
	{'D', NULL, NULL, "stay in the foreground"},
	{'d', NULL, NULL, "debug: one connection, log to stderr; up to three times"},
	{'E', "file", NULL, "append the log to a file"},
	{'e', NULL, NULL, "log to stderr"},
	{'f', "file", NULL, "configuration file"},
	{'G', NULL, NULL, "print the configuration, check no keys"},
	{'g', "time", "LoginGraceTime=", "time to log in"},
	{'h', "file", "HostKey=", "host key file"},
	{'i', NULL, NULL, "serve one connection on standard input and output"},
	{'o', "key=value", "", "a line of the configuration"},
	{'p', "port", "Port=", "port to listen on; replaces those of the file"},
	{'q', NULL, NULL, "log nothing"},
	{'T', NULL, NULL, "print the configuration in force"},
	{'t', NULL, NULL, "check the configuration and the keys"},
	{'u', "length", NULL, "length of the host field of utmp; 0: addresses only"},
	{'V', NULL, NULL, "print the version"},
	{'b', "bits", NULL, NULL},
	{'k', "time", NULL, NULL},
	{'Q', NULL, NULL, NULL},
	{'r', NULL, NULL, NULL},
};

const struct sshd_option_row *sshd_options_table(size_t *count)
{
	*count = ARRAY_LEN(rows);
	return rows;
}

static const struct sshd_option_row *find(int letter)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].letter == letter)
			return &rows[i];
	return NULL;
}

static bool apply(struct sshd_options *o, int letter, const char *arg, struct err *err)
{
	uint64_t n;
	switch (letter) {
	case 'C':
		o->has_match = true;
		return sshd_match_spec_add(&o->match, arg, err);
	case 'D':
		o->foreground = true;
		return true;
	case 'd':
		if (o->debug < 3)
			o->debug++;
		return true;
	case 'E':
		o->log_file = arg;
		return true;
	case 'e':
		o->to_stderr = true;
		return true;
	case 'f':
		o->config = arg;
		return true;
	case 'G':
		o->dump_only = true;
		return true;
	case 'i':
		o->inetd = true;
		return true;
	case 'q':
		o->quiet = true;
		return true;
	case 'T':
		o->dump = true;
		return true;
	case 't':
		o->test = true;
		return true;
	case 'V':
		o->version = true;
		return true;
	case 'u':
		if (!slice_to_u64(slice_str(arg), &n) || n > 64)
			return err_set(err, ERR_USAGE, "-u takes a length from 0 to 64");
		o->utmp_len = (uint32_t)n;
		return true;
	default:
		return true;
	}
}

bool sshd_options_parse(struct sshd_options *o, int argc, char **argv, struct err *err)
{
	char letters[2 * ARRAY_LEN(rows) + 1];
	size_t at = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		letters[at++] = rows[i].letter;
		if (rows[i].arg)
			letters[at++] = ':';
	}
	letters[at] = '\0';
	*o = (struct sshd_options){.program = argv[0], .config = PATH_ETC "/sshd_config", .utmp_len = 64};
	optind = 1;
	opterr = 0;
	for (int letter; (letter = getopt(argc, argv, letters)) != -1;) {
		const struct sshd_option_row *row = find(letter);
		if (row == NULL)
			return err_set(err, ERR_USAGE, "unknown option or missing argument: -%c", optopt);
		o->ports |= letter == 'p';
		if (row->keyword)
			LIST_PUSH(o->given, o->n, ((struct sshd_option){(char)letter, optarg}));
		else if (!apply(o, letter, optarg, err))
			return false;
	}
	if (optind < argc)
		return err_set(err, ERR_USAGE, "extra argument %s", text_show(slice_str(argv[optind])));
	return true;
}

void sshd_options_clear(struct sshd_options *o)
{
	mem_free(o->given);
	sshd_match_spec_clear(&o->match);
}

void sshd_options_usage(void)
{
	fputs("usage: sshd", stderr);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].help)
			fprintf(stderr, " [-%c%s%s]", rows[i].letter, rows[i].arg ? " " : "", rows[i].arg ? rows[i].arg : "");
	fputc('\n', stderr);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].help)
			fprintf(stderr, "  -%c %-9s %s\n", rows[i].letter, rows[i].arg ? rows[i].arg : "", rows[i].help);
}

uint32_t sshd_options_level(const struct sshd_options *o)
{
	if (o->quiet)
		return LOG_LEVEL_QUIET;
	return o->debug ? (uint32_t)LOG_LEVEL_VERBOSE + o->debug : UINT32_MAX;
}

/* The processes that read keys stand in the root folder. */
static char *absolute(const char *path)
{
	char here[PATH_MAX];
	return path[0] == '/' || strcmp(path, "none") == 0 || getcwd(here, sizeof here) == NULL ? mem_str(path) : file_join(here, path);
}

static bool set_option(struct sshd_file *f, const struct sshd_option *given, struct err *err)
{
	if (given->letter == 'p')
		return sshd_file_port(f, given->text, err);
	const char *keyword = find(given->letter)->keyword;
	char *path = given->letter == 'h' || given->letter == 'c' ? absolute(given->text) : mem_str(given->text ? given->text : "");
	char *line = mem_fmt("%s%s", keyword, path);
	mem_free(path);
	bool ok = sshd_file_option(f, line, err);
	mem_free(line);
	return ok || err_prefix(err, "-%c", given->letter);
}

/* sshd_config(5): a pattern without a leading slash is meant under the configuration's folder. */
static bool include(struct sshd_file *f, const struct conf_ask *ask, struct err *err)
{
	char *pattern = file_join(PATH_ETC, ask->text);
	struct file_list list = {0};
	bool ok = file_glob(pattern, &list, err);
	mem_free(pattern);
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = CONF_TEXT_MAX};
	for (size_t i = 0; ok && i < list.n; i++) {
		struct buf text = BUF_INIT(CONF_TEXT_MAX);
		ok = file_read(list.at[i], &policy, &text, err);
		if (ok)
			sshd_file_include(f, list.at[i], buf_slice(&text));
		buf_clear(&text);
	}
	file_list_clear(&list);
	return ok;
}

/* The first error goes to the caller, the others to the log at once, as the reader sees all of them. */
static bool read_all(struct sshd_file *f, struct err *err)
{
	struct conf_ask ask;
	bool ok = true;
	for (enum conf_step step; (step = sshd_file_next(f, &ask)) != CONF_DONE;) {
		if (step == CONF_INCLUDE) {
			if (!include(f, &ask, err))
				return err_prefix(err, "%s line %u", ask.file, ask.line);
		} else if (step == CONF_WARN) {
			log_at(ask.quiet ? LOG_LEVEL_DEBUG1 : LOG_LEVEL_INFO, "%s", ask.text);
		} else if (ok) {
			ok = err_set(err, ERR_FORMAT, "%s", ask.text);
		} else {
			log_error("%s", ask.text);
		}
	}
	return ok && !sshd_file_failed(f);
}

struct sshd_file *sshd_options_load(const struct sshd_options *o, struct err *err)
{
	struct sshd_file *f = sshd_file_new(NULL);
	struct buf text = BUF_INIT(CONF_TEXT_MAX);
	bool ok = true;
	for (size_t i = 0; ok && i < o->n; i++)
		ok = set_option(f, &o->given[i], err);
	bool nothing = strcmp(o->config, "none") == 0;
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = CONF_TEXT_MAX};
	if (ok && !nothing)
		ok = file_read(o->config, &policy, &text, err);
	if (ok) {
		sshd_file_text(f, o->config, buf_slice(&text));
		ok = read_all(f, err);
	}
	buf_clear(&text);
	if (ok)
		return f;
	sshd_file_free(f);
	return NULL;
}
