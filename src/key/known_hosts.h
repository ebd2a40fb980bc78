/* known_hosts: whose key a host may show.
 *
 * Text in, judgement or text out; nothing here opens a file. A line is
 *   [@cert-authority|@revoked] hosts type base64 [comment]
 * where hosts is a comma list of patterns (* ? !), "[host]:port" for another port than 22, or one
 * hashed name "|1|salt|hmac-sha1" (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). Lines that are none of
 * this, or that hold a key type we do not know, are passed over.
 *
 * A name is what known_hosts_name makes: lower case, with brackets and port where it is not 22. For another port a
 * client that finds nothing may ask again for the name with port 22, as OpenSSH does, and accept a match.
 */
#ifndef KEY_KNOWN_HOSTS_H
#define KEY_KNOWN_HOSTS_H

#include "key/key.h"

enum { KNOWN_HOSTS_MAX = 16 << 20 };                        /* what a caller should read at most */

enum known_marker { KNOWN_PLAIN, KNOWN_CA, KNOWN_REVOKED_KEY };
struct known_line {
	size_t number;                                      /* from 1 */
	struct slice whole;                                 /* without the line end */
	bool comment;                                       /* empty or begins with '#' */
	bool is_entry;                                      /* false: a comment or broken, and nothing below is set */
	enum known_marker marker;
	struct slice hosts, type, base64, rest;             /* rest: the comment */
	struct slice key_text;                              /* "type base64 comment", for keyfile_line */
};
struct known_reader { struct slice left; size_t number; };
static inline struct known_reader known_reader_of(struct slice text)
{
	return (struct known_reader){text, 0};
}
bool known_next(struct known_reader *, struct known_line *);   /* false at the end */
bool known_line_is_hashed(const struct known_line *);
bool known_line_matches(const struct known_line *, struct slice name);
bool known_line_valid(const struct known_line *);           /* an entry whose key is base64 of a blob of the stated type, known to us or not */
struct key *known_line_key(const struct known_line *);      /* NULL: not a key that we know */

/* "host" or "[host]:port", lower case. port 0 counts as 22. */
void known_hosts_name(const char *host, unsigned port, struct buf *out);

/* Looking up. One result gathers what several files say: call known_hosts_check once for each text. */
enum known_state {
	KNOWN_NEW,              /* no key for this name */
	KNOWN_MATCH,
	KNOWN_CHANGED,          /* other keys, of whatever type, and this one nowhere: a new type is what a liar would show */
	KNOWN_REVOKED,          /* @revoked for this name, or for the CA that signed: wins over everything */
};
struct known_entry {
	unsigned file;                                      /* as the caller gave it */
	size_t line;
	enum known_marker marker;
	const char *type, *word;                            /* static */
	bool same;                                          /* it is the key that was asked about */
};
struct known_result { struct known_entry *entry; size_t n; enum known_state state; };
/* A zeroed result to begin with. `marker` says what to compare with: KNOWN_PLAIN for a key, KNOWN_CA for the key of a
 * certificate's CA. entry[] lists the lines of that marker for the name, and revoked ones that hit. */
void known_hosts_check(struct known_result *, unsigned file, struct slice text, struct slice name, const struct key *, enum known_marker marker);
void known_result_clear(struct known_result *);
/* Adds the types of all plain keys known for the name to a comma list, each once: the client asks for these first. */
void known_hosts_types(struct slice text, struct slice name, enum known_marker, struct buf *names);

/* Writing. */
void known_hosts_put(struct buf *, struct slice name, const struct key *, bool hashed);   /* a whole line */
void known_hosts_put_hashed_name(struct buf *, struct slice name);                        /* |1|salt|mac */

/* ssh-keygen -H: every name on a line of its own, hashed. Lines with wildcards, with a marker, already hashed, or broken stay as
 * they are; the report names what somebody should hear of. */
struct known_hash_report {
	size_t *wild, *invalid;                             /* line numbers; owned */
	size_t wild_n, invalid_n;
	bool changed;                                       /* there was something to hash */
};
void known_hosts_hash(struct slice text, struct buf *out, struct known_hash_report *);
/* The same for one line, in front of which the caller has found the name (ssh-keygen -F with -H). */
void known_hosts_hash_line(const struct known_line *, struct buf *out, struct known_hash_report *);
void known_hash_report_clear(struct known_hash_report *);
/* ssh-keygen -R: the text without the plain lines for the name; line[] (owned) are their numbers. Lines with a marker stay. */
struct known_removed { size_t *line; size_t n; };
void known_hosts_remove(struct slice text, struct slice name, struct buf *out, struct known_removed *);
void known_removed_clear(struct known_removed *);

#endif
