/* SSH signatures over files and messages (PROTOCOL.sshsig of OpenSSH; what git signs with).
 *
 *   "SSHSIG", uint32 1, string public key or certificate, string namespace, string reserved,
 *   string hash, string signature
 * armoured as SSH SIGNATURE. What is signed is "SSHSIG", namespace, reserved, hash, digest: so the
 * caller hashes the message, however long it is, and nobody can take such a signature for another
 * kind. RSA signs with SHA-2 only.
 */
#ifndef KEY_SSHSIG_H
#define KEY_SSHSIG_H

#include "key/cert.h"

enum { SSHSIG_MAX = 256 << 10, SSHSIG_NAMESPACE_MAX = 1024 };

struct sshsig {
	struct buf blob;
	struct key *key;                                    /* that signed */
	struct cert *cert;                                  /* NULL, or the certificate that holds key; not judged yet */
	const struct hash_alg *hash;                        /* sha256, sha512 */
	struct slice space, signature;                      /* space: the namespace */
};

struct sshsig *sshsig_read(struct slice text, struct err *);
void sshsig_free(struct sshsig *);
/* Was it this key and this digest (by sig->hash), for this namespace? */
enum verdict sshsig_verify(const struct sshsig *, struct slice space, struct slice digest, struct err *) MUST_CHECK;
/* For a key that is elsewhere (agent, token): the algorithm it signs with, the bytes that it signs, and the text around the
 * signature. sshsig_alg: NULL where hash or namespace will not do. */
const struct key_alg *sshsig_alg(const struct key *, const struct hash_alg *, struct slice space, struct err *);
void sshsig_put_covered(struct slice space, const struct hash_alg *, struct slice digest, struct buf *);
void sshsig_put(struct slice signer, struct slice space, const struct hash_alg *, struct slice signature, struct buf *text);
/* Whose it is stands in `signer`: the key's blob, or a certificate's. */
bool sshsig_make(const struct key *, struct slice signer, const struct hash_alg *, struct slice space, struct slice digest, struct buf *text, struct err *) MUST_CHECK;

#endif
