#include "key/known_hosts.h"

#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "key/keyfile.h"

enum { BLOB_MAX = 64 << 10, SALT = 20 };                    /* the salt is as long as the SHA-1 */

static void parse_line(struct known_line *l)
{
	struct slice rest = slice_trim(l->whole);
	if (rest.n == 0 || rest.p[0] == '#') {
		l->comment = true;
		return;
	}
	struct slice word = slice_word(&rest);
	if (word.p[0] == '@') {
		if (slice_eq_str(word, "@cert-authority"))
			l->marker = KNOWN_CA;
		else if (slice_eq_str(word, "@revoked"))
			l->marker = KNOWN_REVOKED_KEY;
		else
			return;
		word = slice_word(&rest);
	}
	l->hosts = word;
	l->key_text = rest;
	l->type = slice_word(&rest);
	l->base64 = slice_word(&rest);
	l->rest = rest;
	l->is_entry = l->hosts.n && l->type.n && l->base64.n && !slice_has_nul(l->whole);
}

bool known_next(struct known_reader *r, struct known_line *l)
{
	if (r->left.n == 0)
		return false;
	*l = (struct known_line){.whole = slice_line(&r->left)};
	l->number = ++r->number;
	parse_line(l);
	return true;
}

bool known_line_is_hashed(const struct known_line *l)
{
	return l->hosts.n && l->hosts.p[0] == '|';
}

/* "|1|base64 of 20 bytes of salt|base64 of HMAC-SHA1(salt, name)" */
static bool hash_matches(struct slice hosts, struct slice name)
{
	struct buf salt = BUF_INIT(64), want = BUF_INIT(64);
	uint8_t mac[HASH_MAX];
	bool same = false;
	if (slice_has_prefix(hosts, "|1|")) {
		struct slice mac_text = slice_from(hosts, 3), salt_text = slice_cut(&mac_text, '|');
		if (get_base64(salt_text, &salt) && get_base64(mac_text, &want) && salt.len == SALT && want.len == hash_sha1.len) {
			hmac_once(&hash_sha1, buf_slice(&salt), name, mac);
			same = slice_eq(buf_slice(&want), slice_of(mac, hash_sha1.len));
		}
	}
	buf_clear(&salt);
	buf_clear(&want);
	return same;
}

bool known_line_matches(const struct known_line *l, struct slice name)
{
	if (!l->is_entry)
		return false;
	if (known_line_is_hashed(l))
		return hash_matches(l->hosts, name);
	return match_list(name, l->hosts, true) == 1;
}

bool known_line_valid(const struct known_line *l)
{
	struct buf blob = BUF_INIT(BLOB_MAX);
	bool ok = l->is_entry && get_base64(l->base64, &blob);
	struct reader r = reader_of(buf_slice(&blob));
	ok = ok && slice_eq(get_string(&r), l->type) && !r.bad;
	buf_clear(&blob);
	return ok;
}

