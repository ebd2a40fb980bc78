/* Is the peer alive? Probes after silence (ServerAliveInterval, ClientAliveInterval), and ping@openssh.com. */
#include "core/packet.h"

#include "core/handlers.h"

enum { PING_DATA_MAX = 32 * 1024 };

void keepalive_heard(struct ssh *ssh)
{
	struct liveness *l = &ssh->live;
	l->last_in = ssh->now;
	l->unanswered = 0;
	l->probe_at = ssh->now + ssh->setup.keepalive_ms;
}

uint64_t keepalive_wake(const struct ssh *ssh)
{
	return ssh->setup.keepalive_ms && ssh->ask.kind == ASK_NONE ? ssh->live.probe_at : UINT64_MAX;
}

void keepalive_tick(struct ssh *ssh)
{
	struct liveness *l = &ssh->live;
	if (ssh->now < keepalive_wake(ssh))
		return;
	if (ssh->setup.keepalive_count && l->unanswered >= ssh->setup.keepalive_count) {
		ssh_die(ssh, REASON_CONNECTION_LOST, "Timeout, %s not responding", ssh->role == SSH_CLIENT ? "server" : "client");
		return;
	}
	l->unanswered++;
	l->probe_at = ssh->now + ssh->setup.keepalive_ms;
	mux_keepalive(ssh);
}

void ssh_ping(struct ssh *ssh, uint64_t now)
{
	struct liveness *l = &ssh->live;
	ssh->now = now;
	if (ssh->after_kex != PHASE_OPEN || l->ping_out || !ssh_peer_has(ssh, "ping@openssh.com"))
		return;
	l->ping_out = true;
	l->ping_sent = now;
	packet_send(ssh, &desc_ping, &(struct msg_ping){SLICE_LIT("ssh_ping")});
}

/* PROTOCOL of OpenSSH, 1.9. */
bool on_ping(struct ssh *ssh, struct slice payload)
{
	struct msg_ping m;
	if (!msg_decode(&desc_ping, payload, &m) || m.data.n > PING_DATA_MAX) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed PING");
		return false;
	}
	packet_send(ssh, &desc_pong, &m);
	return true;
}

bool on_pong(struct ssh *ssh, struct slice payload)
{
	struct liveness *l = &ssh->live;
	struct msg_ping m;
	if (!msg_decode(&desc_pong, payload, &m)) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed PONG");
		return false;
	}
	if (mux_pong(ssh, m.data) || !l->ping_out || !slice_eq_str(m.data, "ssh_ping"))
		return true;
	l->ping_out = false;
	uint64_t took = ssh->now - l->ping_sent;
	event_push(ssh, EV_PONG)->number = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	return true;
}
