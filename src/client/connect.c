/* Connecting: every address of a name in parallel with a head start each (RFC 8305), or a command. */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/token.h"
#include "sys/clock.h"
#include "sys/netif.h"
#include "sys/process.h"

enum { ATTEMPTS = 32, HEAD_START_MS = 250 };               /* RFC 8305, section 5: Connection Attempt Delay */

struct attempt { int fd; struct sock_addr to; };
struct race {
	struct client *c;
	struct sock_list all;
	size_t next;
	struct attempt open[ATTEMPTS];
	size_t n;
	uint64_t next_at, end;
	struct err last;
};

static void address_text(const struct sock_addr *a, char *out, size_t n)
{
	char text[SOCK_TEXT_MAX];
	sock_text(a, text);
	snprintf(out, n, "%s port %u", text, sock_port(a));
}

/* The families take turns, the resolver's first choice first (RFC 8305, section 4). */
void connect_interleave(struct sock_list *l)
{
	for (size_t i = 1; i < l->n; i++) {
		if (l->at[i].any.sa_family != l->at[i - 1].any.sa_family)
			continue;
		size_t k = i + 1;
		while (k < l->n && l->at[k].any.sa_family == l->at[i - 1].any.sa_family)
			k++;
		if (k == l->n)
			return;
		struct sock_addr other = l->at[k];
		memmove(&l->at[i + 1], &l->at[i], (k - i) * sizeof *l->at);
		l->at[i] = other;
	}
}

static bool source_address(struct client *c, int family, struct sock_from *from, struct err *e)
{
	*from = (struct sock_from){0};
	if (c->conf.bind_address) {
		struct sock_list list = {0};
		if (!sock_resolve(c->conf.bind_address, "0", family, 0, &list, e))
			return err_prefix(e, "BindAddress %s", c->conf.bind_address);
		from->address = list.at[0];
		sock_list_clear(&list);
	} else if (c->conf.bind_interface) {
		return netif_source(c->conf.bind_interface, family, &from->address, e);
	}
	return true;
}

static int start_attempt(struct race *r)
{
	struct sock_addr *to = &r->all.at[r->next++];
	struct sock_from from;
	char address[SOCK_TEXT_MAX];
	bool pending = false;
	sock_text(to, address);
	log_debug("Connecting to %s [%s] port %u.", r->c->host, address, r->c->port);
	if (!source_address(r->c, to->any.sa_family, &from, &r->last))
		return -1;
	int fd = sock_connect(to, &from, &pending, &r->last);
	if (fd < 0)
		return -1;
	sock_nodelay(fd);
	if (!pending) {
		r->c->peer = *to;
		return fd;
	}
	r->open[r->n++] = (struct attempt){fd, *to};
	return -1;
}

static int check_attempts(struct race *r, const struct pollfd *polls)
{
	int winner = -1;
	size_t kept = 0, count = r->n;
	for (size_t i = 0; i < count; i++) {
		struct attempt a = r->open[i];
		if (winner >= 0 || polls[i].revents == 0) {
			r->open[kept++] = a;
		} else if (sock_connect_finish(a.fd, &r->last)) {
			winner = a.fd;
			r->c->peer = a.to;
		} else {
			char name[160];
			address_text(&a.to, name, sizeof name);
			log_debug("connect to address %s: %s", name, r->last.text);
			close(a.fd);
			r->next_at = 0;                     /* a failure frees the next one at once */
		}
	}
	r->n = kept;
	return winner;
}

static int wait_ms(const struct race *r, uint64_t now)
{
	uint64_t until = r->end;
	if (r->next < r->all.n && r->n < ATTEMPTS && r->next_at < until)
		until = r->next_at;
	if (until == UINT64_MAX)
		return -1;
	return until <= now ? 0 : until - now > 3600000 ? 3600000 : (int)(until - now);
}

