/* Inside core/: the connection's parts and how they talk. Nobody outside core/ includes this.
 *
 * packet    bytes <-> payloads: buffers, boxes, sequence numbers, compression, rekey counters
 * kex       version, KEXINIT, negotiation, methods, NEWKEYS, EXT_INFO
 * auth      RFC 4252, both roles
 * mux       RFC 4254: channels and global requests; outlives packet and kex (resume)
 * rules     who may send what when: every message passes rule_find first
 */
#ifndef CORE_INTERNAL_H
#define CORE_INTERNAL_H

#include "core/ssh.h"
#include "crypto/box.h"
#include "crypto/kem.h"
#include "key/key.h"

struct auth;

/* Phases of the connection as the rules see them; one bit each. */
enum phase {
	PHASE_VERSION = 1 << 0,      /* no version line yet */
	PHASE_FIRST_KEXINIT = 1 << 1,/* version seen, peer's first KEXINIT not */
	PHASE_KEX = 1 << 2,          /* peer's KEXINIT seen: only the method's messages */
	PHASE_NEWKEYS = 1 << 3,      /* method done: only NEWKEYS */
	PHASE_SERVICE = 1 << 4,      /* first keys in use, no service yet */
	PHASE_AUTH = 1 << 5,
	PHASE_OPEN = 1 << 6,         /* logged in */
	PHASE_OVER = 1 << 7,
	/* The peer has no strict kex, or these are not the first keys: IGNORE, DEBUG and the like may stand between. */
	PHASE_KEX_LOOSE = 1 << 8,
	PHASE_NEWKEYS_LOOSE = 1 << 9,
};
enum { FROM_CLIENT = 1, FROM_SERVER = 2, FROM_BOTH = 3 };

/* A handler decodes one message and acts. False: it called ssh_die. */
typedef bool rule_fn(struct ssh *, struct slice payload);
struct rule {
	uint8_t number;
	enum msg_context context;
	const char *name;
	unsigned from, phases;
	rule_fn *on;
};
extern const struct rule rules[];
extern const size_t rule_count;
const struct rule *rule_find(const struct ssh *, uint8_t number);   /* by number and the current context; NULL: does not exist */

/* packet.c: payload out. Order is kept; between our KEXINIT and NEWKEYS, messages >= 50 wait in a bounded queue. */
void packet_send(struct ssh *, const struct msg_desc *, const void *msg);
void packet_send_raw(struct ssh *, struct slice payload);
bool packet_may_send_data(const struct ssh *);              /* no kex under way, output below its cap */
/* Rooms for CHANNEL_DATA payloads in the output buffer; see chan_space. header: bytes of payload before the data (9 or 13). */
size_t packet_rooms(struct ssh *, size_t header, size_t data_max, size_t total, struct room *rooms, size_t max);
void packet_commit(struct ssh *, size_t i, struct slice header, size_t n);   /* room i holds n bytes of data */
void packet_commit_end(struct ssh *);                       /* seals done; rooms not committed are given back */

/* The payload being handled lies in the input buffer, so its slices live until the next ssh_space (EV_DATA.stable). */
bool packet_stable(const struct ssh *);

/* ssh.c */
/* auth.c says it: right after USERAUTH_SUCCESS was sent (server) or taken (client), before EV_AUTHED. Phase OPEN, delayed
 * compression, larger packets, keepalives; makes the mux (or takes setup.take_mux) and calls mux_attach. */
void ssh_logged_in(struct ssh *);
void ssh_die(struct ssh *, uint32_t reason, const char *fmt, ...) __attribute__((format(printf, 3, 4)));   /* DISCONNECT and EV_OVER; returns */
/* An ask that is open stops parsing. Handlers run with no ask open. */
struct ssh_event *event_push(struct ssh *, enum ssh_event_kind);   /* queued behind those already there; slices it gets must outlive delivery: event_copy */
struct slice event_copy(struct ssh *, struct slice);        /* copy that lives until the event was delivered and the next was asked for */
void ask_open(struct ssh *, const struct ask *);            /* ssh_answer routes to kex_answered or auth_answered; slices as event_copy */
void trace(struct ssh *, enum log_level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

void trace_message(struct ssh *, const char *verb, struct slice payload);   /* the whole message, at DEBUG3 */

/* kex.c */
void kex_start(struct ssh *);                               /* send our KEXINIT unless one is out */
void kex_answered(struct ssh *, const struct answer *);
struct auth;
/* auth.c: allocates ssh->auth itself; auth_free takes NULL. Keeps ssh->auth_context up to date for 60 to 79. */
void auth_free(struct auth *);
void auth_begin(struct ssh *);                              /* client: keys are in use: SERVICE_REQUEST and the first credential */
void auth_answered(struct ssh *, const struct answer *);
bool auth_idle(struct ssh *);                               /* ssh_next, before EV_NEED_INPUT: the client's first credential is asked for only when input
                                                             * ran dry, so that an EXT_INFO behind NEWKEYS is known. True: an ask was opened */
/* mux.c: mux_free is in core/ssh.h */
struct mux *mux_new(const struct ssh_setup *);
void mux_attach(struct ssh *, struct mux *);                /* logged in: the mux sends through this ssh from now on */
void mux_tick(struct ssh *, uint64_t now);
uint64_t mux_wake(const struct ssh *);
bool mux_next(struct ssh *, struct ssh_event *);            /* an event of its own that is due (EV_WRITABLE ...); false: none */
void mux_keys_changed(struct ssh *);                        /* after NEWKEYS both ways: data may flow again */
bool mux_pong(struct ssh *, struct slice data);             /* true: the answer to a ping of the mux, which measures its windows with it */
void mux_trim(struct ssh *);                                /* gives back memory that holds nothing */
void mux_keepalive(struct ssh *);                           /* keepalive@openssh.com with want_reply; its reply makes no event */

/* quirks.c: one table by version pattern (spec of OpenSSH, compat). */
struct quirks { const char *pattern; unsigned flags; };
enum {
	QUIRK_FIRST_CHANNEL_ZERO = 1 << 0,                  /* its first channel is number 0 */
	QUIRK_NO_REKEY = 1 << 1, QUIRK_OLD_GEX = 1 << 2,
	QUIRK_OLD_GEX_MAX = 1 << 3,                         /* group exchange with at most 4096 bits */
	QUIRK_CURVE25519_PAD = 1 << 4,                      /* drops a zero byte of the secret now and then */
	QUIRK_EOW = 1 << 5, QUIRK_DEBUG_BROKEN = 1 << 6, QUIRK_PROBE = 1 << 7, QUIRK_SCANNER = 1 << 8,
	QUIRK_STRICT = 1 << 9,                              /* known to have strict kex */
	QUIRK_NO_PIPELINE = 1 << 11,                        /* a server that gets stuck when the login comes along with NEWKEYS */
	QUIRK_REKEY_DATA = 1 << 10,                         /* sends data between its KEXINIT and its NEWKEYS */
	QUIRK_NO_HOSTKEYS = 1 << 12,                        /* does not survive hostkeys-00@openssh.com */
};
unsigned quirks_find(struct slice software);

#endif
