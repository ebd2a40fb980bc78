/* Whose key may the host show: RevokedHostKeys, known_hosts, certificates, CheckHostIP, StrictHostKeyChecking (ssh_config(5)). */
#include "client/hostkey.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "conf/algs.h"
#include "key/krl.h"
#include "sys/files.h"

enum outcome { REFUSED, ACCEPTED, UNKNOWN };

/* A list that the user gave in full keeps its order; so does one whose first choice is known already. Else what known_hosts can
 * vouch for comes first: the types that stand there, and certificates where a CA does. Where a type stands there and no CA, certificates
 * come last: nobody can judge them, and with one in front the message that we send ahead (RFC 4253, 7) is thrown away by a host
 * that has none, which costs a round trip. */
static void sort_algorithms(struct client *c, struct slice types, bool has_ca, struct buf *names)
{
	enum { VOUCHED, OTHERS, UNJUDGED, RANKS };
	struct slice all = slice_str(c->conf.host_key_algorithms), list = all, name;
	bool given = SSH_GIVEN(&c->conf, host_key_algorithms) && !slice_has_prefix(all, algs_sig);
	bool unjudged = !given && !has_ca && types.n, fixed = given, best = true;
	for (int rank = VOUCHED; rank < RANKS; rank++) {
		for (list = all; names_next(&list, &name);) {
			const struct key_alg *alg = key_alg_find(name);
			if (alg == NULL)
				continue;
			bool typed = names_has_str(types, key_alg_plain(alg)->type), last = unjudged && alg->plain;
			fixed = fixed || (best && typed && !last);
			best = best && last;
			int mine = last ? UNJUDGED : fixed || typed || (has_ca && alg->plain) ? VOUCHED : OTHERS;
			if (mine == rank)
				names_add_slice(names, name);
		}
	}
}

bool hostkey_order(struct client *c, struct buf *names, struct err *e)
{
	struct known_texts t;
	struct buf name = BUF_INIT(1024), types = BUF_INIT(4096), cas = BUF_INIT(4096);
	known_name(c, &name);
	const char *plain = c->conf.host_key_alias ? c->conf.host_key_alias : c->host;
	const struct known_query q = {.invocation = "ORDER", .name = slice_str(plain)};
	bool ok = known_load(c, &q, &t, e);
	for (size_t i = 0; ok && i < t.n; i++) {
		known_hosts_types(buf_slice(&t.at[i].text), buf_slice(&name), KNOWN_PLAIN, &types);
		known_hosts_types(buf_slice(&t.at[i].text), buf_slice(&name), KNOWN_CA, &cas);
	}
	c->host_is_known = types.len > 0;
	if (ok)
		sort_algorithms(c, buf_slice(&types), cas.len > 0, names);
	known_clear(&t);
	buf_clear(&name);
	buf_clear(&types);
	buf_clear(&cas);
	return ok;
}

static enum outcome refuse(struct look *l, const char *why)
{
	l->a->text = slice_str(why);
	return REFUSED;
}

static bool put_line(struct look *l, struct slice name)
{
	struct err e;
	struct buf line = BUF_INIT(1 << 16);
	const char *path = l->host.at[0].path;
	char *dir = file_dir(path);
	known_hosts_put(&line, name, l->key, l->c->conf.hash_known_hosts != 0);
	bool ok = strcmp(path, "/dev/null") == 0 || (file_make_dir(dir, 0700, &e) && file_append(path, buf_slice(&line), 0600, &e));
	if (!ok)
		log_error("cannot remember the host key: %s", e.text);
	mem_free(dir);
	buf_clear(&line);
	return ok;
}

/* Name and address go into one line; hashed, each into a line of its own. */
static void remember(struct look *l)
{
	struct buf name = BUF_INIT(2048);
	bool address = l->by_address && l->found_ip.state == KNOWN_NEW, ok;
	if (l->host.mine == 0)
		return;
	put_bytes(&name, buf_slice(&l->name));
	if (address && l->c->conf.hash_known_hosts) {
		ok = put_line(l, buf_slice(&l->name)) && put_line(l, buf_slice(&l->address));
	} else {
		if (address)
			names_add_slice(&name, buf_slice(&l->address));
		ok = put_line(l, buf_slice(&name));
	}
	if (ok && strcmp(l->host.at[0].path, "/dev/null") != 0)
		log_info("Warning: Permanently added '%s' (%s) to the list of known hosts.", buf_cstr(&name), key_word(l->key));
	buf_clear(&name);
}

