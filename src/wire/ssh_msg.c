#include "wire/ssh_msg.h"

#include <stddef.h>

#define F(s, type, name) {#name, FIELD_##type, offsetof(struct s, name)}

static const struct field fields_msg_disconnect[] = {
	F(msg_disconnect, U32, reason),
	F(msg_disconnect, TEXT, text),
	F(msg_disconnect, TEXT, language),
	{0},
};
static const struct field fields_msg_ignore[] = {
	F(msg_ignore, STRING, data),
	{0},
};
static const struct field fields_msg_unimplemented[] = {
	F(msg_unimplemented, U32, seq),
	{0},
};
static const struct field fields_msg_debug[] = {
	F(msg_debug, BOOL, display),
	F(msg_debug, TEXT, text),
	F(msg_debug, TEXT, language),
	{0},
};
static const struct field fields_msg_service[] = {
	F(msg_service, TEXT, name),
	{0},
};
static const struct field fields_msg_ext_info[] = {
	F(msg_ext_info, U32, count),
	F(msg_ext_info, REST, pairs),
	{0},
};
static const struct field fields_msg_kexinit[] = {
	F(msg_kexinit, COOKIE, cookie),
	F(msg_kexinit, NAMES, kex),
	F(msg_kexinit, NAMES, host_key),
	F(msg_kexinit, NAMES, cipher_cs),
	F(msg_kexinit, NAMES, cipher_sc),
	F(msg_kexinit, NAMES, mac_cs),
	F(msg_kexinit, NAMES, mac_sc),
	F(msg_kexinit, NAMES, comp_cs),
	F(msg_kexinit, NAMES, comp_sc),
	F(msg_kexinit, NAMES, lang_cs),
	F(msg_kexinit, NAMES, lang_sc),
	F(msg_kexinit, BOOL, first_follows),
	F(msg_kexinit, U32, reserved),
	{0},
};
static const struct field fields_msg_empty[] = {
	{0},
};
static const struct field fields_msg_kex_init[] = {
	F(msg_kex_init, STRING, client_public),
	{0},
};
static const struct field fields_msg_kex_reply[] = {
	F(msg_kex_reply, STRING, host_key),
	F(msg_kex_reply, STRING, server_public),
	F(msg_kex_reply, STRING, signature),
	{0},
};
static const struct field fields_msg_gex_request[] = {
	F(msg_gex_request, U32, min),
	F(msg_gex_request, U32, preferred),
	F(msg_gex_request, U32, max),
	{0},
};
static const struct field fields_msg_gex_request_old[] = {
	F(msg_gex_request_old, U32, preferred),
	{0},
};
static const struct field fields_msg_gex_group[] = {
	F(msg_gex_group, MPINT, p),
	F(msg_gex_group, MPINT, g),
	{0},
};
static const struct field fields_msg_auth_request[] = {
	F(msg_auth_request, TEXT, user),
	F(msg_auth_request, TEXT, service),
	F(msg_auth_request, TEXT, method),
	F(msg_auth_request, SECRET_REST, rest),
	{0},
};
static const struct field fields_msg_auth_failure[] = {
	F(msg_auth_failure, NAMES, methods),
	F(msg_auth_failure, BOOL, partial),
	{0},
};
static const struct field fields_msg_auth_banner[] = {
	F(msg_auth_banner, TEXT, text),
	F(msg_auth_banner, TEXT, language),
	{0},
};
static const struct field fields_msg_auth_pk_ok[] = {
	F(msg_auth_pk_ok, TEXT, algorithm),
	F(msg_auth_pk_ok, STRING, blob),
	{0},
};
static const struct field fields_msg_auth_passwd_changereq[] = {
	F(msg_auth_passwd_changereq, TEXT, prompt),
	F(msg_auth_passwd_changereq, TEXT, language),
	{0},
};
static const struct field fields_msg_auth_info_request[] = {
	F(msg_auth_info_request, TEXT, name),
	F(msg_auth_info_request, TEXT, instruction),
	F(msg_auth_info_request, TEXT, language),
	F(msg_auth_info_request, U32, count),
	F(msg_auth_info_request, REST, prompts),
	{0},
};
static const struct field fields_msg_auth_info_response[] = {
	F(msg_auth_info_response, U32, count),
	F(msg_auth_info_response, SECRET_REST, responses),
	{0},
};
static const struct field fields_msg_global_request[] = {
	F(msg_global_request, TEXT, name),
	F(msg_global_request, BOOL, want_reply),
	F(msg_global_request, REST, data),
	{0},
};
static const struct field fields_msg_data[] = {
	F(msg_data, REST, data),
	{0},
};
static const struct field fields_msg_channel_open[] = {
	F(msg_channel_open, TEXT, type),
	F(msg_channel_open, U32, sender),
	F(msg_channel_open, U32, window),
	F(msg_channel_open, U32, max_packet),
	F(msg_channel_open, REST, data),
	{0},
};
static const struct field fields_msg_channel_confirm[] = {
	F(msg_channel_confirm, U32, recipient),
	F(msg_channel_confirm, U32, sender),
	F(msg_channel_confirm, U32, window),
	F(msg_channel_confirm, U32, max_packet),
	F(msg_channel_confirm, REST, data),
	{0},
};
static const struct field fields_msg_channel_open_failure[] = {
	F(msg_channel_open_failure, U32, recipient),
	F(msg_channel_open_failure, U32, reason),
	F(msg_channel_open_failure, TEXT, text),
	F(msg_channel_open_failure, TEXT, language),
	{0},
};
static const struct field fields_msg_channel_adjust[] = {
	F(msg_channel_adjust, U32, recipient),
	F(msg_channel_adjust, U32, bytes),
	{0},
};
static const struct field fields_msg_channel_data[] = {
	F(msg_channel_data, U32, recipient),
	F(msg_channel_data, STRING, data),
	{0},
};
static const struct field fields_msg_channel_extended[] = {
	F(msg_channel_extended, U32, recipient),
	F(msg_channel_extended, U32, type),
	F(msg_channel_extended, STRING, data),
	{0},
};
static const struct field fields_msg_channel_id[] = {
	F(msg_channel_id, U32, recipient),
	{0},
};
static const struct field fields_msg_channel_request[] = {
	F(msg_channel_request, U32, recipient),
	F(msg_channel_request, TEXT, name),
	F(msg_channel_request, BOOL, want_reply),
	F(msg_channel_request, REST, data),
	{0},
};
static const struct field fields_msg_ping[] = {
	F(msg_ping, STRING, data),
	{0},
};
static const struct field fields_msg_resume[] = {
	F(msg_resume, U64, received),
	{0},
};
static const struct field fields_auth_publickey[] = {
	F(auth_publickey, BOOL, has_signature),
	F(auth_publickey, TEXT, algorithm),
	F(auth_publickey, STRING, blob),
	F(auth_publickey, STRING, signature),
	{0},
};
static const struct field fields_auth_publickey_probe[] = {
	F(auth_publickey_probe, TEXT, algorithm),
	F(auth_publickey_probe, STRING, blob),
	{0},
};
static const struct field fields_auth_kbdint[] = {
	F(auth_kbdint, TEXT, language),
	F(auth_kbdint, TEXT, devices),
	{0},
};
static const struct field fields_req_pty[] = {
	F(req_pty, TEXT, term),
	F(req_pty, U32, columns),
	F(req_pty, U32, rows),
	F(req_pty, U32, width),
	F(req_pty, U32, height),
	F(req_pty, STRING, modes),
	{0},
};
static const struct field fields_req_env[] = {
	F(req_env, TEXT, name),
	F(req_env, TEXT, value),
	{0},
};
static const struct field fields_req_exec[] = {
	F(req_exec, TEXT, command),
	{0},
};
static const struct field fields_req_subsystem[] = {
	F(req_subsystem, TEXT, name),
	{0},
};
static const struct field fields_req_window[] = {
	F(req_window, U32, columns),
	F(req_window, U32, rows),
	F(req_window, U32, width),
	F(req_window, U32, height),
	{0},
};
static const struct field fields_req_signal[] = {
	F(req_signal, TEXT, name),
	{0},
};
static const struct field fields_req_break[] = {
	F(req_break, U32, milliseconds),
	{0},
};
static const struct field fields_req_xon_xoff[] = {
	F(req_xon_xoff, BOOL, client_can_do),
	{0},
};
static const struct field fields_req_exit_status[] = {
	F(req_exit_status, U32, status),
	{0},
};
static const struct field fields_req_exit_signal[] = {
	F(req_exit_signal, TEXT, name),
	F(req_exit_signal, BOOL, core_dumped),
	F(req_exit_signal, TEXT, text),
	F(req_exit_signal, TEXT, language),
	{0},
};

