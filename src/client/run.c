/* One run of ssh: connect, handshake, login, session, exit code. */
#include "client/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/session.h"
#include "client/update.h"
#include "conf/algs.h"
#include "sys/clock.h"
#include "sys/fd.h"

void client_over(struct client *c, int status, const char *fmt, ...)
{
	if (c->over)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(c->over_text, sizeof c->over_text, fmt, ap);
	va_end(ap);
	c->over = true;
	c->status = status;
	loop_stop(c->loop);
}

/* As OpenSSH's -v writes it behind the host's name. */
static const char *brackets_text(struct client *c)
{
	static char text[SOCK_TEXT_MAX + 32];
	char address[SOCK_TEXT_MAX];
	if (c->peer.len == 0)
		return "via proxy";
	sock_text(&c->peer, address);
	snprintf(text, sizeof text, "[%s]:%u", address, c->port);
	return text;
}

static const char *peer_text(struct client *c)
{
	static char text[SOCK_TEXT_MAX + 32];
	char address[SOCK_TEXT_MAX];
	if (c->peer.len == 0)
		return "UNKNOWN port 65535";
	sock_text(&c->peer, address);
	snprintf(text, sizeof text, "%s port %u", address, c->port);
	return text;
}

/* The words of OpenSSH, as people search for them. */
static void on_lost(struct client *c, struct slice why)
{
	bool terminal = session_leave_terminal(c->session);
	if (c->logged_in && slice_eq_str(why, "end of file")) {
		if (terminal)
			log_error("Connection to %s closed by remote host.", text_show(slice_str(c->host)));
		client_over(c, 255, terminal ? "Connection to %s closed." : "Connection to %s closed by remote host.", text_show(slice_str(c->host)));
	} else if (slice_eq_str(why, "end of file"))
		client_over(c, 255, "Connection closed by %s", peer_text(c));
	else if (slice_eq_str(why, "Connection reset by peer"))
		client_over(c, 255, "Connection reset by %s", peer_text(c));
	else if (c->logged_in && slice_eq_str(why, "Broken pipe"))
		client_over(c, 255, "client_loop: send disconnect: Broken pipe");
	else
		client_over(c, 255, "Connection to %s: %s", peer_text(c), text_show(why));
}

static void on_over(struct client *c, const struct ssh_event *ev)
{
	if (update_ends(c->update) || session_draining(c->session))
		return;                                     /* the command is done; its output is still going out */
	if (!c->no_guess && ssh_guess_failed(c->ssh)) {
		log_debug("the peer could not follow our guess of its choices (%s); once more without", text_show(ev->text));
		c->retry = true;
		client_over(c, 255, "%s", "");
		return;
	}
	if (ev->by_peer && ev->number == REASON_BY_APPLICATION && c->status >= 0)
		client_over(c, c->status, "%s", "");
	else if (ev->lost)
		on_lost(c, ev->text);
	else if (ev->by_peer)
		client_over(c, 255, "Received disconnect from %s:%u: %s", peer_text(c), ev->number, text_show(ev->text));
	else if (ev->number == REASON_NO_MORE_METHODS || ev->number == REASON_HOST_KEY_NOT_VERIFIABLE || ev->number == REASON_AUTH_CANCELLED)
		client_over(c, 255, "%s", text_show(ev->text));
	else if (ev->number == REASON_CONNECTION_LOST)
		client_over(c, 255, "Timeout, server %s not responding.", text_show(slice_str(c->host)));
	else if (ev->number == REASON_KEX_FAILED && slice_has_prefix(ev->text, "no matching "))
		client_over(c, 255, "Unable to negotiate with %s: %s", peer_text(c), text_show(ev->text));
	else
		client_over(c, 255, "%s: %s", peer_text(c), text_show(ev->text));
}

static void on_banner(struct slice text)
{
	struct buf b = BUF_INIT(1 << 17);
	if (log_get_level() < LOG_LEVEL_INFO)
		return;
	put_text(&b, text, 1 << 15, TEXT_LINES | TEXT_ESCAPED);
	struct err e;
	if (!fd_write_all(STDERR_FILENO, buf_slice(&b), 10000, &e))
		log_debug("banner: %s", e.text);
	buf_clear(&b);
}

/* Without a session nothing here reads or writes: whoever waits for the end of our output may go on. */
static void let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		if (fd != STDERR_FILENO || log_get_level() < LOG_LEVEL_DEBUG1)
			dup2(null, fd);
	if (null > 2)
		close(null);
}

