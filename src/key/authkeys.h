/* authorized_keys: which keys may log in, and with what right (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
 *
 * A line is "[options] type base64 [comment]". Everything that is doubtful grants nothing: an
 * option that is unknown or has a bad value, a line past AUTHKEYS_LINE_MAX, an option that demands or grants
 * something this build does not have (tunnel).
 * The one table of option words is authkeys_options; `restrict` forbids all that any row can allow.
 *
 * A certificate is let in by a line of its CA with cert-authority, or by a principal (both below):
 * then the grant is what line and certificate both allow.
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
	bool no_touch;                                      /* a security key's signature may lack the touch */
	bool verify;                                        /* it must show that the user was verified (PIN) */
	bool has_command;
	struct slice command;                               /* forced; the one asked for goes to SSH_ORIGINAL_COMMAND */
	struct slice environment;                           /* list of NAME=value; first of a name wins */
	struct slice permitopen, permitlisten;              /* lists of "host:port", "[v6]:port"; port may be "*", and for permitlisten host too; empty: no limit */
	struct slice from;                                  /* the pattern list that was satisfied */
	uint64_t expires;                                   /* seconds since 1970; 0: never. Checked already; the session may go on */
};
extern const struct msg_desc grant_desc;
extern const struct grant grant_all;                        /* everything allowed: for a password, or a line without options */

struct cert;
struct authkeys_context {
	const char *host, *addr;                            /* of the client; host == addr where names are not looked up */
	int64_t now;                                        /* seconds since 1970 */
	int64_t utc_offset;                                 /* seconds east of UTC, now: expiry-time without Z is local time */
	const struct cert *cert;                            /* what is offered; NULL: a plain key. Its own checks are done as well */
	struct slice user;                                  /* who logs in: for log lines, and whom a certificate must name */
	struct slice ca_algs;                               /* CASignatureAlgorithms */
};

enum authkeys_verdict { AUTHKEYS_NO, AUTHKEYS_YES };
struct authkeys_match {
	size_t line;                                        /* of the line that granted; 0 for none */
	struct grant grant;
	struct buf store;                                   /* what the grant's slices lie in; some in the certificate */
	struct buf why;                                     /* text: "3: ...\n" for each line with this key that granted nothing; without a list "..." */
	struct buf refused;                                 /* text: "3: ...\n" for each line that the certificate itself failed at; 0 without a list */
};
/* The first line for this key that grants. blob is the public key's; of a certificate (context) the CA's.
 * *out is set in every case: clear it. */
enum authkeys_verdict authkeys_check(struct slice text, struct slice blob, const struct authkeys_context *, struct authkeys_match *out) MUST_CHECK;
/* A list of principals, each a line "[options] name": may the certificate in by one of them? Whether its CA is trusted is the
 * caller's to know. */
enum authkeys_verdict authkeys_principals(struct slice text, const struct authkeys_context *, struct authkeys_match *out) MUST_CHECK;
/* The same without such a list: the certificate must name the user. */
enum authkeys_verdict authkeys_by_name(const struct authkeys_context *, struct authkeys_match *out) MUST_CHECK;
void authkeys_match_clear(struct authkeys_match *);

/* The parts of a line; false: a comment, empty, or no key of a type that we have. For ssh-keygen -l and its kin. */
bool authkeys_split(struct slice line, struct slice *options, struct slice *type, struct slice *base64, struct slice *comment);
/* YYYYMMDD[HHMM[SS]][Z|UTC] as seconds since 1970, without Z by the given offset of local time. Never 0. */
bool authkeys_time(struct slice text, int64_t utc_offset, uint64_t *out) MUST_CHECK;

/* The table: every word of a line's options, for the parser, documents and tests. */
enum authkeys_act {
	AUTHKEYS_ALLOW, AUTHKEYS_FORBID,                    /* the flag at `offset` of struct grant */
	AUTHKEYS_SET, AUTHKEYS_UNSET,                       /* the same, but not for `restrict` to take away */
	AUTHKEYS_AUTHORITY, AUTHKEYS_PRINCIPALS,            /* lines for certificates */
	AUTHKEYS_RESTRICT,                                  /* forbids every flag that an AUTHKEYS_ALLOW row has */
	AUTHKEYS_COMMAND, AUTHKEYS_ENVIRONMENT, AUTHKEYS_EXPIRY, AUTHKEYS_FROM, AUTHKEYS_PERMIT,
	AUTHKEYS_REFUSE,                                    /* not built: the line grants nothing */
};
struct authkeys_option {
	const char *name;                                   /* compared without case */
	bool value;                                         /* takes ="..." */
	enum authkeys_act act;
	size_t offset;                                      /* of the flag or list in struct grant */
};
extern const struct authkeys_option authkeys_options[];
extern const size_t authkeys_options_count;

#endif
