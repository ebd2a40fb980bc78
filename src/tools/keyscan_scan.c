/* The connections of ssh-keyscan: all in one loop, as many as there are descriptors. */
#include "tools/keyscan.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "conf/algs.h"
#include "core/ssh.h"
#include "crypto/box.h"
#include "crypto/kem.h"
#include "loop/loop.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/sock.h"

enum { SPARE_FDS = 24, WANT_FDS = 1 << 16 };

struct conn {
	struct scan *scan;
	struct conn *prev, *next;                           /* in the order of their deadlines */
	char *names, *shown, *name;                         /* owned; name: what it is connected to, or tries to */
	const char *algorithms;
	struct slice left;                                  /* names that were not tried yet */
	struct sock_list addrs;
	size_t at;                                          /* next address */
	int fd;
	struct loop_fd *watch;
	struct ssh *ssh;                                    /* NULL before the connection stands */
	uint64_t deadline;
	bool greeted;
};

/* The name that was looked up last: each host is asked for several types of keys. */
struct cache { char *name; struct sock_list addrs; };

struct scan {
	struct keyscan *k;
	struct loop *loop;
	struct loop_timer timer;
	struct conn *first, *last;
	size_t open, most;
	struct cache cache;
	char *kex, *ciphers, *macs;
};

/* Nothing secret is said here: first what costs both ends least, then all that somebody may still speak. */
static char *all_kex(void)
{
	struct buf b = BUF_INIT(1 << 16);
	size_t n;
	const struct kem_alg *rows = kem_list(&n);
	names_add(&b, "curve25519-sha256");
	names_add(&b, "curve25519-sha256@libssh.org");
	names_add(&b, "ecdh-sha2-nistp256");
	for (size_t i = 0; i < n; i++)
		if (kem_find(slice_str(rows[i].name)) && !names_has_str(buf_slice(&b), rows[i].name))
			names_add(&b, rows[i].name);
	char *list = mem_str(buf_cstr(&b));
	buf_clear(&b);
	return list;
}

static char *all_ciphers(void)
{
	struct buf b = BUF_INIT(1 << 16);
	size_t n;
	const struct box_alg *rows = box_list(&n);
	for (size_t i = 0; i < n; i++)
		if (box_find(slice_str(rows[i].name)))
			names_add(&b, rows[i].name);
	char *list = mem_str(buf_cstr(&b));
	buf_clear(&b);
	return list;
}

static char *all_macs(void)
{
	struct buf b = BUF_INIT(1 << 16);
	size_t n;
	const struct mac_alg *rows = mac_list(&n);
	for (size_t i = 0; i < n; i++)
		if (mac_find(slice_str(rows[i].name)))
			names_add(&b, rows[i].name);
	char *list = mem_str(buf_cstr(&b));
	buf_clear(&b);
	return list;
}

static void unlink_conn(struct conn *c)
{
	struct scan *s = c->scan;
	*(c->prev ? &c->prev->next : &s->first) = c->next;
	*(c->next ? &c->next->prev : &s->last) = c->prev;
	c->prev = c->next = NULL;
}

static void set_timer(struct scan *s)
{
	if (s->first)
		loop_timer_at(&s->timer, s->first->deadline);
	else
		loop_timer_stop(&s->timer);
}

/* All wait equally long, so whoever was heard last is the last to expire. (Who had to wait while a name was looked up
 * is safe: the loop reads before it looks at its timers.) */
static void link_last(struct conn *c)
{
	struct scan *s = c->scan;
	c->deadline = loop_now(s->loop) + s->k->timeout_ms;
	c->prev = s->last;
	*(s->last ? &s->last->next : &s->first) = c;
	s->last = c;
	set_timer(s);
}

static void touch(struct conn *c)
{
	unlink_conn(c);
	link_last(c);
}

static void hang_up(struct conn *c)
{
	loop_fd_remove(c->watch);
	c->watch = NULL;
	ssh_free(c->ssh);
	c->ssh = NULL;
	fd_close(&c->fd);
	c->greeted = false;
}

