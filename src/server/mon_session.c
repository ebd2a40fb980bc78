#include "server/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"
#include "sys/pty.h"
#include "sys/record.h"

enum { USER_GRACE_MS = 3000, LISTS_MAX = 256 << 10, NOLOGIN_MAX = 64 << 10 };

/* Modules may talk while the session opens; nobody answers, but what they say is shown at the login. */
bool mon_keep_words(void *arg, const struct pam_prompt *prompts, size_t n, struct buf *answers)
{
	(void)answers;
	for (size_t i = 0; i < n; i++) {
		if (prompts[i].kind == PAM_PROMPT_SECRET || prompts[i].kind == PAM_PROMPT_VISIBLE)
			return false;
		mon_keep_message(arg, prompts[i].text);
	}
	return true;
}

static bool open_pam(struct monitor *m)
{
	struct err err = {0};
	bool root = geteuid() == 0;
	if (!m->conf.use_pam)
		return true;
	if (!mon_pam_ready(m))
		return false;
	pam_login_set_ask(m->pam, mon_keep_words, m);
	if (!pam_login_establish(m->pam, &err))
		log_at(root ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG1, "%s", err.text);
	if (!pam_login_open_session(m->pam, &err)) {
		log_at(root ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG1, "%s", err.text);
		m->login.refused = root;
	}
	return true;
}

/* "Last login: Sun Nov 22 17:19:46 2026 from 192.0.2.1" */
static void last_login(struct monitor *m)
{
	struct record_last last;
	char when[32];
	time_t t;
	struct tm tm;
	if (!m->conf.print_last_log || !record_last_login(m->login.account->uid, &last) || last.when == 0)
		return;
	t = (time_t)last.when;
	if (localtime_r(&t, &tm) == NULL || strftime(when, sizeof when, "%a %b %e %H:%M:%S %Y", &tm) == 0)
		return;
	put_fmt(&m->login.message, "Last login: %s%s%s\n", when, last.host[0] ? " from " : "", text_show(slice_str(last.host)));
}

static void password_warning(struct monitor *m)
{
	long days = account_days_left(m->login.account, clock_wall());
	if (!m->conf.use_pam && days >= 0)
		put_fmt(&m->login.message, "Your password will expire in %ld day%s.\n", days, days == 1 ? "" : "s");
}

static void put_list(struct buf *b, const struct conf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		put_cstring(b, l->v[i]);
}

static void put_subsystems(struct buf *b, const struct conf_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct slice command = slice_trim(slice_str(l->v[i]));
		size_t n = 0;
		while (n < command.n && command.p[n] != ' ' && command.p[n] != '\t')
			n++;
		put_string(b, slice_of(command.p, n));
		put_string(b, slice_trim(slice_from(command, n)));
	}
}

/* environment= of the key, as far as PermitUserEnvironment lets it. */
static void put_key_env(struct buf *b, const char *permit, struct slice list)
{
	struct reader r = reader_of(list);
	bool all = permit && strcmp(permit, "yes") == 0;
	while (permit && reader_left(&r)) {
		struct slice pair = get_string(&r), rest = pair, name = slice_cut(&rest, '=');
		if (r.bad)
			return;
		if (all || match_list(name, slice_str(permit), false) == 1)
			put_string(b, pair);
	}
}

static void put_pam_env(struct buf *b, struct pam_login *pam)
{
	char **env = pam ? pam_login_env(pam) : NULL;
	for (char **e = env; e && *e; e++)
		put_cstring(b, *e);
	mem_free(env);
}

static bool read_nologin(const struct monitor *m, struct buf *out)
{
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = NOLOGIN_MAX};
	if (m->login.account->uid == 0)
		return false;
	const char *const paths[] = {"/etc/nologin", "/run/nologin"};
	for (size_t i = 0; i < (m->conf.use_pam ? 1 : ARRAY_LEN(paths)); i++)
		if (file_exists(paths[i])) {
			log_info("User %s not allowed because %s exists", text_show(slice_str(m->login.user)), paths[i]);
			if (!file_read(paths[i], &policy, out, NULL))
				buf_reset(out);
			return true;
		}
	return false;
}

/* AuthorizedKeysFile's tokens, for a folder. */
static char *expand_chroot(const struct monitor *m)
{
	const struct account *a = m->login.account;
	struct buf out = BUF_INIT(4096);
	const char *p = m->conf.chroot_directory;
	for (; p && *p; p++) {
		if (*p != '%') {
			put_u8(&out, (uint8_t)*p);
			continue;
		}
		switch (*++p) {
		case 'h': put_str(&out, a->home); break;
		case 'u': put_str(&out, a->name); break;
		case 'U': put_fmt(&out, "%lu", (unsigned long)a->uid); break;
		default: put_str(&out, "%"); break;
		}
	}
	char *s = mem_str(buf_cstr(&out));
	buf_clear(&out);
	return s;
}

