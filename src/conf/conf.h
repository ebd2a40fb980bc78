/* The configuration engine: const tables of keywords fill a plain struct by offset.
 *
 * A keyword is a row (struct conf_key), its behaviour belongs to its type (conf/types.h), its
 * default is text that the same parser reads. What one row says is used by the parser, the dump of
 * `ssh -G` and `sshd -T`, the check of the man pages and the completion. Nothing here opens a file,
 * asks the environment or runs a command: conf/ssh_load.h and conf/sshd_load.h yield what they need.
 *
 * The struct owns its strings and lists: conf_clear frees them. Strings are NULL where a keyword is
 * unset or "none". Sources: ssh_config(5) and sshd_config(5) of OpenSSH.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/bytes.h"
#include "base/err.h"

#define SSH_RELEASE "OpenSSH_10.5p1"                      /* whose place we take: -V, Match version */

/* Values that are more than an int, a uint64_t or a char *. None has padding. */
struct conf_list { char **v; size_t n; };                 /* words in the order of the file */
struct conf_ints { int *v; size_t n; };
struct conf_rekey { uint64_t bytes, seconds; };           /* 0: the cipher's own limit; 0: no limit of time */
struct conf_ipqos { int interactive, bulk; };             /* the TOS byte; -1 leaves the system's */
struct conf_lifetime { uint32_t mode, seconds; };         /* AddKeysToAgent, ControlPersist; 0 seconds: for ever */
struct conf_startups { int begin, rate, full; };
struct conf_netblock { int v4, v6; };                     /* prefix lengths */
struct conf_penalties {                                   /* seconds, but for the two table sizes */
	int enabled, crash, authfail, invaliduser, refuseconnection, noauth, grace_exceeded, max, min;
	int max_sources4, max_sources6, overflow, overflow6;
};
enum conf_overflow { CONF_OVERFLOW_PERMISSIVE, CONF_OVERFLOW_DENY_ALL };

enum conf_scope { CONF_GLOBAL, CONF_MATCH };               /* CONF_MATCH: allowed inside Match as well */
enum conf_state {
	CONF_BUILT,
	CONF_LATER,                                         /* known; a value other than the harmless ones is warned about */
	CONF_DEPRECATED,                                    /* accepted without effect, with a warning */
	CONF_IGNORED,                                       /* accepted without effect or word */
	CONF_ALIAS,                                         /* dflt names the row that is meant */
	CONF_BLOCK,                                         /* Host, Match, Include: the loader's business */
};
enum {
	CONF_APPEND = 1,                                    /* each line adds; otherwise the first line wins */
	CONF_NONE = 2,                                      /* "none" is a value: NULL, an empty list, 0 */
	CONF_SHOW_NONE = 4,                                 /* the dump says "none" where nothing is set */
	CONF_RESTRICTS = 8,                                 /* not honouring it grants too much: a LATER row that is set must refuse service */
	CONF_QUIET = 16,                                    /* its warning is for -v only */
	CONF_EACH = 32,                                     /* a list is dumped as one line per word */
	CONF_ABSOLUTE = 64,                                 /* a command starts with '/' */
	CONF_OURS = 128,                                    /* OpenSSH does not know it */
	CONF_ENV = 256,                                     /* ${NAME} is expanded */
	CONF_HIDE = 512,                                    /* OpenSSH's dump leaves it out */
	CONF_MERGE = 1024,                                  /* a Match block adds in front of the global value */
};
enum conf_algs { CONF_ALGS_KEX, CONF_ALGS_SIG, CONF_ALGS_CIPHER, CONF_ALGS_MAC, CONF_ALGS_CA, CONF_ALGS_COUNT };

struct conf_choice { const char *name; int value; };       /* ends with name NULL; the first name of a value is shown */
struct conf_type;

struct conf_key {
	const char *name;                                   /* as the man page writes it; compared without case */
	const struct conf_type *type;                       /* NULL: no field */
	size_t offset;
	enum conf_scope scope;
	unsigned flags;
	enum conf_state state;
	const char *dflt;                                   /* file syntax, several lines for one that takes several; NULL: unset */
	const struct conf_choice *choices;
	int64_t min, max;                                   /* CT_INT; for CT_ALGS min is an enum conf_algs */
	const char *harmless;                               /* LATER: patterns of values that need no warning, beside the default */
	const char *tokens;                                 /* letters of the % tokens that are expanded */
	const char *help;
};

