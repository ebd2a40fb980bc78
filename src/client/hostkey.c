/* Whose key may the host show: known_hosts, the first-use question, the changed-key warning. */
#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "client/readpass.h"
#include "key/cert.h"
#include "key/keyfile.h"
#include "key/known_hosts.h"
#include "key/randart.h"
#include "sys/files.h"

enum { OTHER_NAMES = 8 };                                  /* shown of a key that other hosts have too */

struct texts { struct buf *at; char **path; size_t n, mine; };   /* the first `mine` are the user's own */

static void add_text(struct client *c, struct texts *t, const char *keyword, const char *value)
{
	struct err e;
	struct file_policy policy = {FILE_FOLLOW, 0, KNOWN_HOSTS_MAX};
	char *path = config_path(c, keyword, value, &e);
	struct buf text = BUF_INIT(KNOWN_HOSTS_MAX);
	if (path == NULL) {
		log_error("%s: %s", keyword, e.text);
		return;
	}
	if (!file_read(path, &policy, &text, &e) && e.code != ERR_MISSING)
		log_error("%s", e.text);
	t->at = mem_resize(t->at, (t->n + 1) * sizeof *t->at);
	t->path = mem_resize(t->path, (t->n + 1) * sizeof *t->path);
	t->at[t->n] = text;
	t->path[t->n++] = path;
}

static void read_texts(struct client *c, struct texts *t)
{
	*t = (struct texts){0};
	for (size_t i = 0; i < c->conf.user_known_hosts_file.n; i++)
		add_text(c, t, "UserKnownHostsFile", c->conf.user_known_hosts_file.v[i]);
	t->mine = t->n;
	for (size_t i = 0; i < c->conf.global_known_hosts_file.n; i++)
		add_text(c, t, "GlobalKnownHostsFile", c->conf.global_known_hosts_file.v[i]);
}

static void clear_texts(struct texts *t)
{
	for (size_t i = 0; i < t->n; i++) {
		buf_clear(&t->at[i]);
		mem_free(t->path[i]);
	}
	mem_free(t->at);
	mem_free(t->path);
}

static void known_name(struct client *c, struct buf *name)
{
	if (c->conf.host_key_alias)
		known_hosts_name(c->conf.host_key_alias, 0, name);
	else
		known_hosts_name(c->host, c->port, name);
}

static void known_types(struct client *c, struct buf *types)
{
	struct texts t;
	struct buf name = BUF_INIT(1024);
	read_texts(c, &t);
	known_name(c, &name);
	for (size_t i = 0; i < t.n; i++)
		known_hosts_types(buf_slice(&t.at[i]), buf_slice(&name), KNOWN_PLAIN, types);
	clear_texts(&t);
	buf_clear(&name);
}

/* A list that the user gave in full keeps its order (ssh_config(5), HostKeyAlgorithms). */
void hostkey_order(struct client *c, struct buf *names)
{
	struct buf types = BUF_INIT(4096);
	const char *all = c->conf.host_key_algorithms;
	if (!SSH_GIVEN(&c->conf, host_key_algorithms))
		known_types(c, &types);
	for (int known = 1; known >= 0; known--) {
		struct slice list = slice_str(all), name;
		while (names_next(&list, &name)) {
			const struct key_alg *alg = key_alg_find(name);
			if (alg && names_has_str(buf_slice(&types), alg->type) == (known == 1))
				names_add_slice(names, name);
		}
	}
	buf_clear(&types);
}

bool hostkey_is_known(struct client *c)
{
	struct buf types = BUF_INIT(4096);
	known_types(c, &types);
	bool known = types.len > 0;
	buf_clear(&types);
	return known;
}

static void put_fingerprint(struct client *c, const struct key *key, struct buf *out)
{
	struct buf blob = BUF_INIT(1 << 16);
	key_blob(key, &blob);
	key_fingerprint(buf_slice(&blob), c->conf.fingerprint_hash == CONF_HASH_MD5 ? &hash_md5 : &hash_sha256, out);
	buf_clear(&blob);
}

static void put_art(struct client *c, const struct key *key, struct buf *out)
{
	uint8_t digest[HASH_MAX];
	struct buf blob = BUF_INIT(1 << 16);
	bool md5 = c->conf.fingerprint_hash == CONF_HASH_MD5;
	char title[40];
	key_blob(key, &blob);
	hash_once(md5 ? &hash_md5 : &hash_sha256, buf_slice(&blob), digest);
	snprintf(title, sizeof title, "%s %u", key_word(key), key_bits(key));
	put_randart(out, slice_of(digest, md5 ? hash_md5.len : hash_sha256.len), title, md5 ? "MD5" : "SHA256");
	buf_clear(&blob);
}

