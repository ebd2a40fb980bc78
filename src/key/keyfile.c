#include "key/keyfile.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/openssh_key.h"
#include "key/sk.h"

/* How a text begins says what it is. Texts of PEM may have other lines before. */
static const struct { const char *begin; enum keyfile_format format; } armours[] = {
	{"-----BEGIN OPENSSH PRIVATE KEY-----", KEYFILE_OPENSSH},
	{"-----BEGIN RSA PRIVATE KEY-----", KEYFILE_PEM},
	{"-----BEGIN EC PRIVATE KEY-----", KEYFILE_PEM},
	{"-----BEGIN PRIVATE KEY-----", KEYFILE_PKCS8},
	{"-----BEGIN ENCRYPTED PRIVATE KEY-----", KEYFILE_PKCS8},
	{"---- BEGIN SSH2 PUBLIC KEY ----", KEYFILE_RFC4716},
	{"-----BEGIN RSA PUBLIC KEY-----", KEYFILE_PEM_PUBLIC},
	{"-----BEGIN PUBLIC KEY-----", KEYFILE_PKCS8_PUBLIC},
};

static bool is_remark(struct slice line)
{
	line = slice_trim(line);
	return line.n == 0 || line.p[0] == '#';
}

enum keyfile_format keyfile_detect(struct slice text)
{
	if (text.n > KEYFILE_MAX)
		return KEYFILE_NONE;
	bool first = true;
	while (text.n) {
		struct slice line = slice_line(&text);
		for (size_t i = 0; i < ARRAY_LEN(armours); i++)
			if (slice_has_prefix(line, armours[i].begin))
				return armours[i].format;
		if (first && !is_remark(line)) {
			struct slice rest = line;
			if (key_kind_find(slice_word(&rest)) && rest.n)
				return KEYFILE_LINE;
			first = false;
		}
	}
	return KEYFILE_NONE;
}

bool keyfile_is_private(enum keyfile_format f)
{
	return f == KEYFILE_OPENSSH || f == KEYFILE_PEM || f == KEYFILE_PKCS8;
}

static bool size_fits(struct slice text, struct err *err)
{
	return text.n <= KEYFILE_MAX || err_set(err, ERR_LIMIT, "too large for a key file (%zu bytes, at most %d)", text.n, KEYFILE_MAX);
}

struct key *keyfile_read(struct slice text, struct slice pass, struct buf *comment, struct err *err)
{
	if (!size_fits(text, err))
		return NULL;
	switch (keyfile_detect(text)) {
	case KEYFILE_OPENSSH:
		return openssh_key_read(text, pass, comment, err);
	case KEYFILE_PEM:
	case KEYFILE_PKCS8: {
		struct key *k = key_take_pk(pk_from_pem(text, pass.n ? pass : slice_of(NULL, 0), err));
		if (k && !key_has_private(k)) {
			key_free(k);
			err_set(err, ERR_FORMAT, "no private key in it");
			return NULL;
		}
		return k;
	}
	case KEYFILE_LINE:
	case KEYFILE_RFC4716:
	case KEYFILE_PEM_PUBLIC:
	case KEYFILE_PKCS8_PUBLIC:
		err_set(err, ERR_FORMAT, "it is a public key, not a private one");
		return NULL;
	case KEYFILE_NONE:
		break;
	}
	err_set(err, ERR_FORMAT, "not a key file of any known format");
	return NULL;
}

static struct key *read_line_of(struct slice text, struct buf *comment, struct err *err)
{
	while (text.n) {
		struct slice line = slice_line(&text), rest;
		if (is_remark(line))
			continue;
		struct key *k = keyfile_line(line, &rest, err);
		if (k && comment)
			put_bytes(comment, rest);
		return k;
	}
	err_set(err, ERR_FORMAT, "no key in it");
	return NULL;
}

/* RFC 4716, 3.3: "Tag: value", a backslash at the end continues the line; Comment's quotes are not part of it. */
static void take_header(struct slice line, struct slice *text, struct buf *comment)
{
	struct buf value = BUF_INIT(KEYFILE_COMMENT_MAX);
	struct slice tag = slice_cut(&line, ':');
	while (line.n && line.p[line.n - 1] == '\\' && text->n) {
		put_bytes(&value, slice_of(line.p, line.n - 1));
		line = slice_line(text);
	}
	put_bytes(&value, line);
	struct slice v = slice_trim(buf_slice(&value));
	if (v.n >= 2 && v.p[0] == '"' && v.p[v.n - 1] == '"')
		v = slice_of(v.p + 1, v.n - 2);
	if (comment && slice_eq_fold(tag, SLICE_LIT("comment")))
		put_bytes(comment, v);
	buf_clear(&value);
}

bool keyfile_from_rfc4716(struct slice text, struct buf *comment, struct buf *blob, struct err *err)
{
	struct buf base64 = BUF_INIT(KEYFILE_MAX);
	bool inside = false, ended = false;
	while (text.n && !ended) {
		struct slice line = slice_line(&text);
		if (!inside)
			inside = slice_has_prefix(line, "---- BEGIN SSH2 PUBLIC KEY ----");
		else if (slice_has_prefix(line, "---- END SSH2 PUBLIC KEY ----"))
			ended = true;
		else if (line.n && memchr(line.p, ':', line.n))
			take_header(line, &text, comment);
		else
			put_bytes(&base64, line);
	}
	bool ok = ended && get_base64(buf_slice(&base64), blob);
	buf_clear(&base64);
	return ok || err_set(err, ERR_FORMAT, "damaged or cut: not a whole SSH2 public key");
}

