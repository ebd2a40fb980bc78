/* The monitor of one connection (sshd-session): a blocking loop over priv_rule[].
 *
 * It holds host keys, PAM, the user database, ptys and login records, and never reads the socket.
 * What it signs it computes itself; what it grants it found out itself. sshd-net and sshd-user are
 * strangers to it: an ask outside its phase ends the connection.
 *
 * This header is for the files mon_*.c; programs use monitor_run only.
 */
#ifndef SERVER_MONITOR_H
#define SERVER_MONITOR_H

#include "base/text.h"
#include "conf/sshd_load.h"
#include "key/authkeys.h"
#include "priv/priv.h"
#include "server/frames.h"
#include "server/hostkeys.h"
#include "sys/account.h"
#include "sys/pam.h"
#include "sys/sock.h"

enum monitor_phase { MON_START = 1, MON_KEYED = 2, MON_NAMED = 4, MON_LOGGED_IN = 8 };
/* Exit codes: the listener maps those before login to penalties (spec of OpenSSH, section 15). */
enum monitor_exit { EXIT_FINE = 0, EXIT_GRACE = 3, EXIT_CRASH = 4, EXIT_AUTH_FAILED = 5, EXIT_REFUSED = 6, EXIT_INVALID_USER = 7, EXIT_FATAL = 255 };

/* What a zygote prepared for all its children. */
struct monitor_shared {
	const struct sshd_file *file;
	const struct hostkeys *keys;
	uint32_t level;                                     /* UINT32_MAX: of the configuration */
	bool to_stderr;
	const char *helpers;                                /* folder of the other programs */
	uint64_t secret;                                    /* of the delays */
	uint32_t utmp_len;                                  /* a longer host name stands in login records as its address */
};

enum mon_method { METHOD_NONE, METHOD_PUBLICKEY, METHOD_PASSWORD, METHOD_KBDINT, METHOD_HOSTBASED, METHOD_COUNT };

struct mon_peer {
	struct sock_addr remote, local;
	char addr[SOCK_TEXT_MAX], laddr[SOCK_TEXT_MAX], host[SOCK_NAME_MAX];
	char rdomain[SOCK_DEVICE_MAX];                      /* interface or VRF that we listen on; "": any */
	uint16_t port, lport;
};

struct mon_login {
	char *user;                                         /* as the peer wrote it */
	bool exists, allowed;                               /* in the user database; and policy lets it try */
	struct account *account;                            /* the real one, or a fake one to work on */
	struct account_groups groups;
	char *fake_hash;
	unsigned requests, failures;
	struct conf_list left;                              /* what remains of each AuthenticationMethods list */
	struct conf_list used_keys;                         /* fingerprints: one key counts once */
	struct authkeys_match key;                          /* grant of the key that logged in */
	bool has_key_grant, change_password, kbdint_open;
	enum { PAM_SAYS_NOTHING, PAM_SAYS_YES, PAM_SAYS_NO } account_says;   /* what PAM's account modules said inside a conversation */
	bool refused;                                       /* PAM did not open the session */
	struct buf message;                                 /* for the user, from PAM and us */
	struct buf auth_info;
	uint64_t since;                                     /* clock_us when the open ask came */
	uint64_t no_sooner;                                 /* microseconds after that, for the answer that a password is wrong */
};

struct monitor {
	const struct monitor_shared *shared;
	struct priv ctl, net, user;                         /* fd -1: none (yet) */
	int net_pidfd, user_pidfd;
	pid_t user_pid;
	struct priv_server server;
	struct sshd_conf conf;
	struct mon_peer peer;
	struct mon_login login;
	struct buf session_id, host_key;                    /* of the first exchange */
	const struct key_alg *host_alg;                     /* under which its signature was made */
	size_t proven;                                      /* host keys that signed for hostkeys-prove */
	struct pam_login *pam;
	struct frame held;                                  /* a frame that PAM's conversation gave back */
	bool has_held, over, over_said, stopped, session_open;
	char version[256], version_line[300];               /* software version of the peer; its whole line; escaped */
	struct conf_list ptys;                              /* names with a login record */
	int exit_code;
};