/* What has a meaning of its own in known_hosts is no name there. */
static bool name_is_plain(const struct client *c)
{
	const char *name = c->conf.host_key_alias ? c->conf.host_key_alias : c->host;
	return strpbrk(name, "@?*#[]|'\"\\, \t") == NULL;
}

static enum outcome new_key(struct look *l)
{
	struct client *c = l->c;
	bool asks = c->conf.strict_host_key_checking == CONF_STRICT_ASK;
	char host[700];
	if (!name_is_plain(c))
		return refuse(l, "Host key verification failed: a name like this cannot stand in known_hosts");
	if (c->conf.strict_host_key_checking == CONF_STRICT_YES || (asks && c->conf.batch_mode)) {
		log_error("No %s host key is known for %s and you have requested strict checking.", key_word(l->key), hostkey_host_text(l, host, sizeof host));
		return refuse(l, "Host key verification failed; add the key with ssh-keyscan after checking its fingerprint");
	}
	if (asks && !hostkey_ask(l))
		return refuse(l, "Host key verification failed.");
	l->trusted = asks;
	remember(l);
	return ACCEPTED;
}

/* With StrictHostKeyChecking off a changed key is let in, but nothing that could be stolen is sent (ssh_config(5)). */
static enum outcome changed_key(struct look *l)
{
	struct ssh_conf *f = &l->c->conf;
	if (l->by_address && (l->found_ip.state != KNOWN_CHANGED || l->found_ip.n == 0))
		hostkey_warn_spoofing(l);
	hostkey_warn_changed(l);
	if (f->strict_host_key_checking != CONF_STRICT_OFF) {
		log_error("Host key for %s has changed and you have requested strict checking.", text_show(slice_str(l->c->host)));
		return refuse(l, "Host key verification failed.");
	}
	log_error("Password authentication is disabled to avoid man-in-the-middle attacks.");
	log_error("Keyboard-interactive authentication is disabled to avoid man-in-the-middle attacks.");
	f->password_authentication = f->kbd_interactive_authentication = 0;
	mem_free(f->forward_agent);
	f->forward_agent = NULL;
	return ACCEPTED;
}

static enum outcome revoked_key(struct look *l)
{
	hostkey_warn_revoked(l);
	return refuse(l, "Host key verification failed: the key is revoked");
}

/* Certificates of hosts have no critical options: whatever stands there is something that we do not know. */
static bool cert_is_good(const struct look *l)
{
	const struct client *c = l->c;
	const char *name = c->conf.host_key_alias ? c->conf.host_key_alias : c->host;
	struct err e;
	bool ok = cert_check(l->cert, CERT_HOST, slice_str(name), (int64_t)time(NULL), slice_str(c->conf.ca_signature_algorithms), &e);
	if (ok && l->cert->critical.n)
		ok = err_set(&e, ERR_UNSUPPORTED, "certificate has a critical option, which no host certificate may have");
	if (!ok)
		log_error("the host key of %s: %s", text_show(slice_str(name)), e.text);
	return ok;
}

static enum outcome judge_cert(struct look *l, struct slice name)
{
	struct known_result ca = {0}, own = {0};
	enum outcome out = UNKNOWN;
	known_check(&l->host, name, l->cert->ca, KNOWN_CA, &ca);
	known_check(&l->host, name, l->cert->key, KNOWN_PLAIN, &own);
	if (ca.state == KNOWN_REVOKED || own.state == KNOWN_REVOKED) {
		out = revoked_key(l);
	} else if (ca.state == KNOWN_MATCH && cert_is_good(l)) {
		log_debug("Host '%.*s' is known and matches the %s-CERT host certificate.", (int)name.n, (const char *)name.p, key_word(l->key));
		for (size_t i = 0; i < ca.n; i++)
			if (ca.entry[i].same)
				log_debug("Found CA key in %s:%zu", l->host.at[ca.entry[i].file].path, ca.entry[i].line);
		l->c->conf.update_host_keys = CONF_NO;      /* certificates need no list of keys */
		l->trusted = true;
		out = ACCEPTED;
	}
	known_result_clear(&ca);
	known_result_clear(&own);
	return out;
}

/* An entry without the port is as good where none has it, as OpenSSH sees it. */
static enum outcome judge_without_port(struct look *l)
{
	struct client *c = l->c;
	struct known_result found = {0};
	struct buf name = BUF_INIT(1024);
	enum outcome out = UNKNOWN;
	if (c->conf.host_key_alias || c->port == 22)
		return UNKNOWN;
	known_hosts_name(c->host, 22, &name);
	if (l->cert)
		out = judge_cert(l, buf_slice(&name));
	known_check(&l->host, buf_slice(&name), l->key, KNOWN_PLAIN, &found);
	if (out == UNKNOWN && found.state == KNOWN_MATCH) {
		log_debug("Host '%s' is known without its port and matches the %s host key.", buf_cstr(&name), key_word(l->key));
		out = ACCEPTED;
	}
	known_result_clear(&found);
	buf_clear(&name);
	return out;
}

