/* The messages of SSH: structs and descriptions (RFC 4250 to 4254, 8308, 4419, 5656, 4256;
 * PROTOCOL of OpenSSH for ping and hostkeys). Channel data has a description too, for print and
 * fuzzing; core/ reads and writes it by hand.
 *
 * Numbers 30 to 49 and 60 to 79 mean different things in different methods, so they are found by
 * ssh_msg_find(number, context).
 */
#ifndef WIRE_SSH_MSG_H
#define WIRE_SSH_MSG_H

#include "wire/msg.h"

enum {
	MSG_DISCONNECT = 1, MSG_IGNORE = 2, MSG_UNIMPLEMENTED = 3, MSG_DEBUG = 4, MSG_SERVICE_REQUEST = 5,
	MSG_SERVICE_ACCEPT = 6, MSG_EXT_INFO = 7, MSG_NEWCOMPRESS = 8, MSG_KEXINIT = 20, MSG_NEWKEYS = 21,
	MSG_KEX_INIT = 30, MSG_KEX_REPLY = 31,
	MSG_GEX_REQUEST_OLD = 30, MSG_GEX_GROUP = 31, MSG_GEX_INIT = 32, MSG_GEX_REPLY = 33, MSG_GEX_REQUEST = 34,
	MSG_USERAUTH_REQUEST = 50, MSG_USERAUTH_FAILURE = 51, MSG_USERAUTH_SUCCESS = 52, MSG_USERAUTH_BANNER = 53,
	MSG_USERAUTH_PK_OK = 60, MSG_USERAUTH_PASSWD_CHANGEREQ = 60, MSG_USERAUTH_INFO_REQUEST = 60,
	MSG_USERAUTH_INFO_RESPONSE = 61,
	MSG_GLOBAL_REQUEST = 80, MSG_REQUEST_SUCCESS = 81, MSG_REQUEST_FAILURE = 82,
	MSG_CHANNEL_OPEN = 90, MSG_CHANNEL_OPEN_CONFIRMATION = 91, MSG_CHANNEL_OPEN_FAILURE = 92,
	MSG_CHANNEL_WINDOW_ADJUST = 93, MSG_CHANNEL_DATA = 94, MSG_CHANNEL_EXTENDED_DATA = 95, MSG_CHANNEL_EOF = 96,
	MSG_CHANNEL_CLOSE = 97, MSG_CHANNEL_REQUEST = 98, MSG_CHANNEL_SUCCESS = 99, MSG_CHANNEL_FAILURE = 100,
	MSG_PING = 192, MSG_PONG = 193,
	MSG_RESUME_ACK = 200, MSG_RESUME = 201,             /* ours, only where negotiated: doc/PROTOCOL-resume */
};

enum msg_context { CONTEXT_TRANSPORT, CONTEXT_KEX, CONTEXT_GEX, CONTEXT_PUBLICKEY, CONTEXT_PASSWORD, CONTEXT_KBDINT };

/* Disconnect reasons, RFC 4253, section 11.1. */
enum {
	REASON_HOST_NOT_ALLOWED = 1, REASON_PROTOCOL_ERROR, REASON_KEX_FAILED, REASON_RESERVED, REASON_MAC_ERROR,
	REASON_COMPRESSION_ERROR, REASON_SERVICE_NOT_AVAILABLE, REASON_VERSION_NOT_SUPPORTED,
	REASON_HOST_KEY_NOT_VERIFIABLE, REASON_CONNECTION_LOST, REASON_BY_APPLICATION, REASON_TOO_MANY_CONNECTIONS,
	REASON_AUTH_CANCELLED, REASON_NO_MORE_METHODS, REASON_ILLEGAL_USER,
};
/* Channel open failures, RFC 4254, section 5.1. */
enum { OPEN_PROHIBITED = 1, OPEN_CONNECT_FAILED, OPEN_UNKNOWN_TYPE, OPEN_RESOURCE_SHORTAGE };

