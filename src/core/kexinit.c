/* RFC 4253, section 7.1: offers and what they come to. */
#include "core/kex.h"

#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "core/handlers.h"
#include "core/packet.h"

#define CHACHA "chacha20-poly1305@openssh.com"
#define STRICT_C "kex-strict-c-v00@openssh.com"
#define STRICT_S "kex-strict-s-v00@openssh.com"

static bool is_chacha(const char *cipher)
{
	return strcmp(cipher, CHACHA) == 0;
}

static bool is_cbc(const char *cipher)
{
	size_t n = strlen(cipher);
	return n > 4 && strcmp(cipher + n - 4, "-cbc") == 0;
}

bool kex_is_prone(const struct box_alg *cipher, const struct mac_alg *mac)
{
	return is_chacha(cipher->name) || (is_cbc(cipher->name) && mac && mac->etm);
}

static bool have_host_key(const struct ssh *ssh, const char *type)
{
	for (size_t i = 0; i < ssh->setup.host_key_count; i++) {
		struct reader r = reader_of(ssh->setup.host_keys[i]);
		if (slice_eq_str(get_string(&r), type))
			return true;
	}
	return false;
}

enum list_kind { LIST_KEX, LIST_HOST_KEY, LIST_CIPHER, LIST_MAC, LIST_COMP };

static bool known_comp(struct slice name)
{
	return slice_eq_str(name, "none") || slice_eq_str(name, "zlib") || slice_eq_str(name, "zlib@openssh.com");
}

static bool usable(const struct ssh *ssh, enum list_kind kind, struct slice name)
{
	const struct key_alg *key;
	switch (kind) {
	case LIST_KEX: return kem_find(name) && !(ssh->quirks & QUIRK_CURVE25519_PAD && slice_has_prefix(name, "curve25519-"));
	case LIST_CIPHER: return box_find(name) != NULL;
	case LIST_MAC: return mac_find(name) != NULL;
	case LIST_COMP: return known_comp(name);
	case LIST_HOST_KEY: break;
	}
	key = key_alg_find(name);
	return key && (ssh->role == SSH_CLIENT || have_host_key(ssh, key->type));
}

/* The names of one list that can be used, into b. */
static struct slice offer(const struct ssh *ssh, enum list_kind kind, const char *list, struct buf *b)
{
	struct slice rest = slice_str(list), name;
	*b = BUF_INIT(16 * 1024);
	while (names_next(&rest, &name))
		if (usable(ssh, kind, name))
			names_add_slice(b, name);
	return buf_slice(b);
}

/* Without strict kex at the peer, chacha20-poly1305 and CBC with encrypt-then-MAC let an attacker drop
 * messages at the start unnoticed (CVE-2023-48795). GCM and CTR are safe and nearly every such peer has one
 * (tinysshd before 2024 has not): who must, allows nothing else by name, and gets it. */
static struct slice without_prone(struct buf *b, bool (*prone)(const char *))
{
	struct buf left = BUF_INIT(16 * 1024);
	struct slice rest = buf_slice(b), name;
	while (names_next(&rest, &name)) {
		char *s = slice_dup(name);
		if (!prone(s))
			names_add_slice(&left, name);
		mem_free(s);
	}
	if (left.len == 0) {
		buf_clear(&left);
		return buf_slice(b);
	}
	buf_clear(b);
	*b = left;
	return buf_slice(b);
}

static bool is_etm(const char *mac)
{
	return strstr(mac, "-etm") != NULL;
}

static bool has_cbc(struct slice list)
{
	struct slice name;
	while (names_next(&list, &name))
		if (name.n > 4 && memcmp(name.p + name.n - 4, "-cbc", 4) == 0)
			return true;
	return false;
}

