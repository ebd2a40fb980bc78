/* Lines of shosts.equiv, hosts.equiv, .shosts and .rhosts: "[-|+]host [[-|+]user]" (sshd(8), FILES; hosts.equiv(5)).
 *
 * "@name" is a netgroup. Nothing here compares: names and groups are for whoever can look them up. A line that is longer than
 * RHOSTS_LINE_MAX, has a third word, or names no host or user behind its sign (a bare "+") is passed over.
 */
#ifndef KEY_RHOSTS_H
#define KEY_RHOSTS_H

#include "base/bytes.h"

enum { RHOSTS_FILE_MAX = 1 << 20, RHOSTS_LINE_MAX = 1023 };

struct rhosts_line {
	struct slice host, user;                            /* user.n == 0: who has the same name here */
	bool host_group, user_group;                        /* the name of a netgroup, without its @ */
	bool negated;
};
bool rhosts_next(struct slice *text, struct rhosts_line *);   /* false at the end */

#endif
