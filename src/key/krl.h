/* Key revocation lists (PROTOCOL.krl of OpenSSH, format 1), and plain lists of revoked keys.
 *
 * A list is walked, never loaded: what krl_next yields lies in its bytes, and a check needs no
 * memory however long the list is. A list that is damaged anywhere says so at the end of the walk,
 * and then the whole list must count as "everything is revoked".
 */
#ifndef KEY_KRL_H
#define KEY_KRL_H

#include "key/cert.h"

enum { KRL_FILE_MAX = 256 << 20 };

enum krl_kind {
	KRL_SERIALS,            /* from lo to hi, of certificates by `ca` */
	KRL_KEY_ID,             /* certificates by `ca` with this key id */
	KRL_KEY,                /* data: public blob */
	KRL_SHA1, KRL_SHA256,   /* data: hash of a public blob */
};
struct krl_item {
	enum krl_kind kind;
	struct slice ca;                                    /* public blob; n == 0: any CA */
	uint64_t lo, hi;
	struct slice data;
};
struct krl_reader {
	uint64_t version, generated;
	struct slice comment;
	/* where the walk is */
	struct reader file, section, part;
	uint8_t section_kind, part_kind;
	struct slice ca, bitmap;
	uint64_t bitmap_at, bit;
	bool bad;
};
bool krl_is(struct slice file);                             /* begins as one; else it is a list of keys, one a line */
bool krl_open(struct krl_reader *, struct slice file, struct err *) MUST_CHECK;
bool krl_next(struct krl_reader *, struct krl_item *);      /* false at the end */
bool krl_whole(const struct krl_reader *);                  /* after the end: nothing was damaged, unknown and critical, or cut */

/* A file of either form. REVOKED for the key, for the certificate, for the CA that signed it. cert may be NULL; else key is cert->key. */
enum krl_verdict { KRL_REVOKED = 0, KRL_DAMAGED, KRL_NOT_REVOKED = 0x6b726c };
enum krl_verdict krl_check(struct slice file, const struct key *, const struct cert *, struct err *) MUST_CHECK;

/* Making one: items in any order, then the whole. */
struct krl_builder;
struct krl_builder *krl_builder_new(void);
void krl_builder_free(struct krl_builder *);
void krl_add(struct krl_builder *, const struct krl_item *);/* copies */
bool krl_write(struct krl_builder *, uint64_t version, uint64_t generated, struct slice comment, struct buf *out, struct err *) MUST_CHECK;

#endif
