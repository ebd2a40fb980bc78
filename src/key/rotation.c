#include "key/rotation.h"

#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "key/cert.h"

#define PROVE "hostkeys-prove-00@openssh.com"

void rotation_init(struct rotation *r, struct slice host, struct slice address)
{
	*r = (struct rotation){.host = host, .address = address};
}

void rotation_clear(struct rotation *r)
{
	for (size_t i = 0; i < r->n; i++) {
		key_free(r->key[i].key);
		mem_free(r->key[i].base64);
	}
	for (size_t i = 0; i < r->old_n; i++) {
		key_free(r->old[i].key);
		mem_free(r->old[i].base64);
	}
	mem_free(r->key);
	mem_free(r->old);
	*r = (struct rotation){0};
}

static char *base64_of(struct slice blob)
{
	struct buf text = BUF_INIT(blob.n * 2 + 8);
	put_base64(&text, blob);
	char *out = mem_str(buf_cstr(&text));
	buf_clear(&text);
	return out;
}

/* Does some algorithm of the list sign with keys of this type? */
static bool type_is_accepted(const char *type, struct slice algorithms)
{
	struct slice name;
	while (names_next(&algorithms, &name)) {
		const struct key_alg *alg = key_alg_find(name);
		if (alg && strcmp(key_alg_plain(alg)->type, type) == 0)
			return true;
	}
	return false;
}

bool rotation_announced(struct rotation *r, struct slice data, struct slice algorithms, struct err *e)
{
	struct reader in = reader_of(data);
	while (reader_left(&in)) {
		struct slice blob = get_string(&in);
		struct reader type = reader_of(blob);
		if (in.bad || r->n == ROTATION_KEYS_MAX)
			return err_set(e, ERR_PEER, "the server's list of host keys is malformed or has more than %d of them", ROTATION_KEYS_MAX);
		if (key_kind_find(get_string(&type)) == NULL)
			continue;
		struct key *key = key_from_blob(blob, e);
		if (key == NULL)
			return err_prefix(e, "the server's list of host keys");
		for (size_t i = 0; i < r->n; i++)
			if (key_equal(r->key[i].key, key)) {
				key_free(key);
				return err_set(e, ERR_PEER, "the server's list of host keys has the same %s key twice", key_word(r->key[i].key));
			}
		LIST_PUSH(r->key, r->n, ((struct rotation_key){.key = key, .base64 = base64_of(blob), .accepted = type_is_accepted(key_type(key), algorithms)}));
	}
	return !in.bad;
}

static struct rotation_key *announced(struct rotation *r, struct slice base64)
{
	for (size_t i = 0; i < r->n; i++)
		if (slice_eq_str(base64, r->key[i].base64))
			return &r->key[i];
	return NULL;
}

static unsigned where(const struct rotation *r, const struct known_line *l)
{
	return (known_line_matches(l, r->host) ? ROTATION_AT_HOST : 0u) |
	       (r->address.n && known_line_matches(l, r->address) ? ROTATION_AT_ADDRESS : 0u);
}

/* What ssh never writes itself: patterns, and more names than host and address. */
static bool is_complex(struct slice hosts)
{
	size_t commas = 0;
	for (size_t i = 0; i < hosts.n; i++) {
		if (hosts.p[i] == '*' || hosts.p[i] == '?' || hosts.p[i] == '!')
			return true;
		commas += hosts.p[i] == ',';
	}
	return commas > 1;
}

static void survey_line(struct rotation *r, const struct known_line *l)
{
	struct rotation_key *known = announced(r, l->base64);
	unsigned at = where(r, l);
	bool both = memchr(l->hosts.p, ',', l->hosts.n) != NULL && r->address.n;
	if (at == 0) {
		r->other_name = r->other_name || (known && known->accepted);
		return;
	}
	if (l->marker != KNOWN_PLAIN || is_complex(l->hosts)) {
		r->complex = true;
		return;
	}
	if (both && at != (ROTATION_AT_HOST | ROTATION_AT_ADDRESS)) {
		r->other_name = true;
		return;
	}
	if (known) {
		known->at |= at;
		return;
	}
	struct key *key = known_line_key(l);
	if (key)
		LIST_PUSH(r->old, r->old_n, ((struct rotation_old){key, slice_dup(l->base64)}));
}

void rotation_survey(struct rotation *r, struct slice text)
{
	struct known_reader in = known_reader_of(text);
	struct known_line l;
	while (known_next(&in, &l))
		if (l.is_entry)
			survey_line(r, &l);
}

void rotation_survey_old(struct rotation *r, struct slice text)
{
	struct known_reader in = known_reader_of(text);
	struct known_line l;
	while (r->old_n && known_next(&in, &l)) {
		if (!l.is_entry)
			continue;
		for (size_t i = 0; i < r->old_n; i++)
			if (slice_eq_str(l.base64, r->old[i].base64) && where(r, &l) == 0)
				r->old_elsewhere = true;
	}
}

