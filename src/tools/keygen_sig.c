#include "tools/keygen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "key/krl.h"
#include "key/signers.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/files.h"

struct sig_options { const struct hash_alg *hash; int64_t time; bool print_key; };

static bool take_options(const struct keygen *k, struct sig_options *o, struct err *err)
{
	*o = (struct sig_options){&hash_sha512, clock_wall(), false};
	for (size_t i = 0; i < k->noptions; i++) {
		struct slice value = slice_str(k->option[i]), name = slice_cut(&value, '=');
		uint64_t t;
		if (slice_eq_fold(name, SLICE_LIT("hashalg"))) {
			o->hash = slice_eq_fold(value, SLICE_LIT("sha256")) ? &hash_sha256 : slice_eq_fold(value, SLICE_LIT("sha512")) ? &hash_sha512 : NULL;
			if (o->hash == NULL)
				return err_set(err, ERR_USAGE, "hashalg is sha256 or sha512");
		} else if (slice_eq_fold(name, SLICE_LIT("verify-time"))) {
			if (!keygen_time(value, &t))
				return err_set(err, ERR_USAGE, "Invalid \"verify-time\" option: give YYYYMMDD[HHMM[SS]][Z]");
			o->time = (int64_t)t;
		} else if (slice_eq_fold(name, SLICE_LIT("print-pubkey"))) {
			o->print_key = true;
		} else {
			return err_set(err, ERR_USAGE, "Invalid option \"%s\"", text_show(slice_str(k->option[i])));
		}
	}
	return true;
}

