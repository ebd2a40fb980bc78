#include "server/keycheck.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/token.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"
#include "sys/sandbox.h"

enum { REPORT_MAX = 256 << 10, LOG_MAX = 64 << 10, CHILD_MS = 60000, JAIL_MEMORY = 0 };

/* What the child under the user's uid says. */
struct report { bool granted; struct slice file, grant, log; };
static const struct field report_fields[] = {
	{"granted", FIELD_BOOL, offsetof(struct report, granted)},
	{"file", FIELD_TEXT, offsetof(struct report, file)},
	{"grant", FIELD_STRING, offsetof(struct report, grant)},
	{"log", FIELD_STRING, offsetof(struct report, log)},
	{0},
};
static const struct msg_desc report_desc = {"KEYS", 0, sizeof(struct report), report_fields};

struct search {
	struct monitor *m;
	struct slice blob;
	struct buf log, grant;
	char *file;
};

static void log_to_buf(void *arg, enum log_level level, const char *line)
{
	struct buf *b = arg;
	if (b->len + strlen(line) + 8 < LOG_MAX) {
		put_u8(b, (uint8_t)level);
		put_cstring(b, line);
	}
}

static void replay_log(struct slice log)
{
	struct reader r = reader_of(log);
	while (reader_left(&r)) {
		uint8_t level = get_u8(&r);
		struct slice line = get_string(&r);
		if (r.bad || level > LOG_LEVEL_DEBUG3)
			return;
		log_at((enum log_level)level, "%.*s", (int)line.n, (const char *)line.p);
	}
}

static int64_t utc_offset(int64_t now)
{
	time_t t = (time_t)now;
	struct tm tm;
	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

static bool check_text(struct search *s, const char *path, struct slice text)
{
	struct monitor *m = s->m;
	struct authkeys_match match;
	int64_t now = clock_wall();
	struct authkeys_context ctx = {.host = m->peer.host, .addr = m->peer.addr, .now = now, .utc_offset = utc_offset(now)};
	bool yes = authkeys_check(text, s->blob, &ctx, &match) == AUTHKEYS_YES;
	struct slice why = buf_slice(&match.why);
	while (why.n) {
		struct slice line = slice_cut(&why, '\n');
		log_info("%s: %.*s", path, (int)line.n, (const char *)line.p);
	}
	if (yes) {
		msg_encode_body(&grant_desc, &match.grant, &s->grant);
		s->file = mem_fmt("%s:%zu", path, match.line);
	}
	authkeys_match_clear(&match);
	return yes;
}

static bool check_file(struct search *s, const char *path)
{
	struct monitor *m = s->m;
	const struct account *a = m->login.account;
	struct err err;
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = AUTHKEYS_FILE_MAX};
	int fd = file_open(path, &policy, &err);
	if (fd < 0) {
		log_debug("Could not open user '%s' authorized keys '%s': %s", a->name, path, err.text);
		return false;
	}
	struct buf text = BUF_INIT(AUTHKEYS_FILE_MAX);
	bool yes = false;
	if (m->conf.strict_modes && !file_strict(fd, path, a->uid, a->home, &err))
		log_info("Authentication refused: %s", err.text);
	else if (!file_read_fd(fd, path, AUTHKEYS_FILE_MAX, &text, &err))
		log_info("%s", err.text);
	else
		yes = check_text(s, path, buf_slice(&text));
	buf_clear(&text);
	close(fd);
	return yes;
}

/* %h %u %U; what is not absolute is meant under the home. */
static char *expand(const struct account *a, const char *pattern)
{
	struct buf out = BUF_INIT(4096);
	struct err err;
	char *uid = mem_fmt("%lu", (unsigned long)a->uid);
	struct token tokens[] = {{'h', a->home}, {'u', a->name}, {'U', uid}};
	char *path = NULL;
	if (token_expand(pattern, NULL, tokens, ARRAY_LEN(tokens), NULL, &out, &err))
		path = file_join(a->home, buf_cstr(&out));
	else
		log_error("AuthorizedKeysFile %s: %s", pattern, err.text);
	mem_free(uid);
	buf_clear(&out);
	return path;
}

static bool search_files(struct search *s)
{
	const struct conf_list *files = &s->m->conf.authorized_keys_file;
	bool yes = false;
	for (size_t i = 0; !yes && i < files->n; i++) {
		struct file_list list = {0};
		char *pattern = expand(s->m->login.account, files->v[i]);
		if (pattern && file_glob(pattern, &list, NULL))
			for (size_t k = 0; !yes && k < list.n; k++)
				yes = check_file(s, list.at[k]);
		file_list_clear(&list);
		mem_free(pattern);
	}
	return yes;
}

