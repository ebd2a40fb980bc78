/* When new keys are due: RFC 4253 (9), RFC 4344 (3). */
#include "core/packet.h"

#define PACKETS_MAX (UINT64_C(1) << 31)

static bool direction_due(const struct ssh *ssh, uint64_t bytes, uint64_t packets, uint64_t blocks, const struct box_alg *alg)
{
	if (packets >= PACKETS_MAX || (alg && blocks >= alg->rekey_blocks))
		return true;
	return ssh->setup.rekey_bytes && bytes >= ssh->setup.rekey_bytes && packets > 1;
}

/* Only after login: before it there is nothing that new keys would protect better. */
static bool possible(const struct ssh *ssh)
{
	return ssh->phase == PHASE_OPEN && !ssh->kex.sent && !(ssh->quirks & QUIRK_NO_REKEY);
}

void rekey_if_due(struct ssh *ssh)
{
	if (!possible(ssh) || ssh->packet.out.rooms_open)
		return;
	const struct packet_in *in = &ssh->packet.in;
	const struct packet_out *out = &ssh->packet.out;
	int there = ssh->role == SSH_CLIENT ? CLIENT_TO_SERVER : SERVER_TO_CLIENT;
	const struct box_alg *const *alg = ssh->kex.agreed.cipher;
	if (direction_due(ssh, out->bytes, out->packets, out->blocks, alg[there]) ||
	    direction_due(ssh, in->bytes, in->packets, in->blocks, alg[!there]) || rekey_wake(ssh) <= ssh->now)
		kex_start(ssh);
}

uint64_t rekey_wake(const struct ssh *ssh)
{
	return possible(ssh) && ssh->setup.rekey_ms ? ssh->kex.done_at + ssh->setup.rekey_ms : UINT64_MAX;
}
