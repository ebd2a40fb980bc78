/* Who may say what when. Strict kex, roles and the order of login are one mask test here; what has
 * no row does not exist, and what comes outside its row ends the connection.
 */
#include "core/internal.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/handlers.h"
#include "core/packet.h"

enum {
	KEX = PHASE_KEX | PHASE_KEX_LOOSE,
	LOOSE = PHASE_KEX_LOOSE | PHASE_NEWKEYS_LOOSE,      /* see enum phase */
	/* Before the first KEXINIT as well: whether the peer is strict shows there, and on_kexinit looks back. */
	CHATTER = PHASE_FIRST_KEXINIT | LOOSE | PHASE_SERVICE | PHASE_AUTH | PHASE_OPEN,
	ALWAYS = CHATTER | PHASE_KEX | PHASE_NEWKEYS,
	STRAY_BEFORE_SERVICE = 16, STRAY_BEFORE_LOGIN = 64,
};

const struct rule rules[] = {
	/* Most frequent first. RFC 4254. */
	{MSG_CHANNEL_DATA, CONTEXT_TRANSPORT, "CHANNEL_DATA", FROM_BOTH, PHASE_OPEN, on_channel_data},
	{MSG_CHANNEL_WINDOW_ADJUST, CONTEXT_TRANSPORT, "CHANNEL_WINDOW_ADJUST", FROM_BOTH, PHASE_OPEN, on_channel_adjust},
	{MSG_CHANNEL_EXTENDED_DATA, CONTEXT_TRANSPORT, "CHANNEL_EXTENDED_DATA", FROM_BOTH, PHASE_OPEN, on_channel_extended},
	{MSG_CHANNEL_OPEN, CONTEXT_TRANSPORT, "CHANNEL_OPEN", FROM_BOTH, PHASE_OPEN, on_channel_open},
	{MSG_CHANNEL_OPEN_CONFIRMATION, CONTEXT_TRANSPORT, "CHANNEL_OPEN_CONFIRMATION", FROM_BOTH, PHASE_OPEN, on_channel_confirm},
	{MSG_CHANNEL_OPEN_FAILURE, CONTEXT_TRANSPORT, "CHANNEL_OPEN_FAILURE", FROM_BOTH, PHASE_OPEN, on_channel_open_failure},
	{MSG_CHANNEL_EOF, CONTEXT_TRANSPORT, "CHANNEL_EOF", FROM_BOTH, PHASE_OPEN, on_channel_eof},
	{MSG_CHANNEL_CLOSE, CONTEXT_TRANSPORT, "CHANNEL_CLOSE", FROM_BOTH, PHASE_OPEN, on_channel_close},
	{MSG_CHANNEL_REQUEST, CONTEXT_TRANSPORT, "CHANNEL_REQUEST", FROM_BOTH, PHASE_OPEN, on_channel_request},
	{MSG_CHANNEL_SUCCESS, CONTEXT_TRANSPORT, "CHANNEL_SUCCESS", FROM_BOTH, PHASE_OPEN, on_channel_success},
	{MSG_CHANNEL_FAILURE, CONTEXT_TRANSPORT, "CHANNEL_FAILURE", FROM_BOTH, PHASE_OPEN, on_channel_failure},
	{MSG_GLOBAL_REQUEST, CONTEXT_TRANSPORT, "GLOBAL_REQUEST", FROM_BOTH, PHASE_OPEN, on_global_request},
	{MSG_REQUEST_SUCCESS, CONTEXT_TRANSPORT, "REQUEST_SUCCESS", FROM_BOTH, PHASE_OPEN, on_request_success},
	{MSG_REQUEST_FAILURE, CONTEXT_TRANSPORT, "REQUEST_FAILURE", FROM_BOTH, PHASE_OPEN, on_request_failure},
	{MSG_PING, CONTEXT_TRANSPORT, "PING", FROM_BOTH, PHASE_OPEN, on_ping},
	{MSG_PONG, CONTEXT_TRANSPORT, "PONG", FROM_BOTH, PHASE_OPEN, on_pong},
	{MSG_RESUME_ACK, CONTEXT_TRANSPORT, "RESUME_ACK", FROM_BOTH, PHASE_OPEN, on_resume_ack},
	{MSG_RESUME, CONTEXT_TRANSPORT, "RESUME", FROM_BOTH, PHASE_OPEN, on_resume},
	/* RFC 4253. */
	{MSG_DISCONNECT, CONTEXT_TRANSPORT, "DISCONNECT", FROM_BOTH, ALWAYS, on_disconnect},
	{MSG_IGNORE, CONTEXT_TRANSPORT, "IGNORE", FROM_BOTH, CHATTER, on_ignore},
	{MSG_UNIMPLEMENTED, CONTEXT_TRANSPORT, "UNIMPLEMENTED", FROM_BOTH, CHATTER, on_unimplemented},
	{MSG_DEBUG, CONTEXT_TRANSPORT, "DEBUG", FROM_BOTH, CHATTER, on_debug},
	{MSG_KEXINIT, CONTEXT_TRANSPORT, "KEXINIT", FROM_BOTH, PHASE_FIRST_KEXINIT | PHASE_OPEN, on_kexinit},
	{MSG_NEWKEYS, CONTEXT_TRANSPORT, "NEWKEYS", FROM_BOTH, PHASE_NEWKEYS | PHASE_NEWKEYS_LOOSE, on_newkeys},
	{MSG_SERVICE_REQUEST, CONTEXT_TRANSPORT, "SERVICE_REQUEST", FROM_CLIENT, PHASE_SERVICE | PHASE_AUTH, on_service_request},
	{MSG_SERVICE_ACCEPT, CONTEXT_TRANSPORT, "SERVICE_ACCEPT", FROM_SERVER, PHASE_SERVICE, on_service_accept},
	/* RFC 8308, 2.4: behind the first NEWKEYS, and from the server once more before USERAUTH_SUCCESS. */
	{MSG_EXT_INFO, CONTEXT_TRANSPORT, "EXT_INFO", FROM_CLIENT, PHASE_SERVICE, on_ext_info},
	{MSG_EXT_INFO, CONTEXT_TRANSPORT, "EXT_INFO", FROM_SERVER, PHASE_SERVICE | PHASE_AUTH, on_ext_info},
	/* The method's own. */
	{MSG_KEX_INIT, CONTEXT_KEX, "KEX_INIT", FROM_CLIENT, KEX, on_kex_init},
	{MSG_KEX_REPLY, CONTEXT_KEX, "KEX_REPLY", FROM_SERVER, KEX, on_kex_reply},
	{MSG_GEX_REQUEST_OLD, CONTEXT_GEX, "GEX_REQUEST_OLD", FROM_CLIENT, KEX, on_gex_request_old},
	{MSG_GEX_GROUP, CONTEXT_GEX, "GEX_GROUP", FROM_SERVER, KEX, on_gex_group},
	{MSG_GEX_INIT, CONTEXT_GEX, "GEX_INIT", FROM_CLIENT, KEX, on_gex_init},
	{MSG_GEX_REPLY, CONTEXT_GEX, "GEX_REPLY", FROM_SERVER, KEX, on_gex_reply},
	{MSG_GEX_REQUEST, CONTEXT_GEX, "GEX_REQUEST", FROM_CLIENT, KEX, on_gex_request},
	/* RFC 4252, RFC 4256. Requests behind a success are passed over by the handler (RFC 4252, 5.3). */
	{MSG_USERAUTH_REQUEST, CONTEXT_TRANSPORT, "USERAUTH_REQUEST", FROM_CLIENT, PHASE_AUTH | PHASE_OPEN, on_auth_request},
	{MSG_USERAUTH_FAILURE, CONTEXT_TRANSPORT, "USERAUTH_FAILURE", FROM_SERVER, PHASE_AUTH, on_auth_failure},
	{MSG_USERAUTH_SUCCESS, CONTEXT_TRANSPORT, "USERAUTH_SUCCESS", FROM_SERVER, PHASE_AUTH, on_auth_success},
	{MSG_USERAUTH_BANNER, CONTEXT_TRANSPORT, "USERAUTH_BANNER", FROM_SERVER, PHASE_AUTH, on_auth_banner},
	{MSG_USERAUTH_PK_OK, CONTEXT_PUBLICKEY, "USERAUTH_PK_OK", FROM_SERVER, PHASE_AUTH, on_auth_pk_ok},
	{MSG_USERAUTH_PASSWD_CHANGEREQ, CONTEXT_PASSWORD, "USERAUTH_PASSWD_CHANGEREQ", FROM_SERVER, PHASE_AUTH, on_auth_passwd_changereq},
	{MSG_USERAUTH_INFO_REQUEST, CONTEXT_KBDINT, "USERAUTH_INFO_REQUEST", FROM_SERVER, PHASE_AUTH, on_auth_info_request},
	{MSG_USERAUTH_INFO_RESPONSE, CONTEXT_KBDINT, "USERAUTH_INFO_RESPONSE", FROM_CLIENT, PHASE_AUTH, on_auth_info_response},
};
const size_t rule_count = ARRAY_LEN(rules);