/* Everything that the user's process must know, in one frame. */
static bool send_rights(struct monitor *m)
{
	enum { ACCEPT, SET, KEY, PAM, SUBSYSTEMS, NOLOGIN, LISTS };
	struct buf l[LISTS];
	const struct account *a = m->login.account;
	const struct sshd_conf *c = &m->conf;
	const struct grant *g = m->login.has_key_grant ? &m->login.key.grant : &grant_all;
	for (int i = 0; i < LISTS; i++)
		l[i] = BUF_INIT(LISTS_MAX);
	put_list(&l[ACCEPT], &c->accept_env);
	put_list(&l[SET], &c->set_env);
	put_key_env(&l[KEY], c->permit_user_environment, g->environment);
	put_pam_env(&l[PAM], m->pam);
	put_subsystems(&l[SUBSYSTEMS], &c->subsystem);
	char *root = expand_chroot(m);
	struct frame_rights r = {
		.user = slice_str(a->name), .home = slice_str(a->home), .shell = slice_str(a->shell),
		.uid = a->uid, .gid = a->gid, .switch_user = geteuid() == 0, .chroot = slice_str(root),
		.permit_tty = c->permit_tty && g->pty, .permit_rc = c->permit_user_rc && g->user_rc && c->force_command == NULL, .print_motd = c->print_motd,
		.use_pam = c->use_pam, .change_password = m->login.change_password, .refused = m->login.refused, .max_sessions = (uint32_t)c->max_sessions,
		.has_forced = c->force_command || g->has_command,
		.forced = c->force_command ? slice_str(c->force_command) : g->command,
		.accept_env = buf_slice(&l[ACCEPT]), .set_env = buf_slice(&l[SET]), .key_env = buf_slice(&l[KEY]),
		.user_env_patterns = slice_str(c->permit_user_environment && strcmp(c->permit_user_environment, "yes") == 0 ? "*" : c->permit_user_environment),
		.pam_env = buf_slice(&l[PAM]), .subsystems = buf_slice(&l[SUBSYSTEMS]), .message = buf_slice(&m->login.message),
		.is_nologin = read_nologin(m, &l[NOLOGIN]), .client_ip = slice_str(m->peer.addr), .server_ip = slice_str(m->peer.laddr),
		.client_port = m->peer.port, .server_port = m->peer.lport,
		.auth_info = c->expose_auth_info ? buf_slice(&m->login.auth_info) : (struct slice){0}, .log_level = (uint32_t)log_get_level(),
	};
	r.nologin = buf_slice(&l[NOLOGIN]);
	bool ok = priv_send_msg(&m->user, FRAME_RIGHTS, &frame_rights_desc, &r, NULL, 0);
	for (int i = 0; i < LISTS; i++)
		buf_clear(&l[i]);
	mem_free(root);
	return ok;
}

/* Never from a pool: what PAM set for this process (login uid, limits, keyring, cgroup) is inherited. */
static bool start_user(struct monitor *m, int *net_end)
{
	int with_monitor[2], with_net[2];
	struct err err;
	char *path = mem_fmt("%s/sshd-user", m->shared->helpers), *tz = mem_fmt("TZ=%s", getenv("TZ") ? getenv("TZ") : "");
	const char *const argv[] = {"sshd-user", NULL}, *envp[] = {getenv("TZ") ? tz : NULL, NULL};
	if (!fd_pair(FD_PAIR_STREAM, with_monitor, &err) || !fd_pair(FD_PAIR_STREAM, with_net, &err))
		return err_prefix(&err, "session"), log_error("%s", err.text), false;
	struct fd_map map[] = {{with_monitor[1], 3}, {with_net[1], 4}};
	struct proc_spawn spawn = {.path = path, .argv = argv, .envp = envp, .fds = map, .nfds = ARRAY_LEN(map)};
	m->user_pid = proc_spawn(&spawn, &m->user_pidfd, &err);
	close(with_monitor[1]);
	close(with_net[1]);
	mem_free(path);
	mem_free(tz);
	if (m->user_pid < 0) {
		log_error("%s", err.text);
		close(with_monitor[0]);
		close(with_net[0]);
		return false;
	}
	priv_init(&m->user, with_monitor[0]);
	*net_end = with_net[0];
	return fd_nonblock(m->user.fd, true);
}

bool mon_open_session(struct monitor *m)
{
	struct err err;
	int net_end = -1;
	alarm(0);
	proc_title("sshd-session: %s [priv]", m->login.account->name);
	if (geteuid() == 0 && !account_init_groups(m->login.account, &m->login.groups, &err)) {
		log_error("%s", err.text);
		return false;
	}
	m->session_open = true;
	if (!open_pam(m))
		return false;
	password_warning(m);
	last_login(m);
	if (!start_user(m, &net_end))
		return false;
	log_verbose("User child is on pid %ld", (long)m->user_pid);
	bool ok = send_rights(m) && priv_send(&m->net, FRAME_USER, (struct slice){0}, &net_end, 1);
	close(net_end);
	return ok;
}