struct msg_empty { uint8_t unused; };
struct msg_disconnect { uint32_t reason; struct slice text, language; };
struct msg_ignore { struct slice data; };
struct msg_unimplemented { uint32_t seq; };
struct msg_debug { bool display; struct slice text, language; };
struct msg_service { struct slice name; };
struct msg_ext_info { uint32_t count; struct slice pairs; };
struct msg_kexinit {
	struct slice cookie, kex, host_key, cipher_cs, cipher_sc, mac_cs, mac_sc, comp_cs, comp_sc, lang_cs, lang_sc;
	bool first_follows;
	uint32_t reserved;
};
struct msg_kex_init { struct slice client_public; };
struct msg_kex_reply { struct slice host_key, server_public, signature; };
struct msg_gex_request { uint32_t min, preferred, max; };
struct msg_gex_request_old { uint32_t preferred; };
struct msg_gex_group { struct slice p, g; };
struct msg_auth_request { struct slice user, service, method, rest; };
struct msg_auth_failure { struct slice methods; bool partial; };
struct msg_auth_banner { struct slice text, language; };
struct msg_auth_pk_ok { struct slice algorithm, blob; };
struct msg_auth_passwd_changereq { struct slice prompt, language; };
struct msg_auth_info_request { struct slice name, instruction, language; uint32_t count; struct slice prompts; };
struct msg_auth_info_response { uint32_t count; struct slice responses; };
/* What stands in msg_auth_request.rest, by method. */
struct auth_publickey { bool has_signature; struct slice algorithm, blob, signature; };   /* signature only with has_signature */
struct auth_publickey_probe { struct slice algorithm, blob; };
struct auth_password { bool change; struct slice password, new_password; };
struct auth_kbdint { struct slice language, devices; };

struct msg_global_request { struct slice name; bool want_reply; struct slice data; };
struct msg_data { struct slice data; };
struct msg_channel_open { struct slice type; uint32_t sender, window, max_packet; struct slice data; };
struct msg_channel_confirm { uint32_t recipient, sender, window, max_packet; struct slice data; };
struct msg_channel_open_failure { uint32_t recipient, reason; struct slice text, language; };
struct msg_channel_adjust { uint32_t recipient, bytes; };
struct msg_channel_data { uint32_t recipient; struct slice data; };
struct msg_channel_extended { uint32_t recipient, type; struct slice data; };
struct msg_channel_id { uint32_t recipient; };
struct msg_channel_request { uint32_t recipient; struct slice name; bool want_reply; struct slice data; };
struct msg_ping { struct slice data; };
struct msg_resume { uint64_t received; };                   /* payloads of the connection layer */

/* Bodies of channel requests (RFC 4254, 6; RFC 4335). */
struct req_pty { struct slice term; uint32_t columns, rows, width, height; struct slice modes; };
struct req_env { struct slice name, value; };
struct req_exec { struct slice command; };
struct req_subsystem { struct slice name; };
struct req_window { uint32_t columns, rows, width, height; };
struct req_signal { struct slice name; };
struct req_break { uint32_t milliseconds; };
struct req_xon_xoff { bool client_can_do; };
struct req_exit_status { uint32_t status; };
struct req_exit_signal { struct slice name; bool core_dumped; struct slice text, language; };

extern const struct msg_desc desc_disconnect, desc_ignore, desc_unimplemented, desc_debug, desc_service_request,
	desc_service_accept, desc_ext_info, desc_kexinit, desc_newkeys, desc_kex_init, desc_kex_reply, desc_gex_request,
	desc_gex_request_old, desc_gex_group, desc_gex_init, desc_gex_reply, desc_auth_request, desc_auth_failure,
	desc_auth_success, desc_auth_banner, desc_auth_pk_ok, desc_auth_passwd_changereq, desc_auth_info_request,
	desc_auth_info_response, desc_global_request, desc_request_success, desc_request_failure, desc_channel_open,
	desc_channel_confirm, desc_channel_open_failure, desc_channel_adjust, desc_channel_data, desc_channel_extended,
	desc_channel_eof, desc_channel_close, desc_channel_request, desc_channel_success, desc_channel_failure,
	desc_ping, desc_pong, desc_resume_ack, desc_resume;
/* Bodies: number is 0 and not on the wire. */
extern const struct msg_desc body_publickey, body_publickey_probe, body_kbdint, req_desc_pty, req_desc_env, req_desc_exec,
	req_desc_subsystem, req_desc_window, req_desc_signal, req_desc_break, req_desc_xon_xoff, req_desc_exit_status,
	req_desc_exit_signal;
/* change decides whether a second secret follows, which a field table cannot say. */
bool auth_password_decode(struct slice rest, struct auth_password *) MUST_CHECK;

/* Description of a number in a context; contexts fall back to CONTEXT_TRANSPORT. NULL: unknown. */
const struct msg_desc *ssh_msg_find(uint8_t number, enum msg_context);
/* Row i of every description there is; NULL at the end. For tests, docs and fuzzers. */
const struct msg_desc *ssh_msg_row(size_t i);
/* Describes body.data of a channel request; NULL: unknown name. */
const struct msg_desc *ssh_request_find(struct slice name);

#endif