const struct msg_desc desc_disconnect = {"DISCONNECT", MSG_DISCONNECT, sizeof(struct msg_disconnect), fields_msg_disconnect};
const struct msg_desc desc_ignore = {"IGNORE", MSG_IGNORE, sizeof(struct msg_ignore), fields_msg_ignore};
const struct msg_desc desc_unimplemented = {"UNIMPLEMENTED", MSG_UNIMPLEMENTED, sizeof(struct msg_unimplemented), fields_msg_unimplemented};
const struct msg_desc desc_debug = {"DEBUG", MSG_DEBUG, sizeof(struct msg_debug), fields_msg_debug};
const struct msg_desc desc_service_request = {"SERVICE_REQUEST", MSG_SERVICE_REQUEST, sizeof(struct msg_service), fields_msg_service};
const struct msg_desc desc_service_accept = {"SERVICE_ACCEPT", MSG_SERVICE_ACCEPT, sizeof(struct msg_service), fields_msg_service};
const struct msg_desc desc_ext_info = {"EXT_INFO", MSG_EXT_INFO, sizeof(struct msg_ext_info), fields_msg_ext_info};
const struct msg_desc desc_kexinit = {"KEXINIT", MSG_KEXINIT, sizeof(struct msg_kexinit), fields_msg_kexinit};
const struct msg_desc desc_newkeys = {"NEWKEYS", MSG_NEWKEYS, sizeof(struct msg_empty), fields_msg_empty};
const struct msg_desc desc_kex_init = {"KEX_INIT", MSG_KEX_INIT, sizeof(struct msg_kex_init), fields_msg_kex_init};
const struct msg_desc desc_kex_reply = {"KEX_REPLY", MSG_KEX_REPLY, sizeof(struct msg_kex_reply), fields_msg_kex_reply};
const struct msg_desc desc_gex_request = {"GEX_REQUEST", MSG_GEX_REQUEST, sizeof(struct msg_gex_request), fields_msg_gex_request};
const struct msg_desc desc_gex_request_old = {"GEX_REQUEST_OLD", MSG_GEX_REQUEST_OLD, sizeof(struct msg_gex_request_old), fields_msg_gex_request_old};
const struct msg_desc desc_gex_group = {"GEX_GROUP", MSG_GEX_GROUP, sizeof(struct msg_gex_group), fields_msg_gex_group};
const struct msg_desc desc_gex_init = {"GEX_INIT", MSG_GEX_INIT, sizeof(struct msg_kex_init), fields_msg_kex_init};
const struct msg_desc desc_gex_reply = {"GEX_REPLY", MSG_GEX_REPLY, sizeof(struct msg_kex_reply), fields_msg_kex_reply};
const struct msg_desc desc_auth_request = {"USERAUTH_REQUEST", MSG_USERAUTH_REQUEST, sizeof(struct msg_auth_request), fields_msg_auth_request};
const struct msg_desc desc_auth_failure = {"USERAUTH_FAILURE", MSG_USERAUTH_FAILURE, sizeof(struct msg_auth_failure), fields_msg_auth_failure};
const struct msg_desc desc_auth_success = {"USERAUTH_SUCCESS", MSG_USERAUTH_SUCCESS, sizeof(struct msg_empty), fields_msg_empty};
const struct msg_desc desc_auth_banner = {"USERAUTH_BANNER", MSG_USERAUTH_BANNER, sizeof(struct msg_auth_banner), fields_msg_auth_banner};
const struct msg_desc desc_auth_pk_ok = {"USERAUTH_PK_OK", MSG_USERAUTH_PK_OK, sizeof(struct msg_auth_pk_ok), fields_msg_auth_pk_ok};
const struct msg_desc desc_auth_passwd_changereq = {"USERAUTH_PASSWD_CHANGEREQ", MSG_USERAUTH_PASSWD_CHANGEREQ, sizeof(struct msg_auth_passwd_changereq), fields_msg_auth_passwd_changereq};
const struct msg_desc desc_auth_info_request = {"USERAUTH_INFO_REQUEST", MSG_USERAUTH_INFO_REQUEST, sizeof(struct msg_auth_info_request), fields_msg_auth_info_request};
const struct msg_desc desc_auth_info_response = {"USERAUTH_INFO_RESPONSE", MSG_USERAUTH_INFO_RESPONSE, sizeof(struct msg_auth_info_response), fields_msg_auth_info_response};
const struct msg_desc desc_global_request = {"GLOBAL_REQUEST", MSG_GLOBAL_REQUEST, sizeof(struct msg_global_request), fields_msg_global_request};
const struct msg_desc desc_request_success = {"REQUEST_SUCCESS", MSG_REQUEST_SUCCESS, sizeof(struct msg_data), fields_msg_data};
const struct msg_desc desc_request_failure = {"REQUEST_FAILURE", MSG_REQUEST_FAILURE, sizeof(struct msg_empty), fields_msg_empty};
const struct msg_desc desc_channel_open = {"CHANNEL_OPEN", MSG_CHANNEL_OPEN, sizeof(struct msg_channel_open), fields_msg_channel_open};
const struct msg_desc desc_channel_confirm = {"CHANNEL_OPEN_CONFIRMATION", MSG_CHANNEL_OPEN_CONFIRMATION, sizeof(struct msg_channel_confirm), fields_msg_channel_confirm};
const struct msg_desc desc_channel_open_failure = {"CHANNEL_OPEN_FAILURE", MSG_CHANNEL_OPEN_FAILURE, sizeof(struct msg_channel_open_failure), fields_msg_channel_open_failure};
const struct msg_desc desc_channel_adjust = {"CHANNEL_WINDOW_ADJUST", MSG_CHANNEL_WINDOW_ADJUST, sizeof(struct msg_channel_adjust), fields_msg_channel_adjust};
const struct msg_desc desc_channel_data = {"CHANNEL_DATA", MSG_CHANNEL_DATA, sizeof(struct msg_channel_data), fields_msg_channel_data};
const struct msg_desc desc_channel_extended = {"CHANNEL_EXTENDED_DATA", MSG_CHANNEL_EXTENDED_DATA, sizeof(struct msg_channel_extended), fields_msg_channel_extended};
const struct msg_desc desc_channel_eof = {"CHANNEL_EOF", MSG_CHANNEL_EOF, sizeof(struct msg_channel_id), fields_msg_channel_id};
const struct msg_desc desc_channel_close = {"CHANNEL_CLOSE", MSG_CHANNEL_CLOSE, sizeof(struct msg_channel_id), fields_msg_channel_id};
const struct msg_desc desc_channel_request = {"CHANNEL_REQUEST", MSG_CHANNEL_REQUEST, sizeof(struct msg_channel_request), fields_msg_channel_request};
const struct msg_desc desc_channel_success = {"CHANNEL_SUCCESS", MSG_CHANNEL_SUCCESS, sizeof(struct msg_channel_id), fields_msg_channel_id};
const struct msg_desc desc_channel_failure = {"CHANNEL_FAILURE", MSG_CHANNEL_FAILURE, sizeof(struct msg_channel_id), fields_msg_channel_id};
const struct msg_desc desc_ping = {"PING", MSG_PING, sizeof(struct msg_ping), fields_msg_ping};
const struct msg_desc desc_pong = {"PONG", MSG_PONG, sizeof(struct msg_ping), fields_msg_ping};
const struct msg_desc desc_resume_ack = {"RESUME_ACK", MSG_RESUME_ACK, sizeof(struct msg_resume), fields_msg_resume};
const struct msg_desc desc_resume = {"RESUME", MSG_RESUME, sizeof(struct msg_resume), fields_msg_resume};

