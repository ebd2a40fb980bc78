#include "core/ssh.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "core/event.h"
#include "core/handlers.h"
#include "core/kex.h"
#include "core/packet.h"

static const size_t setup_strings[] = {
	offsetof(struct ssh_setup, software), offsetof(struct ssh_setup, user), offsetof(struct ssh_setup, sig_algs),
	offsetof(struct ssh_setup, algs.kex), offsetof(struct ssh_setup, algs.host_key),
	offsetof(struct ssh_setup, algs.cipher_cs), offsetof(struct ssh_setup, algs.cipher_sc),
	offsetof(struct ssh_setup, algs.mac_cs), offsetof(struct ssh_setup, algs.mac_sc),
	offsetof(struct ssh_setup, algs.comp_cs), offsetof(struct ssh_setup, algs.comp_sc),
};

static char **string_at(struct ssh_setup *setup, size_t i)
{
	return (char **)(void *)((uint8_t *)setup + setup_strings[i]);
}

static void copy_setup(struct ssh_setup *to, const struct ssh_setup *from)
{
	*to = *from;
	for (size_t i = 0; i < ARRAY_LEN(setup_strings); i++) {
		char **s = string_at(to, i);
		*s = mem_str(*s ? *s : "");
	}
	struct slice *keys = mem_list(from->host_key_count, sizeof *keys);
	for (size_t i = 0; i < from->host_key_count; i++)
		keys[i] = slice_of(slice_dup(from->host_keys[i]), from->host_keys[i].n);
	to->host_keys = keys;
	to->take_mux = NULL;
}

static void clear_setup(struct ssh_setup *setup)
{
	for (size_t i = 0; i < ARRAY_LEN(setup_strings); i++)
		mem_free(*string_at(setup, i));
	for (size_t i = 0; i < setup->host_key_count; i++)
		mem_free((uint8_t *)(uintptr_t)setup->host_keys[i].p);
	mem_free((void *)(uintptr_t)setup->host_keys);
}

struct ssh *ssh_new(const struct ssh_setup *setup)
{
	struct ssh *ssh = mem_new(sizeof *ssh);
	copy_setup(&ssh->setup, setup);
	ssh->role = setup->role;
	ssh->now = setup->now;
	ssh->mux = setup->take_mux;
	ssh->phase = PHASE_VERSION;
	ssh->after_kex = PHASE_SERVICE;
	packet_init(ssh);
	kex_init(ssh);
	ssh->ext.sig_algs = BUF_INIT(PACKET_MAX_BEFORE_AUTH);
	ssh->ext.names = BUF_INIT(PACKET_MAX_BEFORE_AUTH);
	version_send(ssh);
	/* The client's KEXINIT goes along with its version, so that it costs no round trip. The server waits
	 * for the line of the peer, see version.c. */
	if (ssh->role == SSH_CLIENT && !setup->no_pipeline)
		kex_start(ssh);
	return ssh;
}

void ssh_free(struct ssh *ssh)
{
	if (!ssh)
		return;
	auth_free(ssh->auth);
	mux_free(ssh->mux);
	packet_clear(ssh);
	kex_clear(ssh);
	event_clear(ssh);
	buf_clear(&ssh->ext.sig_algs);
	buf_clear(&ssh->ext.names);
	clear_setup(&ssh->setup);
	mem_free_secret(ssh, sizeof *ssh);
}

struct room ssh_space(struct ssh *ssh)
{
	bool busy = ssh->events.next < ssh->events.count || packet_pending(ssh) > OUTPUT_STOP;
	if (ssh->phase == PHASE_OVER || busy)
		return (struct room){NULL, 0};
	return packet_space(ssh);
}

void ssh_filled(struct ssh *ssh, size_t n, uint64_t now)
{
	struct packet_in *in = &ssh->packet.in;
	assert(n <= in->cap - in->end);
	in->end += n;
	ssh->now = now;
	if (n)
		keepalive_heard(ssh);
}

static enum packet_result step(struct ssh *ssh)
{
	struct slice payload;
	if (ssh->phase == PHASE_VERSION)
		return version_next(ssh);
	enum packet_result r = packet_next(ssh, &payload);
	if (r == PACKET_GOT) {
		rules_dispatch(ssh, payload);
		rekey_if_due(ssh);
	}
	return r;
}

