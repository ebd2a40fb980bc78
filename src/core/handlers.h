/* Inside core/: the handlers that rules[] names. One message, one function, in the file of its part.
 * payload begins with the message number and lives until the next packet is opened.
 */
#ifndef CORE_HANDLERS_H
#define CORE_HANDLERS_H

#include "core/internal.h"

/* transport: ssh.c, kexinit.c, kex.c, gex.c, newkeys.c, extinfo.c, keepalive.c */
rule_fn on_disconnect, on_ignore, on_unimplemented, on_debug, on_kexinit, on_newkeys, on_ext_info, on_ping, on_pong,
	on_kex_init, on_kex_reply, on_gex_request, on_gex_request_old, on_gex_group, on_gex_init, on_gex_reply;
/* auth*.c */
rule_fn on_service_request, on_service_accept, on_auth_request, on_auth_failure, on_auth_success, on_auth_banner,
	on_auth_pk_ok, on_auth_passwd_changereq, on_auth_info_request, on_auth_info_response;
/* mux.c, chan*.c, resume.c */
rule_fn on_global_request, on_request_success, on_request_failure, on_channel_open, on_channel_confirm,
	on_channel_open_failure, on_channel_adjust, on_channel_data, on_channel_extended, on_channel_eof,
	on_channel_close, on_channel_request, on_channel_success, on_channel_failure, on_resume, on_resume_ack;

#endif