/* -f: the parent reports success to whoever waits; the child goes on with the connection. */
static void go_background(struct client *c)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid > 0)
		_exit(0);
	if (pid < 0)
		log_error("cannot go to the background: %s", strerror(errno));
	else
		setsid();
	if (c->conf.session_type == CONF_SESSION_NONE)
		let_go();
}

static void on_authed(struct client *c, const struct ssh_event *ev)
{
	c->logged_in = true;
	log_verbose("Authenticated to %s (%s) using \"%s\".", text_show(slice_str(c->host)), brackets_text(c), text_show(ev->name));
	login_accepted(c->login);
	login_free(c->login);
	c->login = NULL;
	log_debug("Entering interactive session.");
	if (c->conf.fork_after_authentication)
		go_background(c);
	config_local_command(c);
	if (c->conf.session_type == CONF_SESSION_NONE)
		return;
	session_start(c->session);
}

static void on_ask(struct client *c, const struct ask *ask)
{
	struct answer a = {.kind = ask->kind};
	if (ask->kind == ASK_HOSTKEY) {
		loop_timer_stop(&c->deadline);              /* a human may think; what is left of the exchange is one message */
		hostkey_answer(c, &ask->hostkey, &a);
	} else {
		login_answer(c->login, ask, &a);
	}
	ssh_answer(c->ssh, &a);
}

/* Hybrids with ML-KEM or NTRU Prime are the exchanges that a quantum computer cannot break afterwards. */
static void on_kexed(struct client *c)
{
	const char *kex = ssh_names(c->ssh)->kex;
	loop_timer_stop(&c->deadline);
	if (c->kexed || c->conf.warn_weak_crypto != CONF_WEAK_YES || strstr(kex, "mlkem") || strstr(kex, "sntrup")) {
		c->kexed = true;
		return;
	}
	c->kexed = true;
	log_info("** WARNING: %s is no post-quantum key exchange: who records this session may be able to read it one day. "
		"The server should be upgraded; WarnWeakCrypto no-pq-kex silences this.", kex);
}

static void on_event(void *owner, const struct ssh_event *ev)
{
	struct client *c = owner;
	bool known;
	if (c->over)
		return;
	switch (ev->kind) {
	case EV_TRACE: log_at(ev->level, "%.*s", (int)ev->text.n, (const char *)ev->text.p); break;
	case EV_KEXED: on_kexed(c); break;
	case EV_VERSION: log_debug("Authenticating to %s:%u as '%s'", c->host, c->port, text_show(slice_str(c->user))); break;
	case EV_ASK: on_ask(c, &ev->ask); break;
	case EV_BANNER: on_banner(ev->text); break;
	case EV_AUTHED: on_authed(c, ev); break;
	case EV_OPEN: chan_refuse(c->ssh, ev->chan, OPEN_PROHIBITED, "the client opens the channels here"); break;
	case EV_GLOBAL:
		known = update_event(c->update, ev);
		if (ev->want_reply)
			ssh_global_reply(c->ssh, known, slice_of(NULL, 0));
		break;
	case EV_GLOBAL_REPLY: update_event(c->update, ev); break;
	case EV_OVER: on_over(c, ev); break;
	default: session_event(c->session, ev); break;
	}
}

static void on_closed(void *owner, struct endpoint *e, void *arg)
{
	(void)owner, (void)e;
	session_closed(arg);
}

static void on_ended(void *owner, struct endpoint *e, void *arg, bool sink)
{
	(void)owner, (void)e;
	session_ended(arg, sink);
}

static const struct drive_ops ops = {on_event, on_closed, on_ended};

static struct ssh *make_ssh(struct client *c, const char *host_keys)
{
	const struct ssh_conf *f = &c->conf;
	const char *comp = f->compression ? algs_compression_first : algs_compression;
	char *software = f->version_addendum ? mem_fmt("%s %s", SSH_SOFTWARE, f->version_addendum) : mem_str(SSH_SOFTWARE);
	enum log_level level = log_get_level();
	struct ssh_setup setup = {
		.role = SSH_CLIENT, .software = software, .user = c->user, .now = loop_now(c->loop),
		.algs = {f->kex_algorithms, host_keys, f->ciphers, f->ciphers, f->macs, f->macs, comp, comp},
		.guess = !c->no_guess && c->host_is_known, .no_pipeline = c->no_guess,
		.hostbound = f->pubkey_authentication != CONF_PUBKEY_UNBOUND,
		.rekey_bytes = f->rekey_limit.bytes, .rekey_ms = f->rekey_limit.seconds * 1000,
		.keepalive_ms = (uint64_t)f->server_alive_interval * 1000, .keepalive_count = (uint32_t)f->server_alive_count_max,
		.window_max = f->channel_window_max > UINT32_MAX ? UINT32_MAX : (uint32_t)f->channel_window_max,
		.trace = level >= LOG_LEVEL_DEBUG1 ? level : LOG_LEVEL_QUIET,
	};
	struct ssh *ssh = ssh_new(&setup);
	mem_free(software);
	return ssh;
}