/* ext-info and strict kex are said once (RFC 8308, 2.1; PROTOCOL of OpenSSH, 1.10). */
static void add_markers(const struct ssh *ssh, struct buf *kex)
{
	if (ssh->kex.count > 0)
		return;
	names_add(kex, ssh->role == SSH_CLIENT ? "ext-info-c" : "ext-info-s");
	names_add(kex, ssh->role == SSH_CLIENT ? STRICT_C : STRICT_S);
}

void kexinit_build(struct ssh *ssh, bool trim_prone, bool first_follows)
{
	const struct ssh_algs *a = &ssh->setup.algs;
	struct buf b[8];
	uint8_t cookie[16];
	random_bytes(cookie, sizeof cookie);
	struct msg_kexinit m = {.cookie = slice_of(cookie, sizeof cookie), .first_follows = first_follows};
	m.kex = offer(ssh, LIST_KEX, a->kex, &b[0]);
	m.host_key = offer(ssh, LIST_HOST_KEY, a->host_key, &b[1]);
	m.cipher_cs = offer(ssh, LIST_CIPHER, a->cipher_cs, &b[2]);
	m.cipher_sc = offer(ssh, LIST_CIPHER, a->cipher_sc, &b[3]);
	m.mac_cs = offer(ssh, LIST_MAC, a->mac_cs, &b[4]);
	m.mac_sc = offer(ssh, LIST_MAC, a->mac_sc, &b[5]);
	m.comp_cs = offer(ssh, LIST_COMP, a->comp_cs, &b[6]);
	m.comp_sc = offer(ssh, LIST_COMP, a->comp_sc, &b[7]);
	if (trim_prone) {
		m.cipher_cs = without_prone(&b[2], is_chacha);
		m.cipher_sc = without_prone(&b[3], is_chacha);
		if (has_cbc(m.cipher_cs) || has_cbc(m.cipher_sc)) {
			m.mac_cs = without_prone(&b[4], is_etm);
			m.mac_sc = without_prone(&b[5], is_etm);
		}
	}
	add_markers(ssh, &b[0]);
	m.kex = buf_slice(&b[0]);
	buf_reset(&ssh->kex.my_init);
	msg_encode(&desc_kexinit, &m, &ssh->kex.my_init);
	for (size_t i = 0; i < ARRAY_LEN(b); i++)
		buf_clear(&b[i]);
}

static bool miss(struct kex_miss *out, const char *what, struct slice their_offer)
{
	*out = (struct kex_miss){what, their_offer};
	return false;
}

static const char *comp_name(struct slice name)
{
	static const char *const names[] = {"none", "zlib", "zlib@openssh.com"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_eq_str(name, names[i]))
			return names[i];
	return NULL;
}

/* Cipher, MAC and compression of one direction. */
static bool negotiate_direction(const struct slice client[3], const struct slice server[3], bool i_am_client, struct agreed *a,
                                int way, struct kex_miss *out)
{
	const struct slice *theirs = i_am_client ? server : client;
	a->cipher[way] = box_find(names_common(client[0], server[0]));
	if (!a->cipher[way])
		return miss(out, "cipher", theirs[0]);
	a->mac[way] = a->cipher[way]->tag_len ? NULL : mac_find(names_common(client[1], server[1]));
	if (!a->mac[way] && a->cipher[way]->tag_len == 0)
		return miss(out, "MAC", theirs[1]);
	a->comp[way] = comp_name(names_common(client[2], server[2]));
	return a->comp[way] || miss(out, "compression method", theirs[2]);
}

