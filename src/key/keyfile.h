/* Key files: texts in, keys out, and back.
 *
 * Private: openssh-key-v1 (PROTOCOL.key of OpenSSH), PEM and PKCS#8 (crypto/pk.h). Public: one line
 * "type base64 comment", RFC 4716, PEM. What is read from a private file always holds a public part
 * that was recomputed from the private one: a file whose two halves differ is refused.
 *
 * Errors: ERR_PASSPHRASE where one is needed (pass.n == 0) or wrong (pass.n > 0); ERR_LIMIT past
 * KEYFILE_MAX; ERR_UNSUPPORTED for a cipher, kdf or key type that we do not have; ERR_FORMAT.
 * The err texts name no file: the caller puts the path in front (err_prefix).
 */
#ifndef KEY_KEYFILE_H
#define KEY_KEYFILE_H

#include "key/key.h"

enum { KEYFILE_MAX = 1 << 20, KEYFILE_ROUNDS = 16, KEYFILE_ROUNDS_MAX = 1024, KEYFILE_COMMENT_MAX = 4096 };

enum keyfile_format {
	KEYFILE_NONE,           /* nothing that we know */
	KEYFILE_OPENSSH,        /* BEGIN OPENSSH PRIVATE KEY */
	KEYFILE_PEM,            /* BEGIN RSA, EC PRIVATE KEY */
	KEYFILE_PKCS8,          /* BEGIN PRIVATE KEY, BEGIN ENCRYPTED PRIVATE KEY */
	KEYFILE_LINE,           /* one-line public key */
	KEYFILE_RFC4716,        /* ---- BEGIN SSH2 PUBLIC KEY ---- */
	KEYFILE_PEM_PUBLIC,     /* BEGIN RSA PUBLIC KEY */
	KEYFILE_PKCS8_PUBLIC,   /* BEGIN PUBLIC KEY */
};
enum keyfile_format keyfile_detect(struct slice text);
bool keyfile_is_private(enum keyfile_format);

/* A private key of any of the private formats. comment (may be NULL) gets what openssh-key-v1 carries, else nothing.
 * pass.n == 0 means none. */
struct key *keyfile_read(struct slice text, struct slice pass, struct buf *comment, struct err *);
/* The public key of any format, without a passphrase; of an encrypted PEM or PKCS#8 text: ERR_PASSPHRASE. */
struct key *keyfile_read_public(struct slice text, struct buf *comment, struct err *);

/* One line "type base64 [comment]"; the type must be that of the blob. comment (may be NULL) lies in line. */
struct key *keyfile_line(struct slice line, struct slice *comment, struct err *);

struct keyfile_style {
	enum keyfile_format format;                         /* OPENSSH, PEM, PKCS8 */
	struct slice pass;                                  /* n == 0: not encrypted */
	struct slice cipher;                                /* OPENSSH only; n == 0: aes256-ctr */
	uint32_t rounds;                                    /* OPENSSH only; 0: KEYFILE_ROUNDS */
	struct slice comment;                               /* OPENSSH only */
};
/* out should be secret. False: unknown cipher, rounds out of range, or a format that has no such key. */
bool keyfile_write(const struct key *, const struct keyfile_style *, struct buf *out, struct err *) MUST_CHECK;
/* "type base64[ comment]\n" */
void keyfile_write_line(const struct key *, struct slice comment, struct buf *out);
/* The armour of RFC 4716 around any blob: certificates too. */
void keyfile_to_rfc4716(struct slice blob, struct slice comment, struct buf *out);
bool keyfile_from_rfc4716(struct slice text, struct buf *comment, struct buf *blob, struct err *) MUST_CHECK;
/* RFC4716, PEM_PUBLIC, PKCS8_PUBLIC or LINE. */
bool keyfile_write_public(const struct key *, enum keyfile_format, struct slice comment, struct buf *out, struct err *) MUST_CHECK;

#endif
