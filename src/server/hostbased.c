#include "server/hostbased.h"

#include <strings.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "key/known_hosts.h"
#include "key/rhosts.h"
#include "server/oneshot.h"
#include "sys/clock.h"
#include "sys/files.h"

#define PATH_HOSTS_EQUIV "/etc/hosts.equiv"
#define PATH_SHOSTS_EQUIV PATH_ETC "/shosts.equiv"

/* What the administrator wrote, read with our own rights and judged with the user's. */
enum { HOSTS_EQUIV, SHOSTS_EQUIV, SYSTEM_KNOWN, SYSTEM_KNOWN2, SYSTEM_COUNT };
static const struct { const char *path; size_t max; } system_files[SYSTEM_COUNT] = {
	[HOSTS_EQUIV] = {PATH_HOSTS_EQUIV, RHOSTS_FILE_MAX},
	[SHOSTS_EQUIV] = {PATH_SHOSTS_EQUIV, RHOSTS_FILE_MAX},
	[SYSTEM_KNOWN] = {PATH_ETC "/ssh_known_hosts", KNOWN_HOSTS_MAX},
	[SYSTEM_KNOWN2] = {PATH_ETC "/ssh_known_hosts2", KNOWN_HOSTS_MAX},
};

struct work {
	struct monitor *m;
	const struct hostbased *h;
	struct slice text[SYSTEM_COUNT];
	const char *name, *addr;                            /* whom the files must name */
	struct buf log;
};

struct report { bool ok; struct slice log; };
static const struct field report_fields[] = {
	{"ok", FIELD_BOOL, offsetof(struct report, ok)},
	{"log", FIELD_STRING, offsetof(struct report, log)},
	{0},
};
static const struct msg_desc report_desc = {"HOST", 0, sizeof(struct report), report_fields};

static bool host_fits(const struct work *w, const struct rhosts_line *l)
{
	char *name = slice_dup(l->host);
	bool fits = l->host_group ? account_in_netgroup(name, w->name, NULL) || account_in_netgroup(name, w->addr, NULL)
		: strcasecmp(name, w->name) == 0 || strcmp(name, w->addr) == 0;
	mem_free(name);
	return fits;
}

static bool user_fits(const struct work *w, const struct rhosts_line *l)
{
	const char *client = w->h->client_user;
	if (l->user.n == 0)
		return strcmp(client, w->m->login.account->name) == 0;
	char *name = slice_dup(l->user);
	bool fits = l->user_group ? account_in_netgroup(name, NULL, client) : strcmp(name, client) == 0;
	mem_free(name);
	return fits;
}

/* The first line that fits decides for its file. */
static bool trusted_by(const struct work *w, struct slice text)
{
	struct rhosts_line l;
	while (rhosts_next(&text, &l))
		if (host_fits(w, &l) && user_fits(w, &l))
			return !l.negated;
	return false;
}

/* StrictModes: the file and everything from it up to the home belong to the user, and nobody else may write there. */
static bool read_users(struct work *w, const char *name, size_t max, struct buf *text)
{
	const struct account *a = w->m->login.account;
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = max};
	struct err err;
	char *path = file_join(a->home, name);
	int fd = file_open(path, &policy, &err);
	bool ok = false;
	if (fd < 0)
		log_debug("%s", err.text);
	else if (w->m->conf.strict_modes && !file_strict(fd, path, a->uid, a->home, &err))
		log_info("Rhosts authentication refused for %s: %s", a->name, err.text);
	else if (!file_read_fd(fd, path, max, text, &err))
		log_info("%s", err.text);
	else
		ok = true;
	if (fd >= 0)
		close(fd);
	mem_free(path);
	return ok;
}

static bool trusted_by_user(struct work *w)
{
	static const struct { const char *name; bool shosts; } files[] = {{".shosts", true}, {".rhosts", false}};
	enum conf_rhosts ignored = (enum conf_rhosts)w->m->conf.ignore_rhosts;
	bool yes = false;
	for (size_t i = 0; i < ARRAY_LEN(files) && !yes; i++) {
		struct buf text = BUF_INIT(RHOSTS_FILE_MAX);
		if (ignored == CONF_RHOSTS_NO || (ignored == CONF_RHOSTS_SHOSTS_ONLY && files[i].shosts))
			yes = read_users(w, files[i].name, RHOSTS_FILE_MAX, &text) && trusted_by(w, buf_slice(&text));
		buf_clear(&text);
	}
	return yes;
}

/* The system's files do not speak for root. */
static bool host_trusted(struct work *w)
{
	bool root = w->m->login.account->uid == 0;
	return (!root && (trusted_by(w, w->text[HOSTS_EQUIV]) || trusted_by(w, w->text[SHOSTS_EQUIV]))) || trusted_by_user(w);
}

