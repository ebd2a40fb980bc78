#include "server/monitor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/process.h"

enum { GROUPS_MOST = 64, PROOFS_MOST = 64, GRACE_MS = 2000 };

static volatile sig_atomic_t terminated, alarmed;

static void on_term(int signo)
{
	(void)signo;
	terminated = 1;
}

/* The listener holds the deadline; this alarm is for the time after the listener was started anew. */
static void on_alarm(int signo)
{
	if (alarmed)
		_exit(EXIT_GRACE);
	alarmed = 1;
	(void)signo;
	alarm(2);
}

/* The numbers of asks are those of the core; each may come in its phases only. */
const struct priv_rule monitor_rules[] = {
	{ASK_HOSTSIGN, "HOSTSIGN", MON_START | MON_LOGGED_IN, 0, 0, NULL, mon_on_hostsign},
	{ASK_GROUP, "GROUP", MON_START | MON_LOGGED_IN, 0, GROUPS_MOST, NULL, mon_on_group},
	{ASK_AUTH_NONE, "AUTH_NONE", MON_KEYED | MON_NAMED, 0, 0, NULL, mon_on_none},
	{ASK_PASSWORD, "PASSWORD", MON_KEYED | MON_NAMED, 0, 0, NULL, mon_on_password},
	{ASK_KEY_OK, "KEY_OK", MON_KEYED | MON_NAMED, 0, 0, NULL, mon_on_key_ok},
	{ASK_VERIFY, "VERIFY", MON_KEYED | MON_NAMED, 0, 0, NULL, mon_on_verify},
	{ASK_KBDINT, "KBDINT", MON_KEYED | MON_NAMED, 0, 0, NULL, mon_on_kbdint},
	{ASK_KBDINT_REPLY, "KBDINT_REPLY", MON_NAMED, 0, 0, NULL, mon_on_kbdint_reply},
	{ASK_HOSTBASED, "HOSTBASED", MON_KEYED | MON_NAMED, 0, 0, NULL, mon_on_hostbased},
	{FRAME_PROVE, "PROVE", MON_LOGGED_IN, 0, PROOFS_MOST, &frame_prove_desc, mon_on_prove},
	{FRAME_LOG, "LOG", MON_START | MON_KEYED | MON_NAMED | MON_LOGGED_IN, 0, 0, &frame_log_desc, mon_on_log},
	{FRAME_VERSION, "VERSION", MON_START, 0, 1, &frame_version_desc, mon_on_version},
	{FRAME_OVER, "OVER", MON_START | MON_KEYED | MON_NAMED | MON_LOGGED_IN, 0, 1, &frame_over_desc, mon_on_over},
};
const size_t monitor_rules_count = ARRAY_LEN(monitor_rules);

bool monitor_is_over(struct monitor *m)
{
	if (terminated && !m->over) {
		log_info("Received signal %d; terminating.", SIGTERM);
		m->stopped = m->over = true;
	}
	if (alarmed && m->server.phase != MON_LOGGED_IN && !m->over) {
		log_info("Timeout before authentication for %s port %u", m->peer.addr, m->peer.port);
		m->exit_code = EXIT_GRACE;
		m->stopped = m->over = true;
	}
	return m->over;
}

void monitor_log_level(struct monitor *m)
{
	log_set_level(m->shared->level != UINT32_MAX ? (enum log_level)m->shared->level : (enum log_level)m->conf.log_level);
}

bool monitor_answer(struct monitor *m, enum ask_kind kind, const void *answer)
{
	return priv_send_msg(&m->net, (uint16_t)kind, ask_row(kind)->answer, answer, NULL, 0);
}

/* Waits until one of the sockets has something. Signals get through only here. */
static bool wait_sockets(struct monitor *m, bool *net, bool *user)
{
	struct pollfd p[3] = {
		{.fd = m->net.fd, .events = (short)(POLLIN | (priv_pending(&m->net) ? POLLOUT : 0))},
		{.fd = m->user.fd, .events = (short)(POLLIN | (priv_pending(&m->user) ? POLLOUT : 0))},
		{.fd = m->user_pidfd, .events = POLLIN},
	};
	sigset_t none;
	sigemptyset(&none);
	if (ppoll(p, 3, NULL, &none) < 0)
		return errno == EINTR;
	*net = p[0].revents != 0;
	*user = p[1].revents != 0 || p[2].revents != 0;
	return priv_flush(&m->net) && (m->user.fd < 0 || priv_flush(&m->user));
}

bool monitor_next_net(struct monitor *m, struct frame *f)
{
	for (;;) {
		if (monitor_is_over(m))
			return false;
		enum priv_status got = priv_recv(&m->net, f);
		if (got == PRIV_FRAME)
			return true;
		bool net, user;
		if (got != PRIV_AGAIN || !wait_sockets(m, &net, &user))
			return false;
	}
}

