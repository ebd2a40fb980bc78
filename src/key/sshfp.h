/* SSHFP records: fingerprints of host keys in DNS (RFC 4255, 6594, 7479), and the answer of a name server that brings them.
 *
 * An answer is bytes of a stranger (RFC 1035, section 4): names are stepped over, never followed, so that no pointer can
 * make a loop. Records of other types and classes are passed over.
 */
#ifndef KEY_SSHFP_H
#define KEY_SSHFP_H

#include "key/key.h"

enum { SSHFP_TYPE = 44, SSHFP_MESSAGE_MAX = 65535 };

unsigned sshfp_algorithm(const struct key *);              /* 0: this type of key has no number */
unsigned sshfp_hash_number(const struct hash_alg *);       /* 1: SHA-1, 2: SHA-256 */

struct sshfp_answer {
	bool authentic;                                     /* the AD bit: the resolver has verified DNSSEC signatures (RFC 4035, 3.2.3) */
	uint16_t left;                                      /* records of the answer section still to come */
	struct reader r;
};
struct sshfp_record { uint8_t algorithm, hash; struct slice fingerprint; };
bool sshfp_open(struct sshfp_answer *, struct slice message, struct err *) MUST_CHECK;
bool sshfp_next(struct sshfp_answer *, struct sshfp_record *);   /* false at the end, or where the message is cut: then r.bad */

/* NONE: no record for any key. MATCH: a record has this key, and none for its type and hash says otherwise. */
enum sshfp_verdict { SSHFP_NONE, SSHFP_MISMATCH, SSHFP_MATCH };
enum sshfp_verdict sshfp_check(struct slice message, const struct key *, bool *authentic, struct err *);

#endif
