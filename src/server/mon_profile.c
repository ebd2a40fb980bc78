#include "server/monitor.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "conf/algs.h"
#include "core/ssh.h"
#include "crypto/box.h"
#include "crypto/kem.h"
#include "sys/fd.h"
#include "sys/process.h"

/* What the kernel holds unsent: enough to keep a fast path busy, little enough that a keystroke does not wait behind bulk. */
enum { NAMES_MAX = 8192, NOTSENT_BYTES = 256 << 10 };

/* Names of a list that this build can do. */
static void put_usable(struct buf *out, const char *configured, bool (*usable)(struct slice))
{
	struct slice list = slice_str(configured), name;
	while (names_next(&list, &name))
		if (usable(name))
			names_add_slice(out, name);
}

static bool kex_usable(struct slice name)
{
	return kem_find(name) != NULL;
}

static bool cipher_usable(struct slice name)
{
	return box_find(name) != NULL;
}

static bool mac_usable(struct slice name)
{
	return mac_find(name) != NULL;
}

/* RFC 8308, 3.1: server-sig-algs. What a certificate's key signs under is there in its own right. */
static bool sig_usable(struct slice name)
{
	const struct key_alg *alg = key_alg_find(name);
	return alg && alg->plain == NULL;
}

static uint32_t tos(int value)
{
	return value < 0 ? UINT32_MAX : (uint32_t)value;
}

static void put_software(const struct monitor *m, struct buf *out)
{
	put_str(out, SSH_SOFTWARE);
	if (m->conf.version_addendum && *m->conf.version_addendum)
		put_fmt(out, " %s", m->conf.version_addendum);
}

/* Some more than there may be sessions: those that are refused are channels for a moment, too. */
static uint32_t channels(const struct sshd_conf *c)
{
	enum { LEAST = 128, SPARE = 32 };
	uint32_t want = (uint32_t)c->max_sessions + SPARE;
	return want < LEAST ? LEAST : want > NET_CHANNELS ? NET_CHANNELS : want;
}

bool mon_send_profile(struct monitor *m, uint16_t number, const int *fds, size_t n)
{
	struct buf software = BUF_INIT(256), kex = BUF_INIT(NAMES_MAX), cipher = BUF_INIT(NAMES_MAX), mac = BUF_INIT(NAMES_MAX),
		sig = BUF_INIT(NAMES_MAX), timeouts = BUF_INIT(NAMES_MAX), keys = BUF_INIT(1 << 18);
	const struct sshd_conf *c = &m->conf;
	char *host_key = hostkeys_algorithms(m->shared->keys, c->host_key_algorithms);
	put_software(m, &software);
	put_usable(&kex, c->kex_algorithms, kex_usable);
	put_usable(&cipher, c->ciphers, cipher_usable);
	put_usable(&mac, c->macs, mac_usable);
	put_usable(&sig, c->pubkey_accepted_algorithms, sig_usable);
	for (size_t i = 0; i < c->channel_timeout.n; i++)
		put_fmt(&timeouts, "%s%s", i ? " " : "", c->channel_timeout.v[i]);
	hostkeys_put(m->shared->keys, &keys);
	struct frame_profile p = {
		.software = buf_slice(&software), .kex = buf_slice(&kex), .host_key = slice_str(host_key),
		.cipher_cs = buf_slice(&cipher), .cipher_sc = buf_slice(&cipher), .mac_cs = buf_slice(&mac), .mac_sc = buf_slice(&mac),
		.comp = slice_str(c->compression == CONF_COMPRESS_NO ? "none" : "none,zlib@openssh.com"),
		.sig_algs = buf_slice(&sig), .timeouts = buf_slice(&timeouts), .host_keys = buf_slice(&keys),
		.rekey_bytes = c->rekey_limit.bytes, .rekey_ms = c->rekey_limit.seconds * 1000,
		.keepalive_ms = (uint64_t)c->client_alive_interval * 1000, .keepalive_count = (uint32_t)c->client_alive_count_max,
		.channel_max = channels(c), .window_max = c->channel_window_max, .trace = (uint32_t)log_get_level(),
		.unused_ms = c->unused_connection_timeout > 0 ? (uint64_t)c->unused_connection_timeout * 1000 : 0,
		.tos_interactive = tos(c->ipqos.interactive), .tos_bulk = tos(c->ipqos.bulk),
	};
	bool ok = priv_send_msg(&m->net, number, &frame_profile_desc, &p, fds, n);
	mem_free(host_key);
	buf_clear(&software);
	buf_clear(&kex);
	buf_clear(&cipher);
	buf_clear(&mac);
	buf_clear(&sig);
	buf_clear(&timeouts);
	buf_clear(&keys);
	return ok;
}

bool mon_resolve(struct monitor *m)
{
	const struct mon_login *l = &m->login;
	struct sshd_match match = {
		.user = l->user, .invalid_user = l->user && !l->exists,
		.groups = (const char *const *)l->groups.name, .groups_n = l->groups.n,
		.host = m->peer.host, .addr = m->peer.addr, .laddr = m->peer.laddr, .lport = m->peer.lport, .rdomain = m->peer.rdomain[0] ? m->peer.rdomain : NULL,
	};
	struct err err;
	sshd_conf_clear(&m->conf);
	if (!sshd_conf_resolve(m->shared->file, &match, &m->conf, &err)) {
		log_error("%s", err.text);
		return false;
	}
	monitor_log_level(m);
	return true;
}

/* inetd without a socket is a connection without addresses; OpenSSH calls that UNKNOWN and port 65535. */
static void find_peer(struct monitor *m, int in)
{
	struct mon_peer *p = &m->peer;
	if (sock_peer(in, &p->remote) && sock_local(in, &p->local)) {
		sock_unmap(&p->remote);
		sock_unmap(&p->local);
		p->port = sock_port(&p->remote);
		p->lport = sock_port(&p->local);
		sock_device(in, p->rdomain);
	} else {
		p->port = p->lport = 65535;
	}
	sock_text(&p->remote, p->addr);
	sock_text(&p->local, p->laddr);
	memcpy(p->host, p->addr, sizeof p->addr);
}

static void tune(const struct monitor *m, int fd)
{
	sock_nodelay(fd);
	sock_pace_local(fd);
	sock_notsent_lowat(fd, NOTSENT_BYTES);
	if (m->conf.tcp_keep_alive)
		sock_keepalive(fd, true);
}

bool mon_start(struct monitor *m, struct frame *f)
{
	if (f->fds.n < 1 || f->fds.n > 2)
		return false;
	find_peer(m, f->fds.fd[0]);
	conf_init(&sshd_table, &m->conf);
	if (!mon_resolve(m))
		return false;
	if (m->conf.use_dns && !sock_name(&m->peer.remote, m->peer.host))
		log_debug("no name for %s that leads back to it", m->peer.addr);
	if (m->conf.use_dns && !mon_resolve(m))
		return false;
	log_verbose("Connection from %s port %u on %s port %u%s%s%s", m->peer.addr, m->peer.port, m->peer.laddr, m->peer.lport,
		m->peer.rdomain[0] ? " rdomain \"" : "", m->peer.rdomain, m->peer.rdomain[0] ? "\"" : "");
	proc_title("sshd-session: [accepted]");
	if (m->conf.refuse_connection) {
		log_info("administratively prohibited connection from %s port %u", m->peer.addr, m->peer.port);
		m->exit_code = EXIT_REFUSED;
		return false;
	}
	tune(m, f->fds.fd[0]);
	return mon_send_profile(m, FRAME_START, f->fds.fd, f->fds.n);
}
