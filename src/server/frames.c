#include "server/frames.h"

#include <stddef.h>

#include "base/mem.h"

#define F(s, type, name) {#name, FIELD_##type, offsetof(struct s, name)}
#define DESC(s, text, number) const struct msg_desc s##_desc = {text, number, sizeof(struct s), fields_##s}

static const struct field fields_frame_init[] = {
	F(frame_init, STRING, config),
	F(frame_init, U32, level),
	F(frame_init, BOOL, to_stderr),
	F(frame_init, BOOL, fallback),
	F(frame_init, U64, secret),
	F(frame_init, TEXT, helpers),
	F(frame_init, U32, utmp_len),
	{0},
};
static const struct field fields_frame_ready[] = {
	F(frame_ready, BOOL, ok),
	F(frame_ready, TEXT, text),
	{0},
};
static const struct field fields_frame_forked[] = {
	F(frame_forked, U32, pid),
	F(frame_forked, TEXT, text),
	{0},
};
static const struct field fields_frame_connection[] = {
	F(frame_connection, U32, number),
	F(frame_connection, BOOL, inetd),
	{0},
};
static const struct field fields_frame_authed[] = {
	F(frame_authed, TEXT, user),
	{0},
};
static const struct field fields_frame_profile[] = {
	F(frame_profile, TEXT, software),
	F(frame_profile, TEXT, kex),
	F(frame_profile, TEXT, host_key),
	F(frame_profile, TEXT, cipher_cs),
	F(frame_profile, TEXT, cipher_sc),
	F(frame_profile, TEXT, mac_cs),
	F(frame_profile, TEXT, mac_sc),
	F(frame_profile, TEXT, comp),
	F(frame_profile, TEXT, sig_algs),
	F(frame_profile, TEXT, timeouts),
	F(frame_profile, STRING, host_keys),
	F(frame_profile, U64, rekey_bytes),
	F(frame_profile, U64, rekey_ms),
	F(frame_profile, U64, keepalive_ms),
	F(frame_profile, U64, window_max),
	F(frame_profile, U64, unused_ms),
	F(frame_profile, U32, keepalive_count),
	F(frame_profile, U32, channel_max),
	F(frame_profile, U32, trace),
	F(frame_profile, U32, tos_interactive),
	F(frame_profile, U32, tos_bulk),
	{0},
};
static const struct field fields_frame_log[] = {
	F(frame_log, U32, level),
	F(frame_log, TEXT, text),
	{0},
};
static const struct field fields_frame_version[] = {
	F(frame_version, TEXT, text),
	{0},
};
static const struct field fields_frame_over[] = {
	F(frame_over, U32, reason),
	F(frame_over, BOOL, by_peer),
	F(frame_over, TEXT, text),
	{0},
};
static const struct field fields_frame_rights[] = {
	F(frame_rights, TEXT, user),
	F(frame_rights, TEXT, home),
	F(frame_rights, TEXT, shell),
	F(frame_rights, U32, uid),
	F(frame_rights, U32, gid),
	F(frame_rights, BOOL, switch_user),
	F(frame_rights, TEXT, chroot),
	F(frame_rights, BOOL, permit_tty),
	F(frame_rights, BOOL, permit_rc),
	F(frame_rights, BOOL, print_motd),
	F(frame_rights, BOOL, hush),
	F(frame_rights, BOOL, use_pam),
	F(frame_rights, BOOL, change_password),
	F(frame_rights, BOOL, refused),
	F(frame_rights, U32, max_sessions),
	F(frame_rights, BOOL, has_forced),
	F(frame_rights, TEXT, forced),
	F(frame_rights, STRING, accept_env),
	F(frame_rights, STRING, set_env),
	F(frame_rights, STRING, key_env),
	F(frame_rights, TEXT, user_env_patterns),
	F(frame_rights, SECRET, pam_env),
	F(frame_rights, STRING, subsystems),
	F(frame_rights, TEXT, message),
	F(frame_rights, TEXT, nologin),
	F(frame_rights, BOOL, is_nologin),
	F(frame_rights, TEXT, client_ip),
	F(frame_rights, TEXT, server_ip),
	F(frame_rights, U32, client_port),
	F(frame_rights, U32, server_port),
	F(frame_rights, TEXT, auth_info),
	F(frame_rights, U32, log_level),
	{0},
};
static const struct field fields_frame_pty[] = {
	F(frame_pty, BOOL, ok),
	F(frame_pty, TEXT, name),
	{0},
};
static const struct field fields_frame_pty_done[] = {
	F(frame_pty_done, TEXT, name),
	{0},
};
static const struct field fields_frame_open[] = {
	F(frame_open, U32, session),
	F(frame_open, U32, chan),
	{0},
};
static const struct field fields_frame_request[] = {
	F(frame_request, U32, session),
	F(frame_request, TEXT, name),
	F(frame_request, BOOL, want_reply),
	F(frame_request, STRING, data),
	{0},
};
static const struct field fields_frame_reply[] = {
	F(frame_reply, U32, session),
	F(frame_reply, U8, kind),
	F(frame_reply, BOOL, ok),
	F(frame_reply, BOOL, want_reply),
	F(frame_reply, TEXT, text),
	{0},
};
static const struct field fields_frame_closed[] = {
	F(frame_closed, U32, session),
	F(frame_closed, BOOL, tell_exit),
	{0},
};
static const struct field fields_frame_exit[] = {
	F(frame_exit, U32, session),
	F(frame_exit, BOOL, by_signal),
	F(frame_exit, BOOL, core),
	F(frame_exit, U32, code),
	F(frame_exit, TEXT, signal),
	{0},
};
static const struct field fields_frame_prove[] = {
	F(frame_prove, BOOL, ok),
	F(frame_prove, STRING, list),
	{0},
};

