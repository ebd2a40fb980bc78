#include "sys/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/account.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/sandbox_filter.h"
#include "sys/sandbox_landlock.h"

enum { NOBODY = 65534, PROBE_MS = 10000 };

static const char *const layer_names[SANDBOX_LAYERS] = {
	[SANDBOX_RLIMITS] = "rlimits", [SANDBOX_ROOT] = "empty root", [SANDBOX_UID] = "own uid", [SANDBOX_CAPABILITIES] = "no capabilities",
	[SANDBOX_DUMPABLE] = "not dumpable", [SANDBOX_NO_NEW_PRIVS] = "no new privileges", [SANDBOX_LANDLOCK] = "landlock",
	[SANDBOX_SECCOMP] = "seccomp",
};
static const char *const state_names[] = {
	[SANDBOX_UNTRIED] = "untried", [SANDBOX_OK] = "ok", [SANDBOX_REFUSED] = "refused", [SANDBOX_ABSENT] = "absent",
	[SANDBOX_NOT_ROOT] = "needs root",
};

const char *sandbox_layer_name(enum sandbox_layer l)
{
	return l < SANDBOX_LAYERS ? layer_names[l] : "?";
}

const char *sandbox_state_name(enum sandbox_state s)
{
	return (size_t)s < ARRAY_LEN(state_names) ? state_names[s] : "?";
}

void sandbox_report_text(const struct sandbox_report *r, struct buf *out)
{
	for (int i = 0; i < SANDBOX_LAYERS; i++) {
		put_fmt(out, "%s%s %s", i ? ", " : "", layer_names[i], sandbox_state_name(r->layer[i].state));
		if (r->layer[i].state == SANDBOX_REFUSED)
			put_fmt(out, " (%s)", strerror(r->layer[i].error));
		else if (i == SANDBOX_LANDLOCK && r->layer[i].detail)
			put_fmt(out, " (ABI %d)", r->layer[i].detail);
	}
}

static void record(struct sandbox_report *r, enum sandbox_layer l, int error)
{
	bool absent = error == ENOSYS || error == EOPNOTSUPP;
	r->layer[l].error = error;
	r->layer[l].state = error == 0 ? SANDBOX_OK : absent ? SANDBOX_ABSENT : SANDBOX_REFUSED;
}

static int limit(int which, uint64_t value)
{
	struct rlimit r, now;
	if (getrlimit((__rlimit_resource_t)which, &now) < 0)
		return errno;
	r.rlim_cur = r.rlim_max = value < now.rlim_max ? value : now.rlim_max;
	return setrlimit((__rlimit_resource_t)which, &r) == 0 ? 0 : errno;
}

static int limits(uint64_t nofile, uint64_t memory)
{
	const struct { int which; uint64_t value; } table[] = {
		{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_NPROC, 0}, {RLIMIT_MSGQUEUE, 0}, {RLIMIT_NOFILE, nofile},
		{RLIMIT_AS, memory && !sandbox_sanitized ? memory : RLIM_INFINITY},
	};
	int first = 0;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		int error = limit(table[i].which, table[i].value);
		first = first ? first : error;
	}
	return first;
}

/* The directory must be one where nobody but root can put anything. */
static int enter_root(const char *path)
{
	struct stat st;
	if (path == NULL)
		return EINVAL;
	if (chdir(path) < 0 || stat(".", &st) < 0)
		return errno;
	if (st.st_uid != 0 || (st.st_mode & 022)) {
		int gone = chdir("/");
		(void)gone;                     /* we stay where we are if even this fails; the layer is refused either way */
		return EPERM;
	}
	return chroot(".") == 0 && chdir("/") == 0 ? 0 : errno;
}

