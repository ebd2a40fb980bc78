#include "loop/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fd.h"

struct loop_fd {
	struct loop *loop;
	int fd;
	unsigned want;
	loop_fd_fn *fn;
	void *arg;
	bool dead;
};
struct child { pid_t pid; loop_child_fn *fn; void *arg; };
struct sig { int number; loop_signal_fn *fn; void *arg; };

struct loop {
	struct loop_fd **fds;                               /* in the order of polls */
	struct pollfd *polls;
	size_t nfds, cap;
	bool dead_fds, stop;
	struct loop_timer *timers;                          /* sorted by time */
	struct loop_defer *defers;
	struct sig *signals;
	size_t nsignals;
	struct child *children;
	size_t nchildren;
	int pipe[2];
	struct loop_fd *pipe_fd;
	uint64_t now;
};

struct loop *loop_new(void)
{
	struct loop *l = mem_new(sizeof *l);
	l->pipe[0] = l->pipe[1] = -1;
	l->now = clock_ms();
	return l;
}

static void forget_dead(struct loop *l)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->nfds; i++) {
		if (l->fds[i]->dead) {
			mem_free(l->fds[i]);
			continue;
		}
		l->fds[kept++] = l->fds[i];
	}
	l->nfds = kept;
	l->dead_fds = false;
}

static int signal_pipe = -1;

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->nsignals; i++)
		signal(l->signals[i].number, SIG_DFL);
	for (size_t i = 0; i < l->nfds; i++)
		l->fds[i]->dead = true;
	forget_dead(l);
	if (l->pipe[1] >= 0 && signal_pipe == l->pipe[1])
		signal_pipe = -1;
	fd_close(&l->pipe[0]);
	fd_close(&l->pipe[1]);
	mem_free(l->fds);
	mem_free(l->polls);
	mem_free(l->signals);
	mem_free(l->children);
	mem_free(l);
}

struct loop_fd *loop_fd_add(struct loop *l, int fd, unsigned want, loop_fd_fn *fn, void *arg)
{
	struct loop_fd *f = mem_new(sizeof *f);
	*f = (struct loop_fd){.loop = l, .fd = fd, .want = want, .fn = fn, .arg = arg};
	if (l->nfds == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		l->fds = mem_resize(l->fds, l->cap * sizeof *l->fds);
		l->polls = mem_resize(l->polls, l->cap * sizeof *l->polls);
	}
	l->fds[l->nfds++] = f;
	return f;
}

void loop_fd_want(struct loop_fd *f, unsigned want)
{
	if (f)
		f->want = want;
}

void loop_fd_remove(struct loop_fd *f)
{
	if (f == NULL)
		return;
	f->dead = true;
	f->loop->dead_fds = true;
}

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_fn *fn, void *arg)
{
	*t = (struct loop_timer){.loop = l, .fn = fn, .arg = arg};
}

void loop_timer_stop(struct loop_timer *t)
{
	if (!t->set)
		return;
	struct loop_timer **at = &t->loop->timers;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->set = false;
}

void loop_timer_at(struct loop_timer *t, uint64_t when)
{
	if (t->set && t->at == when)
		return;
	loop_timer_stop(t);
	if (when == UINT64_MAX)
		return;
	struct loop_timer **at = &t->loop->timers;
	while (*at && (*at)->at <= when)
		at = &(*at)->next;
	t->at = when;
	t->next = *at;
	t->set = true;
	*at = t;
}

void loop_defer_init(struct loop_defer *d, struct loop *l, loop_fn *fn, void *arg)
{
	*d = (struct loop_defer){.loop = l, .fn = fn, .arg = arg};
}

void loop_defer(struct loop_defer *d)
{
	if (d->queued)
		return;
	struct loop_defer **at = &d->loop->defers;
	while (*at)
		at = &(*at)->next;
	d->next = NULL;
	d->queued = true;
	*at = d;
}

void loop_defer_cancel(struct loop_defer *d)
{
	if (!d->queued)
		return;
	struct loop_defer **at = &d->loop->defers;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	d->queued = false;
}

static void on_signal(int signo)
{
	int saved = errno;
	unsigned char byte = (unsigned char)signo;
	ssize_t n = write(signal_pipe, &byte, 1);           /* a full pipe holds the news already */
	(void)n;
	errno = saved;
}

static void reap(struct loop *l)
{
	for (size_t i = 0; i < l->nchildren; ) {
		int status;
		struct child c = l->children[i];
		pid_t got = waitpid(c.pid, &status, WNOHANG);
		if (got == 0 || (got < 0 && errno == EINTR)) {
			i++;
			continue;
		}
		l->children[i] = l->children[--l->nchildren];
		c.fn(c.arg, c.pid, got == c.pid ? status : 0);
		i = 0;                                      /* the callback may have changed the list */
	}
}

