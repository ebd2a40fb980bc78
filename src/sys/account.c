#include "sys/account.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <netdb.h>
#include <pwd.h>
#include <shadow.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

enum { ENTRY_MAX = 1 << 20, GROUPS_MAX = 65536 };

static void add_shadow(struct account *a)
{
	struct spwd s, *found = NULL;
	char *space = NULL;
	size_t n = 1024;
	int bad;
	do {
		n *= 2;
		mem_free_secret(space, n / 2);
		space = mem_new(n);
		bad = getspnam_r(a->name, &s, space, n, &found);
	} while (bad == ERANGE && n < ENTRY_MAX);
	if (bad == 0 && found) {
		mem_free_secret(a->hash, a->hash ? strlen(a->hash) : 0);
		a->hash = mem_str(s.sp_pwdp);
		a->has_shadow = true;
		a->changed = s.sp_lstchg, a->max_days = s.sp_max, a->warn_days = s.sp_warn;
		a->inactive_days = s.sp_inact, a->expires = s.sp_expire;
	}
	mem_free_secret(space, n);
}

static struct account *copy_of(const struct passwd *p)
{
	struct account *a = mem_new(sizeof *a);
	a->name = mem_str(p->pw_name);
	a->home = mem_str(p->pw_dir);
	a->shell = mem_str(p->pw_shell && p->pw_shell[0] ? p->pw_shell : "/bin/sh");
	a->gecos = mem_str(p->pw_gecos ? p->pw_gecos : "");
	a->uid = p->pw_uid;
	a->gid = p->pw_gid;
	/* "x" and "*" in passwd only point to the shadow file. */
	bool real = p->pw_passwd && strcmp(p->pw_passwd, "x") != 0 && strcmp(p->pw_passwd, "*") != 0;
	a->hash = real ? mem_str(p->pw_passwd) : NULL;
	a->changed = a->max_days = a->warn_days = a->inactive_days = a->expires = -1;
	/* Only root reads the real file; what other name services say to anybody else (nss-systemd: all locked) is not about it. */
	if (geteuid() == 0)
		add_shadow(a);
	return a;
}

/* By name, or by uid where name is NULL. */
static struct account *find(const char *name, uid_t uid, struct err *e)
{
	struct passwd p, *found = NULL;
	struct account *a = NULL;
	char *space = NULL;
	size_t n = 1024;
	int bad;
	do {
		n *= 2;
		mem_free(space);
		space = mem_new(n);
		bad = name ? getpwnam_r(name, &p, space, n, &found) : getpwuid_r(uid, &p, space, n, &found);
	} while (bad == ERANGE && n < ENTRY_MAX);
	if (found)
		a = copy_of(&p);
	mem_free_secret(space, n);
	if (a)
		return a;
	/* getpwnam(3): some name services say "not found" by these. */
	bool missing = bad == 0 || bad == ENOENT || bad == ESRCH || bad == EBADF || bad == EPERM;
	if (missing && name)
		err_set(e, ERR_MISSING, "no user %s here", text_show(slice_str(name)));
	else if (missing)
		err_set(e, ERR_MISSING, "no user with uid %u here", (unsigned)uid);
	else
		err_set(e, ERR_SYSTEM, "cannot ask for a user: %s", strerror(bad));
	return NULL;
}

struct account *account_find(const char *name, struct err *e)
{
	return find(name, 0, e);
}

struct account *account_find_uid(uid_t uid, struct err *e)
{
	return find(NULL, uid, e);
}

struct account *account_fake(const char *name)
{
	struct account *a = mem_new(sizeof *a);
	a->name = mem_str(name);
	a->home = mem_str("/nonexistent");
	a->shell = mem_str("/nonexistent");
	a->gecos = mem_str("");
	a->uid = (uid_t)65534;
	a->gid = (gid_t)65534;
	a->changed = a->max_days = a->warn_days = a->inactive_days = a->expires = -1;
	return a;
}

void account_free(struct account *a)
{
	if (a == NULL)
		return;
	mem_free(a->name);
	mem_free(a->home);
	mem_free(a->shell);
	mem_free(a->gecos);
	mem_free_secret(a->hash, a->hash ? strlen(a->hash) : 0);
	mem_free(a);
}

