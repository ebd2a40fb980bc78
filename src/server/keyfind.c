#include "server/keyfind.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/token.h"
#include "server/oneshot.h"
#include "sys/clock.h"
#include "sys/files.h"

enum { GRANT_MAX = 128 << 10 };

/* What a child says. */
struct report { bool granted, by_ca, decided; struct slice place, grant, log; };
static const struct field report_fields[] = {
	{"granted", FIELD_BOOL, offsetof(struct report, granted)},
	{"by_ca", FIELD_BOOL, offsetof(struct report, by_ca)},
	{"decided", FIELD_BOOL, offsetof(struct report, decided)},
	{"place", FIELD_TEXT, offsetof(struct report, place)},
	{"grant", FIELD_SECRET, offsetof(struct report, grant)},
	{"log", FIELD_STRING, offsetof(struct report, log)},
	{0},
};
static const struct msg_desc report_desc = {"KEYS", 0, sizeof(struct report), report_fields};

static int64_t utc_offset(int64_t now)
{
	time_t t = (time_t)now;
	struct tm tm;
	return localtime_r(&t, &tm) ? tm.tm_gmtoff : 0;
}

static struct authkeys_context context_of(const struct search *s)
{
	const struct monitor *m = s->m;
	int64_t now = clock_wall();
	return (struct authkeys_context){.host = m->peer.host, .addr = m->peer.addr, .now = now, .utc_offset = utc_offset(now),
		.cert = s->j->ca_blob.n ? &s->j->cert : NULL, .user = slice_str(m->login.account->name),
		.ca_algs = slice_str(m->conf.ca_signature_algorithms)};
}

/* "Refusing certificate ID "x" serial=1 signed by ED25519 CA SHA256:... via /path:3: why" */
static void log_refused(const struct search *s, const char *name, struct buf *refused)
{
	struct slice lines = buf_slice(refused);
	bool file = !s->by_ca && name;
	while (lines.n) {
		struct slice why = slice_cut(&lines, '\n'), number = slice_cut(&why, ':');
		struct slice id = s->j->cert.key_id;
		log_error("Refusing certificate ID \"%.*s\" serial=%llu signed by %s CA %s%s%s%s%.*s:%.*s", (int)id.n, (const char *)id.p,
			(unsigned long long)s->j->cert.serial, keyjudge_word(s->j->ca_blob), (const char *)s->j->ca_fp.p, file ? " via " : "",
			file ? name : "", file ? ":" : "", file ? (int)number.n : 0, (const char *)number.p, (int)why.n, (const char *)why.p);
	}
}

static void log_why(const char *name, struct buf *why)
{
	struct slice lines = buf_slice(why);
	while (lines.n) {
		struct slice line = slice_cut(&lines, '\n');
		log_info("%s%s%.*s", name ? name : "cert", name ? ":" : ": ", (int)line.n, (const char *)line.p);
	}
}

/* What was found, or why nothing was, becomes the report's. */
static bool conclude(struct search *s, bool yes, const char *name, struct authkeys_match *match)
{
	log_why(name, &match->why);
	log_refused(s, name, &match->refused);
	s->decided = s->by_ca && match->line;
	if (yes) {
		msg_encode_body(&grant_desc, &match->grant, &s->grant);
		s->place = mem_fmt("%s:%zu", name ? name : "", match->line);
	}
	authkeys_match_clear(match);
	return yes;
}

bool keyfind_text(struct search *s, enum keyfind_source source, const char *name, struct slice text)
{
	struct authkeys_match match;
	struct authkeys_context ctx = context_of(s);
	s->by_ca = source == KEYFIND_PRINCIPALS;
	bool yes = s->by_ca ? authkeys_principals(text, &ctx, &match) == AUTHKEYS_YES
		: authkeys_check(text, ctx.cert ? s->j->ca_blob : s->j->plain, &ctx, &match) == AUTHKEYS_YES;
	return conclude(s, yes, name, &match);
}

bool keyfind_by_name(struct search *s)
{
	struct authkeys_match match;
	struct authkeys_context ctx = context_of(s);
	s->by_ca = true;
	return conclude(s, authkeys_by_name(&ctx, &match) == AUTHKEYS_YES, NULL, &match);
}

