#include "tools/keygen.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "client/certfile.h"
#include "key/cert.h"
#include "sys/files.h"
#include "tools/sshfp.h"

enum keyfile_format keygen_public_format(const struct keygen *k)
{
	switch (k->format) {
	case KEYFILE_PEM: return KEYFILE_PEM_PUBLIC;
	case KEYFILE_PKCS8: return KEYFILE_PKCS8_PUBLIC;
	case KEYFILE_NONE:
	case KEYFILE_OPENSSH:
	case KEYFILE_LINE:
	case KEYFILE_RFC4716:
	case KEYFILE_PEM_PUBLIC:
	case KEYFILE_PKCS8_PUBLIC: break;
	}
	return KEYFILE_RFC4716;
}

static int print(const struct keygen *k, const struct key *key, enum keyfile_format format, const char *comment)
{
	struct buf out = BUF_INIT(2 * KEYFILE_MAX);
	struct err err = {0};
	bool ok = keyfile_write_public(key, format, slice_str(comment), &out, &err);
	fwrite(out.p, 1, out.len, stdout);
	buf_clear(&out);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

/* RFC 4716 takes the whole certificate; the other formats have room for its key only. */
static int export_cert(struct keygen *k, const struct cert *cert, const char *who)
{
	struct buf out = BUF_INIT(2 * KEYFILE_MAX);
	char *comment = mem_fmt("%u-bit %s-CERT, converted by %s from OpenSSH", key_bits(cert->key), key_word(cert->key), who);
	enum keyfile_format format = keygen_public_format(k);
	int status = KEYGEN_OK;
	if (format == KEYFILE_RFC4716) {
		keyfile_to_rfc4716(buf_slice(&cert->blob), slice_str(comment), &out);
		fwrite(out.p, 1, out.len, stdout);
	} else {
		status = print(k, cert->key, format, comment);
	}
	mem_free(comment);
	buf_clear(&out);
	return status;
}

int keygen_export(struct keygen *k)
{
	struct err err = {0};
	char *path = keygen_ask_file(k, "ed25519", "Enter file in which the key is");
	char *who = keygen_user_at_host();
	struct cert *cert = path ? certfile_read(path, &(struct err){0}) : NULL;
	struct key *key = path && !cert ? keygen_load_public(path, NULL, &err) : NULL;
	int status = path ? KEYGEN_FAILED : KEYGEN_NO;
	if (cert) {
		status = export_cert(k, cert, who);
	} else if (key) {
		char *comment = mem_fmt("%u-bit %s, converted by %s from OpenSSH", key_bits(key), key_word(key), who);
		status = print(k, key, keygen_public_format(k), comment);
		mem_free(comment);
	} else if (path) {
		keygen_fail(k, &err);
	}
	cert_free(cert);
	key_free(key);
	mem_free(path);
	mem_free(who);
	return status;
}

static bool import_cert(struct slice text)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX), out = BUF_INIT(2 * KEYFILE_MAX);
	struct cert *cert = NULL;
	struct key *key = keyfile_from_rfc4716(text, NULL, &blob, NULL) ? key_from_any(buf_slice(&blob), &cert, NULL) : NULL;
	bool is_cert = cert != NULL;
	if (is_cert) {
		struct reader r = reader_of(buf_slice(&blob));
		put_bytes(&out, get_string(&r));
		put_str(&out, " ");
		put_base64(&out, buf_slice(&blob));
		puts(buf_cstr(&out));
	}
	cert_free(cert);
	key_free(key);
	buf_clear(&blob);
	buf_clear(&out);
	return is_cert;
}

/* From every public format but our own line. */
int keygen_import(struct keygen *k)
{
	struct err err = {0};
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	char *path = keygen_ask_file(k, "ed25519", "Enter file in which the key is");
	struct key *key = NULL;
	int status = path ? KEYGEN_FAILED : KEYGEN_NO;
	if (path && keygen_read(path, false, &text, &err)) {
		enum keyfile_format f = keyfile_detect(buf_slice(&text));
		if (f == KEYFILE_RFC4716 && import_cert(buf_slice(&text))) {
			mem_free(path);
			buf_clear(&text);
			return KEYGEN_OK;
		}
		bool foreign = f == KEYFILE_RFC4716 || f == KEYFILE_PEM_PUBLIC || f == KEYFILE_PKCS8_PUBLIC;
		key = foreign ? keyfile_read_public(buf_slice(&text), NULL, &err) : NULL;
		if (!foreign)
			err_set(&err, ERR_FORMAT, "%s is not a public key in RFC4716, PKCS8 or PEM", path);
	}
	if (key)
		status = print(k, key, KEYFILE_LINE, NULL);
	else if (path)
		keygen_fail(k, &err);
	key_free(key);
	mem_free(path);
	buf_clear(&text);
	return status;
}

static void put_records(const struct keygen *k, const struct key *key, const struct hash_alg *only)
{
	struct buf out = BUF_INIT(4096);
	sshfp_put(&out, k->zone, key, only, k->generic);
	fwrite(out.p, 1, out.len, stdout);
	buf_clear(&out);
}

static bool take_hash(const struct keygen *k, const struct hash_alg **only, struct err *err)
{
	*only = NULL;
	for (size_t i = 0; i < k->noptions; i++) {
		*only = sshfp_hash_option(k->option[i]);
		if (*only == NULL)
			return err_set(err, ERR_USAGE, "Invalid option \"%s\": hashalg=sha1 or hashalg=sha256", text_show(slice_str(k->option[i])));
	}
	return true;
}

int keygen_sshfp(struct keygen *k)
{
	static const char *const families[] = {"rsa", "ecdsa", "ed25519"};
	struct err err = {0};
	const struct hash_alg *only;
	bool any = false;
	if (!take_hash(k, &only, &err))
		return keygen_fail(k, &err);
	for (size_t i = 0; i < (k->file ? 1 : ARRAY_LEN(families)); i++) {
		char *path = k->file ? mem_str(k->file) : mem_fmt("%s/ssh_host_%s_key.pub", PATH_ETC, families[i]);
		struct key *key = k->file || file_exists(path) ? keygen_load_public(path, NULL, &err) : NULL;
		if (key)
			put_records(k, key, only);
		any = any || key;
		key_free(key);
		mem_free(path);
	}
	if (!any && err.text[0] == 0)
		err_set(&err, ERR_MISSING, "no keys found");
	return any ? KEYGEN_OK : keygen_fail(k, &err);
}
