/* What is this key, and may it be used at all? Everything that a peer's blob, certificate or signature must be
 * parsed for happens in a one-shot jailed child; so does reading of the files of RevokedKeys.
 *
 * The child can only say what it found out. Log lines are written here, in OpenSSH's words.
 */
#ifndef SERVER_KEYJUDGE_H
#define SERVER_KEYJUDGE_H

#include "key/cert.h"
#include "server/monitor.h"

struct judge_ask {
	const struct key_alg *alg;                          /* of a key or of a certificate */
	struct slice blob;
	bool with_signature;
	struct slice data, signature;
	const char *what;                                   /* the method as OpenSSH's lines begin: "userauth_pubkey" */
};

/* Lies in its store. cert has no keys in it: the CA's is ca_blob. */
struct judgement {
	struct buf store;
	struct slice blob;                                  /* as offered; the asker's */
	struct slice plain, ca_blob;                        /* public blobs: of the key itself, of the CA; ca_blob.n == 0: no certificate */
	const struct key_alg *alg;
	struct cert cert;
	struct sk_flags sk;                                 /* of the signature */
	bool parsed;                                        /* what is above is known, whatever was found out then */
	struct buf info;                                    /* "ED25519 SHA256:...", for a certificate with ID, serial and CA behind */
	struct buf fp, ca_fp;
};

/* True: a key that may be used (size, CA's algorithm, not revoked) and, where asked, its signature is right. Clear it in every case. */
bool keyjudge(struct monitor *, const struct judge_ask *, struct judgement *) MUST_CHECK;
void judgement_clear(struct judgement *);
/* SHA256:... or as FingerprintHash says */
void keyjudge_fingerprint(const struct monitor *, struct slice blob, struct buf *out);
/* "ED25519" of a public blob; "unknown" */
const char *keyjudge_word(struct slice blob);

#endif
