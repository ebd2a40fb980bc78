/* Key exchange of two messages (RFC 4253, 8; RFC 5656, 4; RFC 8731; the hybrids), both roles. */
#include "core/kex.h"

#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "core/handlers.h"
#include "core/packet.h"
#include "key/cert.h"

enum { VALUE_MAX = PACKET_MAX, TRANSCRIPT_MAX = 4 * PACKET_MAX };   /* whatever a packet can hold is hashed whole */

void kex_init(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	struct buf *values[] = {&k->my_init, &k->peer_init, &k->client_public, &k->server_public, &k->host_key,
		&k->group_p, &k->group_g, &k->first_host_key, &k->first_signature, &k->peer_version, &k->my_version};
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		*values[i] = BUF_INIT(VALUE_MAX);
	k->shared = BUF_INIT_SECRET(VALUE_MAX);
	k->session_id = BUF_INIT(HASH_MAX);
	k->names = (struct ssh_names){"", "", "", "", "", "", "", ""};
}

void kex_wipe_exchange(struct kex *k)
{
	kem_free(k->kem);
	k->kem = NULL;
	k->kem_of = NULL;
	struct buf *values[] = {&k->client_public, &k->server_public, &k->group_p, &k->group_g, &k->shared, &k->my_init, &k->peer_init};
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		buf_clear(values[i]);
	mem_wipe(k->hash, sizeof k->hash);
}

void kex_clear(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	kex_wipe_exchange(k);
	box_free(k->next_in);
	box_free(k->next_out);
	struct buf *values[] = {&k->host_key, &k->first_host_key, &k->first_signature, &k->peer_version, &k->my_version, &k->session_id};
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		buf_clear(values[i]);
}

/* The client's KEXINIT, if it lies in the input behind its version line already. */
static bool peek_strict(const struct ssh *ssh)
{
	const struct packet_in *in = &ssh->packet.in;
	struct reader r = reader_of(slice_of(in->p + in->start, in->end - in->start));
	struct slice packet = get_string(&r);
	if (packet.n < 6 || packet.p[0] + 1u >= packet.n)
		return false;
	struct msg_kexinit m;
	return msg_decode(&desc_kexinit, slice_of(packet.p + 1, packet.n - 1 - packet.p[0]), &m) &&
		names_has_str(m.kex, "kex-strict-c-v00@openssh.com");
}

/* Whether algorithms that are unsafe without strict kex should not be offered. A client that speaks
 * first cannot know; there the order of its list decides, and kexinit.c ends what would be unsafe. */
static bool trim_prone(const struct ssh *ssh)
{
	const struct kex *k = &ssh->kex;
	if (k->count > 0 || k->got)
		return !k->strict;
	if (ssh->role == SSH_CLIENT || ssh->quirks & QUIRK_STRICT)
		return false;
	return !peek_strict(ssh);
}

static const struct kem_alg *first_method(const struct ssh *ssh)
{
	struct slice list = slice_str(ssh->setup.algs.kex), name;
	while (names_next(&list, &name)) {
		const struct kem_alg *alg = kem_find(name);
		if (alg)
			return alg;
	}
	return NULL;
}

void kex_start(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	if (k->sent || ssh->phase == PHASE_OVER)
		return;
	const struct kem_alg *alg = first_method(ssh);
	bool first = k->count == 0;
	bool guess = first && !k->got && ssh->role == SSH_CLIENT && ssh->setup.guess && alg && !alg->group_exchange;
	kexinit_build(ssh, trim_prone(ssh), guess);
	k->sent = true;
	k->newkeys_sent = false;
	packet_send_raw(ssh, buf_slice(&k->my_init));
	if (guess) {
		k->guess_sent = true;
		ssh->kex_context = CONTEXT_KEX;
		kex_send_init(ssh, alg, NULL);
	}
}

/* RFC 4253 (8), RFC 4419 (3) for the group. An ephemeral value that went out with a wrong guess serves again
 * where the method is the same: the peer never looked at it. */
