#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/token.h"
#include "server/keyfind.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"

#define PATH_COMMANDS "/usr/bin:/bin:/usr/sbin:/sbin"

static char *base64_of(struct slice s)
{
	struct buf b = BUF_INIT(2 * CERT_MAX);
	put_base64(&b, s);
	char *text = mem_str(buf_cstr(&b));
	buf_clear(&b);
	return text;
}

static char *type_of(struct slice blob)
{
	struct reader r = reader_of(blob);
	return slice_dup(get_string(&r));
}

/* sshd_config(5), TOKENS. %C as OpenSSH gives it: the server's end first, whatever its manual says. */
enum { T_CONNECTION, T_DOMAIN, T_UID, T_USER, T_HOME, T_TYPE, T_CA_TYPE, T_FP, T_CA_FP, T_KEY, T_CA_KEY, T_ID, T_SERIAL, T_COUNT };
static void tokens_of(const struct search *s, struct token t[T_COUNT])
{
	static const char letters[T_COUNT] = {'C', 'D', 'U', 'u', 'h', 't', 'T', 'f', 'F', 'k', 'K', 'i', 's'};
	const struct mon_peer *p = &s->m->peer;
	const struct account *a = s->m->login.account;
	const struct judgement *j = s->j;
	char *v[T_COUNT] = {
		mem_fmt("%s %u %s %u", p->laddr, p->lport, p->addr, p->port), mem_str(p->rdomain), mem_fmt("%lu", (unsigned long)a->uid), mem_str(a->name),
		mem_str(a->home), type_of(j->blob), type_of(j->ca_blob), slice_dup(buf_slice(&j->fp)), slice_dup(buf_slice(&j->ca_fp)),
		base64_of(j->blob), base64_of(j->ca_blob), slice_dup(j->cert.key_id), mem_fmt("%llu", (unsigned long long)j->cert.serial),
	};
	for (size_t i = 0; i < T_COUNT; i++)
		t[i] = (struct token){letters[i], v[i]};
}

static void tokens_clear(struct token t[T_COUNT])
{
	for (size_t i = 0; i < T_COUNT; i++)
		mem_free((void *)(uintptr_t)t[i].value);
}

/* The program's path is taken as it stands. OpenSSH's old way: AuthorizedKeysCommand without arguments gets the user's name. */
static bool expand_arguments(const struct search *s, struct keycommand_run *run)
{
	const struct conf_key *row = conf_find(&sshd_table, slice_str(run->what->keyword));
	struct conf_list *l = &run->argv;
	struct token tokens[T_COUNT];
	struct err err;
	bool ok = true;
	tokens_of(s, tokens);
	for (size_t i = 1; ok && i < l->n; i++) {
		char *text = conf_expand(row, l->v[i], tokens, T_COUNT, NULL, &err);
		ok = text != NULL;
		if (!ok)
			log_error("%s", err.text);
		else
			mem_free(l->v[i]), l->v[i] = text;
	}
	if (ok && l->n == 1 && run->what->source == KEYFIND_KEYS)
		LIST_PUSH(l->v, l->n, mem_str(s->m->login.account->name));
	tokens_clear(tokens);
	return ok;
}

static bool split_command(struct keycommand_run *run)
{
	struct conf_words words;
	struct err err;
	if (!conf_words_command(&words, slice_str(run->what->command), &err)) {
		log_error("%s \"%s\" contains invalid quotes", run->what->keyword, run->what->command);
		return false;
	}
	run->argv = words.list;
	if (run->argv.n == 0)
		log_error("%s \"%s\" yielded no arguments", run->what->keyword, run->what->command);
	return run->argv.n > 0;
}

static bool find_account(const struct search *s, struct keycommand_run *run)
{
	struct token u = {'u', s->m->login.account->name};
	struct err err;
	char *keyword = mem_fmt("%sUser", run->what->keyword);
	char *name = conf_expand(conf_find(&sshd_table, slice_str(keyword)), run->what->user, &u, 1, NULL, &err);
	run->account = name ? account_find(name, &err) : NULL;
	if (run->account == NULL)
		log_error("%s \"%s\" not found: %s", keyword, name ? name : run->what->user, err.text);
	mem_free(name);
	mem_free(keyword);
	return run->account != NULL;
}

