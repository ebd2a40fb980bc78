#include "server/oneshot.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/process.h"

pid_t oneshot_fork(struct oneshot *o)
{
	int p[2];
	struct err err;
	*o = (struct oneshot){.pid = -1, .parent = getpid(), .in = -1};
	if (!fd_pipe(p, &err)) {
		log_error("%s", err.text);
		return -1;
	}
	o->pid = proc_fork(PROC_DIE_WITH_PARENT, NULL, &err);
	if (o->pid < 0) {
		log_error("%s", err.text);
		close(p[0]);
		close(p[1]);
		return -1;
	}
	if (o->pid == 0) {
		dup2(p[1], 0);
		fd_close_from(1);
		return 0;
	}
	close(p[1]);
	o->in = p[0];
	return o->pid;
}

/* A change of uid disarms the wish to end with the parent. */
bool oneshot_become(const struct oneshot *o, const struct account *a, const struct account_groups *groups)
{
	struct err err = {0};
	bool ok;
	if (geteuid() == 0)
		ok = account_init_groups(a, groups, &err) && account_become(a, &err) && (proc_die_with_parent(o->parent) || err_set(&err, ERR_SYSTEM, "the monitor is gone"));
	else
		ok = a->uid == geteuid() || err_set(&err, ERR_DENIED, "cannot become user %s: sshd does not run as root", a->name);
	if (!ok)
		log_error("%s", err.text);
	return ok;
}

static void log_to_buf(void *arg, enum log_level level, const char *line)
{
	struct buf *b = arg;
	if (b->len + strlen(line) + 8 < ONESHOT_LOG_MAX) {
		put_u8(b, (uint8_t)level);
		put_cstring(b, line);
	}
}

void oneshot_replay(struct slice log)
{
	struct reader r = reader_of(log);
	while (reader_left(&r)) {
		uint8_t level = get_u8(&r);
		struct slice line = get_string(&r);
		if (r.bad || level > LOG_LEVEL_DEBUG3)
			return;
		log_at((enum log_level)level, "%.*s", (int)line.n, (const char *)line.p);
	}
}

void oneshot_log(struct buf *b)
{
	log_init(log_get_level(), log_to_buf, b);
}

_Noreturn void oneshot_say(const struct msg_desc *desc, const void *msg)
{
	struct buf b = BUF_INIT(ONESHOT_MAX);
	msg_encode_body(desc, msg, &b);
	bool sent = !b.bad && fd_write_all(0, buf_slice(&b), -1, NULL);
	_exit(sent ? 0 : 1);
}

/* 1: there is something; 0: the end of time, of the network process or of this monitor. */
static bool wait_input(const struct oneshot *o, const struct monitor *m, uint64_t end)
{
	for (;;) {
		uint64_t now = clock_ms();
		struct pollfd p[] = {{.fd = o->in, .events = POLLIN}, {.fd = m->net.fd}};
		if (now >= end)
			return false;
		int n = poll(p, 2, (int)(end - now));
		if (n < 0 && errno == EINTR)
			continue;
		return n > 0 && p[0].revents;           /* what was said counts, even when nobody will hear of it */
	}
}

/* True: the child closed its end. */
static bool read_all(const struct oneshot *o, const struct monitor *m, int ms, struct buf *b)
{
	uint64_t end = clock_ms() + (uint64_t)ms;
	while (wait_input(o, m, end)) {
		struct room r = buf_room(b, 16 << 10);
		ssize_t n = r.n ? read(o->in, r.p, r.n) : -1;
		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			buf_add(b, (size_t)n);
	}
	return false;
}

bool oneshot_hear(struct oneshot *o, const struct monitor *m, int ms, const struct msg_desc *desc, struct buf *store, void *msg)
{
	struct proc_exit ended = {0};
	*store = BUF_INIT(ONESHOT_MAX + (16 << 10));
	bool got = read_all(o, m, ms, store);
	fd_close(&o->in);
	if (!got)
		proc_kill(o->pid, SIGKILL);
	proc_wait(o->pid, true, &ended);
	if (got && ended.by_signal)
		log_error("a process that was asked about a key was ended by signal %d", ended.code);
	struct reader r = reader_of(buf_slice(store));
	return got && !ended.by_signal && msg_decode_body(desc, &r, msg) && get_end(&r);
}