void kex_send_init(struct ssh *ssh, const struct kem_alg *alg, const struct kem_group *group)
{
	struct kex *k = &ssh->kex;
	if (!k->kem || k->kem_of != alg || group) {
		kem_free(k->kem);
		buf_reset(&k->client_public);
		k->kem = kem_client_start(alg, group, &k->client_public);
		k->kem_of = alg;
	}
	if (!k->kem) {
		ssh_die(ssh, REASON_KEX_FAILED, "the server's group for %s is not acceptable", alg->name);
		return;
	}
	struct msg_kex_init m = {buf_slice(&k->client_public)};
	packet_send(ssh, group ? &desc_gex_init : &desc_kex_init, &m);
}

void kex_client_begin(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	if (k->agreed.kem->group_exchange)
		gex_client_begin(ssh);
	else if (!k->guess_sent)
		kex_send_init(ssh, k->agreed.kem, NULL);
	k->guess_sent = false;
}

/* What the exchange hash covers: RFC 4253 (8), RFC 4419 (3), RFC 5656 (4). */
static void put_transcript(const struct ssh *ssh, struct buf *t)
{
	const struct kex *k = &ssh->kex;
	bool client = ssh->role == SSH_CLIENT;
	put_string(t, buf_slice(client ? &k->my_version : &k->peer_version));
	put_string(t, buf_slice(client ? &k->peer_version : &k->my_version));
	put_string(t, buf_slice(client ? &k->my_init : &k->peer_init));
	put_string(t, buf_slice(client ? &k->peer_init : &k->my_init));
	put_string(t, buf_slice(&k->host_key));
	if (k->agreed.kem->group_exchange)
		gex_transcript(ssh, t);
	put_string(t, buf_slice(&k->client_public));
	put_string(t, buf_slice(&k->server_public));
	put_bytes(t, buf_slice(&k->shared));
}

static void hash_transcript(struct ssh *ssh, struct slice transcript)
{
	struct kex *k = &ssh->kex;
	const struct hash_alg *alg = k->agreed.kem->hash;
	hash_once(alg, transcript, k->hash);
	if (k->session_id.len == 0)
		put_bytes(&k->session_id, slice_of(k->hash, alg->len));
}

static void choose_host_key(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	buf_reset(&k->host_key);
	for (size_t i = 0; i < ssh->setup.host_key_count; i++) {
		struct reader r = reader_of(ssh->setup.host_keys[i]);
		if (slice_eq_str(get_string(&r), k->agreed.host_key->type)) {
			put_bytes(&k->host_key, ssh->setup.host_keys[i]);
			return;
		}
	}
}

static struct kem_group group_of(const struct kex *k)
{
	return (struct kem_group){buf_slice(&k->group_p), buf_slice(&k->group_g)};
}

/* Server: the client's value is here; asks for the signature. */
bool kex_init_common(struct ssh *ssh, struct slice client_public)
{
	struct kex *k = &ssh->kex;
	const struct kem_alg *alg = k->agreed.kem;
	struct kem_group group = group_of(k);
	buf_reset(&k->client_public);
	put_bytes(&k->client_public, client_public);
	buf_reset(&k->server_public);
	buf_reset(&k->shared);
	if (!kem_server_reply(alg, alg->group_exchange ? &group : NULL, client_public, &k->server_public, &k->shared)) {
		ssh_die(ssh, REASON_KEX_FAILED, "the client's value for %s is not valid", alg->name);
		return false;
	}
	choose_host_key(ssh);
	struct buf t = BUF_INIT_SECRET(TRANSCRIPT_MAX);
	put_transcript(ssh, &t);
	hash_transcript(ssh, buf_slice(&t));
	struct ask ask = {.kind = ASK_HOSTSIGN, .hostsign = {slice_str(alg->name), slice_str(k->agreed.host_key->name), buf_slice(&t)}};
	ask_open(ssh, &ask);
	buf_clear(&t);
	return true;
}

/* RFC 4253, section 8. */
bool on_kex_init(struct ssh *ssh, struct slice payload)
{
	struct msg_kex_init m;
	if (msg_decode(&desc_kex_init, payload, &m))
		return kex_init_common(ssh, m.client_public);
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed KEX_INIT");
	return false;
}

