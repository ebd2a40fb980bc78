#include "client/update.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/hostkey.h"
#include "client/readpass.h"
#include "client/session.h"
#include "key/rotation.h"
#include "sys/files.h"

#define HOSTKEYS "hostkeys-00@openssh.com"
#define PROVE "hostkeys-prove-00@openssh.com"
enum { HOLD_MS = 1000 };

struct update {
	struct client *c;
	struct rotation r;
	struct buf host, address;
	bool seen, waiting, held;
	int status;
	struct loop_timer timer;
};

bool update_ends(struct update *u)
{
	if (u == NULL || !u->held)
		return false;
	u->waiting = false;
	client_over(u->c, u->status, "%s", "");
	return true;
}

static void on_timer(void *arg)
{
	update_ends(arg);
}

struct update *update_new(struct client *c)
{
	struct update *u = mem_new(sizeof *u);
	*u = (struct update){.c = c, .host = BUF_INIT(1024), .address = BUF_INIT(1024)};
	loop_timer_init(&u->timer, c->loop, on_timer, u);
	return u;
}

void update_free(struct update *u)
{
	if (u == NULL)
		return;
	loop_timer_stop(&u->timer);
	rotation_clear(&u->r);
	buf_clear(&u->host);
	buf_clear(&u->address);
	mem_free(u);
}

bool update_holds(struct update *u, int status)
{
	if (u == NULL || !u->waiting)
		return false;
	u->held = true;
	u->status = status;
	loop_timer_at(&u->timer, loop_now(u->c->loop) + HOLD_MS);
	return true;
}

/* A question in the middle of a session: not where nobody would see it, and not where a program reads along. */
static bool is_wanted(const struct client *c)
{
	if (c->conf.update_host_keys == CONF_NO || c->conf.user_known_hosts_file.n == 0)
		return false;
	return c->conf.update_host_keys != CONF_ASK || (!c->conf.batch_mode && c->command == NULL && c->conf.request_tty != CONF_TTY_NO &&
		c->conf.log_level >= LOG_LEVEL_INFO && !(c->conf.control_persist.mode && c->conf.control_path));
}

static bool read_file(struct client *c, size_t i, char **path, struct buf *text, bool *missing)
{
	struct err e = {0};
	struct file_policy policy = {FILE_FOLLOW, 0, KNOWN_HOSTS_MAX};
	*path = config_path(c, "UserKnownHostsFile", c->conf.user_known_hosts_file.v[i], &e);
	bool ok = *path && file_read(*path, &policy, text, &e);
	*missing = !ok && e.code == ERR_MISSING;
	if (!ok && !*missing)
		log_error("UpdateHostKeys: %s", e.text);
	return ok || *missing;
}

static bool survey(struct update *u, void (*look)(struct rotation *, struct slice))
{
	bool ok = true, missing;
	for (size_t i = 0; ok && i < u->c->conf.user_known_hosts_file.n; i++) {
		struct buf text = BUF_INIT(KNOWN_HOSTS_MAX);
		char *path;
		ok = read_file(u->c, i, &path, &text, &missing);
		look(&u->r, buf_slice(&text));
		buf_clear(&text);
		mem_free(path);
	}
	return ok;
}

static void say_key(struct update *u, enum log_level level, const char *what, const struct key *key)
{
	struct buf print = BUF_INIT(200);
	hostkey_put_print(u->c, key, &print);
	log_at(level, "%s: %s %s", what, key_word(key), buf_cstr(&print));
	buf_clear(&print);
}

static bool ask_user(struct update *u)
{
	struct buf reply = BUF_INIT_SECRET(1024);
	bool yes = false;
	session_raw(u->c->session, false);
	for (int tries = 0; tries < 3 && !yes; tries++) {
		struct err e;
		buf_reset(&reply);
		if (!read_passphrase("Accept updated hostkeys? (yes/no): ", READPASS_ECHO, &reply, &e) || slice_eq_fold(buf_slice(&reply), SLICE_LIT("no")))
			break;
		yes = slice_eq_fold(buf_slice(&reply), SLICE_LIT("yes"));
		if (!yes)
			log_info("Please enter \"yes\" or \"no\"");
	}
	session_raw(u->c->session, true);
	buf_clear(&reply);
	return yes;
}

