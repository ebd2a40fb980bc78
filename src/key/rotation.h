/* UpdateHostKeys: what a server's list of its host keys means for known_hosts (PROTOCOL of OpenSSH, 2.5: hostkeys-00, hostkeys-prove-00).
 *
 *   rotation_init(&r, host, address, algorithms)
 *   rotation_announced(&r, data)              the body of hostkeys-00@openssh.com
 *   rotation_survey(&r, text)                 for each of the user's known_hosts files
 *   rotation_survey_old(&r, text)             again, when some key seems to be gone
 *   rotation_verdict(&r)                      nothing to do; write; ask the server for proofs first
 *   rotation_ask, rotation_proven             hostkeys-prove-00@openssh.com and its answer
 *   rotation_write(&r, text, ...)             the new text of each file
 *
 * Text in, text out; no file is opened. Lines that somebody wrote by hand (patterns, more than two names, markers), or
 * keys that stand there for other names as well, mean that nothing is touched.
 */
#ifndef KEY_ROTATION_H
#define KEY_ROTATION_H

#include "key/known_hosts.h"

enum { ROTATION_KEYS_MAX = 256 };
enum { ROTATION_AT_HOST = 1, ROTATION_AT_ADDRESS = 2 };

struct rotation_key {
	struct key *key;
	char *base64;                                       /* as it stands in a line */
	bool accepted;                                      /* our list of algorithms has it; else it is neither learned nor forgotten */
	bool proven, dropped;                               /* dropped: its proof was of a kind that we do not trust */
	unsigned at;                                        /* where the user's files have it */
};
struct rotation_old { struct key *key; char *base64; };
struct rotation {
	struct slice host, address;                         /* borrowed; address.n == 0: CheckHostIP is off */
	struct rotation_key *key;
	size_t n;
	struct rotation_old *old;                           /* in known_hosts, but not announced */
	size_t old_n, new_n;
	bool complex, other_name, old_elsewhere;            /* why it cannot be done */
};

void rotation_init(struct rotation *, struct slice host, struct slice address);
void rotation_clear(struct rotation *);
/* The body of hostkeys-00: strings, each a public blob. Unknown types and certificates are passed over. False: malformed, a key twice, or too many. */
bool rotation_announced(struct rotation *, struct slice data, struct slice algorithms, struct err *) MUST_CHECK;
void rotation_survey(struct rotation *, struct slice text);
void rotation_survey_old(struct rotation *, struct slice text);

enum rotation_verdict { ROTATION_NOTHING, ROTATION_REFUSED, ROTATION_WRITE, ROTATION_PROVE };
/* why: for ROTATION_NOTHING and ROTATION_REFUSED; static. */
enum rotation_verdict rotation_verdict(struct rotation *, const char **why);
void rotation_ask(const struct rotation *, struct buf *data);             /* body of hostkeys-prove-00 */
/* The answer: one signature for each key that was asked for, over the request's name, the session id and the key. algorithms:
 * those that may sign, comma list. False: a signature is wrong; then nothing is learned. */
bool rotation_proven(struct rotation *, struct slice session_id, struct slice reply, struct slice algorithms, struct err *) MUST_CHECK;
/* Every file loses the old keys, the first one gets what is missing. False: nothing changes. */
bool rotation_write(struct rotation *, struct slice text, bool first, bool hashed, struct buf *out);

#endif
