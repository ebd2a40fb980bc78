/* ssh-keyscan: the host keys of many servers at once, in one event loop.
 *
 * One connection for each host and type of key goes as far as the signature of the key exchange (so a key that is
 * printed was held by who showed it) and is closed there. Names and addresses are those of the caller; what a server
 * says is escaped before it is printed.
 */
#ifndef TOOLS_KEYSCAN_H
#define TOOLS_KEYSCAN_H

#include "base/err.h"
#include "crypto/hash.h"
#include "tools/option.h"

enum { KEYSCAN_TYPES = 16 };

struct keyscan {
	bool hash_names, sshfp, certificates, quiet, found;
	int family;                                         /* AF_UNSPEC, AF_INET, AF_INET6 */
	unsigned port;
	uint64_t timeout_ms;                                /* without a word from a server */
	const struct hash_alg *only;                        /* of SSHFP records; NULL: all */
	char *types[KEYSCAN_TYPES];                         /* algorithms of each type that is asked for: comma lists; owned */
	size_t ntypes;
};

int keyscan_main(int argc, char **argv);

/* keyscan_scan.c. `names` are what to connect to, the first that answers counts; `shown` are printed. Both are comma lists. */
struct scan;
struct scan *scan_new(struct keyscan *);
void scan_host(struct scan *, struct slice names, struct slice shown);   /* may wait for others to end where too many are open */
void scan_wait(struct scan *);                             /* until all have ended */
void scan_free(struct scan *);

/* keyscan_print.c */
bool keyscan_blob_ok(const struct keyscan *, struct slice blob);
void keyscan_print_key(struct keyscan *, struct slice shown, struct slice blob);
void keyscan_print_version(const struct keyscan *, const char *name, struct slice version);

#endif
