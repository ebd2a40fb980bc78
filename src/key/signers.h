/* allowed_signers: who may sign what (ssh-keygen(1), ALLOWED SIGNERS).
 *
 * A line is "principals [options] type key [comment]"; principals is a comma list of patterns,
 * maybe in quotes; options are cert-authority, namespaces="patterns", valid-after="time" and
 * valid-before="time". A line that is broken or has an unknown option allows nothing.
 */
#ifndef KEY_SIGNERS_H
#define KEY_SIGNERS_H

#include "key/sshsig.h"

enum { SIGNERS_FILE_MAX = 16 << 20, SIGNERS_LINE_MAX = 64 << 10 };

struct signers_query {
	const struct sshsig *sig;
	struct slice principal;                             /* p == NULL: any */
	struct slice space;                                 /* p == NULL: any */
	int64_t time, utc_offset;                           /* seconds since 1970; east of UTC for times without Z */
};
/* The first line that allows it: its number; 0: none. principals gets that line's patterns, or those names of a certificate that
 * they match (comma list). why gets a text line for each line of this key that does not allow it. */
size_t signers_find(struct slice text, const struct signers_query *, struct buf *principals, struct buf *why);
/* One line of output for each line of the file whose patterns match the name; false: none. */
bool signers_match(struct slice text, struct slice name, struct buf *lines);

#endif
