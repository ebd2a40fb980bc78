#include "client/known.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/token.h"
#include "key/keyfile.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"

enum { BLOB_MAX = 1 << 16 };

static void add_text(struct known_texts *t, struct buf text, char *path)
{
	LIST_PUSH(t->at, t->n, ((struct known_text){text, path}));
}

static void add_file(struct client *c, struct known_texts *t, const char *keyword, const char *value)
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
	add_text(t, text, path);
}

void known_load_files(struct client *c, struct known_texts *t)
{
	*t = (struct known_texts){0};
	for (size_t i = 0; i < c->conf.user_known_hosts_file.n; i++)
		add_file(c, t, "UserKnownHostsFile", c->conf.user_known_hosts_file.v[i]);
	t->mine = t->n;
	for (size_t i = 0; i < c->conf.global_known_hosts_file.n; i++)
		add_file(c, t, "GlobalKnownHostsFile", c->conf.global_known_hosts_file.v[i]);
	t->files = t->n;
}

void known_clear(struct known_texts *t)
{
	for (size_t i = 0; i < t->n; i++) {
		buf_clear(&t->at[i].text);
		mem_free(t->at[i].path);
	}
	mem_free(t->at);
	*t = (struct known_texts){0};
}

static pid_t start_command(const struct conf_list *words, int out, struct err *e)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct fd_map map[] = {{null, 0}, {out, 1}};
	const char **argv = mem_list(words->n + 1, sizeof *argv);
	for (size_t i = 0; i < words->n; i++)
		argv[i] = words->v[i];
	struct proc_spawn spawn = {.path = words->v[0], .argv = argv, .fds = map, .nfds = 2};
	pid_t pid = null < 0 ? -1 : proc_spawn(&spawn, NULL, e);
	if (null < 0)
		err_errno(e, "cannot open /dev/null");
	else
		close(null);
	mem_free(argv);
	return pid;
}

/* One that cannot be started knows no keys, as with OpenSSH; one that fails ends the connection. */
static bool run_command(const struct conf_list *words, struct buf *text, struct err *e)
{
	int fds[2];
	struct proc_exit end = {.code = 1};
	if (words->n == 0 || words->v[0][0] != '/') {
		log_error("KnownHostsCommand is passed over: the program must be given with its whole path");
		return true;
	}
	if (!fd_pipe(fds, e))
		return false;
	pid_t pid = start_command(words, fds[1], e);
	close(fds[1]);
	bool ok = pid > 0 && fd_read_to_end(fds[0], text, -1, e);
	close(fds[0]);                                      /* one that still writes ends by SIGPIPE */
	if (pid <= 0) {
		log_error("KnownHostsCommand is passed over: %s", e->text);
		return true;
	}
	if (proc_wait(pid, true, &end) != PROC_ENDED || end.by_signal || end.code != 0)
		return err_set(e, ERR_SYSTEM, "%s ended with %s %d", words->v[0], end.by_signal ? "signal" : "status", end.code);
	return ok;
}

/* No shell: words are split first and expanded one by one, so that no value becomes two words. */
static bool expand_words(struct client *c, const struct known_query *q, struct conf_words *w, struct err *e)
{
	struct buf print = BUF_INIT(200), base64 = BUF_INIT(BLOB_MAX * 2), name = BUF_INIT(4096);
	struct reader r = reader_of(q->blob);
	char *type = q->blob.n ? slice_dup(get_string(&r)) : NULL;
	if (type) {
		key_fingerprint(q->blob, &hash_sha256, &print);
		put_base64(&base64, q->blob);
	}
	put_bytes(&name, q->name);
	const struct token more[] = {
		{'I', q->invocation}, {'H', buf_cstr(&name)}, {'t', type ? type : "NONE"},
		{'f', type ? buf_cstr(&print) : "NONE"}, {'K', type ? buf_cstr(&base64) : "NONE"},
	};
	bool ok = true;
	for (size_t i = 0; ok && i < w->list.n; i++) {
		char *text = config_expand_with(c, "KnownHostsCommand", w->list.v[i], more, ARRAY_LEN(more), e);
		ok = text != NULL;
		if (ok) {
			mem_free(w->list.v[i]);
			w->list.v[i] = text;
		}
	}
	mem_free(type);
	buf_clear(&print);
	buf_clear(&base64);
	buf_clear(&name);
	return ok;
}

static bool ask_command(struct client *c, const struct known_query *q, struct known_texts *t, struct err *e)
{
	struct conf_words words = {0};
	struct buf text = BUF_INIT(KNOWN_HOSTS_MAX);
	bool ok = conf_words_split(&words, slice_str(c->conf.known_hosts_command), e) && expand_words(c, q, &words, e) && run_command(&words.list, &text, e);
	conf_words_clear(&words);
	if (!ok) {
		buf_clear(&text);
		return err_prefix(e, "KnownHostsCommand");
	}
	log_debug("KnownHostsCommand (%s) printed %zu bytes", q->invocation, text.len);
	add_text(t, text, mem_str("KnownHostsCommand"));
	return true;
}

bool known_load(struct client *c, const struct known_query *q, struct known_texts *t, struct err *e)
{
	known_load_files(c, t);
	if (c->conf.known_hosts_command == NULL || ask_command(c, q, t, e))
		return true;
	known_clear(t);
	return false;
}

void known_check(const struct known_texts *t, struct slice name, const struct key *key, enum known_marker marker, struct known_result *found)
{
	for (size_t i = 0; i < t->n; i++)
		known_hosts_check(found, (unsigned)i, buf_slice(&t->at[i].text), name, key, marker);
}

void known_name(struct client *c, struct buf *name)
{
	if (c->conf.host_key_alias)
		known_hosts_name(c->conf.host_key_alias, 0, name);
	else
		known_hosts_name(c->host, c->port, name);
}

bool known_address(struct client *c, struct buf *name)
{
	char address[SOCK_TEXT_MAX];
	if (!c->conf.check_host_ip || c->peer.len == 0 || sock_is_loopback(&c->peer))
		return false;
	sock_text(&c->peer, address);
	if (strcmp(address, c->host) == 0)
		return false;
	known_hosts_name(address, c->port, name);
	return true;
}
