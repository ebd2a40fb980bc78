#include "tools/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/log.h"
#include "base/mem.h"
#include "client/readpass.h"
#include "loop/loop.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sock.h"

enum { CONNS_MAX = 64, HEAD = 4 };

struct server {
	struct agent_service *how;
	struct agent *agent;
	struct loop *loop;
	struct loop_fd *listener;
	struct loop_timer expiry;
	struct conn *conns;
	size_t n;
};

struct conn {
	struct server *s;
	struct conn *next;
	int fd;
	struct loop_fd *watch;
	struct buf in, out;
	struct agent_conn state;
};

static void close_conn(struct conn *c)
{
	struct server *s = c->s;
	struct conn **at = &s->conns;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	s->n--;
	loop_fd_remove(c->watch);
	fd_close(&c->fd);
	buf_clear(&c->in);
	buf_clear(&c->out);
	agent_conn_clear(&c->state);
	mem_free(c);
	loop_fd_want(s->listener, LOOP_READ);
}

static uint64_t seconds(void)
{
	return clock_boot_ms() / 1000;
}

/* The clock of lifetimes goes on while the machine sleeps; the timer does not, so every request looks again. */
static void set_timer(struct server *s)
{
	uint64_t next = agent_next_expiry(s->agent), now = seconds();
	uint64_t wait = next <= now ? 0 : next - now;
	loop_timer_at(&s->expiry, next == UINT64_MAX ? UINT64_MAX : clock_ms() + (wait > 3600 ? 3600 : wait) * 1000);
}

static void expire(void *arg)
{
	struct server *s = arg;
	agent_expire(s->agent, seconds());
	set_timer(s);
}

/* The same question as OpenSSH's: an empty answer or "yes" with success is a yes. */
static bool confirm(const char *prompt)
{
	struct buf answer = BUF_INIT_SECRET(256);
	struct err err;
	const char *require = getenv("SSH_ASKPASS_REQUIRE");
	if (require && strcasecmp(require, "never") == 0)
		return false;
	char *before = mem_str(require);
	setenv("SSH_ASKPASS_REQUIRE", "force", 1);      /* a daemon has no terminal to ask on */
	bool yes = read_passphrase(prompt, READPASS_CONFIRM, &answer, &err);
	if (before)
		setenv("SSH_ASKPASS_REQUIRE", before, 1);
	else
		unsetenv("SSH_ASKPASS_REQUIRE");
	mem_free(before);
	if (!yes)
		log_info("use of a key was not confirmed: %s", err.text);
	yes = yes && (answer.len == 0 || slice_eq_fold(buf_slice(&answer), SLICE_LIT("yes")));
	buf_clear(&answer);
	return yes;
}

static void answer(struct conn *c, struct slice message)
{
	struct buf reply = BUF_INIT(AGENT_MESSAGE_MAX), prompt = BUF_INIT(4096);
	struct err why = {0};
	struct agent_turn t = {seconds(), clock_wall(), false, c->s->how->fingerprint, &prompt, &why};
	log_debug("request %u, %zu bytes", message.n ? message.p[0] : 0, message.n);
	if (agent_handle(c->s->agent, &c->state, message, &t, &reply) == AGENT_CONFIRM) {
		if (!prompt.bad && confirm(buf_cstr(&prompt))) {
			t.now = seconds();
			t.confirmed = true;
			agent_handle(c->s->agent, &c->state, message, &t, &reply);
		} else {
			buf_reset(&reply);
			put_u8(&reply, AGENT_FAILURE);
		}
	}
	if (why.code != ERR_NONE)
		log_verbose("refused: %s", why.text);
	put_string(&c->out, buf_slice(&reply));
	buf_clear(&reply);
	buf_clear(&prompt);
	set_timer(c->s);
}

/* False: the connection is over. */
static bool flush(struct conn *c)
{
	while (c->out.len) {
		ssize_t n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		buf_drop(&c->out, (size_t)n);
	}
	return true;
}