static void host_signed(struct ssh *ssh, const struct answer_sign *a)
{
	struct kex *k = &ssh->kex;
	if (!a->ok) {
		ssh_die(ssh, REASON_KEX_FAILED, "the host key could not sign");
		return;
	}
	struct msg_kex_reply m = {buf_slice(&k->host_key), buf_slice(&k->server_public), a->signature};
	packet_send(ssh, k->agreed.kem->group_exchange ? &desc_gex_reply : &desc_kex_reply, &m);
	newkeys_derive(ssh);
	newkeys_send(ssh);
}

/* Of a certificate the key inside signs (PROTOCOL.certkeys of OpenSSH); whether the certificate is any good is for
 * whoever answers ASK_HOSTKEY to say. */
static bool signature_holds(struct ssh *ssh, const struct msg_kex_reply *m)
{
	const struct kex *k = &ssh->kex;
	struct err e = {0};
	struct key *key = key_from_any(m->host_key, NULL, &e);
	if (!key) {
		ssh_die(ssh, REASON_KEX_FAILED, "the server's host key cannot be used: %s", e.text);
		return false;
	}
	struct reader blob = reader_of(m->host_key);
	bool type_fits = slice_eq_str(get_string(&blob), k->agreed.host_key->type);
	struct slice hash = slice_of(k->hash, k->agreed.kem->hash->len);
	struct sk_flags flags;                          /* nobody stands beside a host to touch its security key */
	bool good = type_fits && key_verify_sk(key, k->agreed.host_key, hash, m->signature, &flags) == VERDICT_VERIFIED;
	key_free(key);
	if (!type_fits)
		ssh_die(ssh, REASON_KEX_FAILED, "the server's host key is no %s", k->agreed.host_key->type);
	else if (!good)
		ssh_die(ssh, REASON_KEX_FAILED, "the server's signature over the key exchange is wrong: it does not have the host key it shows");
	return good;
}

/* The same key as before needs no second look; another one does. */
static void check_host_key(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	if (k->count > 0 && slice_eq(buf_slice(&k->host_key), buf_slice(&k->first_host_key))) {
		newkeys_derive(ssh);
		newkeys_send(ssh);
		return;
	}
	struct ask ask = {.kind = ASK_HOSTKEY,
		.hostkey = {slice_str(k->agreed.host_key->name), buf_slice(&k->host_key), k->count > 0}};
	ask_open(ssh, &ask);
}

/* Client: shared secret, exchange hash, signature. */
bool kex_reply_common(struct ssh *ssh, const struct msg_kex_reply *m)
{
	struct kex *k = &ssh->kex;
	buf_reset(&k->server_public);
	buf_reset(&k->host_key);
	buf_reset(&k->shared);
	put_bytes(&k->server_public, m->server_public);
	put_bytes(&k->host_key, m->host_key);
	if (!kem_client_finish(k->kem, m->server_public, &k->shared)) {
		ssh_die(ssh, REASON_KEX_FAILED, "the server's value for %s is not valid", k->agreed.kem->name);
		return false;
	}
	struct buf t = BUF_INIT_SECRET(TRANSCRIPT_MAX);
	put_transcript(ssh, &t);
	hash_transcript(ssh, buf_slice(&t));
	buf_clear(&t);
	if (!signature_holds(ssh, m))
		return false;
	if (k->count == 0)
		put_bytes(&k->first_signature, m->signature);
	check_host_key(ssh);
	return true;
}

/* RFC 4253, section 8. */
bool on_kex_reply(struct ssh *ssh, struct slice payload)
{
	struct msg_kex_reply m;
	if (msg_decode(&desc_kex_reply, payload, &m))
		return kex_reply_common(ssh, &m);
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed KEX_REPLY");
	return false;
}

void kex_answered(struct ssh *ssh, const struct answer *answer)
{
	if (answer->kind == ASK_HOSTSIGN) {
		host_signed(ssh, &answer->sign);
	} else if (answer->kind == ASK_GROUP) {
		gex_answered(ssh, &answer->group);
	} else if (answer->yes.ok) {
		newkeys_derive(ssh);
		newkeys_send(ssh);
	} else {
		ssh_die(ssh, REASON_HOST_KEY_NOT_VERIFIABLE, "%s",
			answer->yes.text.n ? text_show(answer->yes.text) : "Host key verification failed.");
	}
}
