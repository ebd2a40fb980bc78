#include "tools/keygen.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/randart.h"
#include "sys/files.h"

/* What -A makes. */
static const char *const host_types[] = {"rsa", "ecdsa", "ed25519", "mldsa44-ed25519"};

enum { RSA_BITS = 3072, RSA_LEAST = 1024, RSA_MOST = 16384, ECDSA_BITS = 256 };

static const char *family_of(const char *word, unsigned *curve_bits, struct err *err)
{
	size_t n;
	const struct key_kind *kinds = key_kind_list(&n);
	for (size_t i = 0; i < n; i++) {
		bool full = strcmp(kinds[i].name, word) == 0;
		if (full && kinds[i].curve && !kinds[i].sk)
			*curve_bits = kinds[i].bits;
		if (full || slice_eq_fold(slice_str(kinds[i].family), slice_str(word)))
			return kinds[i].family;
	}
	err_set(err, ERR_USAGE, "unknown key type %s", text_show(slice_str(word)));
	return NULL;
}

/* The key type of a family and its size. */
static const struct key_kind *kind_of(const char *family, unsigned bits, struct err *err)
{
	size_t n;
	const struct key_kind *kinds = key_kind_list(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(kinds[i].family, family) == 0 && (kinds[i].curve == NULL || kinds[i].sk || kinds[i].bits == bits))
			return &kinds[i];
	err_set(err, ERR_USAGE, "Invalid %s key length: valid lengths are 256, 384 or 521 bits", "ECDSA");
	return NULL;
}

static struct key *make_key(const struct keygen *k, const char *family, unsigned bits, struct err *err)
{
	bool rsa = strcmp(family, "rsa") == 0;
	if (bits == 0)
		bits = rsa ? RSA_BITS : ECDSA_BITS;
	if (rsa && (bits < RSA_LEAST || bits > RSA_MOST)) {
		err_set(err, ERR_USAGE, "Invalid RSA key length: %s is %d bits", bits < RSA_LEAST ? "minimum" : "maximum", bits < RSA_LEAST ? RSA_LEAST : RSA_MOST);
		return NULL;
	}
	const struct key_kind *kind = kind_of(family, bits, err);
	if (kind && kind->sk)
		return keygen_enroll(k, kind, err);
	return kind ? key_generate(slice_str(kind->name), bits, err) : NULL;
}

bool keygen_may_overwrite(const char *path)
{
	struct buf line = BUF_INIT(256);
	if (!file_exists(path))
		return true;
	printf("%s already exists.\n", path);
	bool yes = keygen_ask_line("Overwrite (y/n)? ", &line) && line.len && (line.p[0] == 'y' || line.p[0] == 'Y');
	buf_clear(&line);
	return yes;
}

/* Only for a key that goes to the default place. */
static bool make_ssh_dir(const struct keygen *k, const char *path, struct err *err)
{
	char *dir = mem_fmt("%s/.ssh", file_home()), *of = file_dir(path);
	bool ok = true;
	if (strcmp(dir, of) == 0 && !file_exists(dir)) {
		ok = file_make_dir(dir, 0700, err);
		if (ok && !k->quiet)
			printf("Created directory '%s'.\n", dir);
	}
	mem_free(dir);
	mem_free(of);
	return ok;
}

bool keygen_get_passphrase(const struct keygen *k, const char *path, struct buf *pass, struct err *err)
{
	if (k->pass) {
		put_str(pass, k->pass);
		return !pass->bad || err_set(err, ERR_USAGE, "the passphrase is longer than %d bytes", PASSPHRASE_MAX);
	}
	char *prompt = mem_fmt("Enter passphrase for \"%s\" (empty for no passphrase): ", path);
	bool ok;
	do {
		ok = keygen_new_passphrase(prompt, pass, err);
		if (!ok && err->code == ERR_PASSPHRASE)
			printf("%s\n", err->text);
	} while (!ok && err->code == ERR_PASSPHRASE);
	mem_free(prompt);
	return ok;
}

