#include "server/ready.h"

#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/zygote.h"
#include "sys/fd.h"
#include "sys/process.h"

void ready_init(struct ready *r, const struct frame_init *init, const char *session_path, const char *net_path)
{
	*r = (struct ready){.session.program = "sshd-session", .net.program = "sshd-net", .init = *init, .session_path = session_path, .net_path = net_path};
	priv_init(&r->session.sock, -1);
	priv_init(&r->net.sock, -1);
	priv_init(&r->pair.control, -1);
	r->pair.monitor_pidfd = -1;
}

void pair_clear(struct pair *p)
{
	priv_clear(&p->control);
	fd_close(&p->monitor_pidfd);
	p->monitor = p->net = 0;
}

static void retire(struct zygote *z)
{
	priv_clear(&z->sock);
	z->uses = 0;
	z->pid = 0;
}

void ready_discard(struct ready *r)
{
	retire(&r->session);
	retire(&r->net);
	pair_clear(&r->pair);
}

static bool exec_zygote(struct zygote *z, const char *path, struct err *err)
{
	int pair[2];
	const char *const argv[] = {z->program, NULL};
	if (!fd_pair(FD_PAIR_STREAM, pair, err))
		return false;
	struct fd_map map[] = {{pair[1], ZYGOTE_FD}};
	struct proc_spawn spawn = {.path = path, .argv = argv, .fds = map, .nfds = 1};
	z->pid = proc_spawn(&spawn, NULL, err);
	close(pair[1]);
	if (z->pid < 0) {
		close(pair[0]);
		z->pid = 0;
		return false;
	}
	priv_init(&z->sock, pair[0]);
	z->uses = 0;
	return true;
}

/* Host keys and configuration are for the one that becomes monitors; the network's gets neither. */
static bool brief(struct ready *r, struct zygote *z, struct err *err)
{
	struct frame_init init = r->init;
	struct frame f;
	struct frame_ready said;
	if (z == &r->net)
		init.config = (struct slice){0};
	if (!priv_send_msg(&z->sock, FRAME_INIT, &frame_init_desc, &init, NULL, 0) || !priv_expect(&z->sock, FRAME_READY, &f))
		return err_set(err, ERR_SYSTEM, "%s ended before it was ready", z->program);
	struct reader rd = reader_of(f.body);
	bool ok = msg_decode_body(&frame_ready_desc, &rd, &said) && get_end(&rd);
	frame_close(&f);
	if (ok && said.ok)
		return true;
	return err_set(err, ERR_SYSTEM, "%.*s", (int)said.text.n, (const char *)said.text.p);
}

static bool start_one(struct ready *r, struct zygote *z, struct err *err)
{
	const char *given = z == &r->session ? r->session_path : r->net_path;
	char *path = given ? mem_str(given)
		: mem_fmt("%.*s/%s", (int)r->init.helpers.n, (const char *)r->init.helpers.p, z->program);
	bool ok = z->pid > 0 || (exec_zygote(z, path, err) && brief(r, z, err));
	mem_free(path);
	if (!ok)
		retire(z);
	return ok;
}

bool ready_start(struct ready *r, struct err *err)
{
	return start_one(r, &r->session, err) && start_one(r, &r->net, err);
}

static pid_t fork_child(struct zygote *z, const int *fds, size_t n, struct err *err)
{
	struct frame f;
	struct frame_forked said = {0};
	if (!priv_send(&z->sock, FRAME_FORK, (struct slice){0}, fds, n) || !priv_expect(&z->sock, FRAME_FORKED, &f)) {
		retire(z);
		err_set(err, ERR_SYSTEM, "%s does not answer", z->program);
		return 0;
	}
	struct reader r = reader_of(f.body);
	if (!msg_decode_body(&frame_forked_desc, &r, &said) || !get_end(&r) || said.pid == 0)
		err_set(err, ERR_SYSTEM, "%s: %.*s", z->program, (int)said.text.n, (const char *)said.text.p);
	frame_close(&f);
	z->uses++;
	return (pid_t)said.pid;
}

/* Network process first, so that the monitor can be given a hold on it. */
static bool fork_pair(struct ready *r, int between[2], int control[2], struct err *err)
{
	struct pair *p = &r->pair;
	p->net = fork_child(&r->net, &between[1], 1, err);
	if (p->net == 0)
		return false;
	int pidfd = proc_pidfd(p->net);
	int fds[] = {control[1], between[0], pidfd};
	p->monitor = fork_child(&r->session, fds, pidfd >= 0 ? 3 : 2, err);
	if (pidfd >= 0)
		close(pidfd);
	if (p->monitor == 0)
		return false;
	p->monitor_pidfd = proc_pidfd(p->monitor);
	return p->monitor_pidfd >= 0 || err_errno(err, "pidfd_open");
}

bool ready_prepare(struct ready *r, struct err *err)
{
	int between[2] = {-1, -1}, control[2] = {-1, -1};
	if (r->pair.monitor)
		return true;
	if (r->session.uses >= ZYGOTE_USES) {
		retire(&r->session);
		retire(&r->net);
	}
	bool ok = ready_start(r, err) && fd_pair(FD_PAIR_STREAM, between, err) && fd_pair(FD_PAIR_STREAM, control, err) &&
		fork_pair(r, between, control, err);
	fd_close(&between[0]);
	fd_close(&between[1]);
	fd_close(&control[1]);
	if (control[0] >= 0)
		priv_init(&r->pair.control, control[0]);
	if (!ok)
		pair_clear(&r->pair);
	return ok;
}

bool ready_take(struct ready *r, struct pair *out, struct err *err)
{
	if (!ready_prepare(r, err))
		return false;
	*out = r->pair;
	r->pair = (struct pair){.monitor_pidfd = -1};
	priv_init(&r->pair.control, -1);
	return true;
}

bool ready_child_ended(struct ready *r, pid_t pid, bool by_signal)
{
	bool ours = pid == r->session.pid || pid == r->net.pid || pid == r->pair.monitor || pid == r->pair.net;
	if (pid == r->session.pid)
		retire(&r->session);
	if (pid == r->net.pid)
		retire(&r->net);
	if (pid == r->pair.monitor || pid == r->pair.net)
		pair_clear(&r->pair);
	if (by_signal)
		ready_discard(r);
	return ours;
}
