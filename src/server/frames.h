/* What the processes of the server say to each other (doc/SERVER.md), beside the asks of the core.
 *
 * Numbers below ASK_KINDS are those asks (wire/ask.h): sshd-net sends the question, the monitor the
 * answer under the same number. The others are here, each a struct and a field table. Lists of
 * strings are concatenated SSH strings in one slice. A decoded struct borrows from the frame.
 */
#ifndef SERVER_FRAMES_H
#define SERVER_FRAMES_H

#include "wire/ask.h"

enum frame_number {
	/* sshd and its two zygotes */
	FRAME_INIT = 64,                                    /* sshd -> zygote: once */
	FRAME_READY,                                        /* zygote -> sshd: may connections come? */
	FRAME_FORK,                                         /* sshd -> zygote. Descriptors for sshd-session: control, network, pidfd of sshd-net;
	                                                     * for sshd-net: monitor */
	FRAME_FORKED,                                       /* zygote -> sshd */
	/* sshd and one monitor */
	FRAME_CONNECTION,                                   /* sshd -> monitor. Descriptors: one socket, or the two of -i */
	FRAME_AUTHED,                                       /* monitor -> sshd: the login deadline is off */
	/* monitor and sshd-net */
	FRAME_START,                                        /* monitor -> net: profile; descriptors as CONNECTION */
	FRAME_PROFILE,                                      /* monitor -> net: after Match blocks were resolved for the user */
	FRAME_USER,                                         /* monitor -> net: descriptor of the socket to sshd-user */
	FRAME_LOG,                                          /* net, user -> monitor */
	FRAME_VERSION,                                      /* net -> monitor: the peer's version line */
	FRAME_OVER,                                         /* net -> monitor: the last one */
	/* monitor and sshd-user */
	FRAME_RIGHTS,                                       /* monitor -> user: once, what may be done as whom */
	FRAME_PTY,                                          /* user -> monitor, and back with descriptors: master, slave */
	FRAME_PTY_DONE,                                     /* user -> monitor */
	/* sshd-net and sshd-user */
	FRAME_OPEN,                                         /* net -> user: a session channel; answered by REPLY */
	FRAME_REQUEST,                                      /* net -> user: every channel request that the net does not serve itself */
	FRAME_REPLY,                                        /* user -> net. Descriptors: pty master, or stdin, stdout, stderr of a command */
	FRAME_CLOSED,                                       /* net -> user: the channel is gone */
	FRAME_EXIT,                                         /* user -> net */
	/* monitor and sshd-net, after the login */
	FRAME_PROVE,                                        /* net -> monitor, and back: hostkeys-prove-00@openssh.com */
};

struct frame_empty { uint8_t unused; };
struct frame_init {
	struct slice config;                                /* sshd_file_dump */
	uint32_t level;                                     /* enum log_level that -d or -q asked for; UINT32_MAX: what the config says */
	bool to_stderr, fallback;                           /* fallback: serve even where the jail has no seccomp */
	uint64_t secret;                                    /* of the delays; the same for all processes of one sshd */
	struct slice helpers;                               /* folder of the other programs */
	uint32_t utmp_len;                                  /* -u */
};
struct frame_ready { bool ok; struct slice text; };
struct frame_forked { uint32_t pid; struct slice text; };   /* pid 0: failed */
struct frame_connection { uint32_t number; bool inetd; };
struct frame_authed { struct slice user; };

struct frame_profile {
	struct slice software, kex, host_key, cipher_cs, cipher_sc, mac_cs, mac_sc, comp, sig_algs;
	struct slice timeouts;                              /* words of ChannelTimeout */
	struct slice host_keys;                             /* list of public blobs */
	uint64_t rekey_bytes, rekey_ms, keepalive_ms, window_max, unused_ms;
	uint32_t keepalive_count, channel_max, trace;
	uint32_t tos_interactive, tos_bulk;                 /* UINT32_MAX: leave it */
};
struct frame_log { uint32_t level; struct slice text; };
struct frame_version { struct slice text; };
struct frame_over { uint32_t reason; bool by_peer; struct slice text; };

struct frame_rights {
	struct slice user, home, shell;
	uint32_t uid, gid;
	bool switch_user;                                   /* we are root and must become the user */
	struct slice chroot;                                /* empty: none */
	/* policy */
	bool permit_tty, permit_rc, print_motd, hush, use_pam, change_password;
	bool refused;                                       /* PAM opened no session: its words are shown, and nothing is run */
	uint32_t max_sessions;
	bool has_forced; struct slice forced;               /* ForceCommand, or command= of the key */
	struct slice accept_env;                            /* list of patterns */
	struct slice set_env;                               /* list of NAME=VALUE */
	struct slice key_env;                               /* list of NAME=VALUE, already allowed by PermitUserEnvironment */
	struct slice user_env_patterns;                     /* for ~/.ssh/environment; empty: do not read it; "*": everything */
	struct slice pam_env;                               /* list of NAME=VALUE */
	struct slice subsystems;                            /* list of name, command, name, command ... */
	/* facts */
	struct slice message;                               /* of PAM and lastlog: shown at an interactive login */
	struct slice nologin;                               /* contents of the file that keeps users out; shown, then the session ends */
	bool is_nologin;
	struct slice client_ip, server_ip;
	uint32_t client_port, server_port;
	struct slice auth_info;                             /* ExposeAuthInfo */
	uint32_t log_level;
};
struct frame_prove { bool ok; struct slice list; };        /* list of public blobs; of signatures */
struct frame_pty { bool ok; struct slice name; };
struct frame_pty_done { struct slice name; };

enum { NET_CHANNELS = 1024 };                              /* of one connection at once, whatever MaxSessions says */
/* session: counts the sessions of a connection. Channel numbers are used again, while words about the last one may be on their way. */
struct frame_open { uint32_t session, chan; };
struct frame_request { uint32_t session; struct slice name; bool want_reply; struct slice data; };
enum frame_reply_kind { REPLY_OPEN, REPLY_REQUEST, REPLY_STARTED_TTY, REPLY_STARTED };   /* STARTED: descriptors are there */
struct frame_reply { uint32_t session; uint8_t kind; bool ok, want_reply; struct slice text; };
struct frame_closed { uint32_t session; bool tell_exit; };
struct frame_exit { uint32_t session; bool by_signal, core; uint32_t code; struct slice signal; };

extern const struct msg_desc frame_init_desc, frame_ready_desc, frame_forked_desc, frame_connection_desc, frame_authed_desc,
	frame_profile_desc, frame_log_desc, frame_version_desc, frame_over_desc, frame_rights_desc, frame_pty_desc,
	frame_pty_done_desc, frame_open_desc, frame_request_desc, frame_reply_desc, frame_closed_desc,
	frame_exit_desc, frame_prove_desc;
/* The description of a number above the asks; NULL: a frame without a body, or unknown. */
const struct msg_desc *frame_desc(uint16_t number);
const char *frame_name(uint16_t number);

#endif