/* Only what the user's own files vouch for may change them. */
static void note_source(struct look *l)
{
	for (size_t i = 0; i < l->found.n; i++) {
		if (!l->found.entry[i].same)
			continue;
		log_debug("Found key in %s:%zu", l->host.at[l->found.entry[i].file].path, l->found.entry[i].line);
		l->trusted = l->found.entry[i].file < l->host.mine;
		return;
	}
}

static enum outcome known_key(struct look *l)
{
	struct client *c = l->c;
	log_debug("Host '%.*s' is known and matches the %s host key.", (int)l->name.len, (const char *)l->name.p, key_word(l->key));
	note_source(l);
	if (l->by_address && l->found_ip.state == KNOWN_NEW && l->host.mine) {
		if (put_line(l, buf_slice(&l->address)))
			log_info("Warning: Permanently added the %s host key for IP address '%.*s' to the list of known hosts.", key_word(l->key),
				(int)l->address.len, (const char *)l->address.p);
	} else if (c->conf.visual_host_key) {
		hostkey_show(l);
	}
	return ACCEPTED;
}

/* The name is right (or new), but its address has another key (CheckHostIP). */
static enum outcome check_address(struct look *l)
{
	struct buf text = BUF_INIT(1 << 14);
	int strict = l->c->conf.strict_host_key_checking;
	if (!l->by_address || l->found.state == KNOWN_CHANGED || l->found_ip.state != KNOWN_CHANGED)
		return ACCEPTED;
	put_fmt(&text, "Warning: the %s host key for '%.*s' differs from the key for the IP address '%.*s'", key_word(l->key),
		(int)l->name.len, (const char *)l->name.p, (int)l->address.len, (const char *)l->address.p);
	for (size_t i = 0; i < l->found_ip.n; i++)
		put_fmt(&text, "\nOffending key for IP in %s:%zu", l->ip.at[l->found_ip.entry[i].file].path, l->found_ip.entry[i].line);
	for (size_t i = 0; i < l->found.n; i++)
		if (l->found.entry[i].same)
			put_fmt(&text, "\nMatching host key in %s:%zu", l->host.at[l->found.entry[i].file].path, l->found.entry[i].line);
	bool ok = strict == CONF_STRICT_OFF, asks = strict == CONF_STRICT_ASK && !l->c->conf.batch_mode;
	if (asks) {
		put_str(&text, "\nAre you sure you want to continue connecting (yes/no)? ");
		ok = hostkey_ask_yes(buf_cstr(&text));
	} else {
		log_info("%s", buf_cstr(&text));
	}
	if (!ok && !asks)
		log_error("Exiting, you have requested strict checking.");
	buf_clear(&text);
	return ok ? ACCEPTED : refuse(l, "Host key verification failed.");
}

static enum outcome judge_plain(struct look *l)
{
	known_check(&l->host, buf_slice(&l->name), l->key, KNOWN_PLAIN, &l->found);
	if (l->by_address)
		known_check(&l->ip, buf_slice(&l->address), l->key, KNOWN_PLAIN, &l->found_ip);
	enum outcome out = UNKNOWN;
	if (l->found_ip.state == KNOWN_REVOKED)
		return revoked_key(l);
	switch (l->found.state) {
	case KNOWN_MATCH: out = known_key(l); break;
	case KNOWN_CHANGED: out = changed_key(l); break;
	case KNOWN_REVOKED: return revoked_key(l);
	case KNOWN_NEW:
		out = judge_without_port(l);
		if (out == UNKNOWN)
			out = new_key(l);
		break;
	}
	return out == ACCEPTED ? check_address(l) : out;
}

static enum outcome judge(struct look *l)
{
	struct err e;
	enum outcome out = UNKNOWN;
	const struct known_query by_name = {"HOSTNAME", buf_slice(&l->name), l->blob}, by_address = {"ADDRESS", buf_slice(&l->address), l->blob};
	if (!known_load(l->c, &by_name, &l->host, &e) || (l->by_address && !known_load(l->c, &by_address, &l->ip, &e))) {
		log_error("%s", e.text);
		return refuse(l, "Host key verification failed: KnownHostsCommand failed");
	}
	if (l->cert) {
		out = judge_cert(l, buf_slice(&l->name));
		if (out == UNKNOWN)
			out = judge_without_port(l);
		if (out == UNKNOWN)
			log_debug("No matching CA found. Retry with plain key");
	}
	if (out == UNKNOWN) {
		l->cert = NULL;
		out = judge_plain(l);
	}
	return out;
}