struct conf_table {
	const char *name;                                   /* "ssh_config", "sshd_config" */
	const struct conf_key *keys;
	size_t count, size;                                 /* rows; bytes of the struct */
	size_t given;                                       /* offset of uint64_t given[CONF_GIVEN_WORDS] in it */
};
#define CONF_GIVEN_WORDS 3
extern const struct conf_table ssh_table, sshd_table;

enum conf_which { CONF_SSH, CONF_SSHD };
const struct conf_key *conf_keys(enum conf_which, size_t *count);   /* for man-page checks and completion */
const struct conf_key *conf_find(const struct conf_table *, struct slice name);   /* aliases are not followed; NULL: unknown */
const struct conf_key *conf_follow(const struct conf_table *, const struct conf_key *);   /* what an alias means */

/* Names an algorithm list may hold, by enum conf_algs; NULL: those that conf/algs.h knows. */
struct conf_known { const char *names[CONF_ALGS_COUNT]; };

/* What stands behind the keyword of one line. */
struct conf_words {
	struct slice raw;                                   /* as written, without blanks at both ends */
	struct conf_list list;                              /* unquoted, without the comment */
};
bool conf_words_split(struct conf_words *, struct slice raw, struct err *);   /* raw is borrowed, the list is owned */
bool conf_words_command(struct conf_words *, struct slice command, struct err *);   /* the same for a command: '#' is a character like others */
void conf_words_clear(struct conf_words *);

/* Sets one keyword where it is not given yet, or adds to it. With conf NULL only the syntax is
 * checked. The error says "keyword X: what is wrong; what is allowed", without file and line. */
bool conf_set(const struct conf_table *, void *conf, const struct conf_key *, const struct conf_words *,
	const struct conf_known *, struct err *) MUST_CHECK;
bool conf_given(const struct conf_table *, const void *conf, size_t offset);   /* was the keyword at that offset set by somebody */
void conf_mark(const struct conf_table *, void *conf, size_t offset);          /* from now on it counts as given */
/* True if the warning "not built yet" is due: state LATER and neither the default nor harmless. */
bool conf_not_built(const struct conf_key *, const struct conf_words *);
/* First keyword that restricts, is in force and is not built: who honours the rest must refuse service. NULL: none. */
const struct conf_key *conf_unmet(const struct conf_table *, const void *conf);

void conf_init(const struct conf_table *, void *conf);     /* nothing given, no defaults */
void conf_defaults(const struct conf_table *, void *conf); /* fills what is not given */
void conf_copy(const struct conf_table *, void *to, const void *from);   /* to: initialised memory is not needed */
void conf_override(const struct conf_table *, void *to, const void *from);   /* what `from` has given replaces; sshd's Match */
void conf_clear(const struct conf_table *, void *conf);

enum conf_dump {
	CONF_DUMP_OPENSSH,                                  /* lines of `ssh -G` and `sshd -T`: lower case, no quotes */
	CONF_DUMP_EXACT,                                    /* reads back to the same values */
};
void conf_show(const struct conf_key *, const void *conf, enum conf_dump, struct buf *);   /* zero or more lines */
void conf_dump(const struct conf_table *, const void *conf, enum conf_dump, struct buf *); /* the rows in order */

bool conf_list_has(const struct conf_list *, const char *word);
void conf_list_clear(struct conf_list *);

/* What a loader says when it stops. */
enum conf_step {
	CONF_DONE,                                          /* all texts are read */
	CONF_ERROR,                                         /* text says what; calling again goes on with the next line */
	CONF_WARN,
	CONF_INCLUDE,                                       /* text is one pattern: give the files it matches, in order (none is fine), go on */
	CONF_EXEC,                                          /* Match exec (ssh): expand tokens, run text, give the result */
};
struct conf_ask {                                          /* strings live until the next call */
	enum conf_step step;
	const char *text;
	const char *file;                                   /* of the line that asks */
	unsigned line;
	bool quiet;                                         /* a warning for -v only */
	bool user;                                          /* the line is from a user's file: ~ and ~/.ssh are meant */
};
#define CONF_INCLUDE_DEPTH 16
#define CONF_TEXT_MAX (1u << 20)                           /* no file is longer */
#define CONF_LINE_MAX (64u << 10)

#endif