static void drop(struct conn *c)
{
	struct scan *s = c->scan;
	hang_up(c);
	unlink_conn(c);
	set_timer(s);
	s->open--;
	sock_list_clear(&c->addrs);
	mem_free(c->names);
	mem_free(c->shown);
	mem_free(c->name);
	mem_free(c);
}

static const char *cause(const struct err *e)
{
	const char *colon = strrchr(e->text, ':');
	return colon ? colon + 2 : e->text;
}

/* The same name again costs nothing; one that does not exist is named once. */
static void look_up(struct scan *s, const char *name, struct sock_list *out)
{
	char port[8];
	struct err e = {0};
	if (!s->cache.name || strcmp(s->cache.name, name) != 0) {
		struct buf b = BUF_INIT(sizeof port);
		put_fmt(&b, "%u", s->k->port);
		memcpy(port, buf_cstr(&b), b.len + 1);
		buf_clear(&b);
		mem_free(s->cache.name);
		sock_list_clear(&s->cache.addrs);
		s->cache.name = mem_str(name);
		if (!sock_resolve(name, port, s->k->family, 0, &s->cache.addrs, &e))
			log_error("getaddrinfo %s: %s", text_show(slice_str(name)), cause(&e));
	}
	*out = (struct sock_list){0};
	for (size_t i = 0; i < s->cache.addrs.n; i++)
		LIST_PUSH(out->at, out->n, s->cache.addrs.at[i]);
}

static void on_ready(void *arg, unsigned ready);

/* Starts with the next address, of the next name if need be. False: none is left. */
static bool start(struct conn *c)
{
	struct slice name;
	struct err e = {0};
	bool pending;
	for (;;) {
		while (c->at < c->addrs.n) {
			c->fd = sock_connect(&c->addrs.at[c->at++], NULL, &pending, &e);
			if (c->fd >= 0) {
				c->watch = loop_fd_add(c->scan->loop, c->fd, LOOP_WRITE, on_ready, c);
				touch(c);
				return true;
			}
			log_debug("%s", e.text);
		}
		if (!names_next(&c->left, &name))
			return false;
		mem_free(c->name);
		c->name = slice_dup(name);
		sock_list_clear(&c->addrs);
		c->at = 0;
		look_up(c->scan, c->name, &c->addrs);
	}
}

/* Before a server said that it is one, another address may be better. */
static void failed(struct conn *c)
{
	bool greeted = c->greeted;
	hang_up(c);
	if (greeted || !start(c))
		drop(c);
}

static void make_ssh(struct conn *c)
{
	const struct scan *s = c->scan;
	enum log_level level = log_get_level();
	struct ssh_setup setup = {
		.role = SSH_CLIENT, .software = SSH_SOFTWARE, .no_pipeline = true, .now = loop_now(s->loop),
		.algs = {s->kex, c->algorithms, s->ciphers, s->ciphers, s->macs, s->macs, algs_compression, algs_compression},
		.trace = level >= LOG_LEVEL_DEBUG1 ? level : LOG_LEVEL_QUIET,
	};
	c->ssh = ssh_new(&setup);
}

static void complain(struct conn *c, const struct ssh_event *ev)
{
	if (c->greeted)
		log_debug("%s: %s", text_show(slice_str(c->name)), text_show(ev->text));
	else
		log_error("%s: %s", text_show(slice_str(c->name)), text_show(ev->text));
}

/* True: goes on. */
static bool take_events(struct conn *c)
{
	struct keyscan *k = c->scan->k;
	struct ssh_event ev;
	for (ssh_next(c->ssh, &ev); ev.kind != EV_NEED_INPUT; ssh_next(c->ssh, &ev)) {
		if (ev.kind == EV_TRACE) {
			log_at(ev.level, "%.*s", (int)ev.text.n, (const char *)ev.text.p);
		} else if (ev.kind == EV_VERSION) {
			c->greeted = true;
			keyscan_print_version(k, c->name, ev.text);
		} else if (ev.kind == EV_ASK) {
			if (ev.ask.kind == ASK_HOSTKEY && keyscan_blob_ok(k, ev.ask.hostkey.blob))
				keyscan_print_key(k, slice_str(c->shown), ev.ask.hostkey.blob);
			return false;
		} else if (ev.kind == EV_OVER) {
			complain(c, &ev);
			return false;
		}
	}
	return true;
}