/* Runs the whole connection. Takes the descriptors; net_pidfd may be -1. Returns the exit code. */
int monitor_run(const struct monitor_shared *, int take_ctl, int take_net, int take_net_pidfd);

/* monitor.c */
bool monitor_answer(struct monitor *, enum ask_kind, const void *answer);
/* Waits for the next frame of sshd-net while serving signals. False: it is gone. */
bool monitor_next_net(struct monitor *, struct frame *);
bool monitor_is_over(struct monitor *);                    /* TERM came or sshd-net is gone */
void monitor_log_level(struct monitor *);
/* "user root " with words before and after as OpenSSH's lines have them; "" before a name is known. Static. */
const char *monitor_who(const struct monitor *);
extern const struct priv_rule monitor_rules[];
extern const size_t monitor_rules_count;

/* mon_profile.c */
bool mon_start(struct monitor *, struct frame *connection);        /* CONNECTION came: addresses, START to sshd-net */
bool mon_send_profile(struct monitor *, uint16_t number, const int *fds, size_t n);
bool mon_resolve(struct monitor *);                                /* Match blocks for what is known by now */

/* mon_kex.c */
bool mon_on_hostsign(void *, const void *, struct frame *);
bool mon_on_group(void *, const void *, struct frame *);
bool mon_on_prove(void *, const void *, struct frame *);

/* mon_user.c */
bool mon_name_user(struct monitor *, struct slice name);   /* false: not the user of the first request, or no name */
bool mon_root_allowed(struct monitor *, enum mon_method);
bool mon_pam_ready(struct monitor *);                       /* starts PAM where it is not yet */

/* mon_methods.c: which methods may go on, and AuthenticationMethods */
const char *mon_method_name(enum mon_method);
void mon_methods_begin(struct monitor *);
void mon_methods_list(struct monitor *, struct buf *out);
bool mon_method_allowed(const struct monitor *, enum mon_method);
bool mon_method_done(struct monitor *, enum mon_method, const char *sub);   /* true: that was all; false: partial success */

/* mon_auth.c */
struct mon_result { enum ask_kind asked; enum mon_method method; const char *sub, *info; struct slice blob; bool ok; };   /* blob: of the key */
bool mon_conclude(struct monitor *, const struct mon_result *);
void mon_log_auth(struct monitor *, const char *word, enum mon_method, const char *sub, const char *info);
bool mon_begin(struct monitor *, struct slice user);       /* first lines of every auth handler */
void mon_delay(struct monitor *);                           /* before a failure or a first question is told */
bool mon_hang_up(struct monitor *, enum ask_kind, const char *text);
bool mon_on_none(void *, const void *, struct frame *);

/* mon_key.c, mon_password.c, mon_kbdint.c, mon_hostbased.c */
bool mon_on_key_ok(void *, const void *, struct frame *);
bool mon_on_verify(void *, const void *, struct frame *);
bool mon_on_password(void *, const void *, struct frame *);
bool mon_check_password(struct monitor *, struct slice password);
void mon_keep_message(struct monitor *, const char *text);
bool mon_keep_words(void *monitor, const struct pam_prompt *, size_t n, struct buf *answers);   /* a pam_ask: keeps messages, answers nothing */
bool mon_on_kbdint(void *, const void *, struct frame *);
bool mon_on_kbdint_reply(void *, const void *, struct frame *);
bool mon_on_hostbased(void *, const void *, struct frame *);

/* mon_session.c: after the login */
bool mon_open_session(struct monitor *);
bool mon_serve_user(struct monitor *);                     /* one frame of sshd-user; false: it is gone */
void mon_close_session(struct monitor *);

/* mon_over.c: last words in the log */
bool mon_on_log(void *, const void *, struct frame *);
bool mon_on_version(void *, const void *, struct frame *);
bool mon_on_over(void *, const void *, struct frame *);
void mon_lost(struct monitor *);                           /* sshd-net ended without saying why */

#endif
