/* Users of this machine: looking up, judging, becoming.
 *
 * (Not user.h: the C library has a <sys/user.h>, and src/ is in the include path.)
 *
 * An account is an owned copy; the password hash in it is wiped by account_free. Lookups block on
 * the name service, so the network process never makes one. Ageing follows shadow(5): days since
 * 1970, -1 for "not set".
 */
#ifndef SYS_ACCOUNT_H
#define SYS_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

struct account {
	char *name, *home, *shell;
	char *gecos;
	uid_t uid;
	gid_t gid;
	char *hash;                                             /* from shadow, else passwd; NULL: not readable */
	bool has_shadow;                                        /* the ageing facts below were readable */
	long changed, max_days, warn_days, inactive_days, expires;
};

enum account_state {
	ACCOUNT_OK,
	ACCOUNT_LOCKED,                                         /* hash begins with '!' (passwd -l) */
	ACCOUNT_EXPIRED,                                        /* shadow's expiry date has passed */
	ACCOUNT_PASSWORD_EXPIRED,                               /* must be changed before anything else */
	ACCOUNT_NO_SHELL,                                       /* the shell does not exist or cannot be executed */
};

/* NULL and ERR_MISSING: no such user; ERR_SYSTEM: the name service failed. An empty shell is /bin/sh. */
struct account *account_find(const char *name, struct err *);
struct account *account_find_uid(uid_t, struct err *);
void account_free(struct account *);
/* Something to do equal work with when the user does not exist: uid nobody, no hash, shell that nobody may run. */
struct account *account_fake(const char *name);
/* Without PAM, what the shadow file says (all states); with PAM only ACCOUNT_NO_SHELL is of interest to the caller. */
enum account_state account_judge(const struct account *, int64_t wall_seconds);
/* Days until the password or the account runs out, when within the warning period; -1: nothing to warn of. */
long account_days_left(const struct account *, int64_t wall_seconds);

struct account_groups { char **name; gid_t *gid; size_t n; };
/* The primary group and all others; a gid without a name stands as its number. */
bool account_groups(const struct account *, struct account_groups *out, struct err *) MUST_CHECK;
void account_groups_clear(struct account_groups *);
bool account_in_netgroup(const char *group, const char *host, const char *user);   /* NULL: any (innetgr(3)) */
bool account_in_group(const char *user, gid_t primary, gid_t group);

/* Loads the name service's libraries, so that children need not; asks about root only. */
void account_preload(void);

/* Becoming. All are for good: afterwards an attempt to come back is made and must fail. */
/* setgid and initgroups, as root: before PAM's setcred. Groups: what account_groups said; NULL or none: they are asked for. */
bool account_init_groups(const struct account *, const struct account_groups *, struct err *) MUST_CHECK;
bool account_become(const struct account *, struct err *) MUST_CHECK;        /* keeps the groups that are set when they were initialised; drops gid, uid, capabilities */
bool account_become_service(uid_t, gid_t, struct err *) MUST_CHECK;          /* no groups at all */
/* Ambient, bounding, inheritable, effective and permitted sets empty; securebits locked where still allowed.
 * As an ordinary user what is not allowed is passed over: there is nothing to lose. */
bool account_drop_capabilities(struct err *) MUST_CHECK;
/* Where sshd-net lives: user `sshd`, else `nobody`; false: neither exists. */
bool account_service(uid_t *, gid_t *, const char **name);

#endif
