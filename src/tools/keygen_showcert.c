#include "tools/keygen.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/cert.h"

enum { FILE_MOST = 64 << 20 };

static void put_time(struct buf *out, uint64_t seconds)
{
	char text[64];
	struct tm tm;
	time_t t = (time_t)seconds;
	if (seconds > INT64_MAX || localtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		put_fmt(out, "%" PRIu64, seconds);
	else
		put_str(out, text);
}

void keygen_put_validity(struct buf *out, uint64_t after, uint64_t before)
{
	if (after == 0 && before == CERT_FOREVER) {
		put_str(out, " forever");
	} else if (after == 0) {
		put_str(out, " before ");
		put_time(out, before);
	} else if (before == CERT_FOREVER) {
		put_str(out, " after ");
		put_time(out, after);
	} else {
		put_str(out, " from ");
		put_time(out, after);
		put_str(out, " to ");
		put_time(out, before);
	}
}

static void put_principals(struct buf *out, struct slice list)
{
	struct reader r = reader_of(list);
	put_str(out, list.n ? "        Principals: \n" : "        Principals: (none)\n");
	while (reader_left(&r)) {
		put_str(out, "                ");
		put_text(out, get_string(&r), 1024, TEXT_ESCAPED);
		put_str(out, "\n");
	}
}

/* Options that we know by name, and whether they carry text. */
static bool is_known(struct slice name, bool critical, bool *has_text)
{
	static const struct { const char *name; bool critical, text; } known[] = {
		{"force-command", true, true}, {"source-address", true, true}, {"verify-required", true, false},
		{"permit-X11-forwarding", false, false}, {"permit-agent-forwarding", false, false}, {"permit-port-forwarding", false, false},
		{"permit-pty", false, false}, {"permit-user-rc", false, false}, {"no-touch-required", false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		*has_text = known[i].text;
		if (known[i].critical == critical && slice_eq_str(name, known[i].name))
			return true;
	}
	return false;
}

static void put_options(struct buf *out, const char *title, struct slice list, bool critical)
{
	struct reader r = reader_of(list);
	struct slice name, data, value;
	put_fmt(out, list.n ? "        %s: \n" : "        %s: (none)\n", title);
	while (cert_next_option(&r, &name, &data)) {
		bool has_text, known = is_known(name, critical, &has_text);
		put_str(out, "                ");
		put_text(out, name, 1024, TEXT_ESCAPED);
		if (known && has_text && cert_option_text(data, &value)) {
			put_str(out, " ");
			put_text(out, value, 16384, TEXT_ESCAPED);
		} else if (!known && data.n == 0) {
			put_str(out, " UNKNOWN FLAG OPTION");
		} else if (!known || data.n) {
			put_str(out, " UNKNOWN OPTION: ");
			put_hex(out, data);
			put_fmt(out, " (len %zu)", data.n);
		}
		put_str(out, "\n");
	}
}

static void put_fingerprint(struct buf *out, const struct key *key, const struct hash_alg *hash)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	key_blob(key, &blob);
	key_fingerprint(buf_slice(&blob), hash, out);
	buf_clear(&blob);
}

static void show_cert(const struct keygen *k, const struct cert *c)
{
	struct buf out = BUF_INIT(1 << 20);
	put_str(&out, "        Type: ");
	cert_type_name(key_kind_find(slice_str(key_type(c->key))), &out);
	put_fmt(&out, " %s certificate\n        Public key: %s-CERT ", c->role == CERT_USER ? "user" : "host", key_word(c->key));
	put_fingerprint(&out, c->key, k->digest);
	put_fmt(&out, "\n        Signing CA: %s ", key_word(c->ca));
	put_fingerprint(&out, c->ca, k->digest);
	put_fmt(&out, " (using %s)\n        Key ID: \"", c->ca_alg->name);
	put_text(&out, c->key_id, 4096, TEXT_ESCAPED);
	put_fmt(&out, "\"\n        Serial: %" PRIu64 "\n        Valid:", c->serial);
	keygen_put_validity(&out, c->after, c->before);
	put_str(&out, "\n");
	put_principals(&out, c->principals);
	put_options(&out, "Critical Options", c->critical, true);
	put_options(&out, "Extensions", c->extensions, false);
	fwrite(out.p, 1, out.len, stdout);
	buf_clear(&out);
}

/* One line of the file: true if it was a certificate. */
static bool show_line(const struct keygen *k, const char *path, bool is_stdin, size_t number, struct slice line)
{
	struct err err = {0};
	struct slice rest = line;
	struct slice type = slice_word(&rest);
	if (cert_kind_find(type) == NULL) {
		fprintf(stderr, key_kind_find(type) ? "%s:%zu is not a certificate\n" : "%s:%zu: invalid key\n", path, number);
		return false;
	}
	struct cert *c = cert_from_line(line, NULL, &err);
	if (c == NULL) {
		fprintf(stderr, "%s:%zu: %s\n", path, number, err.text);
		return false;
	}
	if (is_stdin || number > 1)
		printf("%s:%zu:\n", path, number);
	else
		printf("%s:\n", path);
	show_cert(k, c);
	cert_free(c);
	return true;
}

int keygen_print_cert(struct keygen *k)
{
	struct err err = {0};
	struct buf text = BUF_INIT(FILE_MOST);
	char *path = keygen_ask_file(k, "ed25519", "Enter file in which the key is");
	bool is_stdin = path && strcmp(path, "-") == 0, any = false;
	int status = KEYGEN_NO;
	if (path && !keygen_read(path, false, &text, &err))
		status = keygen_fail(k, &err);
	struct slice left = path ? buf_slice(&text) : slice_of(NULL, 0);
	for (size_t number = 1; left.n; number++) {
		struct slice line = slice_trim(slice_line(&left));
		if (line.n && line.p[0] != '#')
			any = show_line(k, is_stdin ? "(stdin)" : path, is_stdin, number, line) || any;
	}
	buf_clear(&text);
	mem_free(path);
	return any ? KEYGEN_OK : status;
}
