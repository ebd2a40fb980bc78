#include "server/zygote.h"

#include <stdlib.h>

#include "base/mem.h"
#include "server/monitor.h"
#include "sys/account.h"

struct state { struct monitor_shared shared; struct hostkeys keys; struct sshd_conf conf; };

static bool prepare(void *arg, const struct frame_init *init, struct err *err)
{
	struct state *s = arg;
	struct sshd_file *file = sshd_file_undump(init->config, NULL, err);
	if (file == NULL || !sshd_conf_resolve(file, NULL, &s->conf, err))
		return false;
	zygote_log(init, "sshd-session", s->conf.syslog_facility, (enum log_level)s->conf.log_level);
	s->shared = (struct monitor_shared){.file = file, .keys = &s->keys, .level = init->level, .to_stderr = init->to_stderr,
		.helpers = slice_dup(init->helpers), .secret = init->secret, .utmp_len = init->utmp_len};
	if (!hostkeys_load(&s->conf, &s->keys))
		return err_set(err, ERR_MISSING, "no hostkeys available -- exiting.");
	crypto_start();
	account_preload();
	return true;
}

static int child(void *arg, struct frame *f)
{
	struct state *s = arg;
	int control = frame_take_fd(f), net = frame_take_fd(f), pidfd = frame_take_fd(f);
	if (control < 0 || net < 0)
		return EXIT_FATAL;
	return monitor_run(&s->shared, control, net, pidfd);
}

int zygote_session_main(void)
{
	static const struct zygote_ops ops = {prepare, child};
	static struct state state;
	return zygote_run(&ops, &state);
}