const struct msg_desc body_publickey = {"publickey-body", 0, sizeof(struct auth_publickey), fields_auth_publickey};
const struct msg_desc body_publickey_probe = {"publickey-probe", 0, sizeof(struct auth_publickey_probe), fields_auth_publickey_probe};
const struct msg_desc body_kbdint = {"keyboard-interactive", 0, sizeof(struct auth_kbdint), fields_auth_kbdint};
const struct msg_desc req_desc_pty = {"pty-req", 0, sizeof(struct req_pty), fields_req_pty};
const struct msg_desc req_desc_env = {"env", 0, sizeof(struct req_env), fields_req_env};
const struct msg_desc req_desc_exec = {"exec", 0, sizeof(struct req_exec), fields_req_exec};
const struct msg_desc req_desc_subsystem = {"subsystem", 0, sizeof(struct req_subsystem), fields_req_subsystem};
const struct msg_desc req_desc_window = {"window-change", 0, sizeof(struct req_window), fields_req_window};
const struct msg_desc req_desc_signal = {"signal", 0, sizeof(struct req_signal), fields_req_signal};
const struct msg_desc req_desc_break = {"break", 0, sizeof(struct req_break), fields_req_break};
const struct msg_desc req_desc_xon_xoff = {"xon-xoff", 0, sizeof(struct req_xon_xoff), fields_req_xon_xoff};
const struct msg_desc req_desc_exit_status = {"exit-status", 0, sizeof(struct req_exit_status), fields_req_exit_status};
const struct msg_desc req_desc_exit_signal = {"exit-signal", 0, sizeof(struct req_exit_signal), fields_req_exit_signal};

