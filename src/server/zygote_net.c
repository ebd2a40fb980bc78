#include "server/zygote.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypto/hash.h"
#include "server/net.h"
#include "sys/account.h"
#include "sys/files.h"

/* Descriptors of one connection: four of each session, and those of the process itself. */
enum { NET_FDS = 4 * NET_CHANNELS + 64 };

static bool prepare(void *arg, const struct frame_init *init, struct err *err)
{
	struct net_jail *jail = arg;
	const char *name;
	*jail = (struct net_jail){.empty_root = PATH_RUN "/sshd", .fds = NET_FDS, .fallback = init->fallback};
	zygote_log(init, "sshd-net", 4, LOG_LEVEL_INFO);
	if (geteuid() == 0) {
		if (!account_service(&jail->uid, &jail->gid, &name))
			return err_set(err, ERR_MISSING, "neither user sshd nor nobody exists: add one for the network process");
		if (!file_make_dir(jail->empty_root, 0755, err))
			return false;
	}
	crypto_start();
	return true;
}

static int child(void *arg, struct frame *f)
{
	int monitor = frame_take_fd(f);
	return monitor < 0 ? 255 : net_run(arg, monitor);
}

int zygote_net_main(void)
{
	static const struct zygote_ops ops = {prepare, child};
	static struct net_jail jail;
	return zygote_run(&ops, &jail);
}
