/* What the jails may call. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "sys/sandbox_filter.h"

#define ARG_IS(n, v) {FILTER_IS, n, (uint32_t)(v)}
#define ARG_HAS(n, v) {FILTER_HAS, n, (uint32_t)(v)}
#define ARG_LACKS(n, v) {FILTER_LACKS, n, (uint32_t)(v)}
#define ARG_IS_SELF(n) {FILTER_IS_SELF, n, 0}

#define ALLOW(call) {SYS_##call, 0, {{0}}}
#define ALLOW_IF(call, ...) {SYS_##call, 0, {__VA_ARGS__}}
#define GETOPT(level, option) ALLOW_IF(getsockopt, ARG_IS(1, level), ARG_IS(2, option))
#define SETOPT(level, option) ALLOW_IF(setsockopt, ARG_IS(1, level), ARG_IS(2, option))

/* Memory without code, time, random numbers, the end. */
#define COMPUTING \
	ALLOW(read), ALLOW(write), ALLOW(close), \
	ALLOW(brk), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), \
	ALLOW_IF(mmap, ARG_LACKS(2, PROT_EXEC), ARG_HAS(3, MAP_ANONYMOUS)), \
	ALLOW_IF(mprotect, ARG_LACKS(2, PROT_EXEC)), \
	ALLOW(futex), ALLOW(getrandom), ALLOW(clock_gettime), ALLOW(gettimeofday), \
	ALLOW(getpid), ALLOW(gettid), \
	ALLOW(rt_sigreturn), ALLOW(rt_sigprocmask), ALLOW(rt_sigaction), ALLOW(restart_syscall), \
	ALLOW_IF(tgkill, ARG_IS_SELF(0), ARG_IS(2, SIGABRT)), /* abort() */ \
	ALLOW(exit), ALLOW(exit_group)

static const struct filter_rule net[] = {
	COMPUTING,
	ALLOW(mlock),                                           /* secret memory; RLIMIT_MEMLOCK bounds it */
	ALLOW(readv), ALLOW(writev),
	ALLOW(recvmsg), ALLOW(sendmsg), ALLOW(recvfrom),
	ALLOW_IF(sendto, ARG_IS(4, 0), ARG_IS(5, 0)),           /* send(): no address */
	ALLOW(shutdown),
	ALLOW(ppoll), ALLOW(epoll_pwait), ALLOW(epoll_ctl),
#ifdef SYS_epoll_pwait2
	ALLOW(epoll_pwait2),
#endif
#ifdef SYS_poll
	ALLOW(poll), ALLOW(epoll_wait), ALLOW(time),            /* machines that still have the old names */
#endif
	ALLOW_IF(fcntl, ARG_IS(1, F_GETFL)), ALLOW_IF(fcntl, ARG_IS(1, F_SETFL)),
	ALLOW_IF(fcntl, ARG_IS(1, F_GETFD)), ALLOW_IF(fcntl, ARG_IS(1, F_SETFD)),
	ALLOW_IF(fcntl, ARG_IS(1, F_GETPIPE_SZ)), ALLOW_IF(fcntl, ARG_IS(1, F_SETPIPE_SZ)),
	ALLOW_IF(ioctl, ARG_IS(1, TIOCSWINSZ)), ALLOW_IF(ioctl, ARG_IS(1, FIONREAD)),
	GETOPT(SOL_SOCKET, SO_ERROR), GETOPT(SOL_SOCKET, SO_DOMAIN), GETOPT(SOL_SOCKET, SO_TYPE),
	GETOPT(SOL_SOCKET, SO_SNDBUF), GETOPT(SOL_SOCKET, SO_RCVBUF),
	GETOPT(IPPROTO_TCP, TCP_INFO), GETOPT(IPPROTO_TCP, TCP_NODELAY),
	SETOPT(SOL_SOCKET, SO_KEEPALIVE), SETOPT(SOL_SOCKET, SO_LINGER),
	SETOPT(SOL_SOCKET, SO_SNDBUF), SETOPT(SOL_SOCKET, SO_RCVBUF),
	SETOPT(IPPROTO_TCP, TCP_NODELAY), SETOPT(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
	SETOPT(IPPROTO_TCP, TCP_CORK), SETOPT(IPPROTO_TCP, TCP_QUICKACK),
	SETOPT(IPPROTO_IP, IP_TOS), SETOPT(IPPROTO_IPV6, IPV6_TCLASS),
};

static const struct filter_rule oneshot[] = {COMPUTING};

const struct filter_table sandbox_net_rules = {net, ARRAY_LEN(net)};
const struct filter_table sandbox_oneshot_rules = {oneshot, ARRAY_LEN(oneshot)};