/* False: nothing can be done before more bytes come. */
static bool go_on(struct ssh *ssh, struct ssh_event *ev)
{
	if (ssh->phase == PHASE_OVER || ssh->ask.kind != ASK_NONE)
		return false;
	event_reset(ssh);
	if (packet_pending(ssh) > OUTPUT_STOP)
		return false;
	if (step(ssh) != PACKET_NONE)
		return true;
	/* Own events of the mux (a channel is writable again) come when the input is done, so that one
	 * round of reading is followed by one round of writing. */
	if (ssh->phase == PHASE_OPEN && mux_next(ssh, ev))
		return true;
	return auth_idle(ssh);
}

void ssh_next(struct ssh *ssh, struct ssh_event *ev)
{
	ev->kind = EV_NEED_INPUT;
	while (!event_take(ssh, ev)) {
		if (!go_on(ssh, ev)) {
			*ev = (struct ssh_event){.kind = EV_NEED_INPUT};
			return;
		}
		if (ev->kind != EV_NEED_INPUT)
			return;
	}
}

void ssh_answer(struct ssh *ssh, const struct answer *answer)
{
	if (ssh->phase == PHASE_OVER || ssh->ask.kind == ASK_NONE)
		return;                                     /* the connection ended meanwhile */
	assert(answer->kind == ssh->ask.kind);
	enum ask_kind kind = ssh->ask.kind;
	ssh->ask = (struct ask){.kind = ASK_NONE};
	if (kind == ASK_HOSTSIGN || kind == ASK_GROUP || kind == ASK_HOSTKEY)
		kex_answered(ssh, answer);
	else
		auth_answered(ssh, answer);
}

struct slice ssh_output(struct ssh *ssh)
{
	return packet_output(ssh);
}

