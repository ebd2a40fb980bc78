/* The server's options for one connection: sshd_config(5), the command line and the Match blocks that apply.
 *
 * One row of conf/sshd_keys.c per field; ownership and numbers as in conf/ssh_conf.h. Match blocks are
 * not in here: conf/sshd_load.h keeps the file and resolves it for each connection and user.
 */
#ifndef CONF_SSHD_CONF_H
#define CONF_SSHD_CONF_H

#include "conf/conf.h"
#include "conf/ssh_conf.h"   /* shared enums */

enum conf_root { CONF_ROOT_NO, CONF_ROOT_FORCED_ONLY, CONF_ROOT_NO_PASSWORD, CONF_ROOT_YES };
enum conf_forward { CONF_FWD_NO = 0, CONF_FWD_REMOTE = 1, CONF_FWD_LOCAL = 2, CONF_FWD_ALL = 3 };   /* bits */
enum conf_gateway { CONF_GATEWAY_NO, CONF_GATEWAY_YES, CONF_GATEWAY_CLIENT };
enum conf_compress { CONF_COMPRESS_NO, CONF_COMPRESS_DELAYED };
enum conf_rhosts { CONF_RHOSTS_NO, CONF_RHOSTS_YES, CONF_RHOSTS_SHOSTS_ONLY };   /* what is ignored */
enum conf_sandbox { CONF_SANDBOX_STRICT, CONF_SANDBOX_FALLBACK };
enum { CONF_TOUCH_REQUIRED = 1, CONF_VERIFY_REQUIRED = 2 };   /* PubkeyAuthOptions, bits */

struct sshd_conf {
	uint64_t given[CONF_GIVEN_WORDS];

	struct conf_ints port;
	struct conf_list listen_address;                    /* as written; sshd_conf_listeners() combines it with port */
	struct conf_list host_key, host_certificate;
	char *host_key_agent, *moduli_file, *pid_file, *version_addendum, *banner;
	char *ciphers, *macs, *kex_algorithms, *host_key_algorithms, *pubkey_accepted_algorithms;
	char *hostbased_accepted_algorithms, *ca_signature_algorithms;
	struct conf_list accept_env, set_env;               /* patterns; NAME=VALUE */
	struct conf_list allow_users, deny_users, allow_groups, deny_groups;
	struct conf_list authentication_methods;            /* each a comma list; empty: any */
	struct conf_list authorized_keys_file;              /* empty: none */
	char *authorized_keys_command, *authorized_keys_command_user;
	char *authorized_principals_command, *authorized_principals_command_user;
	struct conf_list revoked_keys;
	char *authorized_principals_file, *trusted_user_ca_keys, *chroot_directory, *force_command, *rdomain, *pam_service_name;
	char *permit_user_environment;                      /* NULL: no; "yes" or patterns */
	struct conf_list permit_listen, permit_open;        /* the words; "any" or "none" alone */
	struct conf_list subsystem;                         /* "name command"; sshd_conf_subsystem() finds one */
	struct conf_list log_verbose, channel_timeout, per_source_penalty_exempt_list;
	char *security_key_provider, *sshd_auth_path, *sshd_session_path, *xauth_location;
	struct conf_rekey rekey_limit;
	uint64_t channel_window_max;

	struct conf_ipqos ipqos;
	struct conf_startups max_startups;
	struct conf_netblock per_source_net_block_size;
	struct conf_penalties per_source_penalties;
	int per_source_max_startups;                        /* 0: no limit */
	int address_family, login_grace_time, max_auth_tries, max_sessions, client_alive_interval, client_alive_count_max;
	int unused_connection_timeout, required_rsa_size, tcp_keep_alive, use_dns, use_pam, strict_modes, sandbox;
	int log_level, syslog_facility, fingerprint_hash, compression, expose_auth_info;
	int permit_root_login, password_authentication, permit_empty_passwords, kbd_interactive_authentication;
	int pubkey_authentication, pubkey_auth_options, hostbased_authentication, hostbased_uses_name_from_packet_only;
	int ignore_rhosts, ignore_user_known_hosts;
	int gssapi_authentication, gssapi_cleanup_credentials, gssapi_delegate_credentials, gssapi_strict_acceptor_check;
	int kerberos_authentication, kerberos_get_afs_token, kerberos_or_local_passwd, kerberos_ticket_cleanup;
	int permit_tty, permit_user_rc, print_motd, print_last_log, refuse_connection;
	int allow_agent_forwarding, allow_tcp_forwarding, allow_stream_local_forwarding, disable_forwarding, gateway_ports;
	int permit_tunnel, stream_local_bind_mask, stream_local_bind_unlink;
	int x11_forwarding, x11_display_offset, x11_use_localhost;
};

/* Where to listen: ListenAddress times Port, the wildcards where none is given. Owned words "host:port",
 * "[v6]:port", with " rdomain D" behind if so configured; conf_split_listen takes one apart. */
struct conf_list sshd_conf_listeners(const struct sshd_conf *);
bool conf_split_listen(struct slice word, struct slice *host, int *port, struct slice *rdomain);   /* port -1: none */
/* The command of a subsystem; NULL if there is none. */
const char *sshd_conf_subsystem(const struct sshd_conf *, struct slice name);
/* DenyUsers, AllowUsers, DenyGroups, AllowGroups, in this order (sshd_config(5)). On false *why says in OpenSSH's
 * words which it was: "not listed in AllowUsers", "listed in DenyUsers", "a group is listed in DenyGroups", ... */
bool sshd_conf_user_allowed(const struct sshd_conf *, const char *user, const char *const *groups, size_t n,
	const char *host, const char *addr, const char **why);
/* As `sshd -T`. */
void sshd_conf_dump(const struct sshd_conf *, struct buf *);
static inline void sshd_conf_clear(struct sshd_conf *c)
{
	conf_clear(&sshd_table, c);
}
#define SSHD_GIVEN(c, field) conf_given(&sshd_table, (c), offsetof(struct sshd_conf, field))

#endif
