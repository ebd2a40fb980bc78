/* Keys as SSH knows them: blobs, algorithm names, signatures.
 *
 * A key type ("ssh-rsa") may sign under several algorithm names ("rsa-sha2-512"); key_algs is the
 * one table of those names. Blobs and signatures: RFC 4253 (6.6), 5656, 8332, 8709, and PROTOCOL
 * of OpenSSH for certificates and security keys.
 * Nothing here opens a file: texts come in, texts go out.
 */
#ifndef KEY_KEY_H
#define KEY_KEY_H

#include "base/err.h"
#include "crypto/pk.h"

/* Who signs, and over what: the key itself, a security key (key/sk.h), a security key through a browser. */
enum key_form { KEY_FORM_PLAIN, KEY_FORM_SK, KEY_FORM_WEBAUTHN };

struct key_alg {
	const char *name;                                   /* signature algorithm, as negotiated */
	const char *type;                                   /* key type, as it stands in the blob */
	const char *word;                                   /* what logs say: "ED25519", "ECDSA", "RSA-CERT" */
	enum pk_kind kind;
	const struct hash_alg *hash;                        /* NULL for Ed25519 */
	bool off;                                           /* not offered unless named */
	enum key_form form;
	const struct key_alg *plain;                        /* of a certificate's row only: under what its key signs */
};
const struct key_alg *key_alg_find(struct slice name);
const struct key_alg *key_alg_list(size_t *count);          /* in OpenSSH's default order; those that are off at the end */
/* Certificates: "rsa-sha2-512-cert-v01@openssh.com" is negotiated, the blob is a certificate, and the signature
 * inside says "rsa-sha2-512". The plain row of such a row; any other row is its own. */
const struct key_alg *key_alg_plain(const struct key_alg *);

/* Key types: what stands in a blob. One type may have several signature algorithms. */
struct key_kind {
	const char *name;                                   /* "ecdsa-sha2-nistp256" */
	const char *cert;                                   /* its certificates: "ecdsa-sha2-nistp256-cert-v01@openssh.com" */
	const char *word;                                   /* "ECDSA", as logs and fingerprints say */
	const char *family;                                 /* "ecdsa", as ssh-keygen -t and file names say */
	const char *curve;                                  /* RFC 5656's identifier; NULL where there is none */
	enum pk_kind kind;
	unsigned bits;                                      /* 0: chosen when the key is made */
	bool sk;                                            /* made and used by a security key */
};
const struct key_kind *key_kind_find(struct slice name);    /* NULL: not a type that we have */
const struct key_kind *key_kind_list(size_t *count);
const struct key_kind *key_kind_of(enum pk_kind);           /* the plain type */

struct key;
struct key *key_from_blob(struct slice blob, struct err *);  /* public; trailing bytes are an error */
struct key *key_take_pk(struct pk *);                        /* wraps and owns pk; NULL stays NULL */
struct key *key_generate(struct slice type, unsigned bits, struct err *);   /* ERR_UNSUPPORTED for types of security keys */
struct key *key_copy(const struct key *);
void key_free(struct key *);

void key_blob(const struct key *, struct buf *);             /* public blob */
/* The numbers of a blob without the type in front: what a certificate has inside. */
struct key *key_get_public(struct reader *, const struct key_kind *, struct err *);
void key_put_public(const struct key *, struct buf *);
const struct key_kind *key_kind(const struct key *);
const char *key_type(const struct key *);                    /* "ssh-ed25519" ...; static */
const char *key_word(const struct key *);                    /* "ED25519" ...; static */
unsigned key_bits(const struct key *);
bool key_has_private(const struct key *);                    /* or the handle of a security key */
bool key_equal(const struct key *, const struct key *);      /* public parts */
const struct pk *key_pk(const struct key *);

/* sig: string algorithm, string body. ERR_UNSUPPORTED for a security key, which signs elsewhere. alg must suit the key's type; a certificate's row counts as its plain one. */
bool key_sign(const struct key *, const struct key_alg *, struct slice data, struct buf *sig, struct err *) MUST_CHECK;
/* alg is what was negotiated or asked for; a signature under another name is refused, and so is one of a security key
 * that nobody touched. */
enum verdict key_verify(const struct key *, const struct key_alg *, struct slice data, struct slice sig) MUST_CHECK;
/* What a security key says about the making of its signature. Without a security key all is false. */
struct sk_flags { bool sk, touched, verified; uint32_t counter; };
/* The same without the demand for a touch: *flags, true only with VERDICT_VERIFIED, is for the caller to judge. */
enum verdict key_verify_sk(const struct key *, const struct key_alg *, struct slice data, struct slice sig, struct sk_flags *) MUST_CHECK;

/* "SHA256:..." (base64 without padding) or "MD5:..." (hex with colons) */
void key_fingerprint(struct slice blob, const struct hash_alg *, struct buf *text);
void key_bubblebabble(struct slice blob, struct buf *text);   /* SHA-1 as words that can be spoken (A. Huima, "The Bubble Babble Binary Data Encoding") */

#endif