/* RevokedHostKeys: a file that cannot be read revokes everything, or whoever can make it vanish could bring a stolen key back. */
static bool in_revoked_file(struct look *l, const char *name)
{
	struct err e = {0};
	struct file_policy policy = {FILE_FOLLOW, 0, KRL_FILE_MAX};
	struct buf text = BUF_INIT(KRL_FILE_MAX);
	char *path = config_path(l->c, "RevokedHostKeys", name, &e);
	bool revoked = true;
	if (path == NULL || !file_read(path, &policy, &text, &e)) {
		log_error("RevokedHostKeys: %s; no host key is accepted without it", e.text);
	} else {
		switch (krl_check(buf_slice(&text), l->key, l->cert, &e)) {
		case KRL_NOT_REVOKED: revoked = false; break;
		case KRL_REVOKED: log_error("Host key %s is revoked by file %s", key_word(l->key), path); break;
		case KRL_DAMAGED: log_error("RevokedHostKeys %s: %s; no host key is accepted with it", path, e.text); break;
		}
	}
	buf_clear(&text);
	mem_free(path);
	return revoked;
}

static bool is_revoked(struct look *l)
{
	for (size_t i = 0; i < l->c->conf.revoked_host_keys.n; i++)
		if (in_revoked_file(l, l->c->conf.revoked_host_keys.v[i]))
			return true;
	return false;
}

/* Only the order of the questions is here. */
static enum outcome consider(struct look *l)
{
	struct client *c = l->c;
	bool local = c->peer.len && sock_is_loopback(&c->peer);
	if (is_revoked(l))
		return refuse(l, "Host key verification failed: the key is revoked");
	if (hostkey_in_dns(l)) {
		l->trusted = true;
		return ACCEPTED;
	}
	if (local && c->conf.no_host_authentication_for_localhost && c->conf.host_key_alias == NULL) {
		log_debug("Forcing accepting of host key for loopback/localhost.");
		return ACCEPTED;
	}
	known_name(c, &l->name);
	l->by_address = known_address(c, &l->address);
	enum outcome out = judge(l);
	buf_clear(&l->name);
	buf_clear(&l->address);
	known_clear(&l->host);
	known_clear(&l->ip);
	known_result_clear(&l->found);
	known_result_clear(&l->found_ip);
	return out;
}

static void log_shown(struct client *c, const struct key *key, const struct cert *cert)
{
	struct buf print = BUF_INIT(200), ca = BUF_INIT(200);
	hostkey_put_print(c, key, &print);
	log_debug("Server host key: %s%s %s", key_type(key), cert ? "-cert-v01@openssh.com" : "", buf_cstr(&print));
	if (cert) {
		hostkey_put_print(c, cert->ca, &ca);
		log_debug("Server host certificate: %s, serial %llu ID \"%s\" CA %s %s", buf_cstr(&print), (unsigned long long)cert->serial,
			text_show(cert->key_id), key_type(cert->ca), buf_cstr(&ca));
	}
	buf_clear(&print);
	buf_clear(&ca);
}

void hostkey_answer(struct client *c, const struct ask_hostkey *ask, struct answer *a)
{
	struct err e = {0};
	struct cert *cert = NULL;
	*a = (struct answer){.kind = ASK_HOSTKEY};
	if (c->host_blob.len && slice_eq(buf_slice(&c->host_blob), ask->blob)) {
		a->yes.ok = true;                           /* the same as before: a rekey asks nobody twice */
		return;
	}
	struct key *key = key_from_any(ask->blob, &cert, &e);
	if (key == NULL) {
		log_error("the host key cannot be read: %s", e.text);
		a->yes.text = SLICE_LIT("the host key cannot be read");
		return;
	}
	log_shown(c, key, cert);
	struct look l = {.c = c, .blob = ask->blob, .key = key, .cert = cert, .a = &a->yes,
		.name = BUF_INIT(1024), .address = BUF_INIT(1024)};
	a->yes.ok = consider(&l) == ACCEPTED;
	if (!l.trusted)
		c->conf.update_host_keys = CONF_NO;
	if (a->yes.ok)
		put_bytes(&c->host_blob, ask->blob);
	key_free(key);
	cert_free(cert);
}
