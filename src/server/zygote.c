#include "server/zygote.h"

#include <signal.h>
#include <unistd.h>

#include "sys/fd.h"
#include "sys/logsink.h"
#include "sys/process.h"

void zygote_log(const struct frame_init *init, const char *tag, int facility, enum log_level configured)
{
	enum log_level level = init->level != UINT32_MAX ? (enum log_level)init->level : configured;
	if (init->to_stderr)
		logsink_use_stderr(level, NULL);
	else
		logsink_use_syslog(level, tag, facility << 3);
}

static bool say_ready(struct priv *sshd, bool ok, const char *text)
{
	struct frame_ready ready = {ok, slice_str(text)};
	return priv_send_msg(sshd, FRAME_READY, &frame_ready_desc, &ready, NULL, 0);
}

static bool prepare(const struct zygote_ops *ops, void *arg, struct priv *sshd)
{
	struct frame f;
	struct frame_init init;
	struct err err = {0};
	if (!priv_expect(sshd, FRAME_INIT, &f))
		return false;
	struct reader r = reader_of(f.body);
	bool ok = msg_decode_body(&frame_init_desc, &r, &init) && get_end(&r) && ops->prepare(arg, &init, &err);
	frame_close(&f);
	return say_ready(sshd, ok, err.text) && ok;
}

/* The answer tells the pid; sshd is the parent and reaps it. */
static bool fork_one(const struct zygote_ops *ops, void *arg, struct priv *sshd, struct frame *f)
{
	struct err err = {0};
	pid_t pid = proc_fork(PROC_SIBLING, NULL, &err);
	if (pid == 0) {
		priv_clear(sshd);
		_exit(ops->child(arg, f));
	}
	frame_close(f);
	struct frame_forked answer = {pid > 0 ? (uint32_t)pid : 0, slice_str(err.text)};
	return priv_send_msg(sshd, FRAME_FORKED, &frame_forked_desc, &answer, NULL, 0);
}

int zygote_run(const struct zygote_ops *ops, void *arg)
{
	struct priv sshd;
	struct frame f;
	struct err err;
	if (!proc_clean_start(&err))
		log_fatal("%s", err.text);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	proc_not_dumpable();
	fd_cloexec(ZYGOTE_FD, true);
	priv_init(&sshd, ZYGOTE_FD);
	if (!prepare(ops, arg, &sshd))
		return 255;
	while (priv_expect(&sshd, FRAME_FORK, &f))
		if (!fork_one(ops, arg, &sshd, &f))
			break;
	return 0;
}
