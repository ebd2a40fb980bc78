/* Inside core/: what a connection consists of. Only the part that owns a struct writes to it; the
 * others read. auth and mux are opaque here, so that the mux can outlive this connection.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include "core/internal.h"

enum { CLIENT_TO_SERVER, SERVER_TO_CLIENT, DIRECTIONS };

enum {
	PACKET_MAX_BEFORE_AUTH = 64 * 1024, PACKET_MAX = 256 * 1024,
	OUTPUT_CAP = 512 * 1024,                            /* data stops above this; messages may pass it */
	OUTPUT_STOP = 2 * 1024 * 1024,                      /* above this nothing more is parsed until output drained */
	QUEUE_MAX = 1024 * 1024,                            /* messages that wait for the end of a key exchange */
	PREAUTH_BYTES = 1024 * 1024, PREAUTH_PACKETS = 512,
	ROOMS_MAX = 64,
};

struct zstate;                                              /* comp.c: a deflate or inflate stream */

struct packet_in {
	uint8_t *p;
	size_t cap, start, end;                             /* [start, end) is not parsed yet */
	struct box *box;
	struct zstate *zip;                                 /* NULL: no compression */
	uint32_t seq, length;                               /* length: of the packet at start, once known */
	bool length_known, stable;                          /* stable: the payload lies in p until the next ssh_space */
	size_t discard;                                     /* a wrong length is being covered up: bytes still to be read */
	uint64_t bytes, packets, blocks;                    /* under the present keys */
	uint64_t total, seen;                               /* wire bytes and packets since the start */
};

struct packet_out {
	uint8_t *p;
	size_t cap, start, end, wrap;                       /* wrap != 0: [start, wrap) goes first, then [0, end) */
	struct box *box;
	struct zstate *zip;
	uint32_t seq;
	uint64_t bytes, packets, blocks, total;
	struct buf scratch;                                 /* one message before it is sealed */
	struct buf queue;                                   /* uint32 length, payload ...: waiting for NEWKEYS */
	bool rooms_open;
	size_t room_count, room_next, room_header, room_max, room_slot;
	uint8_t *room_plain;                                /* with compression: rooms lie here */
};

struct packet {
	struct packet_in in;
	struct packet_out out;
	size_t max;                                         /* longest packet taken at present */
};

/* What two KEXINITs come to. */
struct agreed {
	const struct kem_alg *kem;
	const struct key_alg *host_key;
	const struct box_alg *cipher[DIRECTIONS];
	const struct mac_alg *mac[DIRECTIONS];              /* NULL: the cipher has its own */
	const char *comp[DIRECTIONS];                       /* static: "none", "zlib", "zlib@openssh.com" */
};

struct kex {
	struct buf my_version, peer_version;                /* lines without CR LF */
	struct buf my_init, peer_init;                      /* payloads of KEXINIT */
	bool sent, got;                                     /* KEXINIT of this exchange */
	bool newkeys_sent, newkeys_got;
	bool strict, peer_ext_info, skip_next, guess_sent, guess_wrong, guess_failed;
	bool no_common;                                     /* nothing in common: another try would end the same way */
	unsigned lines;                                     /* client: what stood before the server's version */
	unsigned count;                                     /* exchanges finished */
	uint64_t done_at;                                   /* when the last one was */
	struct agreed agreed;
	struct ssh_names names;
	struct kem *kem;                                    /* client: our ephemeral value */
	const struct kem_alg *kem_of;                       /* the method that value belongs to */
	struct buf client_public, server_public, host_key, shared, group_p, group_g;
	uint32_t gex_min, gex_preferred, gex_max;
	bool gex_old;
	uint8_t hash[HASH_MAX];
	struct buf session_id;
	struct buf first_host_key, first_signature;         /* signature: of the client role only */
	struct box *next_in, *next_out;                     /* made, not in use yet */
};

struct extensions {                                         /* what the peer's EXT_INFO said */
	struct buf sig_algs, names;                         /* names: comma list of everything it said */
	unsigned count;
};

struct liveness {
	uint64_t last_in, probe_at;                         /* the next probe is due */
	uint32_t unanswered;
	uint64_t ping_sent;
	bool ping_out;
};

struct events {
	struct ssh_event *list;
	size_t count, cap, next;
	struct chunk *chunks;                               /* copies of slices */
};

struct ssh {
	struct ssh_setup setup;                             /* strings are ours */
	enum ssh_role role;
	uint64_t now;
	enum phase phase;                                   /* what the peer may send now */
	enum phase after_kex;                               /* where it goes on after NEWKEYS */
	enum msg_context kex_context, auth_context;         /* what 30-49 and 60-79 mean now */
	unsigned quirks;                                    /* of the peer */
	unsigned stray;                                     /* IGNORE, DEBUG, UNIMPLEMENTED before login */
	struct packet packet;
	struct kex kex;
	struct extensions ext;
	struct liveness live;
	struct events events;
	struct ask ask;                                     /* kind ASK_NONE: none is open */
	uint64_t asked_at;                                  /* something went out that the peer answers at once: NEWKEYS, SERVICE_REQUEST */
	uint64_t rtt;                                       /* until that answer came, milliseconds: a first guess of the round trip */
	struct auth *auth;                                  /* auth.c makes it, auth_free ends it */
	struct mux *mux;                                    /* there from ssh_new on where taken over, else from login */
};

#endif
