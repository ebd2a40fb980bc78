#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop.h"
#include "server/limits.h"
#include "server/ready.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/notify.h"
#include "sys/process.h"
#include "sys/record.h"
#include "sys/sock.h"

enum { GRACE_JITTER_MS = 4000, ACCEPT_PAUSE_MS = 100 };

struct conn {
	struct conn *next;
	struct listener *l;
	struct pair pair;
	struct loop_fd *watch;                              /* of pair.control */
	struct loop_timer deadline;
	struct sock_addr remote, local;
	struct addr source;
	bool waiting;                                       /* not logged in */
	bool inetd;
};
struct listener {
	const struct listener_setup *setup;
	struct loop *loop;
	struct ready ready;
	struct limits *limits;
	struct listen_socket *socks;
	struct loop_fd **watches;
	size_t nsocks;
	struct conn *conns;
	struct loop_timer resume;
	struct loop_defer prepare;
	uint32_t number;
	bool single, restart, stopping;
	bool starved;                                       /* and it was said */
	int exit_code;
};

static struct addr addr_of(const struct sock_addr *s)
{
	struct addr a = {0};
	struct slice raw = sock_raw(s);
	if (raw.n == 4 || raw.n == 16) {
		a.family = raw.n == 4 ? 4 : 6;
		memcpy(a.b, raw.p, raw.n);
		addr_unmap(&a);
	}
	return a;
}

/* As OpenSSH's in a list of processes. */
static void set_title(const struct listener *l)
{
	const struct conf_startups *s = &l->setup->conf->max_startups;
	proc_title("sshd: %s [listener] %u of %d-%d startups", l->setup->self, limits_waiting(l->limits), s->begin, s->full);
}

static void no_longer_waiting(struct conn *c)
{
	if (!c->waiting)
		return;
	c->waiting = false;
	limits_end(c->l->limits, &c->source);
	set_title(c->l);
	loop_timer_stop(&c->deadline);
}

static void conn_free(struct conn *c)
{
	struct conn **at = &c->l->conns;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	no_longer_waiting(c);
	loop_fd_remove(c->watch);
	pair_clear(&c->pair);
	mem_free(c);
}

/* The monitor says that somebody has logged in, or ends. */
static void on_control(void *arg, unsigned ready)
{
	struct conn *c = arg;
	struct frame f;
	(void)ready;
	enum priv_status got = priv_recv(&c->pair.control, &f);
	if (got == PRIV_AGAIN)
		return;
	if (got == PRIV_FRAME) {
		if (f.number == FRAME_AUTHED)
			no_longer_waiting(c);
		frame_close(&f);
	}
	loop_fd_remove(c->watch);
	c->watch = NULL;
	/* Nothing more comes here. Thousands of logins must not use up our descriptors. */
	priv_clear(&c->pair.control);
	if (!c->waiting)
		fd_close(&c->pair.monitor_pidfd);
}

/* sshd_config(5), LoginGraceTime. What the monitor is doing does not matter: a PAM module may hang in it. */
static void on_deadline(void *arg)
{
	struct conn *c = arg;
	char from[SOCK_TEXT_MAX], to[SOCK_TEXT_MAX];
	sock_text(&c->remote, from);
	sock_text(&c->local, to);
	log_info("Timeout before authentication for connection from %s to %s, pid = %ld", from, to, (long)c->pair.monitor);
	limits_penalize(c->l->limits, &c->source, 3, false, loop_now(c->l->loop));
	no_longer_waiting(c);
	proc_signal(c->pair.monitor_pidfd, SIGKILL);
	c->source.family = 0;                               /* its end by our signal is no crash of its own */
}

static void on_prepare(void *arg)
{
	struct listener *l = arg;
	struct err err;
	if (!l->stopping && !ready_prepare(&l->ready, &err))
		log_error("%s", err.text);
}

static uint64_t jitter(void)
{
	uint16_t r = 0;
	if (!proc_random(&r, sizeof r))
		return 0;
	return r % GRACE_JITTER_MS;
}