enum rotation_verdict rotation_verdict(struct rotation *r, const char **why)
{
	r->new_n = 0;
	for (size_t i = 0; i < r->n; i++)
		r->new_n += r->key[i].accepted && r->key[i].at == 0;
	*why = r->n == 0 ? "the server named no host keys that we know" : "no new or deprecated keys from server";
	if (r->n == 0 || (r->new_n == 0 && r->old_n == 0))
		return ROTATION_NOTHING;
	*why = r->complex ? "CA/revocation marker, manual host list or wildcard host pattern found, skipping UserKnownHostsFile update"
	     : r->other_name ? "host key found matching a different name/address, skipping UserKnownHostsFile update"
	     : r->old_elsewhere ? "deprecated keys exist under other names, skipping UserKnownHostsFile update" : NULL;
	if (*why)
		return ROTATION_REFUSED;
	return r->new_n ? ROTATION_PROVE : ROTATION_WRITE;
}

void rotation_ask(const struct rotation *r, struct buf *data)
{
	struct buf blob = BUF_INIT(CERT_MAX);
	for (size_t i = 0; i < r->n; i++) {
		if (!r->key[i].accepted || r->key[i].at)
			continue;
		buf_reset(&blob);
		key_blob(r->key[i].key, &blob);
		put_string(data, buf_slice(&blob));
	}
	buf_clear(&blob);
}

/* "string name, string session id, string key blob" (PROTOCOL of OpenSSH, 2.5). */
static bool check_proof(struct rotation_key *k, struct slice session_id, struct slice sig, struct slice algorithms)
{
	struct buf blob = BUF_INIT(CERT_MAX), data = BUF_INIT(CERT_MAX * 2);
	struct reader r = reader_of(sig);
	struct slice name = get_string(&r);
	const struct key_alg *alg = key_alg_find(name);
	if (alg && strcmp(alg->type, key_type(k->key)) == 0 && !names_has(algorithms, name)) {
		k->dropped = true;                          /* SHA-1, say: no proof, but no attack either */
		return true;
	}
	key_blob(k->key, &blob);
	put_cstring(&data, PROVE);
	put_string(&data, session_id);
	put_string(&data, buf_slice(&blob));
	struct sk_flags unused;                         /* nobody touches the security key of a host */
	k->proven = alg && key_verify_sk(k->key, alg, buf_slice(&data), sig, &unused) == VERDICT_VERIFIED;
	buf_clear(&blob);
	buf_clear(&data);
	return k->proven;
}

bool rotation_proven(struct rotation *r, struct slice session_id, struct slice reply, struct slice algorithms, struct err *e)
{
	struct reader in = reader_of(reply);
	for (size_t i = 0; i < r->n; i++) {
		struct rotation_key *k = &r->key[i];
		if (!k->accepted || k->at)
			continue;
		struct slice sig = get_string(&in);
		if (in.bad || !check_proof(k, session_id, sig, algorithms))
			return err_set(e, ERR_PEER, "server gave bad signature for %s key %zu", key_word(k->key), i);
	}
	return get_end(&in) || err_set(e, ERR_PEER, "the server's proofs of its host keys are malformed");
}

static void put_key(const struct rotation *r, const struct key *key, bool hashed, struct buf *out)
{
	struct buf names = BUF_INIT(r->host.n + r->address.n + 2);
	put_bytes(&names, r->host);
	if (r->address.n && !hashed)
		names_add_slice(&names, r->address);
	known_hosts_put(out, buf_slice(&names), key, hashed);
	if (r->address.n && hashed)
		known_hosts_put(out, r->address, key, true);
	buf_clear(&names);
}

/* True: the line stays. */
static bool keep(struct rotation *r, const struct known_line *l, bool first)
{
	unsigned at = l->is_entry ? where(r, l) : 0;
	struct rotation_key *known = at ? announced(r, l->base64) : NULL;
	if (at == 0 || l->marker != KNOWN_PLAIN)
		return true;
	if (known && (first || !known->accepted)) {
		known->at |= at;
		return true;
	}
	struct key *key = known_line_key(l);
	bool foreign = key == NULL;                         /* of a type that we do not know */
	key_free(key);
	return foreign;
}

bool rotation_write(struct rotation *r, struct slice text, bool first, bool hashed, struct buf *out)
{
	struct known_reader in = known_reader_of(text);
	struct known_line l;
	bool changed = false;
	unsigned want = ROTATION_AT_HOST | (r->address.n ? ROTATION_AT_ADDRESS : 0u);
	for (size_t i = 0; i < r->n; i++)
		r->key[i].at = 0;
	while (known_next(&in, &l)) {
		if (!keep(r, &l, first)) {
			changed = true;
			continue;
		}
		put_bytes(out, l.whole);
		put_u8(out, '\n');
	}
	for (size_t i = 0; first && i < r->n; i++) {
		struct rotation_key *k = &r->key[i];
		if (!k->accepted || k->dropped || (k->at & want) == want)
			continue;
		put_key(r, k->key, hashed, out);
		changed = true;
	}
	return changed && !out->bad;
}