static int run_race(struct race *r)
{
	int fd = -1;
	while (fd < 0) {
		uint64_t now = clock_ms();
		struct pollfd polls[ATTEMPTS];
		if (now >= r->end) {
			err_set(&r->last, ERR_TIMEOUT, "Connection timed out");
			break;
		}
		if (r->next < r->all.n && r->n < ATTEMPTS && now >= r->next_at) {
			fd = start_attempt(r);
			r->next_at = r->n ? clock_ms() + HEAD_START_MS : 0;
			continue;
		}
		if (r->n == 0)
			break;
		for (size_t i = 0; i < r->n; i++)
			polls[i] = (struct pollfd){.fd = r->open[i].fd, .events = POLLOUT};
		if (poll(polls, (nfds_t)r->n, wait_ms(r, now)) > 0)
			fd = check_attempts(r, polls);
	}
	for (size_t i = 0; i < r->n; i++)
		close(r->open[i].fd);
	return fd;
}

static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};

static bool connect_tcp(struct client *c, struct err *e)
{
	struct race r = {.c = c, .end = UINT64_MAX};
	char port[8];
	snprintf(port, sizeof port, "%u", c->port);
	if (!sock_resolve(c->host, port, families[c->conf.address_family], 0, &r.all, e))
		return err_prefix(e, "Could not resolve hostname %s", text_show(slice_str(c->host)));
	connect_interleave(&r.all);
	if (c->conf.connect_timeout > 0)
		r.end = clock_ms() + (uint64_t)c->conf.connect_timeout * 1000;
	c->in = c->out = run_race(&r);
	sock_list_clear(&r.all);
	if (c->in < 0 && slice_has_prefix(slice_str(r.last.text), "cannot connect: "))
		memmove(r.last.text, r.last.text + strlen("cannot connect: "), strlen(r.last.text) - strlen("cannot connect: ") + 1);
	if (c->in < 0)
		return err_set(e, r.last.code, "connect to host %s port %u: %s", text_show(slice_str(c->host)), c->port, r.last.text);
	sock_pace_local(c->in);
	sock_keepalive(c->in, c->conf.tcp_keep_alive != 0);
	if (c->conf.ipqos.interactive >= 0)
		sock_tos(c->in, c->conf.ipqos.interactive);
	sock_notsent_lowat(c->in, 512u << 10);
	return true;
}

static char *proxy_text(struct client *c, struct err *e)
{
	char port[8];
	struct buf b = BUF_INIT(1 << 16);
	snprintf(port, sizeof port, "%u", c->port);
	const struct token t[] = {{'h', c->host}, {'n', c->typed}, {'p', port}, {'r', c->user}};
	put_str(&b, "exec ");
	char *text = token_expand(c->conf.proxy_command, "hnpr", t, ARRAY_LEN(t), NULL, &b, e) ? mem_str(buf_cstr(&b)) : NULL;
	buf_clear(&b);
	return text;
}

/* ProxyCommand goes through the user's shell because its author wrote it so; host and user were
 * judged before (config_expand). A stream socketpair is both its input and its output. */
static bool connect_proxy(struct client *c, struct err *e)
{
	const char *shell = getenv("SHELL");
	int pair[2];
	char *text = proxy_text(c, e);
	if (text == NULL || !fd_pair(FD_PAIR_STREAM, pair, e)) {
		mem_free(text);
		return false;
	}
	if (shell == NULL || shell[0] == 0)
		shell = "/bin/sh";
	const char *const argv[] = {shell, "-c", text, NULL};
	const struct fd_map map[] = {{pair[1], 0}, {pair[1], 1}};
	struct proc_spawn spawn = {.path = shell, .argv = argv, .fds = map, .nfds = 2};
	log_debug("Executing proxy command: %s", text);
	c->proxy = proc_spawn(&spawn, NULL, e);
	close(pair[1]);
	mem_free(text);
	if (c->proxy < 0) {
		close(pair[0]);
		c->proxy = 0;
		return err_prefix(e, "ProxyCommand");
	}
	fd_nonblock(pair[0], true);
	c->in = c->out = pair[0];
	return true;
}

bool connect_to(struct client *c, struct err *e)
{
	c->peer = (struct sock_addr){0};
	if (c->conf.proxy_command)
		return connect_proxy(c, e);
	for (int attempt = 1;; attempt++) {
		if (connect_tcp(c, e))
			return true;
		if (attempt >= c->conf.connection_attempts)
			return false;
		struct timespec pause = {.tv_sec = 1};
		nanosleep(&pause, NULL);                    /* ConnectionAttempts: one a second, as ssh_config(5) says */
	}
}
