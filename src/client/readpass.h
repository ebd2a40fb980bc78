/* Asking a human: a passphrase, a password, yes or no.
 *
 * From /dev/tty without echo, or by the program in SSH_ASKPASS: where there is no terminal and a
 * display is set, or as SSH_ASKPASS_REQUIRE says (never, prefer, force). Answers are secrets.
 */
#ifndef CLIENT_READPASS_H
#define CLIENT_READPASS_H

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

#endif