struct key *known_line_key(const struct known_line *l)
{
	return l->is_entry ? keyfile_line(l->key_text, NULL, NULL) : NULL;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static void put_lower(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		put_u8(out, lower(s.p[i]));
}

void known_hosts_name(const char *host, unsigned port, struct buf *out)
{
	bool plain = port == 0 || port == 22;
	put_str(out, plain ? "" : "[");
	put_lower(out, slice_str(host));
	if (!plain)
		put_fmt(out, "]:%u", port);
}

static void note(struct known_result *r, unsigned file, const struct known_line *l, const struct key *theirs, bool same)
{
	struct known_entry e = {file, l->number, l->marker, key_type(theirs), key_word(theirs), same};
	LIST_PUSH(r->entry, r->n, e);
	if (l->marker == KNOWN_REVOKED_KEY)
		r->state = KNOWN_REVOKED;
	if (r->state == KNOWN_REVOKED)
		return;
	if (same)
		r->state = KNOWN_MATCH;
}

static void judge(struct known_result *r, unsigned file, const struct known_line *l, const struct key *ours, enum known_marker marker)
{
	struct key *theirs = known_line_key(l);
	if (theirs == NULL)
		return;
	bool same = key_equal(theirs, ours);
	if (l->marker == marker || (l->marker == KNOWN_REVOKED_KEY && same))
		note(r, file, l, theirs, same);
	if (r->state == KNOWN_NEW && l->marker == KNOWN_PLAIN && marker == KNOWN_PLAIN)
		r->state = KNOWN_CHANGED;
	key_free(theirs);
}

void known_hosts_check(struct known_result *r, unsigned file, struct slice text, struct slice name, const struct key *ours, enum known_marker marker)
{
	struct known_reader in = known_reader_of(text);
	struct known_line l;
	while (known_next(&in, &l))
		if (known_line_matches(&l, name))
			judge(r, file, &l, ours, marker);
}

void known_result_clear(struct known_result *r)
{
	mem_free(r->entry);
	*r = (struct known_result){0};
}

void known_hosts_types(struct slice text, struct slice name, enum known_marker marker, struct buf *names)
{
	struct known_reader in = known_reader_of(text);
	struct known_line l;
	while (known_next(&in, &l))
		if (l.is_entry && l.marker == marker && key_kind_find(l.type) && !names_has(buf_slice(names), l.type) && known_line_matches(&l, name))
			names_add_slice(names, l.type);
}

void known_hosts_put_hashed_name(struct buf *out, struct slice name)
{
	uint8_t salt[SALT], mac[HASH_MAX];
	random_bytes(salt, sizeof salt);
	hmac_once(&hash_sha1, slice_of(salt, sizeof salt), name, mac);
	put_str(out, "|1|");
	put_base64(out, slice_of(salt, sizeof salt));
	put_u8(out, '|');
	put_base64(out, slice_of(mac, hash_sha1.len));
}

void known_hosts_put(struct buf *out, struct slice name, const struct key *k, bool hashed)
{
	if (hashed)
		known_hosts_put_hashed_name(out, name);
	else
		put_bytes(out, name);
	put_u8(out, ' ');
	keyfile_write_line(k, slice_of(NULL, 0), out);
}

static void put_line(struct buf *out, struct slice line)
{
	put_bytes(out, line);
	put_u8(out, '\n');
}

static bool has_wildcard(struct slice hosts)
{
	for (size_t i = 0; i < hosts.n; i++)
		if (strchr("*?!", hosts.p[i]))
			return true;
	return false;
}

void known_hosts_hash_line(const struct known_line *l, struct buf *out, struct known_hash_report *report)
{
	bool valid = l->comment || known_line_valid(l);
	if (!valid)
		LIST_PUSH(report->invalid, report->invalid_n, l->number);
	else if (l->is_entry && has_wildcard(l->hosts))
		LIST_PUSH(report->wild, report->wild_n, l->number);
	if (!valid || !l->is_entry || l->marker != KNOWN_PLAIN || known_line_is_hashed(l) || has_wildcard(l->hosts)) {
		put_line(out, l->whole);
		return;
	}
	struct slice hosts = l->hosts, one;
	while (names_next(&hosts, &one)) {
		struct buf name = BUF_INIT(one.n);
		put_lower(&name, one);
		known_hosts_put_hashed_name(out, buf_slice(&name));
		put_u8(out, ' ');
		put_line(out, l->key_text);
		buf_clear(&name);
		report->changed = true;
	}
}

void known_hosts_hash(struct slice text, struct buf *out, struct known_hash_report *report)
{
	struct known_reader in = known_reader_of(text);
	struct known_line l;
	*report = (struct known_hash_report){0};
	while (known_next(&in, &l))
		known_hosts_hash_line(&l, out, report);
}

void known_hash_report_clear(struct known_hash_report *report)
{
	mem_free(report->wild);
	mem_free(report->invalid);
	*report = (struct known_hash_report){0};
}

void known_hosts_remove(struct slice text, struct slice name, struct buf *out, struct known_removed *removed)
{
	struct known_reader in = known_reader_of(text);
	struct known_line l;
	*removed = (struct known_removed){0};
	while (known_next(&in, &l)) {
		if (l.marker == KNOWN_PLAIN && known_line_matches(&l, name))
			LIST_PUSH(removed->line, removed->n, l.number);
		else
			put_line(out, l.whole);
	}
}

void known_removed_clear(struct known_removed *removed)
{
	mem_free(removed->line);
	*removed = (struct known_removed){0};
}