/* The file as it was stays beside it, with .old behind its name, as with ssh-keygen -R. */
static void write_file(struct update *u, size_t i)
{
	struct client *c = u->c;
	struct err e;
	struct buf text = BUF_INIT(KNOWN_HOSTS_MAX), out = BUF_INIT(KNOWN_HOSTS_MAX);
	char *path, *old = NULL;
	bool missing, ok = read_file(c, i, &path, &text, &missing) && !(missing && i > 0);
	if (ok && rotation_write(&u->r, buf_slice(&text), i == 0, c->conf.hash_known_hosts != 0, &out)) {
		old = mem_fmt("%s.old", path);
		if ((!missing && !file_write(old, buf_slice(&text), 0600, &e)) || !file_write(path, buf_slice(&out), 0600, &e))
			log_error("UpdateHostKeys: %s", e.text);
		else
			log_debug("UpdateHostKeys: %s is rewritten", path);
	}
	buf_clear(&text);
	buf_clear(&out);
	mem_free(path);
	mem_free(old);
}

static void rewrite(struct update *u)
{
	struct client *c = u->c;
	bool asks = c->conf.update_host_keys == CONF_ASK;
	enum log_level level = asks ? LOG_LEVEL_INFO : LOG_LEVEL_VERBOSE;
	if (asks)
		log_info("The server has updated its host keys. These changes were verified by the server's existing trusted key.");
	for (size_t i = 0; i < u->r.n; i++)
		if (u->r.key[i].proven)
			say_key(u, level, "Learned new hostkey", u->r.key[i].key);
	for (size_t i = 0; i < u->r.old_n; i++)
		say_key(u, level, "Deprecating obsolete hostkey", u->r.old[i].key);
	if (asks && !ask_user(u))
		return;
	for (size_t i = 0; i < c->conf.user_known_hosts_file.n; i++)
		write_file(u, i);
}

static void ask_server(struct update *u)
{
	struct buf data = BUF_INIT(1 << 20);
	rotation_ask(&u->r, &data);
	log_debug("UpdateHostKeys: asking the server to prove %zu new keys", u->r.new_n);
	ssh_global_request(u->c->ssh, PROVE, true, buf_slice(&data));
	u->waiting = true;
	drive_kick(u->c->drive);
	buf_clear(&data);
}

static void on_hostkeys(struct update *u, struct slice data)
{
	struct client *c = u->c;
	struct err e;
	const char *why = "";
	if (u->seen || !is_wanted(c))
		return;
	u->seen = true;
	known_name(c, &u->host);
	known_address(c, &u->address);
	rotation_init(&u->r, buf_slice(&u->host), buf_slice(&u->address));
	if (!rotation_announced(&u->r, data, slice_str(c->conf.host_key_algorithms), &e)) {
		log_error("UpdateHostKeys: %s", e.text);
		return;
	}
	if (!survey(u, rotation_survey) || (u->r.old_n && !survey(u, rotation_survey_old)))
		return;
	switch (rotation_verdict(&u->r, &why)) {
	case ROTATION_NOTHING:
	case ROTATION_REFUSED: log_debug("UpdateHostKeys: %s", why); break;
	case ROTATION_WRITE: rewrite(u); break;
	case ROTATION_PROVE: ask_server(u); break;
	}
}

/* What may sign a proof is what may sign the key exchange: SHA-1 proves nothing, unless HostKeyAlgorithms names it. */
static void on_proof(struct update *u, const struct ssh_event *ev)
{
	struct err e;
	u->waiting = false;
	if (!ev->ok)
		log_error("Server failed to confirm ownership of private host keys");
	else if (!rotation_proven(&u->r, ssh_session_id(u->c->ssh), ev->data, slice_str(u->c->conf.host_key_algorithms), &e))
		log_error("UpdateHostKeys: %s; nothing was changed", e.text);
	else
		rewrite(u);
	update_ends(u);
}

bool update_event(struct update *u, const struct ssh_event *ev)
{
	if (u == NULL)
		return false;
	if (ev->kind == EV_GLOBAL && slice_eq_str(ev->name, HOSTKEYS)) {
		on_hostkeys(u, ev->data);
		return true;
	}
	if (ev->kind == EV_GLOBAL_REPLY && slice_eq_str(ev->name, PROVE) && u->waiting) {
		on_proof(u, ev);
		return true;
	}
	return false;
}