void ssh_sent(struct ssh *ssh, size_t n)
{
	packet_sent(ssh, n);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t ssh_wake(const struct ssh *ssh)
{
	if (ssh->phase != PHASE_OPEN)
		return ssh->phase == PHASE_OVER || ssh->after_kex != PHASE_OPEN ? UINT64_MAX : keepalive_wake(ssh);
	return sooner(sooner(keepalive_wake(ssh), rekey_wake(ssh)), mux_wake(ssh));
}

void ssh_tick(struct ssh *ssh, uint64_t now)
{
	ssh->now = now;
	if (ssh->phase == PHASE_OVER || ssh->after_kex != PHASE_OPEN)
		return;
	keepalive_tick(ssh);
	if (ssh->phase == PHASE_OPEN) {
		rekey_if_due(ssh);
		mux_tick(ssh, now);
	}
}

void ssh_trim(struct ssh *ssh)
{
	if (ssh->events.next == ssh->events.count)
		packet_trim(ssh);
	mux_trim(ssh);
}

/* RFC 4253, section 11.1. number: the reason; what waited for new keys is lost with the connection. */
static void say_goodbye(struct ssh *ssh, uint32_t reason, struct slice text)
{
	if (ssh->phase == PHASE_VERSION || reason == REASON_CONNECTION_LOST || ssh->packet.out.rooms_open)
		return;
	struct msg_disconnect m = {reason, text, slice_of(NULL, 0)};
	struct buf b = BUF_INIT(4096);
	msg_encode(&desc_disconnect, &m, &b);
	packet_put(ssh, buf_slice(&b));
	buf_clear(&b);
}

void ssh_over(struct ssh *ssh, uint32_t reason, struct slice text, bool by_peer)
{
	if (ssh->phase == PHASE_OVER)
		return;
	/* Before the first keys it may have been our sending ahead that the peer choked on; also right behind them: paramiko's
	 * server takes a wrong guess as if it were right, answers, and ends at the message that was meant. */
	bool early = ssh->kex.count == 0 || (ssh->kex.guess_wrong && ssh->phase == PHASE_SERVICE);
	ssh->kex.guess_failed |= ssh->role == SSH_CLIENT && !ssh->setup.no_pipeline && early &&
		ssh->phase != PHASE_VERSION && reason != REASON_HOST_KEY_NOT_VERIFIABLE && !ssh->kex.no_common;
	ssh->phase = PHASE_OVER;
	ssh->ask.kind = ASK_NONE;
	struct slice copy = event_copy(ssh, text);
	struct ssh_event *ev = event_push(ssh, EV_OVER);
	ev->number = reason, ev->text = copy, ev->by_peer = by_peer;
}

void ssh_die(struct ssh *ssh, uint32_t reason, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	if (ssh->phase == PHASE_OVER)
		return;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	struct slice said = slice_of(text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
	say_goodbye(ssh, reason, said);
	ssh_over(ssh, reason, said, false);
}

void ssh_disconnect(struct ssh *ssh, uint32_t reason, const char *text)
{
	ssh_die(ssh, reason, "%s", text);
}

void ssh_ended(struct ssh *ssh, const char *why)
{
	if (ssh->phase == PHASE_VERSION)
		trace(ssh, LOG_LEVEL_ERROR, "kex_exchange_identification: %s%s", strncmp(why, "Connection reset", 16) ? "" : "read: ",
			strcmp(why, "end of file") ? why : "Connection closed by remote host");
	if (ssh->phase == PHASE_OVER)
		return;
	ssh_over(ssh, REASON_CONNECTION_LOST, slice_str(why), true);
	ssh->events.list[ssh->events.count - 1].lost = true;
}

void ssh_rekey(struct ssh *ssh)
{
	if (ssh->phase == PHASE_OPEN)
		kex_start(ssh);
}

void ssh_logged_in(struct ssh *ssh)
{
	ssh->phase = ssh->after_kex = PHASE_OPEN;
	ssh->packet.max = PACKET_MAX;
	bool client = ssh->role == SSH_CLIENT;
	int out = client ? CLIENT_TO_SERVER : SERVER_TO_CLIENT;
	const struct agreed *a = &ssh->kex.agreed;
	if (!ssh->packet.out.zip && strcmp(a->comp[out], "zlib@openssh.com") == 0)
		packet_use_out(ssh, NULL, zip_new(true));
	if (!ssh->packet.in.zip && strcmp(a->comp[!out], "zlib@openssh.com") == 0)
		packet_use_in(ssh, NULL, zip_new(false));
	if (!ssh->mux)
		ssh->mux = mux_new(&ssh->setup);
	mux_attach(ssh, ssh->mux);
	keepalive_heard(ssh);
}

/* The server learns what holds for this user and address only when they are known. */
void ssh_set_profile(struct ssh *ssh, const struct ssh_setup *setup)
{
	struct ssh_setup *s = &ssh->setup;
	s->keepalive_ms = setup->keepalive_ms;
	s->keepalive_count = setup->keepalive_count;
	s->rekey_bytes = setup->rekey_bytes;
	s->rekey_ms = setup->rekey_ms;
	s->channel_max = setup->channel_max;
	s->window_first = setup->window_first;
	s->window_max = setup->window_max;
	extinfo_update(ssh, setup->sig_algs);
	keepalive_heard(ssh);
}

const struct ssh_names *ssh_names(const struct ssh *ssh)
{
	return &ssh->kex.names;
}

struct slice ssh_session_id(const struct ssh *ssh)
{
	return buf_slice(&ssh->kex.session_id);
}

void ssh_session_proof(const struct ssh *ssh, struct slice *host_key, struct slice *signature)
{
	*host_key = buf_slice(&ssh->kex.first_host_key);
	*signature = buf_slice(&ssh->kex.first_signature);
}

struct slice ssh_peer_version(const struct ssh *ssh)
{
	return buf_slice(&ssh->kex.peer_version);
}

struct slice ssh_peer_sig_algs(const struct ssh *ssh)
{
	return buf_slice(&ssh->ext.sig_algs);
}

bool ssh_peer_has(const struct ssh *ssh, const char *extension)
{
	return names_has_str(buf_slice(&ssh->ext.names), extension);
}

bool ssh_is_over(const struct ssh *ssh)
{
	return ssh->phase == PHASE_OVER;
}

bool ssh_guess_failed(const struct ssh *ssh)
{
	return ssh->kex.guess_failed;
}

uint64_t ssh_bytes(const struct ssh *ssh, bool out)
{
	return out ? ssh->packet.out.total : ssh->packet.in.total;
}