bool kex_negotiate(const struct msg_kexinit *client, const struct msg_kexinit *server, enum ssh_role mine,
                   struct agreed *a, struct kex_miss *out)
{
	bool i_am_client = mine == SSH_CLIENT;
	const struct msg_kexinit *theirs = i_am_client ? server : client;
	*a = (struct agreed){0};
	a->kem = kem_find(names_common(client->kex, server->kex));
	if (!a->kem)
		return miss(out, "key exchange method", theirs->kex);
	a->host_key = key_alg_find(names_common(client->host_key, server->host_key));
	if (!a->host_key)
		return miss(out, "host key type", theirs->host_key);
	struct slice c[2][3] = {{client->cipher_cs, client->mac_cs, client->comp_cs}, {client->cipher_sc, client->mac_sc, client->comp_sc}};
	struct slice s[2][3] = {{server->cipher_cs, server->mac_cs, server->comp_cs}, {server->cipher_sc, server->mac_sc, server->comp_sc}};
	return negotiate_direction(c[0], s[0], i_am_client, a, CLIENT_TO_SERVER, out) &&
		negotiate_direction(c[1], s[1], i_am_client, a, SERVER_TO_CLIENT, out);
}

bool kex_guess_right(const struct msg_kexinit *client, const struct msg_kexinit *server)
{
	struct slice ck = client->kex, sk = server->kex, ch = client->host_key, sh = server->host_key;
	return slice_eq(slice_cut(&ck, ','), slice_cut(&sk, ',')) && slice_eq(slice_cut(&ch, ','), slice_cut(&sh, ','));
}

/* The option that would allow more, for the one line that a user reads. */
static const char *option_of(const char *what)
{
	static const struct { const char *what, *option; } rows[] = {
		{"key exchange method", "KexAlgorithms"}, {"host key type", "HostKeyAlgorithms"}, {"cipher", "Ciphers"},
		{"MAC", "MACs"}, {"compression method", "Compression"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(what, rows[i].what) == 0)
			return rows[i].option;
	return "";
}

/* Log template 10 of OpenSSH: the server's text is that, to the letter. */
static void no_match(struct ssh *ssh, const struct kex_miss *m)
{
	struct buf offer_text = BUF_INIT(4096);
	put_text(&offer_text, m->their_offer, 1024, 0);
	ssh->kex.no_common = true;
	if (ssh->role == SSH_CLIENT && !ssh->kex.strict && strcmp(m->what, "cipher") == 0 && names_has_str(m->their_offer, CHACHA))
		ssh_die(ssh, REASON_KEX_FAILED, "no matching cipher found. Their offer: %s. Without strict key exchange, which the server lacks, "
			CHACHA " is not safe (CVE-2023-48795). To use it nevertheless: -c " CHACHA, buf_cstr(&offer_text));
	else if (ssh->role == SSH_SERVER)
		ssh_die(ssh, REASON_KEX_FAILED, "no matching %s found. Their offer: %s", m->what, buf_cstr(&offer_text));
	else
		ssh_die(ssh, REASON_KEX_FAILED, "no matching %s found. Their offer: %s. To allow one of these: -o %s=+NAME",
			m->what, buf_cstr(&offer_text), option_of(m->what));
	buf_clear(&offer_text);
}

static void note_names(struct ssh *ssh)
{
	const struct agreed *a = &ssh->kex.agreed;
	struct ssh_names *n = &ssh->kex.names;
	const char *mac[2];
	for (int i = 0; i < 2; i++)
		mac[i] = a->mac[i] ? a->mac[i]->name : "<implicit>";
	*n = (struct ssh_names){a->kem->name, a->host_key->name, a->cipher[0]->name, a->cipher[1]->name, mac[0], mac[1], a->comp[0], a->comp[1]};
	trace(ssh, LOG_LEVEL_DEBUG1, "kex: algorithm: %s", n->kex);
	trace(ssh, LOG_LEVEL_DEBUG1, "kex: host key algorithm: %s", n->host_key);
	trace(ssh, LOG_LEVEL_DEBUG1, "kex: client->server cipher: %s MAC: %s compression: %s", n->cipher_cs, n->mac_cs, n->comp_cs);
	trace(ssh, LOG_LEVEL_DEBUG1, "kex: server->client cipher: %s MAC: %s compression: %s", n->cipher_sc, n->mac_sc, n->comp_sc);
}

/* What the first KEXINIT says about the peer, and only that one. False: strict kex was broken already. */
static bool take_markers(struct ssh *ssh, const struct msg_kexinit *theirs)
{
	struct kex *k = &ssh->kex;
	bool client = ssh->role == SSH_CLIENT;
	k->peer_ext_info = names_has_str(theirs->kex, client ? "ext-info-s" : "ext-info-c");
	k->strict = names_has_str(theirs->kex, client ? STRICT_S : STRICT_C);
	if (k->strict && ssh->packet.in.seq != 1) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "strict KEX violation: KEXINIT was not the first packet");
		return false;
	}
	return true;
}