DESC(frame_init, "INIT", FRAME_INIT);
DESC(frame_ready, "READY", FRAME_READY);
DESC(frame_forked, "FORKED", FRAME_FORKED);
DESC(frame_connection, "CONNECTION", FRAME_CONNECTION);
DESC(frame_authed, "AUTHED", FRAME_AUTHED);
DESC(frame_profile, "PROFILE", FRAME_PROFILE);
DESC(frame_log, "LOG", FRAME_LOG);
DESC(frame_version, "VERSION", FRAME_VERSION);
DESC(frame_over, "OVER", FRAME_OVER);
DESC(frame_rights, "RIGHTS", FRAME_RIGHTS);
DESC(frame_pty, "PTY", FRAME_PTY);
DESC(frame_pty_done, "PTY_DONE", FRAME_PTY_DONE);
DESC(frame_open, "OPEN", FRAME_OPEN);
DESC(frame_request, "REQUEST", FRAME_REQUEST);
DESC(frame_reply, "REPLY", FRAME_REPLY);
DESC(frame_closed, "CLOSED", FRAME_CLOSED);
DESC(frame_exit, "EXIT", FRAME_EXIT);
DESC(frame_prove, "PROVE", FRAME_PROVE);

static const struct { uint16_t number; const struct msg_desc *desc; } rows[] = {
	{FRAME_INIT, &frame_init_desc},
	{FRAME_READY, &frame_ready_desc},
	{FRAME_FORKED, &frame_forked_desc},
	{FRAME_CONNECTION, &frame_connection_desc},
	{FRAME_AUTHED, &frame_authed_desc},
	{FRAME_START, &frame_profile_desc},
	{FRAME_PROFILE, &frame_profile_desc},
	{FRAME_LOG, &frame_log_desc},
	{FRAME_VERSION, &frame_version_desc},
	{FRAME_OVER, &frame_over_desc},
	{FRAME_RIGHTS, &frame_rights_desc},
	{FRAME_PTY, &frame_pty_desc},
	{FRAME_PTY_DONE, &frame_pty_done_desc},
	{FRAME_OPEN, &frame_open_desc},
	{FRAME_REQUEST, &frame_request_desc},
	{FRAME_REPLY, &frame_reply_desc},
	{FRAME_CLOSED, &frame_closed_desc},
	{FRAME_EXIT, &frame_exit_desc},
	{FRAME_PROVE, &frame_prove_desc},
};

const struct msg_desc *frame_desc(uint16_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].number == number)
			return rows[i].desc;
	return NULL;
}

const char *frame_name(uint16_t number)
{
	const struct ask_row *ask = ask_row((enum ask_kind)number);
	if (ask)
		return ask->ask->name;
	const struct msg_desc *d = frame_desc(number);
	return d ? d->name : "?";
}