static _Noreturn void child_authorized(struct search *s, int out)
{
	const struct account *a = s->m->login.account;
	struct err err;
	enum log_level level = log_get_level();
	bool mine = true;
	log_init(level, log_to_buf, &s->log);
	if (geteuid() == 0)
		mine = account_init_groups(a, &err) && account_become(a, &err);
	if (!mine)
		log_error("%s", err.text);
	struct report r = {.granted = mine && search_files(s)};
	r.file = slice_str(s->file);
	r.grant = buf_slice(&s->grant);
	r.log = buf_slice(&s->log);
	struct buf b = BUF_INIT(REPORT_MAX);
	msg_encode_body(&report_desc, &r, &b);
	bool sent = !b.bad && fd_write_all(out, buf_slice(&b), -1, &err);
	_exit(sent ? 0 : 1);
}

/* The child has no descriptor but the pipe. */
static pid_t fork_with_pipe(int *read_end, int *write_end)
{
	int p[2];
	struct err err;
	if (!fd_pipe(p, &err)) {
		log_error("%s", err.text);
		return -1;
	}
	pid_t pid = proc_fork(PROC_DIE_WITH_PARENT, NULL, &err);
	if (pid < 0) {
		log_error("%s", err.text);
		close(p[0]);
		close(p[1]);
		return -1;
	}
	if (pid == 0) {
		dup2(p[1], 0);
		fd_close_from(1);
		*write_end = 0;
		return 0;
	}
	close(p[1]);
	*read_end = p[0];
	return pid;
}

bool keycheck_authorized(struct monitor *m, struct slice blob, struct keycheck_grant *out)
{
	struct search s = {.m = m, .blob = blob, .log = BUF_INIT(LOG_MAX), .grant = BUF_INIT(REPORT_MAX / 2)};
	struct buf b = BUF_INIT(REPORT_MAX);
	struct report r;
	int in = -1, end = -1;
	*out = (struct keycheck_grant){.match.store = BUF_INIT(REPORT_MAX)};
	pid_t pid = fork_with_pipe(&in, &end);
	if (pid == 0)
		child_authorized(&s, end);
	if (pid < 0)
		return false;
	bool got = fd_read_to_end(in, &b, CHILD_MS, NULL);
	close(in);
	if (!got)
		proc_kill(pid, 9);
	proc_wait(pid, true, NULL);
	struct reader rd = reader_of(buf_slice(&b));
	if (got && msg_decode_body(&report_desc, &rd, &r) && get_end(&rd)) {
		replay_log(r.log);
		put_bytes(&out->match.store, r.grant);
		struct reader g = reader_of(buf_slice(&out->match.store));
		out->granted = r.granted && msg_decode_body(&grant_desc, &g, &out->match.grant) && get_end(&g);
		out->file = slice_dup(r.file);
	}
	buf_clear(&b);
	return out->granted;
}

void keycheck_grant_clear(struct keycheck_grant *g)
{
	mem_free(g->file);
	authkeys_match_clear(&g->match);
}

static enum verdict judge(const struct keycheck_signature *s, bool with_signature)
{
	struct key *key = key_from_blob(s->blob, NULL);
	if (key == NULL || (strcmp(key_type(key), "ssh-rsa") == 0 && key_bits(key) < s->least_rsa_bits))
		return VERDICT_REFUSED;
	return with_signature ? key_verify(key, s->alg, s->data, s->signature) : VERDICT_VERIFIED;
}

static enum verdict ask_jail(const struct keycheck_signature *s, bool with_signature)
{
	int in = -1, end = -1;
	enum verdict v = VERDICT_REFUSED;
	pid_t pid = fork_with_pipe(&in, &end);
	if (pid == 0) {
		struct err err;
		if (!sandbox_enter_oneshot(JAIL_MEMORY, &err))
			_exit(1);
		v = judge(s, with_signature);
		ssize_t n = write(end, &v, sizeof v);
		_exit(n == (ssize_t)sizeof v ? 0 : 1);
	}
	if (pid < 0)
		return VERDICT_REFUSED;
	enum verdict said = VERDICT_REFUSED;
	struct proc_exit ended = {0};
	bool got = fd_read_exact(in, (struct room){(uint8_t *)&said, sizeof said}, CHILD_MS, NULL);
	close(in);
	if (!got)
		proc_kill(pid, 9);
	proc_wait(pid, true, &ended);
	if (ended.by_signal)
		log_error("the process that checks signatures was ended by signal %d", ended.code);
	return got && !ended.by_signal && said == VERDICT_VERIFIED ? VERDICT_VERIFIED : VERDICT_REFUSED;
}

enum verdict keycheck_verify(const struct keycheck_signature *s)
{
	return ask_jail(s, true);
}

enum verdict keycheck_key(const struct keycheck_signature *s)
{
	return ask_jail(s, false);
}
