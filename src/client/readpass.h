/* Asking a human: a passphrase, a password, yes or no.
 *
 * From /dev/tty without echo, or by the program in SSH_ASKPASS: where there is no terminal and a
 * display is set, or as SSH_ASKPASS_REQUIRE says (never, prefer, force). Answers are secrets.
 */
#ifndef CLIENT_READPASS_H
#define CLIENT_READPASS_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
	READPASS_ECHO = 1,          /* what is typed may be seen */
	READPASS_NO_ASKPASS = 2,    /* the terminal or nothing */
	READPASS_CONFIRM = 4,       /* askpass shows a yes-or-no question (SSH_ASKPASS_PROMPT=confirm) */
	READPASS_STDIN = 8,         /* where there is no terminal and no askpass, read standard input, as OpenSSH's ssh-keygen does */
};
/* out (secret) gets the answer without its line end. prompt is escaped by the caller. */
bool read_passphrase(const char *prompt, unsigned flags, struct buf *out, struct err *) MUST_CHECK;

/* The same question by SSH_ASKPASS without waiting: the program's pid (reaped by the caller), or -1. kind is what
 * SSH_ASKPASS_PROMPT says: "confirm" (yes or no), "none" (a notice until it is killed) or NULL. *fd (owned, never blocks)
 * yields what it writes. SSH_ASKPASS_REQUIRE=never is obeyed. */
pid_t askpass_start(const char *prompt, const char *kind, int *fd, struct err *) MUST_CHECK;
/* After its end: status as of wait(2). True: it ended well, and out (secret) has the first line it wrote. */
bool askpass_end(int *fd, int status, struct buf *out) MUST_CHECK;
/* A "confirm" was answered with yes: an empty line or "yes". */
bool askpass_is_yes(const struct buf *out);

#endif