/* Twice, because what stood ready may have been killed meanwhile. */
static bool give_to_pair(struct listener *l, struct pair *p, const int *fds, size_t n, bool inetd, struct err *err)
{
	struct frame_connection what = {.number = ++l->number, .inetd = inetd};
	for (int i = 0; i < 2; i++) {
		if (!ready_take(&l->ready, p, err))
			continue;
		if (priv_send_msg(&p->control, FRAME_CONNECTION, &frame_connection_desc, &what, fds, n))
			return true;
		err_set(err, ERR_SYSTEM, "the processes that stood ready are gone");
		pair_clear(p);
	}
	return false;
}

static struct conn *hand_over(struct listener *l, const int *fds, size_t n, bool inetd)
{
	struct err err;
	struct conn *c = mem_new(sizeof *c);
	*c = (struct conn){.l = l, .inetd = inetd, .pair.monitor_pidfd = -1};
	if (!give_to_pair(l, &c->pair, fds, n, inetd, &err)) {
		log_error("cannot serve a connection: %s", err.text);
		mem_free(c);
		return NULL;
	}
	sock_peer(fds[0], &c->remote);
	sock_local(fds[0], &c->local);
	c->source = addr_of(&c->remote);
	c->waiting = true;
	c->next = l->conns;
	l->conns = c;
	limits_begin(l->limits, &c->source);
	set_title(l);
	loop_timer_init(&c->deadline, l->loop, on_deadline, c);
	if (l->setup->conf->login_grace_time)
		loop_timer_at(&c->deadline, clock_ms() + (uint64_t)l->setup->conf->login_grace_time * 1000 + jitter());
	fd_nonblock(c->pair.control.fd, true);
	c->watch = loop_fd_add(l->loop, c->pair.control.fd, LOOP_READ, on_control, c);
	if (!l->single)
		loop_defer(&l->prepare);
	return c;
}

static void log_drop(struct listener *l, int fd, const struct sock_addr *peer, const char *why)
{
	char from[SOCK_TEXT_MAX], to[SOCK_TEXT_MAX];
	struct sock_addr local = {0};
	unsigned suppressed = 0;
	bool penalty = strcmp(why, "Maxstartups") != 0;
	if (!limits_may_log(l->limits, penalty, loop_now(l->loop), &suppressed))
		return;
	if (suppressed)
		log_info("%s logging rate-limited: additional %u connections dropped", penalty ? "PerSourcePenalties" : "Maxstartups", suppressed);
	sock_local(fd, &local);
	sock_text(peer, from);
	sock_text(&local, to);
	log_info("drop connection #%u from [%s]:%u on [%s]:%u %s", limits_waiting(l->limits), from, sock_port(peer), to, sock_port(&local), why);
}

static bool refused(struct listener *l, int fd, const struct sock_addr *peer)
{
	static const char sorry[] = "Not allowed at this time\r\n";
	struct addr source = addr_of(peer);
	uint16_t r = 0;
	proc_random(&r, sizeof r);
	const char *why = limits_refuse(l->limits, &source, r % 100, loop_now(l->loop));
	if (why == NULL)
		return false;
	log_drop(l, fd, peer, why);
	ssize_t n = write(fd, sorry, sizeof sorry - 1);
	(void)n;                                            /* nobody waits for it */
	return true;
}

static void stop_listening(struct listener *l)
{
	for (size_t i = 0; i < l->nsocks; i++) {
		loop_fd_remove(l->watches[i]);
		fd_close(&l->socks[i].fd);
	}
	l->nsocks = 0;
}

static void on_accept(void *arg, unsigned ready);

static void watch_all(struct listener *l, unsigned want)
{
	for (size_t i = 0; i < l->nsocks; i++)
		loop_fd_want(l->watches[i], want);
}

static void on_resume(void *arg)
{
	watch_all(arg, LOOP_READ);
}