static bool search_file(struct search *s, enum keyfind_source source, const char *path)
{
	struct monitor *m = s->m;
	const struct account *a = m->login.account;
	const char *what = source == KEYFIND_KEYS ? "authorized keys" : "authorized principals";
	struct err err;
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = AUTHKEYS_FILE_MAX};
	int fd = file_open(path, &policy, &err);
	if (fd < 0) {
		log_at(err.code == ERR_MISSING ? LOG_LEVEL_DEBUG1 : LOG_LEVEL_INFO, "Could not open user '%s' %s '%s': %s", a->name, what, path, err.text);
		return false;
	}
	struct buf text = BUF_INIT(AUTHKEYS_FILE_MAX);
	bool yes = false;
	if (m->conf.strict_modes && !file_strict(fd, path, a->uid, a->home, &err))
		log_info("Authentication refused: %s", err.text);
	else if (!file_read_fd(fd, path, AUTHKEYS_FILE_MAX, &text, &err))
		log_info("%s", err.text);
	else
		yes = keyfind_text(s, source, path, buf_slice(&text));
	buf_clear(&text);
	close(fd);
	return yes;
}

/* %h %u %U; what is not absolute is meant under the home. */
static char *expand(const struct account *a, const char *keyword, const char *pattern)
{
	char *uid = mem_fmt("%lu", (unsigned long)a->uid);
	struct token tokens[] = {{'h', a->home}, {'u', a->name}, {'U', uid}};
	struct err err;
	char *text = conf_expand(conf_find(&sshd_table, slice_str(keyword)), pattern, tokens, ARRAY_LEN(tokens), NULL, &err);
	char *path = text ? file_join(a->home, text) : NULL;
	if (text == NULL)
		log_error("%s", err.text);
	mem_free(uid);
	mem_free(text);
	return path;
}

static bool search_pattern(struct search *s, enum keyfind_source source, const char *keyword, const char *pattern)
{
	struct file_list list = {0};
	char *path = expand(s->m->login.account, keyword, pattern);
	bool yes = false;
	if (path && file_glob(path, &list, NULL))
		for (size_t i = 0; !yes && i < list.n; i++)
			yes = search_file(s, source, list.at[i]);
	file_list_clear(&list);
	mem_free(path);
	return yes;
}

static bool search_keys(struct search *s)
{
	const struct conf_list *files = &s->m->conf.authorized_keys_file;
	bool yes = false;
	for (size_t i = 0; !yes && i < files->n; i++)
		yes = search_pattern(s, KEYFIND_KEYS, "AuthorizedKeysFile", files->v[i]);
	return yes;
}

/* The certificate's CA is trusted as such: whom does it make a user of this name? */
static bool search_principals(struct search *s)
{
	const struct sshd_conf *c = &s->m->conf;
	if (c->authorized_principals_file)
		return search_pattern(s, KEYFIND_PRINCIPALS, "AuthorizedPrincipalsFile", c->authorized_principals_file);
	return c->authorized_principals_command == NULL && keyfind_by_name(s);
}

static bool search_user(struct search *s)
{
	return search_keys(s) || (s->ca_trusted && search_principals(s));
}

static _Noreturn void child(const struct oneshot *o, struct search *s, const struct account *a, const struct keycommand_run *run)
{
	struct report r = {0};
	oneshot_log(&s->log);
	r.granted = oneshot_become(o, a, run ? NULL : &s->m->login.groups) && (run ? keycommand_search(s, run) : search_user(s));
	r.by_ca = s->by_ca;
	r.decided = s->decided;
	r.place = slice_str(s->place);
	r.grant = buf_slice(&s->grant);
	r.log = buf_slice(&s->log);
	oneshot_say(&report_desc, &r);
}

