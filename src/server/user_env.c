#include "server/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sys/files.h"

#define PATH_USER "/usr/local/bin:/usr/bin:/bin:/usr/games"
#define PATH_ROOT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { ENV_FILE_MAX = 256 << 10, ENV_LINES_MAX = 1024 };

static bool same_name(const char *pair, struct slice name)
{
	return strncmp(pair, (const char *)name.p, name.n) == 0 && pair[name.n] == '=';
}

void user_env_set(struct user_env *e, struct slice name, struct slice value)
{
	char *pair = mem_fmt("%.*s=%.*s", (int)name.n, (const char *)name.p, (int)value.n, (const char *)value.p);
	for (size_t i = 0; i < e->n; i++)
		if (same_name(e->v[i], name)) {
			mem_free(e->v[i]);
			e->v[i] = pair;
			return;
		}
	e->v = mem_resize(e->v, (e->n + 2) * sizeof *e->v);
	e->v[e->n++] = pair;
	e->v[e->n] = NULL;
}

void user_env_put(struct user_env *e, struct slice pair)
{
	struct slice value = pair, name = slice_cut(&value, '=');
	if (name.n == 0 || name.n == pair.n || slice_has_nul(pair))
		return;
	user_env_set(e, name, value);
}

void user_env_clear(struct user_env *e)
{
	for (size_t i = 0; i < e->n; i++)
		mem_free(e->v[i]);
	mem_free(e->v);
	*e = (struct user_env){0};
}

static void set(struct user_env *e, const char *name, const char *value)
{
	user_env_set(e, slice_str(name), slice_str(value));
}

static void put_all(struct user_env *e, struct slice list)
{
	struct reader r = reader_of(list);
	while (reader_left(&r)) {
		struct slice pair = get_string(&r);
		if (!r.bad)
			user_env_put(e, pair);
	}
}

/* ~/.ssh/environment: NAME=value lines, only names that PermitUserEnvironment lists (sshd(8)). Read as the user. */
static void read_user_file(struct user_env *e, const char *home, struct slice patterns)
{
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = ENV_FILE_MAX};
	struct buf text = BUF_INIT(ENV_FILE_MAX);
	char *path = file_join(home, ".ssh/environment");
	if (file_read(path, &policy, &text, NULL)) {
		struct slice rest = buf_slice(&text);
		for (unsigned lines = 0; rest.n && lines < ENV_LINES_MAX; lines++) {
			struct slice line = slice_trim(slice_cut(&rest, '\n')), value = line, name = slice_cut(&value, '=');
			if (line.n && line.p[0] != '#' && match_list(name, patterns, false) == 1)
				user_env_put(e, line);
		}
	}
	mem_free(path);
	buf_clear(&text);
}

static void put_connection(struct user_env *e, const struct frame_rights *r)
{
	struct buf b = BUF_INIT(512);
	put_bytes(&b, r->client_ip);
	put_fmt(&b, " %u %u", r->client_port, r->server_port);
	set(e, "SSH_CLIENT", buf_cstr(&b));
	buf_reset(&b);
	put_bytes(&b, r->client_ip);
	put_fmt(&b, " %u ", r->client_port);
	put_bytes(&b, r->server_ip);
	put_fmt(&b, " %u", r->server_port);
	set(e, "SSH_CONNECTION", buf_cstr(&b));
	buf_clear(&b);
}

/* In OpenSSH's order, later ones win: what the client sent, the basics, PAM, SetEnv, the key's, the user's file, facts. */
void user_env_build(const struct user *u, const struct user_session *s, struct user_env *e)
{
	const struct frame_rights *r = &u->rights;
	char *home = slice_dup(r->home);
	for (size_t i = 0; i < s->env.n; i++)
		user_env_put(e, slice_str(s->env.v[i]));
	user_env_set(e, SLICE_LIT("USER"), r->user);
	user_env_set(e, SLICE_LIT("LOGNAME"), r->user);
	user_env_set(e, SLICE_LIT("HOME"), r->home);
	set(e, "PATH", r->uid == 0 ? PATH_ROOT : PATH_USER);
	if (!r->use_pam) {
		char *mail = mem_fmt("/var/mail/%.*s", (int)r->user.n, (const char *)r->user.p);
		set(e, "MAIL", mail);
		mem_free(mail);
	}
	user_env_set(e, SLICE_LIT("SHELL"), r->shell);
	if (getenv("TZ"))
		set(e, "TZ", getenv("TZ"));
	if (s->term)
		set(e, "TERM", s->term);
	put_all(e, r->pam_env);
	put_all(e, r->set_env);
	put_all(e, r->key_env);
	if (r->user_env_patterns.n)
		read_user_file(e, home, r->user_env_patterns);
	put_connection(e, r);
	if (u->auth_info)
		set(e, "SSH_USER_AUTH", u->auth_info);
	if (s->has_pty)
		set(e, "SSH_TTY", s->pty.name);
	if (s->original)
		set(e, "SSH_ORIGINAL_COMMAND", s->original);
	mem_free(home);
}
