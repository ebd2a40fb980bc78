/* What the client tells and asks people about host keys. */
#include "client/hostkey.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/readpass.h"
#include "key/randart.h"

enum { OTHER_NAMES = 8 };                                  /* shown of a key that other hosts have too */

static const char bar[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";

void hostkey_put_print(struct client *c, const struct key *key, struct buf *out)
{
	struct buf blob = BUF_INIT(1 << 16);
	key_blob(key, &blob);
	key_fingerprint(buf_slice(&blob), hash_find(slice_str(conf_hash_name(c->conf.fingerprint_hash))), out);
	buf_clear(&blob);
}

static void put_art(struct client *c, const struct key *key, struct buf *out)
{
	uint8_t digest[HASH_MAX];
	struct buf blob = BUF_INIT(1 << 16);
	const struct hash_alg *hash = hash_find(slice_str(conf_hash_name(c->conf.fingerprint_hash)));
	char title[40], foot[16] = "";
	key_blob(key, &blob);
	hash_once(hash, buf_slice(&blob), digest);
	for (size_t i = 0; hash->name[i]; i++)
		foot[i] = (char)toupper((unsigned char)hash->name[i]);
	snprintf(title, sizeof title, "%s %u", key_word(key), key_bits(key));
	put_randart(out, slice_of(digest, hash->len), title, foot);
	buf_clear(&blob);
}

const char *hostkey_host_text(const struct look *l, char *out, size_t n)
{
	char address[SOCK_TEXT_MAX];
	const struct client *c = l->c;
	const char *name = c->conf.host_key_alias ? c->conf.host_key_alias : c->host;
	if (c->peer.len == 0) {
		snprintf(out, n, "%s (<no hostip for proxy command>)", name);
	} else {
		sock_text(&c->peer, address);
		if (c->port == 22)
			snprintf(out, n, "%s (%s)", name, address);
		else
			snprintf(out, n, "[%s]:%u ([%s]:%u)", name, c->port, address, c->port);
	}
	return out;
}

void hostkey_show(const struct look *l)
{
	struct buf print = BUF_INIT(200), art = BUF_INIT(4096);
	hostkey_put_print(l->c, l->key, &print);
	log_info("Host key fingerprint is %s", buf_cstr(&print));
	put_art(l->c, l->key, &art);
	struct slice left = buf_slice(&art);
	while (left.n) {
		struct slice line = slice_cut(&left, '\n');
		log_info("%.*s", (int)line.n, (const char *)line.p);
	}
	buf_clear(&print);
	buf_clear(&art);
}

/* Where else this very key stands, by line: a host that only changed its name is no stranger. */
static void put_other_names(const struct look *l, struct buf *out)
{
	size_t found = 0;
	for (size_t i = 0; i < l->host.files; i++) {
		struct known_reader r = known_reader_of(buf_slice(&l->host.at[i].text));
		struct known_line line;
		while (known_next(&r, &line) && found <= OTHER_NAMES) {
			struct key *other = line.is_entry && line.marker == KNOWN_PLAIN ? known_line_key(&line) : NULL;
			if (other && key_equal(other, l->key) && found++ < OTHER_NAMES) {
				if (found == 1)
					put_str(out, "This host key is known by the following other names/addresses:\n");
				put_fmt(out, "    %s:%zu: %s\n", l->host.at[i].path, line.number, known_line_is_hashed(&line) ? "[hashed name]" : text_show(line.hosts));
			}
			key_free(other);
		}
	}
	if (found > OTHER_NAMES)
		put_str(out, "    (and others)\n");
	if (found == 0)
		put_str(out, "This key is not known by any other names.\n");
}

/* "yes", "no" or the fingerprint itself; without a fingerprint yes or no alone. */
static bool ask(struct buf *text, struct slice print)
{
	struct buf reply = BUF_INIT_SECRET(1024);
	bool yes = false;
	for (int tries = 0; tries < 8; tries++) {
		struct err e;
		buf_reset(&reply);
		if (!read_passphrase(buf_cstr(text), READPASS_ECHO, &reply, &e))
			break;
		struct slice said = slice_trim(buf_slice(&reply));
		yes = slice_eq_fold(said, SLICE_LIT("yes")) || (print.n && slice_eq(said, print));
		if (yes || slice_eq_fold(said, SLICE_LIT("no")) || said.n == 0)
			break;
		buf_reset(text);
		put_str(text, print.n ? "Please type 'yes', 'no' or the fingerprint: " : "Please type 'yes' or 'no': ");
	}
	buf_clear(&reply);
	return yes;
}

bool hostkey_ask(const struct look *l)
{
	char host[700];
	struct buf text = BUF_INIT(1 << 16), print = BUF_INIT(200);
	hostkey_put_print(l->c, l->key, &print);
	put_fmt(&text, "The authenticity of host '%s' can't be established.\n", hostkey_host_text(l, host, sizeof host));
	put_fmt(&text, "%s key fingerprint is %s.\n", key_word(l->key), buf_cstr(&print));
	if (l->c->conf.visual_host_key)
		put_art(l->c, l->key, &text);
	if (l->c->conf.verify_host_key_dns != CONF_NO)
		put_fmt(&text, "%s host key fingerprint found in DNS.\n", l->dns_matches ? "Matching" : "No matching");
	put_other_names(l, &text);
	put_str(&text, "Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
	bool yes = ask(&text, buf_slice(&print));
	buf_clear(&text);
	buf_clear(&print);
	return yes;
}

bool hostkey_ask_yes(const char *question)
{
	struct buf text = BUF_INIT(1 << 16);
	put_str(&text, question);
	bool yes = ask(&text, slice_of(NULL, 0));
	buf_clear(&text);
	return yes;
}

void hostkey_warn_changed(const struct look *l)
{
	char host[700];
	struct buf print = BUF_INIT(200), name = BUF_INIT(1024);
	hostkey_put_print(l->c, l->key, &print);
	put_bytes(&name, buf_slice(&l->name));
	hostkey_host_text(l, host, sizeof host);
	log_error("%s", bar);
	log_error("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @");
	log_error("%s", bar);
	log_error("Either the host was reinstalled, or somebody listens in between you and it (man in the middle).");
	log_error("The %s key that %s just sent has the fingerprint %s.", key_word(l->key), host, buf_cstr(&print));
	if (l->found.n)
		log_error("If you know that this is right, remove the old key, then connect again:");
	for (size_t i = 0; i < l->found.n; i++) {
		const struct known_entry *k = &l->found.entry[i];
		if (k->marker == KNOWN_PLAIN)
			log_error("Offending %s key in %s:%zu", k->word, l->host.at[k->file].path, k->line);
	}
	if (l->host.mine && l->found.n)
		log_error("  ssh-keygen -f '%s' -R '%s'", l->host.at[0].path, buf_cstr(&name));
	buf_clear(&name);
	buf_clear(&print);
}

/* The first line that knows the address, but not by this key; NULL: there is none. */
static const struct known_entry *address_entry(const struct look *l)
{
	for (size_t i = 0; i < l->found_ip.n; i++)
		if (!l->found_ip.entry[i].same)
			return &l->found_ip.entry[i];
	return NULL;
}

void hostkey_warn_spoofing(const struct look *l)
{
	const struct known_entry *k = address_entry(l);
	const char *said = l->found_ip.state == KNOWN_NEW ? "is unknown" : l->found_ip.state == KNOWN_MATCH ? "is unchanged" : "has a different value";
	log_error("%s", bar);
	log_error("@       WARNING: POSSIBLE DNS SPOOFING DETECTED!          @");
	log_error("%s", bar);
	log_error("The %s host key for %.*s has changed, and the key for its address %.*s %s.", key_word(l->key),
		(int)l->name.len, (const char *)l->name.p, (int)l->address.len, (const char *)l->address.p, said);
	log_error("Either the name leads somewhere else (DNS spoofing), or name and key changed at the same time.");
	if (k)
		log_error("Offending key for IP in %s:%zu", l->ip.at[k->file].path, k->line);
}

void hostkey_warn_revoked(const struct look *l)
{
	log_error("%s", bar);
	log_error("@       WARNING: REVOKED HOST KEY DETECTED!               @");
	log_error("%s", bar);
	log_error("The %s host key for %.*s is marked as revoked.", key_word(l->key), (int)l->name.len, (const char *)l->name.p);
	log_error("Somebody may be using a stolen key to pretend to be that host.");
}
