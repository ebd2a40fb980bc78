/* One SSH connection: eats bytes, yields events, never calls out.
 *
 * The owner moves bytes between the descriptors and ssh_space/ssh_output, calls ssh_next until it
 * says EV_NEED_INPUT, answers asks, and calls ssh_tick at ssh_wake. Time is milliseconds of one
 * monotonic clock and comes in as an argument. No descriptor, disk, prompt or callback in here.
 *
 * Slices of an event live until the next ssh_next; those of EV_DATA with `stable` set until the
 * next ssh_space, so that several can go out in one writev.
 *
 * While an ask is open no further packet is parsed and deadlines that wait for the peer stand still.
 * A fault of the peer ends the connection with EV_OVER, after which only ssh_output is of use.
 */
#ifndef CORE_SSH_H
#define CORE_SSH_H

#include "base/bytes.h"
#include "base/log.h"
#include "wire/ask.h"
#include "wire/ssh_msg.h"

struct ssh;
struct mux;

/* What both programs call themselves: tools and quirk tables of peers look for OpenSSH's name. */
#define SSH_SOFTWARE "OpenSSH_10.5 Hawser_" HAWSER_VERSION

enum ssh_role { SSH_CLIENT, SSH_SERVER };

struct ssh_algs {                                           /* comma lists in order of preference; copied */
	const char *kex, *host_key, *cipher_cs, *cipher_sc, *mac_cs, *mac_sc, *comp_cs, *comp_sc;
};

struct ssh_setup {
	enum ssh_role role;
	const char *software;                               /* behind "SSH-2.0-", with addendum, e.g. "OpenSSH_10.5 Hawser_0.1" */
	struct ssh_algs algs;
	const struct slice *host_keys;                      /* server: public blobs, keys or certificates, one for each type offered */
	size_t host_key_count;
	const char *user;                                   /* client: who logs in */
	bool hostbound;                                     /* client: sign for this host key where the server can verify that */
	const char *sig_algs;                               /* server: server-sig-algs of EXT_INFO */
	bool guess;                                         /* client: send the first method's message along with KEXINIT */
	bool no_pipeline;                                   /* client: never send ahead of the peer's answers (after a guess went wrong) */
	uint64_t rekey_bytes;                               /* 0: the cipher's own limit */
	uint64_t rekey_ms;                                  /* 0: never by time */
	uint64_t keepalive_ms;                              /* 0: off. Server: ClientAlive, client: ServerAlive */
	uint32_t keepalive_count;                           /* 0: probe but never give up */
	uint32_t gex_min, gex_preferred, gex_max;           /* client; 0: OpenSSH's 2048, by cipher, 8192 */
	uint32_t channel_max;                               /* open at once; 0: 128 */
	uint32_t window_first, window_max;                  /* bytes; 0: 2 MiB (up to 16 on a long path), 64 MiB */
	bool resume;                                        /* offer resume where the peer does */
	enum log_level trace;                               /* LOG_LEVEL_DEBUG1..3: EV_TRACE lines; else none */
	uint64_t now;
	struct mux *take_mux;                               /* resume: goes on with these channels; owned from here on */
};

struct ssh *ssh_new(const struct ssh_setup *);
void ssh_free(struct ssh *);                                /* wipes keys; NULL is fine */

enum ssh_event_kind {
	EV_NEED_INPUT,     /* nothing left to say; feed bytes, or wait for ssh_wake */
	EV_TRACE,          /* level, text */
	EV_VERSION,        /* text: the peer's version line */
	EV_KEXED,          /* new keys are in use both ways; number: 1 for the first exchange, 2 ... for rekeys */
	EV_ASK,            /* ask: answer it with ssh_answer */
	EV_BANNER,         /* client: text of USERAUTH_BANNER, raw */
	EV_AUTHED,         /* name: client: the method, server: the user. Channels may be opened now.
	                    * ok: client: false where the server wanted nothing that proves who we are ("none", no prompt at all) */
	EV_OPEN,           /* chan: the peer wants a channel of type `name` with `data`; chan_accept or chan_refuse, now or later */
	EV_OPENED,         /* chan: the peer took ours; data */
	EV_REFUSED,        /* chan is gone: number is the reason, text what the peer says */
	EV_DATA,           /* chan, stream, data, stable; give the window back with chan_consumed */
	EV_WRITABLE,       /* chan: chan_space has room again after it had none */
	EV_REQUEST,        /* chan, name, want_reply, data; chan_reply if want_reply */
	EV_REPLY,          /* chan, ok, name: to our request, in the order they were sent */
	EV_EOF,            /* chan: the peer sends no more data */
	EV_CLOSE,          /* chan is gone: CLOSE went both ways; chan_arg works until the next ssh_next. See chan_last_word */
	EV_GLOBAL,         /* name, want_reply, data; ssh_global_reply if want_reply */
	EV_GLOBAL_REPLY,   /* ok, data, name */
	EV_PONG,           /* number: milliseconds of the round trip */
	EV_OVER,           /* the connection has ended: number is the reason code, text why, by_peer who said so (then raw);
	                    * lost: nobody said anything, the descriptor ended, text is the system's word for it.
	                    * Server, with ssh_peer_version empty: "invalid format"; with reason KEX_FAILED "no matching ... Their
	                    * offer: ..."; "probed" or "scanned": the words of OpenSSH's log lines, without the address */
};

enum chan_stream { STREAM_OUT, STREAM_ERR };                /* CHANNEL_DATA, CHANNEL_EXTENDED_DATA type 1 */

