/* authorized_keys: which keys may log in, and with what right (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
 *
 * A line is "[options] type base64 [comment]". Everything that is doubtful grants nothing: an
 * option that is unknown or has a bad value, a line past AUTHKEYS_LINE_MAX, an option that demands or grants
 * something this build does not have (cert-authority, principals, tunnel, verify-required, ...).
 * The one table of option words is authkeys_options; each row says what `restrict` does to it.
 *
 * A grant is what a line allows. It has a field table, so that it travels in a frame; its lists are
 * concatenated SSH strings in one slice (get_string until the end). Slices of a grant lie in its
 * store and live as long as that.
 */
#ifndef KEY_AUTHKEYS_H
#define KEY_AUTHKEYS_H

#include "key/key.h"
#include "wire/msg.h"

enum { AUTHKEYS_FILE_MAX = 4 << 20, AUTHKEYS_LINE_MAX = 16 << 10, GRANT_LIST_MAX = 4096, GRANT_ENV_MAX = 1024 };

struct grant {
	bool agent_forwarding, port_forwarding, x11_forwarding, pty, user_rc;   /* allowed */
	bool has_command;
	struct slice command;                               /* forced; the one asked for goes to SSH_ORIGINAL_COMMAND */
	struct slice environment;                           /* list of NAME=value; first of a name wins */
	struct slice permitopen, permitlisten;              /* lists of host:port or *:port, [v6]:port, port "*"; empty: no limit */
	struct slice from;                                  /* the pattern list that was satisfied */
	struct slice principals;                            /* for a CA line; not yet */
	uint64_t expires;                                   /* seconds since 1970; 0: never. Checked already; the session may go on */
};
extern const struct msg_desc grant_desc;
extern const struct grant grant_all;                        /* everything allowed: for a password, or a line without options */

struct authkeys_context {
	const char *host, *addr;                            /* of the client; host == addr where names are not looked up */
	int64_t now;                                        /* seconds since 1970 */
	int64_t utc_offset;                                 /* seconds east of UTC, now: expiry-time without Z is local time */
};

enum authkeys_verdict { AUTHKEYS_NO, AUTHKEYS_YES };
struct authkeys_match {
	size_t line;                                        /* of the line that granted; 0 for none */
	struct grant grant;
	struct buf store;                                   /* what the grant's slices lie in */
	struct buf why;                                     /* text: "line 3: ...\n" for each line with this key that granted nothing */
};
/* The first line for this key that grants. blob is the public key's. *out is set in every case: clear it. */
enum authkeys_verdict authkeys_check(struct slice text, struct slice blob, const struct authkeys_context *, struct authkeys_match *out) MUST_CHECK;
void authkeys_match_clear(struct authkeys_match *);

/* The table, for documents, completion and tests. */
enum authkeys_effect { AUTHKEYS_CARRIED_OUT, AUTHKEYS_REFUSED };
struct authkeys_option {
	const char *name;                                   /* lower case, without "no-" where negatable */
	bool value;                                         /* takes ="..." */
	bool negatable;                                     /* also as no-name */
	bool restricted;                                    /* `restrict` switches it off */
	enum authkeys_effect effect;                        /* REFUSED: the line grants nothing */
};
extern const struct authkeys_option authkeys_options[];
extern const size_t authkeys_options_count;

#endif