/* Our own offer has nothing that would be safe with this peer: that is what the configuration wants. */
static bool has_no_choice(const struct msg_kexinit *ours, int way)
{
	struct slice ciphers = way == CLIENT_TO_SERVER ? ours->cipher_cs : ours->cipher_sc, cipher, mac;
	while (names_next(&ciphers, &cipher)) {
		const struct box_alg *box = box_find(cipher);
		struct slice macs = way == CLIENT_TO_SERVER ? ours->mac_cs : ours->mac_sc;
		if (box && box->tag_len && !kex_is_prone(box, NULL))
			return false;
		while (box && !box->tag_len && names_next(&macs, &mac))
			if (mac_find(mac) && !kex_is_prone(box, mac_find(mac)))
				return false;
	}
	return true;
}

static bool agree(struct ssh *ssh, const struct msg_kexinit *client, const struct msg_kexinit *server)
{
	struct kex *k = &ssh->kex;
	struct kex_miss m;
	struct agreed *a = &k->agreed;
	if (!kex_negotiate(client, server, ssh->role, a, &m)) {
		no_match(ssh, &m);
		return false;
	}
	for (int way = 0; way < DIRECTIONS && !k->strict; way++)
		if (kex_is_prone(a->cipher[way], a->mac[way]) && !has_no_choice(ssh->role == SSH_CLIENT ? client : server, way)) {
			ssh_die(ssh, REASON_KEX_FAILED, "%s is not safe with a peer that lacks strict key exchange (CVE-2023-48795); "
				"allow an aes-gcm or aes-ctr cipher, or update the peer", a->cipher[way]->name);
			return false;
		}
	note_names(ssh);
	return true;
}

/* RFC 4253, sections 7 and 7.1. */
bool on_kexinit(struct ssh *ssh, struct slice payload)
{
	struct kex *k = &ssh->kex;
	struct msg_kexinit theirs, ours;
	if (!msg_decode(&desc_kexinit, payload, &theirs) || theirs.kex.n == 0) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed KEXINIT");
		return false;
	}
	bool first = k->count == 0, client = ssh->role == SSH_CLIENT;
	if (first && !take_markers(ssh, &theirs))
		return false;
	buf_reset(&k->peer_init);
	put_bytes(&k->peer_init, payload);
	k->got = true;
	kex_start(ssh);
	if (!msg_decode(&desc_kexinit, buf_slice(&k->my_init), &ours))
		return false;                               /* only if it is over */
	const struct msg_kexinit *c = client ? &ours : &theirs, *s = client ? &theirs : &ours;
	if (!agree(ssh, c, s))
		return false;
	k->skip_next = theirs.first_follows && !kex_guess_right(c, s);
	if (k->guess_sent && !kex_guess_right(c, s)) {
		k->guess_sent = false;
		k->guess_wrong = true;
		trace(ssh, LOG_LEVEL_DEBUG1, "kex: our guess was wrong, the server passes over it");
	}
	ssh->phase = first && k->strict ? PHASE_KEX : PHASE_KEX_LOOSE;
	ssh->kex_context = k->agreed.kem->group_exchange ? CONTEXT_GEX : CONTEXT_KEX;
	if (client)
		kex_client_begin(ssh);
	return true;
}