static bool take_messages(struct conn *c)
{
	while (c->in.len >= HEAD && c->out.len == 0) {
		uint32_t n = load_u32(c->in.p);
		if (n == 0 || n > AGENT_MESSAGE_MAX) {
			log_verbose("closed: a message of %u bytes", n);
			return false;
		}
		if (c->in.len - HEAD < n)
			return true;
		answer(c, slice_of(c->in.p + HEAD, n));
		mem_wipe(c->in.p, HEAD + n);
		buf_drop(&c->in, HEAD + n);
		if (!flush(c))
			return false;
	}
	return true;
}

static bool receive(struct conn *c)
{
	enum { CHUNK = 16 << 10 };
	struct room room = buf_room(&c->in, c->in.max - c->in.len < CHUNK ? c->in.max - c->in.len : CHUNK);
	ssize_t n = recv(c->fd, room.p, room.n, 0);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	buf_add(&c->in, (size_t)n);
	return take_messages(c);
}

static void on_conn(void *arg, unsigned ready)
{
	struct conn *c = arg;
	bool ok = true;
	if (c->out.len)
		ok = (ready & (LOOP_WRITE | LOOP_HANGUP)) == 0 || (flush(c) && take_messages(c));
	else if (ready & (LOOP_READ | LOOP_HANGUP))
		ok = receive(c);
	if (ok)
		loop_fd_want(c->watch, c->out.len ? LOOP_WRITE : LOOP_READ);
	else
		close_conn(c);
}

static void on_listener(void *arg, unsigned ready)
{
	struct server *s = arg;
	struct fd_peer peer;
	(void)ready;
	int fd = sock_accept(s->how->socket.fd, NULL);
	if (fd < 0) {
		if (!sock_accept_again(errno)) {
			log_error("accept: %s", strerror(errno));
			loop_stop(s->loop);
		}
		return;
	}
	if (!fd_peer(fd, &peer) || (peer.uid != getuid() && peer.uid != 0)) {
		log_error("uid mismatch: a connection of another user was closed");
		fd_close(&fd);
		return;
	}
	struct conn *c = mem_new(sizeof *c);
	*c = (struct conn){.s = s, .next = s->conns, .fd = fd, .in = BUF_INIT_SECRET(AGENT_MESSAGE_MAX + HEAD), .out = BUF_INIT(AGENT_MESSAGE_MAX + HEAD)};
	s->conns = c;
	c->watch = loop_fd_add(s->loop, fd, LOOP_READ, on_conn, c);
	if (++s->n >= CONNS_MAX)
		loop_fd_want(s->listener, 0);           /* the rest waits in the queue of the socket */
}

static void on_signal(void *arg, int signo)
{
	struct server *s = arg;
	if (signo == SIGUSR1) {
		log_info("all keys are dropped (SIGUSR1)");
		agent_drop_keys(s->agent);
		set_timer(s);
	} else if (signo != SIGINT || s->how->stop_on_int) {
		loop_stop(s->loop);
	}
}

static void on_parent(void *arg, unsigned ready)
{
	struct server *s = arg;
	if (ready)
		loop_stop(s->loop);
}

int agent_serve(struct agent_service *how)
{
	static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGUSR1};
	struct server s = {.how = how, .agent = agent_new(how->lifetime), .loop = loop_new()};
	struct loop_fd *parent = NULL;
	bool ok = true;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		ok = loop_signal(s.loop, signals[i], on_signal, &s) && ok;
	signal(SIGPIPE, SIG_IGN);
	loop_timer_init(&s.expiry, s.loop, expire, &s);
	s.listener = loop_fd_add(s.loop, how->socket.fd, LOOP_READ, on_listener, &s);
	if (how->parent_fd >= 0)
		parent = loop_fd_add(s.loop, how->parent_fd, LOOP_READ, on_parent, &s);
	if (ok) {
		how->ready(how->ready_arg);
		loop_run(s.loop);
	}
	while (s.conns)
		close_conn(s.conns);
	loop_timer_stop(&s.expiry);
	loop_fd_remove(s.listener);
	loop_fd_remove(parent);
	loop_free(s.loop);
	agent_free(s.agent);
	agent_socket_remove(&how->socket);
	return ok ? 0 : 1;
}