static const char *host_text(struct client *c, char *out, size_t n)
{
	char address[SOCK_TEXT_MAX];
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

static void remember(struct client *c, struct texts *t, const struct key *key)
{
	struct buf name = BUF_INIT(1024), line = BUF_INIT(1 << 16);
	struct err e;
	if (t->mine == 0)
		return;
	known_name(c, &name);
	known_hosts_put(&line, buf_slice(&name), key, c->conf.hash_known_hosts != 0);
	char *dir = file_dir(t->path[0]);
	if (strcmp(t->path[0], "/dev/null") == 0)
		e.code = ERR_NONE;
	else if (!file_make_dir(dir, 0700, &e) || !file_append(t->path[0], buf_slice(&line), 0600, &e))
		log_error("cannot remember the host key: %s", e.text);
	else
		log_info("Warning: Permanently added '%s' (%s) to the list of known hosts.", buf_cstr(&name), key_word(key));
	mem_free(dir);
	buf_clear(&name);
	buf_clear(&line);
}

/* Where else this very key stands, by line: a host that only changed its name is no stranger. */
static void put_other_names(struct client *c, const struct texts *t, const struct key *key, struct buf *out)
{
	size_t found = 0;
	for (size_t i = 0; i < t->n; i++) {
		struct known_reader r = known_reader_of(buf_slice(&t->at[i]));
		struct known_line line;
		while (known_next(&r, &line) && found <= OTHER_NAMES) {
			struct key *other = line.is_entry && line.marker == KNOWN_PLAIN ? known_line_key(&line) : NULL;
			if (other && key_equal(other, key) && found++ < OTHER_NAMES) {
				if (found == 1)
					put_str(out, "This host key is known by the following other names/addresses:\n");
				put_fmt(out, "    %s:%zu: %s\n", t->path[i], line.number, known_line_is_hashed(&line) ? "[hashed name]" : text_show(line.hosts));
			}
			key_free(other);
		}
	}
	if (found > OTHER_NAMES)
		put_str(out, "    (and others)\n");
	if (found == 0)
		put_str(out, "This key is not known by any other names.\n");
	(void)c;
}

/* "yes", "no" or the fingerprint itself. */
static bool ask_user(struct client *c, const struct texts *t, const struct key *key)
{
	char host[700];
	struct buf text = BUF_INIT(1 << 16), print = BUF_INIT(200), reply = BUF_INIT_SECRET(1024);
	bool yes = false;
	put_fingerprint(c, key, &print);
	put_fmt(&text, "The authenticity of host '%s' can't be established.\n", host_text(c, host, sizeof host));
	put_fmt(&text, "%s key fingerprint is %s.\n", key_word(key), buf_cstr(&print));
	if (c->conf.visual_host_key)
		put_art(c, key, &text);
	put_other_names(c, t, key, &text);
	put_str(&text, "Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
	for (int tries = 0; tries < 8; tries++) {
		struct err e;
		buf_reset(&reply);
		if (!read_passphrase(buf_cstr(&text), READPASS_ECHO, &reply, &e))
			break;
		struct slice said = slice_trim(buf_slice(&reply));
		yes = match_wild(said, SLICE_LIT("yes"), true) || slice_eq(said, buf_slice(&print));
		if (yes || match_wild(said, SLICE_LIT("no"), true) || said.n == 0)
			break;
		buf_reset(&text);
		put_str(&text, "Please type 'yes', 'no' or the fingerprint: ");
	}
	buf_clear(&text);
	buf_clear(&print);
	buf_clear(&reply);
	return yes;
}

static bool new_key(struct client *c, struct texts *t, const struct key *key, struct answer_yes *a)
{
	bool ask = c->conf.strict_host_key_checking == CONF_STRICT_ASK;
	if (c->conf.strict_host_key_checking == CONF_STRICT_YES || (ask && c->conf.batch_mode)) {
		char host[700];
		log_error("No %s host key is known for %s and you have requested strict checking.", key_word(key), host_text(c, host, sizeof host));
		a->text = SLICE_LIT("Host key verification failed; add the key with ssh-keyscan after checking its fingerprint");
		return false;
	}
	if (ask && !ask_user(c, t, key)) {
		a->text = SLICE_LIT("Host key verification failed.");
		return false;
	}
	remember(c, t, key);
	return true;
}

static void warn_changed(struct client *c, struct texts *t, const struct key *key, const struct known_result *found)
{
	static const char bar[] = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@";
	char host[700];
	struct buf print = BUF_INIT(200);
	put_fingerprint(c, key, &print);
	host_text(c, host, sizeof host);
	log_error("%s", bar);
	log_error("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @");
	log_error("%s", bar);
	log_error("Either the host was reinstalled, or somebody listens in between you and it (man in the middle).");
	log_error("The %s key that %s just sent has the fingerprint %s.", key_word(key), host, buf_cstr(&print));
	log_error("If you know that this is right, remove the old key, then connect again:");
	for (size_t i = 0; i < found->n; i++) {
		const struct known_entry *k = &found->entry[i];
		if (k->file < t->n && strcmp(k->type, key_type(key)) == 0)
			log_error("Offending %s key in %s:%zu", k->word, t->path[k->file], k->line);
	}
	struct buf name = BUF_INIT(1024);
	known_name(c, &name);
	if (t->mine)
		log_error("  ssh-keygen -f '%s' -R '%s'", t->path[0], buf_cstr(&name));
	buf_clear(&name);
	buf_clear(&print);
}

/* With StrictHostKeyChecking off a changed key is let in, but nothing that could be stolen is sent (ssh_config(5)). */
static bool changed_key(struct client *c, struct texts *t, const struct key *key, const struct known_result *found, struct answer_yes *a)
{
	warn_changed(c, t, key, found);
	if (c->conf.strict_host_key_checking != CONF_STRICT_OFF) {
		log_error("Host key for %s has changed and you have requested strict checking.", text_show(slice_str(c->host)));
		a->text = SLICE_LIT("Host key verification failed.");
		return false;
	}
	log_error("Password authentication is disabled to avoid man-in-the-middle attacks.");
	log_error("Keyboard-interactive authentication is disabled to avoid man-in-the-middle attacks.");
	c->conf.password_authentication = c->conf.kbd_interactive_authentication = 0;
	mem_free(c->conf.forward_agent);
	c->conf.forward_agent = NULL;
	return true;
}

/* An entry without the port is as good where none has it, as OpenSSH sees it. */
static bool known_without_port(struct client *c, const struct texts *t, const struct key *key)
{
	struct known_result found = {0};
	struct buf name = BUF_INIT(1024);
	if (c->conf.host_key_alias || c->port == 22)
		return false;
	known_hosts_name(c->host, 22, &name);
	for (size_t i = 0; i < t->n; i++)
		known_hosts_check(&found, (unsigned)i, buf_slice(&t->at[i]), buf_slice(&name), key, KNOWN_PLAIN);
	bool match = found.state == KNOWN_MATCH;
	if (match)
		log_debug("Host '%s' is known without its port and matches the %s host key.", buf_cstr(&name), key_word(key));
	known_result_clear(&found);
	buf_clear(&name);
	return match;
}

static void show_key(struct client *c, const struct key *key)
{
	struct buf print = BUF_INIT(200), art = BUF_INIT(4096);
	put_fingerprint(c, key, &print);
	log_info("Host key fingerprint is %s", buf_cstr(&print));
	put_art(c, key, &art);
	struct slice left = buf_slice(&art);
	while (left.n) {
		struct slice line = slice_cut(&left, '\n');
		log_info("%.*s", (int)line.n, (const char *)line.p);
	}
	buf_clear(&print);
	buf_clear(&art);
}

static bool judge(struct client *c, const struct key *key, struct answer_yes *a)
{
	struct texts t;
	struct known_result found = {0};
	struct buf name = BUF_INIT(1024);
	bool ok = false;
	read_texts(c, &t);
	known_name(c, &name);
	for (size_t i = 0; i < t.n; i++)
		known_hosts_check(&found, (unsigned)i, buf_slice(&t.at[i]), buf_slice(&name), key, KNOWN_PLAIN);
	switch (found.state) {
	case KNOWN_MATCH:
		log_debug("Host '%s' is known and matches the %s host key.", buf_cstr(&name), key_word(key));
		ok = true;
		if (c->conf.visual_host_key)
			show_key(c, key);
		break;
	case KNOWN_NEW: ok = known_without_port(c, &t, key) || new_key(c, &t, key, a); break;
	case KNOWN_CHANGED: ok = changed_key(c, &t, key, &found, a); break;
	case KNOWN_REVOKED:
		log_error("The %s host key of %s is marked as revoked; somebody may be using a stolen key.", key_word(key), buf_cstr(&name));
		a->text = SLICE_LIT("Host key verification failed: the key is revoked");
		break;
	}
	known_result_clear(&found);
	clear_texts(&t);
	buf_clear(&name);
	return ok;
}

void hostkey_answer(struct client *c, const struct ask_hostkey *ask, struct answer *a)
{
	struct err e;
	struct key *key = key_from_any(ask->blob, NULL, &e);
	*a = (struct answer){.kind = ASK_HOSTKEY};
	if (key == NULL) {
		a->yes.text = SLICE_LIT("the host key cannot be read");
		return;
	}
	struct buf print = BUF_INIT(200);
	put_fingerprint(c, key, &print);
	log_debug("Server host key: %s %s", key_type(key), buf_cstr(&print));
	buf_clear(&print);
	bool local = c->conf.no_host_authentication_for_localhost && c->peer.len && sock_is_loopback(&c->peer);
	a->yes.ok = local || judge(c, key, &a->yes);
	key_free(key);
}
