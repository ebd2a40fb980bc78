#include "tools/keygen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/krl.h"
#include "sys/clock.h"
#include "sys/files.h"

enum { SPEC_MOST = 64 << 20 };

/* The CA that serials and key ids are about: -s. */
struct authority { bool given; struct buf blob; };          /* given and empty: any CA */
struct target { struct krl_builder *list; const struct authority *ca; const char *path; size_t line; };

static bool refuse(const struct target *t, struct err *err, const char *why)
{
	return err_set(err, ERR_FORMAT, "%s:%zu: %s", t->path, t->line, why);
}

/* As C writes numbers: decimal, 0x hexadecimal, 0 octal. */
static bool number(struct slice s, uint64_t *out)
{
	char text[32] = "", *end;
	s = slice_trim(s);
	if (s.n == 0 || s.n >= sizeof text || s.p[0] < '0' || s.p[0] > '9')
		return false;
	memcpy(text, s.p, s.n);
	*out = strtoull(text, &end, 0);
	return *end == 0;
}

static bool add_serials(const struct target *t, struct slice value, struct err *err)
{
	struct krl_item item = {.kind = KRL_SERIALS, .ca = buf_slice(&t->ca->blob)};
	bool range = value.n && memchr(value.p, '-', value.n);
	struct slice lo = slice_cut(&value, '-');
	if (!t->ca->given)
		return refuse(t, err, "revoking certificates by serial number needs a CA key (-s)");
	if (!number(lo, &item.lo) || !(range ? number(value, &item.hi) : number(lo, &item.hi)) || item.lo == 0 || item.lo > item.hi)
		return refuse(t, err, "not a serial number above 0 or a range of them");
	krl_add(t->list, &item);
	return true;
}

static bool add_id(const struct target *t, struct slice value, struct err *err)
{
	struct krl_item item = {.kind = KRL_KEY_ID, .ca = buf_slice(&t->ca->blob), .data = value};
	if (!t->ca->given)
		return refuse(t, err, "revoking certificates by key id needs a CA key (-s)");
	if (value.n == 0)
		return refuse(t, err, "empty key id");
	krl_add(t->list, &item);
	return true;
}

/* The key of a line that holds a key or a certificate. */
static bool blob_of_line(struct slice line, struct buf *blob, struct cert **cert)
{
	struct key *k = keyfile_line(line, NULL, NULL);
	*cert = k ? NULL : cert_from_line(line, NULL, NULL);
	if (k)
		key_blob(k, blob);
	else if (*cert)
		key_blob((*cert)->key, blob);
	key_free(k);
	return blob->len > 0;
}

static bool add_key(const struct target *t, struct slice value, enum krl_kind kind, struct err *err)
{
	struct buf blob = BUF_INIT(CERT_MAX);
	uint8_t digest[HASH_MAX];
	struct cert *cert = NULL;
	struct krl_item item = {.kind = kind};
	bool ok = blob_of_line(value, &blob, &cert) || refuse(t, err, "not a key that we know");
	item.data = buf_slice(&blob);
	if (kind != KRL_KEY) {
		const struct hash_alg *h = kind == KRL_SHA1 ? &hash_sha1 : &hash_sha256;
		hash_once(h, buf_slice(&blob), digest);
		item.data = slice_of(digest, h->len);
	}
	if (ok)
		krl_add(t->list, &item);
	cert_free(cert);
	buf_clear(&blob);
	return ok;
}

/* "SHA256:base64 without padding", as fingerprints are shown. */
static bool add_hash(const struct target *t, struct slice value, struct err *err)
{
	struct buf text = BUF_INIT(256), digest = BUF_INIT(256);
	struct slice word = slice_word(&value);
	bool ok = slice_has_prefix(word, "SHA256:");
	put_bytes(&text, slice_from(word, 7));
	while (text.len % 4)
		put_str(&text, "=");
	ok = ok && get_base64(buf_slice(&text), &digest) && digest.len == hash_sha256.len;
	if (ok)
		krl_add(t->list, &(struct krl_item){.kind = KRL_SHA256, .data = buf_slice(&digest)});
	buf_clear(&text);
	buf_clear(&digest);
	return ok || refuse(t, err, "not a fingerprint SHA256:...");
}

/* A line that is a key alone: the key; or the certificate, by what names it in its CA's books. */
static bool add_plain(const struct target *t, struct slice line, struct err *err)
{
	struct buf blob = BUF_INIT(CERT_MAX), ca = BUF_INIT(CERT_MAX);
	struct cert *cert = NULL;
	bool ok = blob_of_line(line, &blob, &cert) || refuse(t, err, "invalid key");
	struct krl_item item = {.kind = KRL_KEY, .data = buf_slice(&blob)};
	if (cert) {
		key_blob(cert->ca, &ca);
		item.kind = cert->serial ? KRL_SERIALS : KRL_KEY_ID;
		item.ca = buf_slice(&ca);
		item.lo = item.hi = cert->serial;
		item.data = cert->serial ? slice_of(NULL, 0) : cert->key_id;
	}
	if (ok)
		krl_add(t->list, &item);
	cert_free(cert);
	buf_clear(&blob);
	buf_clear(&ca);
	return ok;
}

