/* Host keys and their certificates. Only the monitor's processes hold them; the private half may be in an agent (HostKeyAgent). */
#ifndef SERVER_HOSTKEYS_H
#define SERVER_HOSTKEYS_H

#include "conf/sshd_conf.h"
#include "key/key.h"

struct hostkey {
	struct key *key;                                    /* without its private part where the agent signs */
	struct buf blob, cert;                              /* public blob; certificate, empty: none */
};
struct hostkeys { struct hostkey *at; size_t n; char *agent; };

/* Loads what HostKey, HostCertificate and HostKeyAgent name; files that fail are logged: as errors where the configuration names them,
 * else for -d only. False: no usable key at all. */
bool hostkeys_load(const struct sshd_conf *, struct hostkeys *) MUST_CHECK;
void hostkeys_clear(struct hostkeys *);
/* By the blob of the key or of its certificate; NULL: not ours. */
const struct hostkey *hostkeys_find(const struct hostkeys *, struct slice blob);
bool hostkeys_sign(const struct hostkeys *, const struct hostkey *, const struct key_alg *, struct slice data, struct buf *sig, struct err *) MUST_CHECK;
/* Names of HostKeyAlgorithms for which a key or certificate is there; owned. */
char *hostkeys_algorithms(const struct hostkeys *, const char *configured);
/* Appends all blobs, each as a string: keys, then certificates. The first of a type is the one to be used. */
void hostkeys_put(const struct hostkeys *, struct buf *out);

#endif
