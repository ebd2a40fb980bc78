/* Socket options, and what TCP knows of its path. */
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>

#include "sys/sock.h"

static bool set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static int family_of(int fd)
{
	int family = AF_UNSPEC;
	socklen_t n = sizeof family;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n) == 0 ? family : AF_UNSPEC;
}

bool sock_nodelay(int fd)
{
	return set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

bool sock_keepalive(int fd, bool on)
{
	return set_int(fd, SOL_SOCKET, SO_KEEPALIVE, on);
}

bool sock_notsent_lowat(int fd, uint32_t bytes)
{
	return set_int(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, bytes > INT32_MAX ? INT32_MAX : (int)bytes);
}

bool sock_tos(int fd, int value)
{
	switch (family_of(fd)) {
	case AF_INET: return set_int(fd, IPPROTO_IP, IP_TOS, value);
	case AF_INET6: return set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, value);
	default: return false;
	}
}

bool sock_buffers(int fd, int receive, int send)
{
	bool ok = receive == 0 || set_int(fd, SOL_SOCKET, SO_RCVBUF, receive);
	return (send == 0 || set_int(fd, SOL_SOCKET, SO_SNDBUF, send)) && ok;
}

bool sock_linger_reset(int fd)
{
	struct linger l = {.l_onoff = 1, .l_linger = 0};
	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0;
}

bool sock_pace_local(int fd)
{
	static const char reno[] = "reno";                      /* built into every kernel and allowed to everybody */
	struct sock_addr here, there;
	if (!sock_local(fd, &here) || !sock_peer(fd, &there) || (!sock_is_loopback(&there) && !sock_same(&here, &there, false)))
		return false;
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, reno, sizeof reno - 1) == 0;
}

bool sock_local(int fd, struct sock_addr *out)
{
	*out = (struct sock_addr){.len = sizeof out->storage};
	if (getsockname(fd, &out->any, &out->len) == 0)
		return true;
	out->len = 0;
	return false;
}

bool sock_peer(int fd, struct sock_addr *out)
{
	*out = (struct sock_addr){.len = sizeof out->storage};
	if (getpeername(fd, &out->any, &out->len) == 0)
		return true;
	out->len = 0;
	return false;
}

bool sock_path(int fd, struct sock_path *out)
{
	struct tcp_info t;
	socklen_t n = sizeof t;
	memset(&t, 0, sizeof t);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &n) < 0)
		return false;
	/* An older kernel fills less: what it does not know stays 0. */
	*out = (struct sock_path){.rtt_us = t.tcpi_rtt, .rtt_var_us = t.tcpi_rttvar, .rtt_min_us = t.tcpi_min_rtt,
		.delivery_rate = t.tcpi_delivery_rate, .window = t.tcpi_snd_cwnd, .segment = t.tcpi_snd_mss, .retransmits = t.tcpi_total_retrans};
	return true;
}
