/* Who may connect now: MaxStartups, PerSourceMaxStartups, PerSourcePenalties (sshd_config(5)).
 *
 * Sources are addresses cut to PerSourceNetBlockSize. Pure: time comes in, chance comes in.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include "base/addr.h"
#include "conf/sshd_conf.h"

struct limits;
struct limits *limits_new(const struct sshd_conf *);
void limits_free(struct limits *);

/* NULL: welcome. Else why not, in OpenSSH's words. chance: 0 to 99. source.family 0: unknown, only MaxStartups counts. */
const char *limits_refuse(struct limits *, const struct addr *source, unsigned chance, uint64_t now_ms);
void limits_begin(struct limits *, const struct addr *source);     /* a connection that is not logged in */
void limits_end(struct limits *, const struct addr *source);       /* it is, or it is gone */
unsigned limits_waiting(const struct limits *);
/* A connection ended before the login, or with a crash. exit_code as in server/monitor.h; by_signal: it crashed. */
void limits_penalize(struct limits *, const struct addr *source, int exit_code, bool by_signal, uint64_t now_ms);
/* One log line more in this minute? *suppressed: how many were not written before this one. */
bool limits_may_log(struct limits *, bool penalty, uint64_t now_ms, unsigned *suppressed);

#endif
