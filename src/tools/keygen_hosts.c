#include "tools/keygen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "key/known_hosts.h"
#include "sys/files.h"

static const char *marker_word(enum known_marker m)
{
	return m == KNOWN_CA ? "CA" : m == KNOWN_REVOKED_KEY ? "REVOKED" : "";
}

static void put_found(const struct keygen *k, const struct known_line *l, struct buf *out)
{
	if (!k->quiet)
		put_fmt(out, "# Host %s found: line %zu %s\n", text_show(slice_str(k->host)), l->number, marker_word(l->marker));
	struct key *key = k->fingerprint ? known_line_key(l) : NULL;
	if (k->hash) {
		struct known_hash_report report = {0};
		known_hosts_hash_line(l, out, &report);
		known_hash_report_clear(&report);
	} else if (key) {
		struct buf blob = BUF_INIT(KEYFILE_MAX);
		key_blob(key, &blob);
		put_fmt(out, "%s %s ", text_show(slice_str(k->host)), key_word(key));
		key_fingerprint(buf_slice(&blob), k->digest, out);
		if (l->rest.n) {
			put_str(out, " ");
			keygen_put_comment(out, l->rest);
		}
		put_str(out, "\n");
		buf_clear(&blob);
	} else if (!k->fingerprint) {
		put_bytes(out, l->whole);
		put_str(out, "\n");
	}
	key_free(key);
}

static int find(const struct keygen *k, struct slice text, struct slice name, struct buf *out)
{
	struct known_reader in = known_reader_of(text);
	struct known_line l;
	bool any = false;
	while (known_next(&in, &l)) {
		if (known_line_matches(&l, name)) {
			put_found(k, &l, out);
			any = true;
		}
	}
	fwrite(out->p, 1, out->len, stdout);
	return any ? KEYGEN_OK : KEYGEN_NO;
}

/* The old contents stay under .old; the file itself is there at every moment. */
static bool replace(const char *path, struct slice text, struct err *err)
{
	char *old = keygen_add(path, ".old");
	struct stat st;
	bool ok = stat(path, &st) == 0 || err_errno(err, "%s", path);
	if (ok && unlink(old) < 0 && errno != ENOENT)
		ok = err_errno(err, "cannot remove %s", old);
	if (ok && link(path, old) < 0)
		ok = err_errno(err, "cannot keep %s as %s", path, old);
	ok = ok && file_write(path, text, st.st_mode & 0777, err);
	if (ok)
		printf("%s updated.\nOriginal contents retained as %s\n", path, old);
	mem_free(old);
	return ok;
}

static int remove_host(const struct keygen *k, const char *path, struct slice text, struct slice name, struct buf *out)
{
	struct known_removed removed;
	struct err err = {0};
	known_hosts_remove(text, name, out, &removed);
	for (size_t i = 0; i < removed.n && !k->quiet; i++)
		printf("# Host %s found: line %zu\n", text_show(slice_str(k->host)), removed.line[i]);
	bool ok = true;
	fflush(stdout);
	if (removed.n)
		ok = replace(path, buf_slice(out), &err);
	else
		fprintf(stderr, "Host %s not found in %s\n", text_show(slice_str(k->host)), path);
	known_removed_clear(&removed);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

static int hash_file(const struct keygen *k, const char *path, struct slice text, struct buf *out)
{
	struct known_hash_report report;
	struct err err = {0};
	known_hosts_hash(text, out, &report);
	for (size_t i = 0; i < report.wild_n; i++)
		fprintf(stderr, "%s:%zu: ignoring host name with wildcard\n", path, report.wild[i]);
	for (size_t i = 0; i < report.invalid_n; i++)
		fprintf(stderr, "%s:%zu: invalid line\n", path, report.invalid[i]);
	bool ok = true;
	int status = KEYGEN_OK;
	if (report.invalid_n) {
		fprintf(stderr, "%s is not a valid known_hosts file.\nNot replacing existing known_hosts file because of errors\n", path);
		status = KEYGEN_NO;
	} else if (out->bad) {
		ok = err_set(&err, ERR_LIMIT, "%s: the hashed file would be too large", path);
	} else {
		ok = replace(path, buf_slice(out), &err);
		fflush(stdout);
		if (ok && report.changed)
			fprintf(stderr, "WARNING: %s.old contains unhashed entries\nDelete this file to ensure privacy of hostnames\n", path);
	}
	known_hash_report_clear(&report);
	return ok ? status : keygen_fail(k, &err);
}

int keygen_known_hosts(struct keygen *k)
{
	struct err err = {0};
	char *path = k->file ? mem_str(k->file) : mem_fmt("%s/.ssh/known_hosts", file_home());
	struct buf text = BUF_INIT(KNOWN_HOSTS_MAX), out = BUF_INIT(8 * (size_t)KNOWN_HOSTS_MAX), name = BUF_INIT(4096);
	struct stat st;
	int status = KEYGEN_FAILED;
	known_hosts_name(k->host ? k->host : "", 0, &name);
	if (stat(path, &st) < 0)
		err_errno(&err, "Cannot stat %s", path);
	else if (!keygen_read(path, false, &text, &err))
		;
	else if (k->find)
		status = find(k, buf_slice(&text), buf_slice(&name), &out);
	else if (k->remove)
		status = remove_host(k, path, buf_slice(&text), buf_slice(&name), &out);
	else
		status = hash_file(k, path, buf_slice(&text), &out);
	if (err.text[0])
		keygen_fail(k, &err);
	mem_free(path);
	buf_clear(&text);
	buf_clear(&out);
	buf_clear(&name);
	return status;
}
