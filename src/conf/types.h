/* The types of keywords: how a value is read, shown, joined, copied and freed.
 *
 * A row of a table points to one of these. `set` reads the words of one line into zeroed memory of
 * `size` bytes; conf_set() then moves it into the struct or merges it into what is there. So the syntax of
 * a line is checked even where its value does not count.
 */
#ifndef CONF_TYPES_H
#define CONF_TYPES_H

#include "conf/conf.h"

struct conf_input {
	const struct conf_key *key;
	const struct conf_words *words;
	const struct conf_known *known;
};

struct conf_type {
	const char *name;                                   /* for the man page and for people */
	size_t size;
	bool (*set)(const struct conf_input *, void *field, struct err *);
	void (*show)(const struct conf_key *, const void *field, enum conf_dump, struct buf *);
	void (*merge)(void *field, void *from);             /* takes what `from` holds; NULL: plain move */
	void (*copy)(void *to, const void *from);           /* NULL: plain bytes */
	void (*drop)(void *field);                          /* NULL: nothing is owned */
};
#define CONF_FIELD_MAX 64                                  /* no field is larger */

/* One value: the field is an int. */
extern const struct conf_type CT_BOOL;                     /* yes, no, true, false */
extern const struct conf_type CT_YESNO;                    /* yes, no */
extern const struct conf_type CT_INT;                      /* min to max of the row */
extern const struct conf_type CT_OCTAL;
extern const struct conf_type CT_TIME;                     /* seconds */
extern const struct conf_type CT_ENUM;                     /* choices of the row */
extern const struct conf_type CT_ESCAPE;
extern const struct conf_type CT_OBSCURE;
extern const struct conf_type CT_PUBKEY_OPTIONS, CT_RDOMAIN;
/* The field is a uint64_t. */
extern const struct conf_type CT_SIZE;
/* The field is a char *. */
extern const struct conf_type CT_STRING;                   /* one word */
extern const struct conf_type CT_COMMAND;                  /* the rest of the line as written */
extern const struct conf_type CT_ALGS;
extern const struct conf_type CT_AGENT;                    /* yes, no or a string */
/* The field is a struct conf_list. */
extern const struct conf_type CT_WORDS;
extern const struct conf_type CT_LINES;                    /* one entry per line, min to max words */
extern const struct conf_type CT_SEND_ENV, CT_SET_ENV, CT_SUBSYSTEM, CT_LISTEN, CT_METHODS, CT_TIMEOUTS, CT_ANY_OR_NONE;
/* Structs of conf/conf.h. */
extern const struct conf_type CT_PORTS, CT_REKEY, CT_IPQOS, CT_STARTUPS, CT_NETBLOCK, CT_PENALTIES, CT_ADD_KEYS, CT_PERSIST;

/* For the types themselves. */
void conf_put_name(struct buf *, const struct conf_key *); /* "keyword " in lower case */
void conf_put_word(struct buf *, const char *word, enum conf_dump);   /* quoted where the dump must be exact and the word needs it */
bool conf_one_word(const struct conf_input *, struct slice *word, struct err *);
bool conf_is(struct slice word, const char *lower);        /* without case */
bool conf_wants_none(const struct conf_input *);           /* the row allows "none" and the line says so */
bool conf_bad(const struct conf_input *, struct slice word, struct err *, const char *want);   /* false */
bool conf_number(struct slice word, int64_t min, int64_t max, int64_t *out);
void conf_show_none(const struct conf_key *, enum conf_dump, struct buf *);   /* the line for "nothing", if there is one */
void conf_string_copy(void *to, const void *from);
void conf_string_drop(void *field);
void conf_list_copy(void *to, const void *from);
void conf_list_drop(void *field);
void conf_list_add(struct conf_list *, const char *word);

#endif