static void drain_signals(void *arg, unsigned ready)
{
	struct loop *l = arg;
	unsigned char bytes[64];
	bool seen[128] = {false};
	ssize_t n;
	(void)ready;
	while ((n = read(l->pipe[0], bytes, sizeof bytes)) > 0)
		for (ssize_t i = 0; i < n; i++)
			seen[bytes[i] & 127] = true;
	for (size_t i = 0; i < l->nsignals; i++)
		if (seen[l->signals[i].number & 127] && l->signals[i].fn)
			l->signals[i].fn(l->signals[i].arg, l->signals[i].number);
	if (seen[SIGCHLD])
		reap(l);
}

static bool open_pipe(struct loop *l)
{
	struct err e;
	if (l->pipe[0] >= 0)
		return true;
	if (!fd_pipe(l->pipe, &e)) {
		log_error("cannot watch signals: %s", e.text);
		return false;
	}
	fd_nonblock(l->pipe[0], true);
	fd_nonblock(l->pipe[1], true);
	signal_pipe = l->pipe[1];
	l->pipe_fd = loop_fd_add(l, l->pipe[0], LOOP_READ, drain_signals, l);
	return true;
}

bool loop_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg)
{
	if (!open_pipe(l))
		return false;
	for (size_t i = 0; i < l->nsignals; i++) {
		if (l->signals[i].number != signo)
			continue;
		if (fn)
			l->signals[i] = (struct sig){signo, fn, arg};
		return true;
	}
	LIST_PUSH(l->signals, l->nsignals, ((struct sig){signo, fn, arg}));
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigemptyset(&sa.sa_mask);
	return sigaction(signo, &sa, NULL) == 0;
}

bool loop_child(struct loop *l, pid_t pid, loop_child_fn *fn, void *arg)
{
	if (!loop_signal(l, SIGCHLD, NULL, NULL))
		return false;
	LIST_PUSH(l->children, l->nchildren, ((struct child){pid, fn, arg}));
	on_signal(SIGCHLD);                                 /* it may have ended before we looked */
	return true;
}

uint64_t loop_now(const struct loop *l)
{
	return l->now;
}

static int wait_time(const struct loop *l, int timeout)
{
	if (l->defers)
		return 0;
	if (l->timers == NULL)
		return timeout;
	uint64_t left = l->timers->at > l->now ? l->timers->at - l->now : 0;
	if (left > 3600000)
		left = 3600000;
	return timeout >= 0 && (uint64_t)timeout < left ? timeout : (int)left;
}

static void run_fds(struct loop *l, size_t count)
{
	for (size_t i = 0; i < count && !l->stop; i++) {
		struct loop_fd *f = l->fds[i];
		short got = l->polls[i].revents;
		unsigned ready = (got & POLLIN ? LOOP_READ : 0u) | (got & POLLOUT ? LOOP_WRITE : 0u)
		               | (got & (POLLHUP | POLLERR | POLLNVAL) ? LOOP_HANGUP : 0u);
		if (ready && !f->dead)
			f->fn(f->arg, ready);
	}
}

static void run_due(struct loop *l)
{
	while (l->timers && l->timers->at <= l->now && !l->stop) {
		struct loop_timer *t = l->timers;
		loop_timer_stop(t);
		t->fn(t->arg);
	}
	for (struct loop_defer *d; (d = l->defers) != NULL && !l->stop; ) {
		l->defers = d->next;
		d->queued = false;
		d->fn(d->arg);
	}
}

bool loop_turn(struct loop *l, int timeout)
{
	if (l->dead_fds)
		forget_dead(l);
	size_t count = l->nfds, waiting = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned want = l->fds[i]->want;
		l->polls[i] = (struct pollfd){.fd = want ? l->fds[i]->fd : ~l->fds[i]->fd,
			.events = (short)((want & LOOP_READ ? POLLIN : 0) | (want & LOOP_WRITE ? POLLOUT : 0))};
		waiting += want != 0 && l->fds[i] != l->pipe_fd;
	}
	if (waiting == 0 && l->timers == NULL && l->defers == NULL && l->nchildren == 0 && l->nsignals == 0)
		return false;
	int n = poll(l->polls, (nfds_t)count, wait_time(l, timeout));
	l->now = clock_ms();
	if (n > 0)
		run_fds(l, count);
	run_due(l);
	return true;
}

void loop_run(struct loop *l)
{
	l->stop = false;
	while (!l->stop && loop_turn(l, -1))
		;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}