static bool certificate_good(const struct work *w)
{
	const struct judgement *j = w->h->j;
	struct err err;
	if (j->ca_blob.n == 0)
		return true;
	bool ok = cert_check(&j->cert, CERT_HOST, slice_str(w->name), clock_wall(), slice_str(w->m->conf.ca_signature_algorithms), &err);
	if (ok && j->cert.critical.n)
		ok = err_set(&err, ERR_UNSUPPORTED, "Certificate contains unsupported critical options");
	if (!ok)
		log_error("Refusing certificate ID \"%.*s\" serial=%llu signed by %s CA %s: %s", (int)j->cert.key_id.n, (const char *)j->cert.key_id.p,
			(unsigned long long)j->cert.serial, keyjudge_word(j->ca_blob), (const char *)j->ca_fp.p, err.text);
	return ok;
}

/* The pair of files, and only where it has no key of this host the older pair (as OpenSSH). */
static enum known_state look_up(struct work *w, const struct key *key, struct slice system, const char *users)
{
	struct known_result r = {0};
	struct buf name = BUF_INIT(1024), text = BUF_INIT(KNOWN_HOSTS_MAX);
	enum known_marker marker = w->h->j->ca_blob.n ? KNOWN_CA : KNOWN_PLAIN;
	known_hosts_name(w->name, 22, &name);
	known_hosts_check(&r, 0, system, buf_slice(&name), key, marker);
	if (!w->m->conf.ignore_user_known_hosts && read_users(w, users, KNOWN_HOSTS_MAX, &text))
		known_hosts_check(&r, 1, buf_slice(&text), buf_slice(&name), key, marker);
	enum known_state state = r.state;
	if (state == KNOWN_REVOKED)
		log_error("WARNING: revoked key for %s attempted authentication", w->name);
	known_result_clear(&r);
	buf_clear(&name);
	buf_clear(&text);
	return state;
}

static bool key_known(struct work *w)
{
	const struct judgement *j = w->h->j;
	struct err err;
	struct key *key = key_from_blob(j->ca_blob.n ? j->ca_blob : j->plain, &err);
	if (key == NULL)
		return false;
	enum known_state state = look_up(w, key, w->text[SYSTEM_KNOWN], ".ssh/known_hosts");
	if (state == KNOWN_NEW)
		state = look_up(w, key, w->text[SYSTEM_KNOWN2], ".ssh/known_hosts2");
	key_free(key);
	if (state != KNOWN_MATCH)
		return false;
	if (j->ca_blob.n)
		log_verbose("Accepted certificate ID \"%.*s\" signed by %s CA %s from %s@%s", (int)j->cert.key_id.n, (const char *)j->cert.key_id.p,
			keyjudge_word(j->ca_blob), (const char *)j->ca_fp.p, text_show(slice_str(w->h->client_user)), w->name);
	else
		log_verbose("Accepted %s public key %s from %s@%s", j->alg->word, (const char *)j->fp.p, text_show(slice_str(w->h->client_user)), w->name);
	return true;
}

static _Noreturn void child(const struct oneshot *o, struct work *w)
{
	struct report r = {0};
	oneshot_log(&w->log);
	r.ok = oneshot_become(o, w->m->login.account, &w->m->login.groups) && host_trusted(w) && certificate_good(w) && key_known(w);
	r.log = buf_slice(&w->log);
	oneshot_say(&report_desc, &r);
}

/* Whom the files must name: what the client calls itself, or what we know about its address. */
static void choose_name(struct work *w)
{
	const struct mon_peer *p = &w->m->peer;
	if (w->m->conf.hostbased_uses_name_from_packet_only) {
		w->name = w->addr = w->h->host;
		return;
	}
	w->name = p->host;
	w->addr = p->addr;
	if (strcasecmp(p->host, w->h->host) != 0)
		log_info("userauth_hostbased mismatch: client sends %s, but we resolve %s to %s", text_show(slice_str(w->h->host)), p->addr, p->host);
}

bool hostbased_allowed(struct monitor *m, const struct hostbased *h)
{
	struct work w = {.m = m, .h = h, .log = BUF_INIT(ONESHOT_LOG_MAX)};
	struct oneshot o;
	struct report r = {0};
	struct buf store = BUF_INIT(0);
	choose_name(&w);
	for (int i = 0; i < SYSTEM_COUNT; i++) {
		struct file_policy policy = {.flags = FILE_FOLLOW, .max = system_files[i].max};
		struct err err = {0};
		if (!file_map(system_files[i].path, &policy, &w.text[i], &err) && err.code != ERR_MISSING)
			log_error("%s", err.text);
	}
	pid_t pid = oneshot_fork(&o);
	if (pid == 0)
		child(&o, &w);
	bool ok = pid > 0 && oneshot_hear(&o, m, ONESHOT_MS, &report_desc, &store, &r);
	if (ok)
		oneshot_replay(r.log);
	for (int i = 0; i < SYSTEM_COUNT; i++)
		file_unmap(w.text[i]);
	bool allowed = ok && r.ok;
	buf_clear(&store);
	return allowed;
}
