/* Diffie-Hellman with a group that the server chooses: RFC 4419, RFC 8270. */
#include "core/kex.h"

#include "core/handlers.h"

enum { GROUP_MIN = 2048, GROUP_MAX = 8192, GROUP_MAX_OLD = 4096 };

static uint32_t bits_of(struct slice magnitude)
{
	if (magnitude.n == 0)
		return 0;
	return (uint32_t)(magnitude.n * 8) - (uint32_t)(__builtin_clz(magnitude.p[0]) - 24);
}

/* As strong as the longest key that will be derived; figures of OpenSSH, after NIST SP 800-57. */
static uint32_t preferred_bits(const struct agreed *a)
{
	size_t bytes = 0;
	for (int i = 0; i < DIRECTIONS; i++) {
		if (a->cipher[i]->key_len > bytes)
			bytes = a->cipher[i]->key_len;
		if (a->mac[i] && a->mac[i]->key_len > bytes)
			bytes = a->mac[i]->key_len;
	}
	return bytes <= 14 ? 2048 : bytes <= 16 ? 3072 : bytes <= 24 ? 7680 : 8192;
}

static uint32_t within(uint32_t v, uint32_t low, uint32_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* RFC 4419, section 3. */
void gex_client_begin(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	const struct ssh_setup *s = &ssh->setup;
	k->gex_min = s->gex_min ? s->gex_min : GROUP_MIN;
	k->gex_max = s->gex_max ? s->gex_max : GROUP_MAX;
	if (ssh->quirks & QUIRK_OLD_GEX_MAX && k->gex_max > GROUP_MAX_OLD)
		k->gex_max = GROUP_MAX_OLD;
	k->gex_preferred = within(s->gex_preferred ? s->gex_preferred : preferred_bits(&k->agreed), k->gex_min, k->gex_max);
	k->gex_old = ssh->quirks & QUIRK_OLD_GEX;
	buf_reset(&k->group_p);
	buf_reset(&k->group_g);
	if (k->gex_old) {
		packet_send(ssh, &desc_gex_request_old, &(struct msg_gex_request_old){k->gex_preferred});
		return;
	}
	packet_send(ssh, &desc_gex_request, &(struct msg_gex_request){k->gex_min, k->gex_preferred, k->gex_max});
}

/* The old request says only one number, and so does its hash. */
void gex_transcript(const struct ssh *ssh, struct buf *t)
{
	const struct kex *k = &ssh->kex;
	if (!k->gex_old)
		put_u32(t, k->gex_min);
	put_u32(t, k->gex_preferred);
	if (!k->gex_old)
		put_u32(t, k->gex_max);
	put_mpint(t, buf_slice(&k->group_p));
	put_mpint(t, buf_slice(&k->group_g));
}

static bool malformed(struct ssh *ssh, const char *what)
{
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed or unexpected %s", what);
	return false;
}

static void take_group(struct kex *k, struct slice p, struct slice g)
{
	buf_reset(&k->group_p);
	put_bytes(&k->group_p, p);
	buf_reset(&k->group_g);
	put_bytes(&k->group_g, g);
}

/* Server. What is hashed is what the client said, what is asked for is cut to what we do. */
static bool ask_group(struct ssh *ssh, uint32_t min, uint32_t preferred, uint32_t max)
{
	struct kex *k = &ssh->kex;
	k->gex_min = min, k->gex_preferred = preferred, k->gex_max = max;
	if (max < min || preferred < min || max < preferred || max < GROUP_MIN) {
		ssh_die(ssh, REASON_KEX_FAILED, "group exchange: no group has %u to %u bits here", min, max);
		return false;
	}
	uint32_t low = within(min, GROUP_MIN, GROUP_MAX), high = within(max, GROUP_MIN, GROUP_MAX);
	struct ask ask = {.kind = ASK_GROUP, .group = {low, within(preferred, low, high), high}};
	ask_open(ssh, &ask);
	return true;
}

/* RFC 4419, section 3. */
bool on_gex_request(struct ssh *ssh, struct slice payload)
{
	struct msg_gex_request m;
	if (ssh->kex.group_p.len || !msg_decode(&desc_gex_request, payload, &m))
		return malformed(ssh, "GEX_REQUEST");
	ssh->kex.gex_old = false;
	return ask_group(ssh, m.min, m.preferred, m.max);
}

/* RFC 4419, section 5: the request of earlier drafts. */
bool on_gex_request_old(struct ssh *ssh, struct slice payload)
{
	struct msg_gex_request_old m;
	if (ssh->kex.group_p.len || !msg_decode(&desc_gex_request_old, payload, &m))
		return malformed(ssh, "GEX_REQUEST_OLD");
	ssh->kex.gex_old = true;
	uint32_t n = m.preferred, wanted = within(n, GROUP_MIN, GROUP_MAX);
	bool ok = ask_group(ssh, GROUP_MIN, wanted, GROUP_MAX);
	ssh->kex.gex_preferred = n;
	return ok;
}

void gex_answered(struct ssh *ssh, const struct answer_group *a)
{
	struct kex *k = &ssh->kex;
	struct kem_group g = {a->p, a->g};
	if (!a->ok)
		g = kem_fallback_group(within(k->gex_min, GROUP_MIN, GROUP_MAX), k->gex_preferred, k->gex_max);
	if (g.p.n == 0) {
		ssh_die(ssh, REASON_KEX_FAILED, "group exchange: no group of %u to %u bits is there", k->gex_min, k->gex_max);
		return;
	}
	take_group(k, g.p, g.g);
	packet_send(ssh, &desc_gex_group, &(struct msg_gex_group){g.p, g.g});
}

/* Client. */
bool on_gex_group(struct ssh *ssh, struct slice payload)
{
	struct kex *k = &ssh->kex;
	struct msg_gex_group m;
	if (k->group_p.len || !msg_decode(&desc_gex_group, payload, &m))
		return malformed(ssh, "GEX_GROUP");
	uint32_t bits = bits_of(m.p);
	if (bits < k->gex_min || bits > k->gex_max) {
		ssh_die(ssh, REASON_KEX_FAILED, "the server's group has %u bits, not %u to %u", bits, k->gex_min, k->gex_max);
		return false;
	}
	take_group(k, m.p, m.g);
	struct kem_group g = {buf_slice(&k->group_p), buf_slice(&k->group_g)};
	kex_send_init(ssh, k->agreed.kem, &g);
	return true;
}

bool on_gex_init(struct ssh *ssh, struct slice payload)
{
	struct msg_kex_init m;
	if (ssh->kex.group_p.len == 0 || !msg_decode(&desc_gex_init, payload, &m))
		return malformed(ssh, "GEX_INIT");
	return kex_init_common(ssh, m.client_public);
}

bool on_gex_reply(struct ssh *ssh, struct slice payload)
{
	struct msg_kex_reply m;
	if (ssh->kex.group_p.len == 0 || !msg_decode(&desc_gex_reply, payload, &m))
		return malformed(ssh, "GEX_REPLY");
	return kex_reply_common(ssh, &m);
}