static bool write_out(struct conn *c)
{
	for (;;) {
		struct slice out = ssh_output(c->ssh);
		if (out.n == 0)
			break;
		ssize_t n = write(c->fd, out.p, out.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n < 0)
			break;
		ssh_sent(c->ssh, (size_t)n);
	}
	loop_fd_want(c->watch, LOOP_READ | (ssh_output(c->ssh).n ? LOOP_WRITE : 0u));
	return true;
}

static void read_in(struct conn *c)
{
	struct room room = ssh_space(c->ssh);
	if (room.n == 0)
		return;
	ssize_t n = read(c->fd, room.p, room.n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		ssh_filled(c->ssh, (size_t)n, loop_now(c->scan->loop));
		touch(c);
	} else {
		ssh_ended(c->ssh, n == 0 ? "Connection closed by remote host" : strerror(errno));
	}
}

static void on_ready(void *arg, unsigned ready)
{
	struct conn *c = arg;
	struct err e = {0};
	if (!c->ssh) {
		if (!sock_connect_finish(c->fd, &e)) {
			log_debug("%s: %s", text_show(slice_str(c->name)), e.text);
			failed(c);
			return;
		}
		make_ssh(c);
		touch(c);
		ready = LOOP_WRITE;
	}
	if (ready & (LOOP_READ | LOOP_HANGUP))
		read_in(c);
	if (!take_events(c))
		ssh_is_over(c->ssh) ? failed(c) : drop(c);
	else if (!write_out(c))
		failed(c);
}

static void on_deadline(void *arg)
{
	struct scan *s = arg;
	while (s->first && s->first->deadline <= loop_now(s->loop)) {
		log_debug("%s: timed out", text_show(slice_str(s->first->name)));
		failed(s->first);
	}
	set_timer(s);
}

struct scan *scan_new(struct keyscan *k)
{
	struct scan *s = mem_new(sizeof *s);
	unsigned fds = proc_raise_nofile(WANT_FDS);
	s->k = k;
	s->loop = loop_new();
	s->most = fds > 2 * SPARE_FDS ? fds - SPARE_FDS : SPARE_FDS;
	s->kex = all_kex();
	s->ciphers = all_ciphers();
	s->macs = all_macs();
	loop_timer_init(&s->timer, s->loop, on_deadline, s);
	return s;
}

static void add(struct scan *s, struct slice names, struct slice shown, const char *algorithms)
{
	struct conn *c = mem_new(sizeof *c);
	*c = (struct conn){.scan = s, .names = slice_dup(names), .shown = slice_dup(shown), .algorithms = algorithms, .fd = -1};
	c->left = slice_str(c->names);
	s->open++;
	link_last(c);
	if (!start(c))
		drop(c);
}

void scan_host(struct scan *s, struct slice names, struct slice shown)
{
	for (size_t i = 0; i < s->k->ntypes; i++) {
		while (s->open >= s->most && loop_turn(s->loop, -1))
			;
		add(s, names, shown, s->k->types[i]);
	}
	loop_turn(s->loop, 0);
}

void scan_wait(struct scan *s)
{
	while (s->open && loop_turn(s->loop, -1))
		;
}

void scan_free(struct scan *s)
{
	while (s->first)
		drop(s->first);
	loop_timer_stop(&s->timer);
	mem_free(s->cache.name);
	sock_list_clear(&s->cache.addrs);
	mem_free(s->kex);
	mem_free(s->ciphers);
	mem_free(s->macs);
	loop_free(s->loop);
	mem_free(s);
}
