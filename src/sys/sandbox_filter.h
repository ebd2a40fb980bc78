/* seccomp filters as tables (seccomp(2)): inside of sys/ only.
 *
 * A rule is a system call, up to three conditions on its arguments, and what happens: allowed, or
 * refused with an errno. Rules of one call are alternatives. A call that no rule fits kills the
 * process. Conditions look at the lower 32 bits: all arguments named here are ints or flags.
 */
#ifndef SYS_SANDBOX_FILTER_H
#define SYS_SANDBOX_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum filter_op { FILTER_END, FILTER_IS, FILTER_HAS, FILTER_LACKS, FILTER_IS_SELF };   /* equal; all bits set; no bit set; our pid */
struct filter_test { enum filter_op op; uint8_t arg; uint32_t value; };
struct filter_rule { int call; int refuse; struct filter_test test[3]; };             /* refuse: 0 or an errno */
struct filter_table { const struct filter_rule *rule; size_t n; };

extern const struct filter_table sandbox_net_rules, sandbox_oneshot_rules;   /* sandbox_filter.c */
extern const struct filter_table sandbox_extra_rules;      /* sandbox_filter_asan.c or sandbox_filter_none.c: for both jails */
extern const bool sandbox_sanitized;                       /* of the same file */
void sandbox_entered(void);                                /* likewise: tells the sanitizer's run time */

/* Installs table and extras for good; needs no-new-privs. 0, or errno (ENOSYS: not on this kernel or machine). */
int sandbox_load(const struct filter_table *, const struct filter_table *extra);

#endif
