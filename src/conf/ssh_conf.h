/* The client's options: what ssh_config(5) and the command line say, after all files.
 *
 * One row of conf/ssh_keys.c per field. Numbers are ints: booleans 0 or 1, times in seconds, enums
 * as below. Strings and lists are owned by the struct (conf_clear(&ssh_table, c) frees them); a string
 * is NULL where unset or "none". ~, % tokens and ${ENV} stand as written: conf/token.h expands them.
 */
#ifndef CONF_SSH_CONF_H
#define CONF_SSH_CONF_H

#include "conf/conf.h"

enum conf_family { CONF_FAMILY_ANY, CONF_FAMILY_INET, CONF_FAMILY_INET6 };
enum conf_canonicalize { CONF_CANON_NO, CONF_CANON_YES, CONF_CANON_ALWAYS };
enum conf_master { CONF_MASTER_NO, CONF_MASTER_YES, CONF_MASTER_ASK, CONF_MASTER_AUTO, CONF_MASTER_AUTOASK };
enum conf_hash { CONF_HASH_MD5, CONF_HASH_SHA1, CONF_HASH_SHA256, CONF_HASH_SHA384, CONF_HASH_SHA512 };
const char *conf_hash_name(int);                           /* of FingerprintHash, as hash_find knows it */
enum conf_pubkey { CONF_PUBKEY_NO, CONF_PUBKEY_YES, CONF_PUBKEY_UNBOUND, CONF_PUBKEY_HOST_BOUND };
enum conf_tty { CONF_TTY_AUTO, CONF_TTY_NO, CONF_TTY_YES, CONF_TTY_FORCE };
enum conf_session { CONF_SESSION_NONE, CONF_SESSION_SUBSYSTEM, CONF_SESSION_DEFAULT };
enum conf_strict { CONF_STRICT_OFF, CONF_STRICT_NEW, CONF_STRICT_YES, CONF_STRICT_ASK };   /* off = no; NEW = accept-new */
enum conf_tunnel { CONF_TUNNEL_NO, CONF_TUNNEL_POINT_TO_POINT, CONF_TUNNEL_ETHERNET, CONF_TUNNEL_BOTH };
enum conf_ask3 { CONF_NO, CONF_YES, CONF_ASK, CONF_CONFIRM };
enum conf_weak { CONF_WEAK_NO, CONF_WEAK_YES, CONF_WEAK_NO_PQ_KEX };
#define CONF_ESCAPE_NONE (-2)

struct ssh_conf {
	uint64_t given[CONF_GIVEN_WORDS];                   /* bit per row: somebody set it; conf_given() reads it */

	/* Where to and who. */
	char *user, *hostname, *bind_address, *bind_interface, *host_key_alias, *proxy_command, *proxy_jump;
	char *tag, *refuse_connection, *version_addendum, *ignore_unknown;
	/* Commands. */
	char *local_command, *remote_command, *known_hosts_command;
	/* Algorithm lists, complete: + - ^ are worked in. */
	char *ciphers, *macs, *kex_algorithms, *host_key_algorithms, *pubkey_accepted_algorithms;
	char *hostbased_accepted_algorithms, *ca_signature_algorithms;
	char *preferred_authentications;                    /* comma list */
	char *kbd_interactive_devices;
	char *identity_agent;                               /* NULL: $SSH_AUTH_SOCK; "none": no agent; "SSH_AUTH_SOCK", "$VAR" or a path */
	char *forward_agent;                                /* NULL: no; "yes", a path or $VAR */
	char *control_path, *pkcs11_provider, *security_key_provider, *xauth_location, *tunnel_device;
	struct conf_list identity_file, certificate_file;   /* identity_file holds "none" as a word if so given */
	struct conf_list user_known_hosts_file, global_known_hosts_file, revoked_host_keys;
	struct conf_list send_env;                          /* patterns */
	struct conf_list set_env;                           /* NAME=VALUE */
	struct conf_list local_forward, remote_forward, dynamic_forward;   /* a line each: "listen connect" */
	struct conf_list permit_remote_open, canonical_domains, canonicalize_permitted_cnames;
	struct conf_list log_verbose, channel_timeout;
	struct conf_rekey rekey_limit;
	uint64_t channel_window_max;                        /* bytes */

	struct conf_ipqos ipqos;
	struct conf_lifetime add_keys_to_agent;             /* mode: enum conf_ask3 */
	struct conf_lifetime control_persist;               /* mode: 0 or 1 */
	int port, address_family, connection_attempts, connect_timeout;   /* 0: the system's own */
	int server_alive_interval, server_alive_count_max, tcp_keep_alive;
	int batch_mode, check_host_ip, compression, log_level, syslog_facility;   /* enum log_level; RFC 5424 facility */
	int strict_host_key_checking, update_host_keys, hash_known_hosts, visual_host_key, verify_host_key_dns;
	int no_host_authentication_for_localhost, fingerprint_hash;
	int pubkey_authentication, password_authentication, kbd_interactive_authentication, hostbased_authentication;
	int gssapi_authentication, gssapi_delegate_credentials, enable_ssh_keysign, identities_only;
	int number_of_password_prompts, required_rsa_size;
	int request_tty, session_type, stdin_null, fork_after_authentication, escape_char, enable_escape_commandline;
	int permit_local_command, proxy_use_fdpass, exit_on_forward_failure, clear_all_forwardings, gateway_ports;
	int forward_x11, forward_x11_timeout, forward_x11_trusted, tunnel, control_master;
	int stream_local_bind_mask, stream_local_bind_unlink;
	int canonicalize_hostname, canonicalize_fallback_local, canonicalize_max_dots;
	int obscure_keystroke_timing;                       /* milliseconds; 0: off */
	int warn_weak_crypto;
};

/* Defaults, then those that hang on other keywords (UpdateHostKeys). */
void ssh_conf_finish(struct ssh_conf *);
/* As `ssh -G`: "host NAME" and every row. */
void ssh_conf_dump(const struct ssh_conf *, const char *host, struct buf *);
static inline void ssh_conf_clear(struct ssh_conf *c)
{
	conf_clear(&ssh_table, c);
}
#define SSH_GIVEN(c, field) conf_given(&ssh_table, (c), offsetof(struct ssh_conf, field))

#endif
