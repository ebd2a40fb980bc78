/* Sockets: addresses, listening, connecting, options.
 *
 * Sockets made here are close-on-exec and non-blocking. An address is a value; a sock_list is
 * owned and cleared by its holder. Name service is asked only by sock_resolve and sock_name:
 * both block, so they belong into the client and into children of the server.
 */
#ifndef SYS_SOCK_H
#define SYS_SOCK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/err.h"

struct sock_addr {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	};
	socklen_t len;                                          /* 0: none */
};

struct sock_list { struct sock_addr *at; size_t n; char *canonical; };

enum { SOCK_TEXT_MAX = 128, SOCK_NAME_MAX = 256 };
enum {
	SOCK_PASSIVE = 1,                                       /* host NULL or "" or "*" means every address */
	SOCK_NUMERIC = 2,                                       /* ask nobody */
	SOCK_CANONICAL = 4,                                     /* fill in canonical */
};

/* Addresses. family: AF_UNSPEC, AF_INET or AF_INET6. A service name or a decimal port. */
bool sock_resolve(const char *host, const char *port, int family, unsigned flags, struct sock_list *out, struct err *) MUST_CHECK;
void sock_list_clear(struct sock_list *);
void sock_text(const struct sock_addr *, char out[SOCK_TEXT_MAX]);   /* numeric, no port, v4-mapped as v4, scope with %; a unix path; else "UNKNOWN" */
uint16_t sock_port(const struct sock_addr *);              /* 0 where there is none */
void sock_set_port(struct sock_addr *, uint16_t);
struct slice sock_raw(const struct sock_addr *);           /* the 4 or 16 bytes inside *addr; empty for others */
void sock_unmap(struct sock_addr *);                       /* a v4-mapped IPv6 address becomes IPv4 */
bool sock_same(const struct sock_addr *, const struct sock_addr *, bool with_port);
bool sock_is_loopback(const struct sock_addr *);
/* The name of an address, if that name's addresses contain it (UseDNS, RFC 1912, 2.1); else false and the text of the address. */
bool sock_name(const struct sock_addr *, char out[SOCK_NAME_MAX]);
/* What this end of a connection is called: the name of its address as the name service has it, unchecked; else gethostname(2). */
bool sock_local_name(int fd, char out[SOCK_NAME_MAX]);

/* Listening. IPv6 sockets take IPv6 only, so that v4 and v6 may listen side by side. */
int sock_listen(const struct sock_addr *, int backlog, struct err *);
int sock_listen_on(const struct sock_addr *, const char *device, int backlog, struct err *);   /* of one interface or VRF; NULL: of any */
/* The interface or VRF that a socket is bound to; "" for none. */
enum { SOCK_DEVICE_MAX = 16 };
void sock_device(int fd, char out[SOCK_DEVICE_MAX]);
/* With unlink_first a socket that stands there is removed. Made under umask `mask` (StreamLocalBindMask). */
int sock_listen_unix(const char *path, mode_t mask, bool unlink_first, struct err *);
/* Next connection or -1 with errno; EAGAIN: none. What may be tried again later (EMFILE, ENOBUFS, ECONNABORTED ...) is up to the
 * caller: sock_accept_again says whether the listener itself is well. peer may be NULL. */
int sock_accept(int listener, struct sock_addr *peer);
bool sock_accept_again(int error);
bool sock_accept_starved(int error);                       /* no descriptor or memory is left: asking again at once would spin */

/* Connecting. from may be NULL; family and length tell whether address counts; interface NULL or "" for none. */
struct sock_from { struct sock_addr address; const char *interface; };
/* The socket, or -1. *pending: wait until it is writable, then sock_connect_finish. */
int sock_connect(const struct sock_addr *to, const struct sock_from *from, bool *pending, struct err *);
int sock_connect_unix(const char *path, struct err *);
bool sock_connect_finish(int fd, struct err *) MUST_CHECK;

/* Options; false: this descriptor has no such option (a pipe of -i, a unix socket). */
bool sock_nodelay(int fd);
bool sock_keepalive(int fd, bool on);
bool sock_notsent_lowat(int fd, uint32_t bytes);
bool sock_tos(int fd, int value);                          /* IP_TOS or IPV6_TCLASS by the socket's family; IPQoS */
bool sock_buffers(int fd, int receive, int send);          /* 0: leave as it is */
bool sock_linger_reset(int fd);                            /* close() sends RST */
/* Where both ends are on this machine: a congestion control that does not pace. BBR, the default of many systems, is made for
 * paths; on loopback it halves the rate and doubles the CPU. False: another machine, no TCP, or the kernel did not want to. */
bool sock_pace_local(int fd);

bool sock_local(int fd, struct sock_addr *out);
bool sock_peer(int fd, struct sock_addr *out);

/* TCP_INFO, tcp(7). */
struct sock_path {
	uint32_t rtt_us, rtt_var_us, rtt_min_us;
	uint64_t delivery_rate;                                 /* bytes a second */
	uint32_t window, segment;                               /* congestion window in segments; bytes of a segment */
	uint32_t retransmits;
};
bool sock_path(int fd, struct sock_path *out);

#endif
