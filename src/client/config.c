/* The client's configuration: command line, ~/.ssh/config, the system's file; then tokens. */
#include "client/client.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/canon.h"
#include "conf/ssh_load.h"
#include "conf/token.h"
#include "conf/types.h"
#include "crypto/hash.h"
#include "sys/files.h"
#include "sys/netif.h"
#include "sys/process.h"

enum { TOKENS = 13, TOKENS_MORE = 8 };

struct tokens {
	struct token at[TOKENS + TOKENS_MORE];
	char port[8], uid[16], host[256], short_host[256], hash[HASH_MAX * 2 + 1];
};

static void fill_tokens(struct client *c, struct tokens *t)
{
	struct buf text = BUF_INIT(4096), hex = BUF_INIT(HASH_MAX * 2 + 1);
	uint8_t digest[HASH_MAX];
	if (gethostname(t->host, sizeof t->host) != 0)
		snprintf(t->host, sizeof t->host, "UNKNOWN");
	snprintf(t->short_host, sizeof t->short_host, "%.*s", (int)strcspn(t->host, "."), t->host);
	snprintf(t->port, sizeof t->port, "%u", c->port);
	snprintf(t->uid, sizeof t->uid, "%u", (unsigned)getuid());
	const char *jump = c->conf.proxy_jump ? c->conf.proxy_jump : "";
	put_fmt(&text, "%s%s%s%s%s", t->host, c->host, t->port, c->user, jump);
	hash_once(&hash_sha1, buf_slice(&text), digest);
	put_hex(&hex, slice_of(digest, hash_sha1.len));
	snprintf(t->hash, sizeof t->hash, "%s", buf_cstr(&hex));
	const char *key_name = c->conf.host_key_alias ? c->conf.host_key_alias : c->typed;
	const struct token at[TOKENS] = {
		{'C', t->hash}, {'d', c->home}, {'h', c->host}, {'i', t->uid}, {'j', jump}, {'k', key_name}, {'L', t->short_host},
		{'l', t->host}, {'n', c->typed}, {'p', t->port}, {'r', c->user}, {'u', c->local_user}, {'T', "NONE"},
	};
	memcpy(t->at, at, sizeof at);
	buf_clear(&text);
	buf_clear(&hex);
}

static void environment_of(const char *text, struct token_env *env, size_t most)
{
	struct slice rest = slice_str(text), name;
	size_t n = 0;
	while (n + 1 < most && token_env_next(&rest, &name)) {
		char *owned = slice_dup(name);
		env[n++] = (struct token_env){owned, getenv(owned)};
	}
	env[n] = (struct token_env){NULL, NULL};
}

char *config_expand_with(struct client *c, const char *keyword, const char *value, const struct token *more, size_t n, struct err *e)
{
	const struct conf_key *key = conf_find(&ssh_table, slice_str(keyword));
	struct tokens t;
	struct token_env env[17];
	assert(n <= TOKENS_MORE);
	fill_tokens(c, &t);
	for (size_t i = 0; i < n; i++)
		t.at[TOKENS + i] = more[i];
	environment_of(value, env, ARRAY_LEN(env));
	char *out = conf_expand(key, value, t.at, TOKENS + n, env, e);
	for (size_t i = 0; env[i].name; i++)
		mem_free((void *)(uintptr_t)env[i].name);
	return out;
}

static char *expand(struct client *c, const char *keyword, const char *value, struct err *e)
{
	return config_expand_with(c, keyword, value, NULL, 0, e);
}

char *config_path(struct client *c, const char *keyword, const char *value, struct err *e)
{
	char *text = expand(c, keyword, value, e), *path = text ? file_expand(text, c->home, e) : NULL;
	mem_free(text);
	return path;
}

