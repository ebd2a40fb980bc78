/* Published test vectors, for unit tests: Wycheproof's JSON files and plain files of C2SP/CCTV.
 *
 * The folder is $HAWSER_VECTORS, else ../shared/vectors beside the source tree. Where it is
 * absent, vectors_open says so on stdout and gives NULL, and the test goes on without that part;
 * a file that is present and cannot be parsed ends the test program. A JSON file is either
 * {"testGroups": [{..., "tests": [{...}]}]} or one array of tests. The reader trusts the file's
 * syntax: it is no parser for input of strangers.
 *
 *	struct vectors *v = vectors_open("wycheproof/mlkem_768_test.json");
 *	while (vectors_next(v))            (NULL: false at once)
 *		f(vectors_hex(v, "seed"), vectors_is(v, "result", "valid"));
 *	vectors_close(v);
 */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

#include "base/bytes.h"

struct vectors;

struct vectors *vectors_open(const char *path);            /* relative to the folder */
void vectors_close(struct vectors *);
bool vectors_next(struct vectors *);                       /* goes to the next test of this group or a later one */

/* Fields of the current test, or of its group where the test has none of that name; "a.b" is field
 * b of object a. Slices live until the next vectors_next. */
bool vectors_has(const struct vectors *, const char *field);
struct slice vectors_str(const struct vectors *, const char *field);   /* raw, escapes are not undone; empty if absent */
struct slice vectors_hex(struct vectors *, const char *field);         /* decoded; empty if absent; aborts if not hex */
long vectors_int(const struct vectors *, const char *field);           /* -1 if absent */
bool vectors_is(const struct vectors *, const char *field, const char *value);
bool vectors_flag(const struct vectors *, const char *flag);           /* is it in the test's "flags"? */

/* A whole file of the folder; false (and a message) where the folder is absent. */
bool vectors_read(const char *path, struct buf *out);
bool vectors_unhex(struct slice text, struct buf *out);    /* appends; false if it is not hex */

#endif