static bool add_line(const struct target *t, struct slice line, struct err *err)
{
	static const struct { const char *word; enum krl_kind kind; bool (*add)(const struct target *, struct slice, struct err *); } words[] = {
		{"serial:", 0, add_serials}, {"id:", 0, add_id}, {"hash:", 0, add_hash},
		{"key:", KRL_KEY, NULL}, {"sha1:", KRL_SHA1, NULL}, {"sha256:", KRL_SHA256, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i].word);
		if (line.n < n || !slice_eq_fold(slice_of(line.p, n), slice_str(words[i].word)))
			continue;
		struct slice value = slice_trim(slice_from(line, n));
		return words[i].add ? words[i].add(t, value, err) : add_key(t, value, words[i].kind, err);
	}
	return add_plain(t, line, err);
}

static bool add_file(const struct keygen *k, struct krl_builder *list, const struct authority *ca, const char *path, struct err *err)
{
	struct buf text = BUF_INIT(SPEC_MOST);
	bool is_stdin = strcmp(path, "-") == 0, ok = keygen_read(path, false, &text, err);
	struct target t = {list, ca, is_stdin ? "(stdin)" : path, 0};
	struct slice left = buf_slice(&text);
	if (ok && !k->quiet)
		printf("Revoking from %s\n", is_stdin ? "standard input" : path);
	while (ok && left.n) {
		struct slice line = slice_trim(slice_line(&left));
		t.line++;
		if (line.n && line.p[0] != '#')
			ok = add_line(&t, line, err);
	}
	buf_clear(&text);
	return ok;
}

static bool load_ca(const struct keygen *k, struct authority *ca, struct err *err)
{
	ca->given = k->ca != NULL;
	if (k->ca == NULL || strcasecmp(k->ca, "none") == 0)
		return true;
	struct key *key = keygen_load_public(k->ca, NULL, err);
	if (key)
		key_blob(key, &ca->blob);
	key_free(key);
	return key != NULL;
}

static bool load_old(const struct keygen *k, struct krl_builder *list, uint64_t *version, struct err *err)
{
	struct buf text = BUF_INIT(KRL_FILE_MAX);
	struct krl_reader r;
	struct krl_item item;
	bool ok = keygen_read(k->file, false, &text, err) && krl_open(&r, buf_slice(&text), err);
	if (ok) {
		*version = r.version;
		while (krl_next(&r, &item))
			krl_add(list, &item);
		ok = krl_whole(&r) || err_set(err, ERR_FORMAT, "the key revocation list is damaged");
	}
	buf_clear(&text);
	return ok || err_prefix(err, "Unable to load KRL %s", k->file);
}

static bool take_version(const struct keygen *k, uint64_t *version, struct err *err)
{
	struct slice s = slice_str(k->serial);
	bool count = slice_has_prefix(s, "+");
	uint64_t v;
	if (k->serial == NULL)
		return true;
	if (!slice_to_u64(slice_from(s, count ? 1 : 0), &v))
		return err_set(err, ERR_USAGE, "Invalid version number \"%s\"", text_show(s));
	*version = count ? *version + v : v;
	return true;
}

