/* The world's fault: what a caller may report or branch on.
 *
 * A function that can fail for reasons outside the program returns bool and fills a struct err.
 * The text is one line, says what failed on what, and what to do next; it holds no bytes of a
 * peer that were not escaped. err may be NULL where the caller does not care.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include "base/bytes.h"

enum err_code {
	ERR_NONE,
	ERR_SYSTEM,      /* a system call failed */
	ERR_FORMAT,      /* the bytes are not what they should be */
	ERR_UNSUPPORTED, /* well-formed, but not something we do */
	ERR_PASSPHRASE,  /* wrong or missing passphrase */
	ERR_MISSING,     /* no such file, entry or key */
	ERR_DENIED,      /* permission, ownership, policy */
	ERR_LIMIT,       /* too large, too many */
	ERR_PEER,        /* the other end said no or broke the protocol */
	ERR_TIMEOUT,
	ERR_USAGE,
};

struct err { enum err_code code; char text[400]; };

/* Always returns false, so that `return err_set(...)` reads well. */
bool err_set(struct err *, enum err_code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As err_set, with ": strerror(errno)" behind it; code ERR_MISSING for ENOENT, ERR_DENIED for EACCES and EPERM, else ERR_SYSTEM. */
bool err_errno(struct err *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts "text: " before what is there. */
bool err_prefix(struct err *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
