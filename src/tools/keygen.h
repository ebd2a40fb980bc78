/* ssh-keygen: making, showing and changing keys; known_hosts.
 *
 * keygen_main reads the command line by one const table of options (usage comes from it too) and
 * calls one function of what the user wants; each of these returns an exit status: 0 done, 1 a
 * plain no (not found, not overwritten, wrong use), 255 failed. Texts and statuses are those that
 * scripts know from OpenSSH's ssh-keygen.
 */
#ifndef TOOLS_KEYGEN_H
#define TOOLS_KEYGEN_H

#include "base/err.h"
#include "key/keyfile.h"

enum { KEYGEN_OK = 0, KEYGEN_NO = 1, KEYGEN_FAILED = 255, PASSPHRASE_MAX = 1024 };

struct keygen {
	const char *program;
	/* what to do */
	bool all, fingerprint, print_public, new_passphrase, new_comment, find, remove, hash, sign_cert, print_cert;
	bool download, token, file_step, make_krl, update, ask_krl, export, import, sshfp, bubble, moduli;
	/* how */
	const char *provider;                               /* library for security keys */
	const char *library;                                /* of PKCS#11 tokens */
	bool in_agent;                                      /* the CA's or signing key */
	const char *file, *comment, *pass, *old_pass, *type, *host, *cipher;
	const char *ca, *identity, *names, *validity, *serial, *step, *zone;
	const char *bits_text, *rounds_text, *format_text, *hash_text;
	char **option;                                      /* each -O */
	size_t noptions;
	char **arg;                                         /* what stands behind the options */
	size_t nargs;
	bool quiet, verbose, ignored, for_host, generic;
	/* read from the texts above */
	uint32_t bits, rounds;
	enum keyfile_format format;                         /* OPENSSH, PEM, PKCS8 */
	const struct hash_alg *digest;
	struct keygen_away *away;                           /* where the signing key is, if not in a file */
};

int keygen_main(int argc, char **argv);

/* keygen_away.c */
int keygen_token_keys(struct keygen *);                     /* -D */
/* The public key of a file, whose private half is in the token of -D or in the agent; keygen_sign finds it there from now on. */
struct key *keygen_away_key(struct keygen *, const char *path, struct err *);
bool keygen_away_sign(const struct keygen *, const struct key *, const struct key_alg *, struct slice data, struct buf *sig, struct err *) MUST_CHECK;
void keygen_away_end(struct keygen *);
/* keygen_sk.c */
int keygen_download(struct keygen *);                       /* resident keys */
struct key *keygen_enroll(const struct keygen *, const struct key_kind *, struct err *);
/* -p: the key with other flags, as -O says. NULL: an option that does not fit; take_key is gone then. */
struct key *keygen_with_flags(const struct keygen *, struct key *take_key, struct err *);
/* key_sign, by the security key where it lives in one. name: of the key, for questions. */
bool keygen_sign(const struct keygen *, const struct key *, const struct key_alg *, const char *name, struct slice data, struct buf *sig, struct err *) MUST_CHECK;
/* keygen_make.c */
bool keygen_may_overwrite(const char *path);                /* it is not there, or the user says yes */
bool keygen_get_passphrase(const struct keygen *, const char *path, struct buf *pass, struct err *) MUST_CHECK;   /* -N, or twice the same */
int keygen_generate(struct keygen *);
int keygen_all(struct keygen *);                            /* host keys that are missing */
/* keygen_show.c */
int keygen_fingerprint(struct keygen *);
void keygen_show_key(const struct keygen *, const struct key *, const char *mark, struct slice comment);
int keygen_print_public(struct keygen *);
/* keygen_change.c */
int keygen_change_passphrase(struct keygen *);
int keygen_change_comment(struct keygen *);
/* keygen_cert.c */
int keygen_sign_cert(struct keygen *);
/* keygen_showcert.c */
int keygen_print_cert(struct keygen *);
/* " forever", " after TIME", " before TIME" or " from TIME to TIME" in local time. */
void keygen_put_validity(struct buf *, uint64_t after, uint64_t before);
/* keygen_sig.c: -Y */
int keygen_file_signature(struct keygen *);
/* keygen_moduli.c: -M */
int keygen_moduli(struct keygen *);
/* keygen_krl.c */
int keygen_make_krl(struct keygen *);
int keygen_ask_krl(struct keygen *);
/* keygen_convert.c */
int keygen_export(struct keygen *);
enum keyfile_format keygen_public_format(const struct keygen *);   /* -m, of a public key */
int keygen_import(struct keygen *);
int keygen_sshfp(struct keygen *);
/* keygen_hosts.c */
int keygen_known_hosts(struct keygen *);

/* keygen_io.c: what these share. */
int keygen_fail(const struct keygen *, const struct err *);  /* says it on stderr; KEYGEN_FAILED */
/* -f, or what the user types at "question (default): ". Owned. NULL: end of input. */
char *keygen_ask_file(const struct keygen *, const char *family, const char *question);
char *keygen_add(const char *path, const char *suffix);
bool keygen_ask_line(const char *prompt, struct buf *out);   /* from standard input */
/* The whole file; "-" and /dev/stdin are standard input. private: others may have no access to a file of ours. */
bool keygen_read(const char *path, bool private, struct buf *out, struct err *) MUST_CHECK;
/* A private key; where it needs a passphrase: `pass` if there is one, else prompt. *pass_used (may be NULL) gets what opened it. */
struct key *keygen_load(const char *path, const char *pass, const char *prompt, struct buf *comment, struct buf *pass_used, struct err *);
/* The public key in a file of any format, or beside it in .pub. */
struct key *keygen_load_public(const char *path, struct buf *comment, struct err *);
/* Twice the same, from the terminal. */
bool keygen_new_passphrase(const char *prompt, struct buf *out, struct err *) MUST_CHECK;
/* Private file with mode 0600, as options say. */
bool keygen_save(const struct keygen *, const struct key *, const char *path, struct slice pass, struct slice comment, struct err *) MUST_CHECK;
bool keygen_save_public(const struct key *, const char *path, struct slice comment, struct err *) MUST_CHECK;
/* YYYYMMDD[HHMM[SS]][Z], local time without Z; seconds since 1970. */
bool keygen_time(struct slice, uint64_t *out) MUST_CHECK;
char *keygen_user_at_host(void);                            /* owned */
void keygen_put_comment(struct buf *, struct slice comment); /* escaped for a screen */

#endif
