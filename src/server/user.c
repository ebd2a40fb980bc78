#include "server/user.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/account.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"

static void log_to_monitor(void *arg, enum log_level level, const char *line)
{
	struct user *u = arg;
	struct frame_log l = {level, slice_str(line)};
	/* Without the monitor there is no log; that it is gone shows in the loop, where everything is put in order first. */
	bool sent = priv_send_msg(&u->monitor, FRAME_LOG, &frame_log_desc, &l, NULL, 0);
	(void)sent;
}

static bool take_rights(struct user *u)
{
	struct frame f;
	u->store = BUF_INIT_SECRET(PRIV_MAX);
	if (!priv_expect(&u->monitor, FRAME_RIGHTS, &f))
		return false;
	put_bytes(&u->store, f.body);
	frame_close(&f);
	struct reader r = reader_of(buf_slice(&u->store));
	return msg_decode_body(&frame_rights_desc, &r, &u->rights) && get_end(&r);
}

/* sshd_config(5), ChrootDirectory: every part of the path is root's and nobody else may write there. */
static bool check_root(const char *path, struct err *err)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	if (path[0] != '/' || n >= sizeof part)
		return err_set(err, ERR_DENIED, "chroot path does not begin at root: %s", path);
	for (size_t i = 1; i <= n; i++) {
		struct stat st;
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (stat(part, &st) < 0)
			return err_errno(err, "stat(\"%s\")", part);
		if (st.st_uid != 0 || (st.st_mode & 022) || !S_ISDIR(st.st_mode))
			return err_set(err, ERR_DENIED, "bad ownership or modes for chroot directory %s\"%s\"", path[i] ? "component " : "", part);
	}
	return true;
}

static bool enter_root(struct slice chroot_path, struct err *err)
{
	char *path = slice_dup(chroot_path);
	bool ok = check_root(path, err);
	if (ok && (chroot(path) < 0 || chdir("/") < 0))
		ok = err_errno(err, "chroot(\"%s\")", path);
	mem_free(path);
	return ok;
}

/* For good: chroot, then the user. Groups were set by the monitor and are inherited. */
static bool become_user(struct user *u, struct err *err)
{
	const struct frame_rights *r = &u->rights;
	if (!r->switch_user)
		return r->chroot.n == 0 || err_set(err, ERR_DENIED, "ChrootDirectory needs sshd to run as root");
	if (r->chroot.n && !enter_root(r->chroot, err))
		return false;
	struct account a = {.name = slice_dup(r->user), .uid = r->uid, .gid = r->gid};
	bool ok = account_become(&a, err);
	mem_free(a.name);
	return ok;
}

/* sshd_config(5), ExposeAuthInfo. */
static void write_auth_info(struct user *u)
{
	char path[] = "/tmp/sshauth.XXXXXXXXXX";
	if (u->rights.auth_info.n == 0)
		return;
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0 || !fd_write_all(fd, u->rights.auth_info, -1, NULL))
		log_error("cannot write %s: %s", path, strerror(errno));
	else
		u->auth_info = mem_str(path);
	if (fd >= 0)
		close(fd);
}

static void end(struct user *u)
{
	user_hang_up(u);
	if (u->auth_info)
		unlink(u->auth_info);
	u->auth_info = NULL;
	loop_stop(u->loop);
}

static void on_net(void *arg, unsigned ready)
{
	struct user *u = arg;
	struct frame f;
	enum priv_status got = PRIV_AGAIN;
	(void)ready;
	bool ok = priv_flush(&u->net);
	while (ok && (got = priv_recv(&u->net, &f)) == PRIV_FRAME) {
		ok = user_frame(u, &f);
		frame_close(&f);
	}
	if (!ok || got != PRIV_AGAIN) {
		end(u);
		return;
	}
	loop_fd_want(u->net_watch, LOOP_READ | (priv_pending(&u->net) ? LOOP_WRITE : 0u));
}

/* The monitor speaks only when asked: anything here is its end. */
static void on_monitor(void *arg, unsigned ready)
{
	(void)ready;
	end(arg);
}

static void on_term(void *arg, int signo)
{
	(void)signo;
	end(arg);
}

int user_main(void)
{
	static struct user u;
	struct err err;
	if (!proc_clean_start(&err))
		log_fatal("%s", err.text);
	proc_not_dumpable();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	fd_cloexec(USER_MONITOR_FD, true);
	fd_cloexec(USER_NET_FD, true);
	priv_init(&u.monitor, USER_MONITOR_FD);
	priv_init(&u.net, USER_NET_FD);
	if (!take_rights(&u))
		return 255;
	log_init((enum log_level)u.rights.log_level, log_to_monitor, &u);
	if (!become_user(&u, &err)) {
		log_error("%s", err.text);
		return 255;
	}
	proc_not_dumpable();
	write_auth_info(&u);
	proc_title("sshd-user: %.*s", (int)u.rights.user.n, (const char *)u.rights.user.p);
	u.loop = loop_new();
	loop_signal(u.loop, SIGTERM, on_term, &u);
	if (!fd_nonblock(u.net.fd, true))
		return 255;
	u.net_watch = loop_fd_add(u.loop, u.net.fd, LOOP_READ, on_net, &u);
	u.monitor_watch = loop_fd_add(u.loop, u.monitor.fd, LOOP_READ, on_monitor, &u);
	loop_run(u.loop);
	return 0;
}