/* run NULL: the user's files. */
static bool ask_child(struct search *s, const struct account *a, const struct keycommand_run *run, struct keyfind *out)
{
	struct search own = *s;
	struct oneshot o;
	struct buf store;
	struct report r;
	pid_t pid = oneshot_fork(&o);
	if (pid == 0)
		child(&o, &own, a, run);
	if (pid < 0)
		return false;
	bool granted = false;
	if (oneshot_hear(&o, s->m, run ? KEYCOMMAND_MS + 5000 : ONESHOT_MS, &report_desc, &store, &r)) {
		oneshot_replay(r.log);
		buf_clear(&out->match.store);
		out->match.store = BUF_INIT(GRANT_MAX);
		put_bytes(&out->match.store, r.grant);
		struct reader g = reader_of(buf_slice(&out->match.store));
		granted = r.granted && msg_decode_body(&grant_desc, &g, &out->match.grant) && get_end(&g);
		out->by_ca = r.by_ca;
		s->decided = r.decided;
		out->place = granted ? slice_dup(r.by_ca ? slice_str(s->m->conf.trusted_user_ca_keys) : r.place) : NULL;
	}
	buf_clear(&store);
	return granted;
}

static bool ask_command(struct search *s, const struct keycommand *what, struct keyfind *out)
{
	struct keycommand_run run;
	bool yes = keycommand_prepare(s, what, &run) && ask_child(s, run.account, &run, out);
	keycommand_clear(&run);
	return yes;
}

/* The administrator's file: its lines are compared with the CA's blob, which is not parsed here. */
static bool ca_in_file(const struct monitor *m, struct slice ca)
{
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = AUTHKEYS_FILE_MAX};
	struct buf text = BUF_INIT(AUTHKEYS_FILE_MAX), blob = BUF_INIT(CERT_MAX);
	struct err err;
	bool found = false;
	if (ca.n == 0 || m->conf.trusted_user_ca_keys == NULL)
		return false;
	if (!file_read(m->conf.trusted_user_ca_keys, &policy, &text, &err))
		log_error("%s", err.text);
	struct slice rest = buf_slice(&text);
	while (rest.n && !found) {
		struct slice line = slice_trim(slice_cut(&rest, '\n')), options, type, base64, comment;
		buf_reset(&blob);
		found = authkeys_split(line, &options, &type, &base64, &comment) && options.n == 0 && get_base64(base64, &blob) && slice_eq(buf_slice(&blob), ca);
	}
	if (!found)
		log_debug2("the certificate's CA is not listed in %s", m->conf.trusted_user_ca_keys);
	buf_clear(&text);
	buf_clear(&blob);
	return found;
}

/* Neither file nor command named a principal, though there is one of them. */
static void log_no_principal(struct search *s)
{
	struct buf why = BUF_INIT(256);
	s->by_ca = true;
	put_str(&why, "0: Certificate does not contain an authorized principal\n");
	log_refused(s, NULL, &why);
	buf_clear(&why);
}

bool keyfind(struct monitor *m, const struct judgement *j, struct keyfind *out)
{
	const struct sshd_conf *c = &m->conf;
	struct search s = {.m = m, .j = j, .ca_trusted = ca_in_file(m, j->ca_blob), .log = BUF_INIT(ONESHOT_LOG_MAX), .grant = BUF_INIT(GRANT_MAX)};
	const struct keycommand keys = {"AuthorizedKeysCommand", c->authorized_keys_command, c->authorized_keys_command_user, KEYFIND_KEYS};
	const struct keycommand principals = {"AuthorizedPrincipalsCommand", c->authorized_principals_command, c->authorized_principals_command_user, KEYFIND_PRINCIPALS};
	*out = (struct keyfind){.match.store = BUF_INIT(GRANT_MAX)};
	if (ask_child(&s, m->login.account, NULL, out))
		return true;
	if (s.ca_trusted && !s.decided && ask_command(&s, &principals, out))
		return true;
	if (s.ca_trusted && !s.decided && (c->authorized_principals_file || c->authorized_principals_command))
		log_no_principal(&s);
	return ask_command(&s, &keys, out);
}

void keyfind_clear(struct keyfind *f)
{
	mem_free(f->place);
	authkeys_match_clear(&f->match);
	*f = (struct keyfind){0};
}