static void on_deadline(void *arg)
{
	struct client *c = arg;
	client_over(c, 255, "Connection to %s timed out during the handshake (ConnectTimeout)", peer_text(c));
}

static void say_totals(struct client *c)
{
	double seconds = (double)(loop_now(c->loop) - c->began) / 1000;
	unsigned long long out = ssh_bytes(c->ssh, true), in = ssh_bytes(c->ssh, false);
	if (!c->logged_in || log_get_level() < LOG_LEVEL_VERBOSE)
		return;
	seconds = seconds < 0.001 ? 0.001 : seconds;
	log_verbose("Transferred: sent %llu, received %llu bytes, in %.1f seconds", out, in, seconds);
	log_verbose("Bytes per second: sent %.1f, received %.1f", (double)out / seconds, (double)in / seconds);
	log_debug("Exit status %d", c->status);
}

static void run_connection(struct client *c, const char *host_keys)
{
	c->over = c->retry = c->logged_in = false;
	c->status = -1;
	c->loop = loop_new();
	c->began = loop_now(c->loop);
	c->ssh = make_ssh(c, host_keys);
	c->login = login_new(c);
	c->drive = drive_new(c->loop, c->ssh, c->in, c->out, &ops, c);
	c->session = session_new(c);
	c->update = update_new(c);
	loop_timer_init(&c->deadline, c->loop, on_deadline, c);
	if (c->conf.connect_timeout > 0)
		loop_timer_at(&c->deadline, loop_now(c->loop) + (uint64_t)c->conf.connect_timeout * 1000);
	loop_run(c->loop);
	if (!ssh_is_over(c->ssh))
		ssh_disconnect(c->ssh, REASON_BY_APPLICATION, "disconnected by user");
	drive_flush(c->drive, 2000);
	say_totals(c);
	loop_timer_stop(&c->deadline);
	drive_free(c->drive);
	update_free(c->update);
	session_free(c->session);
	login_free(c->login);
	ssh_free(c->ssh);
	loop_free(c->loop);
	c->drive = NULL, c->session = NULL, c->update = NULL, c->login = NULL, c->ssh = NULL;
	if (c->out != c->in)
		fd_close(&c->out);
	fd_close(&c->in);
}

static bool connect_and_run(struct client *c, struct err *e)
{
	struct buf host_keys = BUF_INIT(1 << 16);
	bool ok = connect_to(c, e);
	if (ok) {
		log_debug("Connection established.");
		ok = hostkey_order(c, &host_keys, e);
	}
	if (ok)
		run_connection(c, buf_cstr(&host_keys));
	buf_clear(&host_keys);
	return ok;
}

static void end_proxy(struct client *c)
{
	if (c->proxy <= 0)
		return;
	kill(c->proxy, SIGHUP);
	while (waitpid(c->proxy, NULL, 0) < 0 && errno == EINTR)
		;
	c->proxy = 0;
}

int client_run(struct client *c)
{
	struct err e = {0};
	if (c->conf.fork_after_authentication && c->command == NULL && c->conf.session_type == CONF_SESSION_DEFAULT) {
		log_error("Cannot fork into background without a command to execute; give one, or -N");
		return 255;
	}
	signal(SIGPIPE, SIG_IGN);                           /* a server that resets is reported; a reader that left gets eow */
	for (int round = 0; round < 2; round++) {
		bool ran = connect_and_run(c, &e);
		end_proxy(c);
		if (!ran) {
			log_error("ssh: %s", e.text);
			return 255;
		}
		if (!c->retry)
			break;
		c->no_guess = true;
	}
	if (c->over_text[0])
		log_at(c->status == 255 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "%s", c->over_text);
	return c->status < 0 ? 255 : c->status;
}
