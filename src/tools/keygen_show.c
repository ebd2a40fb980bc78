#include "tools/keygen.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/cert.h"
#include "key/optlist.h"
#include "key/randart.h"
#include "sys/files.h"

enum { LIST_MAX = 64 << 20 };                               /* a file with many keys */

/* mark: "-CERT" for the key in a certificate, whose fingerprint is the plain key's. */
void keygen_show_key(const struct keygen *k, const struct key *key, const char *mark, struct slice comment)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX), text = BUF_INIT(64 << 10);
	uint8_t digest[HASH_MAX];
	key_blob(key, &blob);
	put_fmt(&text, "%u ", key_bits(key));
	if (k->bubble)
		key_bubblebabble(buf_slice(&blob), &text);
	else
		key_fingerprint(buf_slice(&blob), k->digest, &text);
	put_str(&text, " ");
	keygen_put_comment(&text, comment.n ? comment : SLICE_LIT("no comment"));
	put_fmt(&text, " (%s%s)\n", key_word(key), mark);
	if (k->verbose) {
		char *title = mem_fmt("%s%s %u", key_word(key), mark, key_bits(key));
		char *foot = mem_str(k->digest->name);
		for (char *c = foot; *c; c++)
			*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
		hash_once(k->digest, buf_slice(&blob), digest);
		put_randart(&text, slice_of(digest, k->digest->len), title, foot);
		mem_free(title);
		mem_free(foot);
	}
	fwrite(text.p, 1, text.len, stdout);
	buf_clear(&blob);
	buf_clear(&text);
}

static bool show_bare(const struct keygen *k, struct slice line, struct slice front)
{
	struct slice comment = slice_of(NULL, 0);
	struct key *key = keyfile_line(line, &comment, NULL);
	struct cert *cert = key ? NULL : cert_from_line(line, &comment, NULL);
	if (comment.n == 0 || comment.p[0] == '#')
		comment = front;
	if (key)
		keygen_show_key(k, key, "", comment);
	else if (cert)
		keygen_show_key(k, cert->key, "-CERT", comment);
	bool found = key || cert;
	key_free(key);
	cert_free(cert);
	return found;
}

/* A bare key, or one behind a host list or options, which then stand for a missing comment. */
static bool show_line(const struct keygen *k, struct slice line)
{
	line = slice_trim(line);
	if (line.n == 0 || line.p[0] == '#')
		return false;
	if (show_bare(k, line, slice_of(NULL, 0)))
		return true;
	struct slice front;                             /* a host list, or options */
	options_cut(&line, &front);
	return show_bare(k, line, front);
}

/* A private file: what stands beside it in .pub has the comment; else its own public part. */
static int show_private(const struct keygen *k, const char *path, struct slice text)
{
	struct buf comment = BUF_INIT(KEYFILE_MAX), beside = BUF_INIT(KEYFILE_MAX);
	char *public_path = keygen_add(path, ".pub");
	struct err err = {0};
	struct key *key = NULL;
	if (strcmp(path, "-") != 0 && keygen_read(public_path, false, &beside, NULL))
		key = keyfile_read_public(buf_slice(&beside), &comment, NULL);
	if (key == NULL) {
		buf_reset(&comment);
		key = keyfile_read(text, slice_of(NULL, 0), &comment, &err);
	}
	if (key == NULL)
		key = keyfile_read_public(text, &comment, &err);
	if (key)
		keygen_show_key(k, key, "", buf_slice(&comment));
	else
		err_prefix(&err, "%s is not a key file", path);
	bool ok = key != NULL;
	key_free(key);
	mem_free(public_path);
	buf_clear(&comment);
	buf_clear(&beside);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

int keygen_fingerprint(struct keygen *k)
{
	struct err err = {0};
	struct buf text = BUF_INIT_SECRET(LIST_MAX);
	char *path = keygen_ask_file(k, "ed25519", "Enter file in which the key is");
	int status = KEYGEN_FAILED;
	if (path == NULL)
		err_set(&err, ERR_USAGE, "no file named");
	else if (keygen_read(path, false, &text, &err)) {
		struct slice left = buf_slice(&text);
		bool any = false;
		if (keyfile_is_private(keyfile_detect(left))) {
			status = show_private(k, path, left);
		} else {
			while (left.n)
				any = show_line(k, slice_line(&left)) || any;
			if (any)
				status = KEYGEN_OK;
			else
				err_set(&err, ERR_FORMAT, "%s is not a public key file.", strcmp(path, "-") == 0 ? "(stdin)" : path);
		}
	}
	if (err.text[0])
		keygen_fail(k, &err);
	buf_clear(&text);
	mem_free(path);
	return status;
}

int keygen_print_public(struct keygen *k)
{
	struct err err = {0};
	struct buf comment = BUF_INIT(KEYFILE_MAX), line = BUF_INIT(2 * KEYFILE_MAX);
	char *path = keygen_ask_file(k, "ed25519", "Enter file in which the key is");
	char *prompt = mem_fmt("Enter passphrase for \"%s\": ", path ? path : "");
	struct key *key = path ? keygen_load(path, k->old_pass, prompt, &comment, NULL, &err) : NULL;
	if (key) {
		keyfile_write_line(key, buf_slice(&comment), &line);
		fwrite(line.p, 1, line.len, stdout);
	}
	int status = key ? KEYGEN_OK : path ? keygen_fail(k, &err) : KEYGEN_NO;
	key_free(key);
	mem_free(path);
	mem_free(prompt);
	buf_clear(&comment);
	buf_clear(&line);
	return status;
}
