/* Lines of configuration texts, with the texts that Include brings in.
 *
 * Shared by both loaders. A frame is one text; it carries the loader's block state from the place of
 * its Include, which is given back when the text ends. Texts are copied.
 */
#ifndef CONF_READER_H
#define CONF_READER_H

#include "conf/conf.h"

#define READER_TEXTS_MAX 1024                              /* a file that includes itself twice would not end otherwise */

struct reader_text { char *name; uint8_t *p; size_t n; bool user; };
struct reader_frame { struct reader_text text; struct slice rest; unsigned line, nest; int state; };

struct conf_reader {
	const struct conf_table *table;
	struct reader_frame *frames;                        /* the last is being read; those of one Include lie in reverse order */
	size_t depth, texts;
	bool marks;                                         /* "#@ " lines are yielded, not comments */
	struct conf_list patterns;                          /* of the Include that is being answered */
	size_t pattern;
	struct reader_text *incoming;
	size_t incoming_n;
	struct buf name;                                    /* file of the current line, kept when its frame ends */
	unsigned line;
	bool user;
};

enum reader_step { READ_END, READ_LINE, READ_POP, READ_BAD, READ_ASK, READ_MARK };
struct conf_line {
	const struct conf_key *key;                         /* aliases followed; NULL: unknown */
	struct slice keyword;
	struct slice raw;                                   /* what stands behind it */
	struct slice mark;                                  /* READ_MARK: behind "#@ " */
	const char *pattern;                                /* READ_ASK */
	int state;                                          /* READ_POP: that of the text which goes on */
	bool sibling;                                       /* READ_POP: another text of the same Include comes first */
	bool opened;                                        /* texts of an Include were opened: this line is the first one's */
};

void reader_init(struct conf_reader *, const struct conf_table *);
void reader_clear(struct conf_reader *);
void reader_push(struct conf_reader *, const char *name, struct slice text, bool user, int state);
/* Begins an Include: reader_next yields READ_ASK for each pattern, then the texts that reader_add gave, in order. */
bool reader_include(struct conf_reader *, const struct conf_words *, struct err *) MUST_CHECK;
void reader_add(struct conf_reader *, const char *name, struct slice text);
/* READ_BAD: err says why; the next call goes on. Slices live until the next call. */
enum reader_step reader_next(struct conf_reader *, int state, struct conf_line *, struct err *);
/* Takes keyword and rest of one line apart; false if it is empty or a comment. */
bool reader_split(const struct conf_table *, struct slice line, struct conf_line *);
/* "FILE line N: text", or "FILE: text" where there is no line; NUL-terminated in b. */
void reader_say(const char *file, unsigned line, const char *text, struct buf *b);

#endif
