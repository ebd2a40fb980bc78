/* Inside core/: packets in and out (RFC 4253, section 6). See internal.h for what the rest of core/
 * may use; this is for ssh.c, version.c and the key exchange.
 *
 * Buffers: input is one block that is read into, opened in place, and of which at most one partial
 * packet moves to the front before a read. Output is a block that wraps round, so that what the
 * socket left behind never moves.
 */
#ifndef CORE_PACKET_H
#define CORE_PACKET_H

#include "core/state.h"

void packet_init(struct ssh *);
void packet_clear(struct ssh *);
void packet_trim(struct ssh *);

/* Input. */
struct room packet_space(struct ssh *);
enum packet_result { PACKET_NONE, PACKET_GOT, PACKET_BAD };   /* BAD: ssh_die was called */
enum packet_result packet_next(struct ssh *, struct slice *payload);
void packet_use_in(struct ssh *, struct box *take_box, struct zstate *take_zip);    /* from the next packet on */

/* Output. */
struct slice packet_output(struct ssh *);
void packet_sent(struct ssh *, size_t n);
size_t packet_pending(const struct ssh *);                  /* bytes that wait for the socket */
uint8_t *packet_out_space(struct ssh *, size_t n);          /* n bytes in one piece, behind what waits */
void packet_raw(struct ssh *, struct slice bytes);          /* no packet: version lines */
void packet_put(struct ssh *, struct slice payload);        /* now, whatever the phase */
void packet_use_out(struct ssh *, struct box *take_box, struct zstate *take_zip);
void packet_flush_queue(struct ssh *);                      /* what waited for NEWKEYS */

/* Whole packet that a payload of n bytes makes, tag included. */
size_t packet_size(const struct box *, size_t n);

/* comp.c: streams of RFC 1950 that are flushed with every packet (RFC 4253, 6.2). */
struct zstate *zip_new(bool deflate);
void zip_free(struct zstate *);
bool zip_run(struct zstate *, struct slice in, struct slice *out) MUST_CHECK;   /* false: not a stream, or longer than a packet may be */

/* rekey.c */
void rekey_if_due(struct ssh *);
uint64_t rekey_wake(const struct ssh *);
/* keepalive.c */
void keepalive_heard(struct ssh *);                         /* a packet came */
void keepalive_tick(struct ssh *);
uint64_t keepalive_wake(const struct ssh *);
/* version.c: takes the peer's version line from the input. */
void version_send(struct ssh *);
enum packet_result version_next(struct ssh *);
/* ssh.c: the end without a word to the peer. text: raw where by_peer. */
void ssh_over(struct ssh *, uint32_t reason, struct slice text, bool by_peer);
/* rules.c: what becomes of one message. */
void rules_dispatch(struct ssh *, struct slice payload);

#endif