/* The user's shell runs it and is waited for; a quiet one has no input and no output. True: exit status 0. */
static bool run_shell(const char *keyword, const char *command, bool quiet)
{
	const char *shell = getenv("SHELL");
	if (shell == NULL || shell[0] == 0)
		shell = "/bin/sh";
	const char *const argv[] = {shell, "-c", command, NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct fd_map map[] = {{null, 0}, {null, 1}};
	struct proc_spawn spawn = {.path = shell, .argv = argv, .fds = map, .nfds = null < 0 || !quiet ? 0 : 2};
	struct err e;
	struct proc_exit end = {.code = 1};
	pid_t pid = proc_spawn(&spawn, NULL, &e);
	if (pid < 0)
		log_error("%s: %s", keyword, e.text);
	else
		proc_wait(pid, true, &end);
	if (null >= 0)
		close(null);
	return pid > 0 && !end.by_signal && end.code == 0;
}

/* Tokens while the files are still being read: with what is known so far. */
static char *expand_early(const struct client *c, struct ssh_load *l, const char *keyword, const char *text, struct err *e)
{
	const struct ssh_conf *so_far = ssh_load_conf(l);
	struct client now = *c;
	char *user = mem_str(so_far->user ? so_far->user : c->local_user), *host = ssh_load_host(l);
	now.conf = *so_far;
	now.port = so_far->port > 0 ? (unsigned)so_far->port : 22;
	now.user = user;
	now.host = host;
	char *out = expand(&now, keyword, text, e);
	mem_free(user);
	mem_free(host);
	return out;
}

/* Match exec: the exit status decides (ssh_config(5)). */
static bool exec_matches(struct client *c, struct ssh_load *l, const char *text)
{
	struct err e = {0};
	char *command = expand_early(c, l, "Match", text, &e);
	bool ok = command && run_shell("Match exec", command, true);
	if (command == NULL)
		log_error("%s", e.text);
	mem_free(command);
	return ok;
}

void config_local_command(struct client *c)
{
	struct err e = {0};
	if (!c->conf.permit_local_command || !c->conf.local_command)
		return;
	char *command = expand(c, "LocalCommand", c->conf.local_command, &e);
	if (command == NULL)
		log_error("%s", e.text);
	else if (!run_shell("LocalCommand", command, false))
		log_debug("LocalCommand did not end with 0");
	mem_free(command);
}

bool config_permits(const struct client *c, struct err *e)
{
	const struct conf_key *unmet = conf_unmet(&ssh_table, &c->conf);
	if (c->conf.refuse_connection)
		return err_set(e, ERR_DENIED, "%s: the configuration refuses the connection: %s", c->typed, c->conf.refuse_connection);
	if (unmet)
		return err_set(e, ERR_UNSUPPORTED, "%s: %s is not built yet, so no host can be accepted; take it out of the configuration",
			c->typed, unmet->name);
	return true;
}

static void give_include(struct client *c, struct ssh_load *l, const struct conf_ask *ask)
{
	struct err e = {0};
	bool user = ask->user;
	char *wanted = expand_early(c, l, "Include", ask->text, &e);
	if (wanted == NULL) {
		log_error("%s line %u: %s", ask->file, ask->line, e.text);
		return;
	}
	const char *slash = wanted[0] == '/' || wanted[0] == '~' ? "" : user ? "~/.ssh/" : PATH_ETC "/";
	char *pattern = mem_fmt("%s%s", slash, wanted), *path = file_expand(pattern, c->home, &e);
	mem_free(wanted);
	struct file_list files = {0};
	struct file_policy policy = {user ? FILE_FOLLOW | FILE_OWNED | FILE_NO_OTHER_WRITERS : FILE_FOLLOW, getuid(), CONF_TEXT_MAX};
	if (path && file_glob(path, &files, &e)) {
		for (size_t i = files.n; i > 0; i--) {      /* the one given last is read first */
			const char *name = files.at[files.n - i];
			struct buf text = BUF_INIT(CONF_TEXT_MAX);
			if (file_read(name, &policy, &text, &e))
				ssh_load_include(l, name, buf_slice(&text));
			else if (e.code != ERR_MISSING)
				log_error("%s", e.text);
			buf_clear(&text);
		}
	}
	file_list_clear(&files);
	mem_free(pattern);
	mem_free(path);
}

static bool run_load(struct client *c, struct ssh_load *l, struct err *e)
{
	struct conf_ask ask;
	for (;;) {
		switch (ssh_load_next(l, &ask)) {
		case CONF_DONE:
			return !ssh_load_failed(l) || err_set(e, ERR_FORMAT, "the configuration has errors; nothing was done");
		case CONF_ERROR: log_error("%s", ask.text); break;
		case CONF_WARN: log_at(ask.quiet ? LOG_LEVEL_DEBUG1 : LOG_LEVEL_INFO, "%s", ask.text); break;
		case CONF_INCLUDE: give_include(c, l, &ask); break;
		case CONF_EXEC: ssh_load_exec(l, exec_matches(c, l, ask.text)); break;
		}
	}
}

static bool load_file(struct client *c, struct ssh_load *l, const char *path, bool user, bool must, struct err *e)
{
	struct buf text = BUF_INIT(CONF_TEXT_MAX);
	struct file_policy policy = {user && !must ? FILE_FOLLOW | FILE_OWNED | FILE_NO_OTHER_WRITERS : FILE_FOLLOW, getuid(), CONF_TEXT_MAX};
	bool ok = true;
	if (file_read(path, &policy, &text, e)) {
		log_debug("Reading configuration data %s", path);
		ssh_load_text(l, path, buf_slice(&text), user);
		ok = run_load(c, l, e);
	} else if (must || e->code != ERR_MISSING) {
		ok = false;
	}
	buf_clear(&text);
	return ok;
}

static bool load_files(struct client *c, struct ssh_load *l, const struct ssh_options *o, struct err *e)
{
	if (o->config_file && strcmp(o->config_file, "none") == 0)
		return true;
	if (o->config_file)
		return load_file(c, l, o->config_file, true, true, e);
	char *mine = mem_fmt("%s/.ssh/config", c->home);
	bool ok = load_file(c, l, mine, true, false, e) && load_file(c, l, PATH_ETC "/ssh_config", false, false, e);
	mem_free(mine);
	return ok;
}

static bool set_option(struct ssh_load *l, const char *keyword, const char *value, struct err *e)
{
	struct buf b = BUF_INIT(1 << 20);
	put_fmt(&b, "%s=", keyword);
	conf_put_word(&b, value, CONF_DUMP_EXACT);
	bool ok = ssh_load_option(l, buf_cstr(&b), e);
	buf_clear(&b);
	return ok;
}

/* A name of services(5) as its number; else the text as it is. Owned. */
static char *port_number(const char *text)
{
	struct sock_list found = {0};
	bool named = (*text | 32) >= 'a' && (*text | 32) <= 'z' && sock_resolve("127.0.0.1", text, AF_INET, SOCK_NUMERIC, &found, NULL);
	char *number = named ? mem_fmt("%u", sock_port(&found.at[0])) : mem_str(text);
	sock_list_clear(&found);
	return number;
}

/* -p and -o Port take names as well. */
static bool given_option(struct ssh_load *l, const char *text, struct err *e)
{
	const char *value = text + 4 + (strncasecmp(text, "Port", 4) == 0 ? strspn(text + 4, " \t=") : 0);
	if (strncasecmp(text, "Port", 4) != 0 || value == text + 4)
		return ssh_load_option(l, text, e);
	char *number = port_number(value);
	bool ok = set_option(l, "Port", number, e);
	mem_free(number);
	return ok;
}

static bool set_destination(struct ssh_load *l, const struct ssh_options *o, struct err *e)
{
	char *port = o->port ? port_number(o->port) : NULL;
	bool ok = (!o->user || set_option(l, "User", o->user, e)) && (!port || set_option(l, "Port", port, e));
	mem_free(port);
	return ok;
}

static bool set_options(struct ssh_load *l, const struct ssh_options *o, struct err *e)
{
	static const char *const levels[] = {"DEBUG1", "DEBUG2", "DEBUG3"};
	for (size_t i = 0; i < o->nset; i++)
		if (!given_option(l, o->set[i], e))
			return false;
	if (o->verbose && !set_option(l, "LogLevel", levels[(o->verbose > 3 ? 3 : o->verbose) - 1], e))
		return false;
	if (o->quiet && !o->verbose && !set_option(l, "LogLevel", "QUIET", e))
		return false;
	return set_destination(l, o, e);
}

static size_t local_addresses(struct addr *out, size_t most)
{
	struct sock_list list = {0};
	size_t n = 0;
	if (!netif_addresses(NULL, AF_UNSPEC, &list, NULL))
		return 0;
	for (size_t i = 0; i < list.n && n < most; i++) {
		struct slice raw = sock_raw(&list.at[i]);
		if (raw.n != 4 && raw.n != 16)
			continue;
		out[n].family = raw.n == 4 ? 4 : 6;
		memcpy(out[n++].b, raw.p, raw.n);
	}
	sock_list_clear(&list);
	return n;
}

/* With the host's full name, where that is wanted, or since Match final asks for it. */
static bool read_again(struct client *c, struct ssh_load *l, const struct ssh_options *o, struct err *e)
{
	bool canonical = ssh_load_conf(l)->canonicalize_hostname != CONF_CANON_NO, ok = true;
	if (!canonical && !ssh_load_wants_final(l))
		return true;
	char *host = ssh_load_host(l);
	if (canonical)
		ok = canon_host(ssh_load_conf(l), &host, e);
	if (ok) {
		log_debug("re-parsing configuration");
		ssh_load_second(l, host, true);
		ok = load_files(c, l, o, e);
	}
	mem_free(host);
	return ok;
}

bool config_load(struct client *c, const struct ssh_options *o, struct err *e)
{
	static const char *const sessions[] = {"none", "subsystem", "shell"};
	struct addr local[64] = {{0}};
	struct ssh_load_ctx ctx = {.host = o->host, .command = o->command, .local_user = c->local_user,
		.session_type = o->command ? "exec" : sessions[2], .version = SSH_RELEASE, .local = local};
	ctx.local_n = local_addresses(local, ARRAY_LEN(local));
	for (size_t i = 0; i < o->nset; i++)
		for (size_t k = 0; k < 2; k++)
			if (strncmp(o->set[i], "SessionType=", 12) == 0 && strcmp(o->set[i] + 12, sessions[k]) == 0)
				ctx.session_type = sessions[k];
	struct ssh_load *l = ssh_load_new(&ctx, NULL);
	bool ok = set_options(l, o, e) && run_load(c, l, e) && load_files(c, l, o, e);
	ok = ok && read_again(c, l, o, e);
	if (ok)
		ssh_load_finish(l, &c->conf);
	ssh_load_free(l);
	return ok;
}

static void replace(char **field, char *with)
{
	mem_free(*field);
	*field = with;
}

void config_show(struct client *c, struct buf *out)
{
	struct conf_list *known = &c->conf.user_known_hosts_file;
	replace(&c->conf.user, mem_str(c->user));
	replace(&c->conf.hostname, mem_str(c->host));
	for (size_t i = 0; i < known->n; i++)
		if (known->v[i][0] == '~' && known->v[i][1] == '/')
			replace(&known->v[i], mem_fmt("%s%s", c->home, known->v[i] + 1));
	ssh_conf_dump(&c->conf, c->typed, out);
}

/* DOMAIN\\user and blanks are names that exist; what a shell would take apart, or an option parser for its own, is not. */
static bool user_is_safe(const char *text)
{
	for (const char *at = text; *at; at++) {
		bool last = at[1] == 0;
		if ((unsigned char)*at < ' ' || *at == 0x7f || strchr("'`\";&<>|(){}$", *at) || (*at == '\\' && last) || (*at == ' ' && at[1] == '-'))
			return false;
	}
	return text[0] != '-' && text[0] != 0;
}

static bool refuse_strange(const char *what, const char *text, bool safe, struct err *e)
{
	if (safe)
		return true;
	return err_set(e, ERR_USAGE, "%s \"%s\" has characters that no %s has; nothing was done", what, text_show(slice_str(text)), what);
}

/* Before any use of user or host in a path or command, their characters are judged. */
bool config_expand(struct client *c, struct err *e)
{
	c->port = c->conf.port > 0 ? (unsigned)c->conf.port : 22;
	c->user = mem_str(c->conf.user ? c->conf.user : c->local_user);
	c->host = mem_str(c->typed);
	if (c->conf.hostname) {
		const struct token h[] = {{'h', c->typed}};
		struct buf b = BUF_INIT(4096);
		bool ok = token_expand(c->conf.hostname, "h", h, 1, NULL, &b, e);
		mem_free(c->host);
		c->host = mem_str(buf_cstr(&b));
		buf_clear(&b);
		if (!ok)
			return false;
	}
	if (strchr(c->user, '%') || strstr(c->user, "${")) {
		char *user = expand(c, "User", c->user, e);
		if (user == NULL)
			return false;
		mem_free(c->user);
		c->user = user;
	}
	if (c->conf.remote_command && c->command && c->conf.session_type != CONF_SESSION_SUBSYSTEM)
		return err_set(e, ERR_USAGE, "Cannot execute command-line and remote command.");
	if (c->conf.remote_command && c->command == NULL) {
		c->command = expand(c, "RemoteCommand", c->conf.remote_command, e);
		if (c->command == NULL)
			return false;
	}
	return refuse_strange("host name", c->host, token_shell_safe(slice_str(c->host)), e) && refuse_strange("user name", c->user, user_is_safe(c->user), e);
}
