#include "tools/keygen.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static bool next_passphrase(const struct keygen *k, struct buf *pass, struct err *err)
{
	if (k->pass) {
		put_str(pass, k->pass);
		return !pass->bad || err_set(err, ERR_USAGE, "the passphrase is longer than %d bytes", PASSPHRASE_MAX);
	}
	return keygen_new_passphrase("Enter new passphrase (empty for no passphrase): ", pass, err);
}

static void say_comment(const char *before, const struct buf *comment, const char *after)
{
	struct buf text = BUF_INIT(KEYFILE_MAX);
	put_str(&text, before);
	keygen_put_comment(&text, buf_slice(comment));
	put_str(&text, after);
	fwrite(text.p, 1, text.len, stdout);
	fflush(stdout);
	buf_clear(&text);
}

int keygen_change_passphrase(struct keygen *k)
{
	struct err err = {0};
	struct buf comment = BUF_INIT(KEYFILE_MAX), pass = BUF_INIT_SECRET(PASSPHRASE_MAX);
	char *path = keygen_ask_file(k, "ed25519", "Enter file in which the key is");
	struct key *key = path ? keygen_load(path, k->old_pass, "Enter old passphrase: ", &comment, NULL, &err) : NULL;
	int status = path ? KEYGEN_FAILED : KEYGEN_NO;
	if (key)
		key = keygen_with_flags(k, key, &err);
	if (key) {
		if (comment.len)
			say_comment("Key has comment '", &comment, "'\n");
		status = KEYGEN_NO;
		if (next_passphrase(k, &pass, &err) && keygen_save(k, key, path, buf_slice(&pass), buf_slice(&comment), &err)) {
			puts("Your identification has been saved with the new passphrase.");
			status = KEYGEN_OK;
		}
	}
	if (status != KEYGEN_OK && path)
		keygen_fail(k, &err);
	key_free(key);
	mem_free(path);
	buf_clear(&comment);
	buf_clear(&pass);
	return status;
}

/* The same key, passphrase and cipher with another comment, in both files. */
static bool apply_comment(const struct keygen *k, const struct key *key, const char *path, struct slice pass, struct slice comment, struct err *err)
{
	char *public_path = keygen_add(path, ".pub");
	bool ok = keygen_save(k, key, path, pass, comment, err) && keygen_save_public(key, public_path, comment, err);
	mem_free(public_path);
	return ok;
}

static int change_comment(const struct keygen *k, const struct key *key, const char *path, struct slice pass, const struct buf *old, struct err *err)
{
	struct buf comment = BUF_INIT(KEYFILE_COMMENT_MAX);
	int status = KEYGEN_NO;
	if (old->len)
		say_comment("Old comment: ", old, "\n");
	else
		puts("No existing comment");
	if (k->comment)
		put_str(&comment, k->comment);
	else
		keygen_ask_line("New comment: ", &comment);
	if (comment.bad)
		err_set(err, ERR_USAGE, "the comment is longer than %d bytes", KEYFILE_COMMENT_MAX);
	else if (slice_eq(buf_slice(&comment), buf_slice(old)))
		status = puts("No change to comment") < 0 ? KEYGEN_NO : KEYGEN_OK;
	else if (apply_comment(k, key, path, pass, buf_slice(&comment), err)) {
		if (comment.len)
			say_comment("Comment '", &comment, "' applied\n");
		else
			puts("Comment removed");
		status = KEYGEN_OK;
	}
	buf_clear(&comment);
	return status;
}

int keygen_change_comment(struct keygen *k)
{
	struct err err = {0};
	struct buf comment = BUF_INIT(KEYFILE_MAX), pass = BUF_INIT_SECRET(PASSPHRASE_MAX), text = BUF_INIT_SECRET(KEYFILE_MAX);
	char *path = keygen_ask_file(k, "ed25519", "Enter file in which the key is");
	const char *given = k->old_pass ? k->old_pass : k->pass;
	char *prompt = mem_fmt("Enter passphrase for \"%s\": ", path ? path : "");
	struct key *key = path ? keygen_load(path, given, prompt, &comment, &pass, &err) : NULL;
	int status = path ? KEYGEN_FAILED : KEYGEN_NO;
	/* PEM and PKCS#8 hold no comment: the file would have to become another one. */
	if (key && (!keygen_read(path, true, &text, &err) || keyfile_detect(buf_slice(&text)) != KEYFILE_OPENSSH)) {
		if (err.text[0] == 0)
			err_set(&err, ERR_UNSUPPORTED, "%s: comments are only kept in keys of OpenSSH's own format; convert it first with -p", path);
		status = KEYGEN_NO;
	} else if (key) {
		status = change_comment(k, key, path, buf_slice(&pass), &comment, &err);
	}
	if (status != KEYGEN_OK && err.text[0])
		keygen_fail(k, &err);
	key_free(key);
	mem_free(path);
	mem_free(prompt);
	buf_clear(&comment);
	buf_clear(&pass);
	buf_clear(&text);
	return status;
}
