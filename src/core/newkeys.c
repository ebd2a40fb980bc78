/* New keys: RFC 4253, sections 7.2 and 7.3; strict kex of OpenSSH's PROTOCOL, 1.10. */
#include "core/kex.h"

#include <string.h>

#include "base/mem.h"
#include "core/handlers.h"
#include "core/packet.h"

enum { DERIVED_MAX = 2 * HASH_MAX };

/* K1 = HASH(K || H || X || session_id), K2 = HASH(K || H || K1), ... */
static void derive(const struct kex *k, char letter, size_t need, uint8_t out[DERIVED_MAX])
{
	const struct hash_alg *alg = k->agreed.kem->hash;
	struct hash *base = hash_new(alg);
	hash_add(base, buf_slice(&k->shared));
	hash_add(base, slice_of(k->hash, alg->len));
	for (size_t have = 0; have < need; have += alg->len) {
		struct hash *h = hash_copy(base);
		if (have == 0) {
			hash_add(h, slice_of(&letter, 1));
			hash_add(h, buf_slice(&k->session_id));
		} else {
			hash_add(h, slice_of(out, have));
		}
		hash_end(h, out + have);
		hash_free(h);
	}
	hash_free(base);
}

static struct box *derive_box(const struct kex *k, int way, bool seal)
{
	const struct box_alg *cipher = k->agreed.cipher[way];
	const struct mac_alg *mac = k->agreed.mac[way];
	uint8_t iv[DERIVED_MAX], key[DERIVED_MAX], mac_key[DERIVED_MAX];
	derive(k, (char)('A' + way), cipher->iv_len, iv);
	derive(k, (char)('C' + way), cipher->key_len, key);
	derive(k, (char)('E' + way), mac ? mac->key_len : 0, mac_key);
	struct box *box = box_new(cipher, mac, key, iv, mac_key, seal);
	mem_wipe(iv, sizeof iv);
	mem_wipe(key, sizeof key);
	mem_wipe(mac_key, sizeof mac_key);
	return box;
}

void newkeys_derive(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	int out = ssh->role == SSH_CLIENT ? CLIENT_TO_SERVER : SERVER_TO_CLIENT;
	if (ssh->phase == PHASE_OVER)
		return;
	k->next_out = derive_box(k, out, true);
	k->next_in = derive_box(k, !out, false);
	if (k->count == 0)
		put_bytes(&k->first_host_key, buf_slice(&k->host_key));
}

/* "zlib" compresses from NEWKEYS on, "zlib@openssh.com" from the login on. Each exchange starts a new stream. */
static struct zstate *compression(const struct ssh *ssh, int way, bool deflate)
{
	const char *name = ssh->kex.agreed.comp[way];
	bool on = strcmp(name, "zlib") == 0 || (strcmp(name, "zlib@openssh.com") == 0 && ssh->after_kex == PHASE_OPEN);
	return on ? zip_new(deflate) : NULL;
}

void newkeys_send(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	int way = ssh->role == SSH_CLIENT ? CLIENT_TO_SERVER : SERVER_TO_CLIENT;
	if (ssh->phase == PHASE_OVER)
		return;
	packet_send(ssh, &desc_newkeys, &(struct msg_empty){0});
	packet_use_out(ssh, k->next_out, compression(ssh, way, true));
	k->next_out = NULL;
	if (k->strict)
		ssh->packet.out.seq = 0;
	k->newkeys_sent = true;
	ssh->phase = k->count == 0 && k->strict ? PHASE_NEWKEYS : PHASE_NEWKEYS_LOOSE;
	if (k->count == 0 && k->peer_ext_info)
		extinfo_send(ssh);                          /* RFC 8308, 2.4: right behind the first NEWKEYS */
	packet_flush_queue(ssh);
	ssh->asked_at = ssh->now;
}

static void finish(struct ssh *ssh)
{
	struct kex *k = &ssh->kex;
	kex_wipe_exchange(k);
	k->sent = k->got = k->newkeys_sent = false;
	k->done_at = ssh->now;
	k->count++;
	ssh->phase = ssh->after_kex;
	event_push(ssh, EV_KEXED)->number = k->count;
	if (k->count == 1 && ssh->role == SSH_CLIENT)
		auth_begin(ssh);
	if (ssh->phase == PHASE_OPEN)
		mux_keys_changed(ssh);
}

/* RFC 4253, section 7.3. */
bool on_newkeys(struct ssh *ssh, struct slice payload)
{
	struct kex *k = &ssh->kex;
	int way = ssh->role == SSH_CLIENT ? SERVER_TO_CLIENT : CLIENT_TO_SERVER;
	if (payload.n != 1) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed NEWKEYS");
		return false;
	}
	packet_use_in(ssh, k->next_in, compression(ssh, way, false));
	k->next_in = NULL;
	if (k->strict)
		ssh->packet.in.seq = 0;
	finish(ssh);
	return true;
}