int keygen_make_krl(struct keygen *k)
{
	struct err err = {0};
	struct authority ca = {.blob = BUF_INIT(CERT_MAX)};
	struct krl_builder *list = krl_builder_new();
	struct buf out = BUF_INIT(KRL_FILE_MAX);
	uint64_t version = 0;
	bool ok = k->file != NULL || err_set(&err, ERR_USAGE, "KRL generation requires an output file");
	ok = ok && load_ca(k, &ca, &err) && (!k->update || load_old(k, list, &version, &err)) && take_version(k, &version, &err);
	for (size_t i = 0; ok && i < k->nargs; i++)
		ok = add_file(k, list, &ca, k->arg[i], &err);
	ok = ok && krl_write(list, version, (uint64_t)clock_wall(), slice_str(k->comment), &out, &err) && file_write(k->file, buf_slice(&out), 0644, &err);
	krl_builder_free(list);
	buf_clear(&ca.blob);
	buf_clear(&out);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

static void put_key_line(struct buf *out, struct slice blob)
{
	struct reader r = reader_of(blob);
	put_str(out, "hash: ");
	key_fingerprint(blob, &hash_sha256, out);
	put_str(out, " # ");
	put_text(out, get_string(&r), 128, 0);
	put_str(out, "\n");
}

static void put_ca(struct buf *out, struct slice ca)
{
	struct reader r = reader_of(ca);
	if (ca.n == 0) {
		put_str(out, "\n# Wildcard CA\n");
		return;
	}
	put_str(out, "\n# CA key ");
	put_text(out, get_string(&r), 128, 0);
	put_str(out, " ");
	key_fingerprint(ca, &hash_sha256, out);
	put_str(out, "\n");
}

static void put_item(struct buf *out, const struct krl_item *i)
{
	switch (i->kind) {
	case KRL_KEY: put_key_line(out, i->data); return;
	case KRL_SHA1: put_str(out, "# hash SHA1:"); break;
	case KRL_SHA256: put_str(out, "hash: SHA256:"); break;
	case KRL_KEY_ID:
		put_str(out, "id: ");
		put_text(out, i->data, 4096, TEXT_ESCAPED);
		put_str(out, "\n");
		return;
	case KRL_SERIALS:
		put_fmt(out, i->lo == i->hi ? "serial: %" PRIu64 "\n" : "serial: %" PRIu64 "-%" PRIu64 "\n", i->lo, i->hi);
		return;
	}
	put_hex(out, i->data);
	put_str(out, "\n");
}

/* Keys, then hashes, then certificates by CA: one walk for each. */
static bool list_krl(struct slice file, struct err *err)
{
	static const enum krl_kind order[] = {KRL_KEY, KRL_SHA256, KRL_SHA1, KRL_SERIALS};
	struct buf out = BUF_INIT(1u << 30);
	struct krl_reader r;
	struct krl_item item;
	struct tm tm;
	char text[32] = "";
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		struct slice ca = slice_of("x", 1);
		if (!krl_open(&r, file, err))
			return false;
		time_t t = (time_t)r.generated;
		if (i == 0 && localtime_r(&t, &tm) && strftime(text, sizeof text, "%Y%m%dT%H%M%S", &tm))
			put_fmt(&out, "# KRL version %" PRIu64 "\n# Generated at %s\n", r.version, text);
		if (i == 0 && r.comment.n) {
			put_str(&out, "# Comment: ");
			put_text(&out, r.comment, 4096, TEXT_ESCAPED);
			put_str(&out, "\n");
		}
		put_str(&out, i == 0 ? "\n" : "");
		while (krl_next(&r, &item)) {
			bool cert = item.kind == KRL_SERIALS || item.kind == KRL_KEY_ID;
			if (order[i] != KRL_SERIALS ? item.kind != order[i] : !cert)
				continue;
			if (cert && !slice_eq(ca, item.ca))
				put_ca(&out, ca = item.ca);
			put_item(&out, &item);
		}
	}
	fwrite(out.p, 1, out.len, stdout);
	buf_clear(&out);
	return krl_whole(&r) || err_set(err, ERR_FORMAT, "the key revocation list is damaged");
}

/* "path (comment): ok" or REVOKED. */
static bool ask_about(const struct keygen *k, struct slice krl, const char *path, bool *revoked, struct err *err)
{
	struct buf comment = BUF_INIT(KEYFILE_MAX), text = BUF_INIT_SECRET(KEYFILE_MAX), shown = BUF_INIT(8192);
	struct slice left, rest;
	struct key *key = NULL;
	struct cert *cert = NULL;
	if (keygen_read(path, false, &text, err)) {
		left = buf_slice(&text);
		cert = cert_from_line(slice_line(&left), &rest, NULL);
		if (cert)
			put_bytes(&comment, rest);
		key = cert ? key_copy(cert->key) : keygen_load_public(path, &comment, err);
	}
	enum krl_verdict v = key ? krl_check(krl, key, cert, err) : KRL_DAMAGED;
	if (v != KRL_DAMAGED && !(k->quiet && v == KRL_NOT_REVOKED)) {
		keygen_put_comment(&shown, buf_slice(&comment));
		printf(comment.len ? "%s (%s): %s\n" : "%s%s: %s\n", path, buf_cstr(&shown), v == KRL_REVOKED ? "REVOKED" : "ok");
	}
	*revoked = *revoked || v == KRL_REVOKED;
	key_free(key);
	cert_free(cert);
	buf_clear(&comment);
	buf_clear(&text);
	buf_clear(&shown);
	return v != KRL_DAMAGED;
}

int keygen_ask_krl(struct keygen *k)
{
	struct err err = {0};
	struct buf file = BUF_INIT(KRL_FILE_MAX);
	bool revoked = false;
	bool ok = k->file != NULL || err_set(&err, ERR_USAGE, "KRL checking requires an input file");
	ok = ok && keygen_read(k->file, false, &file, &err) && (!k->fingerprint || list_krl(buf_slice(&file), &err));
	for (size_t i = 0; ok && i < k->nargs; i++)
		ok = ask_about(k, buf_slice(&file), k->arg[i], &revoked, &err);
	buf_clear(&file);
	return !ok ? keygen_fail(k, &err) : revoked ? KEYGEN_NO : KEYGEN_OK;
}