static bool shell_runs(const char *shell)
{
	struct stat st;
	return stat(shell, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

enum account_state account_judge(const struct account *a, int64_t wall)
{
	int64_t today = wall / 86400;
	if (a->hash && a->hash[0] == '!')
		return ACCOUNT_LOCKED;
	if (a->has_shadow) {
		if (a->expires >= 0 && today > a->expires)
			return ACCOUNT_EXPIRED;
		if (a->changed == 0)
			return ACCOUNT_PASSWORD_EXPIRED;
		if (a->changed > 0 && a->max_days >= 0 && today > a->changed + (int64_t)a->max_days)
			return ACCOUNT_PASSWORD_EXPIRED;
	}
	return shell_runs(a->shell) ? ACCOUNT_OK : ACCOUNT_NO_SHELL;
}

long account_days_left(const struct account *a, int64_t wall)
{
	int64_t today = wall / 86400, best = -1;
	if (!a->has_shadow || a->warn_days < 0)
		return -1;
	if (a->expires >= 0 && a->expires >= today)
		best = a->expires - today;
	if (a->changed > 0 && a->max_days >= 0) {
		int64_t left = a->changed + (int64_t)a->max_days - today;
		if (left >= 0 && (best < 0 || left < best))
			best = left;
	}
	return best >= 0 && best <= a->warn_days ? (long)best : -1;
}

static char *group_name(gid_t gid)
{
	struct group g, *found = NULL;
	char *space = NULL, *name;
	size_t n = 1024;
	int bad;
	do {
		n *= 2;
		mem_free(space);
		space = mem_new(n);
		bad = getgrgid_r(gid, &g, space, n, &found);
	} while (bad == ERANGE && n < ENTRY_MAX);
	name = found ? mem_str(g.gr_name) : mem_fmt("%u", (unsigned)gid);
	mem_free(space);
	return name;
}

/* All gids, the primary one first; NULL: too many. Owned. */
static gid_t *group_ids(const char *user, gid_t primary, int *count)
{
	gid_t *ids = NULL;
	for (int have = 64; have <= GROUPS_MAX; have *= 4) {
		*count = have;
		ids = mem_resize(ids, (size_t)have * sizeof *ids);
		if (getgrouplist(user, primary, ids, count) >= 0)
			return ids;
	}
	mem_free(ids);
	return NULL;
}

bool account_groups(const struct account *a, struct account_groups *out, struct err *e)
{
	int count;
	*out = (struct account_groups){0};
	gid_t *ids = group_ids(a->name, a->gid, &count);
	if (ids == NULL)
		return err_set(e, ERR_LIMIT, "user %s is in more than %d groups", a->name, GROUPS_MAX);
	out->gid = ids;
	out->n = (size_t)count;
	out->name = mem_list(out->n, sizeof *out->name);
	for (size_t i = 0; i < out->n; i++)
		out->name[i] = group_name(ids[i]);
	return true;
}

void account_preload(void)
{
	int count;
	mem_free(group_ids("root", 0, &count));             /* of all lookups this one asks every service there is */
}

void account_groups_clear(struct account_groups *g)
{
	for (size_t i = 0; i < g->n; i++)
		mem_free(g->name[i]);
	mem_free(g->name);
	mem_free(g->gid);
	*g = (struct account_groups){0};
}

bool account_in_group(const char *user, gid_t primary, gid_t group)
{
	int count;
	bool in = false;
	gid_t *ids = group_ids(user, primary, &count);
	for (int i = 0; ids && i < count && !in; i++)
		in = ids[i] == group;
	mem_free(ids);
	return in;
}

bool account_in_netgroup(const char *group, const char *host, const char *user)
{
	return innetgr(group, host, user, NULL) == 1;
}

bool account_service(uid_t *uid, gid_t *gid, const char **name)
{
	static const char *const names[] = {"sshd", "nobody"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct account *a = account_find(names[i], NULL);
		if (a == NULL)
			continue;
		*uid = a->uid, *gid = a->gid, *name = names[i];
		account_free(a);
		return true;
	}
	return false;
}