bool keycommand_prepare(const struct search *s, const struct keycommand *what, struct keycommand_run *run)
{
	*run = (struct keycommand_run){.what = what};
	if (what->command == NULL)
		return false;
	if (what->user == NULL) {
		log_error("No user for %s specified, skipping", what->keyword);
		return false;
	}
	if (!find_account(s, run) || !split_command(run) || !expand_arguments(s, run))
		return false;
	struct buf b = BUF_INIT(CONF_LINE_MAX);
	for (size_t i = 0; i < run->argv.n; i++)
		put_fmt(&b, "%s%s", i ? " " : "", run->argv.v[i]);
	run->shown = mem_str(buf_cstr(&b));
	LIST_PUSH(run->argv.v, run->argv.n, NULL);      /* argv ends so; conf_list_clear frees nothing there */
	return true;
}

void keycommand_clear(struct keycommand_run *run)
{
	account_free(run->account);
	conf_list_clear(&run->argv);
	mem_free(run->shown);
	*run = (struct keycommand_run){0};
}

/* Judged as the command's user: nobody but root may have a hand in what runs. */
static bool safe_program(const struct keycommand_run *run)
{
	const char *path = run->argv.v[0];
	struct stat st;
	struct err err;
	if (path[0] != '/')
		log_error("%s path is not absolute", run->what->keyword);
	else if (stat(path, &st) < 0)
		log_error("Could not stat %s \"%s\": %s", run->what->keyword, path, strerror(errno));
	else if (!file_strict(-1, path, 0, NULL, &err))
		log_error("Unsafe %s \"%s\": %s", run->what->keyword, path, err.text);
	else
		return true;
	return false;
}

/* Standard input and errors lead to nowhere; the environment holds what a login has, and LANG. Returns the end to read from. */
static int start(const struct keycommand_run *run, pid_t *pid)
{
	const struct account *a = run->account;
	char *lang = getenv("LANG") ? mem_fmt("LANG=%s", getenv("LANG")) : NULL;
	char *user = mem_fmt("USER=%s", a->name), *logname = mem_fmt("LOGNAME=%s", a->name), *home = mem_fmt("HOME=%s", a->home);
	const char *const envp[] = {"PATH=" PATH_COMMANDS, user, logname, home, lang, NULL};
	int p[2] = {-1, -1}, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err err;
	*pid = -1;
	if (null < 0 || !fd_pipe(p, NULL)) {
		log_error("%s: %s", run->what->keyword, strerror(errno));
	} else {
		struct fd_map map[] = {{null, 0}, {p[1], 1}, {null, 2}};
		struct proc_spawn spawn = {.path = run->argv.v[0], .argv = (const char *const *)run->argv.v, .envp = envp, .fds = map,
			.nfds = ARRAY_LEN(map), .flags = PROC_DIE_WITH_PARENT | PROC_NEW_GROUP};
		*pid = proc_spawn(&spawn, NULL, &err);
		if (*pid < 0)
			log_error("%s: %s", run->what->keyword, err.text);
	}
	fd_close(&null);
	fd_close(&p[1]);
	if (*pid < 0)
		fd_close(&p[0]);
	mem_free(user);
	mem_free(logname);
	mem_free(home);
	mem_free(lang);
	return p[0];
}

static bool ended_well(const struct keycommand_run *run, pid_t pid)
{
	struct proc_exit e = {0};
	proc_wait(pid, true, &e);
	if (e.by_signal)
		log_error("%s %s exited on signal %d", run->what->keyword, run->shown, e.code);
	else if (e.code)
		log_info("%s %s failed, status %d", run->what->keyword, run->shown, e.code);
	return !e.by_signal && e.code == 0;
}

bool keycommand_search(struct search *s, const struct keycommand_run *run)
{
	struct buf text = BUF_INIT(AUTHKEYS_FILE_MAX);
	struct err err;
	pid_t pid;
	if (!safe_program(run))
		return false;
	log_debug3("%s command \"%s\" running as %s", run->what->keyword, run->shown, run->account->name);
	int out = start(run, &pid);
	if (out < 0)
		return false;
	bool got = fd_read_to_end(out, &text, KEYCOMMAND_MS, &err);
	fd_close(&out);
	if (!got) {
		log_error("%s %s: %s", run->what->keyword, run->shown, err.text);
		proc_kill_group(pid, SIGKILL);
	}
	/* The exit counts more than the words: nothing is looked for in what a failed command said. */
	bool yes = ended_well(run, pid) && got &&
		keyfind_text(s, run->what->source, run->what->source == KEYFIND_KEYS ? run->what->command : "(command)", buf_slice(&text));
	buf_clear(&text);
	return yes;
}