/* Of a file however long; path NULL: standard input. */
static bool digest_of(const char *path, const struct hash_alg *alg, uint8_t *out, struct err *err)
{
	struct file_policy policy = {.flags = FILE_FOLLOW};
	int fd = path ? file_open(path, &policy, err) : STDIN_FILENO;
	if (fd < 0)
		return false;
	struct hash *h = hash_new(alg);
	uint8_t *block = mem_new(1 << 16);
	ssize_t n;
	while ((n = read(fd, block, 1 << 16)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			hash_add(h, slice_of(block, (size_t)n));
	bool ok = n == 0 || err_errno(err, "cannot read %s", path ? path : "standard input");
	hash_end(h, out);
	hash_free(h);
	mem_free(block);
	if (path)
		fd_close(&fd);
	return ok;
}

static char *without(const char *path, const char *suffix)
{
	size_t n = strlen(path), s = strlen(suffix);
	return n > s && strcmp(path + n - s, suffix) == 0 ? mem_fmt("%.*s", (int)(n - s), path) : NULL;
}

/* What the agent has it signs, so that no passphrase is asked for; with -U or -D nobody else does. */
static struct key *load_signing(struct keygen *k, const char *path, const char *prompt, struct err *err)
{
	bool must = k->in_agent || k->library;
	struct key *key = keygen_away_key(k, path, must ? err : &(struct err){0});
	return key || must ? key : keygen_load(path, k->old_pass, prompt, NULL, NULL, err);
}

/* The private key of -f, which may name it, its public file or a certificate beside it. signer gets what goes into the signature. */
static struct key *signing_key(struct keygen *k, struct buf *signer, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	struct slice left, line;
	char *private = without(k->file, "-cert.pub");
	struct cert *cert = NULL;
	if (keygen_read(k->file, false, &text, err)) {
		left = buf_slice(&text);
		line = slice_line(&left);
		cert = private ? cert_from_line(line, NULL, NULL) : NULL;
	}
	buf_clear(&text);
	if (private == NULL)
		private = without(k->file, ".pub");
	const char *path = private ? private : k->file;
	char *prompt = mem_fmt("Enter passphrase for \"%s\": ", path);
	struct key *key = load_signing(k, path, prompt, err);
	if (key && cert && !key_equal(key, cert->key)) {
		err_set(err, ERR_FORMAT, "%s is not the certificate of %s", k->file, path);
		key_free(key);
		key = NULL;
	}
	if (key && cert)
		put_bytes(signer, buf_slice(&cert->blob));
	else if (key)
		key_blob(key, signer);
	cert_free(cert);
	mem_free(prompt);
	mem_free(private);
	return key;
}

static bool make_signature(const struct keygen *k, const struct key *key, struct slice signer, const struct hash_alg *hash, struct slice digest, struct buf *text, struct err *err)
{
	struct slice space = slice_str(k->names);
	const struct key_alg *alg = sshsig_alg(key, hash, space, err);
	struct buf data = BUF_INIT(SSHSIG_MAX), sig = BUF_INIT(SSHSIG_MAX);
	if (alg == NULL)
		return false;
	sshsig_put_covered(space, hash, digest, &data);
	bool ok = keygen_sign(k, key, alg, k->file, buf_slice(&data), &sig, err);
	if (ok)
		sshsig_put(signer, space, hash, buf_slice(&sig), text);
	buf_clear(&data);
	buf_clear(&sig);
	return ok;
}

static bool sign_one(const struct keygen *k, const struct key *key, struct slice signer, const struct sig_options *o, const char *path, struct err *err)
{
	uint8_t digest[HASH_MAX];
	struct buf text = BUF_INIT(SSHSIG_MAX);
	if (!k->quiet)
		fprintf(stderr, path ? "Signing file %s\n" : "Signing data on standard input\n", path);
	bool ok = digest_of(path, o->hash, digest, err)
	    && make_signature(k, key, signer, o->hash, slice_of(digest, o->hash->len), &text, err);
	if (ok && path) {
		char *out = keygen_add(path, ".sig");
		if (keygen_may_overwrite(out)) {
			ok = file_write(out, buf_slice(&text), 0644, err);
			if (ok && !k->quiet)
				fprintf(stderr, "Write signature to %s\n", out);
		}
		mem_free(out);
	} else if (ok) {
		fwrite(text.p, 1, text.len, stdout);
	}
	buf_clear(&text);
	return ok;
}

static int sign(struct keygen *k, const struct sig_options *o)
{
	struct err err = {0};
	struct buf signer = BUF_INIT(CERT_MAX);
	struct key *key = signing_key(k, &signer, &err);
	bool ok = key != NULL;
	bool from_stdin = k->nargs == 0 || (k->nargs == 1 && strcmp(k->arg[0], "-") == 0);
	if (ok && from_stdin)
		ok = sign_one(k, key, buf_slice(&signer), o, NULL, &err);
	for (size_t i = 0; ok && !from_stdin && i < k->nargs; i++)
		ok = sign_one(k, key, buf_slice(&signer), o, k->arg[i], &err);
	keygen_away_end(k);
	key_free(key);
	buf_clear(&signer);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

static struct sshsig *read_signature(const char *path, struct err *err)
{
	struct buf text = BUF_INIT(SSHSIG_MAX);
	struct sshsig *s = NULL;
	if (keygen_read(path, false, &text, err)) {
		s = sshsig_read(buf_slice(&text), err);
		if (s == NULL)
			err_prefix(err, "%s", path);
	}
	buf_clear(&text);
	return s;
}

static void say_good(const struct keygen *k, const struct sig_options *o, const struct sshsig *s, const char *name)
{
	struct buf blob = BUF_INIT(CERT_MAX), text = BUF_INIT(4 * CERT_MAX);
	key_blob(s->key, &blob);
	if (!k->quiet) {
		put_fmt(&text, "Good \"%s\" signature ", text_show(slice_str(k->names)));
		if (name)
			put_fmt(&text, "for %s ", text_show(slice_str(name)));
		put_fmt(&text, "with %s%s key ", key_word(s->key), s->cert ? "-CERT" : "");
		key_fingerprint(buf_slice(&blob), k->digest, &text);
		put_str(&text, "\n");
	}
	if (o->print_key && s->cert) {
		cert_type_name(key_kind_find(slice_str(key_type(s->key))), &text);
		put_str(&text, " ");
		put_base64(&text, buf_slice(&s->cert->blob));
		put_str(&text, "\n");
	} else if (o->print_key) {
		keyfile_write_line(s->key, slice_of(NULL, 0), &text);
	}
	fwrite(text.p, 1, text.len, stdout);
	buf_clear(&blob);
	buf_clear(&text);
}

static bool signature_is_right(const struct keygen *k, const struct sshsig *s, struct err *err)
{
	uint8_t digest[HASH_MAX];
	return digest_of(NULL, s->hash, digest, err)
	    && sshsig_verify(s, slice_str(k->names), slice_of(digest, s->hash->len), err) == VERDICT_VERIFIED;
}

static int64_t offset_of(int64_t when)
{
	struct tm tm;
	time_t t = (time_t)when;
	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

/* Reads the file of allowed signers. Line 0: nobody. */
static size_t find_signer(const struct keygen *k, const struct sig_options *o, const struct sshsig *s, struct slice name, struct slice space, struct buf *names, struct err *err)
{
	struct buf text = BUF_INIT(SIGNERS_FILE_MAX), why = BUF_INIT(1 << 16);
	struct signers_query q = {s, name, space, o->time, offset_of(o->time)};
	size_t line = 0;
	if (keygen_read(k->file, false, &text, err)) {
		line = signers_find(buf_slice(&text), &q, names, &why);
		struct slice first = buf_slice(&why);
		first = slice_line(&first);
		if (line == 0)
			err_set(err, ERR_DENIED, first.n ? "%s: %s" : "%s: no line allows this key%s", k->file, first.n ? text_show(first) : "");
	}
	buf_clear(&text);
	buf_clear(&why);
	return line;
}

static bool not_revoked(const struct keygen *k, const struct sshsig *s, struct err *err)
{
	struct buf text = BUF_INIT(KRL_FILE_MAX);
	bool ok = k->zone == NULL || (keygen_read(k->zone, false, &text, err) && krl_check(buf_slice(&text), s->key, s->cert, err) == KRL_NOT_REVOKED);
	buf_clear(&text);
	return ok;
}

static int verify(struct keygen *k, const struct sig_options *o)
{
	struct err err = {0};
	struct buf names = BUF_INIT(SIGNERS_LINE_MAX);
	struct sshsig *s = read_signature(k->ca, &err);
	bool ok = s && signature_is_right(k, s, &err) && not_revoked(k, s, &err)
	    && find_signer(k, o, s, slice_str(k->identity), slice_str(k->names), &names, &err) > 0;
	if (ok)
		say_good(k, o, s, k->identity);
	else
		puts("Could not verify signature.");    /* on standard output, where scripts look for it */
	sshsig_free(s);
	buf_clear(&names);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

static int check_novalidate(struct keygen *k, const struct sig_options *o)
{
	struct err err = {0};
	struct sshsig *s = read_signature(k->ca, &err);
	bool ok = s && signature_is_right(k, s, &err);
	if (ok)
		say_good(k, o, s, NULL);
	else
		puts("Could not verify signature.");    /* on standard output, where scripts look for it */
	sshsig_free(s);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

static int find_principals(struct keygen *k, const struct sig_options *o)
{
	struct err err = {0};
	struct buf names = BUF_INIT(SIGNERS_LINE_MAX), lines = BUF_INIT(2 * SIGNERS_LINE_MAX);
	struct sshsig *s = read_signature(k->ca, &err);
	bool ok = s && find_signer(k, o, s, slice_of(NULL, 0), slice_of(NULL, 0), &names, &err) > 0;
	struct slice rest = buf_slice(&names), one;
	while (ok && names_next(&rest, &one)) {
		put_text(&lines, one, 1024, TEXT_ESCAPED);
		put_str(&lines, "\n");
	}
	if (ok)
		fwrite(lines.p, 1, lines.len, stdout);
	else
		err_prefix(&err, "No principal matched");
	sshsig_free(s);
	buf_clear(&names);
	buf_clear(&lines);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

static int match_principals(struct keygen *k, const struct sig_options *o)
{
	struct err err = {0};
	struct buf text = BUF_INIT(SIGNERS_FILE_MAX), found = BUF_INIT(SIGNERS_FILE_MAX), lines = BUF_INIT(4 * (size_t)SIGNERS_FILE_MAX);
	(void)o;
	bool ok = keygen_read(k->file, false, &text, &err);
	if (ok && !signers_match(buf_slice(&text), slice_str(k->identity), &found))
		ok = err_set(&err, ERR_MISSING, "No principal matched.");
	put_text(&lines, buf_slice(&found), lines.max, TEXT_LINES | TEXT_ESCAPED);
	if (ok)
		fwrite(lines.p, 1, lines.len, stdout);
	buf_clear(&text);
	buf_clear(&found);
	buf_clear(&lines);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

/* What each step of -Y needs. */
enum { NEED_FILE = 1, NEED_SPACE = 2, NEED_NAME = 4, NEED_SIGNATURE = 8 };
static const struct { const char *name; unsigned needs; int (*run)(struct keygen *, const struct sig_options *); } ways[] = {
	{"sign", NEED_FILE | NEED_SPACE, sign},
	{"verify", NEED_FILE | NEED_SPACE | NEED_NAME | NEED_SIGNATURE, verify},
	{"check-novalidate", NEED_SPACE | NEED_SIGNATURE, check_novalidate},
	{"find-principals", NEED_FILE | NEED_SIGNATURE, find_principals},
	{"match-principals", NEED_FILE | NEED_NAME, match_principals},
};

int keygen_file_signature(struct keygen *k)
{
	struct sig_options o;
	struct err err = {0};
	const char *missing = NULL;
	size_t i = 0;
	while (i < ARRAY_LEN(ways) && strcmp(k->step, ways[i].name) != 0)
		i++;
	if (i == ARRAY_LEN(ways)) {
		fprintf(stderr, "%s: Unsupported operation for -Y: \"%s\"\n", k->program, text_show(slice_str(k->step)));
		return KEYGEN_NO;
	}
	unsigned needs = ways[i].needs;
	if ((needs & NEED_SPACE) && (k->names == NULL || *k->names == 0))
		missing = "namespace (-n)";
	else if ((needs & NEED_FILE) && k->file == NULL)
		missing = i == 0 ? "key file (-f)" : "allowed keys file (-f)";
	else if ((needs & NEED_NAME) && k->identity == NULL)
		missing = "identity (-I)";
	else if ((needs & NEED_SIGNATURE) && k->ca == NULL)
		missing = "signature file (-s)";
	if (missing) {
		fprintf(stderr, "%s: too few arguments for %s: missing %s\n", k->program, k->step, missing);
		return KEYGEN_NO;
	}
	if (!take_options(k, &o, &err))
		return keygen_fail(k, &err);
	return ways[i].run(k, &o);
}