struct ssh_event {
	enum ssh_event_kind kind;
	uint32_t chan, number;
	enum chan_stream stream;
	enum log_level level;
	bool want_reply, ok, stable, by_peer, lost;
	struct slice name, data, text;
	struct ask ask;
};

/* Bytes in. */
struct room ssh_space(struct ssh *);                        /* read() straight into it; n == 0: not now (back-pressure or over) */
void ssh_filled(struct ssh *, size_t n, uint64_t now);
void ssh_ended(struct ssh *, const char *why);              /* the descriptor said end or error: EV_OVER follows (CONNECTION_LOST) */
void ssh_next(struct ssh *, struct ssh_event *);
void ssh_answer(struct ssh *, const struct answer *);
/* Bytes out. */
struct slice ssh_output(struct ssh *);                      /* everything ready; lives until the next call on this ssh */
void ssh_sent(struct ssh *, size_t n);
/* Time. */
uint64_t ssh_wake(const struct ssh *);                      /* next deadline; UINT64_MAX: none */
void ssh_tick(struct ssh *, uint64_t now);
void ssh_trim(struct ssh *);                                /* nothing happened for a while: gives large empty buffers back */

void ssh_disconnect(struct ssh *, uint32_t reason, const char *text);   /* queues DISCONNECT; EV_OVER follows */
void ssh_rekey(struct ssh *);                               /* ~R */
void ssh_ping(struct ssh *, uint64_t now);                  /* ping@openssh.com where the peer has it; EV_PONG */
void ssh_set_profile(struct ssh *, const struct ssh_setup *);   /* keepalive, rekey, windows, channel_max, sig_algs after Match blocks were resolved */
/* SSH_MSG_GLOBAL_REQUEST; data is the body behind want_reply. */
void ssh_global_request(struct ssh *, const char *name, bool want_reply, struct slice data);
void ssh_global_reply(struct ssh *, bool ok, struct slice data);        /* to the oldest EV_GLOBAL that wants one */

/* Channels. Numbers are ours. Every function on a channel that is gone does nothing. */
uint32_t chan_open(struct ssh *, const char *type, struct slice data);  /* UINT32_MAX: too many */
void chan_accept(struct ssh *, uint32_t chan, struct slice data);
void chan_refuse(struct ssh *, uint32_t chan, uint32_t reason, const char *text);
void chan_request(struct ssh *, uint32_t chan, const char *name, bool want_reply, struct slice data);
void chan_reply(struct ssh *, uint32_t chan, bool ok);      /* to the oldest EV_REQUEST of chan that wants one */
/* Rooms of whole packets behind reserved headers, for one readv: at most max, cut to window, packet and output cap.
 * One set of rooms is open at a time; 0: not now, EV_WRITABLE follows. */
size_t chan_space(struct ssh *, uint32_t chan, enum chan_stream, struct room *rooms, size_t max);
void chan_commit(struct ssh *, size_t n);                   /* n bytes filled from the first room on: header, padding, seal in place; 0 gives the rooms back */
size_t chan_write(struct ssh *, uint32_t chan, enum chan_stream, struct slice data);   /* copies; how much was taken */
void chan_consumed(struct ssh *, uint32_t chan, size_t n);  /* the endpoint took n bytes: WINDOW_ADJUST follows when due */
void chan_eof(struct ssh *, uint32_t chan);                 /* after data still waiting */
/* A command's end is to be told after the peer's CLOSE too: then EV_CLOSE means only that the peer hears no data and
 * says nothing more; requests still leave, and chan is gone with our chan_close. */
void chan_last_word(struct ssh *, uint32_t chan);
void chan_close(struct ssh *, uint32_t chan);               /* what still comes is passed over until EV_CLOSE; before the confirmation: when that is there */
void chan_stop(struct ssh *, uint32_t chan);                /* the endpoint takes no more: eow@openssh.com where known, what still comes is passed over */
void chan_set_arg(struct ssh *, uint32_t chan, void *arg);  /* the owner's own pointer */
void *chan_arg(struct ssh *, uint32_t chan);
struct chan_info { uint32_t peer; char type[40]; uint64_t bytes_in, bytes_out; uint32_t window_in, window_out; bool open; };
bool chan_info(struct ssh *, uint32_t chan, struct chan_info *);        /* for ~#; false: no such channel */
uint32_t chan_count(const struct ssh *);

/* What was agreed. */
struct ssh_names { const char *kex, *host_key, *cipher_cs, *cipher_sc, *mac_cs, *mac_sc, *comp_cs, *comp_sc; };
const struct ssh_names *ssh_names(const struct ssh *);      /* static rows; "" before the first exchange */
struct slice ssh_session_id(const struct ssh *);
/* Client: what proves that the session is the host's: its key's (or certificate's) blob and its signature over the session id. */
void ssh_session_proof(const struct ssh *, struct slice *host_key, struct slice *signature);
struct slice ssh_peer_version(const struct ssh *);
struct slice ssh_peer_sig_algs(const struct ssh *);         /* server-sig-algs; empty: not said */
bool ssh_peer_has(const struct ssh *, const char *extension);
bool ssh_is_over(const struct ssh *);
/* Client: it ended before the first keys or right behind a wrong guess, maybe by what we sent ahead, or its first channel was not the one
 * that we had counted on: try once more with no_pipeline. */
bool ssh_guess_failed(const struct ssh *);
uint64_t ssh_bytes(const struct ssh *, bool out);

/* Resume: takes the channels out of a connection that lost its path (doc/PROTOCOL-resume). NULL: nothing to resume. */
struct mux *ssh_take_mux(struct ssh *);
void mux_free(struct mux *);

#endif
