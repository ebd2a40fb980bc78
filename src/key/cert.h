/* OpenSSH certificates, version 01 (PROTOCOL.certkeys of OpenSSH): a key, what it is good for, and a CA's signature.
 *
 *   string type, string nonce, the key's numbers, uint64 serial, uint32 user or host, string key id,
 *   string principals, uint64 valid after, uint64 valid before, string critical options,
 *   string extensions, string reserved, string CA key, string signature
 *
 * A struct cert owns a copy of the blob; its slices lie there. A cert that cert_from_blob returns
 * is well-formed and its signature is the CA's. Whether that CA, the time, the name and the
 * options are acceptable is what cert_check and cert_grant say: a cert proves nothing before them.
 * A CA key that is a certificate itself is refused.
 */
#ifndef KEY_CERT_H
#define KEY_CERT_H

#include "key/authkeys.h"

enum { CERT_MAX = 64 << 10, CERT_PRINCIPALS_MAX = 256, CERT_OPTIONS_MAX = 256 };
#define CERT_FOREVER UINT64_MAX

enum cert_role { CERT_USER = 1, CERT_HOST = 2 };

struct cert {
	struct buf blob;
	struct key *key, *ca;                               /* public parts */
	const struct key_alg *ca_alg;                       /* under which the CA signed */
	enum cert_role role;
	uint64_t serial, after, before;                     /* seconds since 1970; valid while after <= now < before */
	struct slice key_id;
	struct slice principals;                            /* list of strings */
	struct slice critical, extensions;                  /* lists of string name, string data */
};

/* "ssh-ed25519-cert-v01@openssh.com": the type of the key inside; NULL: not a certificate's type, or of a key that we lack. */
const struct key_kind *cert_kind_find(struct slice type);
void cert_type_name(const struct key_kind *, struct buf *);
struct cert *cert_from_blob(struct slice blob, struct err *);
/* The public key that signs under this blob, be it a key or a certificate. *cert is NULL for a key; of a certificate
 * it is what cert_from_blob gives, owned by the caller like the key. cert == NULL: only the key is wanted. */
struct key *key_from_any(struct slice blob, struct cert **cert, struct err *);
/* A line "type base64 [comment]" */
struct cert *cert_from_line(struct slice line, struct slice *comment, struct err *);
/* The first certificate of a file "-cert.pub": empty lines, remarks and keys are passed over. ERR_MISSING: there is none. */
struct cert *cert_from_text(struct slice text, struct err *);
void cert_free(struct cert *);

/* Options in turn: name and data as it stands there. False at the end; a malformed list was refused before. */
bool cert_next_option(struct reader *, struct slice *name, struct slice *data);
bool cert_option_text(struct slice data, struct slice *value);   /* data is nothing (a flag) or one string; false: something else */

/* Role, time and name. Empty principals match nothing; those of a host may have wildcards. name.p == NULL: any name, for tools.
 * ca_algs: comma list of the signature algorithms that a CA may use. Says why not, in one line. */
bool cert_check(const struct cert *, enum cert_role, struct slice name, int64_t now, struct slice ca_algs, struct err *) MUST_CHECK;
/* What critical options and extensions of a user's certificate allow. False: one that is not known, or not for this address.
 * Slices of *out lie in the cert. */
bool cert_grant(const struct cert *, const struct authkeys_context *, struct grant *out, struct err *) MUST_CHECK;

/* Making one. Lists as in struct cert, options sorted by name (cert_put_option keeps data packed). */
struct cert_request {
	const struct key *key;
	enum cert_role role;
	uint64_t serial, after, before;
	struct slice key_id, principals, critical, extensions;
};
/* For a CA whose key is elsewhere (agent, token): the bytes that it signs. With the signature behind them, as a string, they
 * are the certificate. */
void cert_put_covered(const struct cert_request *, struct slice ca_blob, struct buf *);
bool cert_sign(const struct cert_request *, const struct key *ca, const struct key_alg *, struct buf *blob, struct err *) MUST_CHECK;
void cert_put_option(struct buf *, const char *name, struct slice value);   /* value.p == NULL: a flag */

#endif