static void show_new_key(const struct key *key, const char *path, const char *public_path, const char *comment)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX), text = BUF_INIT(64 << 10);
	uint8_t digest[HASH_MAX];
	char *title = mem_fmt("%s %u", key_word(key), key_bits(key));
	printf("Your identification has been saved in %s\nYour public key has been saved in %s\n", path, public_path);
	key_blob(key, &blob);
	put_str(&text, "The key fingerprint is:\n");
	key_fingerprint(buf_slice(&blob), &hash_sha256, &text);
	put_str(&text, " ");
	keygen_put_comment(&text, slice_str(comment));
	put_str(&text, "\nThe key's randomart image is:\n");
	hash_once(&hash_sha256, buf_slice(&blob), digest);
	put_randart(&text, slice_of(digest, hash_sha256.len), title, "SHA256");
	fwrite(text.p, 1, text.len, stdout);
	mem_free(title);
	buf_clear(&text);
	buf_clear(&blob);
}

static int save_new_key(const struct keygen *k, const struct key *key, const char *path, struct slice pass)
{
	struct err err = {0};
	char *public_path = keygen_add(path, ".pub"), *preset = keygen_user_at_host();
	const char *comment = k->comment ? k->comment : preset;
	unlink(path);                                       /* an old file's mode must not stay */
	bool ok = keygen_save(k, key, path, pass, slice_str(comment), &err) && keygen_save_public(key, public_path, slice_str(comment), &err);
	if (ok && !k->quiet)
		show_new_key(key, path, public_path, comment);
	mem_free(public_path);
	mem_free(preset);
	return ok ? KEYGEN_OK : (keygen_fail(k, &err), KEYGEN_NO);
}

int keygen_generate(struct keygen *k)
{
	struct err err = {0};
	unsigned bits = k->bits;
	const char *family = family_of(k->type ? k->type : "ed25519", &bits, &err);
	if (family == NULL)
		return keygen_fail(k, &err);
	if (!k->quiet)
		printf("Generating public/private %s key pair.\n", family);
	fflush(stdout);
	struct key *key = make_key(k, family, bits, &err);
	if (key == NULL)
		return keygen_fail(k, &err);
	struct buf pass = BUF_INIT_SECRET(PASSPHRASE_MAX);
	char *path = keygen_ask_file(k, family, "Enter file in which to save the key");
	int status = KEYGEN_NO;
	if (path && make_ssh_dir(k, path, &err) && keygen_may_overwrite(path)) {
		if (keygen_get_passphrase(k, path, &pass, &err))
			status = save_new_key(k, key, path, buf_slice(&pass));
	}
	if (status != KEYGEN_OK && err.text[0])
		keygen_fail(k, &err);
	key_free(key);
	buf_clear(&pass);
	mem_free(path);
	return status;
}

static bool is_there(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_size > 0;
}

/* One host key: never with a passphrase, since sshd has nobody to ask. False: an error was said. */
static bool make_host_key(struct keygen *k, const char *family, const char *path)
{
	struct err err = {0};
	char *public_path = keygen_add(path, ".pub"), *comment = keygen_user_at_host();
	struct key *key = make_key(k, family, 0, &err);
	const char *said = k->comment ? k->comment : comment;
	unlink(path);
	bool ok = key && keygen_save(k, key, path, slice_of(NULL, 0), slice_str(said), &err) && keygen_save_public(key, public_path, slice_str(said), &err);
	if (!ok)
		keygen_fail(k, &err);
	key_free(key);
	mem_free(public_path);
	mem_free(comment);
	return ok;
}

int keygen_all(struct keygen *k)
{
	bool ok = true, any = false;
	for (size_t i = 0; i < ARRAY_LEN(host_types); i++) {
		char *path = mem_fmt("%s%s/ssh_host_%s_key", k->file ? k->file : "", PATH_ETC, host_types[i]), *dash = strchr(strrchr(path, '/'), '-');
		if (dash)
			*dash = '_';
		if (!is_there(path)) {
			if (!any && !k->quiet)
				printf("%s: generating new host keys: ", k->program);
			any = true;
			if (!k->quiet) {
				for (const char *c = host_types[i]; *c; c++)
					putchar(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
				putchar(' ');
			}
			fflush(stdout);
			ok = make_host_key(k, host_types[i], path) && ok;
		}
		mem_free(path);
	}
	if (any && !k->quiet)
		putchar('\n');
	return ok ? KEYGEN_OK : KEYGEN_NO;
}