/* Out of descriptors or memory: the queue of the socket keeps who comes, and the log hears of it once. */
static void starve(struct listener *l, const char *why)
{
	if (!l->starved)
		log_error("%s; new connections wait", why);
	l->starved = true;
	watch_all(l, 0);
	loop_timer_at(&l->resume, clock_ms() + ACCEPT_PAUSE_MS);
}

static void accept_one(struct listener *l, int listening)
{
	struct sock_addr peer;
	struct err err;
	if (!ready_prepare(&l->ready, &err)) {              /* what cannot be served is not taken out of the queue */
		starve(l, err.text);
		return;
	}
	int fd = sock_accept(listening, &peer);
	if (fd < 0) {
		if (sock_accept_starved(errno) || !sock_accept_again(errno)) {
			err_errno(&err, "accept");
			starve(l, err.text);
		}
		return;
	}
	if (l->starved)
		log_info("Connections are accepted again.");
	l->starved = false;
	if (!refused(l, fd, &peer) && hand_over(l, &fd, 1, false) && l->single)
		stop_listening(l);
	close(fd);
}

static void on_accept(void *arg, unsigned ready)
{
	struct listener *l = arg;
	(void)ready;
	for (size_t i = 0; i < l->nsocks; i++)
		accept_one(l, l->socks[i].fd);
}

static void conn_ended(struct listener *l, struct conn *c, const struct proc_exit *e)
{
	uint64_t now = loop_now(l->loop);
	if (c->waiting || e->by_signal || e->code >= 3)
		limits_penalize(l->limits, &c->source, e->by_signal ? 0 : e->code, e->by_signal, now);
	if (e->by_signal && c->source.family)
		log_info("Session process %ld ended by signal %d", (long)e->pid, e->code);
	if (l->single) {
		l->exit_code = e->by_signal ? 255 : e->code;
		loop_stop(l->loop);
	}
	conn_free(c);
}

/* Every child of ours, also those that a sshd before SIGHUP left to us. */
static void on_child(void *arg, int signo)
{
	struct listener *l = arg;
	struct proc_exit e;
	(void)signo;
	while (proc_reap(&e) == PROC_ENDED) {
		struct conn *c = l->conns, *next;
		bool monitor = false;
		if ((ready_child_ended(&l->ready, e.pid, e.by_signal) || e.by_signal) && !l->single)
			loop_defer(&l->prepare);
		if (e.by_signal)
			record_sweep(e.pid);                /* a monitor that was killed could not do it */
		for (; c; c = next) {
			next = c->next;
			if (c->pair.monitor != e.pid)
				continue;
			monitor = true;
			conn_ended(l, c, &e);
		}
		if (!monitor && e.by_signal && e.code != SIGKILL)        /* also when its monitor has ended before it */
			log_info("%s %ld ended by signal %d", e.code == SIGSYS ? "Network process" : "Process", (long)e.pid, e.code);
	}
}

static void on_stop(void *arg, int signo)
{
	struct listener *l = arg;
	log_info("Received signal %d; terminating.", signo);
	notify_stopping();
	l->stopping = true;
	l->exit_code = l->single ? 255 : 0;
	loop_stop(l->loop);
}

static void return_to(const char *folder)
{
	if (chdir(folder) < 0)
		log_debug("cannot go to %s: %s", folder, strerror(errno));
}

static void on_hup(void *arg, int signo)
{
	struct listener *l = arg;
	struct err err;
	(void)signo;
	/* A mistake in the file must not cost the service: it is read before anything is given up. */
	return_to(l->setup->folder);
	struct sshd_file *next = sshd_options_load(l->setup->options, &err);
	return_to("/");
	if (next == NULL) {
		log_error("Received SIGHUP; the old configuration stays in force: %s", err.text);
		return;
	}
	sshd_file_free(next);
	log_info("Received SIGHUP; restarting.");
	notify_reloading();
	l->stopping = l->restart = true;
	loop_stop(l->loop);
}