/* What only root can do: root directory, uid. */
static bool give_up_root(const struct sandbox_setup *s, struct sandbox_report *r, struct err *e)
{
	if (geteuid() != 0) {
		r->layer[SANDBOX_ROOT].state = r->layer[SANDBOX_UID].state = SANDBOX_NOT_ROOT;
		return true;
	}
	assert(s->uid != 0 && s->gid != 0);
	record(r, SANDBOX_ROOT, enter_root(s->empty_root));
	if (!account_become_service(s->uid, s->gid, e)) {
		record(r, SANDBOX_UID, errno ? errno : EPERM);
		return err_prefix(e, "cannot give up root in the network process");
	}
	record(r, SANDBOX_UID, 0);
	return true;
}

static int no_new_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

bool sandbox_enter(const struct sandbox_setup *s, struct sandbox_report *r, struct err *e)
{
	memset(r, 0, sizeof *r);
	record(r, SANDBOX_RLIMITS, limits(s->nofile, s->memory));
	errno = 0;
	if (!give_up_root(s, r, e))
		return false;
	errno = 0;
	record(r, SANDBOX_CAPABILITIES, account_drop_capabilities(NULL) ? 0 : errno ? errno : EPERM);
	record(r, SANDBOX_DUMPABLE, proc_not_dumpable() ? 0 : errno);
	if (s->parent && !proc_die_with_parent(s->parent))
		return err_set(e, ERR_MISSING, "the monitor of this process has ended");
	record(r, SANDBOX_NO_NEW_PRIVS, no_new_privs());
	record(r, SANDBOX_LANDLOCK, sandbox_landlock(&r->layer[SANDBOX_LANDLOCK].detail));
	record(r, SANDBOX_SECCOMP, sandbox_load(&sandbox_net_rules, &sandbox_extra_rules));
	sandbox_entered();
	if (r->layer[SANDBOX_SECCOMP].state == SANDBOX_OK || s->without_seccomp)
		return true;
	return err_set(e, ERR_UNSUPPORTED, "no seccomp filter for the network process: %s", strerror(r->layer[SANDBOX_SECCOMP].error));
}

bool sandbox_enter_oneshot(uint64_t memory, struct err *e)
{
	if (limits(3, memory) != 0)
		return err_errno(e, "cannot set the limits of a helper process");
	if (geteuid() == 0 && !account_become_service(NOBODY, NOBODY, e))
		return false;
	if (!proc_not_dumpable() || no_new_privs() != 0)
		return err_errno(e, "cannot make a helper process private");
	/* A kernel without filters: whether sshd runs on it at all was decided at its start. */
	int error = sandbox_load(&sandbox_oneshot_rules, &sandbox_extra_rules);
	sandbox_entered();
	if (error == 0 || error == ENOSYS)
		return true;
	errno = error;
	return err_errno(e, "no seccomp filter for a helper process");
}

/* What the probing child sends back. */
struct probe { struct sandbox_report report; bool ok; struct err err; };

bool sandbox_probe(const struct sandbox_setup *s, struct sandbox_report *r, struct err *e)
{
	int p[2];
	struct probe answer = {0};
	memset(r, 0, sizeof *r);
	if (!fd_pipe(p, e))
		return false;
	pid_t pid = proc_fork(PROC_DIE_WITH_PARENT, NULL, e);
	if (pid == 0) {
		struct sandbox_setup own = *s;
		own.parent = 0;
		answer.ok = sandbox_enter(&own, &answer.report, &answer.err);
		ssize_t n = write(p[1], &answer, sizeof answer);
		_exit(n == (ssize_t)sizeof answer ? 0 : 1);
	}
	fd_close(&p[1]);
	bool got = pid > 0 && fd_read_exact(p[0], (struct room){(uint8_t *)&answer, sizeof answer}, PROBE_MS, e);
	fd_close(&p[0]);
	if (pid > 0) {
		if (!got)
			proc_kill(pid, SIGKILL);
		proc_wait(pid, true, NULL);
	}
	if (!got)
		return err_prefix(e, "the jail could not be tried");
	*r = answer.report;
	if (!answer.ok && e)
		*e = answer.err;
	return answer.ok;
}
