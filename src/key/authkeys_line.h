/* One line's options while they are read; for authkeys.c and authcert.c only.
 *
 * Lists grow apart, and are put together in the store of a match when the line is done.
 */
#ifndef KEY_AUTHKEYS_LINE_H
#define KEY_AUTHKEYS_LINE_H

#include "key/authkeys.h"

struct authkeys_line {
	struct grant grant;
	struct buf command, environment, permitopen, permitlisten, from, principals;
	size_t environments, opens, listens;
	bool has_from, authority, has_principals;
	struct err err;
};
void authkeys_line_init(struct authkeys_line *);
bool authkeys_line_parse(struct authkeys_line *, struct slice options, const struct authkeys_context *) MUST_CHECK;
void authkeys_line_finish(struct authkeys_line *, struct authkeys_match *out);   /* moves the grant over; out->store must be empty */
void authkeys_line_clear(struct authkeys_line *);

/* The certificate's own part, in OpenSSH's order and words. principals: comma list of a line that has one; named: where there is none,
 * the certificate must name the user (else it was found by a name already). out->grant comes as what the line grants and becomes
 * what both do; what refuses goes to out->refused under the line's number. */
bool authkeys_certificate(const struct authkeys_context *, const struct buf *principals, bool named, size_t number, struct authkeys_match *out) MUST_CHECK;

#endif