static unsigned peer_of(const struct ssh *ssh)
{
	return ssh->role == SSH_CLIENT ? FROM_SERVER : FROM_CLIENT;
}

static bool is_kex_number(uint8_t number)
{
	return number >= 30 && number <= 49;
}

static bool is_method_number(uint8_t number)
{
	return is_kex_number(number) || (number >= 60 && number <= 79);
}

/* Where two rows share a number, the one of the peer's role wins. */
const struct rule *rule_find(const struct ssh *ssh, uint8_t number)
{
	enum msg_context context = CONTEXT_TRANSPORT;
	const struct rule *other = NULL;
	if (is_method_number(number))
		context = is_kex_number(number) ? ssh->kex_context : ssh->auth_context;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (rules[i].number != number || rules[i].context != context)
			continue;
		if (rules[i].from & peer_of(ssh))
			return &rules[i];
		other = &rules[i];
	}
	return other;
}

/* RFC 4253, section 11.4: what we do not know is answered, except where only one message may come. */
static void unknown(struct ssh *ssh, uint8_t number)
{
	if (!(ssh->phase & CHATTER) || is_method_number(number)) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "unexpected message %u", number);
		return;
	}
	packet_send(ssh, &desc_unimplemented, &(struct msg_unimplemented){ssh->packet.in.seq - 1});
}

