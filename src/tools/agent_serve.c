#include "tools/agent_serve.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/sock.h"

enum { CONNS_MAX = 64, HEAD = 4 };

static void close_conn(struct conn *c)
{
	struct server *s = c->s;
	struct conn **at = &s->conns;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	s->n--;
	agent_wait_ends(c);
	loop_fd_remove(c->watch);
	fd_close(&c->fd);
	buf_clear(&c->in);
	buf_clear(&c->out);
	buf_clear(&c->prompt);
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
	loop_defer(&s->tidy);                           /* libraries whose last key has gone */
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

/* The request at the head of c->in. */
static struct slice request(const struct conn *c)
{
	return slice_of(c->in.p + HEAD, load_u32(c->in.p));
}

static void put_reply(struct conn *c, struct slice reply)
{
	size_t n = HEAD + load_u32(c->in.p);
	put_string(&c->out, reply);
	mem_wipe(c->in.p, n);
	buf_drop(&c->in, n);
	c->confirmed = false;
	set_timer(c->s);
}

static bool begin_work(struct conn *c, enum agent_outcome outcome, const struct agent_work *work, struct err *why)
{
	switch (outcome) {
	case AGENT_CONFIRM: agent_wait(c, WAIT_CONFIRM); return true;
	case AGENT_TOKEN_LOAD: return agent_link_load(c, work, why);
	case AGENT_TOKEN_SIGN: return agent_link_sign(c, work, why);
	case AGENT_SK_SIGN: return agent_sk_sign(c, work, why);
	default: return false;
	}
}

/* Answers the request, or leaves it where it is and waits for something first. */
static void answer(struct conn *c, const struct agent_done *done)
{
	struct buf reply = BUF_INIT(AGENT_MESSAGE_MAX);
	struct err why = {0};
	struct slice m = request(c);
	struct agent_work work;
	struct agent_turn t = {seconds(), clock_wall(), c->confirmed, c->s->how->fingerprint, &c->prompt, &why, c->s->how->websafe, &work, done};
	log_debug("request %u, %zu bytes", m.p[0], m.n);
	buf_reset(&c->prompt);
	enum agent_outcome outcome = agent_handle(c->s->agent, &c->state, m, &t, &reply);
	if (outcome == AGENT_TOKEN_DROP || outcome == AGENT_SK_CHECK) {
		char *path = outcome == AGENT_SK_CHECK ? agent_sk_path(c, work.provider, &why) : agent_link_path(work.provider);
		t.done = &(struct agent_done){.provider = slice_str(path)};
		if (path)
			outcome = agent_handle(c->s->agent, &c->state, m, &t, &reply);
		mem_free(path);
	}
	if (m.p[0] == AGENT_UNLOCK)
		agent_unlock_tried(c->s);
	if (outcome == AGENT_ANSWERED) {
		put_reply(c, buf_slice(&reply));
	} else if (!begin_work(c, outcome, &work, &why)) {
		uint8_t failure = AGENT_FAILURE;
		put_reply(c, slice_of(&failure, 1));
	}
	if (why.code != ERR_NONE)
		log_verbose("refused: %s", why.text);
	buf_clear(&reply);
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
	while (c->in.len >= HEAD && c->out.len == 0 && c->wait == WAIT_NOTHING) {
		uint32_t n = load_u32(c->in.p);
		if (n == 0 || n > AGENT_MESSAGE_MAX) {
			log_verbose("closed: a message of %u bytes", n);
			return false;
		}
		if (c->in.len - HEAD < n)
			return true;
		if (c->in.p[HEAD] == AGENT_UNLOCK && agent_unlock_waits(c))
			return true;
		answer(c, NULL);
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

static void go_on(struct conn *c, bool ok)
{
	/* Who waits is only watched for its end, which ends the waiting too. */
	if (ok)
		loop_fd_want(c->watch, c->wait != WAIT_NOTHING ? LOOP_HANGUP : c->out.len ? LOOP_WRITE : LOOP_READ);
	else
		close_conn(c);
}

static void on_conn(void *arg, unsigned ready)
{
	struct conn *c = arg;
	bool ok = true;
	if (c->wait != WAIT_NOTHING)
		ok = (ready & LOOP_HANGUP) == 0;
	else if (c->out.len)
		ok = (ready & (LOOP_WRITE | LOOP_HANGUP)) == 0 || (flush(c) && take_messages(c));
	else if (ready & (LOOP_READ | LOOP_HANGUP))
		ok = receive(c);
	go_on(c, ok);
}

void agent_waited(struct conn *c, bool yes)
{
	uint8_t failure = AGENT_FAILURE;
	c->confirmed = c->confirmed || (yes && c->wait == WAIT_CONFIRM);
	agent_wait_ends(c);
	if (yes)
		answer(c, NULL);
	else
		put_reply(c, slice_of(&failure, 1));
	go_on(c, flush(c) && take_messages(c));
}

void agent_waited_done(struct conn *c, const struct agent_done *done)
{
	if (done == NULL) {
		agent_waited(c, false);
		return;
	}
	agent_wait_ends(c);
	answer(c, done);
	go_on(c, flush(c) && take_messages(c));
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
	*c = (struct conn){.s = s, .next = s->conns, .fd = fd, .in = BUF_INIT_SECRET(AGENT_MESSAGE_MAX + HEAD), .out = BUF_INIT(AGENT_MESSAGE_MAX + HEAD), .prompt = BUF_INIT(4096)};
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
	crypto_lock_keys();
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		ok = loop_signal(s.loop, signals[i], on_signal, &s) && ok;
	signal(SIGPIPE, SIG_IGN);
	loop_timer_init(&s.expiry, s.loop, expire, &s);
	agent_waits_init(&s);
	agent_links_init(&s);
	s.listener = loop_fd_add(s.loop, how->socket.fd, LOOP_READ, on_listener, &s);
	if (how->parent_fd >= 0)
		parent = loop_fd_add(s.loop, how->parent_fd, LOOP_READ, on_parent, &s);
	if (ok) {
		how->ready(how->ready_arg);
		loop_run(s.loop);
	}
	while (s.conns)
		close_conn(s.conns);
	agent_waits_clear(&s);
	agent_links_clear(&s);
	loop_timer_stop(&s.expiry);
	loop_fd_remove(s.listener);
	loop_fd_remove(parent);
	loop_free(s.loop);
	agent_free(s.agent);
	agent_socket_remove(&how->socket);
	return ok ? 0 : 1;
}
