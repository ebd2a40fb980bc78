/* Terminal modes on the wire and on the client's own terminal.
 *
 * Encoded modes (RFC 4254, 8; IUTF8 by RFC 8160) are pairs of opcode and uint32, ended by 0.
 * tty_modes[] is the one list of opcodes. Decoding applies what this system has and passes over
 * the rest, as the RFC says; opcodes 160 and above end the list.
 *
 * Raw mode is a process-wide matter: tty_enter_raw remembers what was, tty_leave_raw puts it
 * back, also when called twice or from a signal's clean-up in the loop.
 */
#ifndef SYS_TTY_H
#define SYS_TTY_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "base/bytes.h"
#include "base/err.h"

enum tty_field { TTY_CHAR, TTY_INPUT, TTY_LOCAL, TTY_OUTPUT, TTY_CONTROL, TTY_ISPEED, TTY_OSPEED };
#define TTY_NOWHERE UINT32_MAX                                 /* this system has no such mode */

struct tty_mode {
	uint8_t opcode;
	enum tty_field field;
	const char *name;
	uint32_t value;                                         /* index into c_cc or the flag; TTY_NOWHERE */
};
extern const struct tty_mode tty_modes[];
extern const size_t tty_modes_count;

void tty_modes_encode(const struct termios *, struct buf *out);   /* with the final 0 */
/* Applies to *t. false: cut in the middle of an argument; what stood before it is applied. */
bool tty_modes_decode(struct slice, struct termios *t);
bool tty_modes_of(int fd, struct buf *out);                /* of a terminal; false and only the final 0 where fd is none */
bool tty_modes_apply(int fd, struct slice);                /* to a pty */

bool tty_enter_raw(int fd, bool keep_signals);             /* false: not a terminal. keep_signals: ISIG stays (for -T with a tty on stdin) */
void tty_leave_raw(void);
bool tty_is_raw(void);

/* A line from /dev/tty, without echo unless `echo`. false: no terminal, end of file or interrupt (ERR_MISSING, ERR_DENIED).
 * out (make it secret) gets the line without its end; what passes out->max is ERR_LIMIT. Prompt: escaped by the caller. */
bool tty_read_line(const char *prompt, bool echo, struct buf *out, struct err *) MUST_CHECK;

#endif