/* RFC 4253, section 7.1 forbids data behind a KEXINIT until NEWKEYS. Who sends it nevertheless does so under keys that are proven. */
static bool forgiven(const struct ssh *ssh, const struct rule *rule)
{
	return ssh->quirks & QUIRK_REKEY_DATA && ssh->after_kex == PHASE_OPEN && ssh->phase & LOOSE &&
		rule->number >= MSG_GLOBAL_REQUEST && rule->phases & PHASE_OPEN;
}

void rules_dispatch(struct ssh *ssh, struct slice payload)
{
	uint8_t number = payload.p[0];
	trace_message(ssh, "receive", payload);
	if (ssh->kex.skip_next && is_kex_number(number)) {
		ssh->kex.skip_next = false;                 /* RFC 4253, section 7: sent with a wrong guess */
		return;
	}
	const struct rule *rule = rule_find(ssh, number);
	if (!rule)
		unknown(ssh, number);
	else if (!(rule->from & peer_of(ssh)) || (!(rule->phases & (unsigned)ssh->phase) && !forgiven(ssh, rule)))
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "unexpected message %s (%u)", rule->name, number);
	else
		rule->on(ssh, payload);
}

/* Messages without effect are a way to keep us busy before login. */
static bool stray(struct ssh *ssh)
{
	unsigned max = ssh->phase == PHASE_SERVICE ? STRAY_BEFORE_SERVICE : STRAY_BEFORE_LOGIN;
	if (ssh->after_kex == PHASE_OPEN || ++ssh->stray <= max)
		return true;
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "too many messages without effect before login");
	return false;
}

/* RFC 4253, section 11.2. */
bool on_ignore(struct ssh *ssh, struct slice payload)
{
	(void)payload;                                  /* whatever it holds, it is to be passed over */
	return stray(ssh);
}

/* RFC 4253, section 11.4. */
bool on_unimplemented(struct ssh *ssh, struct slice payload)
{
	struct msg_unimplemented m;
	if (!msg_decode(&desc_unimplemented, payload, &m)) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed UNIMPLEMENTED");
		return false;
	}
	trace(ssh, LOG_LEVEL_DEBUG1, "the peer does not know our message number %u", m.seq);
	return stray(ssh);
}

/* RFC 4253, section 11.3. Some peers leave fields out (QUIRK_DEBUG_BROKEN), so only what is whole is
 * shown, and only to who debugs: nobody's log is the peer's to fill. */
bool on_debug(struct ssh *ssh, struct slice payload)
{
	struct msg_debug m;
	if (msg_decode(&desc_debug, payload, &m)) {
		struct buf text = BUF_INIT(2048);
		put_text(&text, m.text, 1024, 0);
		trace(ssh, m.display ? LOG_LEVEL_DEBUG1 : LOG_LEVEL_DEBUG2, "Remote: %s", buf_cstr(&text));
		buf_clear(&text);
	} else if (!(ssh->quirks & QUIRK_DEBUG_BROKEN)) {
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed DEBUG");
		return false;
	}
	return stray(ssh);
}

/* RFC 4253, section 11.1. Some peers leave the language tag out. */
bool on_disconnect(struct ssh *ssh, struct slice payload)
{
	struct reader r = reader_of(slice_from(payload, 1));
	uint32_t reason = get_u32(&r);
	struct slice text = get_string(&r);
	ssh_over(ssh, r.bad ? REASON_PROTOCOL_ERROR : reason, text, true);
	return false;
}
