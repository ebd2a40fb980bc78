/* Giving up rights, for good: ids, groups, capabilities(7). */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/account.h"

bool account_init_groups(const struct account *a, const struct account_groups *g, struct err *e)
{
	if (setgid(a->gid) < 0)
		return err_errno(e, "cannot set group %u for %s", (unsigned)a->gid, a->name);
	if (g && g->n ? setgroups(g->n, g->gid) < 0 : initgroups(a->name, a->gid) < 0)
		return err_errno(e, "cannot set the groups of %s", a->name);
	return true;
}

static bool ids_are(uid_t uid, gid_t gid)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;
	return getresuid(&ru, &eu, &su) == 0 && getresgid(&rg, &eg, &sg) == 0
		&& ru == uid && eu == uid && su == uid && rg == gid && eg == gid && sg == gid;
}

/* Bounding and ambient sets and securebits, while the right to change them is still there. */
static void shrink_for_children(void)
{
	for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) >= 0; cap++)
		;                                           /* until there is no such capability, or no right to do so */
	prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED
		| SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, 0, 0, 0);
}

/* The inheritable set may be kept: it gives nothing by itself, and pam_cap(8) hands capabilities of a user's programs on by it. */
static bool set_capabilities_empty(bool keep_inheritable)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct now[2];
	if (syscall(SYS_capget, &head, now) < 0)
		return false;
	for (int i = 0; i < 2; i++) {
		now[i].effective = now[i].permitted = 0;
		if (!keep_inheritable)
			now[i].inheritable = 0;
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, now) == 0;
}

static bool capabilities_are_empty(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct now[2];
	if (syscall(SYS_capget, &head, now) < 0)
		return false;
	return (now[0].effective | now[0].permitted | now[1].effective | now[1].permitted) == 0;
}

bool account_drop_capabilities(struct err *e)
{
	shrink_for_children();
	if (!set_capabilities_empty(false))
		return err_errno(e, "cannot give up capabilities");
	return capabilities_are_empty() || err_set(e, ERR_DENIED, "capabilities are still there after giving them up");
}

/* Every way back must be shut. An ordinary user that stays itself had none. */
static bool no_way_back(uid_t uid, gid_t gid, struct err *e)
{
	if (!ids_are(uid, gid))
		return err_set(e, ERR_DENIED, "uid and gid are not what they were set to");
	if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0 || setresuid(0, 0, 0) == 0))
		return err_set(e, ERR_DENIED, "could become root again after giving it up");
	if (uid != 0 && gid != 0 && (setgid(0) == 0 || setegid(0) == 0))
		return err_set(e, ERR_DENIED, "could take group 0 again after giving it up");
	return true;
}

static bool become(uid_t uid, gid_t gid, bool keep_inheritable, struct err *e)
{
	if (setresgid(gid, gid, gid) < 0)
		return err_errno(e, "cannot become gid %u", (unsigned)gid);
	if (setresuid(uid, uid, uid) < 0)
		return err_errno(e, "cannot become uid %u", (unsigned)uid);
	/* setresuid did this already, unless securebits or keepcaps stood in the way. */
	if (uid != 0 && (!set_capabilities_empty(keep_inheritable) || !capabilities_are_empty()))
		return err_set(e, ERR_DENIED, "capabilities are left after becoming uid %u", (unsigned)uid);
	return no_way_back(uid, gid, e);
}

bool account_become(const struct account *a, struct err *e)
{
	return become(a->uid, a->gid, true, e);
}

bool account_become_service(uid_t uid, gid_t gid, struct err *e)
{
	if (geteuid() != 0)
		return ids_are(uid, gid) || err_set(e, ERR_DENIED, "only root can become uid %u", (unsigned)uid);
	shrink_for_children();
	if (setgroups(0, NULL) < 0)
		return err_errno(e, "cannot give up supplementary groups");
	return become(uid, gid, false, e);
}
