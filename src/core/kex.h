/* Inside core/: the key exchange. kexinit.c (offers, negotiation), kex.c (methods of two messages,
 * transcript, signature), gex.c (group exchange), newkeys.c (derivation, switch), extinfo.c.
 */
#ifndef CORE_KEX_H
#define CORE_KEX_H

#include "core/state.h"

void kex_init(struct ssh *);
void kex_clear(struct ssh *);

/* Pure. What is missing: "key exchange method", "host key type", "cipher", "MAC", "compression method",
 * and what the other side offered of it; `mine` says which of the two is ours. NULL: all found. */
struct kex_miss { const char *what; struct slice their_offer; };
bool kex_negotiate(const struct msg_kexinit *client, const struct msg_kexinit *server, enum ssh_role mine,
                   struct agreed *, struct kex_miss *) MUST_CHECK;
bool kex_guess_right(const struct msg_kexinit *client, const struct msg_kexinit *server);   /* RFC 4253, section 7 */
/* Without strict kex, what an attacker could cut the start off unnoticed (CVE-2023-48795). */
bool kex_is_prone(const struct box_alg *, const struct mac_alg *);
/* Puts our KEXINIT into kex.my_init. trim_prone: such algorithms are left out, unless nothing else remained. */
void kexinit_build(struct ssh *, bool trim_prone, bool first_follows);

void kex_client_begin(struct ssh *);                        /* agreed: KEX_INIT or GEX_REQUEST goes out */
void kex_send_init(struct ssh *, const struct kem_alg *, const struct kem_group *);
void gex_client_begin(struct ssh *);
void gex_answered(struct ssh *, const struct answer_group *);
bool kex_reply_common(struct ssh *, const struct msg_kex_reply *);
bool kex_init_common(struct ssh *, struct slice client_public);
void gex_transcript(const struct ssh *, struct buf *);      /* min, n, max, p, g */
void kex_wipe_exchange(struct kex *);                       /* values of one exchange */

void newkeys_derive(struct ssh *);                          /* hash and shared are there: makes next_in, next_out */
void newkeys_send(struct ssh *);
void extinfo_send(struct ssh *);
void extinfo_update(struct ssh *, const char *sig_algs);   /* server: what holds for the user that was named, to a client that takes it */

#endif