static bool listens(struct listener *l)
{
	l->nsocks = listen_all(l->setup->conf, &l->socks);
	if (l->nsocks == 0) {
		log_at(LOG_LEVEL_FATAL, "Cannot bind any address.");
		return false;
	}
	l->watches = mem_list(l->nsocks, sizeof *l->watches);
	for (size_t i = 0; i < l->nsocks; i++)
		l->watches[i] = loop_fd_add(l->loop, l->socks[i].fd, LOOP_READ, on_accept, l);
	return true;
}

static void write_pid(const struct sshd_conf *conf)
{
	if (conf->pid_file == NULL)
		return;
	int fd = open(conf->pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		log_error("Couldn't create pid file \"%s\": %s", conf->pid_file, strerror(errno));
		return;
	}
	dprintf(fd, "%ld\n", (long)getpid());
	close(fd);
}

static void restart(const struct listener_setup *s)
{
	setenv("HAWSER_SSHD_RESTARTED", "1", 1);
	fd_close_from(3);
	proc_signals_default();
	return_to(s->folder);
	execv(s->self, s->argv);
	log_error("RESTART FAILED: %s: %s", s->self, strerror(errno));
}

static bool begin(struct listener *l)
{
	const struct listener_setup *s = l->setup;
	struct err err;
	signal(SIGPIPE, SIG_IGN);                           /* of peers that we refuse and that are gone */
	loop_signal(l->loop, SIGCHLD, on_child, l);
	loop_signal(l->loop, SIGTERM, on_stop, l);
	loop_signal(l->loop, SIGINT, on_stop, l);
	loop_signal(l->loop, SIGQUIT, on_stop, l);
	if (!s->options->inetd)
		loop_signal(l->loop, SIGHUP, on_hup, l);
	if (!ready_prepare(&l->ready, &err)) {
		log_at(LOG_LEVEL_FATAL, "%s", err.text);
		l->exit_code = 1;
		return false;
	}
	l->exit_code = 255;
	if (s->options->inetd) {
		int fds[] = {0, 1};
		return hand_over(l, fds, 2, true) != NULL;
	}
	if (!listens(l))
		return false;
	if (!l->single)
		write_pid(s->conf);
	notify_ready();
	set_title(l);
	l->exit_code = 0;
	return true;
}

static void end(struct listener *l)
{
	const struct listener_setup *s = l->setup;
	stop_listening(l);
	ready_discard(&l->ready);
	while (l->conns)
		conn_free(l->conns);
	if (l->restart)
		restart(s);
	if (!l->single && s->conf->pid_file)
		unlink(s->conf->pid_file);
	limits_free(l->limits);
	mem_free(l->socks);
	mem_free(l->watches);
	loop_free(l->loop);
}

int listener_run(const struct listener_setup *s)
{
	static struct listener l;
	struct buf config = BUF_INIT(CONF_TEXT_MAX);
	struct frame_init init = {.level = sshd_options_level(s->options), .to_stderr = s->options->to_stderr || s->options->log_file || s->options->debug,
		.fallback = s->conf->sandbox == CONF_SANDBOX_FALLBACK, .helpers = slice_str(s->helpers), .utmp_len = s->options->utmp_len};
	sshd_file_dump(s->file, &config);
	init.config = buf_slice(&config);
	proc_random(&init.secret, sizeof init.secret);
	l = (struct listener){.setup = s, .loop = loop_new(), .limits = limits_new(s->conf), .single = s->options->inetd || s->options->debug};
	ready_init(&l.ready, &init, SSHD_GIVEN(s->conf, sshd_session_path) ? s->conf->sshd_session_path : NULL,
		SSHD_GIVEN(s->conf, sshd_auth_path) ? s->conf->sshd_auth_path : NULL);
	loop_timer_init(&l.resume, l.loop, on_resume, &l);
	loop_defer_init(&l.prepare, l.loop, on_prepare, &l);
	if (begin(&l))
		loop_run(l.loop);
	end(&l);
	buf_clear(&config);
	return l.exit_code;
}
