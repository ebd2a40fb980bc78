/* Text: escaping what came from a peer, base64, hex, wildcards, time words.
 *
 * put_text is the one way for a peer's bytes to a screen or a log: valid UTF-8 passes, control
 * characters (C0, DEL, C1), bidirectional controls and broken UTF-8 become \xNN (\n, \r, \t and
 * \\ by name), and what is longer than max bytes ends in "...".
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

enum {
	TEXT_LINES = 1,                                     /* keep LF and tab (banners, prompts) */
	TEXT_ESCAPED = 2,                                   /* what is already escaped stays: a backslash is not doubled */
};
void put_text(struct buf *, struct slice, size_t max, unsigned flags);
/* For printf-like calls: one of 8 static buffers, each call takes the next; at most 255 bytes. */
const char *text_show(struct slice);

void put_base64(struct buf *, struct slice);               /* with padding, no line breaks */
void put_base64_lines(struct buf *, struct slice, size_t width);
bool get_base64(struct slice text, struct buf *out) MUST_CHECK;   /* blanks and line ends are passed over; padding required */
void put_hex(struct buf *, struct slice);

/* `*` and `?`; linear in text times pattern. Case matters unless fold is set. */
bool match_wild(struct slice text, struct slice pattern, bool fold);
/* Comma list of patterns, `!` negates: 1 matched, 0 not, -1 matched by a negated one. */
int match_list(struct slice text, struct slice patterns, bool fold);

/* OpenSSH time: a sum of n[s|m|h|d|w]; seconds. */
bool text_to_seconds(struct slice, uint64_t *out) MUST_CHECK;
/* OpenSSH size: n[.n][K|M|G]; bytes. */
bool text_to_size(struct slice, uint64_t *out) MUST_CHECK;

#endif