static const struct row { enum msg_context context; const struct msg_desc *desc; } rows[] = {
	{CONTEXT_TRANSPORT, &desc_disconnect},
	{CONTEXT_TRANSPORT, &desc_ignore},
	{CONTEXT_TRANSPORT, &desc_unimplemented},
	{CONTEXT_TRANSPORT, &desc_debug},
	{CONTEXT_TRANSPORT, &desc_service_request},
	{CONTEXT_TRANSPORT, &desc_service_accept},
	{CONTEXT_TRANSPORT, &desc_ext_info},
	{CONTEXT_TRANSPORT, &desc_kexinit},
	{CONTEXT_TRANSPORT, &desc_newkeys},
	{CONTEXT_KEX, &desc_kex_init},
	{CONTEXT_KEX, &desc_kex_reply},
	{CONTEXT_GEX, &desc_gex_request},
	{CONTEXT_GEX, &desc_gex_request_old},
	{CONTEXT_GEX, &desc_gex_group},
	{CONTEXT_GEX, &desc_gex_init},
	{CONTEXT_GEX, &desc_gex_reply},
	{CONTEXT_TRANSPORT, &desc_auth_request},
	{CONTEXT_TRANSPORT, &desc_auth_failure},
	{CONTEXT_TRANSPORT, &desc_auth_success},
	{CONTEXT_TRANSPORT, &desc_auth_banner},
	{CONTEXT_PUBLICKEY, &desc_auth_pk_ok},
	{CONTEXT_PASSWORD, &desc_auth_passwd_changereq},
	{CONTEXT_KBDINT, &desc_auth_info_request},
	{CONTEXT_KBDINT, &desc_auth_info_response},
	{CONTEXT_TRANSPORT, &desc_global_request},
	{CONTEXT_TRANSPORT, &desc_request_success},
	{CONTEXT_TRANSPORT, &desc_request_failure},
	{CONTEXT_TRANSPORT, &desc_channel_open},
	{CONTEXT_TRANSPORT, &desc_channel_confirm},
	{CONTEXT_TRANSPORT, &desc_channel_open_failure},
	{CONTEXT_TRANSPORT, &desc_channel_adjust},
	{CONTEXT_TRANSPORT, &desc_channel_data},
	{CONTEXT_TRANSPORT, &desc_channel_extended},
	{CONTEXT_TRANSPORT, &desc_channel_eof},
	{CONTEXT_TRANSPORT, &desc_channel_close},
	{CONTEXT_TRANSPORT, &desc_channel_request},
	{CONTEXT_TRANSPORT, &desc_channel_success},
	{CONTEXT_TRANSPORT, &desc_channel_failure},
	{CONTEXT_TRANSPORT, &desc_ping},
	{CONTEXT_TRANSPORT, &desc_pong},
	{CONTEXT_TRANSPORT, &desc_resume_ack},
	{CONTEXT_TRANSPORT, &desc_resume},
};

static const struct msg_desc *const requests[] = {
	&req_desc_pty,
	&req_desc_env,
	&req_desc_exec,
	&req_desc_subsystem,
	&req_desc_window,
	&req_desc_signal,
	&req_desc_break,
	&req_desc_xon_xoff,
	&req_desc_exit_status,
	&req_desc_exit_signal,
};

enum { ROWS = sizeof rows / sizeof rows[0] };

const struct msg_desc *ssh_msg_row(size_t i)
{
	return i < ROWS ? rows[i].desc : NULL;
}

const struct msg_desc *ssh_msg_find(uint8_t number, enum msg_context context)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].desc->number == number && (rows[i].context == context || rows[i].context == CONTEXT_TRANSPORT))
			return rows[i].desc;
	return NULL;
}

const struct msg_desc *ssh_request_find(struct slice name)
{
	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
		if (slice_eq_str(name, requests[i]->name))
			return requests[i];
	return NULL;
}

/* RFC 4252, section 8. */
bool auth_password_decode(struct slice rest, struct auth_password *out)
{
	struct reader r = reader_of(rest);
	*out = (struct auth_password){.change = get_bool(&r), .password = get_string(&r)};
	if (out->change)
		out->new_password = get_string(&r);
	return get_end(&r);
}