static struct key *read_rfc4716(struct slice text, struct buf *comment, struct err *err)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	struct key *k = keyfile_from_rfc4716(text, comment, &blob, err) ? key_from_blob(buf_slice(&blob), err) : NULL;
	buf_clear(&blob);
	return k;
}

struct key *keyfile_read_public(struct slice text, struct buf *comment, struct err *err)
{
	if (!size_fits(text, err))
		return NULL;
	switch (keyfile_detect(text)) {
	case KEYFILE_OPENSSH: return openssh_key_read_public(text, err);
	case KEYFILE_LINE: return read_line_of(text, comment, err);
	case KEYFILE_RFC4716: return read_rfc4716(text, comment, err);
	case KEYFILE_PEM:
	case KEYFILE_PKCS8:
	case KEYFILE_PEM_PUBLIC:
	case KEYFILE_PKCS8_PUBLIC: return key_take_pk(pk_from_pem(text, slice_of(NULL, 0), err));
	case KEYFILE_NONE: break;
	}
	err_set(err, ERR_FORMAT, "not a key file of any known format");
	return NULL;
}

struct key *keyfile_line(struct slice line, struct slice *comment, struct err *err)
{
	struct slice type = slice_word(&line), base64 = slice_word(&line);
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	struct key *k = NULL;
	if (comment)
		*comment = line;
	if (key_kind_find(type) == NULL)
		err_set(err, ERR_UNSUPPORTED, "key type %s is not supported", text_show(type));
	else if (base64.n == 0 || !get_base64(base64, &blob))
		err_set(err, ERR_FORMAT, "the %s key is not base64", text_show(type));
	else
		k = key_from_blob(buf_slice(&blob), err);
	buf_clear(&blob);
	if (k && !slice_eq_str(type, key_type(k))) {
		err_set(err, ERR_FORMAT, "the line says %s, the key is %s", text_show(type), key_type(k));
		key_free(k);
		k = NULL;
	}
	return k;
}

/* PEM has no room for a handle, and nobody has agreed on composite keys there. */
static bool has_pem(const struct key *k)
{
	return key_sk(k) == NULL && key_kind(k)->kind != PK_MLDSA44_ED25519;
}

bool keyfile_write(const struct key *k, const struct keyfile_style *style, struct buf *out, struct err *err)
{
	switch (has_pem(k) ? style->format : KEYFILE_OPENSSH) {
	case KEYFILE_OPENSSH: return openssh_key_write(k, style, out, err);
	case KEYFILE_PEM: return pk_to_pem(key_pk(k), PK_PEM, style->pass, out, err);
	case KEYFILE_PKCS8: return pk_to_pem(key_pk(k), PK_PKCS8, style->pass, out, err);
	case KEYFILE_NONE:
	case KEYFILE_LINE:
	case KEYFILE_RFC4716:
	case KEYFILE_PEM_PUBLIC:
	case KEYFILE_PKCS8_PUBLIC: break;
	}
	return err_set(err, ERR_UNSUPPORTED, "not a format of private keys");
}

void keyfile_write_line(const struct key *k, struct slice comment, struct buf *out)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	key_blob(k, &blob);
	put_str(out, key_type(k));
	put_u8(out, ' ');
	put_base64(out, buf_slice(&blob));
	if (comment.n) {
		put_u8(out, ' ');
		put_bytes(out, comment);
	}
	put_u8(out, '\n');
	buf_clear(&blob);
}

void keyfile_to_rfc4716(struct slice blob, struct slice comment, struct buf *out)
{
	put_str(out, "---- BEGIN SSH2 PUBLIC KEY ----\n");
	if (comment.n) {
		put_str(out, "Comment: \"");
		put_bytes(out, slice_of(comment.p, comment.n < 60 ? comment.n : 60));   /* RFC 4716, 3.1: lines of at most 72 bytes */
		put_str(out, "\"\n");
	}
	put_base64_lines(out, blob, 70);
	put_str(out, "---- END SSH2 PUBLIC KEY ----\n");
}

static void write_rfc4716(const struct key *k, struct slice comment, struct buf *out)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	key_blob(k, &blob);
	keyfile_to_rfc4716(buf_slice(&blob), comment, out);
	buf_clear(&blob);
}

bool keyfile_write_public(const struct key *k, enum keyfile_format format, struct slice comment, struct buf *out, struct err *err)
{
	if (!has_pem(k) && (format == KEYFILE_PEM_PUBLIC || format == KEYFILE_PKCS8_PUBLIC))
		return err_set(err, ERR_UNSUPPORTED, "a key of type %s has no PEM form", key_type(k));
	switch (format) {
	case KEYFILE_LINE: keyfile_write_line(k, comment, out); return true;
	case KEYFILE_RFC4716: write_rfc4716(k, comment, out); return true;
	case KEYFILE_PEM_PUBLIC: return pk_to_pem(key_pk(k), PK_PEM_PUBLIC, slice_of(NULL, 0), out, err);
	case KEYFILE_PKCS8_PUBLIC: return pk_to_pem(key_pk(k), PK_PKCS8_PUBLIC, slice_of(NULL, 0), out, err);
	case KEYFILE_NONE:
	case KEYFILE_OPENSSH:
	case KEYFILE_PEM:
	case KEYFILE_PKCS8: break;
	}
	return err_set(err, ERR_UNSUPPORTED, "not a format of public keys");
}