static struct record record_of(const struct monitor *m, const char *line)
{
	return (struct record){.user = m->login.account->name, .uid = m->login.account->uid, .line = line,
		.host = strlen(m->peer.host) > m->shared->utmp_len ? m->peer.addr : m->peer.host,
		.address = m->peer.remote.len ? &m->peer.remote : NULL, .pid = getpid()};
}

static bool on_pty(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct pty pty = {.master = -1, .slave = -1};
	struct err err;
	const struct account *a = m->login.account;
	(void)msg;
	(void)f;
	bool ok = m->ptys.n < NET_CHANNELS && pty_open(&pty, &err);
	if (ok && !pty_give(&pty, a->uid, a->gid, &err)) {
		log_error("%s", err.text);
		pty_close(&pty);
		ok = false;
	}
	struct frame_pty answer = {.ok = ok, .name = slice_str(ok ? pty.name : "")};
	int fds[] = {pty.master, pty.slave};
	if (ok) {
		struct record r = record_of(m, pty.name);
		record_login(&r);
		LIST_PUSH(m->ptys.v, m->ptys.n, mem_str(pty.name));
		proc_title("sshd-session: %s@%s [priv]", a->name, pty.name + strlen("/dev/"));
	}
	bool sent = priv_send_msg(&m->user, FRAME_PTY, &frame_pty_desc, &answer, fds, ok ? 2 : 0);
	if (ok)
		pty_close(&pty);
	return sent;
}

static void end_pty(struct monitor *m, size_t i)
{
	struct record r = record_of(m, m->ptys.v[i]);
	record_logout(&r);
	pty_take_back(m->ptys.v[i]);
	mem_free(m->ptys.v[i]);
	m->ptys.v[i] = m->ptys.v[--m->ptys.n];
}

static bool on_pty_done(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	const struct frame_pty_done *done = msg;
	(void)f;
	for (size_t i = 0; i < m->ptys.n; i++)
		if (slice_eq_str(done->name, m->ptys.v[i])) {
			end_pty(m, i);
			return true;
		}
	return false;
}

static bool on_user_log(void *server, const void *msg, struct frame *f)
{
	const struct frame_log *l = msg;
	(void)server;
	(void)f;
	if (l->level > LOG_LEVEL_QUIET && l->level <= LOG_LEVEL_DEBUG3)
		log_at((enum log_level)l->level, "%.*s", (int)l->text.n, (const char *)l->text.p);
	return true;
}

static const struct priv_rule user_rules[] = {
	{FRAME_PTY, "PTY", MON_LOGGED_IN, 0, 0, NULL, on_pty},
	{FRAME_PTY_DONE, "PTY_DONE", MON_LOGGED_IN, 0, 0, &frame_pty_done_desc, on_pty_done},
	{FRAME_LOG, "LOG", MON_LOGGED_IN, 0, 0, &frame_log_desc, on_user_log},
};

bool mon_serve_user(struct monitor *m)
{
	unsigned seen[ARRAY_LEN(user_rules)] = {0};
	struct priv_server s = {.priv = &m->user, .rules = user_rules, .count = ARRAY_LEN(user_rules), .phase = MON_LOGGED_IN, .seen = seen, .server = m};
	struct frame f;
	enum priv_status got;
	while ((got = priv_recv(&m->user, &f)) == PRIV_FRAME)
		if (!priv_serve(&s, &f))
			return false;
	return got == PRIV_AGAIN;
}

/* The end of our half tells sshd-user to hang up its terminals and leave; what it still says is served. */
static void end_user(struct monitor *m)
{
	uint64_t end = clock_ms() + USER_GRACE_MS;
	if (m->user_pid <= 0)
		return;
	shutdown(m->user.fd, SHUT_WR);
	for (bool heard = true; heard;) {
		uint64_t now = clock_ms();
		struct pollfd p = {.fd = m->user.fd, .events = POLLIN};
		heard = now < end && poll(&p, 1, (int)(end - now)) > 0 && mon_serve_user(m);
	}
	struct pollfd p = {.fd = m->user_pidfd, .events = POLLIN};
	uint64_t now = clock_ms();
	if (poll(&p, 1, now < end ? (int)(end - now) : 0) <= 0)
		proc_signal(m->user_pidfd, SIGKILL);
	proc_wait(m->user_pid, true, NULL);
	priv_clear(&m->user);
	fd_close(&m->user_pidfd);
	m->user_pid = 0;
}

void mon_close_session(struct monitor *m)
{
	struct err err = {0};
	end_user(m);
	while (m->ptys.n)
		end_pty(m, 0);
	if (m->session_open && m->pam && !pam_login_close_session(m->pam, &err) && err.code != ERR_NONE)
		log_debug("%s", err.text);
	m->session_open = false;
}