/* A frame that PAM's conversation did not want comes first. */
static enum priv_status take_net(struct monitor *m, struct frame *f)
{
	if (!m->has_held)
		return priv_recv(&m->net, f);
	m->has_held = false;
	*f = m->held;
	return PRIV_FRAME;
}

static bool serve_net(struct monitor *m)
{
	struct frame f;
	enum priv_status got;
	while (!monitor_is_over(m) && (got = take_net(m, &f)) == PRIV_FRAME)
		if (!priv_serve(&m->server, &f))
			return false;
	return m->over || got == PRIV_AGAIN;
}

/* A network process that ended while we were about to speak to it has said why: that lies in the socket. */
static void last_words(struct monitor *m)
{
	struct frame f;
	struct frame_over over;
	while (!m->over_said && priv_recv(&m->net, &f) == PRIV_FRAME) {
		struct reader r = reader_of(f.body);
		if (f.number == FRAME_OVER && msg_decode_body(&frame_over_desc, &r, &over) && get_end(&r) && !mon_on_over(m, &over, &f))
			log_debug("the last words make no sense");
		frame_close(&f);
	}
	if (!m->over_said)
		mon_lost(m);
}

static void loop(struct monitor *m)
{
	bool net = true, user = false;
	while (!monitor_is_over(m)) {
		if (net && !serve_net(m)) {
			m->over = true;
			break;
		}
		if (user && !mon_serve_user(m)) {
			m->over = true;
			break;
		}
		net = user = false;
		if (!m->over && !wait_sockets(m, &net, &user))
			m->over = true;
	}
	if (!m->over_said && !m->stopped)
		last_words(m);
}

static void take_signals(void)
{
	sigset_t set;
	struct sigaction term = {.sa_handler = on_term}, alarm_action = {.sa_handler = on_alarm}, ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGINT, &term, NULL);
	sigaction(SIGALRM, &alarm_action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Stands ready until the listener has a connection. False: it never comes. */
static bool wait_connection(struct monitor *m)
{
	struct frame f;
	if (!priv_expect(&m->ctl, FRAME_CONNECTION, &f))
		return false;
	struct sigaction fatal = {.sa_handler = SIG_DFL};
	sigaction(SIGCHLD, &fatal, NULL);
	bool ok = mon_start(m, &f);
	frame_close(&f);
	if (ok && m->conf.login_grace_time)
		alarm((unsigned)m->conf.login_grace_time + 5);
	return ok;
}

/* What holds the network process: end of the socket ends it, and if it will not, SIGKILL does. */
static void end_net(struct monitor *m)
{
	priv_clear(&m->net);
	if (m->net_pidfd < 0)
		return;
	struct pollfd p = {.fd = m->net_pidfd, .events = POLLIN};
	if (poll(&p, 1, GRACE_MS) <= 0)
		proc_signal(m->net_pidfd, SIGKILL);
	fd_close(&m->net_pidfd);
}

static void clear(struct monitor *m)
{
	struct mon_login *l = &m->login;
	pam_login_free(m->pam);
	conf_list_clear(&l->left);
	conf_list_clear(&l->used_keys);
	conf_list_clear(&m->ptys);
	if (l->user) {
		authkeys_match_clear(&l->key);
		account_groups_clear(&l->groups);
	}
	account_free(l->account);
	mem_free(l->user);
	mem_free(l->fake_hash);
	buf_clear(&l->message);
	buf_clear(&l->auth_info);
	buf_clear(&m->session_id);
	buf_clear(&m->host_key);
	sshd_conf_clear(&m->conf);
	mem_free(m->server.seen);
}

int monitor_run(const struct monitor_shared *shared, int take_ctl, int take_net, int take_net_pidfd)
{
	struct monitor *m = mem_new(sizeof *m);
	*m = (struct monitor){.shared = shared, .net_pidfd = take_net_pidfd, .user_pidfd = -1,
		.session_id = BUF_INIT(64), .host_key = BUF_INIT(1 << 16),
		.login = {.message = BUF_INIT(1 << 16), .auth_info = BUF_INIT(1 << 16)}};
	priv_init(&m->ctl, take_ctl);
	priv_init(&m->net, take_net);
	priv_init(&m->user, -1);
	m->server = (struct priv_server){.priv = &m->net, .rules = monitor_rules, .count = monitor_rules_count, .phase = MON_START,
		.seen = mem_list(monitor_rules_count, sizeof(unsigned)), .server = m};
	take_signals();
	if (wait_connection(m) && fd_nonblock(m->net.fd, true))
		loop(m);
	alarm(0);
	mon_close_session(m);
	end_net(m);
	priv_clear(&m->ctl);
	int code = m->exit_code;
	clear(m);
	mem_free(m);
	return code;
}
